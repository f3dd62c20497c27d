"""The inside of a phantom's skull, from the formulas that the phantom is made of and not from its pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.phantom.findings.draw import draw_findings
from ihd_core.phantom.head import Head, draw_head, tissue
from ihd_core.phantom.protocol import Protocol, draw_pose, draw_protocol, subplanes

if TYPE_CHECKING:
    from ihd_core.brain_mask import BrainMask

SIDE = 128
"""Rows and columns on which the cavity is drawn, about as coarse as the mask itself: 1.8 mm."""
BASE_MM, VERTEX_MM = 10.0, 60.0
"""Over the sella: below lie the fossae, above the brain narrows to the vertex."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Voxels of some slices: of the mask, of the truth, and of both; mm3."""

    found: float
    true: float
    both: float

    @property
    def dice(self) -> float:
        """Twice what is common over the sum of the two; nan where neither has any."""
        return 2 * self.both / (self.found + self.true) if self.found + self.true else float("nan")

    def __add__(self, other: Overlap) -> Overlap:
        return Overlap(self.found + other.found, self.true + other.true, self.both + other.both)


NOTHING = Overlap(0.0, 0.0, 0.0)


def head_of(seed: int, thickness_mm: float | None = None) -> tuple[Head, Protocol]:
    """The head of phantom_scan(seed) and how its slices lie: the same numbers from the same generators."""
    head = draw_head(np.random.default_rng([seed, 1]))
    head = replace(head, pose=draw_pose(np.random.default_rng([seed, 4]), head.pose))
    rng = np.random.default_rng([seed, 5])
    return head, draw_protocol(rng, head.pose.scale[2], None, thickness_mm)


def findings_of(seed: int, *, bleeding: bool) -> set[str]:
    """What is in the head of phantom_scan(seed) besides blood, by name."""
    head, _ = head_of(seed)
    return {one.name for one in draw_findings(np.random.default_rng([seed, 6]), head, bleeding=bleeding)}


def cavity(head: Head, protocol: Protocol, index: int) -> np.ndarray:
    """Share of every pixel of one slice that lies within the inner table, (SIDE, SIDE)."""
    thickness = protocol.thickness_mm[index]
    middle = head.pose.plane(SIDE, protocol.fov_mm, protocol.heights_mm[index], thickness)
    count = subplanes(thickness)
    parts = [middle.moved(((part + 0.5) / count - 0.5) * thickness, thickness / count) for part in range(count)]
    return np.mean([tissue(head, part).inside for part in parts], axis=0)


def overlaps(mask: BrainMask, head: Head, protocol: Protocol) -> dict[str, Overlap]:
    """Of the whole scan, "all", and of its part at the "base", in the "middle" and at the "vertex"."""
    pixel_mm2 = (protocol.fov_mm / SIDE) ** 2
    gaps = np.gradient(mask.heights_mm) if len(mask.heights_mm) > 1 else np.ones(1)
    parts = dict.fromkeys(("all", "base", "middle", "vertex"), NOTHING)
    for index, gap in zip(mask.slice_indices.tolist(), gaps, strict=True):
        shown = cv2.resize(mask.on_slice(index).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        found, true = shown >= 0.5, cavity(head, protocol, index) >= 0.5
        counts = (float(one.sum()) * pixel_mm2 * float(gap) for one in (found, true, found & true))
        one = Overlap(*counts)
        height = protocol.heights_mm[index] / head.pose.scale[2]
        part = "base" if height < BASE_MM else "vertex" if height > VERTEX_MM else "middle"
        parts |= {"all": parts["all"] + one, part: parts[part] + one}
    return parts
