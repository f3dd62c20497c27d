"""Swelling and hematoma of the scalp: outside the skull, and as bright as blood within."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.phantom.findings.bone import Fracture, draw_fracture
from ihd_core.phantom.findings.finding import box_about, distance, edge_mm, patch_about, vault_point
from ihd_core.phantom.shapes import cover
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.findings.finding import Point
    from ihd_core.phantom.head import Push, Tissue
    from ihd_core.phantom.shapes import Field

_BONE_HU = 180.0


@dataclass(frozen=True, slots=True, eq=False)
class ScalpHematoma:
    """Blood or fluid between galea and bone about center; the scalp over it is lifted by thick_mm in the middle."""

    center: Point
    reach_mm: float
    thick_mm: float
    hu: float
    uneven_hu: float
    swirl: SmoothField
    name: str = "scalp hematoma"
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The plane's HU with the lifted scalp."""
        reach = self.reach_mm + self.thick_mm + 12
        patch = patch_about(tissue, hu, *box_about(self.center, reach))
        if patch is None:
            return hu
        one = patch.tissue
        swirl = self.swirl.on(one.plane)
        away = distance(one, self.center) * np.float32(1 / (self.reach_mm + 8))
        lift = np.float32(self.thick_mm) * np.clip(1 - away * away, 0, 1) * (1 + np.float32(0.15) * swirl)
        if float(lift.max()) < 0.5:
            return hu
        bone = patch.hu > _BONE_HU
        if not bone.any():
            return hu
        height = height_over(bone, one.plane.pixel_mm)
        free = (one.depth < -1) & ~bone & (lift > 0)
        moved = _moved_outward(patch.hu, one.depth, np.minimum(lift, height) / np.float32(one.plane.pixel_mm))
        filled = np.float32(self.hu) + np.float32(self.uneven_hu) * swirl
        share = cover(lift - height, edge_mm(one))
        new = np.where(moved > _BONE_HU, filled, moved)
        new = new + (filled - new) * share
        return patch.put(hu, np.where(free, new, patch.hu))


def height_over(bone: np.ndarray, pixel_mm: float) -> Field:
    """Distance of every pixel to the nearest pixel of bone, mm."""
    away = cv2.distanceTransform((~bone).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(np.maximum(away - np.float32(0.5), 0) * np.float32(pixel_mm), np.float32)


def _moved_outward(hu: Field, depth: Field, by_pixels: Field) -> Field:
    """What lies by_pixels nearer to the brain, seen at every pixel."""
    dx = cv2.Sobel(depth, cv2.CV_32F, 1, 0, ksize=3)
    dy = cv2.Sobel(depth, cv2.CV_32F, 0, 1, ksize=3)
    by = by_pixels / np.maximum(np.sqrt(dx * dx + dy * dy), np.float32(1e-4))
    rows, columns = hu.shape
    column = np.arange(columns, dtype=np.float32)[None, :] + dx * by
    row = np.arange(rows, dtype=np.float32)[:, None] + dy * by
    return np.asarray(cv2.remap(hu, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def draw_scalp_hematoma(rng: np.random.Generator) -> ScalpHematoma:
    """Draw one anywhere on the vault: frontal and parietal most often; a third are swelling without a clot."""
    side = -1 if rng.random() < 0.5 else 1
    angle = float(rng.choice([rng.normal(-1.0, 0.3), rng.normal(0.1, 0.4), rng.normal(1.1, 0.3)], p=[0.4, 0.3, 0.3]))
    center = vault_point(side, angle, float(rng.uniform(8, 74)))
    clot = rng.random() < 0.68
    hu = float(rng.uniform(48, 76)) if clot else float(rng.uniform(5, 38))
    thick = float(np.clip(rng.gamma(2.6, 3.2), 3, 24))
    uneven = float(rng.uniform(2, 9))
    reach = thick + float(rng.uniform(12, 38))
    return ScalpHematoma(
        center, reach, thick, hu, uneven, SmoothField(rng, 8), "scalp hematoma" if clot else "scalp swelling"
    )


def draw_trauma(rng: np.random.Generator) -> tuple[ScalpHematoma | Fracture, ...]:
    """Draw a scalp hematoma; one in four lies over a fracture, one in six comes with a second one."""
    first = draw_scalp_hematoma(rng)
    found: list[ScalpHematoma | Fracture] = [first]
    if rng.random() < 0.25:
        found.append(draw_fracture(rng, first.center))
    if rng.random() < 0.17:
        found.append(draw_scalp_hematoma(rng))
    return tuple(found)
