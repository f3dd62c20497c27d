"""Draw what the reader measures above a slice: thin light lines with a dark rim, and a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPen, QPolygonF

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QPainter

    from app.panels.slice_picture import Mark
    from app.panels.slice_placing import Placing

INK, RIM, PLATE = QColor(255, 255, 255), QColor(0, 0, 0, 200), QColor(0, 0, 0, 150)
TEXT_PX = 13
CROSS_PX = 4
BESIDE_PX = 8


def draw_marks(painter: QPainter, marks: Sequence[Mark], placing: Placing) -> None:
    """Draw the marks where they lie on the slice; their words stay inside the widget."""
    if not marks:
        return
    painter.save()
    font = painter.font()
    font.setPixelSize(TEXT_PX)
    painter.setFont(font)
    for mark in marks:
        lines = [
            QPolygonF([QPointF(*placing.on_widget(row + 0.5, column + 0.5)) for row, column in line])
            for line in mark.lines
        ]
        for pen in (QPen(RIM, 3), QPen(INK, 1)):
            painter.setPen(pen)
            for line in lines:
                if line.count() > 1:
                    painter.drawPolyline(line)
                for end in {0, line.count() - 1} if line.count() <= 3 else set():
                    _draw_cross(painter, line.at(end))
        if mark.text and lines:
            _write(painter, mark.text, lines[-1].boundingRect(), placing.size)
    painter.restore()


def _draw_cross(painter: QPainter, at: QPointF) -> None:
    painter.drawLine(at - QPointF(CROSS_PX, 0), at + QPointF(CROSS_PX, 0))
    painter.drawLine(at - QPointF(0, CROSS_PX), at + QPointF(0, CROSS_PX))


def _write(painter: QPainter, text: str, beside: QRectF, size: tuple[float, float]) -> None:
    """To the right of what is measured, below its middle, on a dark plate."""
    metrics = QFontMetricsF(painter.font())
    width, height = metrics.horizontalAdvance(text) + 8, metrics.height() + 2
    x = min(max(beside.right() + BESIDE_PX, 0.0), size[0] - width)
    y = min(max(beside.center().y() + BESIDE_PX, 0.0), size[1] - height)
    plate = QRectF(x, y, width, height)
    painter.fillRect(plate, PLATE)
    painter.setPen(INK)
    painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)
