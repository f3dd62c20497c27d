"""Where files are: in folders, in archives, on discs."""
