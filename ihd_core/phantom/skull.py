"""Everything about the brain: cavity, bone with its tables, diploe and sutures, and what face and scalp add."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.cavity import base_bone, bell, cavity_depth, crests, posterior_fossa_depth, vault_depth
from ihd_core.phantom.face import bones_of_the_face, flesh_of_the_face, neck
from ihd_core.phantom.orbit import orbits
from ihd_core.phantom.place import painted
from ihd_core.phantom.scalp import skin_depth, soft_tissue
from ihd_core.phantom.shapes import cover, deepest
from ihd_core.phantom.sinuses import air_spaces
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.place import Place
    from ihd_core.phantom.shapes import Field

__all__ = ["Outside", "Skull", "cavity_depth", "draw_skull", "outside", "vault_depth"]


@dataclass(frozen=True, slots=True, eq=False)
class Skull:
    """The numbers of one skull; lengths in mm, densities in HU. Pairs are (right, left).

    Attributes:
        thickness: of the vault; bumps, waves vary it.
        table, diploe: HU of compact and of spongy bone; grain varies them; table_mm: thickness of one table.
        suture: width of the sutures.
        taper: narrowing to the front a mm; temples: flatness of the temples; square: of the whole outline; skew: of a
            plagiocephalic head, mm a mm; unevenness, crest: of the inner table.
        hyperostosis: thickness of bone grown inward in front, 0 in most.
        roof: height of the roofs of the orbits over the usual; ridge: size of the petrous bones and sphenoid wings.
        sella: height of the clinoids; lopsided: shift of the petrous bones.
        ridges, cells, strands: patterns of the orbital roofs, of air cells, of muscle.
        scalp: thickness of skin, fat and galea; fat, flesh: HU; muscle: thickness of the temporal muscle.
        aeration: of the mastoids, -0.8 (dense) to 0.9.
        frontal, maxillary, sphenoid: size of each sinus over the usual, 0 for none; mucosa: its thickness in each
            maxillary sinus; filled: share of ethmoid cells that are filled.
        orbit: size over the usual; lens: HU; teeth: HU of the enamel, 0 for none; fillings: angles of metal fillings.
    """

    thickness: float
    waves: SmoothField
    bumps: SmoothField
    grain: SmoothField
    ridges: SmoothField
    cells: SmoothField
    strands: SmoothField
    table: float
    diploe: float
    table_mm: float
    suture: float
    taper: float
    temples: float
    square: float
    skew: float
    unevenness: float
    crest: float
    hyperostosis: float
    roof: float
    ridge: float
    sella: float
    lopsided: float
    scalp: float
    fat: float
    flesh: float
    muscle: float
    aeration: tuple[float, float]
    frontal: tuple[float, float]
    maxillary: tuple[float, float]
    sphenoid: tuple[float, float]
    mucosa: tuple[float, float]
    filled: float
    orbit: float
    lens: float
    teeth: float
    fillings: tuple[float, ...]


def draw_skull(rng: np.random.Generator, age: float = 0.5) -> Skull:
    """Draw the numbers of a skull; age from 0 (young) to 1 (old)."""

    def pair(low: float, high: float, spread: float) -> tuple[float, float]:
        """Two sides that resemble each other."""
        middle = rng.uniform(low, high)
        right, left = middle + rng.normal(0, spread, 2)
        return float(np.clip(right, low, high)), float(np.clip(left, low, high))

    young = age < 0.15 and rng.random() < 0.7
    thickness = (
        rng.uniform(2.2, 4.0) if young else rng.choice([rng.uniform(4.2, 8.5), rng.uniform(7, 12)], p=[0.85, 0.15])
    )
    maxillary = pair(0.75, 1.1, 0.07)
    mucosa = tuple(float(m) for m in rng.choice([0, 1.5, 5, 25], size=2, p=[0.5, 0.25, 0.17, 0.08]))
    fillings = rng.uniform(-1.1, 1.1, int(rng.integers(1, 5))) if rng.random() < 0.3 and not young else ()
    return Skull(
        thickness=float(thickness),
        waves=SmoothField(rng, 38),
        bumps=SmoothField(rng, 15),
        grain=SmoothField(rng, 6),
        ridges=SmoothField(rng, 9),
        cells=SmoothField(rng, float(rng.uniform(2.6, 4.0)), layer_mm=4),
        strands=SmoothField(rng, 12),
        table=float(rng.uniform(1000, 1750) - 120 * age),
        diploe=float(rng.uniform(250, 900)),
        table_mm=float(rng.uniform(1.1, 2.0)),
        suture=float(rng.uniform(1.0, 2.2) if young else rng.uniform(0.0, 1.0) * (1.2 - age)),
        taper=float(rng.normal(0.0012, 0.0004)),
        temples=float(rng.uniform(0.1, 0.9)),
        square=float(rng.uniform(0.18, 0.42)),
        skew=float(rng.normal(0, 0.016)),
        unevenness=float(rng.uniform(0.15, 0.5)),
        crest=float(rng.uniform(0.5, 4.5)),
        hyperostosis=float(rng.uniform(2, 7)) if rng.random() < 0.2 * age and not young else 0.0,
        roof=float(rng.uniform(0.75, 1.3)),
        ridge=float(rng.uniform(0.85, 1.2)),
        sella=float(rng.uniform(-1.5, 2.5)),
        lopsided=float(rng.normal(0, 1.2)),
        scalp=float(rng.uniform(2.5, 4.5) if young else rng.uniform(3.5, 8.0)),
        fat=float(rng.uniform(-110, -75)),
        flesh=float(rng.uniform(53, 64)),
        muscle=float(rng.uniform(5, 9) if young else rng.uniform(6, 13.5) - 3 * age),
        aeration=pair(-0.8, 0.9, 0.25),
        frontal=(0.0, 0.0) if young or rng.random() < 0.08 else pair(0.5, 1.6, 0.25),
        maxillary=maxillary,
        sphenoid=pair(0.5, 1.15, 0.2),
        mucosa=(mucosa[0], mucosa[1]),
        filled=float(rng.choice([-1.5, -0.6, 0.2], p=[0.6, 0.28, 0.12])),
        orbit=float(rng.normal(1, 0.03)),
        lens=float(rng.choice([rng.uniform(65, 95), rng.uniform(130, 250)], p=[1 - 0.35 * age, 0.35 * age])),
        teeth=float(rng.uniform(1500, 2400)) if rng.random() < 1 - 0.4 * age else 0.0,
        fillings=tuple(float(angle) for angle in fillings),
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


def outside(skull: Skull, at: Place) -> Outside:
    """Air, scalp, muscle, face and bone of one plane."""
    vault = vault_depth(skull, at)
    base = base_bone(skull, at, vault) if at.low <= 22 else None
    bowl = posterior_fossa_depth(skull, at) if at.low < 30 else None
    depth = cavity_depth(skull, at, vault, base, bowl)
    lean = np.clip(np.abs(at.z) * np.float32(1 / 90), 0, 0.98)
    soft = np.float32(at.pixel * 1.1) + np.float32(at.plane.thickness_mm) * lean * lean
    bone_mm = vault_thickness(skull, at)
    shell = (vault if bowl is None else np.maximum(vault, bowl)) + bone_mm
    skin = skin_depth(skull, at, shell)
    hu = soft_tissue(skull, at, skin, shell)
    if at.low < 14:
        if at.low <= -6:
            hu = painted(at, hu, ((-76, -24), (76, 110)), partial(neck, skull), skin, depth)
        hu = painted(at, hu, ((-82, -108), (82, 26)), partial(flesh_of_the_face, skull), skin)
    hu = _bone(skull, at, hu, Cut(base, depth, bone_mm, soft))
    if at.low < 14:
        hu = painted(at, hu, ((-76, -106), (76, 76)), partial(bones_of_the_face, skull), skin, depth)
        hu = orbits(skull, at, hu, skin, depth)
    if at.low < 32:
        wall = np.minimum(-depth - np.float32(1.2), skin - 4)
        corners = ((-94.0, -106.0), (94.0, 56.0)) if at.low <= 14 else ((-40.0, -106.0), (40.0, -60.0))
        hu = painted(at, hu, corners, partial(air_spaces, skull), wall, shell)
    return Outside(np.asarray(hu, np.float32), depth, cover(depth, soft))


def vault_thickness(skull: Skull, at: Place) -> Field:
    """Distance of the outer table from the inner one, mm: thin temples and base, thick brow and occiput."""
    thin = bell(at.a, 64, 30) * bell(at.y, -12, 52) * bell(at.z, 0, 46)
    change = 1 + np.float32(0.11) * skull.waves.on(at.plane)
    bone_mm = np.float32(skull.thickness) * (change - np.float32(0.55) * thin)
    if at.low < 26:
        occiput = bell(at.a, 0, 26) * bell(at.z, -6, 24) * np.clip((at.y - 55) * np.float32(1 / 12), 0, 1)
        brow = bell(at.a, 12, 50) * bell(at.z, 3, 19) * np.clip((-58 - at.y) * np.float32(1 / 10), 0, 1)
        bulge = 2 + 3 * max(skull.frontal)
        below = np.clip((6 - at.z) * np.float32(1 / 14), 0, 1) * np.float32(max(skull.thickness - 4.0, 0) * 0.8)
        bone_mm += np.float32((0.1 + 0.14 * skull.crest) * skull.thickness) * occiput + np.float32(bulge) * brow - below
    return np.asarray(np.maximum(bone_mm, 1.8) + crests(skull, at), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """One plane's depths in mm: in the base, below the inner table; thickness of the bone, width of its edge."""

    base: Field | None
    depth: Field
    bone_mm: Field
    soft: Field


