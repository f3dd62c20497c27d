"""Air in the head: paranasal sinuses, nose, throat, mastoid cells, ear canals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.shapes import FAR, cover, deepest

if TYPE_CHECKING:
    from ihd_core.phantom.place import Place
    from ihd_core.phantom.shapes import Field
    from ihd_core.phantom.skull import Skull

AIR_HU, MUCOSA_HU = -960.0, 30.0


def air_spaces(skull: Skull, at: Place, hu: Field, wall: Field, shell: Field) -> Field:
    """All air spaces, painted on hu, where wall is positive: it is the depth below skin and inner table, mm."""
    px = np.float32(at.pixel * 1.2)
    cells = skull.cells.on(at.plane)
    frontal = _frontal(skull, at, cells, shell)
    hu = hu + (np.float32(AIR_HU) - hu) * cover(np.minimum(frontal, wall), px)
    if at.low > 14:
        return hu
    hu = _nose(skull, at, hu, wall)
    left = at.x > 0
    ethmoid = np.minimum(at.ellipsoid((0, -52, -18), (12, 21, 16)), at.a - np.float32(0.6))
    ethmoid = np.minimum(ethmoid, (np.abs(cells) - np.float32(0.22 + 0.12 * max(skull.filled, 0))) * 5)
    sphenoid = deepest(
        *(
            at.ellipsoid((sign * 7, -24, -18), (8.5 * size, 11 * size, 8.5 * size))
            for sign, size in zip((-1, 1), skull.sphenoid, strict=True)
        )
    )
    sphenoid = np.minimum(sphenoid, np.abs(at.x - np.float32(2 * skull.lopsided)) - np.float32(0.5))
    aeration = np.where(left, np.float32(skull.aeration[1]), np.float32(skull.aeration[0]))
    mastoid = np.minimum(at.ellipsoid((58, 30, -26), (12, 15, 21), pair=True) - 1, (cells + aeration - 0.3) * 4)
    middle_ear = at.rod(((38, 14, -21), (47, 15, -20)), (2.0, 3.6), pair=True)
    canal = at.rod(((48, 13, -22), (90, 15, -21)), (2.6, 3.4), pair=True)
    filled = np.where(skull.filled * 2 + cells > 0.6, np.float32(MUCOSA_HU), np.float32(AIR_HU))
    hu += (filled - hu) * cover(np.minimum(deepest(ethmoid, sphenoid), wall), px)
    hu += (np.float32(AIR_HU) - hu) * cover(np.minimum(deepest(mastoid, middle_ear), wall), px)
    hu += (np.float32(AIR_HU) - hu) * cover(canal, px)
    return np.asarray(hu, np.float32)


def _frontal(skull: Skull, at: Place, cells: Field, shell: Field) -> Field:
    """Depth in the frontal sinuses, mm: lobes of unequal height, between the tables of the brow."""
    lobes = [
        at.ellipsoid((sign * 9 * size, -83, 5 + 3 * size), (11 * size, 8, 6 + 6 * size))
        for sign, size in zip((-1, 1), skull.frontal, strict=True)
        if size
    ]
    if not lobes:
        return np.full_like(at.x, FAR)
    both = np.minimum(deepest(*lobes), np.abs(at.x - np.float32(skull.lopsided)) - np.float32(0.6))
    return np.asarray(np.minimum(both + np.float32(0.8) * cells, shell - np.float32(1.2)), np.float32)


def _nose(skull: Skull, at: Place, hu: Field, limit: Field) -> Field:
    """Nasal cavity with septum and turbinates, maxillary sinuses, throat."""
    px = np.float32(at.pixel * 1.2)
    cavity = np.minimum(at.ellipsoid((0, -52, -45), (15, 36, 21)), limit)
    hu = hu + (42 - hu) * cover(cavity + np.float32(1.2), px)
    bent = np.float32(0.7 * skull.lopsided) * np.sin((at.y + 50) * np.float32(0.1))
    off = np.abs(at.x - bent)
    curl = np.abs(off - np.float32(7.5) - np.float32(1.5) * np.sin(at.y * np.float32(0.13) + at.z * np.float32(0.4)))
    passage = np.minimum(np.minimum(off - np.float32(1.4), curl - np.float32(2.6)), cavity)
    hu += (np.float32(AIR_HU) - hu) * cover(passage, px)
    hu += (350 - hu) * cover(np.minimum(np.float32(0.5) - off, cavity), px) * (at.y > -78)
    throat = deepest(
        np.minimum(at.ellipsoid((0, -18, -54), (13, 8, 18)), limit),
        at.ellipsoid((0, -12, -92), (11, 6, 28)),
    )
    hu += (np.float32(AIR_HU) - hu) * cover(throat, px)
    for sign, size, mucosa in zip((-1, 1), skull.maxillary, skull.mucosa, strict=True):
        sinus = antrum(at, sign, size)
        hu += (np.float32(MUCOSA_HU) - hu) * cover(sinus, px)
        floor = np.clip((-40 - at.z) * np.float32(0.12), 0, 2)
        hu += (np.float32(AIR_HU) - hu) * cover(sinus - np.float32(mucosa) * (np.float32(0.5) + floor), px)
    return np.asarray(hu, np.float32)


def antrum(at: Place, sign: int, size: float) -> Field:
    """Depth in one maxillary sinus, mm: three-sided, its wall to the nose flat."""
    whole = at.ellipsoid((sign * 30, -56, -46), (19 * size, 21 * size, 17 * size))
    out = at.x * np.float32(sign)
    back = (np.float32(-468) + np.float32(60 * (size - 0.9)) - 30 * out - 28 * at.y) * np.float32(1 / 41)
    return np.asarray(np.minimum(whole, np.minimum(back, out - np.float32(16 - 2 * size))), np.float32)
