"""What a finding is, and how it paints a part of a plane."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

import numpy as np

if TYPE_CHECKING:
    from ihd_core.phantom.head import Push, Tissue
    from ihd_core.phantom.planes import Plane
    from ihd_core.phantom.shapes import Field

Point = tuple[float, float, float]

_BEND_MM = 8.0
"""How far straightened coordinates lie from the plane's own, at most."""


class Finding(Protocol):
    """One thing in a head that is not hemorrhage."""

    @property
    def name(self) -> str:
        """What a radiologist calls it."""

    @property
    def pushes(self) -> tuple[Push, ...]:
        """How it pushes the brain aside, or draws it near."""

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The HU (rows, columns) of a plane with it; hu itself, unchanged, where the plane does not meet it."""


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """The part of a plane about a finding: its rows and columns, its tissue, its HU so far (a copy)."""

    box: tuple[slice, slice]
    tissue: Tissue
    hu: Field

    def put(self, hu: Field, new: Field) -> Field:
        """A copy of the whole plane's HU with new in this part."""
        out = hu.copy()
        out[self.box] = new
        return out


def patch_about(tissue: Tissue, hu: Field, low: Point, high: Point) -> Patch | None:
    """The part of a plane that holds all that lies between two corners.

    Args:
        tissue: of the plane.
        hu: of the plane so far.
        low: least x, y, z, mm.
        high: greatest x, y, z, mm.

    Returns:
        None where the plane does not meet the box.
    """
    box = _rows_columns(tissue.plane, low, high)
    z = tissue.z[box]
    if z.size == 0 or float(z.min()) > high[2] or float(z.max()) < low[2]:
        return None
    return Patch(box, _cut(tissue, box), hu[box].copy())


def _rows_columns(plane: Plane, low: Point, high: Point) -> tuple[slice, slice]:
    corners = np.array(
        [(x, y) for x in (low[0] - _BEND_MM, high[0] + _BEND_MM) for y in (low[1] - _BEND_MM, high[1] + _BEND_MM)]
    )
    column, row = np.linalg.solve(plane.to_field[:, :2], (corners - plane.to_field[:, 2]).T)
    rows, columns = plane.x.shape
    top, bottom = np.clip([np.floor(row.min()), np.ceil(row.max()) + 1], 0, rows).astype(int)
    left, right = np.clip([np.floor(column.min()), np.ceil(column.max()) + 1], 0, columns).astype(int)
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def _cut(tissue: Tissue, box: tuple[slice, slice]) -> Tissue:
    plane, shape = tissue.plane, tissue.plane.x.shape
    to_field = plane.to_field.copy()
    to_field[:, 2] += to_field[:, :2] @ np.array([box[1].start, box[0].start], float)
    small = replace(
        plane, x=plane.x[box], y=plane.y[box], z=plane.z[box], to_field=to_field, fields=WeakKeyDictionary()
    )
    values = {one.name: getattr(tissue, one.name) for one in fields(tissue)}
    cut = {name: value[box] for name, value in values.items() if isinstance(value, np.ndarray) and value.shape == shape}
    return replace(tissue, **{**values, **cut, "plane": small})


def edge_mm(tissue: Tissue) -> np.float32:
    """Width of a body's edge: a pixel, and some of the slice's thickness because surfaces are oblique."""
    return np.float32(tissue.plane.pixel_mm + 0.3 * tissue.plane.thickness_mm)


def distance(tissue: Tissue, center: Point) -> Field:
    """Distance to center, mm, (rows, columns)."""
    dx, dy, dz = tissue.x - np.float32(center[0]), tissue.y - np.float32(center[1]), tissue.z - np.float32(center[2])
    return np.asarray(np.sqrt(dx * dx + dy * dy + dz * dz), np.float32)


def brain_share(tissue: Tissue) -> Field:
    """Share of every pixel that is brain: inside the skull and no fluid, 0..1."""
    return np.asarray(tissue.inside * np.clip(1 - tissue.csf - tissue.ventricle, 0, 1), np.float32)


def box_about(center: Point, reach: float | Point) -> tuple[Point, Point]:
    """The two corners of a box about center."""
    x, y, z = (reach, reach, reach) if isinstance(reach, int | float) else reach
    return (center[0] - x, center[1] - y, center[2] - z), (center[0] + x, center[1] + y, center[2] + z)


def vault_point(side: int, angle: float, height_mm: float) -> Point:
    """A point near the inner table: angle about the body axis, 0 at the side, pi/2 behind; height over the sella."""
    shrink = float(np.sqrt(max(0.05, 1 - (max(height_mm - 6, 0) / 84) ** 2)))
    return side * 68 * float(np.cos(angle)) * shrink, 4 + 83 * float(np.sin(angle)) * shrink, height_mm
