"""What is written on and around a slice: corners, letters, badges, a bar of known length and colour bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QLinearGradient, QPainter, QPen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.panels.slice_picture import ColourBar, SlicePicture

INK = QColor(222, 226, 230)
SHADE = QColor(0, 0, 0, 210)
LETTER = QColor(255, 212, 121)
BADGE = QColor(255, 193, 79)
BADGE_INK = QColor(28, 20, 0)
MARGIN = 10.0
TEXT_PX, LETTER_PX = 13, 20


def write_around(painter: QPainter, picture: SlicePicture, size: tuple[float, float], per_mm: float) -> None:
    """Write everything that belongs to a picture over a widget of this size.

    Args:
        painter: of the widget, in device-independent pixels.
        picture: what to write.
        size: (width, height) of the widget.
        per_mm: screen pixels per mm.
    """
    sheet = _Sheet(painter, *size)
    below_badges = sheet.badges(picture.badges)
    sheet.scale_bar(per_mm)
    sheet.letters(picture, below_badges)
    sheet.corners(picture, below_badges)
    sheet.colour_bars(picture)


@dataclass(frozen=True, slots=True)
class _Sheet:
    painter: QPainter
    width: float
    height: float

    def metrics(self, pixels: int, *, bold: bool = False) -> QFontMetricsF:
        font = QFont(self.painter.font())
        font.setPixelSize(pixels)
        font.setBold(bold)
        self.painter.setFont(font)
        return QFontMetricsF(font)

    def write(self, x: float, y: float, text: str, ink: QColor = INK) -> None:
        """Draw one line; (x, y) is the left end of its base line."""
        self.painter.setPen(SHADE)
        for dx, dy in ((1, 1), (-1, 0), (0, -1)):
            self.painter.drawText(QPointF(x + dx, y + dy), text)
        self.painter.setPen(ink)
        self.painter.drawText(QPointF(x, y), text)

    def badges(self, texts: Sequence[str]) -> float:
        """Draw the badges one below the other; return the y below the last one."""
        metrics = self.metrics(TEXT_PX, bold=True)
        y = MARGIN - 2
        for text in texts:
            width, height = metrics.horizontalAdvance(text) + 20, metrics.height() + 6
            ground = QRectF((self.width - width) / 2, y, width, height)
            self.painter.setPen(Qt.PenStyle.NoPen)
            self.painter.setBrush(BADGE)
            self.painter.drawRoundedRect(ground, 4, 4)
            self.painter.setPen(BADGE_INK)
            self.painter.drawText(ground, Qt.AlignmentFlag.AlignCenter, text)
            y += height + 4
        return y

    def letters(self, picture: SlicePicture, top: float) -> None:
        letters = picture.letters
        if letters is None:
            return
        metrics = self.metrics(LETTER_PX, bold=True)
        middle = self.height / 2 + metrics.capHeight() / 2
        bottom = self.height - MARGIN - 34

        def centred(text: str) -> float:
            return (self.width - metrics.horizontalAdvance(text)) / 2

        self.write(MARGIN, middle, letters.left, LETTER)
        self.write(self.width - MARGIN - metrics.horizontalAdvance(letters.right), middle, letters.right, LETTER)
        self.write(centred(letters.top), top + metrics.ascent(), letters.top, LETTER)
        self.write(centred(letters.bottom), bottom, letters.bottom, LETTER)

    def corners(self, picture: SlicePicture, below_badges: float) -> None:
        metrics = self.metrics(TEXT_PX)
        widest = self.width / 2 - 2 * MARGIN
        crowded = self._badges_reach_the_corners(picture, metrics)
        top = below_badges if crowded else MARGIN
        bottom = self.height - MARGIN
        for lines, at_right, first in (
            (picture.top_left, False, top),
            (picture.top_right, True, top),
            (picture.bottom_left, False, bottom - len(picture.bottom_left) * metrics.lineSpacing()),
            (picture.bottom_right, True, bottom - len(picture.bottom_right) * metrics.lineSpacing()),
        ):
            for number, line in enumerate(lines):
                text = metrics.elidedText(line, Qt.TextElideMode.ElideRight, widest)
                x = self.width - MARGIN - metrics.horizontalAdvance(text) if at_right else MARGIN
                self.write(x, first + number * metrics.lineSpacing() + metrics.ascent(), text)

    def _badges_reach_the_corners(self, picture: SlicePicture, metrics: QFontMetricsF) -> bool:
        if not picture.badges:
            return False
        lines = (*picture.top_left, *picture.top_right)
        corner = max((metrics.horizontalAdvance(line) for line in lines), default=0.0)
        badge = max(metrics.horizontalAdvance(text) * 1.15 + 20 for text in picture.badges)
        return badge / 2 + corner + 2 * MARGIN > self.width / 2

    def scale_bar(self, per_mm: float) -> None:
        """Draw 5 cm, or 1 cm where 5 would not fit, with a tick for every mm that can be told apart."""
        length_mm = 50 if 50 * per_mm < 0.6 * self.width else 10
        if length_mm * per_mm > 0.9 * self.width:
            return
        left, base = (self.width - length_mm * per_mm) / 2, self.height - MARGIN
        step = 1 if per_mm >= 2.5 else 5
        lines = [QLineF(left, base, left + length_mm * per_mm, base)]
        for mm in range(0, length_mm + 1, step):
            tick = 9 if mm % 10 == 0 else 6 if mm % 5 == 0 else 3
            x = left + mm * per_mm
            lines.append(QLineF(x, base, x, base - tick))
        for colour, offset in ((SHADE, 1.0), (INK, 0.0)):
            self.painter.setPen(QPen(colour, 1))
            self.painter.drawLines([line.translated(offset, offset) for line in lines])
        self.metrics(TEXT_PX - 1)
        self.write(left + length_mm * per_mm + 6, base, f"{length_mm // 10} cm")

    def colour_bars(self, picture: SlicePicture) -> None:
        """Draw one row a label above the bottom right corner: name, lowest value, colours, highest value."""
        bars = picture.colour_bars
        if not bars:
            return
        corner = self.metrics(TEXT_PX)
        bottom = self.height - MARGIN - len(picture.bottom_right) * corner.lineSpacing() - 12
        metrics = self.metrics(TEXT_PX - 1)
        row = metrics.height() + 4
        right = self.width - MARGIN
        high = max(metrics.horizontalAdvance(_high(bar)) for bar in bars)
        for number, bar in enumerate(bars):
            y = bottom - (len(bars) - number) * row
            ramp = QRectF(right - high - 6 - 80, y + 3, 80, row - 6)
            self._ramp(ramp, bar)
            base = y + 2 + metrics.ascent()
            self.write(right - high, base, _high(bar))
            low = f"{bar.low:.2g}"
            x = ramp.left() - 6 - metrics.horizontalAdvance(low)
            self.write(x, base, low)
            name = bar.label.short_name
            self.write(x - 10 - metrics.horizontalAdvance(name), base, name, QColor(*bar.colour))

    def _ramp(self, where: QRectF, bar: ColourBar) -> None:
        colours = QLinearGradient(where.topLeft(), where.topRight())
        start = min(max(bar.low / bar.high, 0.0), 1.0) if bar.high > 0 else 0.0
        colours.setColorAt(0, QColor(*(round(c * start) for c in bar.colour)))
        colours.setColorAt(1, QColor(*bar.colour))
        self.painter.setPen(QPen(INK, 1))
        self.painter.setBrush(colours)
        self.painter.drawRect(where)


def _high(bar: ColourBar) -> str:
    return f"{bar.high:.2g} {bar.unit}".strip()
