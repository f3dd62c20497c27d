"""Everything about the brain: cavity, bone, air cells, orbits, face, muscle, scalp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.shapes import SmoothField, capsule, cover, ellipsoid

if TYPE_CHECKING:
    from ihd_core.phantom.shapes import Field, Plane

AIR = -1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Skull:
    """The numbers of one skull; lengths in mm, densities in HU."""

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
    sella_tilt: float
    pillow: bool


def draw_skull(rng: np.random.Generator) -> Skull:
    """Draw the numbers of a skull."""
    return Skull(
        thickness=float(rng.uniform(4.5, 8.5)),
        thickness_change=SmoothField(rng, 38),
        grain=SmoothField(rng, 6),
        cells=SmoothField(rng, 5),
        table=float(rng.uniform(1150, 1750)),
        diploe=float(rng.uniform(350, 900)),
        scalp=float(rng.uniform(3.5, 7.5)),
        fat=float(rng.uniform(-105, -70)),
        aeration=float(rng.uniform(-0.6, 0.9)),
        frontal_sinus=float(rng.uniform(-4, 9)),
        ridge=float(rng.uniform(0.85, 1.2)),
        sella_tilt=float(rng.uniform(-1.5, 1.5)),
        pillow=bool(rng.random() < 0.7),
    )


def upper_depth(x: Field, y: Field, z: Field) -> Field:
    """Depth below the vault, mm: an egg, narrower in front, flat underneath."""
    narrow = np.clip(1 - np.float32(0.0016) * (y + 10), 0.94, 1.16)
    u = x * narrow * np.float32(1 / 68)
    v = (y - 4) * np.float32(1 / 83)
    rise = z - 6
    above = np.float32(1 / 84)
    w = rise * np.where(rise > 0, above, np.float32(1 / 34))
    squares = u * u
    v2 = v * v
    w2 = w * w
    # Between an ellipsoid and a box: real vaults have steep sides.
    k = np.sqrt(squares + v2 + w2 - np.float32(0.16) * (squares * v2 + squares * w2 + v2 * w2)) + np.float32(1e-3)
    slope = np.sqrt((u / 68) ** 2 + (v / 83) ** 2 + (w * above) ** 2) + np.float32(1e-5)
    return np.asarray((1 - k) * k / slope, np.float32)


def cavity_depth(skull: Skull, x: Field, y: Field, z: Field) -> Field:
    """Depth below the inner table in mm; negative in bone and outside."""
    a = np.abs(x)
    depth = upper_depth(x, y, z)
    if float(z.min()) > 22:
        return depth
    front = np.clip((-26 - y) * np.float32(1 / 10), 0, 1)
    floor = z - np.float32(-14) - front * (12 + np.float32(0.16) * a)
    depth = np.minimum(depth, floor)
    depth = np.maximum(depth, ellipsoid(a, y, z, (39, -10, -8), (24, 33, 21)))
    behind = ellipsoid(x, y, z, (0, 38, -14), (55, 39, 37))
    depth = np.maximum(depth, behind)
    if float(z.min()) < -38:
        depth = np.maximum(depth, np.where(z < -38, 13 - np.hypot(x, (y - 26) * np.float32(0.9)), -99))
    return depth - np.maximum(base_bone(skull, a, y, z) + np.float32(0.0), 0) * np.float32(1.6)


def base_bone(skull: Skull, a: Field, y: Field, z: Field) -> Field:
    """Depth in the bones that stand into the cavity: petrous, sphenoid wings, clinoids, clivus; a = |x|."""
    r = skull.ridge
    parts = [
        capsule(a, y, z, ((14, 2, -22), (64, 24, -26)), (4.5 * r, 11 * r), squeeze=(1, 1, 0.9)),
        capsule(a, y, z, ((12, -26, -3), (58, -36, 10)), (3.2 * r, 4.0 * r)),
        capsule(a, y, z, ((0, -8, -6), (0, 14, -46)), (6.5, 6.0), squeeze=(0.5, 1, 1)),
        capsule(a, y, z, ((11, -24, -1), (11, -17, 0 + skull.sella_tilt)), (2.6, 1.8)),
        capsule(a, y, z, ((0, -9, -8), (5, -9, 0 + skull.sella_tilt)), (2.6, 2.0)),
    ]
    depth = parts[0]
    for part in parts[1:]:
        np.maximum(depth, part, out=depth)
    return depth


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


def outside(skull: Skull, plane: Plane, x: Field, y: Field, z: Field) -> Outside:
    """Air, scalp, muscle, face and bone of one plane."""
    depth = cavity_depth(skull, x, y, z)
    lean = np.clip(np.abs(z) * np.float32(1 / 90), 0, 0.98)
    soft = np.float32(plane.pixel_mm * 1.1) + np.float32(plane.thickness_mm) * lean * lean
    change = skull.thickness_change.on(plane)
    grain = skull.grain.on(plane)
    thin = np.exp(-(((np.abs(x) - 62) / 14) ** 2) - ((y + 14) / 26) ** 2 - ((z - 2) / 24) ** 2)
    bone_mm = np.float32(skull.thickness) * (1 + np.float32(0.2) * change - np.float32(0.5) * thin)
    bone_mm = np.maximum(bone_mm, 2)
    if float(z.min()) < 30:
        vault = np.maximum(upper_depth(x, y, z), ellipsoid(x, y, z, (0, 38, -14), (57, 40, 38)))
    else:
        vault = depth
    skin = skin_depth(skull, vault + bone_mm, x, y, z)
    hu = soft_tissue(skull, plane, skin, vault + bone_mm, x, y, z)
    bone = cover(depth + bone_mm, soft)
    if float(z.min()) < 14:
        hu = face(skull, plane, hu, grain, x, y, z)
        low = np.clip((8 - z) * np.float32(1 / 10), 0, 1)
        bone *= 1 - low * np.clip((-32 - y) * np.float32(1 / 8), 0, 1) * (depth < -3)
    density = bone_hu(skull, depth, bone_mm, grain)
    hu += (density - hu) * bone
    if float(z.min()) < 26:
        hu = air_cells(skull, plane, hu, x, y, z)
    inside = cover(depth, soft)
    return Outside(hu, depth, inside)


def bone_hu(skull: Skull, depth: Field, bone_mm: Field, grain: Field) -> Field:
    """Outer table, diploe, inner table by the relative depth in the bone; dense petrous bone deep in the base."""
    place = np.clip(-depth / bone_mm, 0, 1)
    spongy = np.clip(1 - np.abs(place - np.float32(0.5)) * np.float32(3.2), 0, 1) * np.clip(bone_mm / 6, 0, 1)
    density = np.float32(skull.table) - (np.float32(skull.table - skull.diploe) - 120 * grain) * spongy
    return np.asarray(density + 60 * grain, np.float32)


def skin_depth(skull: Skull, skull_depth: Field, x: Field, y: Field, z: Field) -> Field:
    """Depth below the skin, mm: scalp over the vault, face and neck below it."""
    scalp = np.float32(skull.scalp) + np.clip(-z * np.float32(0.08), 0, 5)
    skin = skull_depth + scalp
    if float(z.min()) < 30:
        side = np.clip((18 - z) * np.float32(1 / 40), 0, 1)
        skin = skin + side * 7 * np.exp(-(((y + 6) / 38) ** 2))
        a = np.abs(x)
        skin = np.maximum(skin, ellipsoid(a, y, z, (0, -20, -45), (74, 76, 62)))
        skin = np.maximum(skin, ellipsoid(x, y, z, (0, 26, -72), (66, 62, 70)))
        skin = np.maximum(skin, capsule(a, y, z, ((0, -88, -16), (0, -108, -52)), (7, 11)))
        ear = ellipsoid(a, y, z, (82, 16, -26), (5, 14, 22))
        skin = np.maximum(skin, ear)
    return skin


def soft_tissue(skull: Skull, plane: Plane, skin: Field, skull_depth: Field, x: Field, y: Field, z: Field) -> Field:
    """Air outside; skin, fat, galea and muscle inside."""
    px = plane.pixel_mm
    hu = np.full_like(skin, AIR)
    fat = np.float32(skull.fat) + 12 * skull.grain.on(plane)
    hu += (40 - hu) * cover(skin, px)
    hu += (fat - hu) * cover(skin - np.float32(2.0), px)
    gap = -skull_depth
    hu += (np.float32(35) - hu) * (cover(np.float32(1.6) - gap, px) * (skin > 0))
    if float(z.min()) > 48:
        return hu
    a = np.abs(x)
    temporal = ellipsoid(a, y, z, (68, -16, -4), (15, 36, 44))
    neck = ellipsoid(x, y, z, (0, 66, -58), (62, 34, 44))
    deep = ellipsoid(a, y, z, (0, -16, -64), (62, 52, 44))
    muscle = np.maximum(np.maximum(temporal, neck), deep)
    strands = skull.cells.on(plane)
    inside = np.minimum(muscle, skin - 5)
    flesh = np.float32(58) + 3 * strands - np.clip(strands - np.float32(1.1), 0, 1) * 90
    hu += (flesh - hu) * cover(inside, px * 1.5)
    return hu


def face(skull: Skull, plane: Plane, hu: Field, grain: Field, x: Field, y: Field, z: Field) -> Field:
    """Orbits, facial bones and nasal cavity, painted on hu."""
    a = np.abs(x)
    px = plane.pixel_mm * 1.2
    shell = np.maximum(
        ellipsoid(a, y, z, (33, -60, -22), (25, 33, 23)), ellipsoid(a, y, z, (0, -58, -30), (17, 36, 36))
    )
    jaw = ellipsoid(a, y, z, (26, -56, -52), (26, 32, 26))
    facial = np.maximum(shell, jaw)
    rim = cover(np.minimum(facial, np.float32(3.0) - facial), px) * (y > -90 + np.float32(0.12) * a)
    cheek = capsule(a, y, z, ((56, -62, -36), (70, -18, -34)), (4.5, 2.5))
    mandible = capsule(a, y, z, ((50, -8, -38), (47, -4, -75)), (5, 6))
    rim = np.maximum(rim, cover(np.maximum(cheek, mandible), px))
    hu = hu + (np.float32(750) + 250 * grain - hu) * rim
    orbit = ellipsoid(a, y, z, (33, -62, -22), (21, 31, 19))
    hu += (np.float32(skull.fat) - hu) * cover(np.minimum(orbit, y + 92), px)
    muscle = capsule(a, y, z, ((18, -36, -20), (21, -72, -22)), (2.2, 2.0), squeeze=(1, 1, 0.4))
    muscle = np.maximum(muscle, capsule(a, y, z, ((22, -34, -20), (46, -72, -22)), (2.0, 2.0), squeeze=(1, 1, 0.4)))
    muscle = np.maximum(muscle, capsule(a, y, z, ((18, -34, -16), (33, -66, -22)), (2.2, 2.2)))
    hu += (45 - hu) * cover(np.minimum(muscle, orbit), px)
    globe = ellipsoid(a, y, z, (33, -77, -22), (12, 12, 12))
    hu += (52 - hu) * cover(globe, px)
    hu += (10 - hu) * cover(globe - np.float32(1.6), px)
    hu += (75 - hu) * cover(ellipsoid(a, y, z, (33, -85, -22), (4.5, 2.2, 4.5)), px)
    return hu


def air_cells(skull: Skull, plane: Plane, hu: Field, x: Field, y: Field, z: Field) -> Field:
    """Frontal, ethmoid, sphenoid and maxillary sinuses and mastoid cells, painted on hu."""
    a = np.abs(x)
    px = plane.pixel_mm * 1.2
    cells = skull.cells.on(plane)
    septa = cells - np.float32(0.35) + np.float32(skull.aeration)
    frontal = ellipsoid(a, y, z, (11, -82, 10), (13, 6, 10 + skull.frontal_sinus))
    frontal = np.minimum(frontal, np.float32(0.8) + a * np.float32(0.4))
    ethmoid = np.minimum(ellipsoid(x, y, z, (0, -56, -22), (13, 26, 15)), (cells + np.float32(0.7)) * 3)
    sphenoid = np.minimum(ellipsoid(a, y, z, (8, -22, -18), (9, 12, 9)), a - np.float32(0.8))
    nose = np.minimum(
        ellipsoid(x, y, z, (0, -62, -50), (13, 36, 24)), (np.abs(np.abs(a - 4) - 4) - np.float32(1.2)) * 2
    )
    antrum = ellipsoid(a, y, z, (29, -58, -54), (15, 21, 17))
    throat = ellipsoid(x, y, z, (0, -26, -60), (12, 10, 26))
    mastoid = np.minimum(ellipsoid(a, y, z, (58, 26, -30), (13, 17, 20)), septa * 3)
    canal = capsule(a, y, z, ((46, 12, -30), (84, 14, -30)), (2.5, 3.0))
    air = frontal
    for part in (ethmoid, sphenoid, nose, antrum, throat, mastoid, canal):
        np.maximum(air, part, out=air)
    return np.asarray(hu + (np.float32(-930) - hu) * cover(air, px * 1.3), np.float32)
