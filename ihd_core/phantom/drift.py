"""How a scanner's artifacts change from slice to slice: slowly along the body, so that neighbours look alike."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.shapes import Field

NUMBERS_MM, UNEVEN_MM, SHADE_MM = 28.0, 48.0, 72.0
"""Distances over which numbers, the strength of the rim, and the shading change."""


class Drift:
    """Smooth random functions of the height, and of the height and the place in the picture."""

    def __init__(self, seed: int) -> None:
        """Draw them; equal seeds are equal."""
        rng = np.random.default_rng([seed, 21])
        self._numbers = SmoothField(rng, 96.0, layer_mm=NUMBERS_MM)
        self._uneven = SmoothField(rng, UNEVEN_MM)
        self._shade = SmoothField(rng, SHADE_MM)
        self.ring_seed = int(rng.integers(2**31))

    def numbers(self, height_mm: float) -> Field:
        """Independent numbers about 0 with deviation 1, (16,)."""
        return self._numbers.grid(height_mm).ravel()[:16]

    def uneven(self, height_mm: float, side: int) -> Field:
        """How much stronger the rim is here, about 0 with deviation 1, (side, side)."""
        return _enlarged(self._uneven.grid(height_mm), side)

    def shade(self, height_mm: float, side: int) -> Field:
        """A slow shading, about 0 with deviation 1, (side, side)."""
        return _enlarged(self._shade.grid(height_mm), side)


@lru_cache(maxsize=4)
def drift_of(seed: int) -> Drift:
    """The drift of one scan; the last few are kept."""
    return Drift(seed)


def _enlarged(grid: Field, side: int) -> Field:
    return np.asarray(cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
