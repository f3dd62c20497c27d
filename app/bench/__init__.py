"""What `ihd bench` measures, one job a file; every job answers with the same table."""
