"""Many small bleeds in the brain: contusions of the poles, petechiae, shear injuries, bleeding into an infarct."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import Label
from ihd_core.phantom.head import Push
from ihd_core.phantom.hemorrhages.bleed import BLOOD_HU, Bleed, about, nothing, spread
from ihd_core.phantom.hemorrhages.clot import Clot, draw_clot
from ihd_core.phantom.hemorrhages.intraparenchymal import brain_about
from ihd_core.phantom.shapes import cover, ellipsoid
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.head import Tissue
    from ihd_core.phantom.hemorrhages.bleed import Point


@dataclass(frozen=True, slots=True, eq=False)
class Contusion:
    """Salt and pepper: small bleeds that run together, mixed with swollen brain, under the surface of the brain.

    Attributes:
        missing: blood where grain is above this (deviations).
        outer_mm: greatest depth below the bone.
    """

    center: Point
    radii: Point
    missing: float
    outer_mm: float
    edema_mm: float
    edema_hu: float
    clot: Clot
    grain: SmoothField
    coarse: SmoothField
    label: Label = Label.INTRAPARENCHYMAL
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue) -> Bleed:
        """Its blood on a plane."""
        at = about(tissue, self.center, max(self.radii) + self.edema_mm + 6)
        if at is None:
            return nothing(tissue)
        coarse = at.field(self.coarse)
        depth = ellipsoid(at.x, at.y, at.z, self.center, self.radii) + np.float32(0.12 * min(self.radii)) * coarse
        outer = np.clip((np.float32(self.outer_mm) - at.depth) * np.float32(1 / 4), 0, 1)
        brain = brain_about(at, self.center)
        spots = np.clip((at.field(self.grain) - np.float32(self.missing)) * np.float32(1.7), 0, 1)
        share = cover(depth, at.soft + 2) * spots * brain * outer
        edema = cover(depth + np.float32(self.edema_mm), np.float32(4)) * brain
        return at.bleed(share, self.clot.on(at), edema, self.edema_hu)


@dataclass(frozen=True, slots=True, eq=False)
class Petechiae:
    """Separate small bleeds: foci are (center, radius) in mm; halo_mm of edema about each."""

    foci: tuple[tuple[Point, float], ...]
    halo_mm: float
    clot: Clot
    label: Label = Label.INTRAPARENCHYMAL
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue) -> Bleed:
        """Its blood on a plane."""
        share, edema = np.zeros_like(tissue.x), np.zeros_like(tissue.x)
        for center, radius in self.foci:
            at = about(tissue, center, radius + self.halo_mm + 2)
            if at is None:
                continue
            away = np.sqrt((at.x - center[0]) ** 2 + (at.y - center[1]) ** 2 + (at.z - center[2]) ** 2)
            depth = np.asarray(np.float32(radius) - away, np.float32)
            brain = at.inside * (1 - at.ventricle) * (at.depth > 2)
            share[at.box] = np.maximum(share[at.box], cover(depth, at.soft) * brain)
            edema[at.box] = np.maximum(edema[at.box], cover(depth + np.float32(self.halo_mm), np.float32(3)) * brain)
        hu = np.float32(self.clot.hu) + np.maximum(tissue.hu - np.float32(BLOOD_HU), 0)
        return Bleed(share, hu, edema, 20.0)


POLES: tuple[tuple[Point, Point], ...] = (
    ((20, -62, 5), (15, 13, 9)),
    ((8, -52, -1), (7, 17, 7)),
    ((32, -58, 16), (13, 12, 12)),
    ((42, -30, -14), (12, 12, 10)),
    ((52, -2, -16), (10, 16, 9)),
    ((56, 8, 6), (9, 15, 12)),
    ((24, 62, -22), (14, 12, 9)),
    ((30, 74, 12), (13, 10, 12)),
    ((34, 6, 66), (14, 14, 10)),
)
"""Centers on the left and usual radii in mm: where the brain strikes bone."""
_POLE_ODDS = (0.24, 0.1, 0.12, 0.16, 0.14, 0.1, 0.05, 0.04, 0.05)


def draw_contusion(rng: np.random.Generator, side: int) -> Contusion:
    """Draw a contusion of one pole on one side, from a few mm to a whole pole."""
    center, radii = POLES[int(rng.choice(len(POLES), p=_POLE_ODDS))]
    jitter = rng.normal(0, 3, 3)
    reach = spread(rng, 0.95, 0.4, 0.4, 1.8)
    a, b, c = (float(r * reach * f) for r, f in zip(radii, np.exp(rng.normal(0, 0.2, 3)), strict=True))
    at = (float(side * (center[0] + jitter[0])), float(center[1] + jitter[1]), float(center[2] + jitter[2]))
    volume = 4 / 3 * np.pi * a * b * c / 1000
    return Contusion(
        at, (a, b, c),
        missing=float(rng.uniform(-1.5, 0.3)),
        outer_mm=float(rng.uniform(13, 30)),
        edema_mm=float(rng.uniform(0, 7)),
        edema_hu=float(rng.uniform(15, 24)),
        clot=draw_clot(rng, "acute" if rng.random() < 0.9 else "subacute", 6),
        grain=SmoothField(rng, float(rng.uniform(3.6, 7.5))),
        coarse=SmoothField(rng, 10),
        pushes=(Push(at, 35, float(np.clip(0.06 * volume, 0, 5))),),
    )  # fmt: skip


def draw_petechiae(rng: np.random.Generator) -> Petechiae:
    """Draw 1-9 bleeds of 2-5 mm radius: between grey and white matter, in the corpus callosum, in the brain stem."""
    foci: list[tuple[Point, float]] = []
    for _ in range(1 + int(rng.integers(0, 9) * rng.random())):
        side = -1 if rng.random() < 0.5 else 1
        kind = float(rng.random())
        if kind < 0.65:
            angle, height = float(rng.uniform(-1.4, 1.4)), float(rng.uniform(14, 64))
            far = float(np.sqrt(max(0.15, 1 - ((height - 6) / 84) ** 2)) * rng.uniform(0.6, 0.82))
            x, y, z = 66 * np.cos(angle) * far, 4 + 82 * np.sin(angle) * far, height
        elif kind < 0.85:
            x, y, z = rng.uniform(2, 9), rng.choice([-28.0, 32.0]) + rng.normal(0, 4), rng.uniform(26, 32)
        else:
            x, y, z = rng.uniform(1, 9), rng.uniform(8, 17), rng.uniform(-22, 2)
        foci.append(((float(side * x), float(y), float(z)), spread(rng, 2.8, 0.35, 1.4, 6)))
    return Petechiae(tuple(foci), float(rng.uniform(0, 4)), draw_clot(rng, "acute", 12))


def draw_infarct_bleed(rng: np.random.Generator, side: int) -> Contusion:
    """Draw bleeding into an infarct: spots and a confluent part in much swollen brain."""
    center, radii = (((46, 0, 24), (17, 24, 18)), ((30, 58, 16), (14, 16, 12)), ((24, 42, -26), (16, 14, 9)))[
        int(rng.choice(3, p=[0.6, 0.25, 0.15]))
    ]
    at = (float(side * (center[0] + rng.normal(0, 4))), float(center[1] + rng.normal(0, 6)), float(center[2]))
    reach = float(rng.uniform(0.5, 1.1))
    return Contusion(
        at, (radii[0] * reach, radii[1] * reach, radii[2] * reach),
        missing=float(rng.uniform(-0.2, 1.0)),
        outer_mm=60.0,
        edema_mm=float(rng.uniform(4, 14)),
        edema_hu=float(rng.uniform(14, 22)),
        clot=draw_clot(rng, "acute", 7),
        grain=SmoothField(rng, float(rng.uniform(5, 10))),
        coarse=SmoothField(rng, 12),
        pushes=(Push(at, 40, float(rng.uniform(0, 4))),),
    )  # fmt: skip
