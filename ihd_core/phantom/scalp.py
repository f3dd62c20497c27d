"""Skin, fat, galea and the temporal muscle, from the vertex to the neck."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.cavity import bell
from ihd_core.phantom.shapes import cover, deepest

if TYPE_CHECKING:
    from ihd_core.phantom.place import Place
    from ihd_core.phantom.shapes import Field
    from ihd_core.phantom.skull import Skull

AIR = -1000.0
SKIN_HU, GALEA_HU = 50.0, 35.0


def temporal_muscle(skull: Skull, at: Place) -> Field:
    """Thickness of the temporal muscle on the skull, mm; negative where there is none."""
    fan = bell(at.y, -22, 52) * np.clip((46 - at.z) * np.float32(1 / 44), 0, 1) * np.clip((at.a - 36) / 16, 0, 1)
    return np.asarray(np.float32(skull.muscle) * fan - np.float32(0.8), np.float32)


def skin_depth(skull: Skull, at: Place, shell: Field) -> Field:
    """Depth below the skin, mm: scalp over the vault, face and neck below it; shell is depth below the outer table."""
    thick = np.float32(skull.scalp) * (1 + np.float32(0.18) * skull.waves.on(at.plane))
    skin: Field = shell + np.maximum(thick, 2.4)
    if at.low >= 48:
        return skin
    skin += np.maximum(temporal_muscle(skull, at), 0)
    if at.low >= 30:
        return skin
    skin += np.clip(-at.z * np.float32(0.12), 0, 7) * np.clip((at.y - 20) * np.float32(1 / 30), 0, 1)
    return deepest(
        skin,
        at.ellipsoid((0, -22, -42), (67, 65, 58)),
        at.ellipsoid((0, -36, -84), (54, 52, 38)),
        at.rod(((0, 22, -30), (0, 36, -150)), (62, 58), squeeze=(0.95, 1, 0.6)),
        at.rod(((0, -78, -4), (0, -93, -44)), (11, 13), squeeze=(1.0, 0.85, 1)),
        at.rod(((0, -93, -44), (9, -82, -48)), (8, 9), pair=True),
    )


def soft_tissue(skull: Skull, at: Place, skin: Field, shell: Field) -> Field:
    """Air outside; skin, fat, galea, temporal muscle, ears."""
    px = np.float32(at.pixel)
    hu = np.full_like(skin, AIR)
    fat = np.float32(skull.fat) + 10 * skull.grain.on(at.plane)
    hu += (SKIN_HU - hu) * cover(skin, px * np.float32(1.2))
    hu += (fat - hu) * cover(skin - np.float32(1.7), px * np.float32(1.1))
    hu += (np.float32(GALEA_HU) - hu) * (cover(np.float32(1.3) + shell, px) * cover(skin - np.float32(1.5), px))
    if at.low < 48:
        strands = skull.strands.on(at.plane)
        flesh = np.float32(skull.flesh) + 2 * strands
        layer = np.minimum(temporal_muscle(skull, at) + shell, skin - np.float32(2.6))
        hu += (flesh - hu) * cover(layer, px * np.float32(1.2))
    if at.reaches(-56, 14):
        hu = _ears(at, hu)
    return hu


def _ears(at: Place, hu: Field) -> Field:
    """The auricles: curved shells behind the ear canals."""
    whole = at.ellipsoid((79, 20, -20), (6, 15, 30), pair=True, lean=(0.22, 0.0))
    hollow = at.ellipsoid((83, 15, -20), (6, 10, 19), pair=True, lean=(0.22, 0.0))
    rim = np.minimum(whole, np.maximum(np.float32(1.5) - hollow, -hollow))
    return np.asarray(hu + (30 - hu) * cover(rim, at.pixel * 1.2) * (hu < -300), np.float32)
