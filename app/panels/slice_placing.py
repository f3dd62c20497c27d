"""Where the pixels of a slice lie on the screen: zoom, pan and the resizing of the visible part."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ZOOM_LIMITS = (0.25, 40.0)


@dataclass(frozen=True, slots=True)
class Placing:
    """The map between slice pixels and the widget.

    Positions on the slice count pixels from the outer corner of the first one, so that the centre of the pixel in
    row 3 is at 3.5. Positions on the widget are Qt's device-independent pixels.

    Attributes:
        shape: (rows, columns) of the slice.
        pixel_mm: (row, column), mm.
        size: (width, height) of the widget.
        zoom: 1 shows the whole slice as large as it fits.
        middle: (row, column) in the middle of the widget, as fractions of the slice, 0..1.
    """

    shape: tuple[int, int]
    pixel_mm: tuple[float, float]
    size: tuple[float, float]
    zoom: float = 1.0
    middle: tuple[float, float] = (0.5, 0.5)

    @property
    def per_mm(self) -> float:
        """Screen pixels per mm."""
        rows_mm, columns_mm = (n * mm for n, mm in zip(self.shape, self.pixel_mm, strict=True))
        return self.zoom * min(self.size[0] / columns_mm, self.size[1] / rows_mm)

    @property
    def scale(self) -> tuple[float, float]:
        """Screen pixels per slice pixel, (down the rows, along the columns)."""
        return self.per_mm * self.pixel_mm[0], self.per_mm * self.pixel_mm[1]

    @property
    def origin(self) -> tuple[float, float]:
        """(x, y) on the widget of the outer corner of the first pixel."""
        down, along = self.scale
        x = self.size[0] / 2 - self.middle[1] * self.shape[1] * along
        y = self.size[1] / 2 - self.middle[0] * self.shape[0] * down
        return x, y

    def on_widget(self, row: float, column: float) -> tuple[float, float]:
        """(x, y) of a position on the slice."""
        (x, y), (down, along) = self.origin, self.scale
        return x + column * along, y + row * down

    def on_slice(self, x: float, y: float) -> tuple[float, float]:
        """(row, column) of a position on the widget; may lie outside the slice."""
        (left, top), (down, along) = self.origin, self.scale
        return (y - top) / down, (x - left) / along

    def moved(self, dx: float, dy: float) -> Placing:
        """Pan by screen pixels; the middle of the widget stays on the slice."""
        down, along = self.scale
        row = self.middle[0] - dy / (down * self.shape[0])
        column = self.middle[1] - dx / (along * self.shape[1])
        return replace(self, middle=(min(max(row, 0.0), 1.0), min(max(column, 0.0), 1.0)))

    def zoomed(self, factor: float, x: float, y: float) -> Placing:
        """Zoom; what is under (x, y) stays there."""
        row, column = self.on_slice(x, y)
        low, high = ZOOM_LIMITS
        larger = replace(self, zoom=min(max(self.zoom * factor, low), high))
        now_x, now_y = larger.on_widget(row, column)
        return larger.moved(x - now_x, y - now_y)


@dataclass(frozen=True, slots=True)
class VisiblePart:
    """The part of a slice that is to be resized, and where it goes on the screen, in the screen's own pixels."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    x: int
    y: int
    width: int
    height: int

    def resized(self, pixels: NDArray[np.uint8], *, smooth: bool = True) -> NDArray[np.uint8]:
        """Resize the visible part to the screen: averaged when it gets smaller, interpolated when larger.

        Args:
            pixels: uint8 (rows, columns) or (rows, columns, channels) of the whole slice.
            smooth: cubic rather than linear; cubic may overshoot, which premultiplied colours cannot stand.

        Returns:
            uint8 (height, width) or (height, width, channels).
        """
        part = pixels[slice(*self.rows), slice(*self.columns)]
        larger = cv2.INTER_CUBIC if smooth else cv2.INTER_LINEAR
        smaller = self.width < part.shape[1] and self.height < part.shape[0]
        resized = cv2.resize(part, (self.width, self.height), interpolation=cv2.INTER_AREA if smaller else larger)
        return np.asarray(resized, np.uint8)


def visible_part(placing: Placing, ratio: float) -> VisiblePart | None:
    """What of the slice is on the screen, a little more than needed so that interpolation is right at the edges.

    Args:
        placing: the map to the widget.
        ratio: the screen's own pixels per device-independent pixel.

    Returns:
        None when nothing of the slice is visible.
    """
    margin = 3
    top, left = placing.on_slice(0, 0)
    bottom, right = placing.on_slice(*placing.size)
    rows = max(math.floor(top) - margin, 0), min(math.ceil(bottom) + margin, placing.shape[0])
    columns = max(math.floor(left) - margin, 0), min(math.ceil(right) + margin, placing.shape[1])
    if rows[0] >= rows[1] or columns[0] >= columns[1]:
        return None
    x, y = placing.on_widget(rows[0], columns[0])
    down, along = placing.scale
    return VisiblePart(
        rows,
        columns,
        round(x * ratio),
        round(y * ratio),
        max(round((columns[1] - columns[0]) * along * ratio), 1),
        max(round((rows[1] - rows[0]) * down * ratio), 1),
    )
