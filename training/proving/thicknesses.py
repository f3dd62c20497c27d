"""The same heads in slices of several thicknesses: a model should say the same of all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import DISPLAY_ORDER, Label
from training.proving.held_out import requests
from training.proving.readings import predict_all

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ihd_core.progress import Report
    from training.proving.held_out import Request

THICKNESSES_MM = (0.6, 1.25, 2.5, 5.0)
GOAL = 0.05
"""Probabilities of one head should differ by no more."""
HEADS = 8
"""How many heads are rendered so, unless there are fewer."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How far probabilities of one head lie apart over the thicknesses: the greatest minus the least.

    Attributes:
        label: of the six.
        heads: that were compared.
        largest: of all heads; mean: over the heads.
        within: share of the heads that differ by at most GOAL.
        met: whether all do.
    """

    label: Label
    heads: int
    largest: float
    mean: float
    within: float
    met: bool


def thickness_requests(heads: int, *, size: int) -> list[Request]:
    """The first held-out heads at every thickness, a head's thicknesses one after the other."""
    return [replace(one, thickness_mm=mm) for one in requests(heads, size=size) for mm in THICKNESSES_MM]


def spreads(
    model: Path, files: Sequence[Path], *, processes: int | None, report: Report
) -> tuple[list[Spread], list[dict[str, float]]]:
    """Predict the rendered thickness_requests() and compare.

    Returns:
        The spread of every label, and the probability of any of every head by thickness in mm.
    """
    found = predict_all(model, files, processes=processes, report=report)
    probability = np.stack([found[file] for file in files]).reshape(-1, len(THICKNESSES_MM), len(DISPLAY_ORDER))
    of_any = probability[:, :, Label.ANY.column]
    names = [f"{mm:g}" for mm in THICKNESSES_MM]
    return spreads_of(probability), [dict(zip(names, head.tolist(), strict=True)) for head in of_any]


def spreads_of(probability: NDArray[np.float32]) -> list[Spread]:
    """Compare probabilities, (heads, thicknesses, labels)."""
    apart = probability.max(axis=1).astype(np.float64) - probability.min(axis=1)
    found = []
    for label in DISPLAY_ORDER:
        column = apart[:, label.column]
        within = float((column <= GOAL).mean())
        found.append(Spread(label, len(column), float(column.max()), float(column.mean()), within, within == 1))
    return found
