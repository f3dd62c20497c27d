"""What was found beside the series and cannot be opened: how many files, and why."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from app.panels.parts import heading, named, note

DAMAGED = "#ffb454"


@dataclass(frozen=True, slots=True)
class LeftOutLine:
    """Files that are left out for one reason.

    Attributes:
        text: how many and why.
        damaged: they were meant to be slices, or cannot be looked into; the reader must hear of it.
        names: the files, one a line, for the tool tip.
    """

    text: str
    damaged: bool = False
    names: str = ""


class LeftOutList(QWidget):
    """The reasons, damaged files first; scrolls beyond the height that the window leaves it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "left_out_list", "Left out")
        self._lines: tuple[LeftOutLine, ...] = ()
        self._heading = heading("Left out")
        self._text = note("left_out")
        self._text.setTextFormat(Qt.TextFormat.RichText)
        self._text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._area = QScrollArea()
        self._area.setObjectName("left_out_area")
        self._area.setWidget(self._text)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._area.setMinimumHeight(0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 6)
        layout.setSpacing(2)
        layout.addWidget(self._heading)
        layout.addWidget(self._area, 1)
        self.show_left_out(())

    def show_left_out(self, lines: tuple[LeftOutLine, ...]) -> None:
        """Show these reasons; nothing at all where there are none."""
        self.setVisible(bool(lines))
        if lines == self._lines:
            return
        self._lines = tuple(sorted(lines, key=lambda line: not line.damaged))
        rows = [f'<span style="color:{DAMAGED}">{escape(line.text)}</span>' if line.damaged else escape(line.text)
                for line in self._lines]  # fmt: skip
        self._text.setText("<br>".join(rows))
        self._text.setToolTip("\n\n".join(f"{line.text}\n{line.names}".strip() for line in self._lines))
        self._area.verticalScrollBar().setValue(0)

    def text(self) -> str:
        """The reasons as they are on the screen, one a line."""
        return "\n".join(line.text for line in self._lines)

    def height_of(self, width: int) -> int:
        """Height at which everything can be read without scrolling, in a column of this width."""
        if not self._lines:
            return 0
        return self._heading.sizeHint().height() + 2 + self._text.heightForWidth(width - 16) + 8
