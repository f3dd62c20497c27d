"""The series at hand, best first, with why they stand where they stand and their state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPalette
from PySide6.QtWidgets import (
    QLineEdit,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.panels.parts import heading, named, note
from app.panels.wrapping import WrappingList, small_font, wrapped

if TYPE_CHECKING:
    from PySide6.QtCore import QModelIndex
    from PySide6.QtGui import QPainter

_ROW = Qt.ItemDataRole.UserRole
_PLACE = Qt.ItemDataRole.UserRole + 1
_TONES = {"": "#9aa3ab", "alert": "#ffb454", "busy": "#8ab4d8", "done": "#7fc79a", "problem": "#ff8f80"}
_OPEN_BAR, _MARK, _MARK_INK, _GROUP = QColor("#8ab4d8"), QColor("#33475a"), QColor("#cfe3f5"), QColor("#20262b")
_FOR, _AGAINST = QColor("#9aa3ab"), QColor("#d9b38c")
SIDE, TOP = 9, 4
MOST_LINES = 2
"""Of the reasons for a series, or of those against it; the tool tip has all of them."""


@dataclass(frozen=True, slots=True)
class WorklistRow:
    """One series of the list.

    Attributes:
        title: what the series is called.
        subtitle: what else helps to know it by, such as the number of slices.
        state: in a word or two: "12 / 35", "flagged", "opinion saved".
        tooltip: everything, such as the path and the reason for a failure.
        tone: how the state is coloured: "", "alert", "busy", "done" or "problem".
        mark: on a ground of its own before the subtitle, such as "1st choice".
        speaks_for: why it stands where it stands.
        speaks_against: the same, what it lacks.
        refused: what speaks against it is why it is not predicted.
        group: the patient, written above the first row of each study; empty where the row above has the same.
        group_details: the study, below the patient.
    """

    title: str
    subtitle: str = ""
    state: str = ""
    tooltip: str = ""
    tone: str = ""
    mark: str = ""
    speaks_for: str = ""
    speaks_against: str = ""
    refused: bool = False
    group: str = ""
    group_details: str = ""

    @property
    def spoken(self) -> str:
        """What a screen reader says."""
        parts = (self.title, self.mark, self.subtitle, self.state, self.speaks_against, self.speaks_for)
        return ", ".join(filter(None, parts))


class Worklist(QWidget):
    """A list of series, those of one study below a line that names patient and study.

    Signals:
        chosen(int): the reader wants to see the series with this index, among the rows without the lines between them.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "worklist", "Worklist")
        self._rows: tuple[WorklistRow, ...] = ()
        self._items: list[QListWidgetItem] = []
        self._list = _List()
        self._list.itemClicked.connect(self._on_item)
        self._list.itemActivated.connect(self._on_item)
        self._search = QLineEdit(placeholderText="Find a patient or a series")
        named(self._search, "worklist_search", "Find in the worklist")
        self._search.setClearButtonEnabled(True)
        self._search.textChanged.connect(self._hide_others)
        self._empty = note("worklist_empty", "No scan open.")
        self._heading = heading("Worklist")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(4)
        layout.addWidget(self._heading)
        layout.addWidget(self._search)
        layout.addWidget(self._empty)
        layout.addWidget(self._list, 1)
        self.show_worklist((), -1)

    def show_worklist(self, rows: tuple[WorklistRow, ...], current: int) -> None:
        """Show the series; current is the index of the open one, -1 for none."""
        if rows != self._rows:
            self._fill(rows)
        self._rows = rows
        if self._search.text():
            self._hide_others()
        row = self._list.row(self._items[current]) if 0 <= current < len(self._items) else -1
        if self._list.current != row:
            self._list.current = row
            self._list.setCurrentRow(row)
            self._list.viewport().update()
        self._empty.setVisible(not rows)
        self._search.setVisible(len(rows) > 1)
        count = f", {len(rows)} series, best first" if len(rows) > 1 else ""
        self._heading.setText(f"Worklist{count}")

    def search(self) -> None:
        """Type what is to be found."""
        self._search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._search.selectAll()

    def _hide_others(self) -> None:
        """Show only what holds every word that was typed, and the lines above it."""
        words = self._search.text().casefold().split()
        shown_below, group = False, ""
        texts = []
        for row in self._rows:
            group = f"{row.group} {row.group_details}" if row.group else group
            texts.append(f"{group} {row.spoken}".casefold())
        for place in reversed(range(self._list.count())):
            item = self._list.item(place)
            number = item.data(_PLACE)
            if number is None:
                item.setHidden(not shown_below)
                shown_below = False
            else:
                hidden = not all(word in texts[number] for word in words)
                item.setHidden(hidden)
                shown_below = shown_below or not hidden

    def _fill(self, rows: tuple[WorklistRow, ...]) -> None:
        """Make the items anew only where lines come or go, so that the list stays where the reader has scrolled it."""
        if [_lines_of(row) for row in rows] != [_lines_of(row) for row in self._rows]:
            self._list.clear()
            self._items = []
            for number, row in enumerate(rows):
                if row.group:
                    self._list.addItem(_group_item(row))
                item = QListWidgetItem()
                item.setData(_PLACE, number)
                self._list.addItem(item)
                self._items.append(item)
            self._list.current = -1
        for item, row in zip(self._items, rows, strict=True):
            item.setData(_ROW, row)
            item.setToolTip(row.tooltip)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, row.spoken)

    def _on_item(self, item: QListWidgetItem) -> None:
        place = item.data(_PLACE)
        if place is not None:
            self.chosen.emit(place)


