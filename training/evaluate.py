"""Stage evaluate: how good the model is on scans it never saw, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ihd_core.estimate import Estimate, wilson
from ihd_core.labels import LABELS
from ihd_core.model_file import OperatingPoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ihd_core.labels import Label

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
    truth: NDArray[np.bool_], score: NDArray[np.floating], *, setting: str, goal: float = 0.95
) -> OperatingPoint:
    """Threshold of a setting, chosen on the given rows, with what it reaches there.

    Args:
        truth: (rows,).
        score: (rows,), probabilities; a row is called positive where score > threshold.
        setting: "screen": the highest threshold with sensitivity of at least goal; "confirm": the lowest with
            specificity of at least goal; "paper": 0.5.
        goal: 0..1.
    """
    threshold = 0.5
    if setting == "screen" and truth.any():
        positive = np.sort(score[truth])
        missed = int(np.floor((1 - goal) * len(positive) + 1e-9))
        threshold = float(np.nextafter(np.float32(positive[missed]), np.float32(0)))
    elif setting == "confirm" and not truth.all():
        negative = np.sort(score[~truth])[::-1]
        threshold = float(negative[int(np.floor((1 - goal) * len(negative) + 1e-9))])
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
    """Operating points of every setting, level and label; truth and score are (rows, labels) for every level."""

    def point(setting: str, level: str, label: Label) -> OperatingPoint:
        return operating_point(truth[level][:, label.column], score[level][:, label.column], setting=setting)

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
