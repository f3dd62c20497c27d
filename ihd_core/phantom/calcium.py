"""Calcium of healthy heads: pineal gland, choroid plexus, falx, pallidum, carotid siphons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.place import painted
from ihd_core.phantom.shapes import cover

if TYPE_CHECKING:
    from ihd_core.phantom.place import Place
    from ihd_core.phantom.shapes import Field, Point


@dataclass(frozen=True, slots=True)
class Spot:
    """One calcified body: center and radii in mm, HU of its middle, and how uneven it is, 0..2."""

    center: Point
    radii: Point
    hu: float
    rough: float


@dataclass(frozen=True, slots=True)
class _Kind:
    """Where one kind of calcium lies: odds in the young and in the old, center, radii in mm, and whether in pairs."""

    odds: tuple[float, float]
    center: Point
    radii: Point
    pair: bool = False


KINDS = (
    _Kind((0.35, 0.8), (0.5, 27, 13), (1.4, 1.9, 2.2)),
    _Kind((0.1, 0.4), (0.3, 21, 15), (1.0, 1.3, 1.2)),
    _Kind((0.2, 0.85), (25, 37, 19), (1.3, 2.6, 2.3), pair=True),
    _Kind((0.02, 0.2), (14, 18, 26), (1.3, 4.0, 1.4), pair=True),
    _Kind((0.03, 0.28), (17.5, -2, 6), (1.6, 3.2, 2.2), pair=True),
    _Kind((0.02, 0.55), (11.5, -15, -3), (1.2, 3.2, 2.0), pair=True),
    _Kind((0.05, 0.25), (0, -50, 48), (0.8, 7, 8)),
    _Kind((0.02, 0.15), (0, 30, 62), (0.7, 8, 6)),
    _Kind((0.02, 0.2), (14, 2, 1), (0.9, 4, 1.2), pair=True),
    _Kind((0.01, 0.05), (17, 42, -24), (4, 3, 3), pair=True),
)
"""Pineal gland, habenula, choroid plexus (glomus, body), pallidum, carotid, falx twice, tentorial edge, dentate."""


def draw_spots(rng: np.random.Generator, age: float) -> tuple[Spot, ...]:
    """Draw the calcified bodies of a head whose age runs from 0 (young) to 1 (old)."""
    spots: list[Spot] = []
    for kind in KINDS:
        if rng.random() > kind.odds[0] + (kind.odds[1] - kind.odds[0]) * age:
            continue
        hu, size = float(rng.choice([rng.uniform(60, 250), rng.uniform(150, 600)])), float(rng.lognormal(-0.1, 0.35))
        for side in (-1, 1) if kind.pair else (1,):
            if kind.pair and rng.random() < 0.12:
                continue
            own = size * float(rng.lognormal(0, 0.2))
            x, y, z = np.array(kind.center) + rng.normal(0, (0.5, 1.5, 1.2))
            a, b, c = np.clip(own, 0.4, 1.9) * np.array(kind.radii)
            here = (float(side * x), float(y), float(z))
            own_hu, rough = hu * float(rng.uniform(0.7, 1.2)), float(rng.uniform(0.5, 2.2))
            spots.append(Spot(here, (float(a), float(b), float(c)), own_hu, rough))
    return tuple(spots)


def calcified(spots: tuple[Spot, ...], at: Place, hu: Field, uneven: Field) -> Field:
    """HU with the calcified bodies of a head; uneven: a random field, deviation 1."""
    for spot in spots:
        if at.reaches(spot.center[2] - spot.radii[2], spot.center[2] + spot.radii[2]):
            (x, y, _), (a, b, _) = spot.center, spot.radii
            corners = ((x - a - 3, y - b - 3), (x + a + 3, y + b + 3))
            hu = painted(at, hu, corners, partial(_spotted, spot), uneven)
    return hu


def _spotted(spot: Spot, at: Place, hu: Field, uneven: Field) -> Field:
    share = cover(at.ellipsoid(spot.center, spot.radii), np.float32(at.pixel + 1))
    share *= np.clip(1 + np.float32(0.3 * spot.rough) * uneven, 0.2, 1.3)
    return np.asarray(hu + (np.float32(spot.hu) - hu) * share, np.float32)
