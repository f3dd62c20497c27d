"""Hemorrhages of the five subtypes: how they are drawn, and how much blood every pixel of a plane holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ihd_core.labels import Label
from ihd_core.phantom.head import Push
from ihd_core.phantom.shapes import SmoothField, cover, ellipsoid

if TYPE_CHECKING:
    from ihd_core.phantom.head import Tissue
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


def draw_hemorrhage(label: Label, rng: np.random.Generator, size: float = 1.0) -> Hemorrhage:
    """Draw a hemorrhage of one subtype.

    Args:
        label: a subtype, not ANY.
        rng: where the numbers come from.
        size: 1 is as clinical ones vary; greater makes it larger, where it must be seen.
    """
    draw = {
        Label.EPIDURAL: _draw_epidural,
        Label.SUBDURAL: _draw_subdural,
        Label.SUBARACHNOID: _draw_subarachnoid,
        Label.INTRAPARENCHYMAL: _draw_intraparenchymal,
        Label.INTRAVENTRICULAR: _draw_intraventricular,
    }
    return draw[label](rng, size)


def _draw_epidural(rng: np.random.Generator, size: float) -> Hemorrhage:
    side = _side(rng)
    angle = float(rng.choice([rng.normal(-0.1, 0.35), rng.normal(-0.9, 0.2), rng.normal(0.7, 0.3)], p=[0.6, 0.2, 0.2]))
    height = float(rng.uniform(6, 48))
    reach = float(rng.uniform(17, 38)) * size
    shrink = np.sqrt(max(0.2, 1 - ((height - 6) / 84) ** 2))
    center = (float(side * 68 * np.cos(angle) * shrink), float(4 + 83 * np.sin(angle) * shrink), height)
    thick = float(np.clip(reach * rng.uniform(0.28, 0.6), 5, 26))
    push = Push(center, 45, float(max(0, thick - 8) * rng.uniform(0, 0.5)))
    return Epidural(center, reach, thick, float(rng.uniform(52, 80)), SmoothField(rng, 9), pushes=(push,))


def _draw_subdural(rng: np.random.Generator, size: float) -> Hemorrhage:
    side = _side(rng)
    where = str(rng.choice(["convexity", "falx", "tentorium"], p=[0.76, 0.15, 0.09]))
    age = (
        str(rng.choice(["acute", "chronic", "mixed", "subacute"], p=[0.56, 0.16, 0.18, 0.1])) if size == 1 else "acute"
    )
    if where != "convexity":
        age = "acute"
    fresh = float(rng.uniform(50, 78))
    old = float(rng.uniform(12, 28))
    hu = {"acute": (fresh, fresh), "chronic": (old, old + 4), "mixed": (old + 6, fresh), "subacute": (38.0, 50.0)}[age]
    thick = float(rng.uniform(4, 16) if where == "convexity" else rng.uniform(3.5, 8)) * min(size, 1.4)
    if age == "chronic":
        thick += 3
    middle = (float(rng.normal(0.15, 0.45)), float(rng.uniform(14, 48)))
    spread = (float(rng.uniform(0.35, 1.35)), float(rng.uniform(13, 58)))
    push = Push((side * 60.0, 0.0, middle[1]), 60, float(max(0, thick - 4) * rng.uniform(0, 0.7)))
    pushes = (push,) if where == "convexity" else ()
    level = float(rng.uniform(-20, 30)) if age == "mixed" else 0.0
    return Subdural(where, side, middle, spread, thick, hu, level, SmoothField(rng, 16), pushes=pushes)


def _draw_subarachnoid(rng: np.random.Generator, size: float) -> Hemorrhage:
    hu = float(rng.uniform(50, 78)) + 8 * (size - 1)
    if rng.random() < 0.55 or size > 1.7:
        reach = float(rng.uniform(24, 62)) * size
        offset = float(rng.normal(0, 14))
        centers: tuple[Point, ...] = ((offset, float(rng.normal(-12, 8)), float(rng.normal(1, 5))),)
        if rng.random() < 0.5:
            centers = (*centers, (float(_side(rng) * 45), -6.0, 9.0))
    else:
        reach = float(rng.uniform(16, 36)) * size
        angle = float(rng.uniform(-1.4, 1.4))
        height = float(rng.uniform(10, 62))
        shrink = np.sqrt(max(0.1, 1 - ((height - 6) / 84) ** 2))
        x = _side(rng) * 58 * np.cos(angle) * shrink
        centers = ((float(x), float(4 + 72 * np.sin(angle) * shrink), height),)
    return Subarachnoid(centers, reach, float(np.clip(rng.uniform(0.75, 1) * size, 0, 1)), hu, SmoothField(rng, 12))


def _draw_intraparenchymal(rng: np.random.Generator, size: float) -> Hemorrhage:
    places: tuple[tuple[Point, float], ...] = (
        ((26, -3, 10), 12.0),  # putamen
        ((12, 11, 13), 9.0),  # thalamus
        ((26, -46, 22), 15.0),  # frontal
        ((40, 30, 36), 15.0),  # parietal
        ((46, -4, -6), 12.0),  # temporal
        ((28, 56, 16), 13.0),  # occipital
        ((22, 42, -24), 11.0),  # cerebellum
        ((3, 9, -19), 6.5),  # pons
        ((30, 0, 54), 13.0),  # high frontoparietal
        ((24, -60, 6), 9.0),  # orbitofrontal, a contusion
    )
    center, largest = places[int(rng.integers(len(places)))]
    side = _side(rng)
    jitter = rng.normal(0, 3, 3)
    center = (float(side * (center[0] + jitter[0])), float(center[1] + jitter[1]), float(center[2] + jitter[2]))
    radius = float(np.clip(largest * rng.uniform(0.38, 1.6) * size, 4.5, 28))
    radii = tuple(float(radius * f) for f in rng.uniform(0.75, 1.3, 3))
    push = Push(center, 40, float(max(0, radius - 10) * rng.uniform(0, 0.5)))
    return Intraparenchymal(
        center,
        (radii[0], radii[1], radii[2]),
        hu=float(rng.uniform(54, 80)),
        edema_mm=float(rng.uniform(0, 4) + radius * rng.uniform(0, 0.35)),
        edema_hu=float(rng.uniform(15, 23)),
        rough_mm=float(radius * rng.uniform(0.06, 0.28)),
        swirl=SmoothField(rng, max(4.0, radius * 0.55)),
        pushes=(push,),
    )


def _draw_intraventricular(rng: np.random.Generator, size: float) -> Hemorrhage:
    hu = float(rng.uniform(48, 80))
    kind = rng.random()
    if kind < 0.55:
        sides: tuple[int, ...] = (-1, 1) if rng.random() < 0.6 else (_side(rng),)
        levels = tuple(float(rng.uniform(20, 48)) - 14 * (size - 1) for _ in sides)
    elif kind < 0.85:
        sides = (_side(rng), 0) if rng.random() < 0.5 else (_side(rng),)
        levels = tuple(float(rng.uniform(-60, 10)) for _ in sides)
    else:
        sides = (-1, 0, 1)
        levels = (float(rng.uniform(-60, 35)), -60.0, float(rng.uniform(-60, 35)))
    return Intraventricular(sides, levels, float(rng.uniform(0.8, 1)), hu, SmoothField(rng, 7))


def _side(rng: np.random.Generator) -> int:
    return -1 if rng.random() < 0.5 else 1


def _distance(tissue: Tissue, center: Point) -> Field:
    dx, dy, dz = tissue.x - np.float32(center[0]), tissue.y - np.float32(center[1]), tissue.z - np.float32(center[2])
    return np.asarray(np.sqrt(dx * dx + dy * dy + dz * dz), np.float32)


def _soft(tissue: Tissue) -> np.float32:
    """Width of a lesion's edge: a pixel, and some of the slice's thickness because surfaces are oblique."""
    return np.float32(tissue.plane.pixel_mm + 0.35 * tissue.plane.thickness_mm)
