"""Clots in the brain, with a rim of edema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import Label
from ihd_core.phantom.head import Push
from ihd_core.phantom.hemorrhages.bleed import about, nothing, side_of, spread
from ihd_core.phantom.hemorrhages.clot import Clot, draw_clot
from ihd_core.phantom.shapes import cover, deepest, ellipsoid
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.head import Tissue
    from ihd_core.phantom.hemorrhages.bleed import Bleed, Point, Sight
    from ihd_core.phantom.shapes import Field


@dataclass(frozen=True, slots=True, eq=False)
class Hematoma:
    """A clot of several lobes in the brain.

    Attributes:
        lobes: (center, radii) in mm; the first is the largest.
        rough_mm: how far its edge is uneven, coarse and fine.
        melt_mm: width of an edge that time has made faint; 0 for fresh ones.
        edema_mm: width of the edema.
    """

    lobes: tuple[tuple[Point, Point], ...]
    rough_mm: tuple[float, float]
    melt_mm: float
    edema_mm: float
    edema_hu: float
    clot: Clot
    coarse: SmoothField
    fine: SmoothField
    label: Label = Label.INTRAPARENCHYMAL
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue) -> Bleed:
        """Its blood on a plane."""
        center = self.lobes[0][0]
        reach = max(
            float(np.abs(np.array(one) - np.array(center)).max()) + max(radii) for one, radii in self.lobes
        ) + 3 * sum(self.rough_mm) + self.edema_mm  # fmt: skip
        at = about(tissue, center, reach + 2)
        if at is None:
            return nothing(tissue)
        coarse = at.field(self.coarse)
        depth = deepest(*(ellipsoid(at.x, at.y, at.z, one, radii) for one, radii in self.lobes))
        depth = depth + np.float32(self.rough_mm[0]) * coarse
        ragged = depth + np.float32(self.rough_mm[1]) * at.field(self.fine)
        brain = brain_about(at, center)
        share = cover(ragged, at.soft + np.float32(self.melt_mm)) * brain
        swollen = np.float32(self.edema_mm) * (1 + np.float32(0.4) * coarse)
        edema = cover(depth + swollen, np.float32(3) + at.soft) * brain * np.clip(at.depth * np.float32(0.2), 0, 1)
        return at.bleed(share, self.clot.on(at), edema, self.edema_hu)

    @property
    def volume_ml(self) -> float:
        """Volume of its first lobe, ml."""
        return float(4 / 3 * np.pi * np.prod(self.lobes[0][1]) / 1000)


def brain_about(at: Sight, center: Point) -> Field:
    """Share of brain on the same side of falx and tentorium as center, 0..1."""
    brain = at.inside * (1 - at.ventricle) * cover(at.depth - np.float32(1.2), np.float32(1.5))
    if center[2] > 34 and abs(center[0]) > 6:
        brain *= cover(at.x * np.float32(np.sign(center[0])) - 1, np.float32(1.5))
    if center[2] < -8 and center[1] > 20:
        brain *= cover(at.tent, np.float32(2))
    elif center[1] > 20:
        brain *= cover(-at.tent, np.float32(2))
    return np.asarray(brain, np.float32)


PLACES: dict[str, tuple[tuple[Point, float], ...]] = {
    "putamen": (((27, -2, 10), 14), ((29, 6, 14), 16)),
    "thalamus": (((14, 11, 13), 10),),
    "caudate": (((14, -20, 17), 8),),
    "pons": (((2, 9, -20), 7),),
    "midbrain": (((5, 11, -2), 5),),
    "cerebellum": (((22, 42, -24), 13), ((8, 48, -22), 10)),
    "frontal": (((30, -42, 28), 15), ((24, -30, 52), 12)),
    "parietal": (((36, 34, 46), 15), ((26, 10, 62), 11)),
    "temporal": (((46, 2, -8), 13), ((46, 26, 4), 14)),
    "occipital": (((26, 62, 18), 13),),
    "callosum": (((5, -30, 28), 7), ((5, 34, 30), 7)),
    "rectus": (((7, -44, 3), 9),),
}
"""Centers on the left in mm and usual radius, by place."""
DEEP, LOBAR = (
    ("putamen", "putamen", "thalamus", "thalamus", "caudate"),
    ("frontal", "parietal", "temporal", "occipital"),
)


def draw_intraparenchymal(rng: np.random.Generator, size: float = 1.0) -> Hematoma:
    """Draw one anywhere; size as in draw_hemorrhage."""
    everywhere = (*DEEP, "pons", "cerebellum", "cerebellum", *LOBAR, *LOBAR, "midbrain")
    place = "putamen" if size > 1.2 else str(rng.choice(everywhere))
    return draw_hematoma(rng, place, side_of(rng), size)


def draw_hematoma(rng: np.random.Generator, place: str, side: int, size: float = 1.0) -> Hematoma:
    """Draw a clot at one of PLACES on one side; its radius runs from a few mm to twice the usual one."""
    around, usual = PLACES[place][int(rng.integers(len(PLACES[place])))]
    jitter = rng.normal(0, 0.2 * usual, 3)
    center: Point = (
        float(side * (around[0] + jitter[0])),
        float(around[1] + jitter[1]),
        float(around[2] + jitter[2]),
    )
    radius = min(spread(rng, 0.85 * usual, 0.5, 2.6, 2.2 * usual) * size, 34.0)
    age = str(rng.choice(["acute", "active", "subacute", "layered"], p=[0.72, 0.12, 0.11, 0.05]))
    old = age == "subacute"
    lobes = _lobes(rng, center, radius)
    volume = 4 / 3 * np.pi * radius**3 / 1000
    shift = float(np.clip(0.1 * volume * rng.uniform(0.5, 1.3), 0, 12)) if abs(center[0]) > 6 else 0.0
    return Hematoma(
        lobes,
        rough_mm=(float(radius * rng.uniform(0.03, 0.14)), float(min(1.6, 0.12 * radius) * rng.uniform(0.2, 1))),
        melt_mm=float(rng.uniform(2, 5)) if old else float(rng.uniform(0, 0.8)),
        edema_mm=float(rng.uniform(0, 3) + radius * rng.uniform(0, 0.3) + (4 if old else 0)),
        edema_hu=float(rng.uniform(14, 23)),
        clot=draw_clot(rng, age, 0.55 * radius, middle_mm=center[1], half_mm=radius),
        coarse=SmoothField(rng, max(5.0, radius * 0.8)),
        fine=SmoothField(rng, 4.5),
        pushes=(Push(center, 28 + radius, shift),),
    )


def _lobes(rng: np.random.Generator, center: Point, radius: float) -> tuple[tuple[Point, Point], ...]:
    """One ellipsoid, and for larger clots one to three smaller ones at its edge."""
    stretch = np.exp(rng.normal(0, 0.24, 3))
    radii = radius * stretch / np.cbrt(np.prod(stretch))
    lobes: list[tuple[Point, Point]] = [(center, _point(radii))]
    for _ in range(int(rng.integers(0, 4)) if radius > 6 else 0):
        way = rng.normal(size=3)
        way /= np.linalg.norm(way)
        share = float(rng.uniform(0.4, 0.7))
        lobes.append((_point(np.array(center) + way * radii * rng.uniform(0.55, 0.85)), _point(radii * share)))
    return tuple(lobes)


def _point(values: np.ndarray) -> Point:
    return float(values[0]), float(values[1]), float(values[2])
