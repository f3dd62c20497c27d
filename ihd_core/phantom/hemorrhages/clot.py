"""The density of blood by age: clots, blood that still flows, levels, and what time dissolves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.shapes import cover
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.hemorrhages.bleed import Sight
    from ihd_core.phantom.shapes import Field

AGES = ("acute", "active", "subacute", "chronic", "mixed", "layered")


@dataclass(frozen=True, slots=True, eq=False)
class Clot:
    """HU of one hemorrhage.

    Attributes:
        age: one of AGES.
        hu: of the greater part; mottle: how far it varies; grain: where.
        other_hu: of the rest: liquid blood in a clot, old blood under fresh, plasma over cells.
        rest: the rest lies where grain is above this (deviations); level_mm: or above this level, along gravity.
    """

    age: str
    hu: float
    mottle: float
    grain: SmoothField
    other_hu: float = 40.0
    rest: float | None = None
    level_mm: float | None = None

    def on(self, at: Sight) -> Field:
        """HU of blood in every pixel."""
        grain = at.field(self.grain)
        hu = np.float32(self.hu) + np.float32(self.mottle) * grain
        if self.rest is not None:
            other = np.clip((grain - np.float32(self.rest)) * np.float32(1.6), 0, 1)
            hu += (np.float32(self.other_hu) - hu) * other
        if self.level_mm is not None:
            above = cover(np.float32(self.level_mm) - at.downhill + grain, np.float32(5))
            hu += (np.float32(self.other_hu) - hu) * above
        return np.asarray(hu, np.float32)


def draw_clot(
    rng: np.random.Generator, age: str, cell_mm: float, *, middle_mm: float = 0.0, half_mm: float = 10.0
) -> Clot:
    """Draw the density of blood of one age.

    Args:
        rng: where the numbers come from.
        age: one of AGES.
        cell_mm: of its unevenness.
        middle_mm: where the lesion's middle lies along gravity, for levels.
        half_mm: half of the lesion's length along gravity.
    """
    grain = SmoothField(rng, max(4.5, cell_mm))
    fresh = float(np.clip(rng.normal(65, 7.5), 48, 84))
    old = float(rng.uniform(8, 27))
    mottle = float(rng.uniform(1, 4.5))
    level = middle_mm + half_mm * float(rng.uniform(-0.6, 0.6))
    if age == "active":
        return Clot(age, fresh, mottle, grain, float(rng.uniform(30, 45)), rest=float(rng.uniform(0.1, 1.0)))
    if age == "subacute":
        return Clot(age, float(rng.uniform(33, 50)), mottle, grain)
    if age == "chronic":
        return Clot(age, old, mottle * 0.7, grain, old + float(rng.uniform(4, 14)), rest=float(rng.uniform(0.6, 1.6)))
    if age == "mixed":
        return Clot(age, fresh - 6, mottle, grain, old + 6, rest=float(rng.uniform(-0.5, 0.5)))
    if age == "layered":
        return Clot(age, fresh, mottle, grain, old + 10, level_mm=level)
    return Clot("acute", fresh, mottle, grain)
