"""Truth from the tables that data sets come with, one layout a file."""
