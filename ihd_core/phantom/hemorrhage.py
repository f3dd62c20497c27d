"""Hemorrhages of the five subtypes: how much blood every pixel of a plane holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ihd_core.labels import Label
from ihd_core.phantom.shapes import SmoothField, cover, ellipsoid

if TYPE_CHECKING:
    from ihd_core.phantom.head import Push, Tissue
    from ihd_core.phantom.shapes import Field

Point = tuple[float, float, float]


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
class Epidural:
    """A lens under the inner table about center, reach_mm wide in every direction, thick_mm in its middle."""

    center: Point
    reach_mm: float
    thick_mm: float
    hu: float
    swirl: SmoothField
    label: Label = Label.EPIDURAL
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue) -> Bleed:
        """Its blood on a plane."""
        away = _distance(tissue, self.center) * np.float32(1 / self.reach_mm)
        thick = np.float32(self.thick_mm) * (1 - away * away)
        share = cover(thick - tissue.depth, _soft(tissue)) * tissue.inside * (thick > -2) * (tissue.tent < 4)
        hu = np.float32(self.hu) - np.float32(6) * np.maximum(self.swirl.on(tissue.plane), 0)
        return Bleed(share, hu)


@dataclass(frozen=True, slots=True, eq=False)
class Subdural:
    """A crescent over one hemisphere, or a layer along falx or tentorium.

    Attributes:
        side: -1 right, 1 left.
        middle: (angle about the vertical axis in radians from the left, height in mm) of its middle.
        spread: (radians, mm) to either end.
        hu: (of the upper part, of the part that has settled).
    """

    where: str
    side: int
    middle: tuple[float, float]
    spread: tuple[float, float]
    thick_mm: float
    hu: tuple[float, float]
    level_mm: float
    swirl: SmoothField
    label: Label = Label.SUBDURAL
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue) -> Bleed:
        """Its blood on a plane."""
        uneven = self.swirl.on(tissue.plane)
        own = tissue.x * np.float32(self.side)
        rise = (tissue.z - np.float32(self.middle[1])) * np.float32(1 / self.spread[1])
        profile = 1 - rise * rise
        if self.where == "convexity":
            angle = np.arctan2(tissue.y, own) - np.float32(self.middle[0])
            turn = angle * np.float32(1 / self.spread[0])
            profile = np.minimum(1 - turn * turn, profile)
            gap = tissue.depth
            profile *= np.clip((own - 1) * np.float32(1 / 14), 0, 1)
            allowed = (tissue.tent < 2) & (own > 1.5)
        elif self.where == "falx":
            behind = (tissue.y - np.float32(40 * self.middle[0])) * np.float32(1 / (40 * self.spread[0]))
            profile = np.minimum(1 - behind * behind, profile)
            gap = np.abs(own - np.float32(self.thick_mm * 0.5)) * 2
            ring = np.sqrt((tissue.y / 46) ** 2 + ((tissue.z - 18) / 29) ** 2)
            allowed = (tissue.tent < 0) & (ring > 1)
        else:
            outward = (own - 32) * np.float32(1 / 24)
            profile = 1 - outward * outward
            gap = np.abs(tissue.tent + np.float32(self.thick_mm * 0.5)) * 2
            allowed = tissue.y > -4 + np.float32(0.4) * own
        thick = (
            np.float32(self.thick_mm)
            * np.power(np.clip(profile, 0, 1), np.float32(0.6))
            * (1 + np.float32(0.16) * uneven)
        )
        share = cover(thick - gap, _soft(tissue)) * tissue.inside * (allowed & (profile > 0))
        settled = cover(tissue.y - np.float32(self.level_mm), np.float32(10))
        hu = np.float32(self.hu[0]) + np.float32(self.hu[1] - self.hu[0]) * settled + np.float32(2.5) * uneven
        return Bleed(share, hu)


@dataclass(frozen=True, slots=True, eq=False)
class Subarachnoid:
    """Blood instead of fluid in sulci, fissures and cisterns within reach_mm of any of centers."""

    centers: tuple[Point, ...]
    reach_mm: float
    full: float
    hu: float
    swirl: SmoothField
    label: Label = Label.SUBARACHNOID
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue) -> Bleed:
        """Its blood on a plane."""
        away = _distance(tissue, self.centers[0])
        for center in self.centers[1:]:
            away = np.minimum(away, _distance(tissue, center))
        near = np.clip((1 - away * np.float32(1 / self.reach_mm)) * 4 + self.swirl.on(tissue.plane) * 0.5, 0, 1)
        return Bleed(
            np.clip(tissue.csf * np.float32(2.3) - np.float32(0.1), 0, 1) * near * np.float32(self.full),
            np.float32(self.hu),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Intraparenchymal:
    """A clot in the brain with a rim of edema."""

    center: Point
    radii: Point
    hu: float
    edema_mm: float
    edema_hu: float
    rough_mm: float
    swirl: SmoothField
    label: Label = Label.INTRAPARENCHYMAL
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue) -> Bleed:
        """Its blood on a plane."""
        uneven = self.swirl.on(tissue.plane)
        depth = ellipsoid(tissue.x, tissue.y, tissue.z, self.center, self.radii) + np.float32(self.rough_mm) * uneven
        brain = tissue.inside * (1 - tissue.ventricle) * cover(tissue.depth - 1, np.float32(1.5))
        share = cover(depth, _soft(tissue)) * brain
        edema = cover(depth + np.float32(self.edema_mm), np.float32(4)) * brain
        return Bleed(share, np.float32(self.hu) + 3 * uneven, edema, self.edema_hu)


@dataclass(frozen=True, slots=True, eq=False)
class Intraventricular:
    """Blood in the ventricles: settled behind a level, or a cast of a part.

    Attributes:
        sides: -1 right, 1 left: the lateral ventricles that hold some; 0 is the middle (third, fourth).
        level_mm: blood lies where y is greater, by side in the order of sides.
        full: share of fluid replaced.
    """

    sides: tuple[int, ...]
    level_mm: tuple[float, ...]
    full: float
    hu: float
    swirl: SmoothField
    label: Label = Label.INTRAVENTRICULAR
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue) -> Bleed:
        """Its blood on a plane."""
        share = np.zeros_like(tissue.ventricle)
        for side, level in zip(self.sides, self.level_mm, strict=True):
            own = np.abs(tissue.x) < 5 if side == 0 else tissue.x * side > (4 if 0 in self.sides else 0)
            share = np.maximum(share, cover(tissue.y - np.float32(level), np.float32(2)) * own)
        uneven = self.swirl.on(tissue.plane)
        return Bleed(share * tissue.ventricle * np.float32(self.full), np.float32(self.hu) + np.float32(3) * uneven)


def _distance(tissue: Tissue, center: Point) -> Field:
    dx, dy, dz = tissue.x - np.float32(center[0]), tissue.y - np.float32(center[1]), tissue.z - np.float32(center[2])
    return np.asarray(np.sqrt(dx * dx + dy * dy + dz * dz), np.float32)


def _soft(tissue: Tissue) -> np.float32:
    """Width of a lesion's edge: a pixel, and some of the slice's thickness because surfaces are oblique."""
    return np.float32(tissue.plane.pixel_mm + 0.35 * tissue.plane.thickness_mm)
