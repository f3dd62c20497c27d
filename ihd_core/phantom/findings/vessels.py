"""Bright vessels: arteries with a clot or calcified walls, aneurysms, sinuses full of dense blood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.findings.calcium import Calcification, calcium_hu
from ihd_core.phantom.findings.finding import edge_mm, patch_about
from ihd_core.phantom.findings.masses import Mass
from ihd_core.phantom.shapes import cover, rod
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.findings.finding import Point
    from ihd_core.phantom.head import Push, Tissue
    from ihd_core.phantom.shapes import Field


@dataclass(frozen=True, slots=True, eq=False)
class Tube:
    """A bright string of rods: a vessel full of clot, a winding one, or one with calcified walls.

    Attributes:
        points: along it; radius_mm is the same everywhere.
        wall_mm: 0 fills it with hu, more paints a wall of that thickness only.
    """

    name: str
    points: tuple[Point, ...]
    radius_mm: float
    hu: float
    wall_mm: float
    swirl: SmoothField
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The plane's HU with the vessel."""
        reach = self.radius_mm + 2
        low, high = np.min(self.points, axis=0) - reach, np.max(self.points, axis=0) + reach
        patch = patch_about(tissue, hu, (low[0], low[1], low[2]), (high[0], high[1], high[2]))
        if patch is None:
            return hu
        one, r = patch.tissue, self.radius_mm
        depth = np.full_like(one.hu, -99)
        for ends in zip(self.points[:-1], self.points[1:], strict=True):
            np.maximum(depth, rod(one.x, one.y, one.z, ends, (r, r), squeeze=(1, 1, 1)), out=depth)
        if self.wall_mm > 0:
            broken = np.clip(self.swirl.on(one.plane) + np.float32(0.7), 0, 1)
            share = cover(np.minimum(depth, np.float32(self.wall_mm) - depth), edge_mm(one)) * broken
        else:
            share = cover(depth, edge_mm(one))
        share = share * one.inside
        return patch.put(hu, patch.hu + np.maximum(np.float32(self.hu) - patch.hu, 0) * share)


@dataclass(frozen=True, slots=True, eq=False)
class DenseSinuses:
    """Sagittal, straight and transverse sinuses and the falx denser than usual: thick blood, a clot, or a dark brain.

    Attributes:
        parts: "sagittal", "straight", "transverse left", "transverse right".
        size_mm: depth of the sagittal sinus under the bone.
        falx_mm: thickness of a bright falx and tentorium; 0 leaves them.
    """

    parts: frozenset[str]
    hu: float
    size_mm: float
    falx_mm: float
    swirl: SmoothField
    name: str = "dense sinuses"
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The plane's HU with dense sinuses."""
        patch = patch_about(tissue, hu, (-64, -80, -40), (64, 100, 100))
        if patch is None:
            return hu
        one, a, soft = patch.tissue, np.abs(patch.tissue.x), edge_mm(patch.tissue)
        share = np.zeros_like(one.hu)
        if "sagittal" in self.parts:
            behind = np.clip((one.y * np.float32(0.5) + one.z - 26) * np.float32(1 / 16), 0, 1)
            size = np.float32(self.size_mm) * (np.float32(0.55) + np.float32(0.45) * behind)
            share = (
                cover(np.asarray((size - one.depth - np.float32(1.1) * a) * np.float32(0.8), np.float32), soft) * behind
            )
        if "straight" in self.parts and float(one.z.min()) < 34:
            straight = rod(one.x, one.y, one.z, ((0, 32, 20), (0, 84, 4)), (2.2, 3.2), squeeze=(1, 1, 1))
            share = np.maximum(share, cover(straight, soft))
        if float(one.z.min()) < 14:
            for part, sign in (("transverse left", 1), ("transverse right", -1)):
                if part in self.parts:
                    groove = (6 - one.depth - np.float32(0.7) * np.abs(one.tent - 1)) * np.float32(0.8)
                    own = np.clip(one.x * np.float32(sign), 0, 1) * np.clip((one.y - 26) * np.float32(0.1), 0, 1)
                    share = np.maximum(share, cover(np.asarray(groove, np.float32), soft) * own)
        if self.falx_mm > 0:
            ring = np.sqrt((one.y * np.float32(1 / 50)) ** 2 + ((one.z - 18) * np.float32(1 / 32)) ** 2)
            bent = np.abs(one.x + self.swirl.on(one.plane) * np.float32(0.3))
            sheet = cover(np.asarray(np.float32(self.falx_mm * 0.5) - bent, np.float32), soft)
            sheet = sheet * np.clip((ring - 1) * 8, 0, 1) * (one.tent < 0)
            wall = cover(np.float32(self.falx_mm * 0.4) - np.abs(one.tent), soft) * np.clip(
                (a - 12) * np.float32(0.3), 0, 1
            )
            share = np.maximum(share, np.maximum(sheet, wall * np.clip((14 - one.z) * np.float32(0.2), 0, 1)))
        share = share * one.inside
        return patch.put(hu, patch.hu + np.maximum(np.float32(self.hu) - patch.hu, 0) * share)


