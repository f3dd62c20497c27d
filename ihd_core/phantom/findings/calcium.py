"""Calcifications where the brain, the dura and the vessels gather calcium, from faint to dense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.findings.finding import box_about, edge_mm, patch_about
from ihd_core.phantom.shapes import cover, ellipsoid
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.findings.finding import Point
    from ihd_core.phantom.head import Push, Tissue
    from ihd_core.phantom.shapes import Field


@dataclass(frozen=True, slots=True, eq=False)
class Calcification:
    """Calcium in bodies: (center, radii) each, speckled by grain.

    Attributes:
        hu: in the middle of a body.
        speckle: 0 (solid) to 1 (crumbs).
    """

    name: str
    bodies: tuple[tuple[Point, Point], ...]
    hu: float
    speckle: float
    grain: SmoothField
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The plane's HU with calcium where it lies inside the skull."""
        for center, radii in self.bodies:
            reach = (radii[0] + 4, radii[1] + 4, radii[2] + 2)
            patch = patch_about(tissue, hu, *box_about(center, reach))
            if patch is None:
                continue
            one = patch.tissue
            grain = self.grain.on(one.plane)
            depth = ellipsoid(one.x, one.y, one.z, center, radii) + np.float32(0.2 * min(radii)) * grain
            share = cover(depth, edge_mm(one)) * one.inside
            share *= np.clip(1 - np.float32(self.speckle) * (np.float32(0.5) - grain), 0, 1)
            hu = patch.put(hu, patch.hu + np.maximum(np.float32(self.hu) - patch.hu, 0) * share)
        return hu


def draw_nuclei(rng: np.random.Generator) -> tuple[Calcification, ...]:
    """Pallidum, often with caudate heads and dentate nuclei, alike on both sides."""
    places: list[tuple[Point, Point]] = [((19, -3, 7), (2.6, 5.0, 3.5))]
    if rng.random() < 0.3:
        places.append(((13, -22, 14), (2.2, 4, 4)))
    if rng.random() < 0.35:
        places.append(((15, 48, -24), (3.5, 6, 3.5)))
    if rng.random() < 0.15:
        places += [((12, 12, 10), (3, 6, 3)), ((30, -30, 34), (5, 8, 3)), ((28, 40, 32), (5, 8, 3))]
    size = float(rng.uniform(0.5, 1.5))
    bodies: list[tuple[Point, Point]] = []
    for center, radii in places:
        for side in (-1, 1):
            jitter = rng.normal(0, 0.8, 3)
            own = size * rng.uniform(0.75, 1.2)
            bodies.append(
                (
                    (side * center[0] + jitter[0], center[1] + jitter[1], center[2] + jitter[2]),
                    (radii[0] * own, radii[1] * own, radii[2] * own),
                )
            )
    return (
        Calcification(
            "calcified nuclei",
            tuple(bodies),
            calcium_hu(rng),
            float(rng.uniform(0.2, 0.9)),
            SmoothField(rng, 2.5, layer_mm=10),
        ),
    )


def draw_spots(rng: np.random.Generator) -> tuple[Calcification, ...]:
    """Draw one to six spots in the brain: old infection, cavernoma, tubers, a calcified scar; many of them faint."""
    bodies: list[tuple[Point, Point]] = []
    beside_ventricles = rng.random() < 0.15
    for _ in range(int(rng.choice([1, 2, 4, 6], p=[0.55, 0.2, 0.15, 0.1]))):
        side = -1 if rng.random() < 0.5 else 1
        if beside_ventricles:
            low, high = (11, -30, 22), (17, 20, 34)
        else:
            low, high = ((12, -55, -2), (52, 70, 72)) if rng.random() < 0.85 else ((4, 30, -40), (36, 66, -20))
        x, y, z = (float(one) for one in rng.uniform(low, high))
        size = float(np.clip(rng.gamma(2.2, 1.2), 0.8, 9))
        a, b, c = (float(one) for one in size * rng.uniform(0.7, 1.3, 3))
        bodies.append(((side * x, y, z), (a, b, c)))
    speckle = float(rng.uniform(0, 0.8))
    return (
        Calcification("calcified spots", tuple(bodies), calcium_hu(rng), speckle, SmoothField(rng, 3, layer_mm=10)),
    )


def draw_dura_plaques(rng: np.random.Generator) -> tuple[Calcification, ...]:
    """Draw plaques in the falx and in the free edge of the tentorium."""
    bodies: list[tuple[Point, Point]] = []
    for _ in range(int(rng.integers(1, 4))):
        if rng.random() < 0.75:
            y = float(rng.uniform(-66, -20)) if rng.random() < 0.7 else float(rng.uniform(30, 76))
            z = float(rng.uniform(30, 76))
            center = (float(rng.normal(0, 0.6)), y, z)
            bodies.append((center, (float(rng.uniform(0.6, 2.4)), float(rng.uniform(2, 12)), float(rng.uniform(2, 8)))))
        else:
            side = -1 if rng.random() < 0.5 else 1
            bodies.append(((side * 16.0, float(rng.uniform(18, 34)), 4.0), (1.0, float(rng.uniform(3, 8)), 2.0)))
    return (Calcification("calcified dura", tuple(bodies), calcium_hu(rng) * 1.4, 0.3, SmoothField(rng, 4)),)


def draw_plexus(rng: np.random.Generator) -> tuple[Calcification, ...]:
    """Draw large plexus calcifications of the trigones, and sometimes of the horns and the fourth ventricle."""
    places: list[tuple[Point, Point]] = [((24, 36, 21), (3.4, 5.5, 4.5))]
    if rng.random() < 0.25:
        places.append(((33, 16, -4), (1.5, 4, 2)))
    if rng.random() < 0.2:
        places.append(((9, 32, -24), (3, 1.5, 1.5)))
    bodies: list[tuple[Point, Point]] = []
    for (x, y, z), (a, b, c) in places:
        for side in (-1, 1):
            if rng.random() < 0.15:
                continue
            own = float(rng.uniform(0.5, 1.25))
            center = (side * x + float(rng.normal(0, 1)), y + float(rng.normal(0, 2)), z + float(rng.normal(0, 1)))
            bodies.append((center, (a * own, b * own, c * own)))
    speckle = float(rng.uniform(0.3, 1))
    return (
        Calcification("calcified plexus", tuple(bodies), calcium_hu(rng), speckle, SmoothField(rng, 3, layer_mm=10)),
    )


def calcium_hu(rng: np.random.Generator) -> float:
    """Density of calcium, HU: a third as faint as blood, the others up to bone."""
    return float(rng.uniform(58, 95)) if rng.random() < 0.35 else float(np.exp(rng.uniform(np.log(95), np.log(600))))
