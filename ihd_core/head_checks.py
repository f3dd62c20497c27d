"""Numbers that tell from the pixels whether a scan shows a head, all of it, and one that is as most heads are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.brain_mask import BrainMask, beyond_circle, ellipse, hull

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ihd_core.scan import Scan

RING_MM = 4.0
"""Bone this near to the brain's border covers it."""
WHOLE_RING = 0.5
"""Share of the brain's border in one slice that bone must cover for a skull; half a skull may have been removed."""
DEFECT_SLICES = 3
WIDE_SHARE = 0.5
"""A slice with this share of the largest area inside the skull, or more, shows the middle of the head."""
BODY_CM2 = 500.0
"""A larger cross-section is a trunk's: an adult's head and a head holder it lies on have less."""
COARSEST_MM = 8.0
"""A pixel as thick as a skull shows none."""
METAL_HU = 2800
"""Above cortical bone and enamel as soft kernels show them; 12 bits end at 3071."""
METAL_MM = 20.0
"""Metal farther from the brain than this is dental, or an earring."""
WATER_HU = -10
"""Nothing in a brain is darker than this: below fluid, with room for a scanner that is a little off."""
GAS_HU = -200
GAS_MM = 5.0
"""What is dark this near to gas or to a thick layer of fat is its edge."""
STREAK_MM = 1.5
"""Sigma of the smoothing that takes the noise of thin slices and leaves streaks."""
RIM_MM = 2.0


def enclosed_cm2(mask: BrainMask) -> float:
    """The largest area in one slice of brain-like tissue within bone, with a cross-section no larger than a head's.

    0 where pixels are too coarse to show a skull.
    """
    if max(mask.pixel_mm) > COARSEST_MM:
        return 0.0
    head_cm2 = mask.head.sum(axis=(1, 2)) * math.prod(mask.pixel_mm) / 100
    borders = [_border(mask, index) for index in range(len(mask.inside))]
    covered = np.array([(border & bone).sum() / max(1, border.sum()) for border, bone in borders])
    return float((mask.areas_cm2 * (covered >= WHOLE_RING) * (head_cm2 <= BODY_CM2)).max())


def cut_off_mm(mask: BrainMask) -> float:
    """Length of skull or brain along the edge of the picture, or of its circle, in the middle of the head.

    The second longest of all slices: one alone may be wrong.
    """
    return sorted([0.0, 0.0, *(_cut_mm(mask, index) for index in _wide_slices(mask))])[-2]


def missing_bone_cm2(mask: BrainMask) -> float:
    """Area of the vault without bone: from the widest slice up, where a skull has no openings of its own.

    Bone that is missing in one or two slices alone is no operation but motion. Slices that the edge of the picture cuts
    are left out: what is missing there was not scanned.
    """
    vault = _vault_slices(mask)
    if len(vault) < DEFECT_SLICES:
        return 0.0
    bare = np.array([0.0 if _cut_mm(mask, index) else _bare_mm(mask, index) for index in vault])
    runs = np.lib.stride_tricks.sliding_window_view(bare, DEFECT_SLICES).min(axis=1)
    lasting = [runs[max(0, i - DEFECT_SLICES + 1) : i + 1].max() for i in range(len(bare))]
    return float(np.sum(lasting) * np.median(np.diff(mask.heights_mm))) / 100


def metal_ml(scan: Scan, mask: BrainMask) -> float:
    """Volume of metal in the brain, on it, or on the skull around it; what fills teeth is too far away."""
    disc, count = ellipse(METAL_MM, mask.pixel_mm), 0
    for index, hu in enumerate(scan.hu):
        if hu.max() < METAL_HU:
            continue
        nearest = int(np.argmin(np.abs(mask.slice_indices - index)))
        near = cv2.dilate(mask.inside[nearest].view(np.uint8), disc)
        near = cv2.resize(near, mask.shape[::-1], interpolation=cv2.INTER_NEAREST)
        count += int(((hu >= METAL_HU) & (near > 0)).sum())
    return count * math.prod(scan.spacing_mm) / 1000


def streaks_cm2(scan: Scan, mask: BrainMask) -> float:
    """The largest area in one slice of the vault that is darker than water: where a head jerked while it was scanned.

    Found on simulated projections of heads that jump by about 8 mm or more during the turn; a slow drift, or a few
    millimetres, leave no such streaks. Where bone is missing, or with metal, something else explains them.
    """
    return max(
        (_streaks_cm2(scan, mask, index) for index in _vault_slices(mask) if not _cut_mm(mask, index)), default=0.0
    )


def _streaks_cm2(scan: Scan, mask: BrainMask, index: int) -> float:
    hu = scan.hu[mask.slice_indices[index]]
    size = [max(1, min(side, 512, round(side * mm))) for side, mm in zip(hu.shape, scan.spacing_mm[1:], strict=True)]
    fine_mm = (scan.spacing_mm[1] * hu.shape[0] / size[0], scan.spacing_mm[2] * hu.shape[1] / size[1])
    small = np.asarray(cv2.resize(hu, size[::-1], interpolation=cv2.INTER_AREA))
    within = cv2.resize(hull(mask.inside[index]).view(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST)
    within = cv2.erode(within, ellipse(RIM_MM, fine_mm), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    gas = cv2.dilate(((small < GAS_HU) & (within > 0)).view(np.uint8), ellipse(GAS_MM, fine_mm))
    clipped = np.clip(small, GAS_HU, -GAS_HU).astype(np.float32)
    smooth = cv2.GaussianBlur(clipped, (0, 0), sigmaX=STREAK_MM / fine_mm[1], sigmaY=STREAK_MM / fine_mm[0])
    dark = (smooth < WATER_HU) & (within > 0) & (gas == 0)
    return float(dark.sum()) * float(fine_mm[0] * fine_mm[1]) / 100


def _wide_slices(mask: BrainMask) -> list[int]:
    areas = mask.areas_cm2
    return [int(index) for index in np.flatnonzero(areas >= WIDE_SHARE * areas.max())]


def _vault_slices(mask: BrainMask) -> list[int]:
    widest = int(np.argmax(mask.areas_cm2))
    return [index for index in _wide_slices(mask) if index >= widest]


def _cut_mm(mask: BrainMask, index: int) -> float:
    """Length over which the edge of the picture, or of its circle, cuts skull or brain in one coarse slice."""
    beyond = beyond_circle(mask.hu[index])
    frame = np.pad(beyond, 1, constant_values=True).view(np.uint8)
    edge = cv2.dilate(frame, np.ones((3, 3), np.uint8))[1:-1, 1:-1] > 0
    cut = edge & ~beyond & (mask.inside[index] | mask.bone[index])
    return int(cut.sum()) * max(mask.pixel_mm)


def _bare_mm(mask: BrainMask, index: int) -> float:
    """Length of the border of the inside that no bone covers, mm."""
    border, bone = _border(mask, index)
    return float((border & ~bone & mask.head[index]).sum()) * max(mask.pixel_mm)


def _border(mask: BrainMask, index: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The pixels around the inside of one slice, and those near bone."""
    inside, bone = mask.inside[index].view(np.uint8), mask.bone[index].view(np.uint8)
    around = cv2.dilate(inside, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    near = cv2.dilate(bone, ellipse(RING_MM, mask.pixel_mm))
    return np.asarray((around > 0) & (inside == 0)), np.asarray(near > 0)
