"""Planes through the head, and how it lies in the scanner."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ihd_core.phantom.shapes import Field
    from ihd_core.phantom.smooth_field import SmoothField


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """Where the pixels of one slice lie in the head.

    Attributes:
        x: float32 (rows, columns), mm, to the patient's left from the midline.
        y: float32 (rows, columns), mm, to posterior from the middle of the head.
        z: float32 (rows, columns), mm, to superior from the sella.
        pixel_mm: distance of neighbouring pixels.
        thickness_mm: of the part of the slice that this plane stands for.
        to_field: float64 (2, 3), pixel (column, row, 1) to (x, y) of the head, mm.
        height_mm: at which random fields are looked up: one for all planes of a slice.
        fields: random fields of this slice, looked up once; forgotten with the field, as a plane may outlive it.
        whole: the plane that this one is cut from, and the rows and columns of the cut.
    """

    x: Field
    y: Field
    z: Field
    pixel_mm: float
    thickness_mm: float
    to_field: NDArray[np.float64]
    height_mm: float
    fields: WeakKeyDictionary[SmoothField, Field]
    whole: tuple[Plane, tuple[slice, slice]] | None = None

    def moved(self, up_mm: float, thickness_mm: float) -> Plane:
        """The plane up_mm above this one, with the same random fields."""
        z = self.z + np.float32(up_mm)
        return replace(self, z=z, thickness_mm=thickness_mm)

    def cut(self, box: tuple[slice, slice]) -> Plane:
        """The rows and columns of box, with the same random fields."""
        to_field = self.to_field.copy()
        to_field[:, 2] += to_field[:, :2] @ np.array([box[1].start, box[0].start], float)
        return replace(self, x=self.x[box], y=self.y[box], z=self.z[box], to_field=to_field, whole=(self, box))


@dataclass(frozen=True, slots=True)
class Pose:
    """How the head lies in the scanner.

    Attributes:
        turn: in-plane rotation, radians; tilt: of the slices about the left-right axis, radians.
        shift_mm: (x, y) of the head's origin from the middle of the picture.
        scale: (x, y, z), size of this head over the standard one.
        roll: lean of the head to a side, about the front-back axis, radians.
    """

    turn: float
    tilt: float
    shift_mm: tuple[float, float]
    scale: tuple[float, float, float]
    roll: float = 0.0

    def plane(self, side: int, fov_mm: float, height_mm: float, thickness_mm: float) -> Plane:
        """The plane of side x side pixels whose middle is height_mm above the sella of this head."""
        pixel = fov_mm / side
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        half = (side - 1) / 2
        scale = np.array(self.scale)
        linear = np.array([[cos, sin], [-sin, cos]]) * pixel
        linear[0] *= np.cos(self.roll)
        linear[1] *= np.cos(self.tilt)
        linear /= scale[:2, None]
        offset = -linear @ np.array([half + self.shift_mm[0] / pixel, half + self.shift_mm[1] / pixel])
        to_field = np.column_stack([linear, offset])
        column = np.arange(side, dtype=np.float32)[None, :]
        row = np.arange(side, dtype=np.float32)[:, None]
        x = np.float32(linear[0, 0]) * column + np.float32(linear[0, 1]) * row + np.float32(offset[0])
        y = np.float32(linear[1, 0]) * column + np.float32(linear[1, 1]) * row + np.float32(offset[1])
        rise = np.float32(np.tan(self.tilt) * scale[1] / scale[2])
        z = np.float32(height_mm / scale[2]) - rise * y
        if self.roll:
            z -= np.float32(np.tan(self.roll) * scale[0] / scale[2]) * x
        return Plane(x, y, z, pixel, thickness_mm, to_field, height_mm, WeakKeyDictionary())
