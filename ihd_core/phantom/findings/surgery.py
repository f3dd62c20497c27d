"""Operated heads: what an operation leaves in bone, dura, brain and scalp together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.findings.bone import Flap
from ihd_core.phantom.findings.collections import Layer, draw_air
from ihd_core.phantom.findings.finding import vault_point
from ihd_core.phantom.findings.ischemia import draw_scar
from ihd_core.phantom.findings.metal import draw_clip, plates
from ihd_core.phantom.findings.scalp import ScalpHematoma
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.findings.finding import Finding, Point


def draw_burr_holes(rng: np.random.Generator) -> tuple[Finding, ...]:
    """Draw one or two burr holes; fresh ones come with air."""
    side = -1 if rng.random() < 0.5 else 1
    found: list[Finding] = []
    for angle in (rng.uniform(-0.9, -0.4), rng.uniform(0.3, 0.7))[: int(rng.integers(1, 3))]:
        center = vault_point(side, float(angle), float(rng.uniform(45, 68)))
        hole = float(rng.uniform(4.5, 8))
        found.append(
            Flap("burr hole", center, hole, 0.1, 30.0, float(rng.uniform(5, 40)), (), 0.0, SmoothField(rng, 12))
        )
    if rng.random() < 0.3:
        found += draw_air(rng, side)
    return tuple(found)


def draw_operated(rng: np.random.Generator) -> tuple[Finding, ...]:
    """Draw a craniotomy, a gap in the bone, or a plate of plastic in it, with scar, thick dura, air, clip."""
    side = -1 if rng.random() < 0.5 else 1
    angle, height = float(rng.uniform(-0.9, 0.7)), float(rng.uniform(18, 60))
    center = vault_point(side, angle, height)
    kind = str(rng.choice(["craniotomy", "craniectomy", "cranioplasty"], p=[0.6, 0.18, 0.22]))
    radius = float(rng.uniform(18, 38)) if kind == "craniotomy" else float(rng.uniform(26, 50))
    holes = tuple(float(one) for one in rng.uniform(0, 2 * np.pi, int(rng.integers(2, 5))))
    hu = {
        "craniotomy": None,
        "craniectomy": float(rng.uniform(25, 48)),
        "cranioplasty": float(rng.choice([rng.uniform(75, 200), rng.uniform(600, 1400)], p=[0.75, 0.25])),
    }[kind]
    fresh = rng.random() < 0.35
    fill = float(rng.uniform(10, 60)) if kind == "craniotomy" else 40.0
    found: list[Finding] = [
        Flap(
            kind,
            center,
            radius,
            float(rng.uniform(1, 3)),
            fill,
            hu,
            holes,
            float(rng.uniform(3, 7)),
            SmoothField(rng, 16),
        )
    ]
    if kind != "craniectomy" and rng.random() < 0.8:
        found.append(plates(rng, center, radius))
    if rng.random() < 0.5:
        found.append(draw_scar(rng, _under(center)))
    if rng.random() < 0.6:
        thick, dura = float(rng.uniform(1.5, 3.5)), float(rng.uniform(42, 58))
        wide = (radius / 62, radius * 1.1)
        found.append(Layer("thick dura", (side,), (angle, height), wide, thick, dura, 0, 0, 0.15, SmoothField(rng, 12)))
    if fresh:
        found += draw_air(rng, side)
        thick, dense = float(rng.uniform(3, 10)), float(rng.uniform(20, 62))
        found.append(ScalpHematoma(center, radius, thick, dense, 6.0, SmoothField(rng, 8), "scalp swelling"))
    if rng.random() < 0.2:
        found += draw_clip(rng)
    return tuple(found)


def _under(center: Point) -> Point:
    return center[0] * 0.78, center[1] * 0.78, center[2] * 0.85
