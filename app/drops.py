"""Files and folders that are dropped onto the window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QWidget

if TYPE_CHECKING:
    from PySide6.QtGui import QDropEvent


def dropped_paths(event: QDropEvent) -> list[Path]:
    """Everything on this computer among what is dragged or dropped, in order."""
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]


def accept_copy(event: QDropEvent) -> None:
    """Take it as a copy: after a move a file manager would delete the patient's files."""
    event.setDropAction(Qt.DropAction.CopyAction)
    event.accept()


def leave_drops_to_window(window: QWidget) -> None:
    """Let text fields pass files on to the window; they would take the path for text."""
    for field in window.findChildren(QLineEdit):
        field.setAcceptDrops(False)
