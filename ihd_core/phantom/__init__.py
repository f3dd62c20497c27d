"""Synthetic head CT with hemorrhages whose place is known."""
