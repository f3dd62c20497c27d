"""What is written on and around a slice: corners, letters, badges, a bar of known length and colour bars."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QLinearGradient, QPainter, QPen

from app.panels.slice_picture import Badge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.panels.slice_picture import ColourBar, SlicePicture

INK = QColor(222, 226, 230)
DIM = QColor(165, 172, 180)
SHADE = QColor(0, 0, 0)
PLATE = QColor(0, 0, 0, 150)
LETTER = QColor(255, 212, 121)
BADGE = QColor(255, 193, 79)
BADGE_INK = QColor(28, 20, 0)
BRAIN_GREY = 96  # under the colour bars, as under the colour on the slice
MARGIN = 10.0
TEXT_PX, SMALL_PX, LETTER_PX = 13, 12, 20
RAMP_PX = 80.0
BADGE_PAD, BADGE_GAP = 20.0, 4.0
CALM_BADGE, CALM_BADGE_INK = QColor(74, 83, 91), QColor(232, 236, 239)
MOST_BADGES = 4  # of those that may go
BESIDE_SCALE_PX, LINES_OF_SCALE = 115, 4
"""Room from the middle to the right of the scale bar's words; lines of text as high as the scale and the letter."""
RIM_PX = 2  # of shade around every character, so that it reads on bone and on air


