"""The posterior fossa and the cisterns about the brain stem."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.shapes import cover, deepest, look_up

if TYPE_CHECKING:
    from ihd_core.phantom.brain import Brain
    from ihd_core.phantom.shapes import Field, Place


def tent_depth(at: Place) -> Field:
    """Depth below the tentorium and behind the petrous ridges, mm; positive in the posterior fossa."""
    roof = 21 - np.float32(0.58) * at.a - np.float32(0.55) * np.maximum(at.y - 32, 0)
    front = at.y - (np.float32(-6) + np.float32(0.44) * at.a + np.float32(0.5) * np.maximum(at.z, 0))
    return np.minimum((roof - at.z) * np.float32(0.8), front)


def posterior_fossa(brain: Brain, at: Place, hu: Field, fluid: Field, surface: Field) -> tuple[Field, Field]:
    """Cerebellum with folia and its white matter instead of the cerebral cortex."""
    tent = tent_depth(at)
    share = cover(tent, at.soft)
    folia = look_up(brain.folia.texture(at.plane), at.x * np.float32(0.35), at.y)
    white = cover(at.ellipsoid((19, 38, -24), (14, 12, 9), pair=True), np.float32(5))
    tissue = np.float32(brain.grey - 1.5) + np.float32(1.0) * folia - np.float32(4.5) * white
    outer = np.clip(1 - surface * np.float32(1 / 16), 0, 1) * np.float32(0.25 + 0.4 * brain.atrophy)
    lines = cover(np.float32(0.02 + 0.22 * brain.atrophy) - np.abs(folia), np.float32(0.5)) * outer
    vermis = cover(at.ellipsoid((0, 62, -26), (0.3 + 2.5 * brain.atrophy, 11, 12)), at.soft * 3)
    edge = cover(np.float32(0.1 + 1.3 * brain.atrophy) - np.abs(tent), at.soft) * np.float32(0.8)
    own = deepest(cover(-surface, at.soft), np.asarray(lines, np.float32), vermis, edge)
    return hu + (tissue - hu) * share, fluid + (own - fluid) * share


def cisterns(brain: Brain, at: Place, fluid: Field) -> Field:
    """Basal cisterns, painted into the share of fluid."""
    wide = 0.55 + 0.7 * brain.atrophy
    ambient = np.float32(2.0 * wide) - np.abs(_stem_depth(at) + np.float32(1.0 * wide))
    ambient += np.float32(0.7) * brain.width.on(at.plane)
    hidden = (at.y < -8) | ((at.z < -9) & (at.y > 10))
    ambient = np.where(hidden, np.float32(-9), ambient) - np.clip(at.z - 9, 0, 9)
    fluid = np.maximum(fluid, cover(ambient, at.soft * np.float32(1.6)) * np.float32(0.55 + 0.35 * brain.atrophy))
    depth = deepest(
        at.ellipsoid((0, -15, -1), (13 * wide + 3, 9 * wide + 2, 8)),
        at.rod(((6, -18, 1), (34, -19, 3)), (2.4 * wide, 2.2 * wide), pair=True),
        at.rod(((0, -14, -6), (0, 8, -44)), (6 * wide + 3, 7), squeeze=(0.5, 1, 1)),
        at.rod(((10, 5, -20), (24, 9, -22)), (4.5 * wide, 2.5 * wide), pair=True),
        at.ellipsoid((0, 29, 7), (11 * wide + 3, 4.5 * wide + 1, 8)),
        at.ellipsoid((0, 32, 15), (5 * wide + 2, 5 * wide + 2, 7)),
        at.ellipsoid((0, 55, -46), (10 * wide + 3, 11 * wide, 10)),
    )
    return np.maximum(fluid, cover(depth, at.soft * np.float32(1.3)))


def _stem_depth(at: Place) -> Field:
    """Depth in midbrain, pons and medulla, mm."""
    return deepest(
        at.rod(((0, 13, 10), (0, 12, -6)), (13, 13), squeeze=(0.82, 1, 1), margin=6),
        at.rod(((10, -1, 4), (8, 3, -8)), (5, 6), pair=True, margin=6),
        at.ellipsoid((0, 9, -20), (17, 12, 14), margin=6),
        at.rod(((0, 17, -30), (0, 26, -70)), (9, 6.5), margin=6),
        at.rod(((10, 14, -21), (22, 26, -22)), (7, 8), pair=True, margin=6),
    )


def brain_stem(brain: Brain, at: Place, hu: Field, fluid: Field) -> tuple[Field, Field]:
    """The brain stem, which stands in the cisterns."""
    share = cover(_stem_depth(at), at.soft) * cover(12 - at.z, np.float32(4))
    return hu + (np.float32((brain.grey + brain.white) / 2 - 1) - hu) * share, fluid * (1 - share)
