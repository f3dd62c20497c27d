"""The table of slices that all stages share: which file, whose, where in its scan, with which truth."""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.errors import FileError
from ihd_core.files import file_errors
from ihd_core.labels import LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

UNKNOWN = -1
"""A label that nobody gave."""

_TEXTS = ("ids", "files", "patients", "studies", "series", "scans")


@dataclass(frozen=True, slots=True, eq=False)
class SliceTable:
    """One row a slice; slices of one scan are neighbours, inferior first.

    Attributes:
        ids: what the label table calls the slice, "ID_" and nine digits in RSNA 2019.
        files: paths below the folder of images, with forward slashes.
        patients: PatientID.
        studies: StudyInstanceUID.
        series: SeriesInstanceUID.
        scans: the series, or a part of it where the program would open it as several scans.
        heights_mm: float64 (slices,), position along the scan's normal.
        truth: int8 (slices, labels) in the order of LABELS: 1, 0 or UNKNOWN.
        scan_truth: int8 (slices, labels), the same for every slice of a scan: the maximum over its slices, or what was
            given for the whole scan; UNKNOWN where neither is known.
    """

    ids: NDArray[np.str_]
    files: NDArray[np.str_]
    patients: NDArray[np.str_]
    studies: NDArray[np.str_]
    series: NDArray[np.str_]
    scans: NDArray[np.str_]
    heights_mm: NDArray[np.float64]
    truth: NDArray[np.int8]
    scan_truth: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> SliceTable:
        """Some of the rows, in the order asked for."""
        return SliceTable(*(getattr(self, one.name)[chosen] for one in fields(self)))

    def scan_starts(self) -> NDArray[np.intp]:
        """First row of every scan, in order."""
        if not len(self):
            return np.zeros(0, np.intp)
        return np.flatnonzero(np.r_[True, self.scans[1:] != self.scans[:-1]])

    def scan_of_row(self) -> NDArray[np.int32]:
        """Number of the scan of every row, 0 for the first."""
        numbers = np.zeros(len(self), np.int32)
        numbers[self.scan_starts()[1:]] = 1
        return np.cumsum(numbers, dtype=np.int32)

    def joined(self, groups: Sequence[NDArray[np.intp]]) -> SliceTable:
        """One row for every group of rows, as of thin slices that are averaged.

        It is called as the middle slice and lies at their mean height. It has a label that one of them has, and lacks
        one that all lack; of any other nobody knows.

        Args:
            groups: rows of one scan each, inferior first.
        """
        if all(len(group) == 1 for group in groups):
            return self.rows(np.array([group[0] for group in groups], np.intp))
        table = self.rows(np.array([group[len(group) // 2] for group in groups], np.intp))
        heights = np.array([self.heights_mm[group].mean() for group in groups])
        highest = np.stack([self.truth[group].max(axis=0) for group in groups])
        is_open = np.stack([(self.truth[group] == UNKNOWN).any(axis=0) for group in groups])
        truth = np.where(is_open & (highest == 0), UNKNOWN, highest).astype(np.int8)
        return replace(table, heights_mm=heights, truth=truth)

    def is_labelled(self) -> NDArray[np.bool_]:
        """Rows whose six labels are all known, bool (slices,)."""
        return np.asarray((self.truth != UNKNOWN).all(axis=1))

    def has_labels(self) -> NDArray[np.bool_]:
        """Rows of which at least one label is known, bool (slices,): these are fitted, those labels alone counted."""
        return np.asarray((self.truth != UNKNOWN).any(axis=1))


def write_table(path: Path, table: SliceTable) -> None:
    """Write the table as CSV: one column a field, one a label, the scan's labels after the slice's.

    Raises:
        FileError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    with file_errors(path), temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*_TEXTS, "heights_mm", *LABELS, *(f"scan_{label}" for label in LABELS)])
        texts = [getattr(table, name).tolist() for name in _TEXTS]
        truth, scan_truth = table.truth.tolist(), table.scan_truth.tolist()
        heights = map(repr, table.heights_mm.tolist())
        for *row, height, one, whole in zip(*texts, heights, truth, scan_truth, strict=True):
            writer.writerow([*row, height, *one, *whole])
    with file_errors(path):
        temporary.replace(path)


def read_table(path: Path) -> SliceTable:
    """Read what write_table() wrote.

    Raises:
        FileError: it is missing or not such a table.
    """
    with file_errors(path, "cannot be read"), path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        head, rows = next(reader, []), list(reader)
    wanted = [*_TEXTS, "heights_mm", *LABELS, *(f"scan_{label}" for label in LABELS)]
    if head != wanted:
        raise FileError(f"{path}: not a table of slices; its columns are {head[:4]}…")
    try:
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(wanted)
        texts = [np.array(columns[i], np.str_) for i in range(len(_TEXTS))]
        numbers = np.array(columns[len(_TEXTS) + 1 :], np.int8).T.reshape(len(rows), 2 * len(LABELS))
        heights = np.array(columns[len(_TEXTS)], np.float64)
    except ValueError as error:
        raise FileError(f"{path}: not a table of slices ({error})") from error
    ids, files, patients, studies, series, scans = texts
    return SliceTable(
        ids,
        files,
        patients,
        studies,
        series,
        scans,
        heights,
        numbers[:, : len(LABELS)].copy(),
        numbers[:, len(LABELS) :].copy(),
    )
