"""How a head is scanned: where the slices lie, how thick they are, the field of view, how the head lies in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ihd_core.phantom.planes import Pose

LARGEST_TILT = float(np.deg2rad(25))
_LOWEST_MM, _HIGHEST_MM = -52.0, 97.0
_MIDDLE_MM = 22.0
"""Few slices lie about this height, that of the ventricles."""
_BASE_ENDS_MM = 22.0
"""Up to here a mixed protocol has its thin slices."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How the slices lie.

    Attributes:
        heights_mm: of the middles of the slices along the body axis, over the sella; inferior first.
        thickness_mm: of every slice.
        fov_mm: side of the picture.
    """

    heights_mm: tuple[float, ...]
    thickness_mm: tuple[float, ...]
    fov_mm: float

    @property
    def spacing_mm(self) -> float:
        """Median distance of neighbouring slices."""
        return float(np.median(np.diff(self.heights_mm)))


def draw_protocol(
    rng: np.random.Generator, scale: float, slices: int | None = None, thickness_mm: float | None = None
) -> Protocol:
    """Draw a protocol; the numbers taken from rng do not depend on the last two arguments.

    Args:
        rng: where the numbers come from.
        scale: height of the head over the standard one.
        slices: how many; None: as many as cover what is scanned.
        thickness_mm: of every slice, which then follow each other without a gap; None: drawn.
    """
    fov = float(rng.choice([rng.triangular(205, 228, 260), rng.uniform(250, 300), rng.uniform(185, 205)],
                           p=[0.84, 0.1, 0.06]))  # fmt: skip
    drawn = _draw_thickness(rng)
    ratio = float(rng.choice([1.0, rng.uniform(0.5, 1.0), rng.uniform(1.0, 1.25)], p=[0.82, 0.1, 0.08]))
    mixed = bool(rng.random() < 0.06)
    thin, thick = float(rng.uniform(2.5, 3.0)), float(rng.uniform(5.0, 8.0))
    low, high = _draw_range(rng, scale)
    few = int(rng.integers(4, 14)) if rng.random() < 0.03 else None
    if thickness_mm is not None:
        drawn, ratio, mixed = thickness_mm, 1.0, False
    elif slices is None:
        slices = few
    if mixed and slices is None:
        border = _BASE_ENDS_MM * scale
        base = np.arange(low, border, thin)
        above = np.arange(base[-1] + (thin + thick) / 2, high + 0.4 * thick, thick)
        heights = (*base.tolist(), *above.tolist())
        return Protocol(heights, (thin,) * len(base) + (thick,) * len(above), fov)
    spacing = drawn * ratio
    if slices is None:
        count = max(2, round((high - low) / spacing) + 1)
    else:
        count = slices
        if spacing * (count - 1) > high - low or (thickness_mm is None and count < 30):
            # Few slices of a whole head lie farther apart, as long as none is skipped by much.
            spacing = min((high - low) / (count - 1), max(spacing, 6.0))
        if spacing * (count - 1) < high - low:
            low = max(low, _MIDDLE_MM - spacing * (count - 1) / 2)
    return Protocol(tuple(low + spacing * i for i in range(count)), (drawn,) * count, fov)


def draw_pose(rng: np.random.Generator, pose: Pose) -> Pose:
    """How the head lies, from how it would lie at best: most lean a little, some are turned far or off the middle."""
    turn, roll = float(rng.normal(0, 0.04)), float(rng.normal(0, 0.05))
    shift = rng.normal(0, 3, 2)
    if rng.random() < 0.12:
        turn, roll = float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.25, 0.25))
    if rng.random() < 0.12:
        shift = rng.normal(0, 14, 2)
    tilt = pose.tilt
    if rng.random() < 0.08:
        tilt = float(rng.uniform(-LARGEST_TILT, LARGEST_TILT))
    return replace(
        pose,
        turn=pose.turn + turn,
        tilt=float(np.clip(tilt, -LARGEST_TILT, LARGEST_TILT)),
        roll=float(np.clip(roll, -0.3, 0.3)),
        shift_mm=(pose.shift_mm[0] + float(shift[0]), pose.shift_mm[1] + float(shift[1])),
    )


def subplanes(thickness_mm: float) -> int:
    """How many planes make a slice."""
    return int(np.searchsorted([2.0, 6.5, 8.5], thickness_mm)) + 1


def _draw_thickness(rng: np.random.Generator) -> float:
    """Mostly 3 to 6 mm, all from 0.6 to 10 mm."""
    kinds = [5.0, rng.uniform(3, 6), rng.uniform(2.4, 3.2), rng.uniform(6, 10), rng.uniform(1.0, 2.4), 0.625]
    return float(rng.choice(kinds, p=[0.42, 0.32, 0.12, 0.06, 0.06, 0.02]))


def _draw_range(rng: np.random.Generator, scale: float) -> tuple[float, float]:
    """Least and greatest height; some scans miss the vertex or the base."""
    low = (_LOWEST_MM + float(rng.uniform(-8, 12))) * scale
    high = (_HIGHEST_MM + float(rng.uniform(-6, 4))) * scale
    cut = float(rng.uniform(12, 40))
    where = rng.random()
    if where < 0.05:
        high -= cut
    elif where < 0.10:
        low += cut
    return low, high
