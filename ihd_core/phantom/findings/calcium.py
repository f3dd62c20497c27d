"""Calcifications where the brain, the dura and the vessels gather calcium, from faint to dense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.findings.finding import box_about, edge_mm, patch_about
from ihd_core.phantom.shapes import SmoothField, cover, ellipsoid

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
            "calcified nuclei", tuple(bodies), calcium_hu(rng), float(rng.uniform(0.2, 0.9)), SmoothField(rng, 2.5)
        ),
    )


def calcium_hu(rng: np.random.Generator) -> float:
    """Density of calcium, HU: a third as faint as blood, the others up to bone."""
    return float(rng.uniform(58, 95)) if rng.random() < 0.35 else float(np.exp(rng.uniform(np.log(95), np.log(600))))