def _bone(skull: Skull, at: Place, hu: Field, cut: Cut) -> Field:
    """Vault and base, painted on hu."""
    base, depth, bone_mm, soft = cut.base, cut.depth, cut.bone_mm, cut.soft
    grain = skull.grain.on(at.plane)
    reach = depth + bone_mm
    dense: Field | None = None
    if base is not None and at.low < 14:
        # The roofs of the orbits are thin, and so is the floor of the middle fossa.
        thin = np.clip((-22 - at.y) * np.float32(1 / 6), 0, 1) * np.clip((9 - at.z) * np.float32(1 / 8), 0, 1)
        roof_mm = np.float32(1.6) + np.float32(0.5) * np.maximum(skull.ridges.on(at.plane), -1)
        lateral = np.clip((-54 - at.y) * np.float32(1 / 10), 0, 1) * np.clip((at.z + 10) * np.float32(1 / 8), 0, 1)
        reach += thin * (1 - lateral) * np.minimum(roof_mm - bone_mm, 0)
        floor = np.clip((16 - at.y) * np.float32(1 / 8), 0, 1) * np.clip((at.a - 14) / 6, 0, 1)
        floor *= np.clip((2 - at.z) * np.float32(1 / 8), 0, 1) * (1 - thin)
        reach += floor * np.minimum(np.float32(2.2) - bone_mm, 0)
        mastoid = at.ellipsoid((57, 29, -27), (14, 17, 22), pair=True, margin=6)
        tip = at.rod(((57, 26, -40), (54, 22, -56)), (9, 4), pair=True)
        dense = deepest(base, mastoid, tip, at.rod(((18, 16, -42), (20, 19, -50)), (7, 6), pair=True))
        dense = np.minimum(dense, -depth)
        np.maximum(reach, dense, out=reach)
    table = np.minimum(-depth, reach)
    spongy = np.clip((table - np.float32(skull.table_mm)) * np.float32(0.8), 0, 1)
    density = np.float32(skull.table) - (np.float32(skull.table - skull.diploe) - 140 * grain) * spongy + 60 * grain
    if dense is not None:
        capsule = at.ellipsoid((27, 9, -19), (10, 7, 7), pair=True, lean=(0.0, 0.0), margin=4)
        density += (np.float32(skull.table + 150) - density) * cover(capsule, 3.0)
    np.maximum(density, np.float32(160), out=density)
    density *= 1 - np.float32(0.6) * _sutures(skull, at) * (reach < 14)
    # Bone fills the cavity too: what is inside replaces it by its share, so the inner edge is sharp but blended once.
    return np.asarray(hu + (density - hu) * cover(reach, soft), np.float32)


def _sutures(skull: Skull, at: Place) -> Field | np.float32:
    """Share of open suture: coronal, sagittal, lambdoid."""
    if skull.suture < 0.3:
        return np.float32(0)
    wiggle = np.float32(1.6) * skull.cells.on(at.plane)
    coronal = np.abs(at.y + 32 - np.float32(0.2) * (at.z - 5) + wiggle) + 99 * (at.z < -5)
    lambdoid = np.abs(at.z - 50 + np.float32(1.05) * at.a + wiggle) * np.float32(0.7) + 99 * (at.y < 30)
    sagittal = at.a + np.abs(wiggle) + 99 * ((at.z < 40) | (at.y < -15))
    nearest = np.minimum(np.minimum(coronal, lambdoid), sagittal)
    return cover(np.float32(skull.suture * 0.5) - nearest, at.pixel) * np.float32(min(skull.suture, 1.0))
