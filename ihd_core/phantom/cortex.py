"""Cortex: sulci as walls that stand on the brain's surface, drawn once for a head and cut by every plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.phantom.shapes import cover
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.place import Place
    from ihd_core.phantom.shapes import Field

CENTER_MM = (0.0, 6.0, 6.0)
RADII_MM = (66.0, 82.0, 78.0)
"""The egg on whose surface the outer sulci are drawn."""
_MEAN_MM = 74.0
_COARSE_MM = 2.0
_REACH = 2.75
"""Radians from the vertex that the map holds; the rest is brain stem."""
_MEDIAL_MM = 192


@dataclass(frozen=True, slots=True, eq=False)
class Cortex:
    """The folds of one brain.

    Attributes:
        outer: float32 (side, side, 4) over directions from the vertex, one pixel a mm: signed mm to the nearest of the
            long sulci, the same for the short ones, how deep they go and how wide they are (deviation 1).
        medial: float32 (rows: z, columns: y, 4), one pixel a mm: signed mm to the nearest sulcus of the right and of
            the left medial face, and how deep they go.
        sway, twist: bend the walls.
    """

    outer: Field
    medial: Field
    sway: SmoothField
    twist: SmoothField


def draw_cortex(rng: np.random.Generator) -> Cortex:
    """Draw the folds of a brain."""
    half = _REACH * _MEAN_MM
    side = 2 * int(np.ceil(half / _COARSE_MM)) + 1
    line = (np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)) * np.float32(_COARSE_MM / _MEAN_MM)
    u, v = np.meshgrid(line, line)
    angle = np.sqrt(u * u + v * v) + np.float32(1e-6)
    ring = np.sin(np.minimum(angle, np.float32(np.pi))) / angle
    place = np.stack([ring * u * 66, ring * v * 82, np.cos(angle) * 78], axis=-1).astype(np.float32)
    wave = float(rng.uniform(20, 25))
    fields = [
        _walls(rng, place, wave),
        _walls(rng, place, wave * float(rng.uniform(0.58, 0.75))),
        _waves(rng, place, 48)[0],
        _waves(rng, place, 60)[0],
    ]
    outer = cv2.resize(np.stack(fields, axis=-1), None, fx=_COARSE_MM, fy=_COARSE_MM, interpolation=cv2.INTER_CUBIC)
    cells = np.arange(0, _MEDIAL_MM, _COARSE_MM, dtype=np.float32) - np.float32(_MEDIAL_MM / 2)
    y, z = np.meshgrid(cells, cells)
    flat = np.stack([0 * y, y * np.float32(0.75), z], axis=-1)
    faces = [_walls(rng, flat, wave * 0.85), _walls(rng, flat, wave * 0.85), _waves(rng, flat, 40)[0], 0 * y]
    medial = cv2.resize(np.stack(faces, axis=-1), None, fx=_COARSE_MM, fy=_COARSE_MM, interpolation=cv2.INTER_CUBIC)
    return Cortex(
        np.asarray(outer, np.float32), np.asarray(medial, np.float32), SmoothField(rng, 11), SmoothField(rng, 14)
    )


def _waves(rng: np.random.Generator, place: Field, wave_mm: float) -> tuple[Field, Field]:
    """Random waves of about one length at places (..., 3) in mm, deviation 1, and the size of their slope per mm."""
    count = 36
    value = np.zeros(place.shape[:-1], np.float32)
    slope = np.zeros_like(place)
    way = rng.standard_normal((count, 3))
    way *= (2 * np.pi / wave_mm * rng.normal(1, 0.16, count) / np.linalg.norm(way, axis=1))[:, None]
    for direction, phase in zip(way.astype(np.float32), rng.uniform(0, 2 * np.pi, count), strict=True):
        at = place @ direction + np.float32(phase)
        value += np.cos(at)
        slope -= np.sin(at)[..., None] * direction
    share = np.float32(np.sqrt(2 / count))
    return value * share, np.asarray(np.linalg.norm(slope, axis=-1) * share, np.float32)


def _walls(rng: np.random.Generator, place: Field, wave_mm: float) -> Field:
    """Signed mm to the nearest wall, to first order, at most about a quarter of a wave."""
    value, slope = _waves(rng, place, wave_mm)
    steady = np.float32(0.55 * 2 * np.pi / wave_mm)
    return np.asarray(value / np.sqrt(slope * slope * np.float32(0.8) + steady * steady), np.float32)


def lined(away: Field, half: Field, soft: np.float32) -> Field:
    """Share of a pixel in a sheet half mm to either side of away == 0: a sheet thinner than soft mm is faint."""
    reach = np.float32(0.5)
    whole = np.clip((half - away) / soft + reach, 0, 1) - np.clip((-half - away) / soft + reach, 0, 1)
    return np.asarray(np.where(half > 0, whole, 0), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """Sulci on one plane: fluid (share, 0..1) and ribbon, mm from the nearest fluid surface into the cortex."""

    fluid: Field
    ribbon: Field


def folds(cortex: Cortex, at: Place, surface: Field, width_mm: Field, *, core: Field, ring: Field) -> Folds:
    """Sulci of the convexity and of the medial faces.

    Args:
        cortex: as drawn.
        at: the plane.
        surface: mm below the brain's outer surface.
        width_mm: half width of sulci at their mouths.
        core: mm inside the deep nuclei and ventricles, where no sulcus goes.
        ring: distance from the callosal body over its own size; sulci of the medial face lie beyond 1.
    """
    sway, twist = cortex.sway.on(at.plane), cortex.twist.on(at.plane)
    dist, shorter, deep, wide, radial = _outer(cortex, at, surface, sway, twist)
    # Over the flat base the way to the surface is short, but the walls come from the side.
    under = np.maximum(surface, radial)
    soft = np.float32(at.pixel + 0.06 * at.plane.thickness_mm)
    fluid = cover(-surface, at.soft)
    ribbon = np.maximum(surface, 0)
    # Sulci are narrow at the base; near the vertex planes run along the walls.
    width_mm = width_mm * np.clip((at.z + 32) * np.float32(1 / 34), 0.4, 1)
    width_mm = width_mm * (1 - np.float32(0.3) * np.clip((at.z - 45) * np.float32(1 / 25), 0, 1))
    width = width_mm * np.clip(1 + np.float32(0.35) * wide, np.float32(0.3), 1.8)
    mouth = np.float32(1) + np.float32(0.6) * np.exp(-np.maximum(surface, 0) * np.float32(0.4))
    deeper = np.maximum(core + 3, 0)
    for away, reach, share in ((dist, 18.0, 1.0), (shorter, 11.0, 0.75)):
        bottom = np.float32(reach) * np.clip(1 + np.float32(0.42) * deep, np.float32(0.1), 1.6) - deeper
        left = np.clip((bottom - under) * np.float32(0.4), 0, 1) * (np.float32(1.1) - np.float32(0.025) * surface)
        fluid = np.maximum(fluid, lined(np.abs(away), width * np.float32(share) * mouth * left, soft))
        ribbon = np.minimum(ribbon, np.hypot(away, np.maximum(under - bottom, 0)))
    return _medial(cortex, at, Folds(fluid, np.asarray(ribbon, np.float32)), width, ring)


def _outer(cortex: Cortex, at: Place, surface: Field, sway: Field, twist: Field) -> tuple[Field, ...]:
    """The outer map where the ray from the middle of the brain through a pixel meets the surface, and mm along it."""
    p = at.x * np.float32(1 / RADII_MM[0])
    q = (at.y - np.float32(CENTER_MM[1])) * np.float32(1 / RADII_MM[1])
    w = (at.z - np.float32(CENTER_MM[2])) * np.float32(1 / RADII_MM[2])
    flat = np.sqrt(p * p + q * q) + np.float32(1e-4)
    angle = np.arctan2(flat, w) * np.float32(_MEAN_MM) / flat
    bend = np.float32(1.4) + np.float32(0.32) * np.clip(surface, 0, 22)
    middle = np.float32((len(cortex.outer) - 1) / 2)
    found = cv2.remap(
        cortex.outer,
        np.asarray(p * angle + bend * sway + middle, np.float32),
        np.asarray(q * angle + bend * twist + middle, np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    # Walls lean together towards the middle.
    rho = np.sqrt(flat * flat + w * w)
    lean = np.clip(rho, np.float32(0.45), 1)
    radial = np.float32(0.85) * ((1 - rho) * np.float32(_MEAN_MM) - 9)
    dist, shorter, deep, wide = (np.asarray(found[..., i], np.float32) for i in range(4))
    return dist * lean, shorter * lean, deep, wide, np.asarray(radial, np.float32)


def _medial(cortex: Cortex, at: Place, outer: Folds, width: Field, ring: Field) -> Folds:
    """Add the sulci of the medial faces to the outer ones."""
    if at.high < -14:
        return outer
    twist, soft = cortex.twist.on(at.plane), np.float32(at.pixel + 0.06 * at.plane.thickness_mm)
    middle = np.float32((_MEDIAL_MM - 1) / 2)
    bend = np.float32(0.5) + np.float32(0.3) * np.minimum(at.a, 15)
    column = np.asarray(at.y + bend * twist + middle, np.float32)
    row = np.asarray(at.z - np.float32(30) + np.float32(0.3) * at.a + middle, np.float32)
    found = cv2.remap(cortex.medial, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    away = np.where(at.x > 0, found[..., 1], found[..., 0])
    bottom = np.float32(9) * np.clip(1 + np.float32(0.45) * found[..., 2], 0, 1.7) * np.clip((ring - 1) * 5, 0, 1)
    left = np.clip((bottom - at.a) * np.float32(0.4), 0, 1) * (ring > 1)
    fluid = np.maximum(outer.fluid, lined(np.abs(away), width * np.float32(0.8) * left, soft))
    ribbon = np.minimum(outer.ribbon, np.hypot(away, np.maximum(at.a - bottom, 0)))
    return Folds(fluid, np.asarray(np.where(ring > 1, ribbon, outer.ribbon), np.float32))
