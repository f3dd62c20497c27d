"""Small widgets that several panels are made of, quiet towards the keys and the wheel of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QPushButton, QSlider, QWidget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtGui import QMouseEvent, QWheelEvent


class QuietSlider(QSlider):
    """A horizontal slider that jumps to a click and leaves the wheel to what lies around it.

    A click does not take the focus from the picture; Tab does, and Left and Right then move it.
    """

    def __init__(self, low: int, high: int, name: str, accessible_name: str, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setRange(low, high)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        named(self, name, accessible_name)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the parent."""
        event.ignore()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Jump to where the reader clicked."""
        if event.button() is not Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self.setSliderDown(True)
        self._follow(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the mouse."""
        if self.isSliderDown():
            self._follow(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the drag."""
        self.setSliderDown(False)

    def _follow(self, event: QMouseEvent) -> None:
        margin = 6  # half of the handle, as in the style sheet
        share = (event.position().x() - margin) / max(self.width() - 2 * margin, 1)
        value = self.minimum() + round(share * (self.maximum() - self.minimum()))
        self.setSliderPosition(min(max(value, self.minimum()), self.maximum()))


class QuietComboBox(QComboBox):
    """A list to choose from that does not change when the wheel passes over it."""

    def __init__(self, name: str, accessible_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        named(self, name, accessible_name)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the parent."""
        event.ignore()


def button(text: str, name: str, accessible_name: str, *, checkable: bool = False) -> QPushButton:
    """A button that a click does not move the focus to."""
    made = QPushButton(text)
    made.setCheckable(checkable)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    named(made, name, accessible_name)
    return made


def heading(text: str) -> QLabel:
    """The title of a panel."""
    made = QLabel(text)
    made.setProperty("role", "heading")
    return made


def plain_label(text: str = "") -> QLabel:
    """Text as it is, whatever a file or a model's description puts into it: Qt alone would take "<i>" for a mark-up."""
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    return made


def note(name: str, text: str = "") -> QLabel:
    """Small text that wraps."""
    made = plain_label(text)
    made.setObjectName(name)
    made.setProperty("role", "note")
    made.setWordWrap(True)
    return made


def named(widget: QWidget, name: str, accessible_name: str) -> None:
    """Give a widget its object name and what a screen reader says."""
    widget.setObjectName(name)
    widget.setAccessibleName(accessible_name)


def set_tone(widget: QWidget, tone: str) -> None:
    """Give a widget one of the style sheet's tones: "", "alert", "calm", "busy", "done" or "problem"."""
    if widget.property("tone") != tone:
        widget.setProperty("tone", tone)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def add_keys(panel: QWidget, keys: Mapping[str, str]) -> None:
    """Write the keys of the command table into tool tips.

    Args:
        panel: the widgets inside it are looked up.
        keys: object name of a widget to its key as text, such as {"show_ai": "F9"}.
    """
    for name, key in keys.items():
        widget = panel.findChild(QWidget, name)
        if widget is not None:
            about = widget.property("about") or widget.toolTip() or widget.accessibleName()
            widget.setProperty("about", about)
            widget.setToolTip(f"{about} ({key})")
