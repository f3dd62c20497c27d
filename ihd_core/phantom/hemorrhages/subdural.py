"""Subdural hemorrhages: crescents over a hemisphere, layers along falx and tentorium."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import Label
from ihd_core.phantom.head import Push
from ihd_core.phantom.hemorrhages.bleed import MIDDLE, beside_vault, nothing, side_of, sight, spread
from ihd_core.phantom.hemorrhages.clot import Clot, draw_clot
from ihd_core.phantom.shapes import cover
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.head import Tissue
    from ihd_core.phantom.hemorrhages.bleed import Bleed, Hemorrhage


@dataclass(frozen=True, slots=True, eq=False)
class Crescent:
    """A crescent over one hemisphere; no suture stops it, the falx and the tentorium do.

    Attributes:
        side: -1 right, 1 left.
        middle: (angle about the vertical axis from the side to posterior, elevation) of its middle, radians.
        spread: radians to either end.
        thick_mm: greatest.
        taper: power of its profile: 0.5 keeps its thickness up to the ends, 1 is a lens.
        ripple_mm: how far its inner edge follows the gyri.
    """

    side: int
    middle: tuple[float, float]
    spread: tuple[float, float]
    thick_mm: float
    taper: float
    ripple_mm: float
    clot: Clot
    uneven: SmoothField
    gyri: SmoothField
    label: Label = Label.SUBDURAL
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue) -> Bleed:
        """Its blood on a plane."""
        low, high = self.middle[1] - self.spread[1], self.middle[1] + self.spread[1]
        bottom = MIDDLE[2] + 80 * float(np.tan(max(low, -1.2))) - 8
        top = MIDDLE[2] + 90 * float(np.sin(min(high, 1.57))) + 8
        near, far = sorted((0.0, self.side * 90.0))
        at = sight(tissue, (near, -95.0, bottom), (far, 105.0, top))
        if at is None:
            return nothing(tissue)
        own = at.x * np.float32(self.side)
        behind, above = at.y - np.float32(MIDDLE[1]), at.z - np.float32(MIDDLE[2])
        uneven = at.field(self.uneven)
        turn = (np.arctan2(behind, own) - np.float32(self.middle[0])) * np.float32(1 / self.spread[0])
        rise = (np.arctan2(above, np.hypot(own, behind)) - np.float32(self.middle[1])) * np.float32(1 / self.spread[1])
        away = (np.square(turn) + np.square(rise)) * (1 + np.float32(0.22) * uneven)
        profile = np.power(np.clip(1 - away, 0, 1), np.float32(self.taper))
        profile *= np.clip((own - 1) * np.float32(1 / 9), 0, 1) * np.clip(np.float32(0.5) - at.tent * 0.5, 0, 1)
        profile *= beside_vault(at)
        thick = np.float32(self.thick_mm) * profile * (1 + np.float32(0.14) * uneven)
        thick += np.float32(self.ripple_mm) * at.field(self.gyri) * np.minimum(profile * 3, 1)
        there = np.clip(thick * np.float32(1.2) - np.float32(0.3), 0, 1)
        return at.bleed(cover(thick - at.depth, at.soft) * at.inside * there, self.clot.on(at))


@dataclass(frozen=True, slots=True, eq=False)
class Interhemispheric:
    """A layer beside the falx.

    Attributes:
        side: -1 right, 1 left.
        ends: (least, greatest) y it reaches, mm; heights: the same for z.
    """

    side: int
    ends: tuple[float, float]
    heights: tuple[float, float]
    thick_mm: float
    clot: Clot
    uneven: SmoothField
    label: Label = Label.SUBDURAL
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue) -> Bleed:
        """Its blood on a plane."""
        wide = self.thick_mm * 1.6 + 4
        at = sight(tissue, (-wide, self.ends[0], self.heights[0]), (wide, self.ends[1], self.heights[1]))
        if at is None:
            return nothing(tissue)
        own = at.x * np.float32(self.side)
        uneven = at.field(self.uneven)
        ends = np.minimum(at.y - np.float32(self.ends[0]), np.float32(self.ends[1]) - at.y)
        heights = np.minimum(at.z - np.float32(self.heights[0]), np.float32(self.heights[1]) - at.z)
        profile = np.clip(np.minimum(ends * np.float32(1 / 14), heights * np.float32(1 / 8)) + 0.2 * uneven, 0, 1)
        ring = np.sqrt((at.y / 47) ** 2 + ((at.z - 18) / 29) ** 2)
        profile *= np.clip((ring - 1) * 7, 0, 1) * (at.tent < 1)
        thick = np.float32(self.thick_mm) * np.sqrt(profile) * (1 + np.float32(0.25) * uneven)
        layer = np.minimum(thick - own, own + np.float32(0.4))
        pixel = np.float32(tissue.plane.pixel_mm * 1.1)
        there = np.clip(thick * np.float32(1.2) - np.float32(0.3), 0, 1)
        return at.bleed(cover(layer, pixel) * at.inside * there * cover(at.depth - 1, 2), self.clot.on(at))


@dataclass(frozen=True, slots=True, eq=False)
class Tentorial:
    """A layer on the tentorium of one side, which axial slices cut at a slant.

    Attributes:
        side: -1 right, 1 left.
        out: (least, greatest) distance from the midline, mm; behind: the least y, mm.
    """

    side: int
    out: tuple[float, float]
    behind: float
    thick_mm: float
    clot: Clot
    uneven: SmoothField
    label: Label = Label.SUBDURAL
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue) -> Bleed:
        """Its blood on a plane."""
        near, far = sorted((0.0, self.side * (self.out[1] + 4)))
        at = sight(tissue, (near, self.behind - 4, -30.0), (far, 95.0, 40.0))
        if at is None:
            return nothing(tissue)
        own = at.x * np.float32(self.side)
        uneven = at.field(self.uneven)
        ends = np.minimum(own - np.float32(self.out[0]), np.float32(self.out[1]) - own)
        back = at.y - np.float32(self.behind) - np.float32(0.35) * own
        profile = np.clip(np.minimum(ends, back) * np.float32(1 / 8) + np.float32(0.2) * uneven, 0, 1)
        thick = np.float32(self.thick_mm) * np.sqrt(profile) * (1 + np.float32(0.25) * uneven)
        layer = np.minimum(thick + at.tent, np.float32(0.3) - at.tent)
        there = np.clip(thick * np.float32(1.2) - np.float32(0.3), 0, 1)
        return at.bleed(cover(layer, at.soft) * at.inside * there, self.clot.on(at))


def draw_subdural(rng: np.random.Generator, size: float = 1.0) -> Hemorrhage:
    """Draw one of any kind and age; size as in draw_hemorrhage."""
    kind = float(rng.random())
    if size > 1.2 or kind < 0.72:
        age = "acute" if size > 1.2 else draw_age(rng)
        return draw_crescent(rng, side_of(rng), age, size)
    return draw_falx(rng, side_of(rng)) if kind < 0.87 else draw_tentorial(rng, side_of(rng))


def draw_age(rng: np.random.Generator) -> str:
    """Draw the age of a subdural hemorrhage."""
    ages = ["acute", "active", "subacute", "chronic", "mixed", "layered"]
    return str(rng.choice(ages, p=[0.5, 0.13, 0.08, 0.12, 0.08, 0.09]))


def draw_crescent(rng: np.random.Generator, side: int, age: str, size: float = 1.0) -> Crescent:
    """Draw one over a hemisphere; old ones are thicker and lens-like."""
    old = age in ("chronic", "mixed", "layered")
    thick = min(spread(rng, 11 if old else 6.2, 0.5, 2.2, 28) * size, 28.0)
    wide = (
        float(rng.uniform(0.5, 1.0) + 0.04 * thick * rng.uniform(0.3, 1)) if thick > 4 else float(rng.uniform(0.3, 1))
    )
    tall = float(np.clip(wide * rng.uniform(0.5, 0.9), 0.35, 1.1))
    up = float(rng.uniform(0.15, 0.35)) if size > 1.2 else float(rng.uniform(-0.15, 0.95))
    middle = (float(rng.normal(0.05, 0.42)), up)
    half = 60 * wide
    clot = draw_clot(rng, age, 14 if old else 18, middle_mm=MIDDLE[1] + 60 * np.sin(middle[0]), half_mm=half)
    shift = float(np.clip((thick - 3) * rng.uniform(0.15, 0.75), 0, 14))
    return Crescent(
        side, middle, (wide, tall), thick,
        taper=float(rng.uniform(0.7, 1.0) if old else rng.uniform(0.45, 0.75)),
        ripple_mm=float(rng.uniform(0.1, 0.3) if old else rng.uniform(0.2, 0.9)),
        clot=clot, uneven=SmoothField(rng, 22), gyri=SmoothField(rng, 7.5),
        pushes=(Push((side * 60.0, 0.0, 25.0), 60, shift),),
    )  # fmt: skip


def draw_falx(rng: np.random.Generator, side: int) -> Interhemispheric:
    """Draw one beside the falx: mostly thin, mostly behind."""
    thick = spread(rng, 3.4, 0.4, 1.8, 10)
    first = float(rng.uniform(-75, -20)) if rng.random() < 0.35 else float(rng.uniform(5, 45))
    last = first + float(rng.uniform(30, 85))
    low = float(rng.uniform(10, 60)) if first > 0 else float(rng.uniform(15, 50))
    heights = (low - 8, low + float(rng.uniform(25, 60)))
    return Interhemispheric(side, (first, last), heights, thick, draw_clot(rng, _fresh(rng), 14), SmoothField(rng, 15))


def draw_tentorial(rng: np.random.Generator, side: int) -> Tentorial:
    """Draw one on the tentorium."""
    inner = float(rng.uniform(2, 14))
    out = (inner, inner + float(rng.uniform(22, 46)))
    thick = spread(rng, 3.2, 0.35, 1.8, 8)
    return Tentorial(side, out, float(rng.uniform(6, 28)), thick, draw_clot(rng, _fresh(rng), 14), SmoothField(rng, 14))


def _fresh(rng: np.random.Generator) -> str:
    return "acute" if rng.random() < 0.9 else "subacute"
