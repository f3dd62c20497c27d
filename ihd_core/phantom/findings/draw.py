"""Draw the findings of a head: which, how often at which age, and which come together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.findings.bone import draw_filled_cells
from ihd_core.phantom.findings.calcium import draw_dura_plaques, draw_nuclei, draw_plexus, draw_spots
from ihd_core.phantom.findings.collections import draw_calcified_membrane, draw_cyst, draw_hygroma, draw_thick_dura
from ihd_core.phantom.findings.ischemia import draw_infarct, draw_old_scar
from ihd_core.phantom.findings.masses import draw_meningioma, draw_small_mass, draw_tumor
from ihd_core.phantom.findings.metal import draw_catheter, draw_clip, draw_electrodes, draw_fragments
from ihd_core.phantom.findings.scalp import draw_trauma
from ihd_core.phantom.findings.surgery import draw_burr_holes, draw_operated
from ihd_core.phantom.findings.swelling import draw_diffuse_edema, draw_lacunes, draw_white_matter_disease
from ihd_core.phantom.findings.vessels import (
    draw_aneurysm,
    draw_dense_artery,
    draw_dense_sinuses,
    draw_malformation,
    draw_vessel_walls,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ihd_core.phantom.findings.finding import Finding
    from ihd_core.phantom.head import Head

_MOST = 5
TRAUMA = "scalp hematoma"


@dataclass(frozen=True, slots=True)
class _Kind:
    """How often a kind of finding is drawn in the young and in the old, against the others, and how."""

    young: float
    old: float
    draw: Callable[[np.random.Generator, Head], tuple[Finding, ...]]


KINDS: dict[str, _Kind] = {
    "infarct": _Kind(0.4, 2.2, lambda rng, head: draw_infarct(rng)),
    "lacunes": _Kind(0.05, 1.8, lambda rng, head: draw_lacunes(rng)),
    "white matter disease": _Kind(0.05, 3.0, draw_white_matter_disease),
    "scar": _Kind(0.9, 1.3, lambda rng, head: (draw_old_scar(rng),)),
    "diffuse edema": _Kind(0.8, 0.3, lambda rng, head: draw_diffuse_edema(rng)),
    "calcified nuclei": _Kind(0.3, 0.9, lambda rng, head: draw_nuclei(rng)),
    "calcified spots": _Kind(0.8, 0.8, lambda rng, head: draw_spots(rng)),
    "calcified dura": _Kind(0.3, 1.0, lambda rng, head: draw_dura_plaques(rng)),
    "calcified plexus": _Kind(0.3, 1.0, lambda rng, head: draw_plexus(rng)),
    "calcified vessel walls": _Kind(0.1, 1.6, lambda rng, head: draw_vessel_walls(rng)),
    "dense artery": _Kind(0.4, 0.6, lambda rng, head: draw_dense_artery(rng)),
    "dense sinuses": _Kind(2.0, 0.9, lambda rng, head: draw_dense_sinuses(rng)),
    "aneurysm": _Kind(0.2, 0.3, lambda rng, head: draw_aneurysm(rng)),
    "malformation": _Kind(0.25, 0.1, lambda rng, head: draw_malformation(rng)),
    "meningioma": _Kind(0.4, 1.0, lambda rng, head: draw_meningioma(rng)),
    "tumor": _Kind(0.6, 0.9, lambda rng, head: draw_tumor(rng)),
    "small mass": _Kind(0.5, 0.4, lambda rng, head: draw_small_mass(rng)),
    "hygroma": _Kind(0.3, 1.1, lambda rng, head: draw_hygroma(rng)),
    "thick dura": _Kind(0.4, 0.4, lambda rng, head: draw_thick_dura(rng)),
    "calcified membrane": _Kind(0.15, 0.35, lambda rng, head: draw_calcified_membrane(rng)),
    "arachnoid cyst": _Kind(0.5, 0.3, lambda rng, head: draw_cyst(rng)),
    "operation": _Kind(0.9, 0.9, lambda rng, head: draw_operated(rng)),
    "burr holes": _Kind(0.2, 0.5, lambda rng, head: draw_burr_holes(rng)),
    "catheter": _Kind(0.5, 0.4, lambda rng, head: draw_catheter(rng)),
    "clip or coil": _Kind(0.2, 0.3, lambda rng, head: draw_clip(rng)),
    "electrodes": _Kind(0.05, 0.25, lambda rng, head: draw_electrodes(rng)),
    "staples": _Kind(0.4, 0.3, lambda rng, head: draw_fragments(rng)),
    "filled air cells": _Kind(0.8, 0.5, lambda rng, head: draw_filled_cells(rng)),
    TRAUMA: _Kind(2.8, 2.2, lambda rng, head: draw_trauma(rng)),
}
"""By name; a kind may bring several findings that belong together."""


def draw_findings(rng: np.random.Generator, head: Head, bleeding: bool = False) -> tuple[Finding, ...]:
    """Draw what a head has besides hemorrhage: about 35 % of heads have nothing, old ones more than young ones.

    Args:
        rng: where the numbers come from.
        head: its age decides what is likely.
        bleeding: the head has a hemorrhage; four in ten of those fell, and show it at the scalp.
    """
    age = head.brain.atrophy
    count = min(int(rng.poisson(0.55 + 1.2 * age)), _MOST, len(KINDS))
    weights = np.array([kind.young + (kind.old - kind.young) * age for kind in KINDS.values()])
    names = [str(name) for name in rng.choice(list(KINDS), count, replace=False, p=weights / weights.sum())]
    if bleeding and rng.random() < 0.4 and TRAUMA not in names:
        names.append(TRAUMA)
    return tuple(finding for name in names for finding in draw_kind(name, rng, head))


def draw_kind(name: str, rng: np.random.Generator, head: Head) -> tuple[Finding, ...]:
    """Draw one finding, or several that belong together; name is one of KINDS."""
    return KINDS[name].draw(rng, head)
