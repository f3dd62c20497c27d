"""Prove a model folder: on held-out phantoms, on a real head, and on a real head with hemorrhages put in."""
