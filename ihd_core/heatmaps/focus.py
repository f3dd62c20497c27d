"""Which part of the head a heatmap looks at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.heatmaps.explain import on_slice, peak

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ihd_core.brain_mask import BrainMask
    from ihd_core.heatmaps.explain import Heatmap

    Mask = NDArray[np.bool_]


class Region(StrEnum):
    """Part of a slice; every pixel lies in one."""

    BRAIN = "inside the skull"
    BONE = "bone"
    SOFT = "orbits, face or scalp"
    OUTSIDE = "outside the head"


@dataclass(frozen=True, slots=True)
class Focus:
    """Where the evidence of one heatmap lies.

    Attributes:
        shares: of the positive evidence, drawn on the slice; they sum to 1. Empty where there is no evidence.
        region: of the peak, the cell with the most evidence; None where there is no evidence.
        distance_mm: from the peak to the inside of the skull on the same slice, in its plane; 0 within, infinite where
            the slice shows no inside of the skull.
        cell_mm: how long a cell of the map is on the patient.
    """

    shares: Mapping[Region, float]
    region: Region | None
    distance_mm: float
    cell_mm: float

    @property
    def is_outside(self) -> bool:
        """Whether the peak lies outside the skull by more than half a cell, finer than which the map cannot point."""
        return self.distance_mm > self.cell_mm / 2


def focus(heatmap: Heatmap, brain: BrainMask, spacing_mm: tuple[float, float]) -> Focus:
    """Say which part of the head a heatmap looks at.

    Args:
        heatmap: of a slice of the scan.
        brain: of the scan, from brain_mask().
        spacing_mm: (row, column) of the scan's slices.
    """
    length = cell_mm(heatmap, spacing_mm)
    at = peak(heatmap)
    if at is None:
        return Focus({}, None, 0.0, length)
    nearest = int(np.argmin(np.abs(brain.slice_indices - heatmap.slice_index)))
    inside, bone, head = brain.inside[nearest], brain.bone[nearest], brain.head[nearest]
    masks = {
        Region.BRAIN: inside,
        Region.BONE: bone,
        Region.SOFT: head & ~inside & ~bone,
        Region.OUTSIDE: ~head & ~inside & ~bone,
    }
    drawn = cv2.resize(on_slice(heatmap), inside.shape[::-1], interpolation=cv2.INTER_AREA)
    total = float(drawn.sum())
    shares = {region: float(drawn[mask].sum()) / total for region, mask in masks.items()}
    pixels = [length / side for length, side in zip(heatmap.shape, inside.shape, strict=True)]
    place = tuple(
        min(max(int((x + 0.5) / step), 0), side - 1) for x, step, side in zip(at, pixels, inside.shape, strict=True)
    )
    region = next(region for region, mask in masks.items() if mask[place])
    return Focus(shares, region, distance_mm(inside, place, brain.pixel_mm), length)


def cell_mm(heatmap: Heatmap, spacing_mm: tuple[float, float]) -> float:
    """How long a cell of the map is on the patient, mm; the longer side where they differ."""
    steps = heatmap.to_slice[:, :2] * np.array(spacing_mm)[:, None]
    return float(np.hypot(*steps).max())


def distance_mm(mask: Mask, at: tuple[int, ...], pixel_mm: tuple[float, float]) -> float:
    """From a pixel to the nearest one of a mask, (rows, columns), mm; infinite where it is empty."""
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return float("inf")
    return float(np.hypot((rows - at[0]) * pixel_mm[0], (columns - at[1]) * pixel_mm[1]).min())
