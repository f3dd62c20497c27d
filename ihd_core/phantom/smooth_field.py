"""Smooth random functions of the position in the head."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from ihd_core.phantom.planes import Plane
    from ihd_core.phantom.shapes import Field

FIELD_MM = 288.0
"""Side of the square that every random field covers, centred on the head."""


class SmoothField:
    """A smooth random function of the position in the head, about 0 with deviation 1."""

    def __init__(self, rng: np.random.Generator, cell_mm: float, *, layer_mm: float | None = None) -> None:
        """Draw the field; cell_mm is about half a wavelength, layer_mm the same along z."""
        cells = max(4, round(FIELD_MM / cell_mm) + 1)
        self._layer_mm = layer_mm or cell_mm
        layers = round(2 * FIELD_MM / self._layer_mm) + 2
        self._values = rng.standard_normal((layers, cells, cells), dtype=np.float32)

    def grid(self, height_mm: float) -> Field:
        """The field's own coarse grid at one height, (cells, cells)."""
        position = float(np.clip(height_mm / self._layer_mm + len(self._values) / 2, 0, len(self._values) - 1.001))
        below = int(position)
        share = position - below
        mixed = (1 - share) * self._values[below] + share * self._values[below + 1]
        return np.asarray(mixed / np.hypot(1 - share, share), np.float32)

    def on(self, plane: Plane) -> Field:
        """The field on a plane, (rows, columns)."""
        if plane.whole is not None:
            return self.on(plane.whole[0])[plane.whole[1]]
        if self not in plane.fields:
            plane.fields[self] = self._look_up(plane)
        return plane.fields[self]

    def _look_up(self, plane: Plane) -> Field:
        grid = self.grid(plane.height_mm)
        # Slow fields are looked up on every second or fourth pixel.
        step = int(np.clip(FIELD_MM / (len(grid) - 1) / (2.5 * plane.pixel_mm), 1, 4))
        rows, columns = plane.x.shape
        per_mm = (len(grid) - 1) / FIELD_MM
        to_grid = plane.to_field * per_mm
        to_grid[:, 2] += (len(grid) - 1) / 2 + to_grid[:, :2].sum(axis=1) * (step - 1) / 2
        to_grid[:, :2] *= step
        side = -(-columns // step), -(-rows // step)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        field = cv2.warpAffine(grid, to_grid, side, flags=flags, borderMode=cv2.BORDER_REFLECT)
        if step > 1:
            wide = cv2.resize(field, (side[0] * step, side[1] * step), interpolation=cv2.INTER_LINEAR)
            field = wide[:rows, :columns]
        return np.asarray(field * np.float32(1.25), np.float32)

    def texture(self, plane: Plane) -> Field:
        """The field over its whole square, one pixel a mm, for looking up bent coordinates."""
        if plane.whole is not None:
            return self.texture(plane.whole[0])
        if self not in plane.fields:
            side = round(FIELD_MM)
            fine = cv2.resize(self.grid(plane.height_mm), (side, side), interpolation=cv2.INTER_CUBIC)
            plane.fields[self] = np.asarray(fine, np.float32) * np.float32(1.25)
        return plane.fields[self]


def look_up(texture: Field, x: Field, y: Field) -> Field:
    """A texture's values at positions of the head in mm, linear between its pixels."""
    per_mm = np.float32(len(texture) / FIELD_MM)
    middle = np.float32((len(texture) - 1) / 2)
    found = cv2.remap(
        texture, x * per_mm + middle, y * per_mm + middle, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(found, np.float32)
