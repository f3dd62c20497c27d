"""Epidural hemorrhages: lenses under the inner table that end at the sutures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import Label
from ihd_core.phantom.head import Push
from ihd_core.phantom.hemorrhages.bleed import about, arcs, beside_vault, nothing, side_of, spread
from ihd_core.phantom.hemorrhages.clot import Clot, draw_clot
from ihd_core.phantom.shapes import cover
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.head import Tissue
    from ihd_core.phantom.hemorrhages.bleed import Bleed, Point, Sight
    from ihd_core.phantom.shapes import Field

CORONAL = (-34.0, 0.19)
LAMBDOID = (55.0, 0.44)
"""Sutures of the vault as planes y = first + second * z, mm."""

BONES = ("frontal", "parietal", "occipital", "vertex", "fossa")


@dataclass(frozen=True, slots=True, eq=False)
class Epidural:
    """A lens under the bone about the direction of center.

    Attributes:
        bone: under which it lies, one of BONES; its sutures bound it. At the vertex it crosses the midline; in the
            posterior fossa (fossa) the tentorium and the lambdoid suture bound it.
        reach_mm: arcs along the vault from its middle to its end, level and upward; thick_mm: in its middle.
        blunt: 1 is a parabola; less makes it thick up to its ends.
    """

    bone: str
    center: Point
    reach_mm: tuple[float, float]
    thick_mm: float
    blunt: float
    clot: Clot
    uneven: SmoothField
    label: Label = Label.EPIDURAL
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue) -> Bleed:
        """Its blood on a plane."""
        at = about(tissue, self.center, max(self.reach_mm) * 1.25 + self.thick_mm + 8)
        if at is None:
            return nothing(tissue)
        along, rise, ahead = arcs(at, self.center)
        uneven = at.field(self.uneven)
        away = np.square(along * np.float32(1 / self.reach_mm[0])) + np.square(rise * np.float32(1 / self.reach_mm[1]))
        lens = np.power(np.clip(1 - away * (1 + np.float32(0.12) * uneven), 0, 1), np.float32(self.blunt))
        lens *= np.clip(bone_mm(at, self.bone, self.center) * np.float32(1 / 4), 0, 1) * (ahead > 0.2)
        if self.bone != "fossa":
            lens *= beside_vault(at)
        thick = np.float32(self.thick_mm) * lens * (1 + np.float32(0.06) * uneven)
        share = cover(thick - at.depth, at.soft) * at.inside * np.clip(thick * np.float32(1.2) - np.float32(0.3), 0, 1)
        return at.bleed(share, self.clot.on(at))

    @property
    def volume_ml(self) -> float:
        """Volume where no suture cuts it, ml."""
        return float(np.pi * self.reach_mm[0] * self.reach_mm[1] * self.thick_mm / (self.blunt + 1) / 1000)


def bone_mm(at: Sight, bone: str, center: Point) -> Field:
    """Distance in mm from the edge of the bone that a lens lies under, positive under the bone."""
    coronal = at.y - (np.float32(CORONAL[0]) + np.float32(CORONAL[1]) * at.z)
    lambdoid = at.y - (np.float32(LAMBDOID[0]) + np.float32(LAMBDOID[1]) * at.z)
    own = at.x * np.float32(np.sign(center[0]))
    if bone == "frontal":
        return np.asarray(np.minimum(-coronal, own), np.float32)
    if bone == "vertex":
        return np.asarray(np.minimum(coronal, -lambdoid), np.float32)
    if bone == "fossa":
        return np.asarray(np.minimum(at.tent, own + 4), np.float32)
    above = np.float32(2) - at.tent
    if bone == "occipital":
        return np.asarray(np.minimum(np.minimum(lambdoid, own), above), np.float32)
    return np.asarray(np.minimum(np.minimum(coronal, -lambdoid), np.minimum(own, above)), np.float32)


def draw_epidural(rng: np.random.Generator, size: float = 1.0) -> Epidural:
    """Draw one; size as in draw_hemorrhage."""
    side = side_of(rng)
    bones = ["parietal"] if size > 1.2 else list(BONES)
    odds = [1.0] if size > 1.2 else [0.18, 0.58, 0.08, 0.05, 0.11]
    bone = str(rng.choice(bones, p=odds))
    reach = spread(rng, 24, 0.42, 9, 52) * size
    thick = float(np.clip(reach * rng.uniform(0.25, 0.62), 3.0, 34))
    ratio = float(np.exp(rng.normal(0, 0.22)))
    center = _center(rng, bone, side, central=size > 1.2)
    if bone == "fossa":
        reach, thick = min(reach, 28), min(thick, 16)
    reaches = (min(reach * ratio, 60.0), min(reach / ratio, 60.0))
    age = str(rng.choice(["acute", "active", "layered", "subacute"], p=[0.66, 0.24, 0.03, 0.07]))
    clot = draw_clot(rng, age, 0.3 * reach, middle_mm=center[1], half_mm=reach)
    lens = Epidural(bone, center, reaches, thick, float(rng.uniform(0.75, 1.15)), clot, SmoothField(rng, 16))
    shift = float(np.clip(0.07 * lens.volume_ml * rng.uniform(0.4, 1.4), 0, 11))
    pushes = () if bone in ("vertex", "fossa") else (Push(center, 42, shift),)
    return Epidural(bone, center, reaches, thick, lens.blunt, clot, lens.uneven, pushes=pushes)


def _center(rng: np.random.Generator, bone: str, side: int, *, central: bool) -> Point:
    """A point of the vault: most are over the temporal squama, where the middle meningeal artery tears."""
    if bone == "vertex":
        return float(side * rng.uniform(1, 16)), float(rng.uniform(0, 34)), 88.0
    if bone == "fossa":
        return float(side * rng.uniform(12, 44)), float(rng.uniform(58, 76)), float(rng.uniform(-34, -14))
    if bone == "frontal":
        angle, height = float(rng.normal(-1.02, 0.16)), float(rng.uniform(8, 48))
    elif bone == "occipital":
        angle, height = float(rng.uniform(1.1, 1.42)), float(rng.uniform(14, 34))
    else:
        angle, height = float(rng.normal(-0.02, 0.26)), float(rng.choice([rng.uniform(-12, 22), rng.uniform(10, 58)]))
    if central:
        height = float(rng.uniform(14, 34))
    shrink = np.sqrt(max(0.2, 1 - ((height - 6) / 84) ** 2))
    return float(side * 68 * np.cos(angle) * shrink), float(4 + 83 * np.sin(angle) * shrink), height
