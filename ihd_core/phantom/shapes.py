"""Planes through the head, signed depths of simple bodies, and smooth random fields."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Field = NDArray[np.float32]
    Paint = Callable[..., Field]

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


FAR = -99.0
"""Depth in mm far outside a body, where it is not worked out."""

Point = tuple[float, float, float]


class Place:
    """The coordinates of one plane, straightened for one head, and the bodies on it.

    Attributes:
        x, y, z: float32 (rows, columns), mm, as anatomy sees them; a: |x|.
        low, high: least and greatest z.
        soft: width in mm over which an oblique edge is spread by pixel and slice.
    """

    def __init__(self, plane: Plane, x: Field, y: Field, z: Field) -> None:
        """Take coordinates that differ from the plane's by some mm."""
        self.plane, self.x, self.y, self.z, self.a = plane, x, y, z, np.abs(x)
        self.low, self.high = float(z.min()), float(z.max())
        self.pixel = plane.pixel_mm
        self.soft = np.float32(plane.pixel_mm + 0.22 * plane.thickness_mm)
        (a, b, x0), (c, d, y0) = plane.to_field.tolist()
        size = a * d - b * c
        self._to_pixel = ((d / size, -b / size), (-c / size, a / size))
        self._origin = (x0, y0)

    def with_x(self, x: Field) -> Place:
        """The same place with another x."""
        return Place(self.plane, x, self.y, self.z)

    def cut(self, box: tuple[slice, slice]) -> Place:
        """The rows and columns of box, which must hold a pixel."""
        return Place(self.plane.cut(box), self.x[box], self.y[box], self.z[box])

    def reaches(self, low: float, high: float) -> bool:
        """Whether the plane meets heights from low to high, mm."""
        return self.high >= low - 2 and self.low <= high + 2

    def box(self, low: tuple[float, float], high: tuple[float, float]) -> tuple[slice, slice]:
        """Rows and columns that hold every pixel with (x, y) between low and high, mm."""
        # Plain numbers: this is asked for every body of every plane.
        (cx, cy), (rx, ry) = self._to_pixel
        x, y = ([end - self._origin[i] for end in (low[i], high[i])] for i in (0, 1))
        across = [cx * a + cy * b for a in x for b in y]
        down = [rx * a + ry * b for a in x for b in y]
        rows, columns = self.x.shape
        top, bottom = max(0, floor(min(down))), min(rows, ceil(max(down)) + 1)
        left, right = max(0, floor(min(across))), min(columns, ceil(max(across)) + 1)
        return slice(min(top, rows), max(bottom, 0)), slice(min(left, columns), max(right, 0))

    def nowhere(self) -> Field:
        """FAR everywhere, as a view of one number."""
        return np.broadcast_to(np.float32(FAR), self.x.shape)

    def ellipsoid(
        self,
        center: Point,
        radii: Point,
        *,
        pair: bool = False,
        lean: tuple[float, float] = (0.0, 0.0),
        margin: float = 3,
    ) -> Field:
        """Depth below the surface of an ellipsoid in mm, to first order; FAR beyond margin.

        Args:
            center: mm.
            radii: mm along x, y, z.
            pair: one at either side, mirrored in the midline.
            lean: the body's x grows by lean[0], its z by lean[1], a mm of y.
            margin: how far outside the depth is needed.
        """
        if not self.reaches(center[2] - radii[2] - margin, center[2] + radii[2] + margin) and not lean[1]:
            return self.nowhere()
        reach = margin + 7
        far = abs(center[0]) + radii[0] + reach + abs(lean[0]) * (radii[1] + abs(center[1]))
        left = -far if pair else center[0] - radii[0] - reach
        right = far if pair else center[0] + radii[0] + reach
        box = self.box((left, center[1] - radii[1] - reach), (right, center[1] + radii[1] + reach))
        depth = np.full_like(self.x, FAR)
        x, y, z = (self.a if pair else self.x)[box], self.y[box], self.z[box]
        if lean[0]:
            x = x - np.float32(lean[0]) * y
        if lean[1]:
            z = z - np.float32(lean[1]) * y
        depth[box] = ellipsoid(x, y, z, center, radii)
        return depth

    def rod(
        self,
        ends: tuple[Point, Point],
        radii: tuple[float, float],
        *,
        pair: bool = False,
        squeeze: Point = (1.0, 1.0, 1.0),
        margin: float = 3,
    ) -> Field:
        """Depth in a rod with round ends whose radius runs from radii[0] to radii[1], mm; FAR beyond margin.

        squeeze multiplies the distances along x, y and z: 2 makes the rod half as wide in that direction.
        """
        most = max(radii) + margin
        low, high = (
            [extreme(p, q) + sign * most / s for p, q, s in zip(*ends, squeeze, strict=True)]
            for extreme, sign in ((min, -1), (max, 1))
        )
        if not self.reaches(low[2], high[2]):
            return self.nowhere()
        left = -high[0] if pair else low[0]
        box = self.box((left - 7, low[1] - 7), (high[0] + 7, high[1] + 7))
        depth = np.full_like(self.x, FAR)
        x = self.a if pair else self.x
        depth[box] = rod(x[box], self.y[box], self.z[box], ends, radii, squeeze=squeeze)
        return depth


def painted(
    at: Place, hu: Field, corners: tuple[tuple[float, float], tuple[float, float]], paint: Paint, *fields: Field
) -> Field:
    """HU painted on within a box alone.

    Args:
        at: the whole plane.
        hu: of the whole plane.
        corners: least and greatest (x, y) that paint changes, mm.
        paint: makes HU of the cut place, the cut HU and the cut fields.
        fields: what else paint needs, (rows, columns).
    """
    box = at.box(*corners)
    if not at.x[box].size:
        return hu
    hu = hu.copy()
    hu[box] = paint(at.cut(box), hu[box], *(field[box] for field in fields))
    return hu


def deepest(*depths: Field) -> Field:
    """Depth in the union of bodies."""
    union = depths[0].copy()
    for depth in depths[1:]:
        if depth.strides[0]:  # all but Place.nowhere
            np.maximum(union, depth, out=union)
    return union


def ellipsoid(x: Field, y: Field, z: Field, center: Point, radii: Point) -> Field:
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


def rod(
    x: Field, y: Field, z: Field, ends: tuple[Point, Point], radii: tuple[float, float], *, squeeze: Point
) -> Field:
    """Depth in a rod with round ends, mm; see Place.rod."""
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
