"""Artifacts that arise ray by ray: beam hardening between dense bones, windmills, streaks from metal and motion."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from ihd_core.phantom.shapes import Field

METAL_HU = 2300.0
_SIDE, _ANGLES = 96, 72
_VANES = 6
_SEEN_MOTION = 0.5
"""Scanners blend views that are half a turn apart, which leaves this share of the streaks of motion."""
_TURN_MM = 9.0
"""A windmill turns once over this height."""


def ray_artifacts(
    hu: Field,
    fov_mm: float,
    hardening: float,
    starving: float,
    rng: np.random.Generator,
    *,
    windmill: float = 0.0,
    height_mm: float = 0.0,
) -> Field:
    """HU that bone and metal add along rays, (rows, columns) of hu: parallel rays, a coarse picture, ramp filter.

    Args:
        hu: of the slice without artifacts; bone hardens the beam, metal also starves it.
        fov_mm: side of the picture.
        hardening: how much; 1 is a strong Hounsfield bar between the petrous bones.
        starving: how noisy rays through much bone are; 1 is strong.
        rng: for the noise of starved rays.
        windmill: vanes about the edges of bone in thin helical slices; 1 is strong.
        height_mm: of the slice; windmills turn with it.
    """
    small = cv2.resize(np.clip(hu, 0, 4000), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    step = fov_mm / _SIDE / 10
    bone = np.where(small > 250, np.minimum(small, 1800), 0).astype(np.float32) * np.float32(step / 1000)
    peak = cv2.resize(cv2.dilate(hu, np.ones((3, 3))), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    metal = np.clip((peak - np.float32(METAL_HU)) * np.float32(step / 700), 0, 3 * step)
    through = _projected(bone)
    lost = np.float32(-2.7 * hardening) * through * through
    noise = rng.standard_normal(through.shape, dtype=np.float32)
    lost += np.float32(2.5 * starving) * noise * np.maximum(through - 2, 0)
    if windmill:
        angle = np.arange(_ANGLES)[:, None] * np.pi / _ANGLES
        turned = np.cos(_VANES * angle + 2 * np.pi * height_mm / _TURN_MM).astype(np.float32)
        edges = through - cv2.GaussianBlur(through, (0, 0), sigmaX=3, sigmaY=0.01)
        lost += np.float32(8 * windmill) * edges * turned
    if metal.any():
        blocked = _projected(metal.astype(np.float32))
        lost -= 20 * np.minimum(blocked, 2) * (through + 1) * (1 + np.float32(0.5) * noise)
    picture = np.clip(_back_projected(lost) * 8, -400, 400)
    return np.asarray(cv2.resize(picture, hu.shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def motion_streaks(before: Field, after: Field) -> Field:
    """What a head that moves at half time adds to the mean of its two pictures, HU, (rows, columns) of both.

    The rays of one quarter turn saw the one picture, the others the other.
    """
    change = np.clip(after, -1000, 2000) - np.clip(before, -1000, 2000)
    seen = _projected(np.asarray(cv2.resize(change, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.float32))
    # Not at once, or the rays in between make one sharp line across everything.
    part = np.clip((np.arange(_ANGLES) - _ANGLES / 4) / 6, -0.5, 0.5) - np.clip(
        (np.arange(_ANGLES) - 3 * _ANGLES / 4) / 6, -0.5, 0.5
    )
    uneven = cv2.GaussianBlur(seen * (part - 0.5).astype(np.float32)[:, None], (0, 0), sigmaX=1.3, sigmaY=0.01)
    picture = _back_projected(np.asarray(uneven, np.float32)) * np.float32(_SEEN_MOTION)
    return np.asarray(cv2.resize(picture, before.shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _projected(picture: Field) -> Field:
    """Sums along parallel rays over half a turn, (angles, side)."""
    at_x, at_y, _ = _ray_maps()
    rays = cv2.remap(picture, at_x, at_y, cv2.INTER_LINEAR)
    return np.asarray(rays.reshape(_ANGLES, _SIDE, _SIDE).sum(axis=1), np.float32)


def _back_projected(rays: Field) -> Field:
    """The picture whose sums these are, (side, side)."""
    ramp = np.abs(np.fft.rfftfreq(2 * _SIDE)).astype(np.float32)
    sharp = np.fft.irfft(np.fft.rfft(rays, 2 * _SIDE, axis=1) * ramp, axis=1)[:, :_SIDE].astype(np.float32)
    back, rows = _ray_maps()[2], _ray_rows()
    seen = cv2.remap(sharp, back, rows, cv2.INTER_LINEAR)
    return np.asarray(seen.reshape(_ANGLES, _SIDE, _SIDE).sum(axis=0) * np.float32(np.pi / _ANGLES), np.float32)


@lru_cache(maxsize=1)
def _ray_maps() -> tuple[Field, Field, Field]:
    """Column and row of every point of every ray, and the ray of every pixel, (angles * side, side)."""
    middle = (_SIDE - 1) / 2
    along, across = np.mgrid[:_SIDE, :_SIDE].astype(np.float32) - np.float32(middle)
    angles = np.arange(_ANGLES) * np.pi / _ANGLES
    cos, sin = (f(angles).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
    flat = (_ANGLES * _SIDE, _SIDE)
    at_x = (across * cos - along * sin + np.float32(middle)).reshape(flat)
    at_y = (across * sin + along * cos + np.float32(middle)).reshape(flat)
    return at_x, at_y, (across * cos + along * sin + np.float32(middle)).reshape(flat)


@lru_cache(maxsize=1)
def _ray_rows() -> Field:
    """The angle's row for every entry of the third of _ray_maps."""
    rows = np.repeat(np.arange(_ANGLES, dtype=np.float32), _SIDE)[:, None]
    return np.asarray(np.broadcast_to(rows, (_ANGLES * _SIDE, _SIDE)), np.float32).copy()
