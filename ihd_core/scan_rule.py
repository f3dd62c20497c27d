"""How the slices of a scan become the scan's own probabilities."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from ihd_core.labels import LABELS, Label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

HIGHEST = 3
"""How many of the largest logits "fitted" averages; of a scan with fewer slices, all."""

LARGEST = 1e6
"""A weight beyond it is a malformed value, and could end in no number."""


@dataclass(frozen=True, slots=True)
class ScanRule:
    """From the logits of a scan's slices to its probabilities.

    "maximum": the largest probability of its slices. "fitted": sigmoid(a + b * largest + c * mean of the 3 largest +
    d * mean of all) of each label's logits. No weight but a is negative, so that a more suspicious slice never makes a
    scan less suspicious.

    Attributes:
        kind: "maximum" or "fitted".
        weights: (a, b, c, d) of every label where fitted; empty for the maximum.

    Raises:
        ValueError: an unknown kind, weights for other labels, not four numbers up to LARGEST, or b, c or d below 0.
    """

    kind: Literal["maximum", "fitted"] = "maximum"
    weights: Mapping[Label, tuple[float, float, float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in ("maximum", "fitted"):
            raise ValueError(f"scan rule {self.kind!r}, this program knows 'maximum' and 'fitted'")
        wanted = set(LABELS) if self.kind == "fitted" else set()
        if set(self.weights) != wanted:
            raise ValueError(
                f"scan rule {self.kind!r} has weights for {sorted(map(str, self.weights))}, "
                f"needs {sorted(map(str, wanted))}"
            )
        for label, weights in self.weights.items():
            if len(weights) != 4 or not (
                abs(weights[0]) <= LARGEST and all(0 <= one <= LARGEST for one in weights[1:])
            ):
                limit = f"four numbers up to {LARGEST:.0e}, all but the first at least 0"
                raise ValueError(f"scan rule has weights {list(weights)} for {label}, must be {limit}")

    def apply(self, slice_logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of a scan.

        Args:
            slice_logits: (slices, labels), at least one slice; of thin slices that were read together one row.

        Returns:
            float32 (labels,), 0..1.
        """
        if self.kind == "maximum":
            largest: NDArray[np.float32] = probabilities(slice_logits).max(axis=0)
            return largest
        terms = statistics(slice_logits)
        weights = np.array([self.weights[label] for label in LABELS], np.float64)
        return probabilities(weights[:, 0] + (weights[:, 1:] * terms.T).sum(axis=1))


def statistics(slice_logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """What "fitted" weighs: largest logit, mean of the 3 largest, mean of all; (3, labels)."""
    falling = -np.sort(-np.asarray(slice_logits, np.float64), axis=0)
    return np.stack([falling[0], falling[:HIGHEST].mean(axis=0), falling.mean(axis=0)])


def probabilities(logits: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.float32]:
    """Sigmoid in single precision, as the networks compute it: a threshold cuts at the same place everywhere."""
    import torch

    values: NDArray[np.float32] = torch.sigmoid(torch.from_numpy(np.ascontiguousarray(logits, np.float32))).numpy()
    return values
