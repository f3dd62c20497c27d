"""Names, dates and ages of DICOM as a reader writes them."""

from __future__ import annotations


def name_text(name: str) -> str:
    """A person's name without the carets between its parts."""
    return " ".join(name.replace("^", " ").split())


def date_text(text: str) -> str:
    """YYYYMMDD as YYYY-MM-DD; anything else as it is."""
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text


def age_text(text: str) -> str:
    """064Y as 64 y; anything else as it is."""
    units = {"Y": "y", "M": "months", "W": "weeks", "D": "days"}
    if len(text) == 4 and text[:3].isdigit() and text[3] in units:
        return f"{int(text[:3])} {units[text[3]]}"
    return text
