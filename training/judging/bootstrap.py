"""Percentile bootstrap over patients, with the same draws for every statistic and model, so that differences pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.estimate import Estimate
from training.metrics import auc, counts, slice_losses

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PURPOSE = 9
"""Sets these random numbers apart from those of other stages with the same seed."""

_AT_ONCE = 64
"""Draws multiplied at once: keeps the weights of 20,000 patients within 10 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A statistic, and its values in every draw.

    Attributes:
        value: on the cases as they are; nan where it is not defined.
        draws: float64 (draws,); nan where it is not defined, for example a sensitivity without positives.
        method: says how the draws were made.
    """

    value: float
    draws: NDArray[np.float64]
    method: str

    def minus(self, other: Drawn) -> Drawn:
        """The paired difference to a statistic of the same draws.

        Raises:
            ValueError: the other has other draws.
        """
        if self.method != other.method:
            raise ValueError(f"a difference needs the same draws, not {self.method} and {other.method}")
        return Drawn(self.value - other.value, self.draws - other.draws, self.method)

    def estimate(self) -> Estimate | None:
        """The statistic with the middle 95 % of its draws; draws where it is not defined are left out.

        None where it is not defined at all; without draws the limits are infinite.
        """
        if np.isnan(self.value):
            return None
        defined = self.draws[~np.isnan(self.draws)]
        low, high = np.quantile(defined, (0.025, 0.975)) if len(defined) else (-np.inf, np.inf)
        return Estimate(self.value, float(low), float(high), 0.95, self.method)


class Bootstrap:
    """Patients drawn with replacement, as many as there are.

    Patients and not slices are drawn, because slices of one head are not independent of one another.

    Args:
        patients: names, (rows,), each as often as it has rows.
        draws: how many.
        seed: the same seed and patients give the same draws.

    Attributes:
        names: sorted, (patients,).
        times: uint8 (draws, patients), how often a patient is in a draw.
    """

    def __init__(self, patients: NDArray[np.str_], *, draws: int, seed: int) -> None:
        self.names = np.unique(patients)
        count = len(self.names)
        rng = np.random.default_rng([seed, _PURPOSE])
        self.times = np.zeros((draws, count), np.uint8)
        for row in self.times:
            row[:] = np.bincount(rng.integers(count, size=count), minlength=count)
        self.method = f"bootstrap over {count} patients, {draws} draws"

    def patient(self, names: NDArray[np.str_]) -> NDArray[np.intp]:
        """Number of the patient of every row."""
        return np.searchsorted(self.names, names)

    def totals(self, values: NDArray[np.generic], patient: NDArray[np.intp]) -> NDArray[np.float64]:
        """Sums over the rows of every draw, float64 (draws, columns).

        Args:
            values: (rows, columns).
            patient: (rows,), number of the row's patient.
        """
        columns = np.asarray(values, np.float64).T
        sums = np.stack([np.bincount(patient, column, len(self.names)) for column in columns], axis=1)
        parts = [
            self.times[start : start + _AT_ONCE].astype(np.float64) @ sums
            for start in range(0, len(self.times), _AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(columns)))

    def mean(self, values: NDArray[np.floating], patient: NDArray[np.intp]) -> Drawn:
        """Mean of a value (rows,) over the rows."""
        totals = self.totals(np.stack([values, np.ones_like(values)], axis=1), patient)
        value = float(values.mean()) if len(values) else float("nan")
        return self._drawn(value, _ratio(totals[:, 0], totals[:, 1]))

    def log_loss(self, truth: NDArray[np.bool_], logits: NDArray[np.floating], patient: NDArray[np.intp]) -> Drawn:
        """The challenge's loss; truth and logits are (slices, labels)."""
        return self.mean(slice_losses(truth, logits), patient)

    def rates(
        self, truth: NDArray[np.bool_], called: NDArray[np.bool_], patient: NDArray[np.intp]
    ) -> tuple[Drawn, Drawn, Drawn]:
        """Accuracy, sensitivity and specificity of calls; truth and called are (rows,)."""
        found = counts(truth, called)
        columns = np.stack([truth == called, np.ones_like(truth), truth & called, truth, ~truth & ~called, ~truth], 1)
        total = self.totals(columns, patient).T
        shares = [_ratio(total[i], total[i + 1]) for i in (0, 2, 4)]
        accuracy, sensitivity, specificity = (
            self._drawn(value, share)
            for value, share in zip((found.accuracy, found.sensitivity, found.specificity), shares, strict=True)
        )
        return accuracy, sensitivity, specificity

    def area(self, truth: NDArray[np.bool_], score: NDArray[np.floating], patient: NDArray[np.intp]) -> Drawn:
        """Area under the ROC curve, ties counting half; truth and score are (rows,).

        Rows are sorted once. A draw then costs a running sum over the negatives, taken at the places of the positives.
        """
        positive, negative = np.flatnonzero(truth), np.flatnonzero(~truth)
        positive, negative = positive[np.argsort(score[positive])], negative[np.argsort(score[negative])]
        below = np.searchsorted(score[negative], score[positive], "left")
        up_to = np.searchsorted(score[negative], score[positive], "right")
        with_label, without = patient[positive], patient[negative]
        running = np.zeros(len(negative) + 1, np.int64)
        drawn = np.full(len(self.times), np.nan)
        for i, times in enumerate(self.times):
            np.cumsum(times[without], out=running[1:])
            weight = times[with_label].astype(np.int64)
            pairs = int(weight.sum()) * int(running[-1])
            if pairs:
                drawn[i] = int(weight @ (running[below] + running[up_to])) / (2 * pairs)
        return self._drawn(auc(truth, score), drawn)

    def calibration_error(
        self, excess: NDArray[np.floating], bins: NDArray[np.intp], patient: NDArray[np.intp]
    ) -> Drawn:
        """Mean over the rows of how far their bin's mean probability is from its share of positives.

        Args:
            excess: (rows,), probability minus truth.
            bins: (rows,), the bin of every row; bins stay where they are in all draws.
            patient: (rows,).
        """
        count = int(bins.max(initial=-1)) + 1
        if not len(excess):
            return self._drawn(float("nan"), np.full(len(self.times), np.nan))
        cells = np.bincount(patient * count + bins, excess, len(self.names) * count).reshape(-1, count)
        rows = np.bincount(patient, minlength=len(self.names))
        joined = self.totals(np.column_stack([cells, rows]), np.arange(len(self.names)))
        value = float(np.abs(cells.sum(axis=0)).sum() / len(excess))
        return self._drawn(value, _ratio(np.abs(joined[:, :-1]).sum(axis=1), joined[:, -1]))

    def _drawn(self, value: float, draws: NDArray[np.float64]) -> Drawn:
        return Drawn(value, draws, self.method)


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Element by element, nan where the whole is nothing."""
    return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0), np.float64)
