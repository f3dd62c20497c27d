"""Keys that are not commands: those of text fields, and those that act while they are held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

if TYPE_CHECKING:
    from PySide6.QtWidgets import QMainWindow

_COMMAND_MODIFIERS = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
_TEXT_WITH_CONTROL = frozenset(
    {
        Qt.Key.Key_Z,
        Qt.Key.Key_Y,
        Qt.Key.Key_Left,
        Qt.Key.Key_Right,
        Qt.Key.Key_A,
        Qt.Key.Key_C,
        Qt.Key.Key_V,
        Qt.Key.Key_X,
    }
)
_FUNCTION_KEYS = range(Qt.Key.Key_F1, Qt.Key.Key_F35 + 1)


class KeyFilter(QObject):
    """Watches the keys of one window, wherever its focus is."""

    peeked = Signal(bool)
    """Space went down (True) or up (False) outside text fields and buttons."""

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._window = window
        QApplication.instance().installEventFilter(self)  # type: ignore[union-attr]

    def stop(self) -> None:
        """Watch no longer."""
        QApplication.instance().removeEventFilter(self)  # type: ignore[union-attr]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the keys of a text field from the commands; turn Space into peeked."""
        kind = event.type()
        if kind == QEvent.Type.WindowDeactivate and watched is self._window:
            self.peeked.emit(False)
        if kind not in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            return False
        if not isinstance(event, QKeyEvent) or not isinstance(watched, QWidget) or watched.window() is not self._window:
            return False
        if kind == QEvent.Type.ShortcutOverride:
            if _is_text_field(watched) and is_text(event):
                event.accept()
            return False
        if (
            event.key() != Qt.Key.Key_Space
            or _is_text_field(watched)
            or isinstance(watched, QAbstractButton | QComboBox)
        ):
            return False
        if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            return False
        if not event.isAutoRepeat():
            self.peeked.emit(kind == QEvent.Type.KeyPress)
        return True


def is_text(event: QKeyEvent) -> bool:
    """Whether a key belongs to the text field that has the focus, and to no command."""
    key, modifiers = event.key(), event.modifiers()
    if key in _FUNCTION_KEYS or key == Qt.Key.Key_Escape:
        return False
    if modifiers & _COMMAND_MODIFIERS == _COMMAND_MODIFIERS:  # AltGr
        return event.text().isprintable() and bool(event.text())
    if modifiers & Qt.KeyboardModifier.ControlModifier:
        return key in _TEXT_WITH_CONTROL
    return not modifiers & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier)


def _is_text_field(widget: QWidget) -> bool:
    if isinstance(widget, QLineEdit | QPlainTextEdit | QTextEdit):
        return not widget.isReadOnly()
    return isinstance(widget, QAbstractSpinBox)
