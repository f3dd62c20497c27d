"""Masses that are not blood: meningioma, tumor with edema, and smooth small ones that are bright without contrast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.findings.finding import (
    box_about,
    brain_share,
    distance,
    edge_mm,
    patch_about,
    vault_point,
)
from ihd_core.phantom.head import Push
from ihd_core.phantom.shapes import cover, ellipsoid
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.findings.finding import Point
    from ihd_core.phantom.head import Tissue
    from ihd_core.phantom.shapes import Field


@dataclass(frozen=True, slots=True, eq=False)
class Edema:
    """Swollen white matter about a body: fingers between the folds of the cortex, which it spares.

    Attributes:
        fingers: decides where it reaches far.
    """

    center: Point
    radii: Point
    reach_mm: float
    hu: float
    fingers: SmoothField
    name: str = "edema"
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The plane's HU with darker white matter."""
        reach = self.reach_mm * 1.7
        size = (self.radii[0] + reach, self.radii[1] + reach, self.radii[2] + reach)
        patch = patch_about(tissue, hu, *box_about(self.center, size))
        if patch is None:
            return hu
        one = patch.tissue
        fingers = self.fingers.on(one.plane)
        outside = -ellipsoid(one.x, one.y, one.z, self.center, self.radii)
        depth = np.float32(self.reach_mm) * (1 + np.float32(0.35) * fingers) - outside
        # Cortex is spared: it is a few mm under the surface, and what is already bright.
        white = np.clip((one.surface - 4) * np.float32(0.3), 0, 1) * np.clip(
            (41 - patch.hu) * np.float32(1 / 6), 0.15, 1
        )
        own = cover(one.x * np.float32(np.sign(self.center[0])) + 1, np.float32(3))
        share = (
            cover(depth, np.float32(5)) * white * brain_share(one) * own * ((one.tent > 0) == (self.center[2] < -14))
        )
        squeezed = np.clip(cover(depth, np.float32(8)) * one.csf * one.inside * own, 0, 1) * np.float32(0.5)
        new = patch.hu + np.minimum(np.float32(self.hu) - patch.hu, 0) * share
        new += np.maximum(np.float32(26) - new, 0) * squeezed
        return patch.put(hu, new)


@dataclass(frozen=True, slots=True, eq=False)
class Mass:
    """A body in the skull with a rim and a core.

    Attributes:
        rim_hu: of the outer rim_mm; core_hu: within.
        rough_mm: how uneven its surface is.
        anywhere: also in fluid, not only in brain.
    """

    name: str
    center: Point
    radii: Point
    rim_hu: float
    core_hu: float
    rim_mm: float
    rough_mm: float
    swirl: SmoothField
    pushes: tuple[Push, ...] = ()
    calcium_hu: float = 0.0

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The plane's HU with the mass."""
        size = (self.radii[0] + 7, self.radii[1] + 7, self.radii[2] + 4)
        patch = patch_about(tissue, hu, *box_about(self.center, size))
        if patch is None:
            return hu
        one = patch.tissue
        swirl = self.swirl.on(one.plane)
        depth = ellipsoid(one.x, one.y, one.z, self.center, self.radii) + np.float32(self.rough_mm) * swirl
        share = cover(depth, edge_mm(one)) * one.inside
        core = cover(depth - np.float32(self.rim_mm), np.float32(2))
        inner = np.float32(self.rim_hu) + np.float32(self.core_hu - self.rim_hu) * core + np.float32(1.5) * swirl
        if self.calcium_hu > 0:
            inner = inner + np.clip(swirl - 1, 0, 1) * np.float32(self.calcium_hu)
        return patch.put(hu, patch.hu + (inner - patch.hu) * share)


@dataclass(frozen=True, slots=True, eq=False)
class Meningioma:
    """A smooth dome on the dura, brighter than brain: on the inner table, or on the falx where falx is set.

    Attributes:
        reach_mm: half its width on the dura; thick_mm: how far it stands into the skull.
        calcium: 0 (none) to 1 (all of it).
    """

    center: Point
    reach_mm: float
    thick_mm: float
    hu: float
    calcium: float
    calcium_hu: float
    falx: bool
    swirl: SmoothField
    name: str = "meningioma"
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The plane's HU with the meningioma."""
        reach = max(self.reach_mm, self.thick_mm) + 4
        patch = patch_about(tissue, hu, *box_about(self.center, reach))
        if patch is None:
            return hu
        one = patch.tissue
        gap = one.x * np.float32(np.sign(self.center[0])) if self.falx else one.depth
        dy, dz = one.y - np.float32(self.center[1]), one.z - np.float32(self.center[2])
        across = dy * dy + dz * dz if self.falx else np.maximum(distance(one, self.center) ** 2 - gap * gap, 0)
        swirl = self.swirl.on(one.plane)
        wide = across * np.float32(self.reach_mm**-2)
        tall = gap * np.float32(1 / self.thick_mm)
        k = np.sqrt(wide + np.maximum(tall, 0) ** 2)
        depth = (1 - k) * np.float32(min(self.reach_mm, self.thick_mm)) + np.float32(0.5) * swirl
        share = cover(depth, edge_mm(one)) * one.inside * (gap > -1)
        flecks = np.clip((swirl + np.float32(2.6 * self.calcium - 1.6)) * 2, 0, 1)
        inner = np.float32(self.hu) + swirl + np.float32(self.calcium_hu) * flecks
        return patch.put(hu, patch.hu + (inner - patch.hu) * share)


