"""Draw the findings of a head: which, how often at which age, and which come together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.findings.calcium import draw_nuclei
from ihd_core.phantom.findings.ischemia import draw_infarct
from ihd_core.phantom.findings.scalp import draw_scalp_hematoma

if TYPE_CHECKING:
    from collections.abc import Callable

    from ihd_core.phantom.findings.finding import Finding
    from ihd_core.phantom.head import Head

_MOST = 5


@dataclass(frozen=True, slots=True)
class _Kind:
    """How often a kind of finding is drawn in the young and in the old, against the others, and how."""

    young: float
    old: float
    draw: Callable[[np.random.Generator, Head], tuple[Finding, ...]]


KINDS: dict[str, _Kind] = {
    "infarct": _Kind(0.5, 3.0, lambda rng, head: draw_infarct(rng)),
    "calcified nuclei": _Kind(0.5, 2.0, lambda rng, head: draw_nuclei(rng)),
    "scalp": _Kind(3.0, 2.0, lambda rng, head: (draw_scalp_hematoma(rng),)),
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
    if bleeding and rng.random() < 0.4 and "scalp" not in names:
        names.append("scalp")
    return tuple(finding for name in names for finding in draw_kind(name, rng, head))


def draw_kind(name: str, rng: np.random.Generator, head: Head) -> tuple[Finding, ...]:
    """Draw one finding, or several that belong together; name is one of KINDS."""
    return KINDS[name].draw(rng, head)
