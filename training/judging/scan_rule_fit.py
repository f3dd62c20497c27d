"""Fitting the rule by which the slices' logits become a scan's probability."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import LABELS, Label
from ihd_core.scan_rule import ScanRule, statistics
from training.data.slice_table import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

Weights = tuple[float, float, float, float]

AS_MAXIMUM: Weights = (0.0, 1.0, 0.0, 0.0)
"""The maximum over the slices, written as a fitted rule."""

_FEWEST = 10
"""Positive and negative scans below which a label keeps the maximum."""

_PENALTY = 1.0
"""Of a squared step away from the maximum, in units of one scan's log loss."""


def fit_scan_rule(scan_truth: NDArray[np.int8], logits: NDArray[np.float32], starts: NDArray[np.intp]) -> ScanRule:
    """Logistic rule for every label, its weights drawn towards those of the maximum.

    A label with fewer than ten positive or negative scans keeps the maximum. The slopes are never negative, so that a
    more suspicious slice never makes a scan less so.

    Args:
        scan_truth: (scans, labels): 1, 0 or UNKNOWN; scans with an unknown label are left out for that label.
        logits: (slices, labels).
        starts: first slice of every scan, rising.
    """
    terms = np.zeros((len(starts), len(LABELS), 3))
    for scan, rows in enumerate(np.split(logits, starts[1:]) if len(starts) else ()):
        terms[scan] = statistics(rows).T
    weights: dict[Label, Weights] = {}
    for i, label in enumerate(LABELS):
        known = scan_truth[:, i] != UNKNOWN
        weights[label] = _fitted(scan_truth[known, i] == 1, terms[known, i])
    return ScanRule("fitted", weights)


def _fitted(truth: NDArray[np.bool_], terms: NDArray[np.float64]) -> Weights:
    """Weights with the smallest sum of the scans' log losses and the penalty; truth (scans,), terms (scans, 3)."""
    from scipy.optimize import minimize

    if min(truth.sum(), (~truth).sum()) < _FEWEST:
        return AS_MAXIMUM
    x, prior = np.column_stack([np.ones(len(truth)), terms]), np.array(AS_MAXIMUM)

    def loss_and_slope(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logit = x @ w
        loss = float((np.logaddexp(0, logit) - logit * truth).sum() + _PENALTY / 2 * ((w - prior) ** 2).sum())
        return loss, x.T @ (0.5 * (1 + np.tanh(logit / 2)) - truth) + _PENALTY * (w - prior)

    bounds = [(None, None), (0, None), (0, None), (0, None)]
    found = minimize(loss_and_slope, prior, jac=True, method="L-BFGS-B", bounds=bounds).x
    a, b, c, d = (round(float(value), 6) for value in found)
    return a, b, c, d