def write_around(painter: QPainter, picture: SlicePicture, size: tuple[float, float], per_mm: float) -> None:
    """Write everything that belongs to a picture over a widget.

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
    sheet.colour_bars(picture.colour_bars, above=len(picture.bottom_right) + len(picture.caution))


@dataclass(frozen=True, slots=True)
class _Sheet:
    painter: QPainter
    width: float
    height: float

    def metrics(self, pixels: int, *, bold: bool = False) -> QFontMetricsF:
        """Write in this size from now on; return its metrics."""
        font = QFont(self.painter.font())
        font.setPixelSize(pixels)
        font.setBold(bold)
        self.painter.setFont(font)
        return QFontMetricsF(font)

    def write(self, x: float, y: float, text: str, ink: QColor = INK) -> None:
        """Draw one line on a dark rim; (x, y) is the left end of its base line."""
        if not text:
            return
        ratio = self.painter.device().devicePixelRatioF()
        line, ascent = _drawn_line(text, self.painter.font().toString(), ink.rgba(), ratio)
        corner = round((x - RIM_PX) * ratio) / ratio, round((y - ascent - RIM_PX) * ratio) / ratio
        self.painter.drawImage(QPointF(*corner), line)

    def badges(self, badges: Sequence[Badge]) -> float:
        """Draw the badges, in one row where they fit; return the y below them."""
        metrics = self.metrics(TEXT_PX, bold=True)
        y, height = MARGIN - 2, metrics.height() + 6
        for row in _rows(badges, metrics, self.width):
            x = max((self.width - _row_width(row, metrics)) / 2, BADGE_GAP)
            for badge in row:
                ground = QRectF(x, y, metrics.horizontalAdvance(badge.text) + BADGE_PAD, height)
                ground.setWidth(min(ground.width(), self.width - 2 * BADGE_GAP))
                self.painter.setPen(Qt.PenStyle.NoPen)
                self.painter.setBrush(BADGE if badge.serious else CALM_BADGE)
                self.painter.drawRoundedRect(ground, 4, 4)
                self.painter.setPen(BADGE_INK if badge.serious else CALM_BADGE_INK)
                words = metrics.elidedText(badge.text, Qt.TextElideMode.ElideRight, ground.width() - 4)
                self.painter.drawText(ground, Qt.AlignmentFlag.AlignCenter, words)
                x += ground.width() + BADGE_GAP
            y += height + BADGE_GAP
        return y

    def letters(self, picture: SlicePicture, top: float) -> None:
        """Write the patient's sides at the middle of the edges."""
        letters = picture.letters
        if letters is None:
            return
        metrics = self.metrics(LETTER_PX, bold=True)
        middle = (self.height + metrics.capHeight()) / 2
        right = self.width - MARGIN - metrics.horizontalAdvance(letters.right)
        self.write(MARGIN, middle, letters.left, LETTER)
        self.write(right, middle, letters.right, LETTER)
        for text, y in ((letters.top, top + metrics.ascent()), (letters.bottom, self.height - MARGIN - 28)):
            self.write((self.width - metrics.horizontalAdvance(text)) / 2, y, text, LETTER)

    def corners(self, picture: SlicePicture, below_badges: float) -> None:
        """Write the lines of the four corners, the upper ones below the badges where these are in the way."""
        bold = self.metrics(TEXT_PX, bold=True)
        badge = max((_row_width(row, bold) for row in _rows(picture.badges, bold, self.width)), default=0.0)
        metrics = self.metrics(TEXT_PX)
        upper = max(map(metrics.horizontalAdvance, (*picture.top_left, *picture.top_right)), default=0.0)
        crowded = bool(picture.badges) and badge / 2 + upper + 2 * MARGIN > self.width / 2
        self._upper(picture, metrics, below_badges if crowded else MARGIN)
        base = self.height - MARGIN - metrics.descent()
        for lines, at_right in ((picture.bottom_left, False), (picture.bottom_right, True)):
            self._column(lines, metrics, at_right, base - (len(lines) - 1) * metrics.lineSpacing())
        above = len(picture.bottom_right) + len(picture.caution) - 1
        self._column(picture.caution, metrics, True, base - above * metrics.lineSpacing(), BADGE)

    def _upper(self, picture: SlicePicture, metrics: QFontMetricsF, top: float) -> None:
        self._column(picture.top_left, metrics, False, top + metrics.ascent())
        self._column(picture.top_right, metrics, True, top + metrics.ascent())

    def _column(
        self, lines: Sequence[str], metrics: QFontMetricsF, at_right: bool, base: float, ink: QColor = INK
    ) -> None:
        for number, line in enumerate(lines):
            text = metrics.elidedText(line, Qt.TextElideMode.ElideRight, self.width / 2 - 2 * MARGIN)
            x = self.width - MARGIN - metrics.horizontalAdvance(text) if at_right else MARGIN
            self.write(x, base + number * metrics.lineSpacing(), text, ink)

    def scale_bar(self, per_mm: float) -> None:
        """Draw 5 cm, or 1 cm where 5 would not fit, with a tick for every mm where these can be told apart."""
        length_mm = 50 if 50 * per_mm < 0.4 * self.width else 10
        if length_mm * per_mm > 0.8 * self.width:
            return
        left, base = (self.width - length_mm * per_mm) / 2, self.height - MARGIN
        lines = [QRectF(left, base, length_mm * per_mm + 1, 1)]
        for mm in range(0, length_mm + 1, 1 if per_mm >= 2.5 else 5):
            tick = 9 if mm % 10 == 0 else 6 if mm % 5 == 0 else 3
            lines.append(QRectF(left + mm * per_mm, base - tick, 1, tick))
        self.painter.setPen(Qt.PenStyle.NoPen)
        for colour, offset in ((SHADE, 1.0), (INK, 0.0)):
            self.painter.setBrush(colour)
            self.painter.drawRects([line.translated(offset, offset) for line in lines])
        self.metrics(SMALL_PX)
        self.write(left + length_mm * per_mm + 6, base, f"{length_mm // 10} cm")

    def colour_bars(self, bars: Sequence[ColourBar], *, above: int) -> None:
        """Draw one row a label on a dark plate: name, lowest value, colours, highest value.

        Args:
            bars: from top to bottom.
            above: lines of text in the lower right corner, which the plate must not cover.
        """
        if not bars:
            return
        line = self.metrics(TEXT_PX).lineSpacing()
        metrics = self.metrics(SMALL_PX)
        row = metrics.height() + 4
        units = tuple(dict.fromkeys(bar.unit for bar in bars if bar.unit))
        numbers = max(metrics.horizontalAdvance(_number(value)) for bar in bars for value in (bar.low, bar.high))
        names = max(metrics.horizontalAdvance(bar.label.short_name) for bar in bars)
        rows = names + RAMP_PX + 2 * numbers + 22
        caption = ", ".join(units)
        width = max(rows, metrics.horizontalAdvance(caption))
        right = self.width - MARGIN
        if width > self.width / 2 - BESIDE_SCALE_PX:
            above = max(above, LINES_OF_SCALE)
        bottom = self.height - MARGIN - above * line - 8
        top = bottom - (len(bars) + bool(units)) * row
        self.painter.fillRect(QRectF(right - width - 6, top - 3, width + 12, bottom - top + 6), PLATE)
        if units:
            self.write(right - metrics.horizontalAdvance(caption), top + metrics.ascent() + 1, caption, DIM)
            top += row
        for number, bar in enumerate(bars):
            y, base = top + number * row, top + number * row + metrics.ascent() + 1
            self._ramp(QRectF(right - numbers - 6 - RAMP_PX, y + 3, RAMP_PX, row - 7), bar)
            self.write(right - metrics.horizontalAdvance(_number(bar.high)), base, _number(bar.high))
            low = right - numbers - 12 - RAMP_PX - metrics.horizontalAdvance(_number(bar.low))
            self.write(low, base, _number(bar.low))
            self.write(right - rows, base, bar.label.short_name, QColor(*bar.colour))

    def _ramp(self, where: QRectF, bar: ColourBar) -> None:
        """The colours from low to high over the grey of brain, at the opacity they have on the slice."""
        ground = QColor(BRAIN_GREY, BRAIN_GREY, BRAIN_GREY)
        colours = QLinearGradient(where.topLeft(), where.topRight())
        for place in (0.0, 1.0):
            value = bar.low + place * (bar.high - bar.low)
            colour = QColor(*bar.colour)
            colour.setAlphaF(min(max(bar.opacity * value / bar.high, 0.0), 1.0) if bar.high > 0 else 0.0)
            colours.setColorAt(place, colour)
        self.painter.fillRect(where, ground)
        self.painter.fillRect(where, colours)
        self.painter.setPen(QPen(DIM, 1))
        self.painter.setBrush(Qt.BrushStyle.NoBrush)
        self.painter.drawRect(where)


