"""What happens to files that are dropped, sent to the window as the system sends them."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import QCoreApplication, QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QLineEdit, QWidget

import ihd_core.dicom.series

LEFT, NO_KEY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
OFFERED = Qt.DropAction.CopyAction | Qt.DropAction.MoveAction


def urls(*paths, remote=()):
    data = QMimeData()
    data.setUrls([*(QUrl.fromLocalFile(str(path)) for path in paths), *(QUrl(text) for text in remote)])
    return data


def drop(window, data, on=None):
    """Drag over the middle of a widget and let go; the drop action that was agreed on, None where it is refused."""
    widget = on or window
    where: QPoint = widget.mapTo(window, widget.rect().center())
    enter = QDragEnterEvent(where, OFFERED, data, LEFT, NO_KEY)
    QCoreApplication.sendEvent(window.windowHandle(), enter)
    move = QDragMoveEvent(where, OFFERED, data, LEFT, NO_KEY)
    if enter.isAccepted():  # as Qt does for whoever took the enter event
        move.setDropAction(enter.dropAction())
        move.accept()
    QCoreApplication.sendEvent(window.windowHandle(), move)
    if not move.isAccepted():
        return None
    dropped = QDropEvent(where.toPointF(), OFFERED, data, LEFT, NO_KEY)
    dropped.setDropAction(Qt.DropAction.MoveAction)  # what a file manager proposes within one disk
    QCoreApplication.sendEvent(window.windowHandle(), dropped)
    return dropped.dropAction() if dropped.isAccepted() else None


CHILDREN = ("slice_view", "worklist_rows", "slice_strip", "findings_panel", "opinion_comment", "window_center", "side")


@pytest.mark.parametrize("name", ["", *CHILDREN])
def test_a_folder_dropped_anywhere_on_the_window_opens(open_window, wait_settled, study, name):
    window = open_window()
    widget = window.findChild(QWidget, name) if name else window
    assert drop(window, urls(study.two), widget) is Qt.DropAction.CopyAction
    wait_settled(window)
    assert window.shown.scan.uid == "1.2.3.2.1"


def test_a_dropped_file_never_becomes_text(open_window, wait_settled, study):
    window = open_window()
    field = window.findChild(QLineEdit, "opinion_comment")
    drop(window, urls(study.two), field)
    wait_settled(window)
    assert field.text() == ""


def test_folders_and_files_dropped_together_are_opened_together(open_window, wait_settled, study):
    window = open_window()
    drop(window, urls(study.one, *sorted(study.two.iterdir())))
    wait_settled(window)
    assert [series.slice_count for series in window.shown.series] == [14, 8]


def test_what_is_not_on_this_computer_is_not_taken(open_window, study):
    window = open_window()
    assert drop(window, urls(remote=["https://example.org/scan.zip"])) is None
    assert not window.opening.running


def test_a_drop_while_something_is_read_takes_its_place(open_window, wait_settled, study, monkeypatch):
    window, began, may_go_on = open_window(), threading.Event(), threading.Event()
    original = ihd_core.dicom.series.find_series

    def slow(paths, *, report):
        if paths[0] == study.one:
            began.set()
            may_go_on.wait(5)
        return original(paths, report=report)

    monkeypatch.setattr(ihd_core.dicom.series, "find_series", slow)
    window.open_paths([study.one])
    began.wait(5)
    drop(window, urls(study.two), window.parts.slice_view)
    may_go_on.set()
    wait_settled(window)
    assert window.shown.scan.uid == "1.2.3.2.1"
    assert window.parts.notice.text == ""


def test_a_bad_drop_leaves_the_open_scan_and_says_why_in_one_line(read_window, wait_settled, tmp_path):
    window = read_window()
    before = window.shown.scan
    (tmp_path / "letter.txt").write_text("no picture", encoding="utf-8")
    drop(window, urls(tmp_path / "letter.txt"), window.parts.slice_view)
    wait_settled(window)
    assert window.shown.scan is before
    assert "letter.txt" in window.parts.notice.text
    assert "\n" not in window.parts.notice.text


def test_no_part_of_the_window_keeps_a_drop_to_itself(open_window):
    window = open_window()
    assert [child.objectName() for child in window.findChildren(QWidget) if child.acceptDrops()] == []
