from __future__ import annotations

import configparser
from pathlib import Path

ENTRY = Path(__file__).resolve().parents[2] / "packaging" / "ihd-review.desktop"


def test_the_desktop_entry_starts_the_program_with_what_was_dropped_on_it():
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str
    entry.read(ENTRY, encoding="utf-8")
    desktop = entry["Desktop Entry"]
    # Required by the Desktop Entry Specification 1.5 for an application.
    assert (desktop["Type"], desktop["Exec"]) == ("Application", "ihd %F")
    assert desktop["Name"]
    # Lists end with a semicolon.
    assert all(desktop[key].endswith(";") for key in ("Categories", "MimeType"))
