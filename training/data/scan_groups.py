"""The scans of a table of slices, and which of them must stay together because they are of one patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.data.scans import natural

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.data.slice_table import SliceTable


@dataclass(frozen=True, slots=True, eq=False)
class Scans:
    """One row a scan, in the order of the table of slices.

    Attributes:
        uids: of the scans.
        groups: int (scans,), equal for scans that share a patient, a study or a series.
        patients: what a group is called: its first PatientID, else study, else series.
        truth: int8 (scans, labels).
        firsts: name of the first file of each.
        slices: number of slices of each.
        apart_mm: float64 (scans,), median distance of neighbouring slices of each; 0 with a single slice.
    """

    uids: NDArray[np.str_]
    groups: NDArray[np.intp]
    patients: list[str]
    truth: NDArray[np.int8]
    firsts: list[str]
    slices: NDArray[np.intp]
    apart_mm: NDArray[np.float64]


def scans_of(table: SliceTable) -> Scans:
    """The scans of a table of slices."""
    starts = table.scan_starts()
    firsts = [min(part.tolist(), key=natural) for part in np.split(table.files, starts[1:])] if len(table) else []
    groups = _groups(table, starts)
    return Scans(
        uids=table.scans[starts],
        groups=groups,
        patients=_names(table, starts, groups),
        truth=table.scan_truth[starts],
        firsts=firsts,
        slices=np.diff([*starts, len(table)]),
        apart_mm=np.array(
            [_apart(heights) for heights in np.split(table.heights_mm, starts[1:])] if len(table) else []
        ),
    )


def _apart(heights_mm: NDArray[np.float64]) -> float:
    return float(np.median(np.abs(np.diff(heights_mm)))) if len(heights_mm) > 1 else 0.0


def _groups(table: SliceTable, starts: NDArray[np.intp]) -> NDArray[np.intp]:
    """A number for every scan, equal for those that share a patient, a study or a series, however indirectly."""
    parent = list(range(len(starts)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for names in (table.patients, table.studies, table.series):
        first: dict[str, int] = {}
        for index, name in enumerate(names[starts].tolist()):
            if name:
                parent[root(index)] = root(first.setdefault(name, index))
    return np.array([root(index) for index in range(len(parent))], np.intp)


def _names(table: SliceTable, starts: NDArray[np.intp], groups: NDArray[np.intp]) -> list[str]:
    found: dict[int, str] = {}
    for names in (table.patients, table.studies, table.series):
        for group, name in zip(groups.tolist(), names[starts].tolist(), strict=True):
            if name:
                found.setdefault(group, name)
    return [found[group] for group in groups.tolist()]
