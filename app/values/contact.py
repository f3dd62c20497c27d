"""All slices of a scan on one sheet: small, in the window on the screen, numbered, with what the model calls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from app.panels.slice_picture import Badge, Mark, SlicePicture
from ihd_core.labels import SUBTYPES, Label
from ihd_core.orientation import edge_letters
from ihd_core.windowing import to_grey

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from app.session import Shown
    from ihd_core.orientation import Turn
    from ihd_core.scan import Scan
    from ihd_core.windowing import Window

MOST_TILES = 64
"""Of a scan with more slices every second, third, … is shown."""
SHEET_PX = 1600
"""Width and height of the whole sheet, about."""
LIGHT = 220


@dataclass(frozen=True, slots=True)
class Sheet:
    """How the tiles lie.

    Attributes:
        slices: indices of the slices that are on it, from left to right and from top to bottom, inferior first.
        across: tiles side by side.
        tile: (rows, columns) of one, pixels of the sheet.
        shrunk: pixels of the slice to one of the sheet, along rows and columns alike.
    """

    slices: tuple[int, ...]
    across: int
    tile: tuple[int, int]
    shrunk: int

    @property
    def down(self) -> int:
        """Tiles above one another."""
        return -(-len(self.slices) // self.across)

    def corner(self, place: int) -> tuple[int, int]:
        """(row, column) of the first pixel of a tile."""
        return self.header + place // self.across * self.tile[0], place % self.across * self.tile[1]

    @property
    def header(self) -> int:
        """Rows above the tiles that stay black, for identity and warnings."""
        return self.tile[0] // 2


def sheet_of(shown: Shown) -> Sheet:
    """The tiles of the open scan.

    Raises:
        ValueError: no scan is open.
    """
    if shown.scan is None:
        raise ValueError("no scan is open")
    count, rows, columns = shown.scan.hu.shape
    if shown.turn.transpose:
        rows, columns = columns, rows
    step = -(-count // MOST_TILES)
    slices = tuple(range(0, count, step))
    across = math.ceil(math.sqrt(len(slices)))
    shrunk = max(1, -(-across * max(rows, columns) // SHEET_PX))
    return Sheet(slices, across, (max(rows // shrunk, 1), max(columns // shrunk, 1)), shrunk)


def contact_picture(shown: Shown) -> SlicePicture:
    """The sheet; the slice on the screen has a frame. No heatmap is drawn on it.

    Raises:
        ValueError: no scan is open.
    """
    sheet, scan = sheet_of(shown), shown.scan
    if scan is None:
        raise ValueError("no scan is open")
    pixels = np.zeros((sheet.header + sheet.down * sheet.tile[0], sheet.across * sheet.tile[1]), np.uint8)
    for place, index in enumerate(sheet.slices):
        row, column = sheet.corner(place)
        tile = _tile(scan, index, shown.window, shown.turn, sheet.tile)
        tile = 255 - tile if shown.inverted else tile.copy()
        _write(tile, f"{index + 1} {' '.join(_called(shown, index))}".strip(), inverted=shown.inverted)
        pixels[row : row + sheet.tile[0], column : column + sheet.tile[1]] = tile
    rows_mm, columns_mm = (mm * sheet.shrunk for mm in scan.spacing_mm[1:])
    left_out = len(scan) - len(sheet.slices)
    badges = (Badge(f"{left_out} of {len(scan)} slices are not on this sheet", serious=False),) if left_out else ()
    return SlicePicture(
        pixels=pixels,
        pixel_mm=(columns_mm, rows_mm) if shown.turn.transpose else (rows_mm, columns_mm),
        window=shown.window,
        letters=edge_letters(scan.orientation).turned(shown.turn),
        bottom_left=(f"C {shown.window.center:g} W {shown.window.width:g} {shown.window.name}".strip(),),
        badges=badges,
        marks=_frame(sheet, shown.slice_index),
        linked="sheet",
    )


def tile_at(shown: Shown, row: int, column: int) -> int | None:
    """Which slice is at a pixel of the sheet; None where there is none."""
    sheet = sheet_of(shown)
    place = (row - sheet.header) // sheet.tile[0] * sheet.across + column // sheet.tile[1]
    return sheet.slices[place] if 0 <= place < len(sheet.slices) and column // sheet.tile[1] < sheet.across else None


def _frame(sheet: Sheet, slice_index: int) -> tuple[Mark, ...]:
    """Around the slice on the screen, or the one before it that is on the sheet."""
    place = max((number for number, index in enumerate(sheet.slices) if index <= slice_index), default=0)
    (top, left), (height, width) = sheet.corner(place), sheet.tile
    bottom, right = top + height - 1, left + width - 1
    return (Mark((((top, left), (top, right), (bottom, right), (bottom, left), (top, left)),)),)


@lru_cache(maxsize=4 * MOST_TILES)
def _tile(scan: Scan, index: int, window: Window, turn: Turn, size: tuple[int, int]) -> NDArray[np.uint8]:
    """One slice, small; what a pixel of it covers is averaged, so that no thin line is lost by chance."""
    grey = np.ascontiguousarray(turn.apply(to_grey(scan.hu[index], window)))
    return np.asarray(cv2.resize(grey, (size[1], size[0]), interpolation=cv2.INTER_AREA), np.uint8)


def _called(shown: Shown, index: int) -> list[str]:
    """Short names of what the model calls on a slice, where that may be seen."""
    prediction = shown.prediction
    if prediction is None or prediction.withheld or not shown.results_visible:
        return []
    row, model = prediction.slices[index], prediction.model
    detected = prediction.detected(shown.setting)
    above = [one for one in detected if row[one.column] > model.threshold(shown.setting, "slice", one)]
    return [one.short_name for one in above if one in SUBTYPES] or [one.short_name for one in above if one is Label.ANY]


def _write(tile: NDArray[np.uint8], text: str, *, inverted: bool) -> None:
    size = max(tile.shape[0] / 260, 0.35)
    place = 4, round(4 + 24 * size)
    for thickness, ink in ((3, 255 if inverted else 0), (1, 0 if inverted else LIGHT)):
        cv2.putText(tile, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, ink, thickness, cv2.LINE_AA)
