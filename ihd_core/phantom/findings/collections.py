"""Layers between brain and bone that are not fresh blood: hygroma, thick dura, calcified membranes, cysts, air."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.findings.finding import box_about, edge_mm, patch_about, vault_point
from ihd_core.phantom.head import Push
from ihd_core.phantom.shapes import cover, ellipsoid
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.findings.finding import Point
    from ihd_core.phantom.head import Tissue
    from ihd_core.phantom.shapes import Field


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A layer under the inner table of one half, above the tentorium.

    Attributes:
        sides: -1 right, 1 left.
        middle: (angle about the body axis, 0 at the side and pi/2 behind; height in mm) of its middle.
        spread: (radians, mm) to either end.
        rim_mm: of its outer and inner membranes; 0 without.
        front_mm: only where y is less: air and fluid part at a level. None without.
    """

    name: str
    sides: tuple[int, ...]
    middle: tuple[float, float]
    spread: tuple[float, float]
    thick_mm: float
    hu: float
    rim_mm: float
    rim_hu: float
    uneven: float
    swirl: SmoothField
    front_mm: float | None = None
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The plane's HU with the layer."""
        low, high = self.middle[1] - self.spread[1], self.middle[1] + self.spread[1]
        for side in self.sides:
            left, right = (0, 90) if side > 0 else (-90, 0)
            patch = patch_about(tissue, hu, (left, -110, low), (right, 110, high))
            if patch is not None:
                hu = patch.put(hu, self._painted(patch.tissue, patch.hu, side))
        return hu

    def _painted(self, one: Tissue, old: Field, side: int) -> Field:
        own = one.x * np.float32(side)
        rise = (one.z - np.float32(self.middle[1])) * np.float32(1 / self.spread[1])
        turn = (np.arctan2(one.y - 4, own) - np.float32(self.middle[0])) * np.float32(1 / self.spread[0])
        profile = np.minimum(1 - rise * rise, 1 - turn * turn) * np.clip((own - 1) * np.float32(1 / 10), 0, 1)
        swirl = self.swirl.on(one.plane)
        even = 1 + np.float32(self.uneven) * swirl
        thick = np.float32(self.thick_mm) * np.power(np.clip(profile, 0, 1), np.float32(0.5)) * np.maximum(even, 0)
        soft = edge_mm(one)
        share = cover(thick - one.depth, soft) * one.inside * ((profile > 0) & (one.tent < 1) & (own > 1))
        if self.front_mm is not None:
            share *= cover(np.float32(self.front_mm) - one.y, soft)
        inner: Field | np.float32 = np.float32(self.hu)
        if self.rim_mm > 0:
            from_wall = np.minimum(thick - one.depth, one.depth)
            rim = cover(np.float32(self.rim_mm) - from_wall, soft) * np.clip(np.float32(0.8) + swirl, 0, 1)
            inner = inner + np.float32(self.rim_hu - self.hu) * rim
        return np.asarray(old + (inner - old) * share, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Cyst:
    """Fluid in a smooth body beside the bone, in front of the brain it displaced."""

    name: str
    center: Point
    radii: Point
    hu: float
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The plane's HU with the cyst."""
        patch = patch_about(
            tissue, hu, *box_about(self.center, (self.radii[0] + 4, self.radii[1] + 4, self.radii[2] + 2))
        )
        if patch is None:
            return hu
        one = patch.tissue
        depth = ellipsoid(one.x, one.y, one.z, self.center, self.radii)
        share = cover(depth, edge_mm(one)) * one.inside
        return patch.put(hu, patch.hu + (np.float32(self.hu) - patch.hu) * share)


def draw_hygroma(rng: np.random.Generator) -> tuple[Layer, ...]:
    """Draw fluid as bright as cerebrospinal fluid over one or both frontal lobes."""
    sides = (-1, 1) if rng.random() < 0.55 else (_side(rng),)
    thick = float(rng.uniform(4, 14))
    middle, spread = _frontal(rng)
    pushes = (_push(sides[0], thick),) if len(sides) == 1 else ()
    return (
        Layer(
            "hygroma",
            sides,
            middle,
            spread,
            thick,
            float(rng.uniform(1, 12)),
            0,
            0,
            0.1,
            SmoothField(rng, 22),
            pushes=pushes,
        ),
    )


def draw_thick_dura(rng: np.random.Generator) -> tuple[Layer, ...]:
    """Draw smoothly thickened dura, as after an operation or with low pressure: like a thin subdural hemorrhage."""
    sides = (-1, 1) if rng.random() < 0.6 else (_side(rng),)
    middle = (float(rng.uniform(-0.5, 0.4)), float(rng.uniform(25, 50)))
    spread = (float(rng.uniform(0.8, 1.6)), float(rng.uniform(28, 50)))
    hu = float(rng.uniform(40, 54))
    return (
        Layer("thick dura", sides, middle, spread, float(rng.uniform(1.8, 4.6)), hu, 0, 0, 0.12, SmoothField(rng, 14)),
    )


def draw_calcified_membrane(rng: np.random.Generator) -> tuple[Layer, ...]:
    """Draw an old collection whose membranes calcified, or a thin sheet of calcified dura."""
    side = _side(rng)
    sheet = rng.random() < 0.5
    thick = float(rng.uniform(1.2, 2.6)) if sheet else float(rng.uniform(5, 15))
    rim_hu = float(rng.uniform(90, 500))
    middle = (float(rng.uniform(-0.7, 0.6)), float(rng.uniform(25, 60)))
    spread = (float(rng.uniform(0.3, 0.9)), float(rng.uniform(12, 38)))
    hu = rim_hu if sheet else float(rng.uniform(14, 34))
    name = "calcified dura" if sheet else "calcified membrane"
    pushes = () if sheet else (_push(side, thick),)
    rim = 0.0 if sheet else float(rng.uniform(0.6, 1.6))
    return (Layer(name, (side,), middle, spread, thick, hu, rim, rim_hu, 0.25, SmoothField(rng, 12), pushes=pushes),)


def draw_cyst(rng: np.random.Generator) -> tuple[Cyst, ...]:
    """Draw an arachnoid cyst of the middle fossa, the convexity or behind the cerebellum."""
    hu = float(rng.uniform(0, 10))
    side = _side(rng)
    where = str(rng.choice(["middle fossa", "behind the cerebellum", "convexity"], p=[0.5, 0.32, 0.18]))
    size = float(rng.uniform(0.55, 1.25))
    if where == "middle fossa":
        return (Cyst("arachnoid cyst", (side * 44.0, -28.0, -8.0), (20 * size, 17 * size, 17 * size), hu),)
    if where == "behind the cerebellum":
        return (Cyst("arachnoid cyst", (float(rng.normal(0, 4)), 72.0, -34.0), (24 * size, 16 * size, 14 * size), hu),)
    center = vault_point(side, float(rng.uniform(-1.1, 0.8)), float(rng.uniform(20, 60)))
    return (Cyst("arachnoid cyst", center, (16 * size, 22 * size, 18 * size), hu),)


def draw_air(rng: np.random.Generator, side: int) -> tuple[Layer, ...]:
    """Draw air in front under the bone, as after an operation or a fracture."""
    middle, spread = (float(rng.uniform(-1.5, -1.1)), float(rng.uniform(35, 60))), (0.7, float(rng.uniform(15, 35)))
    thick, front = float(rng.uniform(2, 12)), float(rng.uniform(-66, -48))
    return (Layer("pneumocephalus", (side,), middle, spread, thick, -960.0, 0, 0, 0.3, SmoothField(rng, 14), front),)


def _frontal(rng: np.random.Generator) -> tuple[tuple[float, float], tuple[float, float]]:
    return (float(rng.uniform(-1.1, -0.5)), float(rng.uniform(30, 50))), (
        float(rng.uniform(0.8, 1.3)),
        float(rng.uniform(28, 45)),
    )


def _push(side: int, thick_mm: float) -> Push:
    return Push((side * 50.0, -20.0, 35.0), 50, max(0.0, thick_mm - 5) * 0.25)


def _side(rng: np.random.Generator) -> int:
    return -1 if rng.random() < 0.5 else 1
