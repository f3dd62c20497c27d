"""The jobs of `ihd` that need no window, and their arguments."""
