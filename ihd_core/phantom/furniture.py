"""What lies in the picture beside the head: holders and the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.shapes import cover

if TYPE_CHECKING:
    from ihd_core.phantom.scanner import Scanner
    from ihd_core.phantom.shapes import Field


def furniture(scanner: Scanner, hu: Field, fov_mm: float) -> Field:
    """The head holder, painted where there is air."""
    pixel_mm = fov_mm / len(hu)
    across = (np.arange(len(hu), dtype=np.float32) - np.float32((len(hu) - 1) / 2)) * np.float32(pixel_mm)
    x, y = across[None, :], across[:, None]
    if not scanner.holder:
        return hu
    air = hu < -900
    if scanner.shape == "sides":
        # A U open to the front, seen as a bright line at either side.
        beyond = np.maximum(y - 30, 0)
        gap = np.abs(x) - np.float32(scanner.holder) + beyond * beyond * np.float32(1 / 220)
        air = air & (y > -25) & (y < 96)
    elif scanner.shape == "table":
        gap = y - np.float32(scanner.holder + 4) + x * x * np.float32(1 / 700)
        air = air & (np.abs(x) < 130)
    else:
        gap = np.sqrt(x * x + (y * np.float32(0.95)) ** 2) - np.float32(scanner.holder)
        air = air & (y > 8)
    shell = cover(np.float32(1.2) - np.abs(gap), pixel_mm) * air
    foam = cover(np.float32(4) - np.abs(gap + 5), pixel_mm) * air * (y > 20)
    return np.asarray(hu + foam * np.float32(40) + shell * np.float32(1060), np.float32)
