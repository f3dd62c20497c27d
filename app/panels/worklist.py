"""The scans at hand, most urgent first, with their state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import (
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.panels.parts import heading, named, note

if TYPE_CHECKING:
    from PySide6.QtCore import QModelIndex
    from PySide6.QtGui import QPainter

_ROW = Qt.ItemDataRole.UserRole
_TONES = {"": "#9aa3ab", "alert": "#ffb454", "busy": "#8ab4d8", "done": "#7fc79a", "problem": "#ff8f80"}


@dataclass(frozen=True, slots=True)
class WorklistRow:
    """One scan of the list.

    Attributes:
        title: what the scan is called.
        subtitle: what else helps to know it by, such as date and number of slices.
        state: in a word or two: "12 / 35", "flagged", "opinion saved".
        tooltip: everything, such as the path and the reason for a failure.
        tone: how the state is coloured: "", "alert", "busy", "done" or "problem".
    """

    title: str
    subtitle: str = ""
    state: str = ""
    tooltip: str = ""
    tone: str = ""


class Worklist(QWidget):
    """A list of scans.

    Signals:
        chosen(int): the reader wants to see the scan with this index.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "worklist", "Worklist")
        self._rows: tuple[WorklistRow, ...] = ()
        self._list = QListWidget()
        named(self._list, "worklist_rows", "Scans")
        self._list.setItemDelegate(_RowDelegate(self._list))
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._list.setUniformItemSizes(True)
        self._list.itemClicked.connect(self._on_item)
        self._list.itemActivated.connect(self._on_item)
        self._empty = note("worklist_empty", "No scan open.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(4)
        layout.addWidget(heading("Worklist"))
        layout.addWidget(self._empty)
        layout.addWidget(self._list, 1)
        self.show_worklist((), -1)

    def show_worklist(self, rows: tuple[WorklistRow, ...], current: int) -> None:
        """Show the scans; current is the index of the open one, -1 for none."""
        if rows != self._rows:
            self._fill(rows)
        self._rows = rows
        if self._list.currentRow() != current:
            self._list.setCurrentRow(current)
        self._empty.setVisible(not rows)

    def _fill(self, rows: tuple[WorklistRow, ...]) -> None:
        while self._list.count() > len(rows):
            self._list.takeItem(self._list.count() - 1)
        while self._list.count() < len(rows):
            self._list.addItem(QListWidgetItem())
        for number, row in enumerate(rows):
            item = self._list.item(number)
            item.setData(_ROW, row)
            item.setToolTip(row.tooltip)
            item.setData(
                Qt.ItemDataRole.AccessibleTextRole, ", ".join(filter(None, (row.title, row.subtitle, row.state)))
            )

    def _on_item(self, item: QListWidgetItem) -> None:
        self.chosen.emit(self._list.row(item))


class _RowDelegate(QStyledItemDelegate):
    """Draws title and state on the first line, the subtitle on the second."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(120, 2 * option.fontMetrics.height() + 10)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        row = index.data(_ROW)
        option.widget.style().drawPrimitive(
            QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, option.widget
        )
        painter.save()
        area = option.rect.adjusted(8, 4, -8, -4)
        upper = QRect(area.left(), area.top(), area.width(), area.height() // 2)
        lower = upper.translated(0, area.height() // 2)
        metrics = option.fontMetrics
        state_width = min(metrics.horizontalAdvance(row.state) + 6, area.width() // 2) if row.state else 0
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        bold = QFont(option.font)
        bold.setBold(True)
        painter.setFont(bold)
        painter.setPen(option.palette.color(QPalette.ColorRole.Text))
        title = painter.fontMetrics().elidedText(row.title, Qt.TextElideMode.ElideRight, area.width() - state_width)
        painter.drawText(upper, left | Qt.AlignmentFlag.AlignVCenter, title)
        painter.setFont(option.font)
        painter.setPen(QColor(_TONES.get(row.tone, _TONES[""])))
        state = metrics.elidedText(row.state, Qt.TextElideMode.ElideRight, state_width)
        painter.drawText(upper, right | Qt.AlignmentFlag.AlignVCenter, state)
        painter.setPen(QColor(_TONES[""]))
        subtitle = metrics.elidedText(row.subtitle, Qt.TextElideMode.ElideMiddle, area.width())
        painter.drawText(lower, left | Qt.AlignmentFlag.AlignVCenter, subtitle)
        painter.restore()
