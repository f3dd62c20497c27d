"""Artifacts that arise ray by ray: beam hardening between dense bones, and streaks from metal."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from ihd_core.phantom.shapes import Field

METAL_HU = 2300.0
_SIDE, _ANGLES = 96, 72


def ray_artifacts(hu: Field, fov_mm: float, hardening: float, starving: float, rng: np.random.Generator) -> Field:
    """HU that bone and metal add along rays, (rows, columns) of hu: parallel rays, a coarse picture, ramp filter.

    Args:
        hu: of the slice without artifacts; bone hardens the beam, metal also starves it.
        fov_mm: side of the picture.
        hardening: how much; 1 is a strong Hounsfield bar between the petrous bones.
        starving: how noisy rays through much bone are; 1 is strong.
        rng: for the noise of starved rays.
    """
    small = cv2.resize(np.clip(hu, 0, 4000), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    step = fov_mm / _SIDE / 10
    bone = np.where(small > 250, np.minimum(small, 1800), 0).astype(np.float32) * np.float32(step / 1000)
    peak = cv2.resize(cv2.dilate(hu, np.ones((3, 3))), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    metal = np.clip((peak - np.float32(METAL_HU)) * np.float32(step / 700), 0, 3 * step)
    at_x, at_y, back = _ray_maps()
    through = cv2.remap(bone, at_x, at_y, cv2.INTER_LINEAR).reshape(_ANGLES, _SIDE, _SIDE).sum(axis=1)
    lost = np.float32(-0.9 * hardening) * through * through
    noise = rng.standard_normal(through.shape, dtype=np.float32)
    lost += np.float32(1.1 * starving) * noise * np.maximum(through - 2, 0)
    if metal.any():
        blocked = cv2.remap(metal, at_x, at_y, cv2.INTER_LINEAR).reshape(_ANGLES, _SIDE, _SIDE).sum(axis=1)
        lost -= 14 * np.minimum(blocked, 2) * (through + 1) * (1 + np.float32(0.5) * noise)
    ramp = np.abs(np.fft.rfftfreq(2 * _SIDE)).astype(np.float32) * 2
    sharp = np.fft.irfft(np.fft.rfft(lost, 2 * _SIDE, axis=1) * ramp, axis=1)[:, :_SIDE].astype(np.float32)
    rows = np.repeat(np.arange(_ANGLES, dtype=np.float32), _SIDE)[:, None]
    seen = cv2.remap(sharp, back, np.broadcast_to(rows, back.shape).copy(), cv2.INTER_LINEAR)
    picture = seen.reshape(_ANGLES, _SIDE, _SIDE).sum(axis=0) * np.float32(np.pi / _ANGLES)
    picture = np.clip(picture * 4, -400, 400).astype(np.float32)
    return np.asarray(cv2.resize(picture, hu.shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


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
