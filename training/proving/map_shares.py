"""Heatmaps of all held-out phantoms in numbers with intervals: kind by kind, label by label, and the joint view."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.heatmaps.explain import FURTHER, OWN, Kind
from ihd_core.labels import DISPLAY_ORDER, Label
from training.proving.limits import share
from training.proving.peaks import PLACES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ihd_core.estimate import Estimate
    from training.judging.bootstrap import Bootstrap
    from training.proving.maps import MapOf
    from training.proving.peaks import Place
    from training.proving.readings import Reading

    Found = tuple[str, MapOf]

_ON = PLACES[0]
_ON_OR_BESIDE = PLACES[:2]


@dataclass(frozen=True, slots=True)
class MapShares:
    """Heatmaps of one kind on slabs on which their label can be seen; intervals are over the phantoms.

    Attributes:
        kind: of what they show the evidence.
        label: None: the joint view of all labels detected in the scan, against the lesions of all subtypes.
        only_called: of these slabs, only those that are called for the label (the joint view: for any).
        maps: how many; scans: that they are of.
        places: how many peaks lie where.
        on: share of the peaks inside the lesion; beside: inside or within one cell. None where there is no map.
        energy: mean share of the evidence on the lesion; near: on it or within one cell.
        lesions: separate ones; recall: share of them that are painted.
        others: lesions on slabs with several; recall_of_others: share of these that are painted.
        painted_near: mean share of the painted area on a lesion or within one cell, over the maps that paint anything.
    """

    kind: Kind
    label: Label | None
    only_called: bool
    maps: int
    scans: int
    places: Mapping[Place, int]
    on: Estimate | None
    beside: Estimate | None
    energy: Estimate | None
    near: Estimate | None
    lesions: int
    recall: Estimate | None
    others: int
    recall_of_others: Estimate | None
    painted_near: Estimate | None


@dataclass(frozen=True, slots=True)
class Told:
    """The CNN's maps where the program says that the result rests on other places, and where it does not.

    Attributes:
        label: of the six.
        disagrees: which of the two.
        maps: how many.
        beside: how many of them have their peak inside the lesion or within one cell.
        share: of these; None where there is no map.
    """

    label: Label
    disagrees: bool
    maps: int
    beside: int
    share: Estimate | None


def map_shares(readings: Sequence[Reading], at: Mapping[Label, float], bootstrap: Bootstrap) -> list[MapShares]:
    """Of every kind: the joint view, then every label; each on all slabs and on those that are called.

    Args:
        readings: of the phantoms.
        at: thresholds of slices; a slice is called where its probability is above.
        bootstrap: over the same phantoms.
    """
    found = []
    there = {one.kind for reading in readings for one in reading.maps}
    for kind in (*OWN, *(kind for kind in FURTHER if kind in there)):
        for label in (None, *DISPLAY_ORDER):
            of_label = [
                (reading, one) for reading in readings for one in reading.maps if (one.kind, one.label) == (kind, label)
            ]
            column, threshold = (label or Label.ANY).column, at[label or Label.ANY]
            called = [(r, one) for r, one in of_label if r.slices[one.slice_index, column] > threshold]
            for only_called, some in ((False, of_label), (True, called)):
                found.append(_shares(kind, label, only_called, [(str(r.seed), one) for r, one in some], bootstrap))
    return found


def told(readings: Sequence[Reading], bootstrap: Bootstrap) -> list[Told]:
    """Of every label: the CNN's peaks where maps agree, and where they do not."""
    found = []
    for label in DISPLAY_ORDER:
        for disagrees in (False, True):
            some = [
                (str(reading.seed), one.place in _ON_OR_BESIDE)
                for reading in readings
                for one in reading.maps
                if (one.kind, one.label, one.disagrees) == (Kind.CNN, label, disagrees)
            ]
            beside = [is_beside for _, is_beside in some]
            of_all = _share([scan for scan, _ in some], beside, bootstrap)
            found.append(Told(label, disagrees, len(some), sum(beside), of_all))
    return found


def _shares(
    kind: Kind,
    label: Label | None,
    only_called: bool,
    some: Sequence[Found],
    bootstrap: Bootstrap,
) -> MapShares:
    scans = [scan for scan, _ in some]
    maps = [one for _, one in some]
    counted = Counter(one.place for one in maps)
    several = [(scan, one) for scan, one in some if one.lesions > 1]
    painting = [(scan, one.painted_near) for scan, one in some if one.painted_near is not None]
    return MapShares(
        kind,
        label,
        only_called,
        len(some),
        len(set(scans)),
        {place: counted[place] for place in PLACES},
        _share(scans, [one.place == _ON for one in maps], bootstrap),
        _share(scans, [one.place in _ON_OR_BESIDE for one in maps], bootstrap),
        _mean(scans, [one.energy for one in maps], bootstrap),
        _mean(scans, [one.near for one in maps], bootstrap),
        sum(one.lesions for one in maps),
        _recall(some, bootstrap),
        sum(one.lesions for _, one in several),
        _recall(several, bootstrap),
        _mean([scan for scan, _ in painting], [value for _, value in painting], bootstrap),
    )


def _recall(some: Sequence[Found], bootstrap: Bootstrap) -> Estimate | None:
    scans = [scan for scan, one in some for _ in range(one.lesions)]
    return _share(scans, [number < one.touched for _, one in some for number in range(one.lesions)], bootstrap)


def _share(scans: Sequence[str], hits: Sequence[bool], bootstrap: Bootstrap) -> Estimate | None:
    return share(np.array(hits, bool), np.array(scans), bootstrap) if scans else None


def _mean(scans: Sequence[str], values: Sequence[float], bootstrap: Bootstrap) -> Estimate | None:
    if not scans:
        return None
    return bootstrap.mean(np.array(values, np.float64), bootstrap.patient(np.array(scans))).estimate()
