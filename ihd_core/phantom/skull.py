"""Everything about the brain: cavity, bone, air cells, orbits, face, muscle, scalp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.shapes import SmoothField, cover, deepest, ellipsoid

if TYPE_CHECKING:
    from ihd_core.phantom.shapes import Field, Place

AIR = -1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Skull:
    """The numbers of one skull; lengths in mm, densities in HU.

    Attributes:
        thickness: of the vault; thickness_change varies it.
        table, diploe: HU of compact and of spongy bone; grain varies them.
        cells: the pattern of air cells and muscle strands.
        scalp: thickness of skin, fat and galea; fat: HU.
        aeration: of the mastoids, -0.6 (dense) to 0.9.
        frontal_sinus: added to its height; ridge: size of the petrous bones and sphenoid wings over the usual.
        sella: height of the clinoids.
    """

    thickness: float
    thickness_change: SmoothField
    grain: SmoothField
    cells: SmoothField
    table: float
    diploe: float
    scalp: float
    fat: float
    aeration: float
    frontal_sinus: float
    ridge: float
    sella: float


def draw_skull(rng: np.random.Generator) -> Skull:
    """Draw the numbers of a skull."""
    return Skull(
        thickness=float(rng.uniform(4.5, 8.5)),
        thickness_change=SmoothField(rng, 38),
        grain=SmoothField(rng, 6),
        cells=SmoothField(rng, 5),
        table=float(rng.uniform(1000, 1700)),
        diploe=float(rng.uniform(250, 800)),
        scalp=float(rng.uniform(3.5, 7.5)),
        fat=float(rng.uniform(-105, -70)),
        aeration=float(rng.uniform(-0.6, 0.9)),
        frontal_sinus=float(rng.uniform(-4, 9)),
        ridge=float(rng.uniform(0.85, 1.2)),
        sella=float(rng.uniform(-1.5, 1.5)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Outside:
    """What surrounds the brain on one plane.

    Attributes:
        hu: with the cavity filled by bone or soft tissue, HU.
        depth: below the inner table, mm.
        inside: share of each pixel in the cavity, 0..1.
    """

    hu: Field
    depth: Field
    inside: Field


def vault_depth(at: Place) -> Field:
    """Depth below the vault, mm: an egg, narrower in front, flat underneath."""
    narrow = np.clip(1 - np.float32(0.0016) * (at.y + 10), 0.94, 1.12)
    u = at.x * narrow * np.float32(1 / 68)
    v = (at.y - 4) * np.float32(1 / 83)
    rise = at.z - 6
    above = np.float32(1 / 84)
    w = rise * np.where(rise > 0, above, np.float32(1 / 34))
    u2, v2, w2 = u * u, v * v, w * w
    # Between an ellipsoid and a box: real vaults have steep sides.
    k = np.sqrt(u2 + v2 + w2 - np.float32(0.22) * (u2 * v2 + u2 * w2 + v2 * w2)) + np.float32(1e-3)
    slope = np.sqrt(u2 * np.float32(68**-2) + v2 * np.float32(83**-2) + w2 * above * above) + np.float32(1e-5)
    return np.asarray((1 - k) * k / slope, np.float32)


def cavity_depth(skull: Skull, at: Place, vault: Field) -> Field:
    """Depth below the inner table in mm; negative in bone and outside."""
    if at.low > 22:
        return vault
    front = np.clip((-26 - at.y) * np.float32(1 / 10), 0, 1)
    roof = np.exp(-((np.minimum(at.a - 38, 0) / 14) ** 2) - (np.maximum(at.y + 58, 0) / 24) ** 2)
    floor = at.z - np.float32(-14) - front * (6 + 12 * roof)
    depth = np.minimum(vault, floor)
    np.maximum(depth, ellipsoid(at.a, at.y, at.z, (39, -10, -8), (24, 33, 21)), out=depth)
    np.maximum(depth, ellipsoid(at.x, at.y, at.z, (0, 38, -14), (55, 39, 37)), out=depth)
    if at.low < -38:
        canal = 13 - np.hypot(at.x, (at.y - 26) * np.float32(0.9))
        np.maximum(depth, np.where(at.z < -38, canal, np.float32(-99)), out=depth)
    return np.asarray(np.minimum(depth, -base_bone(skull, at)), np.float32)


def base_bone(skull: Skull, at: Place) -> Field:
    """Depth in the bones that stand into the cavity: petrous, sphenoid wings, clivus, clinoids."""
    r = skull.ridge
    out = at.a - 12
    crest = np.float32(-5) + np.float32(14 / 48**2) * out * np.abs(out) - at.z
    half = (
        np.float32(2.4 * r) * (np.float32(0.55) + np.clip(out / 60, 0, 0.7)) * np.clip(crest * np.float32(0.25), 0, 1)
    )
    wing = np.minimum(crest, half - np.abs(at.y + 24 + np.float32(0.3) * out)) * np.float32(0.9)
    return deepest(
        wing,
        at.rod(((14, 2, -22), (64, 24, -26)), (4.5 * r, 11 * r), pair=True, squeeze=(1, 1, 0.9), margin=9),
        at.rod(((0, -7, -14), (0, 14, -46)), (5.0, 5.5), squeeze=(0.5, 1, 1), margin=9),
        at.rod(((11, -24, -2), (11, -18, skull.sella - 1)), (2.0, 1.3), pair=True, margin=9),
        at.rod(((0, -9, -12), (5, -9, skull.sella - 2)), (2.0, 1.3), pair=True, margin=9),
    )


def outside(skull: Skull, at: Place) -> Outside:
    """Air, scalp, muscle, face and bone of one plane."""
    vault = vault_depth(at)
    depth = cavity_depth(skull, at, vault)
    lean = np.clip(np.abs(at.z) * np.float32(1 / 90), 0, 0.98)
    soft = np.float32(at.pixel * 1.1) + np.float32(at.plane.thickness_mm) * lean * lean
    thin = np.exp(-(((at.a - 62) / 14) ** 2) - ((at.y + 14) / 26) ** 2 - ((at.z - 2) / 24) ** 2)
    change = np.float32(0.2) * skull.thickness_change.on(at.plane)
    bone_mm = np.maximum(np.float32(skull.thickness) * (1 + change - np.float32(0.5) * thin), 2)
    if at.low < 30:
        vault = np.maximum(vault, ellipsoid(at.x, at.y, at.z, (0, 38, -14), (57, 40, 38)))
    shell = vault + bone_mm
    hu = _soft_tissue(skull, at, _skin_depth(skull, at, shell), shell)
    bone = cover(depth + bone_mm, soft)
    if at.low < 14:
        # The roofs of the orbits are thin.
        thin_mm = np.float32(2.2) + np.clip((-70 - at.y) * np.float32(0.3), 0, 5) + np.clip(vault * -1, 0, 5)
        base = (at.y < -24) & (at.z < 12) & (vault > 0)
        bone = np.where(base, cover(depth + np.minimum(bone_mm, thin_mm), soft), bone)
        hu = _face(skull, at, hu)
        low = np.clip((8 - at.z) * np.float32(1 / 10), 0, 1)
        bone *= 1 - low * np.clip((-32 - at.y) * np.float32(1 / 8), 0, 1) * (depth < -3)
    hu += (_bone_hu(skull, depth, bone_mm, skull.grain.on(at.plane)) - hu) * bone
    if at.low < 26:
        hu = _air_cells(skull, at, hu)
    return Outside(hu, depth, cover(depth, soft))


def _bone_hu(skull: Skull, depth: Field, bone_mm: Field, grain: Field) -> Field:
    """Outer table, diploe and inner table by the relative depth in the bone."""
    place = np.clip(-depth / bone_mm, 0, 1)
    spongy = np.clip(1 - np.abs(place - np.float32(0.5)) * np.float32(3.2), 0, 1) * np.clip(bone_mm / 6, 0, 1)
    density = np.float32(skull.table) - (np.float32(skull.table - skull.diploe) - 120 * grain) * spongy
    return np.asarray(density + 60 * grain, np.float32)


def _skin_depth(skull: Skull, at: Place, shell: Field) -> Field:
    """Depth below the skin, mm: scalp over the vault, face and neck below it."""
    skin: Field = shell + (np.float32(skull.scalp) + np.clip(-at.z * np.float32(0.08), 0, 5))
    if at.low >= 30:
        return skin
    side = np.clip((18 - at.z) * np.float32(1 / 40), 0, 1)
    skin += side * 7 * np.exp(-(((at.y + 6) / 38) ** 2))
    return deepest(
        skin,
        ellipsoid(at.a, at.y, at.z, (0, -20, -45), (74, 76, 62)),
        ellipsoid(at.x, at.y, at.z, (0, 26, -72), (66, 62, 70)),
        at.rod(((0, -86, -16), (0, -100, -52)), (9, 14)),
        at.ellipsoid((82, 16, -26), (5, 14, 22), pair=True),
    )


def _soft_tissue(skull: Skull, at: Place, skin: Field, shell: Field) -> Field:
    """Air outside; skin, fat, galea and muscle inside."""
    px = at.pixel
    hu = np.full_like(skin, AIR)
    fat = np.float32(skull.fat) + 12 * skull.grain.on(at.plane)
    hu += (40 - hu) * cover(skin, px)
    hu += (fat - hu) * cover(skin - np.float32(2.0), px)
    hu += (np.float32(35) - hu) * (cover(np.float32(1.6) + shell, px) * (skin > 0))
    if at.low > 48:
        return hu
    muscle = deepest(
        at.ellipsoid((68, -16, -4), (15, 36, 44), pair=True),
        at.ellipsoid((0, 66, -58), (62, 34, 44)),
        at.ellipsoid((0, -16, -64), (62, 52, 44)),
    )
    strands = skull.cells.on(at.plane)
    flesh = np.float32(58) + 3 * strands - np.clip(strands - np.float32(1.1), 0, 1) * 90
    hu += (flesh - hu) * cover(np.minimum(muscle, skin - 5), px * 1.5)
    return hu


def _face(skull: Skull, at: Place, hu: Field) -> Field:
    """Orbits, facial bones and nasal cavity, painted on hu."""
    px = at.pixel * 1.2
    facial = deepest(
        at.ellipsoid((33, -60, -22), (25, 33, 23), pair=True),
        at.ellipsoid((0, -58, -30), (17, 36, 36)),
        at.ellipsoid((26, -56, -52), (26, 32, 26), pair=True),
    )
    rim = cover(np.minimum(facial, np.float32(3.0) - facial), px) * (at.y > -90 + np.float32(0.12) * at.a)
    cheek = at.rod(((56, -62, -36), (70, -18, -34)), (4.5, 2.5), pair=True)
    jaw = at.rod(((50, -8, -38), (47, -4, -75)), (5, 6), pair=True)
    rim = np.maximum(rim, cover(np.maximum(cheek, jaw), px))
    hu = hu + (np.float32(750) + 250 * skull.grain.on(at.plane) - hu) * rim
    orbit = np.minimum(at.ellipsoid((33, -62, -22), (21, 31, 19), pair=True), at.y + 92)
    hu += (np.float32(skull.fat) - hu) * cover(orbit, px)
    muscle = deepest(
        at.rod(((18, -36, -20), (21, -72, -22)), (2.2, 2.0), pair=True, squeeze=(1, 1, 0.4)),
        at.rod(((22, -34, -20), (46, -72, -22)), (2.0, 2.0), pair=True, squeeze=(1, 1, 0.4)),
        at.rod(((18, -34, -16), (33, -66, -22)), (2.2, 2.2), pair=True),
    )
    hu += (45 - hu) * cover(np.minimum(muscle, orbit), px)
    globe = at.ellipsoid((33, -77, -22), (12, 12, 12), pair=True)
    hu += (52 - hu) * cover(globe, px)
    hu += (10 - hu) * cover(globe - np.float32(1.6), px)
    hu += (75 - hu) * cover(at.ellipsoid((33, -85, -22), (4.5, 2.2, 4.5), pair=True), px)
    return hu


def _air_cells(skull: Skull, at: Place, hu: Field) -> Field:
    """Frontal, ethmoid, sphenoid and maxillary sinuses, mastoid cells, nose, throat and ear, painted on hu."""
    cells = skull.cells.on(at.plane)
    septa = (cells + np.float32(skull.aeration - 0.35)) * 3
    frontal = at.ellipsoid((11, -82, 10), (13, 6, 10 + skull.frontal_sinus), pair=True)
    turbinates = (np.abs(np.abs(at.a - 4) - 4) - np.float32(1.2)) * 2
    air = deepest(
        np.minimum(frontal, np.float32(0.8) + at.a * np.float32(0.4)),
        np.minimum(at.ellipsoid((0, -56, -22), (13, 26, 15)), (cells + np.float32(0.7)) * 3),
        np.minimum(at.ellipsoid((8, -22, -18), (9, 12, 9), pair=True), at.a - np.float32(0.8)),
        np.minimum(at.ellipsoid((0, -62, -50), (13, 36, 24)), turbinates),
        at.ellipsoid((29, -58, -54), (15, 21, 17), pair=True),
        at.ellipsoid((0, -26, -60), (12, 10, 26)),
        np.minimum(at.ellipsoid((58, 26, -30), (13, 17, 20), pair=True), septa),
        at.rod(((46, 12, -30), (84, 14, -30)), (2.5, 3.0), pair=True),
    )
    return np.asarray(hu + (np.float32(-930) - hu) * cover(air, at.pixel * 1.6), np.float32)
