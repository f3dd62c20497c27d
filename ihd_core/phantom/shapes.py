"""Planes through the head, signed depths of simple bodies, and smooth random fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Field = NDArray[np.float32]

FIELD_MM = 288.0
"""Side of the square that every random field covers, centred on the head."""


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
        height_mm: z at the middle of the picture, counts the planes of random fields.
    """

    x: Field
    y: Field
    z: Field
    pixel_mm: float
    thickness_mm: float
    to_field: NDArray[np.float64]
    height_mm: float


@dataclass(frozen=True, slots=True)
class Pose:
    """How the head lies in the scanner.

    Attributes:
        turn: in-plane rotation, radians; tilt: of the slices about the left-right axis, radians.
        shift_mm: (x, y) of the head's origin from the middle of the picture.
        scale: (x, y, z), size of this head over the standard one.
    """

    turn: float
    tilt: float
    shift_mm: tuple[float, float]
    scale: tuple[float, float, float]

    def plane(self, side: int, fov_mm: float, height_mm: float, thickness_mm: float) -> Plane:
        """The plane of side x side pixels whose middle is height_mm above the sella of this head."""
        pixel = fov_mm / side
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        half = (side - 1) / 2
        scale = np.array(self.scale)
        linear = np.array([[cos, sin], [-sin, cos]]) * pixel
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
        return Plane(x, y, z, pixel, thickness_mm, to_field, height_mm)


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
        field = cv2.warpAffine(grid, to_grid, side, flags=flags, borderMode=cv2.BORDER_REFLECT) * np.float32(1.25)
        if step > 1:
            wide = cv2.resize(field, (side[0] * step, side[1] * step), interpolation=cv2.INTER_LINEAR)
            field = wide[:rows, :columns]
        return np.asarray(field, np.float32)

    def texture(self, height_mm: float, side: int = 288) -> Field:
        """The field over its whole square, (side, side), for looking up bent coordinates."""
        fine = cv2.resize(self.grid(height_mm), (side, side), interpolation=cv2.INTER_CUBIC)
        return np.asarray(fine, np.float32) * np.float32(1.25)


def look_up(texture: Field, x: Field, y: Field) -> Field:
    """A texture's values at positions of the head in mm, linear between its pixels."""
    per_mm = np.float32(len(texture) / FIELD_MM)
    middle = np.float32((len(texture) - 1) / 2)
    found = cv2.remap(
        texture, x * per_mm + middle, y * per_mm + middle, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(found, np.float32)


def ellipsoid(
    x: Field, y: Field, z: Field, center: tuple[float, float, float], radii: tuple[float, float, float]
) -> Field:
    """Depth below the surface of an ellipsoid in mm, to first order; negative outside."""
    u = (x - np.float32(center[0])) * np.float32(1 / radii[0])
    v = (y - np.float32(center[1])) * np.float32(1 / radii[1])
    w = (z - np.float32(center[2])) * np.float32(1 / radii[2])
    k = np.sqrt(u * u + v * v + w * w) + np.float32(1e-3)
    u *= np.float32(1 / radii[0])
    v *= np.float32(1 / radii[1])
    w *= np.float32(1 / radii[2])
    slope = np.sqrt(u * u + v * v + w * w) + np.float32(1e-5)
    return np.asarray((1 - k) * k / slope, np.float32)


def capsule(
    x: Field,
    y: Field,
    z: Field,
    ends: tuple[tuple[float, float, float], tuple[float, float, float]],
    radii: tuple[float, float],
    *,
    squeeze: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Field:
    """Depth inside a rod with round ends whose radius runs from radii[0] to radii[1], mm.

    squeeze multiplies the distances along x, y and z: 2 makes the rod half as wide in that direction.
    """
    s = np.array(squeeze)
    a, b = np.array(ends[0]) * s, np.array(ends[1]) * s
    axis = b - a
    px = x * np.float32(s[0]) - np.float32(a[0])
    py = y * np.float32(s[1]) - np.float32(a[1])
    pz = z * np.float32(s[2]) - np.float32(a[2])
    unit = (axis / max(float(axis @ axis), 1e-6)).astype(np.float32)
    t = np.clip(px * unit[0] + py * unit[1] + pz * unit[2], 0, 1)
    px -= t * np.float32(axis[0])
    py -= t * np.float32(axis[1])
    pz -= t * np.float32(axis[2])
    distance = np.sqrt(px * px + py * py + pz * pz)
    return np.asarray(np.float32(radii[0]) + t * np.float32(radii[1] - radii[0]) - distance, np.float32)


def cover(depth: Field, soft_mm: float | np.float32 | Field) -> Field:
    """Share of a pixel that lies inside a body: 0 outside, 1 inside, linear over soft_mm about its surface."""
    return np.asarray(np.clip(depth / soft_mm + np.float32(0.5), 0, 1), np.float32)


def blurred(field: Field, sigma: float) -> Field:
    """Gaussian blur; sigma in pixels. Wide blurs are done on a smaller picture."""
    if sigma < 0.2:
        return field
    shrink = int(min(8, max(1, sigma // 2.5)))
    if shrink == 1:
        return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)
    small = cv2.resize(field, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, field.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
