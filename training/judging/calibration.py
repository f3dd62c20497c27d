"""Whether a probability means what it says: bins of alike probabilities against what happened in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ihd_core.estimate import Estimate, wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

Binning = Literal["equal mass", "equal width"]
BINS = 15
_FEWEST_ROWS = 10
"""Of a bin of equal mass: a share of fewer says nothing."""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Rows of alike probability.

    Attributes:
        rows: how many.
        probability: their mean.
        share: of positives among them, with Wilson's interval over rows.
    """

    rows: int
    probability: float
    share: Estimate


def bin_of_row(score: NDArray[np.floating], binning: Binning, bins: int = BINS) -> NDArray[np.intp]:
    """The bin of every row, 0 for the lowest probabilities; equal probabilities share a bin.

    Args:
        score: (rows,), probabilities.
        binning: "equal mass": about as many rows in every bin, fewer bins where probabilities tie or rows are few;
            "equal width": steps of 1 / bins.
        bins: at most.
    """
    edges: NDArray[np.floating] = np.arange(1, bins) / bins
    if binning == "equal mass":
        count = max(1, min(bins, len(score) // _FEWEST_ROWS))
        edges = np.unique(np.quantile(score, np.arange(1, count) / count)) if count > 1 else np.zeros(0)
    return np.searchsorted(edges, score, "right")


def reliability(
    truth: NDArray[np.bool_], score: NDArray[np.floating], binning: Binning, bins: int = BINS
) -> list[ReliabilityBin]:
    """The bins that have rows, in rising order; truth and score are (rows,)."""
    number = bin_of_row(score, binning, bins)
    found = []
    for one in np.unique(number):
        rows = number == one
        share = wilson(int(truth[rows].sum()), int(rows.sum()))
        found.append(ReliabilityBin(int(rows.sum()), float(score[rows].mean(dtype=np.float64)), share))
    return found


def expected_calibration_error(
    truth: NDArray[np.bool_], score: NDArray[np.floating], binning: Binning, bins: int = BINS
) -> float:
    """Mean over the rows of the distance between their bin's mean probability and its share of positives, 0..1.

    Source:
        Naeini, Cooper, Hauskrecht, AAAI 2015 (equal width); Nixon et al., CVPR Workshops 2019 (equal mass).
    """
    found = reliability(truth, score, binning, bins)
    return sum(one.rows * abs(one.probability - one.share.value) for one in found) / len(truth)
