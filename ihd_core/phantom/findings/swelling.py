"""Changes of the whole brain: swelling that mimics subarachnoid blood, and disease of the small vessels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.phantom.findings.finding import box_about, brain_share, edge_mm, patch_about
from ihd_core.phantom.shapes import cover, ellipsoid
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.findings.finding import Point
    from ihd_core.phantom.head import Head, Push, Tissue
    from ihd_core.phantom.shapes import Field


@dataclass(frozen=True, slots=True, eq=False)
class DiffuseEdema:
    """The whole brain swollen and dark; cisterns and sulci closed, so that dura and veins in them look bright.

    Attributes:
        brain_hu: of the cerebrum; the cerebellum stays brighter by cerebellum_hu.
        fluid_hu: of what is left of cisterns and sulci: 30-48, as in pseudo-subarachnoid hemorrhage.
        loss: 1 takes all difference of grey and white.
        patches: varies all of it slowly.
    """

    brain_hu: float
    cerebellum_hu: float
    fluid_hu: float
    loss: float
    patches: SmoothField
    name: str = "diffuse edema"
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The plane's HU with a swollen brain."""
        patches = self.patches.on(tissue.plane)
        low = cover(tissue.tent - 2, np.float32(4))
        target = np.float32(self.brain_hu) + np.float32(self.cerebellum_hu) * low + patches
        share = brain_share(tissue) * np.float32(self.loss) * np.clip(48 - hu, 0, 8) * np.float32(1 / 8)
        new = hu + np.minimum(target - hu, 0) * share
        closed = tissue.csf * tissue.inside * np.float32(0.9)
        # What was fluid is dura, pia and full veins; deep cisterns and fissures keep more of it than sulci.
        deep = np.maximum(
            np.clip((tissue.surface - 6) * np.float32(0.2), 0, 1), np.clip((14 - tissue.z) * np.float32(0.2), 0, 1)
        )
        shut = target + (np.float32(self.fluid_hu) - target) * np.maximum(deep, np.float32(0.3))
        return np.asarray(new + np.maximum(shut - new, 0) * closed, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class WhiteMatterDisease:
    """Dark caps at the horns, bands along the bodies of the ventricles, spots in the white matter between.

    Attributes:
        loss_hu: at its worst; reach_mm: from the ventricle.
        patches: where; spots: smaller ones away from the ventricles.
    """

    loss_hu: float
    reach_mm: float
    confluent: float
    patches: SmoothField
    spots: SmoothField
    name: str = "white matter disease"
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The plane's HU with darker white matter."""
        patch = patch_about(tissue, hu, (-50, -62, 6), (50, 72, 62))
        if patch is None:
            return hu
        one = patch.tissue
        wet = (one.ventricle > np.float32(0.4)).astype(np.uint8)
        near: Field = np.zeros_like(one.hu)
        if wet.any():
            away = cv2.distanceTransform(1 - wet, cv2.DIST_L2, 3) * np.float32(one.plane.pixel_mm)
            # Caps in front of and behind the horns reach further than bands along the bodies.
            caps = np.float32(0.7) + np.float32(0.9) * np.clip((np.abs(one.y - 2) - 30) * np.float32(1 / 12), 0, 1)
            outward = np.float32(self.reach_mm) * caps * (1 + np.float32(0.35) * self.patches.on(one.plane))
            beside = (np.abs(one.x) > 5) & (one.z > 12)
            near = np.asarray(np.clip(1 - away / np.maximum(outward, 1), 0, 1) * beside, np.float32)
        centrum = ellipsoid(np.abs(one.x), one.y, one.z, (23, 4, 38), (12, 42, 14))
        deep = cover(centrum, np.float32(8)) * np.clip(
            self.spots.on(one.plane) + np.float32(2 * self.confluent - 1.3), 0, 1
        )
        white = np.clip((one.surface - 6) * np.float32(0.2), 0, 1) * np.clip((36 - patch.hu) * np.float32(0.25), 0, 1)
        loss = np.float32(self.loss_hu) * np.maximum(np.minimum(near * np.float32(1.6), 1), deep)
        return patch.put(hu, patch.hu - loss * white * brain_share(one))


@dataclass(frozen=True, slots=True, eq=False)
class Lacunes:
    """Small holes of old infarcts in the deep nuclei, the white matter and the pons."""

    bodies: tuple[tuple[Point, Point], ...]
    hu: float
    name: str = "lacunes"
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The plane's HU with the holes."""
        for center, radii in self.bodies:
            patch = patch_about(tissue, hu, *box_about(center, (radii[0] + 3, radii[1] + 3, radii[2] + 2)))
            if patch is not None:
                one = patch.tissue
                share = cover(ellipsoid(one.x, one.y, one.z, center, radii), edge_mm(one)) * brain_share(one)
                hu = patch.put(hu, patch.hu + np.minimum(np.float32(self.hu) - patch.hu, 0) * share)
        return hu


def draw_diffuse_edema(rng: np.random.Generator) -> tuple[DiffuseEdema, ...]:
    """Draw a brain swollen by lack of oxygen."""
    brain = float(rng.uniform(18, 27))
    return (
        DiffuseEdema(
            brain,
            float(rng.uniform(1, 8)),
            float(rng.uniform(30, 46)),
            float(rng.uniform(0.6, 1)),
            SmoothField(rng, 30),
        ),
    )


def draw_white_matter_disease(rng: np.random.Generator, head: Head) -> tuple[WhiteMatterDisease, ...]:
    """Draw disease of small vessels: worse in the old."""
    worst = float(np.clip(rng.normal(0.25 + 0.5 * head.brain.atrophy, 0.2), 0.1, 1))
    return (WhiteMatterDisease(3 + 8 * worst, 3.5 + 9 * worst, worst, SmoothField(rng, 14), SmoothField(rng, 7)),)


_LACUNES: tuple[tuple[tuple[float, float, float], tuple[float, float, float]], ...] = (
    ((14, -22, 2), (32, 16, 16)),
    ((14, -25, 24), (30, 25, 44)),
    ((1, 2, -26), (8, 12, -14)),
    ((8, 38, -36), (36, 66, -20)),
)
"""Corners of where lacunes lie: nuclei, centrum semiovale, pons, cerebellum."""


def draw_lacunes(rng: np.random.Generator) -> tuple[Lacunes, ...]:
    """Draw one to four."""
    bodies: list[tuple[Point, Point]] = []
    for _ in range(int(rng.integers(1, 5))):
        low, high = _LACUNES[int(rng.choice(4, p=[0.55, 0.25, 0.08, 0.12]))]
        x, y, z = (float(v) for v in rng.uniform(low, high))
        a, b, c = (float(v) for v in rng.uniform(1.3, 4.2) * rng.uniform(0.7, 1.5, 3))
        bodies.append(((x if rng.random() < 0.5 else -x, y, z), (a, b, c)))
    return (Lacunes(tuple(bodies), float(rng.uniform(6, 20))),)
