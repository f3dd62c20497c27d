"""Subarachnoid hemorrhages: blood instead of fluid in sulci, fissures and cisterns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import Label
from ihd_core.phantom.hemorrhages.bleed import nothing, side_of, sight, spread
from ihd_core.phantom.hemorrhages.clot import Clot, draw_clot
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.head import Push, Tissue
    from ihd_core.phantom.hemorrhages.bleed import Bleed, Point
    from ihd_core.phantom.shapes import Field


@dataclass(frozen=True, slots=True)
class Seat:
    """Where blood lies: an ellipsoid in mm, and how much of the fluid it replaces in its middle, 0..1."""

    center: Point
    radii: Point
    full: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Subarachnoid:
    """Blood in the fluid about the brain.

    Attributes:
        seats: where.
        gain: how much more of a pixel blood takes than the fluid did: it widens narrow sulci.
        missing: blood is missing where patches is below this (deviations), so that it fills some sulci and not others.
        outer_mm: greatest depth below the bone.
        settle: how much more lies further along gravity, a mm.
    """

    seats: tuple[Seat, ...]
    gain: float
    missing: float
    outer_mm: float
    settle: float
    clot: Clot
    patches: SmoothField
    label: Label = Label.SUBARACHNOID
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue) -> Bleed:
        """Its blood on a plane."""
        centers = np.array([seat.center for seat in self.seats])
        radii = np.array([seat.radii for seat in self.seats])
        low, high = (centers - radii).min(axis=0), (centers + radii).max(axis=0)
        at = sight(tissue, (low[0], low[1], low[2]), (high[0], high[1], high[2]))
        if at is None:
            return nothing(tissue)
        near: Field = np.zeros_like(at.x)
        for seat in self.seats:
            if abs(float(at.z.flat[0]) - seat.center[2]) > seat.radii[2] + 30:
                continue
            u, v, w = (
                (axis - np.float32(c)) * np.float32(1 / r)
                for axis, c, r in zip((at.x, at.y, at.z), seat.center, seat.radii, strict=True)
            )
            away = np.sqrt(u * u + v * v + w * w) - np.float32(self.settle / 100) * (at.downhill - seat.center[1])
            np.maximum(near, np.clip((1 - away) * np.float32(2.2), 0, 1) * np.float32(seat.full), out=near)
        kept = np.clip((at.field(self.patches) - np.float32(self.missing)) * np.float32(2.5), 0, 1)
        fluid = np.clip(at.csf * np.float32(self.gain) - np.float32(0.12), 0, 1)
        fluid *= np.clip((np.float32(self.outer_mm) - at.depth) * np.float32(1 / 4), 0, 1) * at.inside
        return at.bleed(fluid * near * kept, self.clot.on(at))


SUPRASELLAR: Point = (0.0, -12.0, 0.0)
STEM: Point = (0.0, 4.0, -6.0)


def draw_subarachnoid(rng: np.random.Generator, size: float = 1.0) -> Subarachnoid:
    """Draw one of any kind; size as in draw_hemorrhage."""
    if size > 1.2:
        return draw_aneurysmal(rng, side_of(rng), grade=min(1.0, 0.4 + 0.2 * size))
    kind = float(rng.random())
    if kind < 0.36:
        return draw_aneurysmal(rng, side_of(rng), grade=float(rng.beta(1.3, 1.3)))
    if kind < 0.44:
        return draw_perimesencephalic(rng)
    if kind < 0.56:
        return draw_sylvian(rng, side_of(rng))
    return draw_sulcal(rng, side_of(rng))


def draw_aneurysmal(rng: np.random.Generator, side: int, grade: float) -> Subarachnoid:
    """Draw blood of a torn aneurysm.

    Args:
        rng: where the numbers come from.
        side: -1 right, 1 left: where more of it lies.
        grade: 0 (a thin trace) to 1 (casts of all cisterns and much in the sulci).
    """
    origin = float(rng.random())
    full = 0.6 + 0.4 * grade
    seats = [Seat(SUPRASELLAR, (16 + 14 * grade, 14 + 12 * grade, 10 + 10 * grade), full)]
    for one in (side, -side):
        if one == side or rng.random() < 0.3 + 0.6 * grade:
            reach = (0.5 + 0.7 * grade) * float(rng.uniform(0.7, 1.1)) * (1.0 if one == side else 0.8)
            seats.append(Seat((one * 42.0, -6.0, 8.0), (24 * reach, 30 * reach, 20 * reach), full))
    if origin < 0.4 or rng.random() < grade:
        seats.append(Seat((0.0, -52.0, 14.0), (7, 34, 14 + 30 * grade), full * float(rng.uniform(0.7, 1))))
    if origin > 0.7 or rng.random() < grade:
        seats.append(Seat(STEM, (24, 20, 18 + 10 * grade), full))
        seats.append(Seat((0.0, 31.0, 8.0), (24, 14, 14), full * float(rng.uniform(0.4, 1))))
    if rng.random() < grade - 0.15:
        seats.append(Seat((0.0, 8.0, 26.0), (85, 95, 30 + 26 * grade), full * float(rng.uniform(0.5, 0.9))))
    missing = float(rng.uniform(-1.7, -0.5) - 1.2 * grade)
    return _blood(rng, tuple(seats), missing, 60.0, float(rng.uniform(0, 0.6)), cell_mm=13)


def draw_perimesencephalic(rng: np.random.Generator) -> Subarachnoid:
    """Draw a little blood about the midbrain and before the pons."""
    reach = float(rng.uniform(0.6, 1.2))
    seats = [Seat((float(rng.normal(0, 4)), 1.0, -6.0), (14 * reach, 10 * reach, 15 * reach))]
    if rng.random() < 0.6:
        seats.append(Seat((side_of(rng) * 16.0, 14.0, 3.0), (10 * reach, 16 * reach, 9 * reach), 0.9))
    if rng.random() < 0.3:
        seats.append(Seat(SUPRASELLAR, (12, 9, 8), 0.8))
    return _blood(rng, tuple(seats), float(rng.uniform(-2.5, -1)), 70.0, 0.0, cell_mm=10)


def draw_sylvian(rng: np.random.Generator, side: int) -> Subarachnoid:
    """Draw blood in one sylvian fissure, as after a blow or an aneurysm of its artery."""
    reach = float(rng.uniform(0.45, 1.25))
    center = (side * 46.0, float(rng.uniform(-14, 10)), float(rng.uniform(4, 14)))
    seats = [Seat(center, (20 * reach, 28 * reach, 16 * reach))]
    if rng.random() < 0.35:
        seats.append(Seat((side * 58.0, 10.0, 24.0), (18, 26, 18), 0.8))
    return _blood(rng, tuple(seats), float(rng.uniform(-1.8, -0.5)), 45.0, float(rng.uniform(0, 0.5)), cell_mm=11)


def draw_sulcal(rng: np.random.Generator, side: int, beside: Point | None = None) -> Subarachnoid:
    """Draw blood in the outer parts of some sulci of one or two regions, from one sulcus to half a hemisphere.

    Args:
        rng: where the numbers come from.
        side: of the first region.
        beside: the middle of the first region in mm; by default anywhere.
    """
    seats: list[Seat] = []
    for _ in range(1 + int(rng.random() < 0.3)):
        angle, height = float(rng.uniform(-1.35, 1.35)), float(rng.uniform(6, 74))
        shrink = float(np.sqrt(max(0.1, 1 - ((height - 6) / 84) ** 2)))
        center = (float(side * 60 * np.cos(angle) * shrink), float(4 + 75 * np.sin(angle) * shrink), height)
        if beside is not None and not seats:
            center = beside
        reach = spread(rng, 19, 0.45, 9, 48)
        seats.append(Seat(center, (reach, reach, reach * float(rng.uniform(0.5, 1)))))
        side = side if rng.random() < 0.6 else -side
    outer = float(rng.uniform(7, 22))
    return _blood(rng, tuple(seats), float(rng.uniform(-1.5, 0.1)), outer, 0.0, cell_mm=8.5)


def _blood(
    rng: np.random.Generator, seats: tuple[Seat, ...], missing: float, outer_mm: float, settle: float, *, cell_mm: float
) -> Subarachnoid:
    clot = draw_clot(rng, "acute", 14)
    # Fluid thins it: less dense than a clot in the brain.
    diluted = Clot(clot.age, clot.hu - float(rng.uniform(0, 12)), clot.mottle, clot.grain)
    return Subarachnoid(
        seats, float(rng.uniform(1.4, 2.4)), missing, outer_mm, settle, diluted, SmoothField(rng, cell_mm)
    )
