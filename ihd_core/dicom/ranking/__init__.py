"""Which series of a study comes first, and why: one table, and what it knows of kernels and words."""
