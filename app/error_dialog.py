"""Tell the reader what went wrong, log the rest."""

from __future__ import annotations

import logging
import platform
import sys
import traceback
from typing import TYPE_CHECKING

import PySide6
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.panels.parts import button, named, plain_label

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_log = logging.getLogger(__name__)
_open_dialogs: list[QDialog] = []  # without a window to own it, Python would delete a dialog that is on the screen


class Notice(QFrame):
    """One message across the window that stays until it is dismissed, and stops nobody."""

    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "notice", "Message")
        self.setStyleSheet("#notice { background: #4d1f1b; border: 1px solid #ff8f80; border-radius: 3px; }")
        self._text = plain_label()
        named(self._text, "notice_text", "Message")
        self._text.setWordWrap(True)
        self._text.setStyleSheet("color: #ffd9d3; font-weight: 600;")
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._retry = button("Try again", "notice_retry", "Try again")
        self._retry.clicked.connect(self._on_retry)
        self._dismiss: QPushButton = button("Dismiss", "notice_dismiss", "Dismiss the message")
        self._dismiss.clicked.connect(self.dismiss)
        self._again: Callable[[], object] | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 5, 10, 5)
        row.addWidget(self._text, 1)
        row.addWidget(self._retry)
        row.addWidget(self._dismiss)
        self.hide()

    def tell(self, text: str, *, retry: Callable[[], object] | None = None) -> None:
        """Show a message; with retry, a button that does it."""
        self._text.setText(text)
        self._again = retry
        self._retry.setVisible(retry is not None)
        self.show()

    @property
    def text(self) -> str:
        """The message on the screen; empty while there is none."""
        return "" if self.isHidden() else self._text.text()

    def dismiss(self) -> None:
        """Take the message away."""
        self.hide()
        self.dismissed.emit()

    def _on_retry(self) -> None:
        again = self._again
        self.dismiss()
        if again is not None:
            again()


class BugDialog(QDialog):
    """A failure nobody expected, with everything a developer needs to know; the window behind it goes on."""

    def __init__(self, report: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "bug_dialog", "Something unexpected happened")
        self.setWindowTitle("Something unexpected happened")
        self.resize(760, 420)
        about = QLabel(
            "This is a bug in the program. What you have recorded is on disk, and what is open stays open. "
            "The report below holds no patient data that the program knows of; read it before you pass it on."
        )
        about.setWordWrap(True)
        details = QPlainTextEdit(report)
        details.setReadOnly(True)
        named(details, "bug_report", "Report")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        copy = buttons.addButton("Copy report", QDialogButtonBox.ButtonRole.ActionRole)
        copy.setObjectName("bug_copy")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(report))
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(about)
        layout.addWidget(details, 1)
        layout.addWidget(buttons)


def bug_report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> str:
    """What happened and with which versions, as text."""
    versions = f"Python {platform.python_version()}, PySide6 {PySide6.__version__}, {platform.platform()}"
    return f"{versions}\n\n{''.join(traceback.format_exception(kind, error, trace))}"


def show_bug(error: BaseException) -> None:
    """Log an unexpected exception and show it without stopping the program; further ones are only logged."""
    report = bug_report(type(error), error, error.__traceback__)
    _log.error("unexpected: %s", report)
    if any(dialog.isVisible() for dialog in _open_dialogs):
        return
    dialog = BugDialog(report, QApplication.activeWindow())
    _open_dialogs.append(dialog)
    dialog.finished.connect(_open_dialogs.clear)
    dialog.show()


def catch_unexpected() -> None:
    """Send every exception that nobody caught to show_bug(); Qt's event loop goes on after it."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, Exception) or QApplication.instance() is None:
            sys.__excepthook__(kind, error, trace)
            return
        sys.stderr.write(bug_report(kind, error, trace))
        show_bug(error)

    sys.excepthook = hook
