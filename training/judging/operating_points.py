"""Thresholds chosen on validation scans: sensitive to screen, specific to confirm, and the paper's 0.5."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ihd_core.estimate import wilson
from ihd_core.labels import LABELS, Label
from ihd_core.model_info import LEVELS, SETTINGS, OperatingPoint
from training.data.slice_table import UNKNOWN
from training.metrics import counts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ihd_core.model_info import Points


def operating_point(
    truth: NDArray[np.bool_], score: NDArray[np.floating], *, rule: str, goal: float = 0.95
) -> OperatingPoint:
    """Threshold by a rule, chosen on the given rows, with what it reaches there.

    Args:
        truth: (rows,).
        score: (rows,), probabilities; a row is called positive where score > threshold.
        rule: "sensitive": the highest threshold with sensitivity of at least goal; "specific": the lowest with
            specificity of at least goal; "balanced": where sensitivity + specificity is largest (Youden, Cancer 3
            (1950) 32-35); "half": 0.5. Where a side is empty, 0.5.
        goal: 0..1.
    """
    threshold = 0.5
    if rule == "sensitive" and truth.any():
        positive = np.sort(score[truth])
        missed = int(np.floor((1 - goal) * len(positive) + 1e-9))
        threshold = float(np.nextafter(np.float32(positive[missed]), np.float32(0)))
    elif rule == "specific" and not truth.all():
        negative = np.sort(score[~truth])[::-1]
        threshold = float(negative[int(np.floor((1 - goal) * len(negative) + 1e-9))])
    elif rule == "balanced" and truth.any() and not truth.all():
        candidates = np.unique(score)
        missed_share = np.searchsorted(np.sort(score[truth]), candidates, "right") / truth.sum()
        cleared_share = np.searchsorted(np.sort(score[~truth]), candidates, "right") / (~truth).sum()
        threshold = float(candidates[int((cleared_share - missed_share).argmax())])
    found = counts(truth, score > threshold)
    return OperatingPoint(
        threshold,
        wilson(found.true_positives, found.positives) if found.positives else None,
        wilson(found.true_negatives, found.negatives) if found.negatives else None,
        found.positives,
        found.negatives,
    )


def operating_points(truth: Mapping[str, NDArray[np.int8]], score: Mapping[str, NDArray[np.floating]]) -> Points:
    """Operating points of every setting, level and label.

    "screen" is sensitive for any hemorrhage and balanced for the subtypes, which say which one it may be: sensitive
    for each of five, it would flag nearly every scan. "confirm" is specific for all, "paper" is 0.5 for all.

    Args:
        truth: (rows, labels) for every level; rows where a label is UNKNOWN are left out for that label.
        score: probabilities, likewise.
    """

    def point(setting: str, level: str, label: Label) -> OperatingPoint:
        rule = {"screen": "sensitive" if label is Label.ANY else "balanced", "confirm": "specific", "paper": "half"}
        column = truth[level][:, label.column]
        known = column != UNKNOWN
        return operating_point(column[known] == 1, score[level][known, label.column], rule=rule[setting])

    return {
        setting: {level: {label: point(setting, level, label) for label in LABELS} for level in LEVELS}
        for setting in SETTINGS
    }
