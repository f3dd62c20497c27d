"""The threshold detector that held-out phantoms must be too hard for: blobs as dense as fresh blood in the skull."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.brain_mask import ellipse

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOOD_HU = (50, 90)
"""Fresh blood, with both limits."""
PIXEL_MM = 1.0
"""Slices are made about so coarse by averaging, and a median over 3 x 3 takes away single grains of noise."""
SMALLEST_MM2 = 20.0
"""A smaller blob is noise."""
RIM_MM = 5.0
"""How much of the brain's rim the second way leaves out, where bone brightens it."""

SCORES = ("largest blob", "all blobs", "largest blob away from bone", "all blobs away from bone")
"""Ways to make one number of a slice, all in mm2; a scan has the largest of its slices."""


def blob_scores(hu: NDArray[np.int16], inside: NDArray[np.bool_], spacing_mm: tuple[float, float]) -> list[float]:
    """What the detector says of a slice.

    Args:
        hu: (rows, columns).
        inside: (rows, columns), the inside of the skull.
        spacing_mm: (row, column).

    Returns:
        One number for each of SCORES.
    """
    rows, columns = hu.shape
    size = (max(1, round(columns * spacing_mm[1] / PIXEL_MM)), max(1, round(rows * spacing_mm[0] / PIXEL_MM)))
    pixel_mm = (spacing_mm[0] * rows / size[1], spacing_mm[1] * columns / size[0])
    small = cv2.resize(hu.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    small = cv2.medianBlur(np.asarray(small, np.float32), 3)
    within = cv2.resize(inside.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    dense = (small >= BLOOD_HU[0]) & (small <= BLOOD_HU[1])
    deep = cv2.erode(within.astype(np.uint8), ellipse(RIM_MM, pixel_mm)) > 0
    return [score for region in (within, deep) for score in _largest_and_all(dense & region, pixel_mm[0] * pixel_mm[1])]


def _largest_and_all(mask: NDArray[np.bool_], pixel_mm2: float) -> tuple[float, float]:
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[1:count, cv2.CC_STAT_AREA] * pixel_mm2
    kept = areas[areas >= SMALLEST_MM2]
    return float(kept.max(initial=0)), float(kept.sum())
