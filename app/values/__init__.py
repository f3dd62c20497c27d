"""What the panels show, worked out from what the session holds."""
