"""What every hemorrhage gives for a plane, and the part of a plane that it has to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from ihd_core.labels import Label
    from ihd_core.phantom.head import Push, Tissue
    from ihd_core.phantom.shapes import Field
    from ihd_core.phantom.smooth_field import SmoothField

Point = tuple[float, float, float]

MIDDLE: Point = (0.0, 4.0, 8.0)
"""Point of the head in mm from which directions to the vault are counted."""
VAULT_MM = 75.0
"""Usual distance of the inner table from there."""
BLOOD_HU = 60.0
"""What is above this where blood comes is bone, calcium or metal, HU."""


@dataclass(frozen=True, slots=True, eq=False)
class Bleed:
    """One hemorrhage on one plane.

    Attributes:
        share: of every pixel that is blood, 0..1.
        hu: of the blood, one number or (rows, columns).
        edema: share of every pixel that is swollen brain, 0..1; None without.
        edema_hu: of swollen brain.
    """

    share: Field
    hu: Field | np.float32
    edema: Field | None = None
    edema_hu: float = 20.0


class Hemorrhage(Protocol):
    """One hemorrhage of one subtype."""

    @property
    def label(self) -> Label:
        """Its subtype."""

    @property
    def pushes(self) -> tuple[Push, ...]:
        """How it pushes the brain aside."""

    def on(self, tissue: Tissue) -> Bleed:
        """Its blood on a plane."""


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """The fields of a tissue within a box of pixels; see Tissue."""

    tissue: Tissue
    box: tuple[slice, slice]
    x: Field
    y: Field
    z: Field
    depth: Field
    inside: Field
    csf: Field
    ventricle: Field
    tent: Field
    surface: Field

    def field(self, field: SmoothField) -> Field:
        """A random field within the box."""
        return field.on(self.tissue.plane)[self.box]

    @property
    def soft(self) -> np.float32:
        """Width of a lesion's edge in mm: a pixel, and some of the slice's thickness as surfaces are oblique."""
        return np.float32(self.tissue.plane.pixel_mm + 0.3 * self.tissue.plane.thickness_mm)

    @property
    def downhill(self) -> Field:
        """Distance in mm along gravity of a patient who lies on the back: along the picture's rows."""
        linear = self.tissue.plane.to_field[:, :2]
        lean = float(np.clip(-linear[1, 0] / linear[0, 0], -1, 1)) if abs(linear[0, 0]) > 1e-6 else 0.0
        return self.y + np.float32(lean) * self.x

    def bleed(
        self,
        share: Field,
        hu: Field | np.float32,
        edema: Field | None = None,
        edema_hu: float = 20.0,
    ) -> Bleed:
        """Fields of the box as fields of the whole plane.

        What is denser than any blood stays as it is: bone that shares a pixel with blood, calcium, metal.
        """
        hu = hu + np.maximum(self.tissue.hu[self.box] - np.float32(BLOOD_HU), 0)
        whole = np.zeros_like(self.tissue.x)
        whole[self.box] = share
        wide = np.full_like(self.tissue.x, 50)
        wide[self.box] = hu
        swollen = None
        if edema is not None:
            swollen = np.zeros_like(whole)
            swollen[self.box] = edema
        return Bleed(whole, wide, swollen, edema_hu)


_BEND_MM = 8.0
"""How far a head's straightened coordinates may lie from the plane's."""


def sight(tissue: Tissue, low: Point, high: Point) -> Sight | None:
    """The part of a plane between two corners in mm; None where the plane passes by."""
    if float(tissue.z.max()) < low[2] or float(tissue.z.min()) > high[2]:
        return None
    linear, origin = tissue.plane.to_field[:, :2], tissue.plane.to_field[:, 2]
    near, far = (np.array(low[:2]) - _BEND_MM, np.array(high[:2]) + _BEND_MM)
    corners = np.array([(x, y) for x in (near[0], far[0]) for y in (near[1], far[1])]) - origin
    column, row = (corners @ np.linalg.inv(linear).T).T
    rows, columns = tissue.x.shape
    top, bottom = np.clip([np.floor(row.min()), np.ceil(row.max()) + 1], 0, rows).astype(int)
    left, right = np.clip([np.floor(column.min()), np.ceil(column.max()) + 1], 0, columns).astype(int)
    if bottom - top < 2 or right - left < 2:
        return None
    box = slice(int(top), int(bottom)), slice(int(left), int(right))
    fields = (
        tissue.x, tissue.y, tissue.z, tissue.depth, tissue.inside,
        tissue.csf, tissue.ventricle, tissue.tent, tissue.surface,
    )  # fmt: skip
    return Sight(tissue, box, *(field[box] for field in fields))


def about(tissue: Tissue, center: Point, reach_mm: float) -> Sight | None:
    """The part of a plane within reach_mm of center along every axis."""
    low, high = (tuple(c + sign * reach_mm for c in center) for sign in (-1, 1))
    return sight(tissue, (low[0], low[1], low[2]), (high[0], high[1], high[2]))


def nothing(tissue: Tissue) -> Bleed:
    """No blood on this plane."""
    return Bleed(np.zeros_like(tissue.x), np.float32(50))


def arcs(at: Sight, center: Point) -> tuple[Field, Field, Field]:
    """Where pixels lie as seen from the middle of the head, about the direction to center.

    Returns:
        Two arcs along the vault in mm, level and upward from center, and the cosine of the angle to center.
    """
    out = np.array(center) - np.array(MIDDLE)
    out /= np.linalg.norm(out)
    level = np.array([-out[1], out[0], 0.0])
    level /= max(float(np.linalg.norm(level)), 1e-3)
    up = np.cross(out, level)
    dx, dy, dz = at.x - np.float32(MIDDLE[0]), at.y - np.float32(MIDDLE[1]), at.z - np.float32(MIDDLE[2])
    far = 1 / (np.sqrt(dx * dx + dy * dy + dz * dz) + np.float32(1e-3))
    along, rise, ahead = (
        (dx * np.float32(axis[0]) + dy * np.float32(axis[1]) + dz * np.float32(axis[2])) * far
        for axis in (level, up, out)
    )
    return along * np.float32(VAULT_MM), rise * np.float32(VAULT_MM), ahead


def beside_vault(at: Sight) -> Field:
    """Share 0..1 that keeps layers under the vault off the floor: low down only the outer part of the skull counts."""
    out = np.sqrt((at.x * np.float32(1 / 68)) ** 2 + ((at.y - 4) * np.float32(1 / 83)) ** 2)
    share = np.clip(np.maximum((out - np.float32(0.66)) * 8, (at.z - np.float32(10)) * np.float32(1 / 12)), 0, 1)
    return np.asarray(share, np.float32)


def side_of(rng: np.random.Generator) -> int:
    """-1 right, 1 left."""
    return -1 if rng.random() < 0.5 else 1


def spread(rng: np.random.Generator, median: float, sigma: float, low: float, high: float) -> float:
    """A size: log-normal, most about the median and a few much larger, within low..high."""
    return float(np.clip(median * np.exp(rng.normal(0, sigma)), low, high))
