"""Intraventricular hemorrhages: levels in the occipital horns, clots, casts of whole ventricles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.labels import Label
from ihd_core.phantom.hemorrhages.bleed import Bleed, nothing, side_of, sight
from ihd_core.phantom.hemorrhages.clot import Clot, draw_clot
from ihd_core.phantom.shapes import cover
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.head import Push, Tissue
    from ihd_core.phantom.hemorrhages.bleed import Sight
    from ihd_core.phantom.shapes import Field

VENTRICLES = ("left", "right", "third", "fourth")


@dataclass(frozen=True, slots=True)
class Part:
    """Blood in one ventricle.

    Attributes:
        ventricle: one of VENTRICLES.
        level_mm: blood lies further along gravity than this, as if the head lay straight.
        edge_mm: width of the change from blood to fluid at the level.
        lump_mm: how uneven that edge is: settled blood has a level, a clot has none.
    """

    ventricle: str
    level_mm: float
    edge_mm: float
    lump_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Intraventricular:
    """Blood in ventricles.

    Attributes:
        full: share of fluid that blood replaces.
        grow_mm: how far a cast widens its ventricle.
    """

    parts: tuple[Part, ...]
    full: float
    grow_mm: float
    clot: Clot
    uneven: SmoothField
    label: Label = Label.INTRAVENTRICULAR
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue) -> Bleed:
        """Its blood on a plane."""
        at = sight(tissue, (-60.0, -65.0, -48.0), (60.0, 85.0, 58.0))
        if at is None or not at.ventricle.any():
            return nothing(tissue)
        uneven = at.field(self.uneven)
        share: Field = np.zeros_like(at.x)
        for part in self.parts:
            level = at.downhill - np.float32(part.level_mm) + np.float32(part.lump_mm) * uneven
            filled = cover(level, np.float32(part.edge_mm)) * _within(at, part.ventricle)
            np.maximum(share, filled, out=share)
        room = at.ventricle
        if self.grow_mm > 0:
            wide = cv2.GaussianBlur(room, (0, 0), max(0.5, self.grow_mm / tissue.plane.pixel_mm))
            room = np.maximum(room, np.clip(wide * 2 - np.float32(0.3), 0, 1)) * at.inside * (1 - at.csf)
        return at.bleed(np.asarray(share * room * np.float32(self.full), np.float32), self.clot.on(at))


def _within(at: Sight, ventricle: str) -> Field | np.ndarray:
    """Where pixels belong to one ventricle if they belong to any."""
    fourth = (at.z < -5) & (np.abs(at.x) < 16) & (at.y > 14)
    if ventricle == "fourth":
        return fourth
    third = (np.abs(at.x) < 5) & (at.y > -18) & (at.y < 24) & (at.z < 19)
    if ventricle == "third":
        return third & ~fourth
    own = at.x * np.float32(1 if ventricle == "left" else -1)
    return cover(own - np.float32(0.3), np.float32(1.5)) * (~third & ~fourth)


def draw_intraventricular(rng: np.random.Generator, size: float = 1.0) -> Intraventricular:
    """Draw one of any extent; size as in draw_hemorrhage."""
    kind = float(rng.random())
    if size > 1.2 or kind > 0.72:
        return draw_cast(rng, side_of(rng), float(rng.uniform(0.4, 1)) if size < 1.2 else 1.0)
    if kind < 0.6:
        return draw_levels(rng)
    return draw_lump(rng)


def draw_levels(rng: np.random.Generator) -> Intraventricular:
    """Draw blood that has settled in one or both occipital horns, from a trace to the atrium."""
    sides = ["left", "right"] if rng.random() < 0.68 else ["left" if rng.random() < 0.5 else "right"]
    parts = [
        Part(side, 58 - float(rng.gamma(2.0, 8.0)), float(rng.uniform(0.8, 3)), float(rng.uniform(0, 1)))
        for side in sides
    ]
    if rng.random() < 0.2:
        parts.append(Part("third", float(rng.uniform(-15, 12)), 3.0, 2.0))
    if rng.random() < 0.25:
        parts.append(Part("fourth", float(rng.uniform(15, 30)), 3.0, 2.0))
    return _in_ventricles(rng, parts, 0.0)


def draw_lump(rng: np.random.Generator) -> Intraventricular:
    """Draw a clot in the third or fourth ventricle, or in a part of one lateral ventricle."""
    kind = float(rng.random())
    if kind < 0.35:
        parts = [Part("third", float(rng.uniform(-18, 8)), 3.0, 3.0)]
    elif kind < 0.7:
        parts = [Part("fourth", float(rng.uniform(12, 28)), 3.0, 3.0)]
    else:
        parts = [Part("left" if rng.random() < 0.5 else "right", float(rng.uniform(5, 42)), 4.0, 6.0)]
    return _in_ventricles(rng, parts, float(rng.uniform(0, 1.2)))


def draw_cast(rng: np.random.Generator, side: int, grade: float) -> Intraventricular:
    """Draw clots that fill a lateral ventricle of one side and, the more the higher grade is (0..1), the others."""
    names = ("left", "right") if side > 0 else ("right", "left")
    deep = float(rng.uniform(-55, 0))
    parts = [Part(names[0], 20 + (deep - 20) * grade, 5.0, float(rng.uniform(2, 9)))]
    if rng.random() < 0.85 * grade + 0.1:
        parts.append(Part(names[1], float(rng.uniform(-40, 52)), 3.0, float(rng.uniform(0, 8))))
    if rng.random() < 0.8 * grade + 0.05:
        parts.append(Part("third", -40.0, 4.0, 3.0))
    if rng.random() < 0.75 * grade:
        parts.append(Part("fourth", float(rng.uniform(0, 26)), 4.0, 3.0))
    return _in_ventricles(rng, parts, float(rng.uniform(0.4, 1.8)))


def _in_ventricles(rng: np.random.Generator, parts: list[Part], grow_mm: float) -> Intraventricular:
    age = str(rng.choice(["acute", "active", "subacute"], p=[0.86, 0.06, 0.08]))
    clot = draw_clot(rng, age, 8)
    return Intraventricular(tuple(parts), float(rng.uniform(0.75, 1)), grow_mm, clot, SmoothField(rng, 8))
