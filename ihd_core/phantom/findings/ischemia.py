"""Infarcts of the territories of arteries: dark wedges that reach the cortex, old with loss of volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.phantom.findings.finding import brain_share, patch_about
from ihd_core.phantom.head import Push
from ihd_core.phantom.shapes import cover, ellipsoid
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from collections.abc import Callable

    from ihd_core.phantom.findings.finding import Point
    from ihd_core.phantom.head import Tissue
    from ihd_core.phantom.shapes import Field


@dataclass(frozen=True, slots=True, eq=False)
class Wedge:
    """A cone from its apex in the white matter out to the inner table.

    Attributes:
        axis: unit vector.
        spread: tangent of half its opening.
    """

    apex: Point
    axis: Point
    spread: float

    def depth(self, tissue: Tissue, own: Field) -> Field:
        """Depth below its surface, mm; own is x on the side of the infarct."""
        x, y, z = (
            own - np.float32(self.apex[0]),
            tissue.y - np.float32(self.apex[1]),
            tissue.z - np.float32(self.apex[2]),
        )
        u, v, w = (np.float32(part) for part in self.axis)
        along = x * u + y * v + z * w
        across = np.sqrt(np.maximum(x * x + y * y + z * z - along * along, 0))
        return np.asarray(along * np.float32(self.spread) - across, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Ball:
    """An ellipsoid; its center is given on the left."""

    center: Point
    radii: Point

    def depth(self, tissue: Tissue, own: Field) -> Field:
        """Depth below its surface, mm; own is x on the side of the infarct."""
        return ellipsoid(own, tissue.y, tissue.z, self.center, self.radii)


def _hemisphere(tissue: Tissue, own: Field) -> Field:
    return _least(own - 1, -tissue.tent - 1)


def _middle_cerebral(tissue: Tissue, own: Field) -> Field:
    medial = np.float32(13) + np.clip(np.abs(tissue.z - 12) * np.float32(0.2), 0, 10)
    return _least(
        own - medial, (24 + np.float32(0.8) * own - tissue.y) * np.float32(0.78), tissue.z + 16, -tissue.tent - 2
    )


def _anterior_cerebral(tissue: Tissue, own: Field) -> Field:
    strip = np.float32(15) + np.clip((tissue.z - 30) * np.float32(0.25), -2, 8)
    return _least(strip - own, 26 - tissue.y, tissue.z - 6, own - 1)


def _posterior_cerebral(tissue: Tissue, own: Field) -> Field:
    return _least((tissue.y - 20 - np.float32(0.8) * own) * np.float32(0.78), 36 - tissue.z, own - 1, -tissue.tent - 1)


def _posterior_inferior_cerebellar(tissue: Tissue, own: Field) -> Field:
    return _least(tissue.tent - 4, -18 - tissue.z, tissue.y - 26, own - 2)


def _superior_cerebellar(tissue: Tissue, own: Field) -> Field:
    return _least(tissue.tent - 1, 17 - tissue.tent, tissue.y - 22, own - 2, tissue.z + 26)


def _least(*depths: Field) -> Field:
    least = depths[0]
    for depth in depths[1:]:
        least = np.minimum(least, depth)
    return np.asarray(least, np.float32)


TERRITORIES: dict[str, tuple[Callable[[Tissue, Field], Field], Point, Point, Point]] = {
    "MCA": (_middle_cerebral, (8, -75, -18), (75, 75, 90), (42, -4, 22)),
    "ACA": (_anterior_cerebral, (0, -85, 4), (32, 30, 92), (8, -40, 40)),
    "PCA": (_posterior_cerebral, (0, 15, -20), (62, 92, 40), (20, 60, 12)),
    "PICA": (_posterior_inferior_cerebellar, (0, 20, -60), (60, 85, -16), (24, 50, -30)),
    "SCA": (_superior_cerebellar, (0, 16, -30), (60, 80, 28), (24, 38, -12)),
    "hemisphere": (_hemisphere, (0, -90, -30), (75, 95, 92), (30, 0, 30)),
}
"""Depth in it, the corners of a box about it (on the left), and its middle; mm."""


_RADII_MM = (66.0, 84.0, 66.0)
"""Of a usual inside of the skull, about."""


@dataclass(frozen=True, slots=True, eq=False)
class Infarct:
    """Brain of one territory, or of a part of it, that lost its blood.

    Attributes:
        side: -1 right, 1 left.
        hu: of dead brain; cavity_hu: in its depth, where old ones turn to fluid.
        loss: 1 turns everything to hu; less keeps some of the difference of grey and white.
        sulci: -1 (closed by swelling) to 1 (widened by shrinking).
        cortex_hu: of the cortex where it died in layers and turned bright; 0 without.
    """

    name: str
    side: int
    territory: str
    body: Wedge | Ball | None
    hu: float
    cavity_hu: float
    loss: float
    sulci: float
    edge: float
    rough_mm: float
    swirl: SmoothField
    pushes: tuple[Push, ...] = ()
    cortex_hu: float = 0.0

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The plane's HU with the infarct."""
        inside, low, high, _ = TERRITORIES[self.territory]
        if self.side < 0:
            low, high = (-high[0], low[1], low[2]), (-low[0], high[1], high[2])
        patch = patch_about(tissue, hu, low, high)
        if patch is None:
            return hu
        one, old = patch.tissue, patch.hu
        own = one.x * np.float32(self.side)
        swirl = self.swirl.on(one.plane)
        depth = inside(one, own)
        if self.body is not None:
            depth = np.minimum(depth, self.body.depth(one, own))
        depth = depth + np.float32(self.rough_mm) * swirl
        share = cover(depth, np.float32(self.edge)) * one.inside
        core = np.clip((depth - 4) * np.float32(0.25), 0, 1)
        target = np.float32(self.hu) + np.float32(self.cavity_hu - self.hu) * core + swirl
        dead = share * brain_share(one)
        new = old + np.minimum(target - old, 0) * dead * np.float32(self.loss)
        if self.sulci < 0:
            new = new + (target - new) * share * one.csf * np.float32(-self.sulci)
        else:
            shrunk = cover(np.float32(3.5 * self.sulci) - one.surface, np.float32(2.5)) * share
            new = new + np.minimum(np.float32(9) - new, 0) * shrunk
        if self.cortex_hu > 0:
            ribbon = _cortex(one) * cover(depth - 1, np.float32(3)) * np.clip(np.float32(0.9) + swirl, 0, 1)
            new = new + np.maximum(np.float32(self.cortex_hu) - new, 0) * ribbon
        return patch.put(hu, new)


