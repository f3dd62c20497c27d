"""Run the CNN: torch, or a faster runtime that must agree with it."""
