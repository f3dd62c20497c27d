"""Hemorrhages of the five subtypes: drawing them, and their blood on any plane of a head."""