def draw_dense_artery(rng: np.random.Generator) -> tuple[Tube, ...]:
    """Draw a clot in a middle cerebral, basilar or carotid artery: 50-72 HU, 2-4 mm wide."""
    side = -1 if rng.random() < 0.5 else 1
    hu, radius = float(rng.uniform(50, 72)), float(rng.uniform(1.2, 1.9))
    if rng.random() < 0.25:
        points: tuple[Point, ...] = ((0.0, -4.0, -6.0), (float(rng.normal(0, 1.5)), 0.0, -18.0), (1.0, 4.0, -34.0))
        return (Tube("dense basilar artery", points, radius + 0.4, hu, 0, SmoothField(rng, 6)),)
    end = float(rng.uniform(22, 36))
    points = ((side * 11.0, -14.0, -1.0), (side * 0.5 * (11 + end), -17.0, 1.0), (side * end, -15.0, 3.0))
    if rng.random() < 0.4:
        points = (*points, (side * (end + 6), -4.0, 9.0))
    return (Tube("dense MCA", points, radius, hu, 0, SmoothField(rng, 6)),)


def draw_vessel_walls(rng: np.random.Generator) -> tuple[Tube | Calcification, ...]:
    """Draw calcium in the walls of carotid and vertebral arteries, sometimes of a wide basilar artery."""
    hu = calcium_hu(rng) * 1.5
    swirl = SmoothField(rng, 3, layer_mm=10)
    walls: list[Tube | Calcification] = []
    for side in (-1, 1):
        siphon: tuple[Point, ...] = ((side * 9.0, -4.0, -10.0), (side * 10.0, -18.0, -6.0), (side * 11.0, -13.0, -1.0))
        walls.append(Tube("calcified carotid", siphon, float(rng.uniform(1.8, 2.8)), hu, 1.0, swirl))
        if rng.random() < 0.5:
            vertebral: tuple[Point, ...] = ((side * 12.0, 12.0, -52.0), (side * 4.0, 6.0, -38.0))
            walls.append(Tube("calcified vertebral", vertebral, float(rng.uniform(1.5, 2.4)), hu, 1.0, swirl))
    if rng.random() < 0.3:
        bow = float(rng.uniform(-8, 8))
        basilar: tuple[Point, ...] = ((0.0, 4.0, -38.0), (bow, -1.0, -22.0), (0.0, -4.0, -6.0))
        walls.append(
            Tube("wide basilar artery", basilar, float(rng.uniform(2.5, 4.5)), float(rng.uniform(42, 56)), 0, swirl)
        )
    return tuple(walls)


def draw_aneurysm(rng: np.random.Generator) -> tuple[Mass, ...]:
    """Draw an unruptured one at the circle of Willis: a smooth ball as bright as blood flowing in it, or calcified."""
    x, y, z = [(0, -22, 0), (27, -17, 2), (12, -12, -1), (0, -5, -4)][int(rng.integers(4))]
    size = float(np.clip(rng.gamma(3, 1.8), 2.5, 14))
    side = -1 if rng.random() < 0.5 else 1
    core = float(rng.uniform(42, 60))
    rim = float(rng.uniform(90, 300)) if rng.random() < 0.3 else core
    return (
        Mass(
            "aneurysm",
            (side * float(x), float(y), float(z)),
            (size, size, size),
            rim,
            core,
            0.8,
            0.3,
            SmoothField(rng, 6),
        ),
    )


def draw_malformation(rng: np.random.Generator) -> tuple[Tube, ...]:
    """Draw a tangle of wide vessels, slightly brighter than brain."""
    side = -1 if rng.random() < 0.5 else 1
    at = np.array([side * rng.uniform(20, 45), rng.uniform(-45, 60), rng.uniform(15, 60)])
    hu = float(rng.uniform(42, 58))
    swirl = SmoothField(rng, 6)
    tubes = []
    for _ in range(int(rng.integers(2, 5))):
        walk = at + np.cumsum(rng.normal(0, 5, (5, 3)), axis=0)
        points = tuple((float(p[0]), float(p[1]), float(p[2])) for p in walk)
        tubes.append(Tube("vascular malformation", points, float(rng.uniform(0.9, 2.4)), hu, 0, swirl))
    return tuple(tubes)


def draw_dense_sinuses(rng: np.random.Generator) -> tuple[DenseSinuses, ...]:
    """Draw dense blood in all sinuses (often with a bright falx), or a clot in some of them."""
    if rng.random() < 0.7:
        parts = frozenset({"sagittal", "straight", "transverse left", "transverse right"})
        falx = float(rng.uniform(0.8, 2.8)) if rng.random() < 0.75 else 0.0
    else:
        names = ["sagittal", "straight", "transverse left", "transverse right"]
        parts = frozenset(str(one) for one in rng.choice(names, int(rng.integers(1, 3)), replace=False))
        falx = 0.0
    return (DenseSinuses(parts, float(rng.uniform(56, 76)), float(rng.uniform(6, 10)), falx, SmoothField(rng, 16)),)