def _cortex(tissue: Tissue) -> Field:
    """Share of every pixel that is brain within 3 mm of the surface or of a sulcus."""
    size = 2 * max(1, round(2.5 / tissue.plane.pixel_mm)) + 1
    wet = cv2.dilate(tissue.csf, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    near = np.maximum(
        np.clip(wet * 2 - np.float32(0.4), 0, 1), cover(np.float32(3.2) - tissue.surface, np.float32(1.5))
    )
    return np.asarray(near * brain_share(tissue), np.float32)


def draw_infarct(rng: np.random.Generator) -> tuple[Infarct, ...]:
    """Draw one: old, subacute or acute, of a whole territory or a branch's wedge."""
    side = -1 if rng.random() < 0.5 else 1
    territory = str(rng.choice(["MCA", "ACA", "PCA", "PICA", "SCA"], p=[0.5, 0.09, 0.22, 0.13, 0.06]))
    x, y, z = TERRITORIES[territory][3]
    wedge = _draw_wedge(rng) if territory == "MCA" and rng.random() < 0.75 else None
    age = str(rng.choice(["old", "subacute", "acute"], p=[0.6, 0.2, 0.2]))
    swirl, rough = SmoothField(rng, 11), float(rng.uniform(1.5, 3.5))
    size = 0.6 if wedge is not None else 1.0
    center = (side * x, y, z)
    hu, push, loss, edge = {
        "old": (rng.uniform(15, 21), Push(center, 30, -float(rng.uniform(0.5, 5)) * size), 1.0, 4.0),
        "subacute": (rng.uniform(16, 23), Push(center, 40, float(rng.uniform(0, 5)) * size), 0.95, 5.0),
        "acute": (rng.uniform(22, 27), Push(center, 40, 0.0), rng.uniform(0.5, 0.95), 8.0),
    }[age]
    cavity = float(rng.uniform(6, 16)) if age == "old" else float(hu)
    sulci = {"old": rng.uniform(0.2, 1), "subacute": rng.uniform(-0.9, -0.3), "acute": rng.uniform(-0.7, -0.1)}[age]
    bright = float(rng.uniform(44, 62)) if age != "acute" and rng.random() < 0.18 else 0.0
    return (
        Infarct(
            f"{age} {territory} infarct" + (" with laminar necrosis" if bright else ""),
            side,
            territory,
            wedge,
            float(hu),
            cavity,
            float(loss),
            float(sulci),
            edge,
            rough,
            swirl,
            (push,),
            bright,
        ),
    )


def draw_old_scar(rng: np.random.Generator) -> Infarct:
    """Draw what a contusion or an operation left years ago: at a pole, or a wedge of the convexity, mostly frontal."""
    if rng.random() < 0.4:
        return draw_scar(rng)
    side = -1 if rng.random() < 0.5 else 1
    turn, rise = abs(float(rng.normal(0.5, 0.8))), float(rng.uniform(-0.1, 1.1))  # from straight ahead; upwards
    axis = (float(np.sin(turn) * np.cos(rise)), -float(np.cos(turn) * np.cos(rise)), float(np.sin(rise)))
    depth = float(rng.uniform(0.35, 0.75))  # of its apex, as a share of the way from the middle to the inner table
    x, y, z = (share * radius * depth for share, radius in zip(axis, _RADII_MM, strict=True))
    body = Wedge((max(x, 3.0), y, z + 8), axis, float(rng.uniform(0.5, 1.3)))
    push = Push((side * x, y, z + 8), 25, -float(rng.uniform(0, 4)))
    hu, cavity, sulci = float(rng.uniform(10, 22)), float(rng.uniform(3, 14)), float(rng.uniform(0.3, 1))
    return Infarct("scar", side, "hemisphere", body, hu, cavity, 1.0, sulci, 4.0, 2.5, SmoothField(rng, 11), (push,))


def draw_scar(rng: np.random.Generator, center: Point | None = None) -> Infarct:
    """Draw an old scar of the cortex: after an operation at center, or after a contusion of a pole."""
    if center is None:
        x, y, z = ((18, -62, 6), (44, -36, -8), (24, -50, -2))[int(rng.integers(3))]
        center = ((1 if rng.random() < 0.5 else -1) * float(x), float(y), float(z))
    side = 1 if center[0] > 0 else -1
    a, b, c = (float(one) for one in rng.uniform(7, 20, 3))
    body = Ball((abs(center[0]) + 4, center[1], center[2]), (a, b, c))
    push = Push(center, 25, -float(rng.uniform(0, 3)))
    hu, cavity, sulci = float(rng.uniform(14, 23)), float(rng.uniform(5, 16)), float(rng.uniform(0.3, 1))
    return Infarct("scar", side, "hemisphere", body, hu, cavity, 1.0, sulci, 5.0, 2.5, SmoothField(rng, 11), (push,))


def _draw_wedge(rng: np.random.Generator) -> Wedge:
    """Of a branch of the middle cerebral artery: its axis runs from the insula to the convexity."""
    turn, rise = float(rng.uniform(-1.0, 0.9)), float(rng.normal(0.15, 0.45))
    axis = (float(np.cos(turn) * np.cos(rise)), float(np.sin(turn) * np.cos(rise)), float(np.sin(rise)))
    apex = (float(rng.uniform(16, 30)), float(rng.uniform(-8, 12)), float(rng.uniform(8, 30)))
    return Wedge(apex, axis, float(rng.uniform(0.3, 0.9)))