def draw_meningioma(rng: np.random.Generator) -> tuple[Meningioma | Edema, ...]:
    """Draw one on the convexity or the falx; a third bring edema, a fifth are calcified."""
    side = _side(rng)
    falx = rng.random() < 0.3
    if falx:
        center = (float(side), float(rng.uniform(-65, 50)), float(rng.uniform(48, 72)))
    else:
        center = vault_point(side, float(rng.uniform(-1.3, 1.2)), float(rng.uniform(2, 70)))
    reach = float(np.clip(rng.gamma(3.2, 5), 6, 34))
    thick = reach * float(rng.uniform(0.45, 1.4))
    push = Push(center if not falx else (side * 15.0, center[1], center[2]), 35, float(max(0, thick - 12) * 0.25))
    calcium = float(rng.choice([0, rng.uniform(0.1, 0.9)], p=[0.75, 0.25]))
    hu = float(rng.uniform(44, 62))
    tumor = Meningioma(
        center, reach, thick, hu, calcium, calcium_excess(rng), falx, SmoothField(rng, 5), pushes=(push,)
    )
    if reach < 12 or rng.random() < 0.6:
        return (tumor,)
    inward = 1 - 0.5 * thick / 70
    middle = (center[0] * inward + (side * thick * 0.5 if falx else 0), center[1] * inward, center[2])
    edema = Edema(middle, (thick * 0.7, reach * 0.8, reach * 0.8), float(rng.uniform(5, 18)), 19.0, SmoothField(rng, 8))
    return edema, tumor


def draw_tumor(rng: np.random.Generator) -> tuple[Mass | Edema, ...]:
    """Draw a glioma, lymphoma or metastases with edema."""
    side = _side(rng)
    kind = str(rng.choice(["metastasis", "glioma", "lymphoma"], p=[0.5, 0.36, 0.14]))
    if kind != "metastasis":
        size = float(rng.uniform(9, 22)) if kind == "glioma" else float(rng.uniform(6, 14))
        center = (side * float(rng.uniform(16, 36)), float(rng.uniform(-45, 50)), float(rng.uniform(10, 48)))
        return _tumor(rng, kind, center, size, float(rng.uniform(3, 14)))
    parts: list[Mass | Edema] = []
    for _ in range(int(rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2]))):
        if rng.random() < 0.2:
            center = (_side(rng) * float(rng.uniform(12, 32)), float(rng.uniform(38, 64)), float(rng.uniform(-36, -22)))
        else:
            center = (_side(rng) * float(rng.uniform(18, 46)), float(rng.uniform(-50, 60)), float(rng.uniform(8, 64)))
        parts += _tumor(rng, kind, center, float(np.clip(rng.gamma(3, 2.2), 3, 16)), float(rng.uniform(3, 20)))
    # Edema under all the bodies.
    return tuple(sorted(parts, key=lambda part: isinstance(part, Mass)))


def _tumor(rng: np.random.Generator, kind: str, center: Point, size: float, edema_mm: float) -> tuple[Edema, Mass]:
    a, b, c = (float(v) for v in size * rng.uniform(0.8, 1.2, 3))
    rim, core = {
        "metastasis": (rng.uniform(34, 50), rng.uniform(18, 40)),
        "glioma": (rng.uniform(30, 44), rng.uniform(12, 30)),
        "lymphoma": (rng.uniform(44, 56), rng.uniform(44, 56)),
    }[kind]
    push = Push(center, 30 + size, float(max(0, size + 0.5 * edema_mm - 8) * rng.uniform(0.1, 0.45)))
    edema = Edema(center, (a, b, c), edema_mm, float(rng.uniform(16, 24)), SmoothField(rng, 8))
    thick = float(rng.uniform(2, 5))
    calcium = float(rng.uniform(40, 250)) if kind == "glioma" and rng.random() < 0.2 else 0.0
    body = Mass(
        kind, center, (a, b, c), float(rim), float(core), thick, 0.09 * size, SmoothField(rng, 6), (push,), calcium
    )
    return edema, body


_SMALL: tuple[tuple[str, Point, tuple[float, float], tuple[float, float], float], ...] = (
    ("colloid cyst", (0, -13, 21), (2.5, 8), (45, 68), 0.25),
    ("pituitary adenoma", (0, -16, -4), (5, 12), (38, 52), 0.2),
    ("schwannoma", (22, 14, -24), (4, 13), (34, 46), 0.15),
    ("pineal tumor", (0, 28, 14), (4, 11), (38, 60), 0.12),
    ("epidermoid", (12, 8, -24), (6, 14), (2, 14), 0.1),
    ("lipoma", (0, 14, 28), (2, 7), (-95, -50), 0.18),
)
"""Name, place, least and greatest radius, least and greatest HU, share."""


def draw_small_mass(rng: np.random.Generator) -> tuple[Mass, ...]:
    """Draw a small smooth mass of the midline or the cerebellopontine angle."""
    name, center, sizes, densities, _ = _SMALL[int(rng.choice(len(_SMALL), p=[one[4] for one in _SMALL]))]
    size, hu = float(rng.uniform(*sizes)), float(rng.uniform(*densities))
    a, b, c = (float(v) for v in size * rng.uniform(0.85, 1.15, 3))
    place = (_side(rng) * center[0] + float(rng.normal(0, 0.7)), center[1] + float(rng.normal(0, 2)), center[2])
    return (Mass(name, place, (a, b, c), hu, hu, 1.0, 0.05 * size, SmoothField(rng, 6)),)


def calcium_excess(rng: np.random.Generator) -> float:
    """HU that calcium adds to what holds it."""
    return float(np.exp(rng.uniform(np.log(30), np.log(400))))


def _side(rng: np.random.Generator) -> int:
    return -1 if rng.random() < 0.5 else 1
