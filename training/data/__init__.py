"""From files and label tables to pictures of slices, and who is fitted, chooses and judges."""
