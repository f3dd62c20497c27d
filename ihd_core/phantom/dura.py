"""Falx, tentorium, venous sinuses, arteries and veins: bright, thin, and not blood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.cortex import lined
from ihd_core.phantom.shapes import cover, deepest
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.place import Place
    from ihd_core.phantom.shapes import Field


@dataclass(frozen=True, slots=True, eq=False)
class Dura:
    """The numbers of dura and vessels of one head; lengths in mm, densities in HU.

    Attributes:
        falx_mm, tent_mm: half thickness; falx_hu, tent_hu: densities.
        bow: sideways curve of the falx, mm.
        sinus_hu, sinus_mm: density and size of the venous sinuses; right_sinus: share of the right transverse one.
        artery_hu, artery_mm: density and radius of the basilar artery; winding: of the basilar artery to one side, mm.
        wander: a slow field; veins: a field whose peaks under the vault are cortical veins.
    """

    falx_mm: float
    falx_hu: float
    tent_mm: float
    tent_hu: float
    bow: float
    sinus_hu: float
    sinus_mm: float
    right_sinus: float
    artery_hu: float
    artery_mm: float
    winding: float
    wander: SmoothField
    veins: SmoothField


def draw_dura(rng: np.random.Generator, age: float) -> Dura:
    """Draw dura and vessels of a head whose age runs from 0 (young) to 1 (old)."""
    bright = float(rng.uniform(44, 64))
    blood = float(rng.normal(54, 5))
    return Dura(
        falx_mm=float(rng.uniform(0.03, 0.55) + 0.25 * age * rng.random()),
        falx_hu=bright,
        tent_mm=float(rng.uniform(0.05, 0.4)),
        tent_hu=float(np.clip(bright + rng.normal(-6, 3), 40, 58)),
        bow=float(rng.normal(0, 1.2)),
        sinus_hu=float(np.clip(blood + rng.normal(0, 2), 43, 67)),
        sinus_mm=float(rng.uniform(0.75, 1.35)),
        right_sinus=float(np.clip(rng.normal(0.58, 0.18), 0.1, 0.95)),
        artery_hu=float(np.clip(blood - rng.uniform(4, 14), 36, 55)),
        artery_mm=float(rng.uniform(1.3, 1.9) + 0.5 * age * rng.random()),
        winding=float(rng.normal(0, 1 + 3 * age)),
        wander=SmoothField(rng, 26),
        veins=SmoothField(rng, 9, layer_mm=14),
    )


def dura(numbers: Dura, at: Place, hu: Field, depth: Field, tent: Field) -> Field:
    """HU with falx, tentorium and venous sinuses."""
    x, y, z = at.x, at.y, at.z
    soft = np.float32(at.pixel + 0.05 * at.plane.thickness_mm)
    wander = numbers.wander.on(at.plane)
    ring = np.sqrt(np.square((y - 4) * np.float32(1 / 52)) + np.square((z - 12) * np.float32(1 / 33)))
    # The falx is low behind and narrow in front.
    free = np.clip((ring - np.where(y > 0, np.float32(1), np.float32(1.22))) * 7, 0, 1) * np.clip(-tent + 2, 0, 1)
    curve = np.float32(numbers.bow) * (1 - np.square(y * np.float32(1 / 80))) + np.float32(0.5) * wander
    thick = np.float32(numbers.falx_mm) * np.clip(1 + np.float32(0.35) * wander, 0.3, 2)
    hu = hu + (np.float32(numbers.falx_hu) - hu) * lined(np.abs(x - curve), thick, soft) * free
    if at.reaches(-24, 26):
        sheet = lined(np.abs(tent), np.float32(numbers.tent_mm) + 0 * tent, at.soft) * (at.a > 10)
        hu += (np.float32(numbers.tent_hu) - hu) * sheet * np.clip((depth + 2) * np.float32(0.3), 0, 1)
    return _sinuses(numbers, at, hu, depth, tent=tent, curve=curve)


def _sinuses(numbers: Dura, at: Place, hu: Field, depth: Field, *, tent: Field, curve: Field) -> Field:
    """Sagittal, straight, transverse and sigmoid sinuses and their confluence."""
    x, y, z, size = at.x, at.y, at.z, np.float32(numbers.sinus_mm)
    # The sagittal sinus is a triangle under the bone in the midline that grows from front to back.
    along = np.clip((y + 70) * np.float32(1 / 110), 0.2, 1) * np.clip((z + np.float32(0.6) * y - 8) * 0.1, 0, 1)
    sagittal = np.minimum(7 * size * along - depth - np.float32(1.2) * np.abs(x - curve), depth + 1) * np.float32(0.75)
    depths = [np.where(along > 0, sagittal, np.float32(-9))]
    if at.reaches(-34, 30):
        side = np.where(x > 0, np.float32(1 - numbers.right_sinus), np.float32(numbers.right_sinus)) * np.float32(1.6)
        height = np.abs(tent - 1.5) * np.float32(0.75)
        across = np.minimum(3.8 * size * np.minimum(side, 1.2) - np.hypot(depth - 1, height), depth + 1)
        depths.append(np.where(y > 34, across, np.float32(-9)))
        depths.append(at.rod(((0, 30, 19), (0, 72, 4)), (1.3 * float(size), 2.1 * float(size))))
        depths.append(np.minimum(at.ellipsoid((2 * numbers.winding / 4, 80, -4), (6, 6, 5.5)), depth + 1))
        for sign, part in ((1, 1 - numbers.right_sinus), (-1, numbers.right_sinus)):
            r = 4.0 * float(size) * min(1.6 * part, 1.2)
            bend = at.rod(((sign * 56, 36, -14), (sign * 46, 24, -36)), (r, r * 0.85))
            depths.append(np.minimum(bend, depth + 1))
    share = cover(deepest(*(np.asarray(one, np.float32) for one in depths)), at.soft)
    return np.asarray(hu + (np.float32(numbers.sinus_hu) - hu) * share, np.float32)


def arteries(numbers: Dura, at: Place, hu: Field, surface: Field) -> Field:
    """HU with the arteries of the base, those in the fissures, and cortical veins."""
    r, w = numbers.artery_mm, numbers.winding
    depths = []
    if at.reaches(-44, 16):
        depths += [
            at.rod(((0, -4, -2), (w, 4, -16)), (r, r)),
            at.rod(((w, 4, -16), (w * 0.4, 11, -30)), (r, r)),
            at.rod(((w * 0.4, 11, -30), (9, 18, -46)), (r, r * 0.9), pair=True),
            at.rod(((10, -13, -8), (11, -15, 1)), (r * 1.2, r), pair=True),
            at.rod(((11, -15, 1), (24, -18, 2)), (r, r * 0.85), pair=True),
            at.rod(((24, -18, 2), (39, -14, 4)), (r * 0.85, r * 0.75), pair=True),
            at.rod(((11, -15, 1), (1.5, -24, 4)), (r * 0.75, r * 0.65), pair=True),
            at.rod(((0, -5, -1), (14, 6, 2)), (r * 0.65, r * 0.6), pair=True),
        ]
    if at.reaches(0, 36):
        depths += [
            at.rod(((41, -12, 2), (42.5, -8, 18)), (0.9, 0.8), pair=True),
            at.rod(((41.5, 4, 4), (43, 14, 20)), (0.9, 0.8), pair=True),
            at.rod(((1.5, -26, 4), (1.5, -44, 22)), (0.9, 0.8), pair=True),
            at.rod(((1.5, -44, 22), (1.5, -34, 38)), (0.8, 0.6), pair=True),
        ]
    if at.reaches(10, 24):
        depths.append(at.rod(((2, 22, 17), (1, 34, 18)), (1.0, 1.4), pair=True))
    if at.high > 20:
        peaks = np.minimum(numbers.veins.on(at.plane) - np.float32(1.1), 1) * np.float32(1.6)
        depths.append(np.asarray(np.minimum(peaks, np.float32(1.0) - np.abs(surface)), np.float32))
    if not depths:
        return hu
    share = cover(deepest(*depths), np.float32(at.pixel))
    return np.asarray(hu + (np.float32(numbers.artery_hu) - hu) * share, np.float32)
