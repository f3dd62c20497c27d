"""The posterior fossa and the cisterns about the brain stem."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.cortex import lined
from ihd_core.phantom.shapes import cover, deepest
from ihd_core.phantom.smooth_field import look_up

if TYPE_CHECKING:
    from ihd_core.phantom.brain import Brain
    from ihd_core.phantom.place import Place
    from ihd_core.phantom.shapes import Field


def tent_depth(at: Place) -> Field:
    """Depth below the tentorium and behind the petrous ridges, mm; positive in the posterior fossa."""
    roof = 21 - np.float32(0.58) * at.a - np.float32(0.55) * np.maximum(at.y - 32, 0)
    roof = np.maximum(roof, np.float32(-13) - np.float32(0.06) * at.a)
    front = at.y - (np.float32(-6) + np.float32(0.44) * at.a + np.float32(0.5) * np.maximum(at.z, 0))
    return np.asarray(np.minimum((roof - at.z) * np.float32(0.8), front), np.float32)


def posterior_fossa(brain: Brain, at: Place, hu: Field, fluid: Field, surface: Field) -> tuple[Field, Field]:
    """Cerebellum with folia, vermis and its white matter instead of the cerebral cortex."""
    age = brain.atrophy * (1 - brain.swelling)
    tent = tent_depth(at)
    share = cover(tent, at.soft)
    # Folia run side by side around the middle of the cerebellum.
    around = np.hypot(at.x * np.float32(0.62), at.y - 18) + np.float32(0.5) * at.z
    wave = look_up(brain.folia.texture(at.plane), at.x * np.float32(0.16), around)
    white = cover(at.ellipsoid((18, 36, -24), (15, 11, 10), pair=True, lean=(0.35, 0), margin=6), np.float32(7))
    vermis_hu = np.float32(1.6) * np.exp(np.square(at.x * np.float32(1 / 6)) * np.float32(-0.5)) * (at.y > 28)
    tissue = (
        np.float32(brain.grey - 1.2)
        + np.float32(1.3) * wave
        + vermis_hu
        - np.float32(0.75 * (brain.grey - brain.white)) * white
    )
    outer = np.clip(1 - np.minimum(surface, tent) * np.float32(1 / 14), 0, 1)
    lines = lined(np.abs(wave) * 2, np.float32(0.05 + 0.55 * age) * outer, at.soft) * outer
    vermis = np.minimum(at.a * np.float32(-1), 0) + np.float32(0.1 + 1.2 * age) * np.maximum(1 + wave, 0)
    groove = cover(np.asarray(vermis, np.float32), at.soft) * cover(at.y - 46, np.float32(12)) * outer
    horizontal = np.abs(at.z + 22 + np.float32(0.1) * (at.y - 40) + 2 * wave)
    fissure = lined(horizontal, np.float32(0.6 * age) * np.clip(1 - surface * np.float32(0.07), 0, 1), at.soft)
    gaps = np.clip(np.float32(0.6) + np.float32(0.6) * brain.width.on(at.plane), 0, 2)
    edge = lined(np.abs(tent - 1), np.float32(0.1 + 0.6 * age) * gaps, at.soft)
    own = deepest(cover(-surface, at.soft), lines, np.asarray(groove, np.float32), edge, fissure)
    return np.asarray(hu + (tissue - hu) * share, np.float32), np.asarray(fluid + (own - fluid) * share, np.float32)


def cisterns(brain: Brain, at: Place, fluid: Field, wide: Field | np.float32) -> Field:
    """Basal cisterns, painted into the share of fluid."""
    w = (0.5 + 0.75 * brain.atrophy) * (1 - 0.6 * brain.swelling)
    uneven = brain.width.on(at.plane)
    ambient = np.float32(0.95 * w) * np.clip(1 + np.float32(0.55) * uneven, 0.1, 2) * wide
    ambient = ambient * np.clip((12 - at.z) * np.float32(0.12), 0, 1)
    away = np.abs(_stem_depth(at) + np.float32(0.8 * w))
    hidden = (at.y < -6) | ((at.z < -9) & (at.y > 9)) | (at.z > 14)
    ring = np.where(hidden, 0, lined(away, ambient, at.soft))
    depth = deepest(
        # The star: chiasmatic cistern with its arms to the fissures and around the stem.
        at.ellipsoid((0, -14, -1), (7 + 6 * w, 6 + 4 * w, 7.5)),
        at.rod(((5, -17, 1), (19, -20, 2)), (2.8 * w + 0.6, 1.9 * w + 0.3), pair=True),
        at.rod(((19, -20, 2), (37, -15, 4)), (1.9 * w + 0.3, 2.0 * w), pair=True),
        at.rod(((0, -20, 1), (0, -36, 5)), (2.6 * w, 1.2 * w), squeeze=(1.5, 1, 0.6)),
        at.rod(((6, -10, -1), (15, 0, 0)), (2.6 * w, 1.7 * w), pair=True),
        # The gap before the pons, the cerebellopontine corners, the great cistern.
        at.rod(((0, -6, -6), (0, 9, -32)), (3.4 * w + 2.2, 3.4 * w + 2.2), squeeze=(0.32, 1, 1)),
        at.rod(((0, 9, -32), (0, 15, -52)), (4 * w + 2, 5), squeeze=(0.5, 1, 1)),
        at.rod(((12, 8, -20), (27, 16, -22)), (3.4 * w + 1.2, 2.4 * w + 0.5), pair=True),
        at.ellipsoid((0, 51, -38), (8 * w + 3, 7 * w + 1, 9)),
        # The smile behind the tectum, and the cistern above it.
        np.minimum(_smile(at, w), np.float32(7) - np.abs(at.z - 6)),
        at.ellipsoid((0, 31, 15), (3.5 * w + 2, 4 * w + 1.5, 5)),
    )
    if at.low < -34:
        # Fluid all about the medulla and the cord in the foramen magnum and below it.
        depth = np.maximum(depth, (np.float32(-39) - at.z) * np.float32(0.8))
    depth = depth - (1 - wide) * 4
    return np.maximum(np.maximum(fluid, ring), cover(np.asarray(depth, np.float32), at.soft * np.float32(1.2)))


def _smile(at: Place, w: float) -> Field:
    """Depth in the quadrigeminal cistern, mm: an arc behind the colliculi that turns forward at its ends."""
    arc = np.hypot(at.a, (at.y - 13) * np.float32(1.05)) - np.float32(16.5)
    ends = np.float32(15.5) - at.a
    behind = at.y - 14
    return np.asarray(np.minimum(np.minimum(np.float32(0.7 + 1.5 * w) - np.abs(arc), ends), behind), np.float32)


def _stem_depth(at: Place) -> Field:
    """Depth in midbrain, pons and medulla, mm."""
    midbrain = deepest(
        at.rod(((0, 14, 12), (0, 13, -6)), (12, 12.5), squeeze=(0.86, 1, 1), margin=6),
        at.rod(((9.5, 0, 5), (8, 3, -8)), (5.6, 6.4), pair=True, margin=6),
        at.rod(((4.5, 24, 7), (4.5, 23, -2)), (4.0, 4.0), pair=True, margin=6),
    )
    # The interpeduncular fossa.
    notch = np.float32(4.2) - at.a * np.float32(1.1) - np.maximum(at.y - 1, 0) * np.float32(0.9)
    midbrain = np.where(at.z > -9, np.minimum(midbrain, -notch), midbrain)
    return deepest(
        np.asarray(midbrain, np.float32),
        at.ellipsoid((0, 17, -20), (16, 9.5, 14), margin=6),
        at.rod(((0, 21, -30), (0, 27, -70)), (8, 6.5), margin=6),
        at.rod(((10, 14, -21), (22, 26, -22)), (7, 8), pair=True, margin=6),
    )


def brain_stem(brain: Brain, at: Place, hu: Field, fluid: Field) -> tuple[Field, Field]:
    """The brain stem, which stands in the cisterns."""
    share = cover(_stem_depth(at), at.soft) * cover(7 - at.z, np.float32(4))
    density = np.float32((brain.grey + brain.white) / 2 - 0.5)
    return np.asarray(hu + (density - hu) * share, np.float32), np.asarray(fluid * (1 - share), np.float32)
