"""Signed depths of simple bodies, their union, edges and blur."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Field = NDArray[np.float32]

FAR = -99.0
"""Depth in mm far outside a body, where it is not worked out."""

Point = tuple[float, float, float]


def deepest(*depths: Field) -> Field:
    """Depth in the union of bodies."""
    union = depths[0].copy()
    for depth in depths[1:]:
        if depth.strides[0]:  # all but Place.nowhere
            np.maximum(union, depth, out=union)
    return union


def ellipsoid(x: Field, y: Field, z: Field, center: Point, radii: Point) -> Field:
    """Depth below the surface of an ellipsoid in mm, to first order; negative outside."""
    u = (x - np.float32(center[0])) * np.float32(1 / radii[0])
    v = (y - np.float32(center[1])) * np.float32(1 / radii[1])
    w = (z - np.float32(center[2])) * np.float32(1 / radii[2])
    k = np.sqrt(u * u + v * v + w * w) + np.float32(1e-3)
    u *= np.float32(1 / radii[0])
    v *= np.float32(1 / radii[1])
    w *= np.float32(1 / radii[2])
    slope = np.sqrt(u * u + v * v + w * w) + np.float32(1e-5)
    return np.asarray((1 - k) * k / slope, np.float32)


def rod(
    x: Field, y: Field, z: Field, ends: tuple[Point, Point], radii: tuple[float, float], *, squeeze: Point
) -> Field:
    """Depth in a rod with round ends, mm; see Place.rod."""
    s = np.array(squeeze)
    a, b = np.array(ends[0]) * s, np.array(ends[1]) * s
    axis = b - a
    px = x * np.float32(s[0]) - np.float32(a[0])
    py = y * np.float32(s[1]) - np.float32(a[1])
    pz = z * np.float32(s[2]) - np.float32(a[2])
    unit = (axis / max(float(axis @ axis), 1e-6)).astype(np.float32)
    t = np.clip(px * unit[0] + py * unit[1] + pz * unit[2], 0, 1)
    px -= t * np.float32(axis[0])
    py -= t * np.float32(axis[1])
    pz -= t * np.float32(axis[2])
    distance = np.sqrt(px * px + py * py + pz * pz)
    return np.asarray(np.float32(radii[0]) + t * np.float32(radii[1] - radii[0]) - distance, np.float32)


def cover(depth: Field, soft_mm: float | np.float32 | Field) -> Field:
    """Share of a pixel that lies inside a body: 0 outside, 1 inside, linear over soft_mm about its surface."""
    return np.asarray(np.clip(depth / soft_mm + np.float32(0.5), 0, 1), np.float32)


def blurred(field: Field, sigma: float) -> Field:
    """Gaussian blur; sigma in pixels. Wide blurs are done on a smaller picture."""
    if sigma < 0.2:
        return field
    shrink = int(min(8, max(1, sigma // 2.5)))
    if shrink == 1:
        return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)
    small = cv2.resize(field, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, field.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
