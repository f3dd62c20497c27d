"""Bones and muscles of the face and neck."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.shapes import cover, deepest
from ihd_core.phantom.sinuses import antrum

if TYPE_CHECKING:
    from ihd_core.phantom.place import Place
    from ihd_core.phantom.shapes import Field
    from ihd_core.phantom.skull import Skull

TEETH_Z = (-92.0, -68.0)
"""Lowest and highest level of the crowns and roots of both rows, mm."""


def neck(skull: Skull, at: Place, hu: Field, skin: Field, depth: Field) -> Field:
    """Layered muscles behind the spine and below the occiput, with planes of fat between them."""
    if at.low > -6:
        return hu
    px = np.float32(at.pixel * 1.3)
    strands = skull.strands.on(at.plane)
    body = deepest(
        at.ellipsoid((0, 62, -62), (56, 30, 58)),
        at.rod(((0, 52, -60), (0, 46, -150)), (40, 40), squeeze=(0.85, 1.2, 1)),
    )
    bulk = np.minimum(body, skin - np.float32(4.5))
    # Sheets one behind the other about the spine, parted in the midline.
    ring = np.hypot(at.x * np.float32(0.72), at.y - 22) + np.float32(2.6) * strands + np.float32(0.05) * at.x
    split = np.abs((ring * np.float32(1 / 12.5)) % 1 - np.float32(0.5)) * np.float32(12.5)
    between = np.abs(strands) * 7 + np.maximum(skull.waves.on(at.plane) + np.float32(0.2), 0) * 5
    planes = np.minimum(np.minimum(split, between), at.a) - np.float32(0.6)
    flesh = np.float32(skull.flesh) + 2 * strands
    fatty = np.float32(0.8 * skull.fat) + 15
    hu = hu + (fatty - hu) * cover(bulk, px)
    hu += (flesh - hu) * cover(np.minimum(bulk, planes), px * np.float32(1.3))
    cords = deepest(
        at.rod(((60, 34, -46), (44, 14, -130)), (8, 9), pair=True, squeeze=(1, 0.7, 1)),
        at.rod(((9, 1, -46), (9, 3, -140)), (6, 6), pair=True, squeeze=(0.8, 1.1, 1)),
        at.rod(((26, 12, -48), (30, 8, -130)), (5, 5), pair=True),
        at.rod(((25, 2, -48), (27, -2, -130)), (3, 3), pair=True),
    )
    return np.asarray(hu + (flesh - 8 - hu) * cover(np.minimum(cords, skin - 4), px), np.float32)


def flesh_of_the_face(skull: Skull, at: Place, hu: Field, skin: Field) -> Field:
    """Muscles of mastication, tongue, throat, parotid gland."""
    px = np.float32(at.pixel * 1.3)
    strands = skull.strands.on(at.plane)
    chewing = deepest(
        at.ellipsoid((57, -20, -62), (10.5, 21, 32), pair=True),
        at.ellipsoid((54, -28, -26), (13.5, 22, 30), pair=True),
        at.rod(((29, -29, -37), (45, -5, -36)), (12, 9), pair=True),
        at.rod(((27, -21, -44), (43, -9, -88)), (9, 10), pair=True, squeeze=(1, 0.8, 1)),
    )
    throat = deepest(
        at.ellipsoid((0, -44, -84), (23, 27, 17)),
        at.ellipsoid((0, -18, -58), (19, 13, 22)),
        at.ellipsoid((0, -10, -96), (18, 12, 34)),
    )
    parotid = at.ellipsoid((57, 4, -58), (9, 12, 24), pair=True)
    # Between the named muscles lie slips of muscle and glands, not fat alone.
    slips = np.minimum(np.clip(np.float32(0.55) + np.float32(0.5) * strands, 0, 1), np.clip((10 - at.y) * 0.1, 0, 1))
    hu = hu + (np.float32(skull.flesh - 8) - hu) * slips * cover(skin - 12, np.float32(5)) * (at.z < -14)
    hu += (np.float32(0.25 * skull.fat + 10) - hu) * cover(np.minimum(parotid, skin - 4), px * 2)
    flesh = np.float32(skull.flesh) + 3 * strands
    hu += (flesh - hu) * cover(np.minimum(chewing, skin - 5), px)
    hu += (flesh - 10 - hu) * cover(np.minimum(throat, skin - 8), px)
    mimic = np.minimum(np.float32(1.3) - np.abs(skin - 7 - 2 * strands), np.float32(-30) - at.y)
    return np.asarray(hu + (35 - hu) * cover(mimic, px) * np.float32(0.7) * (at.z < -24), np.float32)


def bones_of_the_face(skull: Skull, at: Place, hu: Field, skin: Field, depth: Field) -> Field:
    """Upper jaw, cheek bones, nasal bones, lower jaw with teeth, and the upper cervical spine."""
    px = np.float32(at.pixel * 1.2)
    grain = skull.grain.on(at.plane)
    walls = deepest(*(antrum(at, sign, size) for sign, size in zip((-1, 1), skull.maxillary, strict=True)))
    thin = np.float32(0.9) - np.abs(walls + np.float32(0.8))
    bridge = at.y + 86 - np.float32(0.28) * (at.z + 6) - np.float32(1.5) * at.a
    nasal = np.minimum(
        np.minimum(np.float32(1.1) - np.abs(bridge) * np.float32(0.55), 9 - at.a), 14 - np.abs(at.z + 18)
    )
    compact = deepest(
        at.rod(((44, -60, -36), (56, -54, -34)), (5, 4), pair=True),
        at.rod(((56, -54, -34), (67, -30, -30)), (3.6, 2.2), pair=True, squeeze=(1, 1, 0.6)),
        at.rod(((67, -30, -30), (65, 2, -27)), (2.2, 2.6), pair=True, squeeze=(1, 1, 0.6)),
        nasal,
        at.rod(((12, -76, -14), (16, -72, -44)), (2.6, 3.2), pair=True),
        at.rod(((12, -24, -34), (18, -22, -58)), (1.5, 1.6), pair=True, squeeze=(0.6, 0.35, 1)),
        np.minimum(at.ellipsoid((0, -52, -66), (24, 30, 12)), np.float32(2.0) - np.abs(at.z + 66)),
        np.minimum(at.ellipsoid((0, -52, -18), (13, 22, 17)), np.float32(1.0) - at.a),
    )
    jaw = deepest(
        at.rod(((50, 4, -32), (48, 2, -46)), (5.0, 3.6), pair=True, squeeze=(0.7, 1.2, 1)),
        at.rod(((48, -3, -46), (46, -8, -88)), (4.0, 4.5), pair=True, squeeze=(1, 0.35, 1)),
        at.rod(((50, -24, -38), (48, -18, -56)), (2.0, 3.5), pair=True, squeeze=(1, 0.6, 1)),
    )
    solid = np.minimum(deepest(thin, compact, jaw), np.minimum(skin - 2, -depth - np.float32(0.3)))
    hu = hu + (np.float32(0.7 * skull.table) + 200 * grain - hu) * cover(solid, px)
    marrow = np.minimum(jaw - np.float32(2.2), skin - 6)
    hu += (np.float32(0.5 * skull.diploe) - hu) * cover(marrow, px)
    if at.low < -44:
        hu = _spine(skull, at, hu, depth)
    if at.low < -62:
        hu = _teeth(skull, at, hu, skin)
    return np.asarray(hu, np.float32)


def _spine(skull: Skull, at: Place, hu: Field, depth: Field) -> Field:
    """Atlas, axis and what follows, about the canal."""
    px = np.float32(at.pixel * 1.2)
    canal = np.float32(14.5) - np.hypot(at.x, at.y - 28)
    wave = np.abs((at.z + 57) * np.float32(1 / 17) % 1 - np.float32(0.5)) * 17
    arch = np.minimum(np.float32(2.4) - np.abs(canal - np.float32(0.5)), np.float32(4.5) - wave + 2)
    arch = np.minimum(arch, np.float32(-49) - at.z)
    bodies = deepest(
        at.rod(((0, 11, -48), (0, 14, -160)), (5.5, 10)),
        at.ellipsoid((20, 19, -55), (9, 9, 8), pair=True),
        at.rod(((20, 18, -55), (36, 21, -55)), (5, 3.5), pair=True),
        at.rod(((0, 4, -55), (18, 11, -55)), (3, 4), pair=True),
        at.rod(((14, 20, -68), (17, 22, -160)), (6, 6), pair=True, squeeze=(1, 1, 0.5)),
        at.rod(((0, 44, -66), (0, 62, -74)), (4, 4), squeeze=(0.9, 1, 0.7)),
    )
    disc = np.where((at.z < -78) & (wave > 6.5) & (at.a < 11), np.float32(0), np.float32(1))
    bone = np.minimum(deepest(arch, bodies), -depth - np.float32(0.5))
    spongy = np.clip((bone - np.float32(1.4)) * np.float32(0.8), 0, 1)
    density = np.float32(0.75 * skull.table) + (np.float32(350) - np.float32(0.75 * skull.table)) * spongy
    return np.asarray(hu + ((density * disc + 90 * (1 - disc)) - hu) * cover(bone, px), np.float32)


def _teeth(skull: Skull, at: Place, hu: Field, skin: Field) -> Field:
    """Alveolar arches, teeth and metal fillings."""
    px = np.float32(at.pixel * 1.2)
    low, high = TEETH_Z
    arch = np.hypot(at.x, (at.y + 48) * np.float32(0.85))
    front = (at.y < -28) & (skin > 5)
    off = np.abs(arch - 24)
    upright = np.minimum(at.z - (low - 14), high + 4 - at.z)
    bone = np.minimum(np.minimum(np.float32(5.5) - off, upright), np.where(front, np.float32(99), np.float32(-99)))
    back = at.rod(((24, -32, -96), (46, -6, -84)), (5, 5), pair=True, squeeze=(1, 1, 0.5))
    hu = hu + (np.float32(0.5 * skull.table) - hu) * cover(np.maximum(bone, back), px)
    if not skull.teeth:
        return np.asarray(hu, np.float32)
    angle = np.arctan2(at.x, -(at.y + 48) * np.float32(0.85))
    gap = np.abs((angle * np.float32(24 / 7.2)) % 1 - np.float32(0.5)) * np.float32(7.2)
    within = np.minimum(at.z - low, high - at.z)
    tooth = np.minimum(np.minimum(np.float32(3.6) - off, np.float32(3.3) - gap), within)
    tooth = np.where(front, tooth, np.float32(-99))
    hu += (np.float32(skull.teeth) - hu) * cover(tooth, px)
    for where in skull.fillings:
        metal = np.float32(3.2) - np.hypot(np.hypot(angle - np.float32(where), 0) * 24, off) - np.abs(at.z + 80) * 0.8
        hu += (np.float32(6000) - hu) * cover(np.where(front, metal, np.float32(-99)), px)
    return np.asarray(hu, np.float32)
