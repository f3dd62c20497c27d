"""The contents of the skull without hemorrhage: brain, sulci, ventricles, cisterns, dura, vessels, calcifications."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.phantom.fossa import brain_stem, cisterns, posterior_fossa, tent_depth
from ihd_core.phantom.shapes import SmoothField, cover, deepest, look_up

if TYPE_CHECKING:
    from ihd_core.phantom.shapes import Field, Place


@dataclass(frozen=True, slots=True, eq=False)
class Blob:
    """A place with another density: an old infarct."""

    center: tuple[float, float, float]
    radii: tuple[float, float, float]
    hu: float


@dataclass(frozen=True, slots=True, eq=False)
class Brain:
    """The numbers of one brain; lengths in mm, densities in HU.

    Attributes:
        atrophy: 0 (young, narrow spaces) to 1 (old, wide).
        ventricles: size of the ventricles over the standard one.
        left_ventricle: the same for the left side over the right.
    """

    grey: float
    white: float
    csf: float
    atrophy: float
    ventricles: float
    left_ventricle: float
    gap: SmoothField
    folds: SmoothField
    branches: SmoothField
    width: SmoothField
    patches: SmoothField
    folia: SmoothField
    small_vessel: float
    falx: float
    falx_hu: float
    sinus_hu: float
    artery_hu: float
    calcified: frozenset[str]
    calcium: float
    blobs: tuple[Blob, ...]


CALCIFICATIONS = (
    ("pineal", (0.8, 27, 14), (1.8, 2.2, 2.5)),
    ("choroid", (23, 35, 21), (2.2, 4.0, 3.5)),
    ("pallidum", (19, -3, 8), (2.0, 3.5, 2.5)),
    ("carotid", (11.5, -15, -3), (1.6, 3.0, 2.5)),
    ("falx", (0.3, -48, 52), (0.9, 7, 8)),
)
"""Name, center and radii in mm; those beside the midline come in pairs."""


def draw_brain(rng: np.random.Generator) -> Brain:
    """Draw the numbers of a brain."""
    atrophy = float(rng.beta(1.2, 1.5))
    white = float(rng.uniform(25.5, 31))
    odds = {"pineal": 0.55, "choroid": 0.55, "falx": 0.2, "pallidum": 0.12, "carotid": 0.3}
    blobs = tuple(_draw_blob(rng) for _ in range(int(rng.random() < 0.22) + int(rng.random() < 0.06)))
    return Brain(
        grey=white + float(rng.uniform(6.0, 10.0)),
        white=white,
        csf=float(rng.uniform(3, 11)),
        atrophy=atrophy,
        ventricles=float(np.clip(0.62 + 0.75 * atrophy + rng.normal(0, 0.14), 0.5, 1.7)),
        left_ventricle=float(rng.uniform(0.85, 1.2)),
        gap=SmoothField(rng, 30),
        folds=SmoothField(rng, float(rng.uniform(6.5, 9.5)), layer_mm=11),
        branches=SmoothField(rng, float(rng.uniform(4.6, 7.0)), layer_mm=9),
        width=SmoothField(rng, 18),
        patches=SmoothField(rng, 13),
        folia=SmoothField(rng, 2.6, layer_mm=7),
        small_vessel=float(max(0, rng.uniform(-6, 4) + 7 * atrophy)),
        falx=float(rng.uniform(0, 0.9)),
        falx_hu=float(rng.uniform(42, 62)),
        sinus_hu=float(rng.uniform(42, 66)),
        artery_hu=float(rng.uniform(38, 52)),
        calcified=frozenset(name for name, odd in odds.items() if rng.random() < odd),
        calcium=float(rng.uniform(120, 420)),
        blobs=blobs,
    )


def _draw_blob(rng: np.random.Generator) -> Blob:
    """An old infarct of a territory, or a lacune."""
    side = -1 if rng.random() < 0.5 else 1
    if rng.random() < 0.35:
        x, y, z = rng.uniform((12, -25, 8), (30, 25, 34))
        size = float(rng.uniform(2.5, 5))
        return Blob((float(side * x), float(y), float(z)), (size, size * 1.3, size), float(rng.uniform(8, 18)))
    centers = ((48, -5, 22), (34, 58, 14), (38, 36, 34), (22, -52, 26), (26, 42, -24))
    x, y, z = np.array(centers[int(rng.integers(len(centers)))], float) + rng.normal(0, 5, 3)
    a, b, c = rng.uniform(10, 24, 3)
    return Blob((float(side * x), float(y), float(z)), (float(a), float(b), float(c)), float(rng.uniform(10, 26)))


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """The inside of the skull on one plane; every field (rows, columns).

    Attributes:
        hu: without hemorrhage, HU; meaningful inside the cavity.
        csf: share of subarachnoid fluid (sulci, fissures, cisterns), 0..1; ventricle: share of ventricle, 0..1.
        tent: mm below the tentorium (positive in the posterior fossa).
        surface: mm below the surface of the brain.
    """

    hu: Field
    csf: Field
    ventricle: Field
    tent: Field
    surface: Field


def contents(brain: Brain, at: Place, depth: Field) -> Contents:
    """What is inside the skull on one plane; depth is mm below the inner table."""
    gap = np.float32(0.3 + 1.6 * brain.atrophy) + np.float32(0.3 + brain.atrophy) * brain.gap.on(at.plane)
    gap = np.maximum(gap, 0.1) * np.where(at.y < 0, np.float32(1.2), np.float32(0.8))
    surface = depth - gap
    tent = tent_depth(at)
    patches = brain.patches.on(at.plane)
    fluid, ribbon = _sulci(brain, at, surface)
    fluid, ribbon = _fissures(brain, at, tent, fluid, ribbon)
    grey = cover(np.float32(3.1) + np.float32(0.5) * patches - ribbon, np.float32(1.6) + at.soft)
    hu = np.float32(brain.white) + np.float32(brain.grey - brain.white) * grey + patches * np.float32(0.7)
    ventricle = _ventricles(brain, at)
    hu = _deep_grey(brain, at, hu)
    hu -= (1 - grey) * _white_matter_disease(brain, at, ventricle)
    if at.reaches(-60, 24):
        hu, fluid = posterior_fossa(brain, at, hu, fluid, surface)
    hu = _blobs(brain, at, hu)
    if at.reaches(-50, 30):
        fluid = cisterns(brain, at, fluid)
        hu, fluid = brain_stem(brain, at, hu, fluid)
    inside = cover(ventricle, at.soft)
    fluid = np.clip(fluid, 0, 1) * (1 - inside)
    hu += (np.float32(brain.csf) - hu) * np.maximum(fluid, inside)
    hu = _dura(brain, at, hu, depth, tent)
    hu = _bright_spots(brain, at, hu)
    return Contents(np.asarray(hu, np.float32), fluid, inside, tent, surface)


def _sulci(brain: Brain, at: Place, surface: Field) -> tuple[Field, Field]:
    """Share of fluid in the sulci and the distance of every pixel to fluid, mm (the cortex is what is near)."""
    shallow = np.clip(surface, 0, 40)
    stretch = 1 + np.float32(0.68) * shallow / (np.hypot(at.x, at.y) + 6)
    u, v = at.x * stretch, at.y * stretch
    fluid = cover(-surface, at.soft)
    ribbon = np.maximum(surface, 0)
    width = brain.width.on(at.plane)
    core = np.clip(at.ellipsoid((0, 0, 14), (37, 42, 26)) * np.float32(0.25), 0, 3)
    for field, reach, share in ((brain.folds, 19.0, 1.0), (brain.branches, 11.0, 0.7)):
        n = look_up(field.texture(at.plane), u, v)
        dx = cv2.Sobel(n, cv2.CV_32F, 1, 0, ksize=3, scale=0.125 / at.plane.pixel_mm)
        dy = cv2.Sobel(n, cv2.CV_32F, 0, 1, ksize=3, scale=0.125 / at.plane.pixel_mm)
        away = np.abs(n) / (np.sqrt(dx * dx + dy * dy) + np.float32(0.05))
        left = 1 - surface / (np.float32(reach) * np.maximum(1 + np.float32(0.35) * width, np.float32(0.1)))
        left = left - core
        half = np.float32(share) * (np.float32(0.2 + 1.3 * brain.atrophy) + np.float32(0.35) * width) * left
        half = np.where(left > 0, half, np.float32(-3))
        # A sulcus narrower than the slice is oblique: it is seen wider and fainter.
        line = np.clip((half - away) / (at.soft * np.float32(1.3)) + np.float32(0.5), 0, 1)
        fluid = np.maximum(fluid, line)
        ribbon = np.minimum(ribbon, away + np.maximum(-left, 0) * 40)
    return fluid, ribbon


def _fissures(brain: Brain, at: Place, tent: Field, fluid: Field, ribbon: Field) -> tuple[Field, Field]:
    """Add the fissure between the hemispheres and the sylvian fissures."""
    age = brain.atrophy
    ring = np.sqrt((at.y / 44) ** 2 + ((at.z - 18) / 27) ** 2)
    between = np.minimum(np.float32(0.25 + 0.9 * age) + np.float32(0.012) * np.clip(-at.y, 0, 60), 2.6) - at.a
    between = np.minimum(between, (ring - 1) * 24)
    fluid = np.maximum(fluid, cover(between, at.soft) * (tent < 0))
    ribbon = np.minimum(ribbon, np.where(ring > 1, at.a, np.float32(99)))
    if at.reaches(-10, 32):
        wavy = brain.width.on(at.plane)
        bow = at.with_x(at.a + np.float32(0.012) * (at.y + 4) ** 2 + np.float32(1.2) * wavy)
        insula = bow.ellipsoid((40, -3, 8), (0.5 + 2.2 * age, 17, 12), pair=True, margin=6) + np.float32(0.4) * wavy
        cleft = at.ellipsoid((53, -2, 8), (15, 17, 1.2 + 2.0 * age), pair=True, lean=(0, 0.32), margin=6)
        both = np.maximum(insula, cleft)
        fluid = np.maximum(fluid, cover(both, at.soft * np.float32(1.2)))
        ribbon = np.minimum(ribbon, np.maximum(-both, 0))
    return fluid, ribbon


def _ventricles(brain: Brain, at: Place) -> Field:
    """Depth in the ventricles, mm."""
    size = brain.ventricles
    fourth = at.ellipsoid((0, 27, -20), (4 + 4 * size, 3 + 3 * size, 9))
    if not at.reaches(-18, 46):
        return fourth
    one = at.with_x(np.where(at.x > 0, at.x * np.float32(1 / brain.left_ventricle), at.x))
    r = 2.2 + 4.0 * (size - 0.4)
    rods = [
        ((9, -34, 20), (8, -12, 20), (0.7 * r, r)),
        ((8, -12, 20), (12, 10, 30), (r, 1.0 * r)),
        ((12, 10, 30), (25, 36, 22), (1.0 * r, 1.35 * r)),
        ((25, 36, 22), (26, 58, 14), (1.25 * r, 0.5 * r)),
        ((26, 36, 18), (35, 12, -5), (1.0 * r, 0.45 * r)),
        ((35, 12, -5), (31, -6, -11), (0.45 * r, 0.45 * r)),
    ]
    third = at.ellipsoid((0, 4, 10), (0.6 + 2.0 * size, 14, 9.5))
    lateral = deepest(
        *(one.rod((start, end), radii, pair=True, squeeze=(1, 0.7, 0.62), margin=22) for start, end, radii in rods)
    )
    septum = np.maximum(at.a - np.float32(0.35 + 0.25 * size), -30)
    elsewhere = np.float32(99) * ((at.z <= 13) | (at.y >= 22))
    return deepest(third, fourth, np.asarray(np.minimum(lateral, septum + elsewhere), np.float32))


def _deep_grey(brain: Brain, at: Place, hu: Field) -> Field:
    """Caudate, lentiform nucleus and thalamus."""
    if not at.reaches(-4, 34):
        return hu
    out = 2.5 * (brain.ventricles - 0.8)
    depth = deepest(
        at.ellipsoid((25.9 + out, -3, 9), (6.5, 17, 13), pair=True, lean=(0.22, 0)),
        at.ellipsoid((13.5 + out, -21, 16), (5, 9, 11), pair=True),
        at.ellipsoid((13.5 + out, 10, 12), (8, 14, 11), pair=True, lean=(-0.25, 0)),
    )
    return hu + (np.float32(brain.grey) - hu) * cover(depth, np.float32(2.2) + at.soft)


def _white_matter_disease(brain: Brain, at: Place, ventricle: Field) -> Field | np.float32:
    """HU that white matter about the ventricles is darker."""
    if brain.small_vessel < 0.5 or not at.reaches(0, 60):
        return np.float32(0)
    over = np.square((at.a - 22) / 12) + np.square(at.y / 42) + np.square((at.z - 34) / 14)
    near = np.maximum(np.exp(np.minimum(ventricle, 0) * np.float32(1 / 7)), np.exp(-over))
    uneven = np.clip(1 + np.float32(0.6) * brain.patches.on(at.plane), 0, 2)
    return np.asarray(np.float32(brain.small_vessel * 1.6) * near * uneven, np.float32)


def _blobs(brain: Brain, at: Place, hu: Field) -> Field:
    """Old infarcts."""
    patches = brain.patches.on(at.plane)
    for blob in brain.blobs:
        reach = blob.radii[2] + 8
        if at.reaches(blob.center[2] - reach, blob.center[2] + reach):
            depth = at.ellipsoid(blob.center, blob.radii, margin=14) + np.float32(3.5) * patches
            hu = hu + (np.minimum(hu, np.float32(blob.hu) + 2 * patches) - hu) * cover(depth, np.float32(5))
    return hu


def _dura(brain: Brain, at: Place, hu: Field, depth: Field, tent: Field) -> Field:
    """Falx, tentorium and venous sinuses: thin, sometimes not to be seen."""
    x, y, z = at.x, at.y, at.z
    ring = np.sqrt(((y + 2) / 52) ** 2 + ((z - 16) / 33) ** 2)
    free = np.clip((ring - 1) * 6, 0, 1) * np.where(y > 0, np.float32(1), np.float32(0.75))
    above = np.clip(-tent + 2, 0, 1)
    sheet = cover(np.float32(0.5) - np.abs(x), at.soft) * free * above * np.float32(0.35 + brain.falx)
    hu = hu + (np.float32(brain.falx_hu) - hu) * np.clip(sheet, 0, 1)
    if at.reaches(-20, 24):
        wall = cover(np.float32(0.45) - np.abs(tent), at.soft) * np.float32(0.2 + 0.75 * brain.falx)
        hu += (np.float32(brain.falx_hu) - hu) * np.clip(wall * (at.a > 11), 0, 1)
    # The sagittal sinus lies under the bone in the midline, the transverse sinuses where the tentorium meets it.
    behind = np.clip((y * np.float32(0.5) + z - 20) * np.float32(1 / 20), 0, 1)
    sinus = np.minimum(np.float32(6.5) - depth - np.float32(1.1) * at.a, depth + 1) * np.float32(0.8)
    hu += (np.float32(brain.sinus_hu) - hu) * cover(sinus, at.soft) * behind
    if at.reaches(-30, 14):
        side = np.minimum(np.float32(6.0) - depth - np.float32(0.7) * np.abs(tent - 1), depth + 1)
        hu += (np.float32(brain.sinus_hu) - hu) * cover(side, at.soft) * np.clip((y - 28) * np.float32(0.1), 0, 1)
    return hu


def _bright_spots(brain: Brain, at: Place, hu: Field) -> Field:
    """Arteries and calcifications."""
    if at.reaches(-40, 8):
        vessels = np.maximum(
            at.rod(((0, -4, -4), (1, 5, -36)), (1.8, 1.6)),
            at.rod(((11, -14, -2), (28, -18, 2)), (1.5, 1.2), pair=True),
        )
        hu = hu + (np.float32(brain.artery_hu) - hu) * cover(vessels, at.soft)
    for name, center, radii in CALCIFICATIONS:
        if name in brain.calcified and at.reaches(center[2] - radii[2], center[2] + radii[2]):
            spot = at.ellipsoid(center, radii, pair=center[0] > 2)
            hu = hu + (np.float32(brain.calcium) - hu) * cover(spot, at.soft) * np.float32(0.85)
    return hu
