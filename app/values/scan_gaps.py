"""Places between slices where the patient is not shown: slices that are missing, or could not be read."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom.places import SAME_PLACE_MM
from ihd_core.model_input import GAP

if TYPE_CHECKING:
    from ihd_core.dicom.series import Series
    from ihd_core.scan import Scan

COVERED = 1.1
"""Slices no farther apart than this share of their own thickness leave nothing out."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One place where slices are missing.

    Attributes:
        after_index: the slice below it; -1 below the first slice.
        distance_mm: between the slices on both sides, along the normal; NaN beyond the first or last slice.
        missing: how many slices the usual distance leaves room for, at least 1.
        unread: how many of them are in the files and could not be read.
    """

    after_index: int
    distance_mm: float
    missing: int
    unread: int = 0

    @property
    def size(self) -> str:
        """How large it is, for the reader: "Gap of 10 mm, 1 slice missing"."""
        count = f"{self.missing} slice{'' if self.missing == 1 else 's'}"
        what = f"{count} not readable" if self.unread == self.missing else f"{count} missing"
        return what if math.isnan(self.distance_mm) else f"Gap of {self.distance_mm:.3g} mm, {what}"


def scan_gaps(scan: Scan, series: Series | None = None) -> tuple[Gap, ...]:
    """Where neighbouring slices are farther apart than GAP times the usual distance, or a slice could not be read.

    A wider distance is no gap where the slices beside it are thick enough to meet, as in a scan of 4 mm slices below
    and 7 mm slices above, unless the scan's own warning says that slices are missing there.

    Args:
        scan: a whole scan.
        series: what it was read from; tells the thickness of every slice and which ones could not be read.

    Returns:
        Inferior first.
    """
    heights, usual = scan.heights_mm, scan.spacing_mm[0]
    distances = np.diff(heights)
    unread = _unread(scan, series)
    found = {int(w.values["after_index"]) for w in scan.warnings if w.code == "missing-slices" and w.values}
    if usual > 0:
        wide = (int(index) for index in np.flatnonzero(distances > GAP * usual))
        found |= {index for index in wide if distances[index] > COVERED * _thickness_mm(scan, series, index)}
    gaps = []
    for index in sorted(found | set(unread)):
        inside = 0 <= index < len(distances)
        if not inside and index not in unread:
            continue
        distance = float(distances[index]) if inside else math.nan
        room = round(distance / usual) - 1 if inside and usual > 0 else 0
        gaps.append(Gap(index, distance, max(room, unread[index], 1), unread[index]))
    return tuple(gaps)


def gap_between(gaps: tuple[Gap, ...], one: int, other: int) -> Gap | None:
    """The widest gap on the way from one slice to another; None where there is none."""
    low, high = sorted((one, other))
    crossed = [gap for gap in gaps if low <= gap.after_index < high]
    return max(crossed, key=lambda gap: gap.missing, default=None)


def beside(gaps: tuple[Gap, ...], index: int) -> tuple[str, ...]:
    """What the corner of the picture says of the gaps below and above one slice."""
    lines = []
    for gap in gaps:
        if gap.after_index not in (index - 1, index):
            continue
        side = "above" if gap.after_index == index else "below"
        lines.append(f"{gap.size} {side} this slice")
    return tuple(lines)


def _unread(scan: Scan, series: Series | None) -> Counter[int]:
    """Index of the slice below to the number of places there that were not read."""
    if series is None or series.slice_count <= len(scan):
        return Counter()
    heights = scan.heights_mm
    planned = series.stack.positions_mm @ scan.orientation[2]
    lost = [h for h in planned if not len(heights) or np.abs(heights - h).min() > SAME_PLACE_MM]
    return Counter(int(np.searchsorted(heights, height)) - 1 for height in lost)


def _thickness_mm(scan: Scan, series: Series | None, index: int) -> float:
    """Of the thinner of two neighbouring slices; 0 where the files do not tell."""
    if series is None:
        return scan.details.thickness_mm
    planned = series.stack.positions_mm @ scan.orientation[2]
    places = [int(np.abs(planned - scan.heights_mm[slice_index]).argmin()) for slice_index in (index, index + 1)]
    return min(series.stack.headers[place].details.thickness_mm for place in places)
