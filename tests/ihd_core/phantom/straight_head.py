"""Heads that lie straight, cut at known heights: millimetres from the sella say where to look."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from ihd_core.phantom.brain import draw_brain
from ihd_core.phantom.head import Head, Tissue, draw_head, tissue
from ihd_core.phantom.place import Place
from ihd_core.phantom.planes import Plane, Pose
from ihd_core.phantom.skull import Outside, Skull, draw_skull, outside

SIDE, PIXEL_MM = 240, 1.0
MIDDLE = (SIDE - 1) / 2
drawn = cache(lambda seed: draw_skull(np.random.default_rng(seed)))
drawn_brain = cache(lambda seed, age: draw_brain(np.random.default_rng(seed), age))
drawn_head = cache(lambda seed: draw_head(np.random.default_rng(seed)))


def skull(seed: int, **changed: object) -> Skull:
    return replace(drawn(seed), **changed) if changed else drawn(seed)


def plane(z: float, thickness_mm: float = 1.0) -> Plane:
    return Pose(0, 0, (0, 0), (1, 1, 1)).plane(SIDE, SIDE * PIXEL_MM, z, thickness_mm)


def place(z: float) -> Place:
    one = plane(z)
    return Place(one, one.x, one.y, one.z)


@cache
def cut(one: Skull, z: float) -> Outside:
    """One plane of a skull with brain of 35 HU in the cavity."""
    made = outside(one, place(z))
    return replace(made, hu=made.hu + (35 - made.hu) * made.inside)


def row(y: float) -> int:
    return round(y / PIXEL_MM + MIDDLE)


def column(x: float) -> int:
    return round(x / PIXEL_MM + MIDDLE)


def at(field: np.ndarray, x: float, y: float) -> float:
    """The mean of 3 x 3 pixels about (x, y) mm."""
    return float(field[row(y) - 1 : row(y) + 2, column(x) - 1 : column(x) + 2].mean())


def head(seed: int, age: float | None = None, **changed: object) -> Head:
    """A straight head without bends, its skull drawn by seed, its brain too, of one age and with changed numbers."""
    one = drawn_head(seed)
    brain = one.brain if age is None else drawn_brain(seed, age)
    return replace(one, pose=Pose(0, 0, (0, 0), (1, 1, 1)), brain=replace(brain, **changed), bend_mm=0.0)


def slice_of(one: Head, z: float, thickness_mm: float = 1.0) -> Tissue:
    return tissue(one, plane(z, thickness_mm))


def volumes(one: Head, step_mm: float = 9.0) -> tuple[float, float, float]:
    """Millilitres of cavity, subarachnoid fluid and ventricles."""
    total = np.zeros(3)
    middle = one.pose.plane(60, 216, 20.0, step_mm)
    for z in np.arange(-56, 96, step_mm):
        made = tissue(one, middle.moved(float(z) - 20, step_mm))
        total += [made.inside.sum(), made.csf.sum(), made.ventricle.sum()]
    cavity, csf, ventricle = total * 3.6**2 * step_mm / 1000
    return float(cavity), float(csf), float(ventricle)
