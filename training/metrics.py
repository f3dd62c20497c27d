"""How good probabilities are: the challenge's loss, area under the ROC curve, accuracy, sensitivity, specificity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import LABELS, Label

if TYPE_CHECKING:
    from numpy.typing import NDArray

LABEL_WEIGHTS = tuple(2.0 if label is Label.ANY else 1.0 for label in LABELS)
"""Of the labels in RSNA 2019's metric."""


def label_losses(truth: NDArray[np.bool_] | NDArray[np.int8], logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Binary cross-entropy of every row and label, float64 (rows, labels), in nats.

    It is computed from logits, so a wrong certainty costs what it costs and is not cut at a smallest probability.
    """
    x = np.asarray(logits, np.float64)
    return np.asarray(np.logaddexp(0, x) - x * truth)


def slice_losses(truth: NDArray[np.bool_] | NDArray[np.int8], logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """RSNA 2019's weighted multi-label log loss of every slice, float64 (slices,).

    Args:
        truth: (slices, labels), 0 or 1.
        logits: (slices, labels).

    Source:
        RSNA Intracranial Hemorrhage Detection challenge 2019, evaluation: the label any counts twice.
    """
    return np.asarray(label_losses(truth, logits) @ np.array(LABEL_WEIGHTS) / sum(LABEL_WEIGHTS))


def weighted_log_loss(truth: NDArray[np.bool_] | NDArray[np.int8], logits: NDArray[np.floating]) -> float:
    """Mean of slice_losses(); nan without slices."""
    return float(slice_losses(truth, logits).mean()) if len(truth) else float("nan")


def auc(truth: NDArray[np.bool_], score: NDArray[np.floating]) -> float:
    """Area under the ROC curve, as the Mann-Whitney statistic with ties counting half; nan where one side is empty."""
    positive, negative = score[truth], np.sort(score[~truth])
    if not len(positive) or not len(negative):
        return float("nan")
    below = np.searchsorted(negative, positive, "left") + np.searchsorted(negative, positive, "right")
    return float(below.sum() / (2 * len(positive) * len(negative)))


@dataclass(frozen=True, slots=True)
class Counts:
    """Calls against truth."""

    true_positives: int
    false_negatives: int
    true_negatives: int
    false_positives: int

    @property
    def positives(self) -> int:
        """Cases with the label."""
        return self.true_positives + self.false_negatives

    @property
    def negatives(self) -> int:
        """Cases without it."""
        return self.true_negatives + self.false_positives

    @property
    def accuracy(self) -> float:
        """Share of right calls; nan without cases."""
        return _share(self.true_positives + self.true_negatives, self.positives + self.negatives)

    @property
    def sensitivity(self) -> float:
        """Share of the positives that are called; nan without any."""
        return _share(self.true_positives, self.positives)

    @property
    def specificity(self) -> float:
        """Share of the negatives that are not called; nan without any."""
        return _share(self.true_negatives, self.negatives)


def counts(truth: NDArray[np.bool_], called: NDArray[np.bool_]) -> Counts:
    """Count calls against truth, both (rows,)."""
    hits, right = int((truth & called).sum()), int((~truth & ~called).sum())
    return Counts(hits, int(truth.sum()) - hits, right, int((~truth).sum()) - right)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
