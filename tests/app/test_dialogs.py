"""What the dialogs of the system are asked for."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit

from app.dialogs import choose_files, choose_folder


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


def answered_by(work):
    """Do work with the dialog of folders as soon as it is open; a dialog that nobody answers would wait for ever."""
    ticks = QTimer()

    def look():
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QFileDialog):
            ticks.stop()
            try:
                work(dialog)
            finally:
                if dialog.isVisible():
                    dialog.reject()

    ticks.timeout.connect(look)
    ticks.start(20)
    return ticks


def test_a_folder_that_is_typed_is_the_one_that_is_opened(open_window, tmp_path):
    (tmp_path / "studies" / "head").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    window, wanted = open_window(), tmp_path / "studies" / "head"

    def type_and_accept(dialog):
        dialog.findChild(QLineEdit, "fileNameEdit").setText(str(wanted))
        dialog.accept()

    ticks = answered_by(type_and_accept)
    assert choose_folder(window, "Open folder", str(tmp_path / "elsewhere")) == wanted
    assert not ticks.isActive()


def test_a_folder_dialog_that_is_dismissed_chooses_nothing(open_window, tmp_path):
    window = open_window()
    ticks = answered_by(lambda dialog: None)
    assert choose_folder(window, "Open folder", str(tmp_path)) is None
    assert not ticks.isActive()
