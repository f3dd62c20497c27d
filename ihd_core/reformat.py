"""A scan cut across its slices: sagittal and coronal pictures of an axial stack, on true geometry."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from ihd_core.scan import Scan


class Cut(StrEnum):
    """What of a slice a cut keeps: a column of its pixels, or a row. Of a usual axial stack sagittal and coronal."""

    COLUMN = "column"
    ROW = "row"


@dataclass(frozen=True, slots=True, eq=False)
class Reformat:
    """A picture across the slices.

    Attributes:
        hu: int16 (rows, columns), the last slice at the top; square pixels; the scan's lowest HU where it has no data.
        known: bool (rows,), False where slices are missing and nothing can be said.
        pixel_mm: side of a pixel.
        orientation: float64 (3, 3), patient axes LPS: along a row, down a column, and their cross product.
        slice_rows: float64 (slices,), the row in which every slice lies.
    """

    hu: NDArray[np.int16]
    known: NDArray[np.bool_]
    pixel_mm: float
    orientation: NDArray[np.float64]
    slice_rows: NDArray[np.float64]

    def __post_init__(self) -> None:
        for array in (self.hu, self.known, self.orientation, self.slice_rows):
            array.flags.writeable = False


def reformat(scan: Scan, cut: Cut, index: float, missing: Collection[int] = ()) -> Reformat:
    """Cut across the slices, square to them: each is read where the plane meets it, however the stack is sheared.

    A tilted gantry takes slices that lie askew above one another. The plane is spanned by the slices' normal, so that
    what is straight in the patient is straight in the picture. Between slices HU are interpolated linearly by their
    true heights, however uneven.

    Args:
        scan: of at least two slices.
        cut: which way.
        index: of the column or row, as it lies in the middle slice of the stack.
        missing: slices above which others are missing; between such a one and the next nothing is made up.

    Raises:
        ValueError: the scan has one slice.
    """
    if len(scan) < 2:
        raise ValueError("a scan of one slice cannot be cut across")
    along_row, down_column, normal = scan.orientation
    across, along = (along_row, down_column) if cut is Cut.COLUMN else (down_column, along_row)
    step_across, step = scan.spacing_mm[:0:-1] if cut is Cut.COLUMN else scan.spacing_mm[1:]
    shift = scan.positions_mm - scan.positions_mm[len(scan) // 2]
    lines = scan.hu.swapaxes(1, 2) if cut is Cut.COLUMN else scan.hu
    beyond = float(scan.hu.min())
    places = index - shift @ across / step_across
    met = [_between(line, float(place), beyond) for line, place in zip(lines, places, strict=True)]
    read = np.stack([_shifted(line, float(late), beyond) for line, late in zip(met, shift @ along / step, strict=True)])
    heights = scan.heights_mm - scan.heights_mm[0]
    rows = np.arange(int(heights[-1] / step) + 1)[::-1] * step
    upper = np.clip(np.searchsorted(heights, rows), 1, len(heights) - 1)
    gap = heights[upper] - heights[upper - 1]
    share = ((rows - heights[upper - 1]) / gap).astype(np.float32)[:, None]
    hu = read[upper - 1] * (1 - share) + read[upper] * share
    known = ~np.isin(upper - 1, list(missing)) | (share[:, 0] == 0) | (share[:, 0] == 1)
    hu[~known] = beyond
    return Reformat(
        hu=np.rint(hu).astype(np.int16),
        known=known,
        pixel_mm=step,
        orientation=np.stack([along, -normal, np.cross(along, -normal)]),
        slice_rows=(rows[0] - heights) / step,
    )


def _between(lines: NDArray[np.int16], index: float, beyond: float) -> NDArray[np.float32]:
    """The line at an index between two others."""
    if not -0.5 <= index <= len(lines) - 0.5:
        return np.full(lines.shape[1], beyond, np.float32)
    index = min(max(index, 0.0), len(lines) - 1.0)
    lower = min(int(index), max(len(lines) - 2, 0))
    share = np.float32(index - lower)
    line: NDArray[np.float32] = lines[lower].astype(np.float32)
    if share == 0:
        return line
    return np.asarray(line * (1 - share) + lines[lower + 1] * share, np.float32)


def _shifted(line: NDArray[np.float32], pixels: float, beyond: float) -> NDArray[np.float32]:
    """A line that begins this many pixels later, on the same grid."""
    if pixels == 0:
        return line
    places = np.arange(len(line), dtype=np.float64)
    return np.interp(places - pixels, places, line, beyond, beyond).astype(np.float32)
