"""The contents of the skull without hemorrhage: brain, sulci, ventricles, cisterns, dura, vessels, calcifications."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.calcium import Spot, calcified, draw_spots
from ihd_core.phantom.cortex import Cortex, Folds, draw_cortex, folds, lined
from ihd_core.phantom.dura import Dura, arteries, draw_dura, dura
from ihd_core.phantom.fossa import brain_stem, cisterns, posterior_fossa, tent_depth
from ihd_core.phantom.shapes import cover
from ihd_core.phantom.smooth_field import SmoothField
from ihd_core.phantom.ventricles import deep_grey, ventricles

if TYPE_CHECKING:
    from ihd_core.phantom.place import Place
    from ihd_core.phantom.shapes import Field


@dataclass(frozen=True, slots=True, eq=False)
class Brain:
    """The numbers of one brain; lengths in mm, densities in HU.

    Attributes:
        atrophy: 0 (young, narrow spaces) to 1 (old, wide); it drives sulci, cisterns, ventricles and calcium.
        swelling: 0, or up to 1 in a young brain so tight that sulci and cisterns all but vanish.
        sulci: half width of a sulcus at its mouth, mm; frontal: how much wider it is in front than behind.
        gap_mm: fluid between brain and bone over the convexity.
        ventricles: size of the ventricles over the standard one; left_ventricle: the left over the right.
        occipital: length of the occipital horns, 0 to 1.
    """

    grey: float
    white: float
    csf: float
    atrophy: float
    swelling: float
    sulci: float
    frontal: float
    gap_mm: float
    ventricles: float
    left_ventricle: float
    occipital: float
    cortex: Cortex
    gap: SmoothField
    width: SmoothField
    patches: SmoothField
    folia: SmoothField
    dura: Dura
    spots: tuple[Spot, ...]


def draw_brain(rng: np.random.Generator, age: float | None = None) -> Brain:
    """Draw the numbers of a brain; age from 0 (young) to 1 (old), drawn by default."""
    age = float(rng.beta(1.1, 1.3)) if age is None else age
    white = float(rng.uniform(25, 30.5)) - age
    swelling = float(rng.uniform(0.2, 1)) if age < 0.35 and rng.random() < 0.35 else 0.0
    sulci = 0.18 + 0.22 * age + 0.5 * age**2
    return Brain(
        grey=white + float(rng.uniform(5.5, 9.5)),
        white=white,
        csf=float(rng.uniform(2, 11)),
        atrophy=age,
        swelling=swelling,
        sulci=float(sulci * rng.lognormal(0, 0.22) * (1 - 0.7 * swelling)),
        frontal=float(rng.normal(0.25, 0.2)),
        gap_mm=float((0.3 + 1.5 * age**1.8) * rng.lognormal(0, 0.4) * (1 - 0.7 * swelling)),
        ventricles=float(np.clip((0.78 + 0.95 * age**1.5) * rng.lognormal(0, 0.2) - 0.15 * swelling, 0.5, 2.45)),
        left_ventricle=float(np.clip(rng.normal(1.04, 0.1), 0.8, 1.3)),
        occipital=float(rng.uniform(0, 1)),
        cortex=draw_cortex(rng),
        gap=SmoothField(rng, 30),
        width=SmoothField(rng, 18),
        patches=SmoothField(rng, 13),
        folia=SmoothField(rng, 5, layer_mm=7),
        dura=draw_dura(rng, age),
        spots=draw_spots(rng, age),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """The inside of the skull on one plane; every field (rows, columns).

    Attributes:
        hu: without hemorrhage, HU; meaningful inside the cavity.
        csf: share of subarachnoid fluid (sulci, fissures, cisterns), 0..1; ventricle: share of ventricle, 0..1.
        tent: mm below the tentorium (positive in the posterior fossa).
        surface: mm below the surface of the brain.
        white: share of white matter, 0..1.
    """

    hu: Field
    csf: Field
    ventricle: Field
    tent: Field
    surface: Field
    white: Field


def contents(brain: Brain, at: Place, depth: Field, still: Place | None = None, tight: Field | None = None) -> Contents:
    """What is inside the skull on one plane.

    Args:
        brain: as drawn.
        at: where the brain has come from, when something pushes it.
        depth: mm below the inner table.
        still: where the dura is, which holds against a push; by default at.
        tight: share of the fluid about the brain that mass effect has pressed out, 0..1 (rows, columns).
    """
    still = still or at
    wide = np.float32(1) if tight is None else 1 - tight
    level = 1 + np.float32(brain.frontal) * np.clip((10 - at.y) * np.float32(1 / 70), -1, 1)
    gap = np.float32(brain.gap_mm) * (np.float32(0.75) + np.float32(0.6) * brain.gap.on(at.plane)) * level * wide
    surface = depth - np.clip(gap, np.float32(0.15), np.float32(0.15 + 4 * brain.gap_mm))
    tent = tent_depth(at)
    ventricle = ventricles(brain, at)
    nuclei, capsule = deep_grey(brain, at)
    core = np.maximum(at.ellipsoid((0, 2, 14), (36, 44, 28), margin=12), ventricle + 3)
    ring = np.sqrt(np.square((at.y - 2) * np.float32(1 / 46)) + np.square((at.z - 14) * np.float32(1 / 25)))
    made = folds(brain.cortex, at, surface, np.float32(brain.sulci) * level * wide, core=core, ring=ring)
    # Brain slips under the falx, which holds the fissure back.
    middle = np.where(tent < 0, np.abs(still.x + (at.x - still.x) * np.float32(0.4)), np.float32(99))
    made = _fissures(brain, at, middle, made, ring, wide=wide)
    patches = brain.patches.on(at.plane)
    grey = cover(np.float32(3.0) + np.float32(0.35) * patches - made.ribbon, np.float32(2.6) + at.soft)
    grey = np.maximum(grey * (1 - capsule), nuclei)
    hu = (
        np.float32(brain.white)
        + np.float32(brain.grey - brain.white) * grey
        + _texture(brain, at, patches, ventricle, grey)
    )
    fluid = made.fluid
    if at.reaches(-60, 24):
        hu, fluid = posterior_fossa(brain, at, hu, fluid, surface)
    if at.reaches(-50, 30):
        fluid = cisterns(brain, at, fluid, wide)
        hu, fluid = brain_stem(brain, at, hu, fluid)
    inside = cover(ventricle, at.soft)
    fluid = np.asarray(np.clip(fluid, 0, 1) * (1 - inside), np.float32)
    hu += (np.float32(brain.csf) - hu) * np.maximum(fluid, inside)
    hu = dura(brain.dura, still, hu, depth, tent)
    hu = arteries(brain.dura, at, hu, surface)
    hu = calcified(brain.spots, at, hu, patches)
    white = np.asarray((1 - grey) * (1 - fluid) * (1 - inside), np.float32)
    return Contents(np.asarray(hu, np.float32), fluid, inside, tent, surface, white)


def _texture(brain: Brain, at: Place, patches: Field, ventricle: Field, grey: Field) -> Field:
    """What makes brain uneven, HU: slow and fast waves, and white matter that is paler beside old ventricles."""
    waves = np.float32(0.9) * brain.width.on(at.plane) + np.float32(0.7) * brain.gap.on(at.plane)
    beside = np.clip(1 + ventricle * np.float32(1 / 13), 0, 1)
    pale = np.float32(0.8 + 3.2 * brain.atrophy**2) * beside * np.clip(np.float32(1) + np.float32(0.5) * patches, 0, 2)
    return np.asarray(np.float32(0.6) * (patches + waves) - pale * (1 - np.float32(0.8) * grey), np.float32)


def _fissures(brain: Brain, at: Place, middle: Field, made: Folds, ring: Field, *, wide: Field | np.float32) -> Folds:
    """Add the fissure between the hemispheres, and the sylvian fissures with the insulae."""
    age, half = brain.atrophy, brain.sulci
    soft = np.float32(at.pixel + 0.06 * at.plane.thickness_mm)
    uneven = np.maximum(1 + np.float32(0.5) * brain.width.on(at.plane), 0.1)
    # The fissure opens in front and where gyri leave gaps along it.
    gap = np.float32(0.15 + 0.85 * half) * (np.float32(0.5) + np.clip(-at.y * np.float32(0.02), 0, 0.9)) * uneven * wide
    gap = gap + np.float32(0.8 + 2 * age) * np.exp(-np.abs(ring - 1) * np.float32(14)) * wide
    between = lined(middle, gap, soft) * np.clip((ring - 1) * 14, 0, 1)
    fluid = np.maximum(made.fluid, between)
    ribbon = np.minimum(made.ribbon, np.where(ring > 1, at.a, np.float32(99)))
    if at.reaches(-14, 36):
        wave, other = brain.cortex.sway.on(at.plane), brain.cortex.twist.on(at.plane)
        thick = np.float32((0.3 + 1.15 * half) * (1 - 0.5 * brain.swelling)) * wide
        # Gyri of the opercula and of the insula bulge into the fissure.
        uneven = np.clip(
            np.float32(0.85) + np.float32(0.6) * brain.width.on(at.plane) + np.float32(0.55) * wave, 0.1, 2.4
        )
        bent = np.float32(1.5) * wave + np.float32(1.2) * other
        bow = at.a + np.float32(0.010) * (at.y + 2) ** 2 + np.float32(0.014) * (at.z - 8) ** 2 + bent
        out = np.float32(1.2 * (brain.ventricles - 0.8))
        along = np.maximum(np.abs(at.y + 2) - 19, np.abs(at.z - 9) - 13)
        insula = np.hypot(bow - np.float32(41) - out, np.maximum(along, 0))
        cleft = at.z - 7 - np.float32(0.34) * (at.y + 3) + 4 * wave + np.float32(2.5) * other
        inner = np.maximum(np.float32(39) - bow, np.abs(at.y - 2) - 27)
        cleft = np.hypot(cleft * np.float32(0.85), np.maximum(inner, 0))
        near = np.minimum(insula, cleft)
        high = np.clip((24 - at.z) * np.float32(0.1), 0, 1)
        fluid = np.maximum(fluid, lined(insula, thick * uneven * high, soft))
        mouth = thick * (np.float32(0.8) + np.clip((at.a - 48) * np.float32(0.05), 0, 0.7))
        fluid = np.maximum(fluid, lined(cleft, mouth * uneven, soft))
        ribbon = np.minimum(ribbon, near)
    return Folds(np.asarray(fluid, np.float32), np.asarray(ribbon, np.float32))
