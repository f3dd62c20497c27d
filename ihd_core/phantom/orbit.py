"""The orbits: cones of fat with globe, lens, muscles and optic nerve."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.place import painted
from ihd_core.phantom.shapes import cover, deepest

if TYPE_CHECKING:
    from ihd_core.phantom.place import Place
    from ihd_core.phantom.shapes import Field
    from ihd_core.phantom.skull import Skull

APEX = (13.0, -28.0, -10.0)
GLOBE = (32.0, -69.0, -17.0)
GLOBE_MM = 12.0


def orbits(skull: Skull, at: Place, hu: Field, skin: Field, depth: Field) -> Field:
    """Walls and contents of both orbits, painted on hu; nothing comes nearer than the roof to the cavity."""
    if not at.reaches(-44, 12):
        return hu
    return painted(at, hu, ((-64, -98), (64, -20)), partial(_orbits, skull), skin, depth)


def _orbits(skull: Skull, at: Place, hu: Field, skin: Field, depth: Field) -> Field:
    """The same on the part of the plane that holds the orbits."""
    px = np.float32(at.pixel)
    s = skull.orbit
    tall = 17.5 / (8.0 + 10.0 * skull.roof)
    cone = at.rod((APEX, (31.5, -62, -17)), (2.5, 17.5 * s), pair=True, squeeze=(0.92, 0.85, tall), margin=6)
    rim = np.float32(-83) + np.float32(0.5) * np.maximum(at.a - 14, 0)
    wall_mm = np.float32(0.7) + np.clip((at.a - 24) * np.float32(0.12), 0, 2.6)
    wall = np.minimum(np.minimum(cone + wall_mm, skin - 4), np.minimum(at.y - rim, -depth))
    # The lateral wall is a plate that ends in a blunt rim.
    rim = at.rod(((51, -58, -2), (50, -58, -32)), (2.2, 2.8), pair=True)
    plate = at.rod(((45, -49, -4), (44, -48, -30)), (4.6, 4.6), pair=True, squeeze=(1.9, 0.9, 1))
    wall = np.maximum(wall, np.maximum(rim, plate))
    hu = hu + (np.float32(0.75 * skull.table) - hu) * cover(wall, px * np.float32(1.1))
    inner = np.minimum(np.minimum(cone, skin - np.float32(2.0)), -depth - np.float32(1.5))
    share = cover(inner, px)
    hu += (np.float32(skull.fat) - hu) * share
    muscle = deepest(
        at.rod(((15, -34, -12), (20, -66, -17)), (1.6, 2.0), pair=True, squeeze=(1, 1, 0.4)),
        at.rod(((19, -33, -12), (44, -66, -17)), (1.5, 2.0), pair=True, squeeze=(1, 1, 0.4)),
        at.rod(((16, -34, -7), (31, -64, -3)), (1.6, 2.0), pair=True, squeeze=(0.5, 1, 1)),
        at.rod(((16, -34, -15), (30, -64, -30)), (1.6, 2.0), pair=True, squeeze=(0.5, 1, 1)),
        at.rod(((14, -31, -10), (23, -46, -14)), (2.0, 2.1), pair=True),
        at.rod(((23, -46, -14), (31, -58, -17)), (2.1, 2.3), pair=True),
        at.ellipsoid((46, -70, -8), (3, 6, 5), pair=True),
    )
    hu += (48 - hu) * cover(np.minimum(muscle, inner), px)
    r = GLOBE_MM * min(max(s, 0.95), 1.05)
    globe = np.maximum(at.ellipsoid(GLOBE, (r, r, r), pair=True), at.ellipsoid((32, -76.5, -17), (7, 6, 7), pair=True))
    hu += (50 - hu) * cover(globe, px)
    hu += (12 - hu) * cover(globe - np.float32(1.2), px)
    lens_mm = (4.6, 1.9 if skull.lens < 110 else 0.8, 4.6)
    hu += (np.float32(skull.lens) - hu) * cover(at.ellipsoid((32, -76, -17), lens_mm, pair=True), px)
    # The lids close over the globe.
    lid = np.minimum(skin + 1, np.float32(3.2) - skin) * (at.a > 16) * (at.a < 50) * (at.y < -60)
    return np.asarray(hu + (25 - hu) * np.where(hu < 20, cover(lid - 1, px), 0) * (skin > 0), np.float32)
