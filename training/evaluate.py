"""Stage evaluate: how good the model is on scans it never saw, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ihd_core.estimate import Estimate, wilson
from ihd_core.labels import LABELS, Label
from ihd_core.model_file import OperatingPoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray


LEVELS = ("slice", "scan")

Number = TypeVar("Number", np.bool_, np.float32)


def auc(truth: NDArray[np.bool_], score: NDArray[np.floating]) -> float:
    """Area under the ROC curve, as the Mann-Whitney statistic with ties counting half; nan where one side is empty."""
    positive, negative = score[truth], np.sort(score[~truth])
    if not len(positive) or not len(negative):
        return float("nan")
    below = np.searchsorted(negative, positive, "left") + np.searchsorted(negative, positive, "right")
    return float(below.sum() / (2 * len(positive) * len(negative)))


def per_scan(values: NDArray[Number], scan: NDArray[np.int32]) -> NDArray[Number]:
    """Maximum over the slices of every scan, (scans, labels), in the order of np.unique(scan)."""
    return np.stack([values[scan == number].max(axis=0) for number in np.unique(scan)])


def auc_over_scans(
    truth: NDArray[np.bool_], score: NDArray[np.floating], scan: NDArray[np.int32], *, draws: int = 1000, seed: int = 1
) -> Estimate:
    """Area under the ROC curve with a bootstrap interval over scans.

    Args:
        truth: (rows,), slices or scans.
        score: (rows,).
        scan: (rows,), the scan of every row; whole scans are drawn, because slices of one head are no independent
            patients.
        draws: of the bootstrap.
        seed: of the bootstrap.
    """
    rng = np.random.default_rng(seed)
    rows = [np.flatnonzero(scan == number) for number in np.unique(scan)]
    drawn = []
    for _ in range(draws):
        some = np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])
        drawn.append(auc(truth[some], score[some]))
    low, high = np.nanquantile(drawn, (0.025, 0.975)) if not np.isnan(drawn).all() else (np.nan, np.nan)
    return Estimate(
        auc(truth, score), float(low), float(high), 0.95, f"bootstrap over {len(rows)} scans, {draws} draws"
    )


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
    called = score > threshold
    return OperatingPoint(
        threshold,
        wilson(int((called & truth).sum()), int(truth.sum())) if truth.any() else None,
        wilson(int((~called & ~truth).sum()), int((~truth).sum())) if not truth.all() else None,
        int(truth.sum()),
        int((~truth).sum()),
    )


def operating_points(
    truth: Mapping[str, NDArray[np.bool_]], score: Mapping[str, NDArray[np.floating]]
) -> dict[str, dict[str, dict[Label, OperatingPoint]]]:
    """Operating points of every setting, level and label; truth and score are (rows, labels) for every level.

    "screen" is sensitive for any hemorrhage and balanced for the subtypes, which say which one it may be: sensitive
    for each of five, it would flag nearly every scan. "confirm" is specific for all, "paper" is 0.5 for all.
    """

    def point(setting: str, level: str, label: Label) -> OperatingPoint:
        rule = {"screen": "sensitive" if label is Label.ANY else "balanced", "confirm": "specific", "paper": "half"}
        return operating_point(truth[level][:, label.column], score[level][:, label.column], rule=rule[setting])

    return {
        setting: {level: {label: point(setting, level, label) for label in LABELS} for level in LEVELS}
        for setting in ("screen", "confirm", "paper")
    }


def at_both_levels(values: NDArray[Number], scan: NDArray[np.int32]) -> dict[str, NDArray[Number]]:
    """The same values for slices and, by maximum, for scans."""
    return {"slice": values, "scan": per_scan(values, scan)}


def table(
    truth: Mapping[str, NDArray[np.bool_]],
    score: Mapping[str, NDArray[np.floating]],
    scan: NDArray[np.int32],
    threshold: Callable[[str, Label], float],
) -> list[dict[str, object]]:
    """One row a level and label: counts, area under the curve, sensitivity and specificity with intervals."""
    rows: list[dict[str, object]] = []
    of_row = {"slice": scan, "scan": np.unique(scan)}
    for level in LEVELS:
        for label in LABELS:
            t, s = truth[level][:, label.column], score[level][:, label.column]
            called = s > threshold(level, label)
            rows.append(
                {
                    "level": level,
                    "label": label,
                    "positives": int(t.sum()),
                    "negatives": int((~t).sum()),
                    "auc": auc_over_scans(t, s, of_row[level]),
                    "sensitivity": wilson(int((called & t).sum()), int(t.sum())) if t.any() else None,
                    "specificity": wilson(int((~called & ~t).sum()), int((~t).sum())) if not t.all() else None,
                }
            )
    return rows
