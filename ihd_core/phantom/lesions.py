"""Draw hemorrhages: where they lie, how large and how bright they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import Label
from ihd_core.phantom.head import Push
from ihd_core.phantom.hemorrhage import Epidural, Intraparenchymal, Intraventricular, Subarachnoid, Subdural
from ihd_core.phantom.shapes import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.hemorrhage import Hemorrhage, Point


def draw_hemorrhage(label: Label, rng: np.random.Generator, size: float = 1.0) -> Hemorrhage:
    """Draw a hemorrhage of one subtype.

    Args:
        label: a subtype, not ANY.
        rng: where the numbers come from.
        size: 1 is as clinical ones vary; greater makes it larger, where it must be seen.
    """
    draw = {
        Label.EPIDURAL: _draw_epidural,
        Label.SUBDURAL: _draw_subdural,
        Label.SUBARACHNOID: _draw_subarachnoid,
        Label.INTRAPARENCHYMAL: _draw_intraparenchymal,
        Label.INTRAVENTRICULAR: _draw_intraventricular,
    }
    return draw[label](rng, size)


def _draw_epidural(rng: np.random.Generator, size: float) -> Hemorrhage:
    side = _side(rng)
    angle = float(rng.choice([rng.normal(-0.1, 0.35), rng.normal(-0.9, 0.2), rng.normal(0.7, 0.3)], p=[0.6, 0.2, 0.2]))
    height = float(rng.uniform(6, 48))
    reach = float(rng.uniform(17, 38)) * size
    shrink = np.sqrt(max(0.2, 1 - ((height - 6) / 84) ** 2))
    center = (float(side * 68 * np.cos(angle) * shrink), float(4 + 83 * np.sin(angle) * shrink), height)
    thick = float(np.clip(reach * rng.uniform(0.28, 0.6), 5, 26))
    push = Push(center, 45, float(max(0, thick - 8) * rng.uniform(0, 0.5)))
    return Epidural(center, reach, thick, float(rng.uniform(52, 80)), SmoothField(rng, 9), pushes=(push,))


def _draw_subdural(rng: np.random.Generator, size: float) -> Hemorrhage:
    side = _side(rng)
    where = str(rng.choice(["convexity", "falx", "tentorium"], p=[0.76, 0.15, 0.09]))
    age = (
        str(rng.choice(["acute", "chronic", "mixed", "subacute"], p=[0.56, 0.16, 0.18, 0.1])) if size == 1 else "acute"
    )
    if where != "convexity":
        age = "acute"
    fresh = float(rng.uniform(50, 78))
    old = float(rng.uniform(12, 28))
    hu = {"acute": (fresh, fresh), "chronic": (old, old + 4), "mixed": (old + 6, fresh), "subacute": (38.0, 50.0)}[age]
    thick = float(rng.uniform(4, 16) if where == "convexity" else rng.uniform(3.5, 8)) * min(size, 1.4)
    if age == "chronic":
        thick += 3
    middle = (float(rng.normal(0.15, 0.45)), float(rng.uniform(14, 48)))
    spread = (float(rng.uniform(0.35, 1.35)), float(rng.uniform(13, 58)))
    push = Push((side * 60.0, 0.0, middle[1]), 60, float(max(0, thick - 4) * rng.uniform(0, 0.7)))
    pushes = (push,) if where == "convexity" else ()
    level = float(rng.uniform(-20, 30)) if age == "mixed" else 0.0
    return Subdural(where, side, middle, spread, thick, hu, level, SmoothField(rng, 16), pushes=pushes)


def _draw_subarachnoid(rng: np.random.Generator, size: float) -> Hemorrhage:
    hu = float(rng.uniform(50, 78)) + 8 * (size - 1)
    if rng.random() < 0.55 or size > 1.7:
        reach = float(rng.uniform(24, 62)) * size
        offset = float(rng.normal(0, 14))
        centers: tuple[Point, ...] = ((offset, float(rng.normal(-12, 8)), float(rng.normal(1, 5))),)
        if rng.random() < 0.5:
            centers = (*centers, (float(_side(rng) * 45), -6.0, 9.0))
    else:
        reach = float(rng.uniform(16, 36)) * size
        angle = float(rng.uniform(-1.4, 1.4))
        height = float(rng.uniform(10, 62))
        shrink = np.sqrt(max(0.1, 1 - ((height - 6) / 84) ** 2))
        x = _side(rng) * 58 * np.cos(angle) * shrink
        centers = ((float(x), float(4 + 72 * np.sin(angle) * shrink), height),)
    return Subarachnoid(centers, reach, float(np.clip(rng.uniform(0.75, 1) * size, 0, 1)), hu, SmoothField(rng, 12))


def _draw_intraparenchymal(rng: np.random.Generator, size: float) -> Hemorrhage:
    places: tuple[tuple[Point, float], ...] = (
        ((26, -3, 10), 12.0),  # putamen
        ((12, 11, 13), 9.0),  # thalamus
        ((26, -46, 22), 15.0),  # frontal
        ((40, 30, 36), 15.0),  # parietal
        ((46, -4, -6), 12.0),  # temporal
        ((28, 56, 16), 13.0),  # occipital
        ((22, 42, -24), 11.0),  # cerebellum
        ((3, 9, -19), 6.5),  # pons
        ((30, 0, 54), 13.0),  # high frontoparietal
        ((24, -60, 6), 9.0),  # orbitofrontal, a contusion
    )
    center, largest = places[int(rng.integers(len(places)))]
    side = _side(rng)
    jitter = rng.normal(0, 3, 3)
    center = (float(side * (center[0] + jitter[0])), float(center[1] + jitter[1]), float(center[2] + jitter[2]))
    radius = float(np.clip(largest * rng.uniform(0.38, 1.6) * size, 4.5, 28))
    radii = tuple(float(radius * f) for f in rng.uniform(0.75, 1.3, 3))
    push = Push(center, 40, float(max(0, radius - 10) * rng.uniform(0, 0.5)))
    return Intraparenchymal(
        center,
        (radii[0], radii[1], radii[2]),
        hu=float(rng.uniform(54, 80)),
        edema_mm=float(rng.uniform(0, 4) + radius * rng.uniform(0, 0.35)),
        edema_hu=float(rng.uniform(15, 23)),
        rough_mm=float(radius * rng.uniform(0.06, 0.28)),
        swirl=SmoothField(rng, max(4.0, radius * 0.55)),
        pushes=(push,),
    )


def _draw_intraventricular(rng: np.random.Generator, size: float) -> Hemorrhage:
    hu = float(rng.uniform(48, 80))
    kind = rng.random()
    if kind < 0.55:
        sides: tuple[int, ...] = (-1, 1) if rng.random() < 0.6 else (_side(rng),)
        levels = tuple(float(rng.uniform(20, 48)) - 14 * (size - 1) for _ in sides)
    elif kind < 0.85:
        sides = (_side(rng), 0) if rng.random() < 0.5 else (_side(rng),)
        levels = tuple(float(rng.uniform(-60, 10)) for _ in sides)
    else:
        sides = (-1, 0, 1)
        levels = (float(rng.uniform(-60, 35)), -60.0, float(rng.uniform(-60, 35)))
    return Intraventricular(sides, levels, float(rng.uniform(0.8, 1)), hu, SmoothField(rng, 7))


def _side(rng: np.random.Generator) -> int:
    return -1 if rng.random() < 0.5 else 1
