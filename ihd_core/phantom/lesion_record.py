"""What one subtype's blood looks like on one slice: the numbers behind detection limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ihd_core.labels import Label
    from ihd_core.phantom.shapes import Field

VISIBLE_HU = 12.0
VISIBLE_MM2 = 50.0
"""Blood is seen on a slice where it changes the HU, before noise, by this much over this area."""
PLACE_SHARE = 0.3
"""A subtype's mask holds the pixels that it fills to this share or more."""


@dataclass(frozen=True, slots=True)
class LesionRecord:
    """One subtype on one slice that holds some of its blood, visible or not.

    Attributes:
        label: the subtype.
        slice_index: 0 is the most inferior.
        area_mm2: where it changes the HU by VISIBLE_HU or more.
        contrast_hu: mean change there, or where nothing is visible over its place; negative for blood darker than what
            it replaced.
        thickness_mm: of its place, the greatest across in the slice.
        volume_ml: of all blood of this subtype in the scan.
    """

    label: Label
    slice_index: int
    area_mm2: float
    contrast_hu: float
    thickness_mm: float
    volume_ml: float

    @property
    def visible(self) -> bool:
        """Whether the slice is labelled with it."""
        return self.area_mm2 >= VISIBLE_MM2


def lesion_record(
    label: Label, slice_index: int, share: Field, change: Field, *, pixel_mm: float, volume_ml: float
) -> LesionRecord | None:
    """Measure one subtype on one slice.

    Args:
        label: the subtype.
        slice_index: of the slice.
        share: (rows, columns), of every pixel that is its blood, 0..1.
        change: (rows, columns), HU with it minus HU without it, before noise.
        pixel_mm: side of a pixel.
        volume_ml: of the whole.

    Returns:
        None where no pixel is filled to PLACE_SHARE and nothing is visible.
    """
    place = share >= np.float32(PLACE_SHARE)
    seen: NDArray[np.bool_] = np.abs(change) >= np.float32(VISIBLE_HU)
    if not place.any() and not seen.any():
        return None
    where = seen if seen.any() else place
    framed = np.pad((place if place.any() else seen).astype(np.uint8), 1)
    thickness = 2 * float(cv2.distanceTransform(framed, cv2.DIST_L2, 5).max()) - 1
    return LesionRecord(
        label,
        slice_index,
        float(np.count_nonzero(seen)) * pixel_mm**2,
        float(change[where].mean()),
        thickness * pixel_mm,
        volume_ml,
    )
