"""Detection limits: how much of a lesion must be there to be found, at a specificity of 95 %."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.estimate import wilson
from ihd_core.labels import SUBTYPES, Label
from training.judging.operating_points import operating_point

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ihd_core.estimate import Estimate
    from ihd_core.phantom.lesion_record import LesionRecord
    from training.judging.bootstrap import Bootstrap
    from training.proving.accuracy import Rows
    from training.proving.readings import Reading

SPECIFICITY = 0.95
EDGES = {
    "thickness_mm": (3.0, 5.0, 8.0, 12.0, 20.0),
    "area_mm2": (50.0, 100.0, 200.0, 500.0, 1000.0),
    "volume_ml": (1.0, 3.0, 10.0, 30.0),
    "contrast_hu": (-12.0, 12.0, 18.0, 25.0, 35.0),
}
"""Where the bins of every measure end; a lesion at an edge lies above it."""
_ENOUGH_SCANS = 10
"""For a bootstrap to be trusted alone."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How many of alike lesion slices are found.

    Attributes:
        label: the subtype.
        measure: of EDGES.
        low: -inf or the lower edge; high: inf or the upper edge.
        slices: in this bin, visible or not.
        scans: that they are of.
        alone: of these slices, those on which no other subtype is, not even too little to be seen.
        own: share above the subtype's own threshold, as share() has it.
        any: share above the threshold of any, over the slices where it is alone: elsewhere another subtype may be what
            was found. None where there are none.
    """

    label: Label
    measure: str
    low: float
    high: float
    slices: int
    scans: int
    alone: int
    own: Estimate
    any: Estimate | None


def thresholds(rows: Rows) -> dict[Label, float]:
    """By label, the lowest threshold at which 95 % of the rows without it are not called."""
    found = {}
    for label in (*SUBTYPES, Label.ANY):
        without = ~rows.truth[:, label.column] & ~rows.faint[:, label.column]
        score = rows.probability[without, label.column]
        point = operating_point(np.zeros(len(score), bool), score, rule="specific", goal=SPECIFICITY)
        found[label] = point.threshold
    return found


def limits(readings: Sequence[Reading], at: dict[Label, float], bootstrap: Bootstrap) -> list[Limit]:
    """Of every subtype by every measure; bins without a lesion are left out.

    Args:
        readings: of the phantoms.
        at: thresholds of slices; a slice is called where its probability is above.
        bootstrap: over the same phantoms.
    """
    found = []
    for label in SUBTYPES:
        cases = [(reading, one) for reading in readings for one in reading.lesions if one.label is label]
        scans = np.array([str(reading.seed) for reading, _ in cases])
        called = np.array([_called(reading, one, at) for reading, one in cases], bool).reshape(-1, 2)
        alone = np.array([_alone(reading, one) for reading, one in cases], bool)
        for measure, edges in EDGES.items():
            values = np.array([getattr(one, measure) for _, one in cases])
            bins = np.searchsorted(edges, values, "right")
            for number, (low, high) in enumerate(zip((-np.inf, *edges), (*edges, np.inf), strict=True)):
                inside = bins == number
                if inside.any():
                    own = share(called[inside, 0], scans[inside], bootstrap)
                    single = inside & alone
                    of_any = share(called[single, 1], scans[single], bootstrap) if single.any() else None
                    counts = int(inside.sum()), len(np.unique(scans[inside])), int(single.sum())
                    found.append(Limit(label, measure, low, high, *counts, own, of_any))
    return found


def _alone(reading: Reading, one: LesionRecord) -> bool:
    there = reading.truth[one.slice_index] | reading.faint[one.slice_index]
    return not any(there[label.column] for label in SUBTYPES if label is not one.label)


def _called(reading: Reading, one: LesionRecord, at: dict[Label, float]) -> tuple[bool, bool]:
    row = reading.slices[one.slice_index]
    return bool(row[one.label.column] > at[one.label]), bool(row[Label.ANY.column] > at[Label.ANY])


def share(called: NDArray[np.bool_], scans: NDArray[np.str_], bootstrap: Bootstrap) -> Estimate:
    """The share of rows that are called, with an interval that knows that slices of one scan are alike.

    Args:
        called: (rows,), at least one.
        scans: (rows,), names of the bootstrap.
        bootstrap: over scans.
    """
    found = bootstrap.mean(called.astype(np.float64), bootstrap.patient(scans)).estimate()
    assert found is not None  # a share of rows that are there is a number
    count = len(np.unique(scans))
    if count >= _ENOUGH_SCANS and found.low < found.high:
        return found
    # Draws of few scans, or of scans that all agree, give an interval that is too narrow, or has no width.
    by_scan = wilson(round(found.value * count), count)
    return replace(found, low=min(found.low, by_scan.low), high=max(found.high, by_scan.high))
