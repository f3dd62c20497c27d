"""The straightened coordinates of a plane, and bodies worked out only where they lie on it."""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.shapes import FAR, ellipsoid, rod

if TYPE_CHECKING:
    from collections.abc import Callable

    from ihd_core.phantom.planes import Plane
    from ihd_core.phantom.shapes import Field, Point

    Paint = Callable[..., Field]


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
