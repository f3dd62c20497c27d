"""Probability of every label along the slices; click to go there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QFont, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.panels.strip_columns import Columns, columns
from ihd_core.heatmaps.overlay import COLOURS
from ihd_core.labels import DISPLAY_ORDER, LABELS, Label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from app.values.scan_gaps import Gap

HIDDEN = "Hidden until you save your opinion (Ctrl+Enter) or press Show AI (F9)"
NOT_ANALYSED = "Not analysed"
WITHHELD = "No result for this scan"
GROUND, ROW, LINE, HATCH = QColor(20, 23, 26), QColor(33, 37, 41), QColor(120, 126, 133), QColor(62, 68, 75)
INK, CALM = QColor(222, 226, 230), QColor(160, 167, 175)
GAP_HATCH, GAP_INK = QColor(120, 88, 36), QColor(255, 193, 79)
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
NAMES, VALUES, AXIS = 70.0, 74.0, 18.0  # widths of the columns at the sides, height of the row below


@dataclass(frozen=True, slots=True, eq=False)
class StripView:
    """What the strip shows.

    Attributes:
        probabilities: float32 (slices, labels), 0..1; NaN where the answer is not there yet.
        thresholds: (labels,), the slice-level operating point of every label; NaN where there is none.
        slice_index: the slice on the screen.
        hidden: nothing that came from the model may be seen.
        gaps: where slices are missing.
        not_analysed: there are no results of this scan, nor will there be.
        withheld: there are, and they mean nothing.
        ends: where the first and the last slice lie, a word each.
    """

    probabilities: NDArray[np.float32]
    thresholds: NDArray[np.float32]
    slice_index: int
    hidden: bool = False
    gaps: tuple[Gap, ...] = ()
    not_analysed: bool = False
    withheld: bool = False
    ends: tuple[str, str] = ("inferior", "vertex")

    @property
    def message(self) -> str:
        """What stands in the place of the probabilities; empty where they are shown."""
        if self.not_analysed:
            return NOT_ANALYSED
        if self.hidden:
            return HIDDEN
        return WITHHELD if self.withheld else ""

    def __post_init__(self) -> None:
        if self.probabilities.ndim != 2 or self.probabilities.shape[1] != len(LABELS):
            raise ValueError(f"probabilities is {self.probabilities.shape}, must be (slices, {len(LABELS)})")


class SliceStrip(QWidget):
    """One row a label, one cell a slice, the first slice at the left."""

    slice_chosen = Signal(int)
    """slice_index the reader has clicked or dragged to."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("slice_strip")
        self.setAccessibleName("Probability along the slices")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(124)
        self.setMinimumWidth(240)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._view: StripView | None = None
        self._rows: QPixmap | None = None  # as drawn last; hundreds of slices take too long for every frame
        self._chosen = -1

    def show_strip(self, view: StripView | None) -> None:
        """Show these probabilities; None when no scan is open."""
        if view is None or self._view is None or not _same_rows(view, self._view):
            self._rows = None
        self._view = view
        self.update()

    def slice_at(self, x: float) -> int:
        """The slice_index under a place on the widget, the nearest one beside the plot; -1 without a scan."""
        slices = self._slices()
        if not slices:
            return -1
        columns = self._columns()
        index = int(np.searchsorted(columns.lefts, x, side="right")) - 1
        if 0 <= index < slices - 1 and x - (columns.lefts[index] + columns.width) > columns.lefts[index + 1] - x:
            index += 1  # in the farther half of a gap
        return min(max(index, 0), slices - 1)

    def slice_x(self, slice_index: int) -> float:
        """Where on the widget the middle of a slice's column is."""
        columns = self._columns()
        if not len(columns.lefts):
            return self._plot().left()
        return float(columns.lefts[min(max(slice_index, 0), len(columns.lefts) - 1)] + columns.width / 2)

    def tooltip_at(self, x: float) -> str:
        """Number of the slice under a place on the widget, and its probabilities unless they are hidden."""
        view, index = self._view, self.slice_at(x)
        if view is None or index < 0:
            return ""
        for gap, band in self._columns().bands:
            if band[0] <= x < band[0] + band[1]:
                return gap.size
        lines = [f"Slice {index + 1} of {self._slices()}"]
        if not view.message:
            for label in DISPLAY_ORDER:
                lines.append(f"{label.short_name}  {_percent(float(view.probabilities[index, label.column]))}")
        return "\n".join(lines)

    def _slices(self) -> int:
        return 0 if self._view is None else len(self._view.probabilities)

    def _columns(self) -> Columns:
        plot, gaps = self._plot(), self._view.gaps if self._view is not None else ()
        return columns(plot.left(), plot.width(), self._slices(), gaps)

    def _plot(self) -> QRectF:
        return QRectF(NAMES, 2, max(self.width() - NAMES - VALUES, 1), self.height() - AXIS - 2)

    def _row(self, number: int) -> QRectF:
        plot = self._plot()
        height = plot.height() / len(DISPLAY_ORDER)
        return QRectF(plot.left(), plot.top() + number * height, plot.width(), height - 2)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the rows, the axis and the mark of the slice on the screen."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), GROUND)
        view = self._view
        if view is None or not self._slices():
            return
        font = painter.font()
        font.setPixelSize(12)
        painter.setFont(font)
        self._draw_axis(painter, view.ends)
        if not view.message:
            painter.drawPixmap(0, 0, self._drawn_rows(view, painter.font()))
            self._draw_values(painter, view)
        self._draw_gaps(painter)
        if view.message:
            words = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.fillRect(painter.boundingRect(self._plot(), words, view.message).adjusted(-6, -2, 6, 2), GROUND)
            painter.setPen(CALM)
            painter.drawText(self._plot(), words, view.message)
        self._draw_mark(painter, view.slice_index, bool(view.message))

    def _drawn_rows(self, view: StripView, font: QFont) -> QPixmap:
        """The rows without what depends on the slice on the screen."""
        ratio = self.devicePixelRatioF()
        size = self.size() * ratio
        if self._rows is None or self._rows.size() != size:
            self._rows = QPixmap(size)
            self._rows.setDevicePixelRatio(ratio)
            self._rows.fill(Qt.GlobalColor.transparent)
            painter = QPainter(self._rows)
            painter.setFont(font)
            for number, label in enumerate(DISPLAY_ORDER):
                self._draw_row(painter, self._row(number), label, view)
            painter.end()
        return self._rows

    def _draw_row(self, painter: QPainter, row: QRectF, label: Label, view: StripView) -> None:
        values = view.probabilities[:, label.column]
        threshold = float(view.thresholds[label.column])
        painter.fillRect(row, ROW)
        self._hatch(painter, row, np.isnan(values))
        self._draw_bars(painter, row, values, threshold, QColor(*COLOURS[label]))
        if 0 <= threshold <= 1:
            y = row.bottom() - row.height() * threshold
            painter.setPen(QPen(LINE, 1, Qt.PenStyle.DotLine))
            painter.drawLine(QLineF(row.left(), y, row.right(), y))
            painter.setPen(QPen(INK, 1))
            painter.drawLine(QLineF(row.left() - 4, y, row.left(), y))
        painter.setPen(QColor(*COLOURS[label]))
        names = QRectF(0, row.top(), NAMES - 8, row.height())
        painter.drawText(names, RIGHT, label.short_name)

    def _draw_bars(
        self, painter: QPainter, row: QRectF, values: NDArray[np.float32], threshold: float, colour: QColor
    ) -> None:
        """One bar a slice, bright where the label is called and faint where not."""
        faint = QColor(colour)
        faint.setAlpha(110)
        columns = self._columns()
        space = 1 if columns.width > 4 else 0
        for index in np.flatnonzero(values > 0):
            value = min(float(values[index]), 1.0)
            left, right = round(columns.lefts[index]), round(columns.lefts[index] + columns.width)
            height = row.height() * value
            bar = QRectF(left, row.bottom() - height, max(right - left - space, 1), height)
            painter.fillRect(bar, colour if value > threshold else faint)

    def _draw_values(self, painter: QPainter, view: StripView) -> None:
        """The probabilities of the slice on the screen, at the end of the rows."""
        values = view.probabilities[min(max(view.slice_index, 0), self._slices() - 1)]
        for number, label in enumerate(DISPLAY_ORDER):
            row, value = self._row(number), float(values[label.column])
            painter.setPen(INK if value > view.thresholds[label.column] else CALM)
            painter.drawText(QRectF(row.right() + 2, row.top(), VALUES - 8, row.height()), RIGHT, _percent(value))

    def _hatch(self, painter: QPainter, row: QRectF, missing: NDArray[np.bool_]) -> None:
        """Dim what is not there yet, one rectangle for every run of slices."""
        edges = np.flatnonzero(np.diff(np.concatenate(([False], missing, [False])).astype(np.int8)))
        columns = self._columns()
        for first, end in edges.reshape(-1, 2):
            left, right = columns.lefts[first], columns.lefts[end - 1] + columns.width
            run = QRectF(left, row.top(), right - left, row.height())
            painter.fillRect(run, QBrush(HATCH, Qt.BrushStyle.BDiagPattern))

    def _draw_gaps(self, painter: QPainter) -> None:
        """Break the rows where slices are missing, and write how many."""
        plot = self._plot()
        for gap, (left, width) in self._columns().bands:
            band = QRectF(left, plot.top(), width, plot.height() - 2)
            painter.fillRect(band, GROUND)
            painter.fillRect(band, QBrush(GAP_HATCH, Qt.BrushStyle.DiagCrossPattern))
            text = str(gap.missing)
            needed = painter.fontMetrics().horizontalAdvance(text)
            if needed + 2 <= width:
                height = painter.fontMetrics().height()
                plate = QRectF(left + (width - needed) / 2 - 1, band.top() + 1, needed + 2, height)
                painter.fillRect(plate, GROUND)
                painter.setPen(GAP_INK)
                painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)

    def _draw_axis(self, painter: QPainter, ends: tuple[str, str]) -> None:
        """Name both ends, beside the way of the mark."""
        plot = self._plot()
        painter.setPen(CALM)
        first, last = f"1 {ends[0]}", f"{self._slices()} {ends[1]}"
        needed = painter.fontMetrics().horizontalAdvance
        painter.drawText(QRectF(0, plot.bottom(), max(NAMES - 8, needed(first) + 8), AXIS), RIGHT, first)
        width = max(VALUES, needed(last) + 8)
        painter.drawText(QRectF(self.width() - 8 - width, plot.bottom(), width, AXIS), RIGHT, last)

    def _draw_mark(self, painter: QPainter, slice_index: int, hidden: bool) -> None:
        plot, x = self._plot(), self.slice_x(slice_index)
        painter.setPen(QPen(INK, 1))
        half = max(self._columns().width / 2, 2.0)
        if not hidden:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(x - half, plot.top() - 1, 2 * half, plot.height()))
        painter.setBrush(INK)
        base = plot.bottom() + 2
        painter.drawPolygon([QPointF(x, base), QPointF(x - 5, base + 7), QPointF(x + 5, base + 7)])

    # The mouse

    def event(self, event: QEvent) -> bool:
        """Answer the request for a tooltip; pass on everything else."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.tooltip_at(event.pos().x()), self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the slice under the pointer."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._chosen = -1
            self._choose(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the pointer while the button is held."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._choose(event.position().x())

    def _choose(self, x: float) -> None:
        index = self.slice_at(x)
        if index >= 0 and index != self._chosen:
            self._chosen = index
            self.slice_chosen.emit(index)


def _same_rows(view: StripView, other: StripView) -> bool:
    if view.gaps != other.gaps:
        return False
    return np.array_equal(view.probabilities, other.probabilities, equal_nan=True) and np.array_equal(
        view.thresholds, other.thresholds, equal_nan=True
    )


def _percent(probability: float) -> str:
    """A probability as the reader sees it; never 0 % or 100 %."""
    if math.isnan(probability):
        return "…"
    return "<1 %" if probability < 0.01 else ">99 %" if probability > 0.99 else f"{100 * probability:.0f} %"
