"""The shape of the inner table: vault, floor of the three fossae, and the bones that stand into the cavity."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.place import painted
from ihd_core.phantom.shapes import FAR, deepest, ellipsoid

if TYPE_CHECKING:
    from ihd_core.phantom.place import Place
    from ihd_core.phantom.shapes import Field
    from ihd_core.phantom.skull import Skull

MIDDLE_FOSSA = ((39.0, -9.0, -8.0), (24.0, 33.0, 21.0))
POSTERIOR_FOSSA = ((0.0, 38.0, -14.0), (55.0, 39.0, 37.0))
FORAMEN_MM = -38.0
"""Height of the foramen magnum; below it the cavity is the spinal canal."""


def posterior_fossa_depth(skull: Skull, at: Place) -> Field:
    """Depth in the posterior fossa, mm: a bowl that narrows to the foramen magnum, with a crest behind."""
    bowl = ellipsoid(at.x, at.y, at.z, *POSTERIOR_FOSSA)
    rise = at.z - np.float32(FORAMEN_MM)
    wide = np.float32(15.5) + np.float32(1.75) * np.maximum(rise, 0)
    funnel = (wide - np.hypot(at.x * np.float32(0.80), (at.y - 27) * np.float32(0.98))) * np.float32(0.55)
    groove = np.maximum(1 - at.a * np.float32(1 / 9), 0) * np.clip((at.y - 46) * np.float32(1 / 14), 0, 1)
    crest = np.float32(1.5 + skull.crest) * groove * bell(at.z, -20, 26)
    return np.asarray(np.minimum(bowl, funnel + np.float32(0.5) * skull.bumps.on(at.plane)) - crest, np.float32)


def bell(value: Field, middle: float, half: float) -> Field:
    """1 at middle, falling smoothly to 0 at middle +- half."""
    off = (value - np.float32(middle)) * np.float32(1 / half)
    off *= off
    np.subtract(1, off, out=off)
    np.maximum(off, 0, out=off)
    off *= off
    return np.asarray(off, np.float32)


def vault_depth(skull: Skull, at: Place) -> Field:
    """Depth below the vault, mm: an egg with flat temples, narrower in front, a little skew, flat underneath."""
    narrow = np.clip(1 - np.float32(skull.taper) * (at.y + 10), 0.93, 1.13)
    narrow += np.float32(0.035 * skull.temples) * bell(at.y, -30, 34) * bell(at.z, 4, 46)
    narrow -= np.float32(0.012) * bell(at.y, 26, 60) * bell(at.z, 34, 55)
    u = at.x * narrow * np.float32(1 / 68)
    v = (at.y - 4 + np.float32(skull.skew) * at.x) * np.float32(1 / 83)
    rise = at.z - 6
    above = np.float32(1 / 84)
    w = rise * np.where(rise > 0, above, np.float32(1 / 34))
    u2, v2, w2 = u * u, v * v, w * w
    # Between an ellipsoid and a box: real vaults have steep sides.
    box = np.float32(skull.square) * u2 * v2 + np.float32(0.22) * (u2 + v2) * w2
    k = np.sqrt(np.maximum(u2 + v2 + w2 - box, 0)) + np.float32(1e-3)
    slope = np.sqrt(u2 * np.float32(68**-2) + v2 * np.float32(83**-2) + w2 * above * above) + np.float32(1e-5)
    depth = (1 - k) * k / slope + np.float32(skull.unevenness) * skull.bumps.on(at.plane)
    return np.asarray(depth - crests(skull, at), np.float32)


def crests(skull: Skull, at: Place) -> Field | np.float32:
    """What the frontal crest, the occipital protuberance and hyperostosis take from the cavity, mm."""
    taken: Field | np.float32 = np.float32(0)
    if at.reaches(-24, 44):
        crest = np.maximum(1 - at.a * np.float32(1 / 4.5), 0) * bell(at.z, 8, 34) * np.clip((-50 - at.y) / 10, 0, 1)
        bump = np.maximum(1 - at.a * np.float32(1 / 11), 0) * bell(at.z, -4, 24) * np.clip((at.y - 58) / 10, 0, 1)
        taken = np.float32(skull.crest) * crest + np.float32(1.5 * skull.crest) * bump
    if skull.hyperostosis and at.reaches(-10, 75):
        nodes = np.clip(np.float32(0.75) + np.float32(0.5) * skull.bumps.on(at.plane), 0, 1.6)
        sides = np.clip(at.a * np.float32(1 / 9), 0.15, 1) * np.clip((-22 - at.y) * np.float32(1 / 22), 0, 1)
        taken = taken + np.float32(skull.hyperostosis) * nodes * sides * bell(at.z, 26, 52)
    return taken


def frontal_floor(skull: Skull, at: Place) -> Field:
    """Height of the floor of the anterior fossa, mm: cribriform plate, roofs of the orbits with their ridges."""
    roof = bell(at.a, 31, 27) * bell(at.y, -52, 40)
    ridges = skull.ridges.on(at.plane)
    floor = np.float32(-7) + np.float32(10 * skull.roof) * roof + np.float32(1.5) * ridges * np.sqrt(roof)
    floor += 6 * bell(at.y, -24, 14) * bell(at.a, 0, 90)
    galli = np.maximum(1 - at.a * np.float32(1 / 2.4), 0) * bell(at.y, -60, 15) * np.float32(10 * skull.roof)
    return np.asarray(floor + galli, np.float32)


def cavity_depth(skull: Skull, at: Place, vault: Field, base: Field | None = None, bowl: Field | None = None) -> Field:
    """Depth below the inner table in mm; negative in bone and outside.

    base is base_bone and bowl is posterior_fossa_depth, where they are known.
    """
    if at.low > 22:
        return vault
    edge = np.float32(-23) - np.float32(0.26) * np.maximum(at.a - 11, 0)
    front = np.clip((edge - at.y) * np.float32(1 / 7), 0, 1)
    level = np.float32(-14) + front * (frontal_floor(skull, at) + 14)
    steep = np.where((front > 0) & (front < 1), np.float32(0.6), np.float32(0.92))
    depth = np.minimum(vault, (at.z - level) * steep)
    np.maximum(depth, ellipsoid(at.a, at.y, at.z, *MIDDLE_FOSSA), out=depth)
    np.maximum(depth, posterior_fossa_depth(skull, at) if bowl is None else bowl, out=depth)
    if at.low < FORAMEN_MM:
        deep = np.clip((FORAMEN_MM - at.z) * np.float32(1 / 20), 0, 1)
        canal = 16 - 5 * deep - np.hypot(at.x, (at.y - 26 - 2 * deep) * np.float32(0.92))
        np.maximum(depth, np.where(at.z < FORAMEN_MM, canal, np.float32(-99)), out=depth)
    return np.asarray(np.minimum(depth, -(base_bone(skull, at, vault) if base is None else base)), np.float32)


def base_bone(skull: Skull, at: Place, vault: Field) -> Field:
    """Depth in the bones that stand into the cavity: petrous, sphenoid, clivus, clinoids; FAR where there is none."""
    return painted(at, np.full_like(vault, FAR), ((-84, -70), (84, 60)), partial(_base_bone, skull), vault)


def _base_bone(skull: Skull, at: Place, far: Field, vault: Field) -> Field:
    """The same on the part of the plane that holds the base."""
    r, top, tilt = skull.ridge, skull.sella, skull.lopsided
    one = at.with_x(at.x + np.float32(tilt))
    out = at.a - 12
    # Lesser wings: sharp ridges that curve up and forward to the pterion.
    uneven = skull.bumps.on(at.plane)
    crest = np.float32(1.6) + np.float32(1.2) * uneven + 9 * np.square(np.maximum(out, 0) * np.float32(1 / 45)) - at.z
    bow = np.float32(2.5) * np.sin(out * np.float32(0.09)) + np.float32(1.2) * uneven
    half = np.float32(1.4 * r) * (1 + np.clip(out / 28, 0, 1.2)) * np.clip((crest + 1) * np.float32(0.16), 0.35, 1.9)
    wing = np.minimum(crest, half - np.abs(at.y + 23 + np.float32(0.3) * out + bow)) * np.float32(0.85)
    wing = np.minimum(np.minimum(wing, vault + 3), np.minimum(at.z + 16, at.a - 8))
    body = at.ellipsoid((0, -22, -17), (13, 14, 12), margin=9)
    body = np.minimum(body, -at.ellipsoid((0, -11, -7 + 0.3 * top), (7, 5, 6), margin=14))
    petrous = deepest(
        one.rod(((11, 0, -17), (36, 10, -18)), (3.6 * r, 6.8 * r), pair=True, squeeze=(1, 1, 0.85), margin=9),
        one.rod(((36, 10, -18), (50, 22, -20)), (6.8 * r, 9.0 * r), pair=True, squeeze=(1, 1, 0.85), margin=9),
        one.rod(((50, 22, -20), (64, 28, -22)), (9.0 * r, 12.0 * r), pair=True, squeeze=(1, 1, 0.9), margin=9),
        one.rod(((34, 7, -14), (37, 14, -14)), (4.2 * r, 4.2 * r), pair=True, margin=9),
        # Jugular tubercles and the bone about the jugular foramen.
        one.rod(((13, 12, -32), (34, 17, -31)), (4.0 * r, 6.5 * r), pair=True, margin=9),
        one.rod(((34, 17, -31), (52, 28, -34)), (6.5 * r, 9.0 * r), pair=True, margin=9),
    )
    porus = one.rod(((14, 10, -17), (27, 10, -17)), (2.6, 1.8), pair=True)
    petrous = np.minimum(petrous + np.float32(0.7) * skull.bumps.on(at.plane), -porus)
    return deepest(
        far,
        wing,
        body,
        petrous,
        at.rod(((0, -6, -9), (0, 10, -46)), (4.0, 6.0), squeeze=(0.45, 1, 1), margin=9),
        at.rod(((14, -24, 2), (11, -15, 1 + 0.5 * top)), (2.3, 1.2), pair=True, margin=9),
        at.rod(((0, -5, -9), (6.5, -4.5, top - 0.5)), (2.2, 1.4), pair=True, squeeze=(0.8, 1, 1), margin=9),
        at.rod(((0, -4.8, -8), (0, -4.8, top - 3)), (2.0, 1.1), squeeze=(0.2, 1, 1), margin=9),
    )
