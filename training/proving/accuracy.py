"""How well held-out phantoms are told apart: areas under the ROC curve, log loss, calibration, and their goals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import DISPLAY_ORDER, Label
from training.judging.bootstrap import Bootstrap
from training.judging.calibration import ReliabilityBin, bin_of_row, reliability
from training.proving.detector import SCORES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ihd_core.estimate import Estimate
    from training.proving.readings import Reading

LEVELS = ("slice", "scan")
LARGE_MM2 = 100.0
"""Lesions from this area up have goals of their own."""
GOALS = {0.0: (0.95, 0.90), LARGE_MM2: (0.98, 0.95)}
"""By least area: the least area under the curve for any, and for every subtype."""
HARD_ENOUGH = 0.80
"""The threshold detector may reach no more, else the phantoms are too easy to prove anything."""
DRAWS = 1000
_SEED = 500_000
_SMALLEST = 1e-7
"""Probabilities are float32: nearer to 0 and 1 they cannot be told from them."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Slices or scans of all held-out phantoms; labels in the order of LABELS.

    Attributes:
        level: "slice" or "scan".
        scans: (rows,), the seed of each row's phantom as text.
        truth: bool (rows, labels), what can be seen.
        faint: bool (rows, labels), there and not to be seen: belongs to neither side.
        area_mm2: float64 (rows, labels), visible; a scan has that of its largest slice.
        probability: float32 (rows, labels).
        blobs: float64 (rows, detector.SCORES); a scan has the largest of its slices.
    """

    level: str
    scans: NDArray[np.str_]
    truth: NDArray[np.bool_]
    faint: NDArray[np.bool_]
    area_mm2: NDArray[np.float64]
    probability: NDArray[np.float32]
    blobs: NDArray[np.float64]

    def compared(self, label: Label, least_mm2: float) -> NDArray[np.bool_]:
        """Rows on either side: without the label, or with at least so much of it to be seen."""
        column = label.column
        truth, large = self.truth[:, column], self.area_mm2[:, column] >= least_mm2
        compared: NDArray[np.bool_] = (truth & large) | (~truth & ~self.faint[:, column])
        return compared


@dataclass(frozen=True, slots=True)
class Area:
    """An area under the ROC curve with its goal.

    Attributes:
        level: "slice" or "scan".
        label: of the six.
        least_mm2: of what can be seen, for a row to count as positive; smaller ones are left out.
        positives: rows with the label.
        negatives: rows without it.
        auc: None where a side is empty.
        goal: at least this.
        met: whether it is; None where nothing was measured.
    """

    level: str
    label: Label
    least_mm2: float
    positives: int
    negatives: int
    auc: Estimate | None
    goal: float
    met: bool | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether probabilities of a label mean what they say.

    Attributes:
        mass: expected calibration error over bins of equal mass; width: over bins of equal width.
        bins: of equal mass, in rising order.
    """

    level: str
    label: Label
    mass: Estimate | None
    width: Estimate | None
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True, slots=True)
class Easiness:
    """What one score of the threshold detector reaches for any.

    Attributes:
        score: of detector.SCORES.
        hard_enough: its area is at most HARD_ENOUGH; None where nothing was measured.
    """

    level: str
    score: str
    auc: Estimate | None
    hard_enough: bool | None


def rows_of(readings: Sequence[Reading]) -> dict[str, Rows]:
    """Slices and scans of all phantoms, by level."""
    names = [str(one.seed) for one in readings]
    by_slice = Rows(
        "slice",
        np.repeat(np.array(names), [len(one.slices) for one in readings]),
        np.concatenate([one.truth for one in readings]),
        np.concatenate([one.faint for one in readings]),
        np.concatenate([one.area_mm2 for one in readings]),
        np.concatenate([one.slices for one in readings]),
        np.concatenate([one.blobs for one in readings]),
    )
    truth = np.stack([one.truth.any(axis=0) for one in readings])
    by_scan = Rows(
        "scan",
        np.array(names),
        truth,
        np.stack([one.faint.any(axis=0) for one in readings]) & ~truth,
        np.stack([one.area_mm2.max(axis=0) for one in readings]),
        np.stack([one.scan for one in readings]),
        np.stack([one.blobs.max(axis=0) for one in readings]),
    )
    return {"slice": by_slice, "scan": by_scan}


def bootstrap_of(rows: Rows, draws: int = DRAWS) -> Bootstrap:
    """Draws over the phantoms, the same ones for every number."""
    return Bootstrap(rows.scans, draws=draws, seed=_SEED)


def areas_under_curves(rows: Rows, bootstrap: Bootstrap) -> list[Area]:
    """Of every label, over all that can be seen and from LARGE_MM2 up."""
    found = []
    for least, (goal_any, goal_subtype) in GOALS.items():
        for label in DISPLAY_ORDER:
            keep = rows.compared(label, least)
            truth = rows.truth[keep, label.column]
            score, patient = rows.probability[keep, label.column], bootstrap.patient(rows.scans[keep])
            estimate = bootstrap.area(truth, score, patient).estimate()
            goal = goal_any if label is Label.ANY else goal_subtype
            met = None if estimate is None else estimate.value >= goal
            yes = int(truth.sum())
            found.append(Area(rows.level, label, least, yes, len(truth) - yes, estimate, goal, met))
    return found


def log_loss(rows: Rows, bootstrap: Bootstrap) -> Estimate | None:
    """The challenge's weighted loss; rows with something faint are left out."""
    keep = ~rows.faint.any(axis=1)
    p = np.clip(rows.probability[keep].astype(np.float64), _SMALLEST, 1 - _SMALLEST)
    logits = np.log(p) - np.log1p(-p)
    return bootstrap.log_loss(rows.truth[keep], logits, bootstrap.patient(rows.scans[keep])).estimate()


def calibrations(rows: Rows, bootstrap: Bootstrap) -> list[Calibration]:
    """Of every label; rows in which it is faint are left out."""
    found = []
    for label in DISPLAY_ORDER:
        keep = rows.compared(label, 0.0)
        truth, score = rows.truth[keep, label.column], rows.probability[keep, label.column]
        patient, excess = bootstrap.patient(rows.scans[keep]), score.astype(np.float64) - truth
        mass, width = (
            bootstrap.calibration_error(excess, bins, patient).estimate()
            for bins in (bin_of_row(score, "equal mass"), bin_of_row(score, "equal width"))
        )
        found.append(Calibration(rows.level, label, mass, width, tuple(reliability(truth, score, "equal mass"))))
    return found


def easiness(rows: Rows, bootstrap: Bootstrap) -> list[Easiness]:
    """What the threshold detector reaches for any that can be seen."""
    keep = rows.compared(Label.ANY, 0.0)
    truth, patient = rows.truth[keep, Label.ANY.column], bootstrap.patient(rows.scans[keep])
    found = []
    for number, name in enumerate(SCORES):
        estimate = bootstrap.area(truth, rows.blobs[keep, number], patient).estimate()
        hard_enough = None if estimate is None else estimate.value <= HARD_ENOUGH
        found.append(Easiness(rows.level, name, estimate, hard_enough))
    return found
