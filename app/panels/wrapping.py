"""Lists whose rows are drawn by themselves, and the wrapping of their text."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontMetrics, QResizeEvent, QTextLayout, QTextOption
from PySide6.QtWidgets import QListWidget

from app.panels.parts import named

SMALL_PX = 12
MANY = 100


class WrappingList(QListWidget):
    """A list with rows as high as their text, which is wrapped anew when the width changes, as by a scroll bar."""

    def __init__(self, name: str, accessible_name: str) -> None:
        super().__init__()
        named(self, name, accessible_name)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Measure the rows again."""
        super().resizeEvent(event)
        self.scheduleDelayedItemsLayout()


def small_font(font: QFont) -> QFont:
    """The same font in the size of notes."""
    small = QFont(font)
    small.setPixelSize(SMALL_PX)
    return small


def wrapped(text: str, font: QFont, width: int, *, most: int = MANY) -> list[str]:
    """A text in lines of at most this width, broken within a word only where the word alone is wider.

    Args:
        text: one paragraph.
        font: it is drawn in.
        width: pixels.
        most: lines; what does not fit is elided at the end of the last one.
    """
    if not text:
        return []
    layout = QTextLayout(text, font)
    how = QTextOption(Qt.AlignmentFlag.AlignLeft)
    how.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(how)
    layout.beginLayout()
    lines: list[str] = []
    while len(lines) < most - 1:
        line = layout.createLine()
        if not line.isValid():
            break
        line.setLineWidth(max(width, 20))
        lines.append(text[line.textStart() : line.textStart() + line.textLength()])
    layout.endLayout()
    rest = text[sum(map(len, lines)) :]
    if rest:
        lines.append(QFontMetrics(font).elidedText(rest, Qt.TextElideMode.ElideRight, max(width, 20)))
    return lines
