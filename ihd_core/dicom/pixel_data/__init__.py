"""Pixel data to Hounsfield units, however it is encoded."""