def _lines_of(row: WorklistRow) -> tuple[str, ...]:
    return row.group, row.group_details, row.title, row.subtitle, row.speaks_for, row.speaks_against


def _group_item(row: WorklistRow) -> QListWidgetItem:
    text = "\n".join(filter(None, (row.group, row.group_details)))
    item = QListWidgetItem(text)
    item.setFlags(Qt.ItemFlag.NoItemFlags)
    item.setToolTip(text)
    item.setData(Qt.ItemDataRole.AccessibleTextRole, text)
    return item


class _List(WrappingList):
    """`current` is the row of the open series, wherever the keys have gone."""

    def __init__(self) -> None:
        super().__init__("worklist_rows", "Series")
        self.current = -1
        self.setItemDelegate(_RowDelegate(self))


class _RowDelegate(QStyledItemDelegate):
    """Draws title and state, the subtitle, and what speaks against and for a series; or a line that names a study."""

    def __init__(self, shown_in: _List) -> None:
        super().__init__(shown_in)
        self._list = shown_in

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        row = index.data(_ROW)
        font = option.font
        if row is None:
            lines = index.data(Qt.ItemDataRole.DisplayRole).count("\n") + 1
            return QSize(120, lines * QFontMetrics(_bold(font)).height() + 8)
        width = self._list.viewport().width() - 2 * SIDE
        reasons = sum(len(lines) for lines, _ in _reasons(row, small_font(font), width))
        small = QFontMetrics(small_font(font)).height()
        return QSize(120, QFontMetrics(font).height() + (1 + reasons) * small + 2 * TOP + 3)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        row = index.data(_ROW)
        painter.save()
        if row is None:
            _draw_group(painter, option, index.data(Qt.ItemDataRole.DisplayRole))
        else:
            style = QStyle.PrimitiveElement.PE_PanelItemViewItem
            option.widget.style().drawPrimitive(style, option, painter, option.widget)
            _draw_row(painter, option, row, is_open=index.row() == self._list.current)
        painter.restore()


def _draw_group(painter: QPainter, option: QStyleOptionViewItem, text: str) -> None:
    painter.fillRect(option.rect, _GROUP)
    line = option.rect.adjusted(SIDE - 3, 3, -SIDE, 0)
    inks = (option.palette.color(QPalette.ColorRole.Text), QColor(_TONES[""]))
    for part, font, ink in zip(text.split("\n"), (_bold(option.font), small_font(option.font)), inks, strict=False):
        painter.setFont(font)
        painter.setPen(ink)
        part = painter.fontMetrics().elidedText(part, Qt.TextElideMode.ElideRight, line.width())
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, part)
        line = line.translated(0, painter.fontMetrics().height())


def _draw_row(painter: QPainter, option: QStyleOptionViewItem, row: WorklistRow, *, is_open: bool) -> None:
    area = option.rect.adjusted(SIDE, TOP, -SIDE, -TOP)
    if is_open:
        painter.fillRect(QRect(option.rect.left(), option.rect.top(), 4, option.rect.height()), _OPEN_BAR)
    font, small = option.font, small_font(option.font)
    left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
    line = QRect(area.left(), area.top(), area.width(), QFontMetrics(font).height())
    painter.setFont(font)
    metrics = painter.fontMetrics()
    state_width = min(metrics.horizontalAdvance(row.state) + 6, area.width() // 2) if row.state else 0
    painter.setPen(QColor(_TONES.get(row.tone, _TONES[""])))
    painter.drawText(line, right, metrics.elidedText(row.state, Qt.TextElideMode.ElideRight, state_width))
    painter.setFont(_bold(font) if is_open else font)
    painter.setPen(option.palette.color(QPalette.ColorRole.Text))
    room = area.width() - state_width
    painter.drawText(line, left, painter.fontMetrics().elidedText(row.title, Qt.TextElideMode.ElideRight, room))
    painter.setFont(small)
    line = QRect(area.left(), line.bottom() + 2, area.width(), painter.fontMetrics().height())
    _draw_subtitle(painter, line, row)
    for parts, ink in _reasons(row, small, area.width()):
        painter.setPen(ink)
        for part in parts:
            line = line.translated(0, line.height())
            painter.drawText(line, left, part)


def _draw_subtitle(painter: QPainter, line: QRect, row: WorklistRow) -> None:
    metrics = painter.fontMetrics()
    if row.mark:
        width = metrics.horizontalAdvance(row.mark) + 8
        painter.fillRect(QRect(line.left(), line.top(), width, line.height() - 1), _MARK)
        painter.setPen(_MARK_INK)
        painter.drawText(line.adjusted(4, 0, 0, 0), Qt.AlignmentFlag.AlignLeft, row.mark)
        line = line.adjusted(width + 6, 0, 0, 0)
    painter.setPen(QColor(_TONES[""]))
    subtitle = metrics.elidedText(row.subtitle, Qt.TextElideMode.ElideRight, line.width())
    painter.drawText(line, Qt.AlignmentFlag.AlignLeft, subtitle)


def _reasons(row: WorklistRow, font: QFont, width: int) -> list[tuple[list[str], QColor]]:
    """What speaks against a series, on two lines at most, then what speaks for it, on one line below that."""
    against = wrapped(row.speaks_against, font, width, most=MOST_LINES)
    spoken_for = wrapped(row.speaks_for, font, width, most=1 if against else MOST_LINES)
    return [(against, QColor(_TONES["problem"]) if row.refused else _AGAINST), (spoken_for, _FOR)]


def _bold(font: QFont) -> QFont:
    bold = QFont(font)
    bold.setBold(True)
    return bold
