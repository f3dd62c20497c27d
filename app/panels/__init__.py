"""One widget a file; each knows values and its own signals, nothing else."""