def _row_width(row: Sequence[Badge], metrics: QFontMetricsF) -> float:
    return sum(metrics.horizontalAdvance(badge.text) + BADGE_PAD for badge in row) + BADGE_GAP * (len(row) - 1)


def _rows(badges: Sequence[Badge], metrics: QFontMetricsF, width: float) -> list[list[Badge]]:
    """The badges that are drawn, in as few rows as it takes."""
    rows: list[list[Badge]] = []
    for badge in _drawn(badges, metrics, width):
        if rows and _row_width([*rows[-1], badge], metrics) <= width - 2 * BADGE_GAP:
            rows[-1].append(badge)
        else:
            rows.append([badge])
    return rows


def _drawn(badges: Sequence[Badge], metrics: QFontMetricsF, width: float) -> list[Badge]:
    """Of the badges that may go as many as fit into one row with the others, MOST_BADGES at most, and a count."""
    may_go = [badge for badge in badges if badge.may_go]
    row = list(badges)
    for count in range(min(len(may_go), MOST_BADGES), -1, -1):
        gone = may_go[count:]
        counted = [Badge(f"+{len(gone)}", any(badge.serious for badge in gone))] if gone else []
        place = next((at for at, badge in enumerate(badges) if gone and badge is gone[0]), len(badges))
        row = [*badges[:place], *counted, *(badge for badge in badges[place:] if not badge.may_go)]
        if _row_width(row, metrics) <= width - 2 * BADGE_GAP:
            break
    return row


@lru_cache(maxsize=256)
def _drawn_line(text: str, font_text: str, rgba: int, ratio: float) -> tuple[QImage, float]:
    """A line of text with its rim, and its ascent; most lines are the same from frame to frame."""
    font = QFont()
    font.fromString(font_text)
    metrics = QFontMetricsF(font)
    width, height = metrics.horizontalAdvance(text) + 2 * RIM_PX + 2, metrics.height() + 2 * RIM_PX
    line = QImage(round(width * ratio) + 1, round(height * ratio) + 1, QImage.Format.Format_ARGB32_Premultiplied)
    line.setDevicePixelRatio(ratio)
    line.fill(Qt.GlobalColor.transparent)
    painter = QPainter(line)
    painter.setFont(font)
    painter.setPen(SHADE)
    for dx, dy in ((1, 1), (-1, 0), (1, 0), (0, -1), (0, 1)):
        painter.drawText(QPointF(RIM_PX + dx, RIM_PX + metrics.ascent() + dy), text)
    painter.setPen(QColor.fromRgba(rgba))
    painter.drawText(QPointF(RIM_PX, RIM_PX + metrics.ascent()), text)
    painter.end()
    return line, metrics.ascent()


def _number(value: float) -> str:
    return f"{value:.2g}"
