"""Several slices as one picture: their mean, the brightest or the darkest of each pixel."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ihd_core.scan import Scan


class Projection(StrEnum):
    """What is taken of the HU along a slab."""

    MEAN = "mean"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"


def slab(scan: Scan, slice_index: int, thickness_mm: float, projection: Projection) -> NDArray[np.int16]:
    """A picture of all that lies within half a thickness of a slice, by heights along the normal.

    A slice stands for what lies nearer to it than to its neighbours. A mean is weighted by how much of that lies within
    the slab; a maximum and a minimum are taken of the slices whose middle does. The slice itself is always among them.

    Args:
        scan: whose slices.
        slice_index: in the middle.
        thickness_mm: of the slab; at or below the distance between slices it is the slice alone.
        projection: what is taken.

    Returns:
        int16 (rows, columns), HU, rounded; where the gantry is tilted each slice as it is stored, not sheared back.
    """
    weights = _shares(scan.heights_mm, slice_index, thickness_mm)
    if projection is not Projection.MEAN:
        within = np.abs(scan.heights_mm - scan.heights_mm[slice_index]) <= thickness_mm / 2
        within[slice_index] = True
        take = np.max if projection is Projection.MAXIMUM else np.min
        return np.asarray(take(scan.hu[within], axis=0), np.int16)
    chosen = np.flatnonzero(weights)
    if len(chosen) < 2:
        return np.asarray(scan.hu[slice_index])
    mean = np.tensordot(weights[chosen].astype(np.float32), scan.hu[chosen].astype(np.float32), axes=1)
    return np.asarray(np.rint(mean / weights.sum()), np.int16)


def _shares(heights: NDArray[np.float64], slice_index: int, thickness_mm: float) -> NDArray[np.float64]:
    """How much of each slice's own room lies within the slab, mm, (slices,)."""
    if len(heights) == 1:
        return np.ones(1)
    middles = (heights[1:] + heights[:-1]) / 2
    lower = np.concatenate([[2 * heights[0] - middles[0]], middles])
    upper = np.concatenate([middles, [2 * heights[-1] - middles[-1]]])
    low, high = (heights[slice_index] + sign * thickness_mm / 2 for sign in (-1, 1))
    shares: NDArray[np.float64] = np.maximum(np.minimum(upper, high) - np.maximum(lower, low), 0)
    return shares
