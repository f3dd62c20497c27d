"""The contents of the skull without hemorrhage: brain, sulci, ventricles, cisterns, dura, vessels, calcifications."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.phantom.shapes import SmoothField, capsule, cover, ellipsoid, look_up

if TYPE_CHECKING:
    from ihd_core.phantom.shapes import Field, Plane


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
        folds=SmoothField(rng, 6.8, layer_mm=11),
        branches=SmoothField(rng, 4.6, layer_mm=9),
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
        center = (side * rng.uniform(12, 30), rng.uniform(-25, 25), rng.uniform(8, 34))
        size = rng.uniform(2.5, 5)
        return Blob(center, (size, size * 1.3, size), float(rng.uniform(8, 18)))
    centers = ((48, -5, 22), (34, 58, 14), (38, 36, 34), (22, -52, 26), (26, 42, -24))
    center = np.array(centers[int(rng.integers(len(centers)))], float) + rng.normal(0, 5, 3)
    radii = tuple(float(r) for r in rng.uniform(10, 24, 3))
    return Blob((side * float(center[0]), float(center[1]), float(center[2])), radii, float(rng.uniform(10, 26)))


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


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """The coordinates of one plane, straightened for this head."""

    plane: Plane
    x: Field
    y: Field
    z: Field
    a: Field
    low: float
    high: float
    soft: np.float32

    def reaches(self, low: float, high: float) -> bool:
        """Whether the plane meets heights from low to high."""
        return self.high >= low - 2 and self.low <= high + 2


def tent_depth(x: Field, y: Field, z: Field) -> Field:
    """Depth below the tentorium and behind the petrous ridges, mm; positive in the posterior fossa."""
    a = np.abs(x)
    roof = 21 - np.float32(0.58) * a - np.float32(0.55) * np.maximum(y - 32, 0)
    front = y - (np.float32(-6) + np.float32(0.44) * a + np.float32(0.5) * np.maximum(z, 0))
    return np.minimum((roof - z) * np.float32(0.8), front)


def contents(brain: Brain, plane: Plane, x: Field, y: Field, z: Field, depth: Field) -> Contents:
    """What is inside the skull on one plane; depth is mm below the inner table."""
    soft = np.float32(plane.pixel_mm + 0.22 * plane.thickness_mm)
    at = _Place(plane, x, y, z, np.abs(x), float(z.min()), float(z.max()), soft)
    gap = np.maximum(np.float32(0.3 + 1.6 * brain.atrophy) + np.float32(0.3 + brain.atrophy) * brain.gap.on(plane), 0.1)
    gap *= np.where(y < 0, np.float32(1.2), np.float32(0.8))
    surface = depth - gap
    tent = tent_depth(x, y, z)
    patches = brain.patches.on(plane)
    fluid, ribbon = _sulci(brain, at, surface)
    fluid, ribbon = _fissures(brain, at, surface, fluid, ribbon)
    grey = cover(np.float32(3.1) + np.float32(0.5) * patches - ribbon, np.float32(1.6) + at.soft)
    hu = np.float32(brain.white) + np.float32(brain.grey - brain.white) * grey + patches * np.float32(0.7)
    ventricle = _ventricles(brain, at)
    hu = _deep_grey(brain, at, hu)
    hu = _white_matter_disease(brain, at, hu, ventricle, patches, grey)
    if at.reaches(-60, 24):
        hu, fluid = _posterior_fossa(brain, at, hu, fluid, tent, surface)
    hu = _blobs(brain, at, hu, patches)
    if at.reaches(-50, 30):
        fluid = _cisterns(brain, at, fluid)
        hu, fluid = _stem(brain, at, hu, fluid)
    inside = cover(ventricle, at.soft)
    if at.reaches(-34, -10):
        fourth = ellipsoid(at.a, y, z, (0, 27, -20), (4 + 4 * brain.ventricles, 3 + 3 * brain.ventricles, 9))
        inside = np.maximum(inside, cover(fourth, at.soft))
    fluid = np.clip(fluid, 0, 1) * (1 - inside)
    hu += (np.float32(brain.csf) - hu) * np.maximum(fluid, inside)
    hu = _dura(brain, at, hu, depth, tent)
    hu = _bright_spots(brain, at, hu, depth)
    return Contents(np.asarray(hu, np.float32), fluid, inside, tent, surface)


def _sulci(brain: Brain, at: _Place, surface: Field) -> tuple[Field, Field]:
    """Share of fluid in the sulci and the distance of every pixel to fluid, mm (the cortex is what is near)."""
    shallow = np.clip(surface, 0, 40)
    stretch = 1 + np.float32(0.68) * shallow / (np.hypot(at.x, at.y) + 6)
    u, v = at.x * stretch, at.y * stretch
    fluid = cover(-surface, at.soft)
    ribbon = np.maximum(surface, 0)
    width = brain.width.on(at.plane)
    for field, reach, share in ((brain.folds, 19.0, 1.0), (brain.branches, 11.0, 0.7)):
        n = look_up(field.texture(at.plane.height_mm), u, v)
        dx = cv2.Sobel(n, cv2.CV_32F, 1, 0, ksize=3, scale=0.125 / at.plane.pixel_mm)
        dy = cv2.Sobel(n, cv2.CV_32F, 0, 1, ksize=3, scale=0.125 / at.plane.pixel_mm)
        away = np.abs(n) / (np.sqrt(dx * dx + dy * dy) + np.float32(0.05))
        left = 1 - surface / (np.float32(reach) * (1 + np.float32(0.35) * width))
        half = np.float32(share) * (np.float32(0.25 + 0.95 * brain.atrophy) + np.float32(0.3) * width) * left
        half = np.where(left > 0, half, np.float32(-3))
        # A sulcus narrower than the slice is oblique: it is seen wider and fainter.
        line = np.clip((half - away) / (at.soft * np.float32(1.3)) + np.float32(0.5), 0, 1)
        fluid = np.maximum(fluid, line)
        ribbon = np.minimum(ribbon, np.where(left > -0.15, away, np.float32(99)))
    return fluid, ribbon


def _fissures(brain: Brain, at: _Place, surface: Field, fluid: Field, ribbon: Field) -> tuple[Field, Field]:
    """Add the fissure between the hemispheres and the sylvian fissures."""
    age = brain.atrophy
    x, y, z, a = at.x, at.y, at.z, at.a
    ring = np.sqrt((y / 44) ** 2 + ((z - 18) / 27) ** 2)
    between = np.minimum(np.float32(0.25 + 0.9 * age) + np.float32(0.012) * np.clip(-y, 0, 60), 2.6) - a
    between = np.minimum(between, (ring - 1) * 24)
    fluid = np.maximum(fluid, cover(between, at.soft) * (tentless(at) > 0))
    ribbon = np.minimum(ribbon, np.where(ring > 1, a, np.float32(99)))
    if at.reaches(-10, 32):
        lean = a - np.float32(0.10) * y
        insula = ellipsoid(lean, y, z, (39, -4, 9), (0.9 + 2.2 * age, 21, 15))
        tilted = z - np.float32(0.32) * y
        cleft = ellipsoid(a, y, tilted, (53, -2, 8), (15, 17, 1.2 + 2.0 * age))
        both = np.maximum(insula, cleft)
        fluid = np.maximum(fluid, cover(both, at.soft * np.float32(1.2)))
        ribbon = np.minimum(ribbon, np.maximum(-both, 0))
    return fluid, ribbon


def tentless(at: _Place) -> Field:
    """Mm outside the posterior fossa."""
    return -tent_depth(at.x, at.y, at.z)


def _ventricles(brain: Brain, at: _Place) -> Field:
    """Depth in the lateral and third ventricles, mm."""
    if not at.reaches(-18, 46):
        return np.full_like(at.x, -30)
    size = brain.ventricles
    a = at.a / np.where(at.x > 0, np.float32(brain.left_ventricle), np.float32(1))
    y, z = at.y, at.z
    r = 2.2 + 4.0 * (size - 0.4)
    flat = (1.0, 0.7, 0.62)
    rods = [
        ((9, -34, 20), (8, -12, 20), (0.7 * r, r)),
        ((8, -12, 20), (12, 10, 30), (r, 1.0 * r)),
        ((12, 10, 30), (25, 36, 22), (1.0 * r, 1.35 * r)),
        ((25, 36, 22), (26, 58, 14), (1.25 * r, 0.5 * r)),
        ((26, 36, 18), (35, 12, -5), (1.0 * r, 0.45 * r)),
        ((35, 12, -5), (31, -6, -11), (0.45 * r, 0.45 * r)),
    ]
    depth = ellipsoid(at.x, y, z, (0, 4, 8), (0.6 + 2.0 * size, 15, 11))
    for start, end, radii in rods:
        if at.reaches(min(start[2], end[2]) - 14, max(start[2], end[2]) + 14):
            np.maximum(depth, capsule(a, y, z, (start, end), radii, squeeze=flat), out=depth)
    septum = np.float32(0.35 + 0.25 * size)
    middle = (z > 13) & (at.y < 22)
    return np.where(middle, np.minimum(depth, np.maximum(at.a - septum, -30)), depth)


def _deep_grey(brain: Brain, at: _Place, hu: Field) -> Field:
    """Caudate, lentiform nucleus and thalamus."""
    if not at.reaches(-4, 34):
        return hu
    a, y, z = at.a, at.y, at.z
    shift = np.float32(2.5 * (brain.ventricles - 0.8))
    lean = a - shift
    lens = ellipsoid(lean - np.float32(0.22) * (y + 2), y, z, (25.5, -3, 9), (6.5, 17, 13))
    head = ellipsoid(lean, y, z, (13.5, -21, 16), (5, 9, 11))
    thalamus = ellipsoid(lean + np.float32(0.25) * (y - 10), y, z, (11, 10, 12), (8, 14, 11))
    depth = np.maximum(np.maximum(lens, head), thalamus)
    return hu + (np.float32(brain.grey) - hu) * cover(depth, np.float32(2.2) + at.soft)


def _white_matter_disease(brain: Brain, at: _Place, hu: Field, ventricle: Field, patches: Field, grey: Field) -> Field:
    """Darker white matter about the ventricles."""
    if brain.small_vessel < 0.5 or not at.reaches(0, 60):
        return hu
    over = np.sqrt(((at.a - 22) / 12) ** 2 + (at.y / 42) ** 2 + ((at.z - 34) / 14) ** 2)
    near = np.maximum(np.exp(np.minimum(ventricle, 0) * np.float32(1 / 7)), np.exp(-over * over))
    drop = np.float32(brain.small_vessel * 1.6) * near * np.clip(1 + np.float32(0.6) * patches, 0, 2) * (1 - grey)
    return np.asarray(hu - drop, np.float32)


def _posterior_fossa(
    brain: Brain, at: _Place, hu: Field, fluid: Field, tent: Field, surface: Field
) -> tuple[Field, Field]:
    """Cerebellum with folia and its white matter instead of the cerebral cortex."""
    share = cover(tent, at.soft)
    folia = look_up(brain.folia.texture(at.plane.height_mm), at.x * np.float32(0.35), at.y)
    white = cover(ellipsoid(at.a, at.y, at.z, (19, 38, -24), (14, 12, 9)), np.float32(5))
    tissue = np.float32(brain.grey - 1.5) + np.float32(1.0) * folia - np.float32(4.5) * white
    outer = np.clip(1 - surface / 16, 0, 1)
    lines = cover(np.abs(folia) * -1 + np.float32(0.02 + 0.22 * brain.atrophy), np.float32(0.5)) * outer
    rim = cover(-surface, at.soft)
    vermis = ellipsoid(at.x, at.y, at.z, (0, 62, -26), (1.0 + 2.5 * brain.atrophy, 14, 12))
    own = np.maximum(np.maximum(rim, lines * np.float32(0.25 + 0.4 * brain.atrophy)), cover(vermis, at.soft * 2))
    own = np.maximum(own, cover(np.float32(0.1 + 1.3 * brain.atrophy) - np.abs(tent), at.soft) * np.float32(0.8))
    hu = hu + (tissue - hu) * share
    fluid = fluid + (own - fluid) * share
    return hu, fluid


def _blobs(brain: Brain, at: _Place, hu: Field, patches: Field) -> Field:
    """Old infarcts."""
    for blob in brain.blobs:
        reach = blob.radii[2] + 8
        if at.reaches(blob.center[2] - reach, blob.center[2] + reach):
            depth = ellipsoid(at.x, at.y, at.z, blob.center, blob.radii) + np.float32(3.5) * patches
            hu = hu + (np.minimum(hu, np.float32(blob.hu) + 2 * patches) - hu) * cover(depth, np.float32(5))
    return hu


def _cisterns(brain: Brain, at: _Place, fluid: Field) -> Field:
    """Basal cisterns, painted into the share of fluid."""
    age = brain.atrophy
    a, y, z = at.a, at.y, at.z
    wide = 0.55 + 0.7 * age
    star = ellipsoid(a, y, z, (0, -15, -1), (13 * wide + 3, 9 * wide + 2, 8))
    stem = capsule(a, y, z, ((6, -18, 1), (34, -19, 3)), (2.4 * wide, 2.2 * wide))
    front = capsule(a, y, z, ((0, -14, -6), (0, 8, -44)), (6 * wide + 3, 7), squeeze=(0.5, 1, 1))
    angle = capsule(a, y, z, ((10, 5, -20), (24, 9, -22)), (4.5 * wide, 2.5 * wide))
    plate = ellipsoid(a, y, z, (0, 29, 7), (11 * wide + 3, 4.5 * wide + 1, 8))
    magna = ellipsoid(a, y, z, (0, 55, -46), (10 * wide + 3, 11 * wide, 10))
    ambient = np.float32(2.0 * wide) - np.abs(_stem_depth(a, y, z) + np.float32(1.0 * wide))
    ambient = np.where(y > -8, ambient, np.float32(-9)) - np.clip(z - 9, 0, 9)
    depth = star
    for part in (stem, front, angle, plate, magna, ambient):
        np.maximum(depth, part, out=depth)
    return np.maximum(fluid, cover(depth, at.soft * np.float32(1.3)))


def _stem_depth(a: Field, y: Field, z: Field) -> Field:
    """Depth in midbrain, pons and medulla, mm."""
    midbrain = capsule(a, y, z, ((0, 13, 10), (0, 12, -6)), (13, 13), squeeze=(0.82, 1, 1))
    peduncle = capsule(a, y, z, ((10, -1, 4), (8, 3, -8)), (5, 6))
    pons = ellipsoid(a, y, z, (0, 9, -20), (17, 12, 14))
    medulla = capsule(a, y, z, ((0, 17, -30), (0, 26, -70)), (9, 6.5))
    brachium = capsule(a, y, z, ((10, 14, -21), (22, 26, -22)), (7, 8))
    depth = midbrain
    for part in (peduncle, pons, medulla, brachium):
        np.maximum(depth, part, out=depth)
    return depth


def _stem(brain: Brain, at: _Place, hu: Field, fluid: Field) -> tuple[Field, Field]:
    """The brain stem, which stands in the cisterns."""
    share = cover(_stem_depth(at.a, at.y, at.z), at.soft) * cover(12 - at.z, np.float32(4))
    hu = hu + (np.float32((brain.grey + brain.white) / 2 - 1) - hu) * share
    return hu, fluid * (1 - share)


def _dura(brain: Brain, at: _Place, hu: Field, depth: Field, tent: Field) -> Field:
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


def _bright_spots(brain: Brain, at: _Place, hu: Field, depth: Field) -> Field:
    """Arteries and calcifications."""
    a, y, z = at.a, at.y, at.z
    if at.reaches(-40, 8):
        vessels = capsule(a, y, z, ((0, -4, -4), (1, 5, -36)), (1.8, 1.6))
        vessels = np.maximum(vessels, capsule(a, y, z, ((11, -14, -2), (28, -18, 2)), (1.5, 1.2)))
        hu = hu + (np.float32(brain.artery_hu) - hu) * cover(vessels, at.soft)
    spots: list[tuple[str, Field]] = []
    if at.reaches(8, 20) and "pineal" in brain.calcified:
        spots.append(("pineal", ellipsoid(at.x, y, z, (0.8, 27, 14), (1.8, 2.2, 2.5))))
    if at.reaches(12, 30) and "choroid" in brain.calcified:
        spots.append(("choroid", ellipsoid(a, y, z, (23, 35, 21), (2.2, 4.0, 3.5))))
    if at.reaches(2, 14) and "pallidum" in brain.calcified:
        spots.append(("pallidum", ellipsoid(a, y, z, (19, -3, 8), (2.0, 3.5, 2.5))))
    if at.reaches(-10, 3) and "carotid" in brain.calcified:
        spots.append(("carotid", ellipsoid(a, y, z, (11.5, -15, -3), (1.6, 3.0, 2.5))))
    if at.reaches(40, 75) and "falx" in brain.calcified:
        spots.append(("falx", ellipsoid(at.x, y, z, (0.3, -48, 52), (0.9, 7, 8))))
    for _, spot in spots:
        hu = hu + (np.float32(brain.calcium) - hu) * cover(spot, at.soft) * np.float32(0.85)
    return hu
