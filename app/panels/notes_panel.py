"""What a reader must know of the scan, as sentences that can be read without hovering; a click goes to the slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.panels.parts import heading, named, set_tone
from app.panels.wrapping import WrappingList, small_font, wrapped

if TYPE_CHECKING:
    from PySide6.QtCore import QModelIndex

_NOTE = Qt.ItemDataRole.UserRole
_SERIOUS, _CALM, _INK, _DIM = QColor("#ffb454"), QColor("#56616b"), QColor("#e8ecef"), QColor("#aab4bd")
_BAR, _PAD = 3, 5


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know.

    Attributes:
        title: in a few words, as on the picture.
        text: one sentence.
        serious: without it the picture or the result is misread.
        slice_index: the slice it is about, -1 for none.
    """

    title: str
    text: str
    serious: bool = False
    slice_index: int = -1

    @property
    def shown_text(self) -> str:
        """The sentence, and where a click leads."""
        if self.slice_index < 0:
            return self.text
        where = f"slice {self.slice_index + 1}"
        named = "" if self.text.endswith(where) else f" ·\u00a0slice\u00a0{self.slice_index + 1}"
        return f"{self.text}{named}\u00a0\u2192"


class NotesPanel(QWidget):
    """A list of notes as high as it must be; beyond the height that the window leaves it, it scrolls.

    Signals:
        slice_chosen(int): slice_index of the note that was clicked, or chosen with Enter.
    """

    slice_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "notes_panel", "Notes on this scan")
        self._notes: tuple[Note, ...] = ()
        self._heading = heading("")
        self._heading.setObjectName("notes_heading")
        self._list = WrappingList("notes_rows", "Notes on this scan")
        self._list.setItemDelegate(_NoteDelegate(self._list))
        self._list.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self._list.setMinimumHeight(0)
        self._list.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        self._list.itemClicked.connect(self._on_item)
        self._list.itemActivated.connect(self._on_item)
        self._list.setMouseTracking(True)
        self._list.itemEntered.connect(self._on_entered)
        self._list.viewportEntered.connect(lambda: self._list.viewport().unsetCursor())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 4)
        layout.setSpacing(3)
        layout.addWidget(self._heading)
        layout.addWidget(self._list, 1)
        self.show_notes(())

    def show_notes(self, notes: tuple[Note, ...]) -> None:
        """Show these notes; nothing at all where there are none."""
        if notes == self._notes and self._list.count() == len(notes):
            self.setVisible(bool(notes))
            return
        self._notes = notes
        self._list.clear()
        for note in notes:
            item = QListWidgetItem()
            item.setData(_NOTE, note)
            click = f"\nClick: go to slice {note.slice_index + 1}" if note.slice_index >= 0 else ""
            item.setToolTip(f"{note.text}{click}")
            item.setData(Qt.ItemDataRole.AccessibleTextRole, note.shown_text)
            self._list.addItem(item)
        serious = sum(note.serious for note in notes)
        count = f"{len(notes)} note{'' if len(notes) == 1 else 's'} on this scan"
        self._heading.setText(f"{count}, {serious} serious" if serious else count)
        set_tone(self._heading, "alert" if serious else "")
        self._list.scrollToTop()
        self.setVisible(bool(notes))
        self.updateGeometry()

    def height_of(self, width: int) -> int:
        """Height at which everything can be read without scrolling, in a column of this width."""
        if not self._notes:
            return 0
        inside = width - 16 - 2 * self._list.frameWidth()
        lines = sum(note_height(note, self._list.font(), inside) for note in self._notes)
        return self._heading.sizeHint().height() + 3 + lines + 2 * self._list.frameWidth() + 6

    def _on_entered(self, item: QListWidgetItem) -> None:
        """The hand is for notes that lead somewhere."""
        leads = item.data(_NOTE).slice_index >= 0
        self._list.viewport().setCursor(Qt.CursorShape.PointingHandCursor if leads else Qt.CursorShape.ArrowCursor)

    def _on_item(self, item: QListWidgetItem) -> None:
        note: Note = item.data(_NOTE)
        if note.slice_index >= 0:
            self.slice_chosen.emit(note.slice_index)


class _NoteDelegate(QStyledItemDelegate):
    """Draws a sentence, wrapped, beside a bar that says how serious it is."""

    def __init__(self, shown_in: QListWidget) -> None:
        super().__init__(shown_in)
        self._list = shown_in

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(40, note_height(index.data(_NOTE), option.font, self._list.viewport().width()))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        note: Note = index.data(_NOTE)
        painter.save()
        area = option.rect
        painter.fillRect(
            QRect(area.left(), area.top() + 2, _BAR, area.height() - 4), _SERIOUS if note.serious else _CALM
        )
        font = small_font(option.font)
        painter.setFont(font)
        painter.setPen(_INK if note.serious else _DIM)
        line = QRect(area.left() + _BAR + _PAD, area.top() + _PAD // 2, area.width(), painter.fontMetrics().height())
        for text in wrapped(note.shown_text, font, _room(area.width())):
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft, text)
            line = line.translated(0, line.height())
        painter.restore()


def note_height(note: Note, font: QFont, width: int) -> int:
    """Height of one row in a list of this width, pixels."""
    small = small_font(font)
    return len(wrapped(note.shown_text, small, _room(width))) * QFontMetrics(small).height() + _PAD + 1


def _room(width: int) -> int:
    return width - _BAR - 2 * _PAD
