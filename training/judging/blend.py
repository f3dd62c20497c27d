"""Mixing the CNN's and the BiLSTM's logits, label by label, in the share that is best on validation slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import LABELS, Label
from training.metrics import label_losses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_FEWEST = 10
"""Positive and negative slices below which nothing is chosen."""


def blended(
    shares: Mapping[Label, float], cnn: NDArray[np.float32], sequence: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Logits of share * CNN + (1 - share) * BiLSTM; all are (slices, labels)."""
    share = np.array([shares.get(label, 0.0) for label in LABELS], np.float32)
    return share * cnn + (1 - share) * sequence


def fit_blend(truth: NDArray[np.bool_], cnn: NDArray[np.float32], sequence: NDArray[np.float32]) -> dict[Label, float]:
    """For every label the share of the CNN's logit, 0..1, with the smallest log loss; 0 for a label that is too rare.

    The loss is convex in the share, so its only minimum is found.

    Args:
        truth: (slices, labels).
        cnn: logits, (slices, labels), of slices that the CNN was not fitted on.
        sequence: logits of the BiLSTM, likewise.
    """
    return {
        label: _best_share(truth[:, i], cnn[:, i].astype(np.float64), sequence[:, i].astype(np.float64))
        for i, label in enumerate(LABELS)
    }


def _best_share(truth: NDArray[np.bool_], cnn: NDArray[np.float64], sequence: NDArray[np.float64]) -> float:
    from scipy.optimize import minimize_scalar

    if min(truth.sum(), (~truth).sum()) < _FEWEST:
        return 0.0

    def loss(share: float) -> float:
        return float(label_losses(truth, share * cnn + (1 - share) * sequence).mean())

    found = float(minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-4}).x)
    # The search never tries the ends themselves.
    return min((0.0, 1.0, round(found, 3)), key=loss)
