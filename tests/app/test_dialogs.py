"""What the dialogs of the system are asked for."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog

from app.dialogs import choose_files


def test_files_of_every_kind_can_be_chosen_and_those_without_an_ending_first(monkeypatch, open_window):
    asked = []

    def answer(parent, title, start, filters):
        asked.append(filters.split(";;"))
        return ["/scan/IM0001", "/scan/head.zip"], ""

    monkeypatch.setattr(QFileDialog, "getOpenFileNames", answer)
    assert choose_files(open_window(), "/scan") == [Path("/scan/IM0001"), Path("/scan/head.zip")]
    (filters,) = asked
    assert filters[0] == "All files (*)"
    for pattern in ("*.dcm", "*.zip", "DICOMDIR", "*.nii", "*.nii.gz"):
        assert any(pattern in text for text in filters[1:])
