"""What the dialogs of the system are asked for."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QLabel, QLineEdit, QTextBrowser

from app.dialogs import choose_files, choose_folder, show_about
from tests.ihd_core.toy import toy_info

PLAIN = Qt.TextFormat.PlainText


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


ODD = "For <64 pixel> & <!-- research --> <i>only</i>"


def with_odd_words(window):
    """Whatever a model's author, a folder or a reader is called stands in the window."""
    window.session.show(model=toy_info(name=ODD, intended_use=ODD), reader=ODD)
    window.parts.notice.tell(ODD)
    return window


def test_words_that_look_like_marks_stand_in_the_window_as_they_are(open_window):
    labels = with_odd_words(open_window()).findChildren(QLabel)
    seen = [label.objectName() for label in labels if ODD in label.text()]
    assert {"findings_model", "findings_intended_use", "notice_text"} <= set(seen)
    assert len(seen) >= 5  # and model and reader in the status bar, the reader beside the opinion
    assert [label.objectName() for label in labels if ODD in label.text() and label.textFormat() != PLAIN] == []


def test_what_a_model_is_for_stands_on_the_page_about_it_word_for_word(open_window):
    window = with_odd_words(open_window())
    show_about(window)
    page = window.findChild(QDialog, "about_page")
    text = page.findChild(QTextBrowser).toPlainText()
    page.close()
    assert f"Model: {ODD}\n{ODD}\n" in text
