"""Data that the program ships: the model and its card, the style sheet, icons, the font."""
