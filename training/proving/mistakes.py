"""The phantoms that a model gets most wrong, to be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.labels import LABELS, Label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.proving.readings import Reading

MOST = 10
"""Of either kind, each from a phantom of its own."""
LARGE_MM2 = 100.0
"""A lesion that is missed from this area up is a mistake to look at."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A slice on which a model is wrong about any.

    Attributes:
        seed: of the phantom: phantom_scan(seed) shows it.
        slice_index: 0 is the most inferior.
        probability: of any.
        area_mm2: of the blood that can be seen; 0 for a false alarm.
        labels: subtypes that can be seen; of a false alarm the most probable one.
    """

    seed: int
    slice_index: int
    probability: float
    area_mm2: float
    labels: tuple[Label, ...]


def false_alarms(readings: Sequence[Reading]) -> list[Mistake]:
    """The slices without blood on which any is most probable, one a phantom, the worst first."""
    column, found = Label.ANY.column, []
    for one in readings:
        clear = [i for i in range(len(one.slices)) if not one.truth[i, column] and not one.faint[i, column]]
        if clear:
            index = clear[int(one.slices[clear, column].argmax())]
            likely = LABELS[int(one.slices[index, :column].argmax())]
            found.append(Mistake(one.seed, index, float(one.slices[index, column]), 0.0, (likely,)))
    return sorted(found, key=lambda one: -one.probability)[:MOST]


def misses(readings: Sequence[Reading]) -> list[Mistake]:
    """The slices with much blood to be seen on which any is least probable, one a phantom, the worst first."""
    column, found = Label.ANY.column, []
    for one in readings:
        bleeding = [i for i in range(len(one.slices)) if one.truth[i, column] and one.area_mm2[i, column] >= LARGE_MM2]
        if bleeding:
            index = bleeding[int(one.slices[bleeding, column].argmin())]
            labels = tuple(label for label in LABELS[:column] if one.truth[index, label.column])
            area = float(one.area_mm2[index, column])
            found.append(Mistake(one.seed, index, float(one.slices[index, column]), area, labels))
    return sorted(found, key=lambda one: one.probability)[:MOST]
