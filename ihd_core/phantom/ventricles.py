"""Ventricles and deep nuclei: bodies about the middle of the brain that move apart as the ventricles widen."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.shapes import FAR, cover, deepest

if TYPE_CHECKING:
    from ihd_core.phantom.brain import Brain
    from ihd_core.phantom.place import Place
    from ihd_core.phantom.shapes import Field


def horn_mm(size: float) -> float:
    """Half width of the body of a lateral ventricle, mm."""
    return 2.1 + 3.9 * (size - 0.4)


def _caudate(at: Place, r: float) -> Field:
    """Heads of the caudate nuclei, which give the frontal horns their comma shape."""
    head = at.ellipsoid((10.5 + 1.25 * r, -20, 15), (5.2, 10, 9.5), pair=True, lean=(-0.12, 0), margin=12)
    if not at.reaches(18, 36):
        return head
    tail = at.rod(((11 + 1.5 * r, -12, 22), (19 + 1.2 * r, 18, 28)), (3.6, 1.8), pair=True, margin=6)
    return deepest(head, tail)


def _fourth(at: Place, size: float) -> Field:
    """The fourth ventricle: above a crescent about the vermis, below a tent that points at it."""
    if not at.reaches(-36, -4):
        return np.full_like(at.x, FAR)
    tall = np.sqrt(np.clip(1 - np.square((at.z + 20) * np.float32(1 / 13)), 0, 1))
    bow = np.clip((at.z + 22) * np.float32(0.1), -0.6, 1) * np.float32(0.04)
    middle = np.float32(27.0) + bow * at.x * at.x
    peak = np.maximum(1 - at.a * np.float32(1 / 5), 0) * np.float32(1.2 + 0.8 * size)
    peak *= np.clip((-16 - at.z) * np.float32(1 / 8), 0, 1)
    thick = np.float32(0.5 + 1.9 * size) * tall
    behind = thick + peak * tall - (at.y - middle)
    before = at.y - middle + thick
    beside = np.float32(4 + 3.6 * size) * tall - at.a
    depth = np.minimum(np.minimum(behind, before) * np.float32(0.9), beside)
    return np.asarray(np.where(tall > 0, depth, np.float32(FAR)), np.float32)


def ventricles(brain: Brain, at: Place) -> Field:
    """Depth in the ventricles, mm."""
    size = brain.ventricles
    fourth = _fourth(at, size)
    if not at.reaches(-22, 48):
        return np.asarray(fourth, np.float32)
    one = at.with_x(np.where(at.x > 0, at.x * np.float32(1 / brain.left_ventricle), at.x))
    r = horn_mm(size)
    m = 2.2 + 0.9 * r
    path = (
        ((m + 8, -37, 14), 0.50 * r, (1, 1, 0.55)),
        ((m + 2.5, -27, 17), 1.05 * r, (1, 0.9, 0.5)),
        ((m, -12, 21), 0.90 * r, (1, 0.8, 0.62)),
        ((m + 3.5, 6, 28), 0.92 * r, (1, 0.8, 0.7)),
        ((m + 10, 24, 28), 1.05 * r, (1, 0.8, 0.7)),
        ((25 + 0.3 * r, 38, 20), 1.25 * r, (1, 0.8, 0.7)),
    )
    bodies = [
        one.rod((start, end), (a, b), pair=True, squeeze=squeeze, margin=16)
        for (start, a, _), (end, b, squeeze) in pairwise(path)
    ]
    atrium = (25 + 0.3 * r, 38, 18)
    horn = 0.32 * r * brain.occipital
    bodies += [
        one.rod((atrium, (23, 50 + 14 * brain.occipital, 12)), (0.95 * r, horn), pair=True, squeeze=(1, 1, 0.65)),
        one.rod((atrium, (34, 20, 0)), (0.95 * r, 0.55 * r), pair=True, margin=6),
        one.rod(((34, 20, 0), (34.5, 4, -11)), (0.55 * r, 0.42 * r), pair=True, squeeze=(0.85, 1, 1), margin=6),
        one.rod(((34.5, 4, -11), (30, -9, -14)), (0.42 * r, 0.42 * r), pair=True, squeeze=(0.85, 1, 1), margin=6),
    ]
    lateral = np.minimum(deepest(*bodies), -_caudate(at, r))
    # Septum, fornix and callosal splenium keep the sides apart.
    apart = np.float32(0.5) + np.clip((at.y - 6) * np.float32(0.28), 0, 7)
    lateral = np.minimum(lateral, at.a - apart)
    half = 0.7 + 2.3 * max(size - 0.35, 0.1)
    third = at.ellipsoid((0, 3, 9), (half, 14, 9.5), margin=10)
    monro = at.rod(((0.5, -10, 16), (m, -12, 20)), (1.1, 1.4), pair=True)
    aqueduct = at.rod(((0, 17, 3), (0, 23, -12)), (0.9, 1.2))
    return deepest(np.asarray(lateral, np.float32), third, np.asarray(fourth, np.float32), monro, aqueduct)


def deep_grey(brain: Brain, at: Place) -> tuple[Field, Field]:
    """Shares of deep grey matter and of the white capsules about it, 0..1; where both are 0 it is cerebrum."""
    r = horn_mm(brain.ventricles)
    out = 0.5 * (r - 4)
    soft = np.float32(1.4) + at.soft
    uneven = np.float32(0.8) * brain.patches.on(at.plane)
    lens = np.minimum(
        at.ellipsoid((24.5 + out, -4, 8), (9.5, 19, 12.5), pair=True, lean=(0.10, 0), margin=5),
        # The medial side is a wedge whose point looks at the foramen of Monro.
        (at.a - np.float32(13.0 + out) - np.float32(0.42) * np.abs(at.y - 1)) * np.float32(0.9),
    )
    thalamus = at.ellipsoid((10.5 + 0.6 * out, 11, 11.5), (8.8, 15, 10.5), pair=True, lean=(0.24, 0), margin=5)
    thalamus = np.minimum(thalamus, at.a - np.float32(0.8))
    depth = np.maximum(np.maximum(lens, thalamus), _caudate(at, r)) + uneven
    white = at.ellipsoid((20 + out, -2, 9), (19, 34, 19), pair=True, margin=4)
    return cover(np.asarray(depth, np.float32), soft), cover(white, np.float32(5))
