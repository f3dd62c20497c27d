"""Pairs: a real head, and the same head with a synthetic hemorrhage put in; is the hemorrhage found?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import SUBTYPES, Label
from ihd_core.progress import Report, silent
from training.processes import Steps, in_processes
from training.proving.peaks import place_of_peak
from training.proving.quietness import load_real
from training.proving.readings import model_of, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ihd_core.phantom.insertion import Inserted
    from ihd_core.phantom.real_head import RealHead
    from ihd_core.predict import Prediction
    from training.proving.peaks import Place
    from training.proving.quietness import Point

SIZES = (0.4, 0.7, 1.0, 1.4)
"""Of the hemorrhages, as draw_hemorrhage() has it."""
EACH = 4
"""Hemorrhages of every subtype and size."""
AREAS_MM2 = (100.0, 200.0, 500.0)
"""Where the rows of the table end, by the largest visible area on a slice."""
_SEED = 700_000


@dataclass(frozen=True, slots=True)
class Pair:
    """One hemorrhage in a real head.

    Attributes:
        label: its subtype.
        size: of SIZES.
        number: which one of its subtype and size.
        slices: on which it can be seen; none: nothing else is filled in.
        area_mm2: visible, on the slice that shows most of it; thickness_mm and contrast_hu are that slice's.
        volume_ml: of the whole hemorrhage.
        any_before: highest probability of any on these slices in the head as it is; any_after: with the hemorrhage.
        own_before: likewise of its subtype; own_after.
        called_before: whether any is called on one of these slices in the head as it is: that finds nothing.
        found: whether any is called on one of these slices, and on none of them in the head as it is.
        named: likewise for its subtype.
        place: of the peak of any's heatmap on the slice that shows most of it.
    """

    label: Label
    size: float
    number: int
    slices: tuple[int, ...]
    area_mm2: float = 0.0
    thickness_mm: float = 0.0
    contrast_hu: float = 0.0
    volume_ml: float = 0.0
    any_before: float = 0.0
    any_after: float = 0.0
    own_before: float = 0.0
    own_after: float = 0.0
    called_before: bool = False
    found: bool = False
    named: bool = False
    place: Place = "no evidence"


@dataclass(frozen=True, slots=True)
class _Job:
    real: Path
    model: Path
    at: Mapping[Label, float]
    label: Label
    size: float
    number: int


def pairs(
    real: Path,
    model: Path,
    points: Mapping[Label, Point],
    *,
    each: int = EACH,
    processes: int | None = None,
    report: Report = silent,
) -> list[Pair]:
    """Put hemorrhages of every subtype and size into a real head, one at a time, and read it.

    Args:
        real: folder of the head.
        model: folder of the model.
        points: where slices are called, by label.
        each: hemorrhages of every subtype and size.
        processes: None: one a core.
        report: called with hemorrhages; may raise Cancelled.
    """
    at = {label: points[label].threshold for label in points}
    jobs = [
        _Job(real, model, at, label, size, number) for label in SUBTYPES for size in SIZES for number in range(each)
    ]
    made = list(in_processes(_pair, jobs, processes=processes, total=len(jobs), report=report))
    return sorted(made, key=lambda one: (one.label.column, one.size, one.number))


@lru_cache(maxsize=1)
def _before(real: Path, model: Path, _state: object) -> tuple[RealHead, Prediction]:
    """The head, read once in every process while the model is the same, and what the model says of it as it is."""
    from ihd_core.phantom.real_head import real_head
    from ihd_core.predict import predict

    scan = load_real(real)
    return real_head(scan), predict(scan, model_of(model))


def _pair(job: _Job, steps: Steps) -> Pair:
    from ihd_core.phantom.hemorrhages.draw import draw_hemorrhage
    from ihd_core.phantom.insertion import insert
    from ihd_core.predict import predict

    head, before = _before(job.real, job.model, state_of(job.model))
    rng = np.random.default_rng([_SEED, job.label.column, round(100 * job.size), job.number])
    inserted = insert(head, [draw_hemorrhage(job.label, rng, job.size)])
    if inserted.truth[:, job.label.column].any():
        after = predict(inserted.scan, model_of(job.model))
        pair = compared((job.label, job.size, job.number), inserted, before, after, job.at)
    else:
        pair = Pair(job.label, job.size, job.number, ())
    steps.done(1)
    return pair


def compared(
    which: tuple[Label, float, int],
    inserted: Inserted,
    before: Prediction,
    after: Prediction,
    at: Mapping[Label, float],
) -> Pair:
    """A hemorrhage that can be seen, and what was said of its slices before and after.

    Args:
        which: label, size and number of the pair.
        inserted: the head with this hemorrhage and no other.
        before: of the head as it is.
        after: of the inserted scan.
        at: thresholds of slices by label; a slice is called where its probability is above.
    """
    label, size, number = which
    seen = np.flatnonzero(inserted.truth[:, label.column])
    shown = {one.slice_index: one for one in inserted.records if one.label is label}
    facts = shown[max(seen.tolist(), key=lambda index: shown[index].area_mm2)]
    own = label.column, Label.ANY.column
    (own_before, any_before), (own_after, any_after) = (
        tuple(float(one.slices[seen, column].max()) for column in own) for one in (before, after)
    )
    return Pair(
        label,
        size,
        number,
        tuple(seen.tolist()),
        facts.area_mm2,
        facts.thickness_mm,
        facts.contrast_hu,
        facts.volume_ml,
        any_before,
        any_after,
        own_before,
        own_after,
        any_before > at[Label.ANY],
        any_after > at[Label.ANY] >= any_before,
        own_after > at[label] >= own_before,
        _place(inserted, after, label, facts.slice_index),
    )


def _place(inserted: Inserted, after: Prediction, label: Label, index: int) -> Place:
    from ihd_core.brain_mask import brain_mask
    from ihd_core.heatmaps.explain import heatmap

    slices = np.flatnonzero(after.slab_of_slice == after.slab_of_slice[index]).tolist()
    brain = brain_mask(inserted.scan)
    lesion = inserted.masks[label][slices].max(axis=0) > 0
    inside = np.any([brain.on_slice(one) for one in slices], axis=0)
    return place_of_peak(heatmap(after, Label.ANY, index), lesion, inside, inserted.scan.spacing_mm[1:])
