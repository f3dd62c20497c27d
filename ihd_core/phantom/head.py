"""One head without hemorrhage: its numbers, and the tissue of any plane through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.brain import Brain, contents, draw_brain
from ihd_core.phantom.fossa import tent_depth
from ihd_core.phantom.place import Place
from ihd_core.phantom.planes import Pose
from ihd_core.phantom.skull import Skull, draw_skull, outside
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ihd_core.phantom.planes import Plane
    from ihd_core.phantom.shapes import Field


@dataclass(frozen=True, slots=True, eq=False)
class Push:
    """Brain pushed aside by a hemorrhage, as a shift of everything near center to the other side.

    Attributes:
        center: mm, in the head.
        reach_mm: distance at which half of the shift is left.
        shift_mm: towards the other side of the midline.
    """

    center: tuple[float, float, float]
    reach_mm: float
    shift_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """The numbers of one head and how it lies in the scanner."""

    pose: Pose
    skull: Skull
    brain: Brain
    bends: tuple[SmoothField, SmoothField, SmoothField]
    bend_mm: float


def draw_head(rng: np.random.Generator) -> Head:
    """Draw a head: size, position, bone, brain."""
    size = rng.normal(1, 0.035)
    scale = tuple(float(np.clip(size * rng.normal(1, 0.025), 0.9, 1.09)) for _ in range(3))
    tilt = float(rng.normal(0, 0.05)) if rng.random() < 0.6 else float(rng.normal(0.12, 0.14))
    pose = Pose(
        turn=float(rng.normal(0, 0.07)),
        tilt=float(np.clip(tilt, -0.4, 0.4)),
        shift_mm=(float(rng.normal(0, 5)), float(rng.normal(2, 6))),
        scale=(scale[0], scale[1], scale[2]),
        roll=float(np.clip(rng.normal(0, 0.045), -0.14, 0.14)),
    )
    bends = (SmoothField(rng, 50), SmoothField(rng, 50), SmoothField(rng, 50))
    age = float(rng.beta(1.1, 1.3))
    return Head(pose, draw_skull(rng, age), draw_brain(rng, age), bends, float(rng.uniform(0.6, 2.0)))


@dataclass(frozen=True, slots=True, eq=False)
class Tissue:
    """One plane of a head without hemorrhage; every field is float32 (rows, columns).

    Attributes:
        hu: Hounsfield units, sharp and without noise.
        x: mm to the patient's left, y: to posterior, z: to superior; straightened, as anatomy sees them.
        depth: mm below the inner table; inside: share of the cavity, 0..1.
        csf: share of subarachnoid fluid; ventricle: share of ventricle, 0..1.
        tent: mm below the tentorium; surface: mm below the brain's surface.
        white: share of white matter, 0..1; None where it is not known.
    """

    plane: Plane
    hu: Field
    x: Field
    y: Field
    z: Field
    depth: Field
    inside: Field
    csf: Field
    ventricle: Field
    tent: Field
    surface: Field
    white: Field | None = None


def tissue(head: Head, plane: Plane, pushes: tuple[Push, ...] = ()) -> Tissue:
    """The tissue of one plane, the brain pushed aside by pushes."""
    x, y, z = (
        axis + np.float32(head.bend_mm) * bend.on(plane)
        for axis, bend in zip((plane.x, plane.y, plane.z), head.bends, strict=True)
    )
    at = Place(plane, x, y, z)
    around = outside(head.skull, at)
    still, tight = at, None
    if pushes:
        at = at.with_x(pushed(pushes, at, around.depth))
        tight = squeezed(pushes, still)
    hu, surface, tent = around.hu.copy(), around.depth.copy(), tent_depth(at)
    csf, ventricle, white = (np.zeros_like(hu) for _ in range(3))
    box = _about(around.depth > -8)
    if box is not None:
        inside = around.inside[box]
        within = contents(
            head.brain, at.cut(box), around.depth[box], still.cut(box), None if tight is None else tight[box]
        )
        hu[box] += (within.hu - hu[box]) * inside
        surface[box] = within.surface
        for whole, share in ((csf, within.csf), (ventricle, within.ventricle), (white, within.white)):
            whole[box] = share * inside
    return Tissue(plane, hu, x, y, z, around.depth, around.inside, csf, ventricle, tent, surface, white)


def _about(mask: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Rows and columns that hold every pixel of a mask; None for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def pushed(pushes: tuple[Push, ...], at: Place, depth: Field) -> Field:
    """The x that the displaced brain sees; nothing moves at the bone."""
    x = at.x
    firm = np.clip(depth * np.float32(1 / 25), 0, 1)
    for push in pushes:
        cx, cy, cz = (np.float32(c) for c in push.center)
        squares = (at.y - cy) ** 2 + (at.z - cz) ** 2 + np.float32(0.4) * (at.x - cx) ** 2
        x = x + np.float32(np.sign(cx) * push.shift_mm) * firm / (1 + squares * np.float32(push.reach_mm**-2))
    return x


def squeezed(pushes: tuple[Push, ...], at: Place) -> Field:
    """Share of the fluid about the brain that pushes press out, 0..1: on their own side, twice as far as they shift."""
    tight = np.zeros_like(at.x)
    for push in pushes:
        cx, cy, cz = (np.float32(c) for c in push.center)
        squares = (at.y - cy) ** 2 + (at.z - cz) ** 2 + np.float32(0.7) * (at.x - cx) ** 2
        near = np.exp(squares * np.float32(-0.5 / (1.5 * push.reach_mm) ** 2))
        side = np.clip(at.x * np.float32(np.sign(cx) / 12) + np.float32(0.5), 0, 1) if cx else np.float32(1)
        np.maximum(tight, near * side * np.float32(min(abs(push.shift_mm) / 7, 0.95)), out=tight)
    return tight
