"""The network's input and a whole reading, written as most scripts write them: to compare our fast ways with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.model_input import AIR, CHANNELS, neighbours_of, placement, slabs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ihd_core.model_file import ModelInfo
    from ihd_core.model_input import Placement
    from ihd_core.scan import Scan


def naive_input(scan: Scan, info: ModelInfo) -> NDArray[np.float64]:
    """What the network gets, written to be read rather than to be fast: whole scan, double precision, step by step.

    Args:
        scan: axial.
        info: of the network.

    Returns:
        (slabs, channels, side, side), 0..1.
    """
    place = placement(scan, info.side)
    hu = np.stack([scan.hu[slab.start : slab.stop].mean(axis=0, dtype=np.float64) for slab in slabs(scan)])
    hu = _naive_square(np.ascontiguousarray(place.turn.apply(hu)), place)
    if info.resize == "hu":
        views = np.stack(_windowed(np.rint(_naive_small(hu, info.side))))
    else:
        views = np.stack([_naive_small(view, info.side) for view in _windowed(hu)])
    together = [neighbours_of(index, len(hu), info.neighbours) for index in range(len(hu))]
    return np.stack([np.concatenate([views[:, one] for one in some]) for some in together])


def _windowed(hu: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The three windows one after the other, each (slabs, rows, columns)."""
    views = []
    for window in CHANNELS:
        low, high = window.center - window.width / 2, window.center + window.width / 2
        views.append((np.clip(hu, low, high) - low) / (high - low))
    return views


def _naive_small(pictures: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Square pictures at the network's size, one by one."""
    how = cv2.INTER_AREA if pictures.shape[1] > side else cv2.INTER_LINEAR
    small = [cv2.resize(picture, (side, side), interpolation=how) for picture in pictures]
    return np.asarray(small, np.float64)


def _naive_square(hu: NDArray[np.float64], place: Placement) -> NDArray[np.float64]:
    """Slices with square pixels, and air where rows or columns are missing, (slabs, longest, longest)."""
    rows, columns = place.square
    if hu.shape[1:] != place.square:
        flat = [cv2.resize(one, (columns, rows), interpolation=cv2.INTER_LINEAR) for one in hu]
        hu = np.asarray(flat, np.float64)
    if rows == columns:
        return hu
    top, left = place.padding
    longest = max(rows, columns)
    around = ((0, 0), (top, longest - rows - top), (left, longest - columns - left))
    return np.pad(hu, around, constant_values=AIR)
