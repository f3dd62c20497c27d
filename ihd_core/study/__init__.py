"""What readers answered, and how it is kept."""
