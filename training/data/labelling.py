"""Put the labels of a table to the slices and scans that were found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import LABELS
from training.data.labels.names import plain
from training.data.problems import Problem
from training.data.slice_table import UNKNOWN, SliceTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from training.data.labels.given import GivenLabels
    from training.data.scans import FoundScan


@dataclass(slots=True)
class Labelled:
    """Slices with their truth.

    Attributes:
        table: all slices that are used.
        problems: of labels and images that do not fit together.
    """

    table: SliceTable
    problems: list[Problem] = field(default_factory=list)


def labelled(
    scans: Sequence[FoundScan],
    given: GivenLabels,
    *,
    files: Iterable[str] = (),
    wanted: Sequence[str] = (),
    named_by_file: bool = True,
) -> Labelled:
    """Give every slice and scan its truth.

    Args:
        scans: that were found.
        given: the table of labels.
        files: all files, also those that are in no scan; a label of one of them is not without an image.
        wanted: ids that want a prediction; their slices are expected to have no label.
        named_by_file: a slice is called as its file without the ending, as in RSNA 2019; else by its SOPInstanceUID.
    """
    found: list[Problem] = []
    if given.key == "study":
        scans = _best_of_studies(scans, found)
    rows = [(scan, place) for scan in scans for place in range(len(scan.files))]
    ids = _ids(rows, given, named_by_file=named_by_file)
    if named_by_file or (given.key == "slice" and given.numbers):
        rows, ids = _told_apart(rows, ids, found)
    truth, scan_truth = _truth(rows, ids, given, found, set(wanted))
    there = set(ids)
    found += _without_image(given, rows, there, files)
    missing = (one for one in wanted if one not in there)
    found += [Problem("wanted-without-image", one, "", "has no usable image") for one in missing]
    return Labelled(_table(rows, ids, truth, scan_truth), found)


Row = tuple["FoundScan", int]


def _stem(file: str) -> str:
    name = file.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def _best_of_studies(scans: Sequence[FoundScan], found: list[Problem]) -> list[FoundScan]:
    """Of every study the scan that the program shows first, for a label of a study is of one scan."""
    best: dict[str, FoundScan] = {}
    for scan in scans:
        key = scan.study or scan.patient or scan.series
        if key not in best or scan.rank < best[key].rank:
            best[key] = scan
    chosen = {scan.uid for scan in best.values()}
    for scan in scans:
        if scan.uid not in chosen:
            text = f"{len(scan.files)} slices of a further series of study {scan.study}"
            found.append(Problem("further-series", scan.files[0], scan.uid, text))
    return [scan for scan in scans if scan.uid in chosen]


def _ids(rows: Sequence[Row], given: GivenLabels, *, named_by_file: bool) -> list[str]:
    if named_by_file:
        return [_stem(_file(row)) for row in rows]
    ids = [scan.sop_uids[place] or _stem(scan.files[place]) for scan, place in rows]
    if given.key == "slice" and given.numbers:  # the table may call them either way
        stems = (_stem(_file(row)) for row in rows)
        return [stem if stem in given.numbers else one for one, stem in zip(ids, stems, strict=True)]
    counted = Counter(ids)
    return [one if counted[one] == 1 else scan.files[place] for one, (scan, place) in zip(ids, rows, strict=True)]


def _told_apart(rows: list[Row], ids: list[str], found: list[Problem]) -> tuple[list[Row], list[str]]:
    """The rows whose id no other has: which of two images a label means nobody knows."""
    counted = Counter(ids)
    if len(counted) == len(ids):
        return rows, ids
    kept: list[Row] = []
    for row, one in zip(rows, ids, strict=True):
        if counted[one] == 1:
            kept.append(row)
        else:
            scan, place = row
            text = f"{counted[one]} images are called {one}"
            found.append(Problem("id-in-two-files", scan.files[place], one, text))
    return kept, [one for one in ids if counted[one] == 1]


def _truth(
    rows: Sequence[Row], ids: Sequence[str], given: GivenLabels, found: list[Problem], wanted: set[str]
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Truth of every slice, and of its scan, int8 (slices, labels) each."""
    numbers = _numbers(rows, ids, given, found)
    of_row = np.full((len(rows), len(LABELS)), UNKNOWN, np.int8)
    of_row[numbers >= 0] = given.truth[numbers[numbers >= 0]]
    if given.numbers:
        said = {problem.where for problem in found if problem.kind == "name-of-two-files"}
        lacking = [
            i for i in np.flatnonzero(numbers < 0).tolist() if ids[i] not in wanted and _file(rows[i]) not in said
        ]
        found += _unlabelled(rows, ids, lacking, of_scans=given.key in {"series", "study"})
    if given.key in {"series", "study"}:
        return np.full_like(of_row, UNKNOWN), of_row
    return of_row, _of_scans(of_row, rows)


def _file(row: Row) -> str:
    scan, place = row
    return scan.files[place]


def _unlabelled(rows: Sequence[Row], ids: Sequence[str], lacking: Sequence[int], *, of_scans: bool) -> list[Problem]:
    kind = "image-without-label"
    if of_scans:
        scans = {rows[index][0].uid: rows[index][0] for index in lacking}
        text = "no row of labels names this series or study"
        return [Problem(kind, scan.files[0], uid, text) for uid, scan in scans.items()]
    slices = ((rows[index], ids[index]) for index in lacking)
    text = "no row of labels names this slice"
    return [Problem(kind, scan.files[place], one, text) for (scan, place), one in slices]


def _numbers(rows: Sequence[Row], ids: Sequence[str], given: GivenLabels, found: list[Problem]) -> NDArray[np.intp]:
    """Row of truth for every slice, -1 for none."""
    of_name = given.numbers
    if given.key == "slice":
        return np.array([of_name.get(one, -1) for one in ids], np.intp)
    if given.key == "file":
        return _numbers_of_files([_file(row) for row in rows], of_name, found)
    of_scan = {}
    for scan, _ in rows:
        if scan.uid not in of_scan:
            of_scan[scan.uid] = (
                of_name.get(scan.series, -1) if given.key == "series" else _number_of_study(scan, of_name)
            )
    return np.array([of_scan[scan.uid] for scan, _ in rows], np.intp)


def _numbers_of_files(files: Sequence[str], of_name: dict[str, int], found: list[Problem]) -> NDArray[np.intp]:
    """By the path below the folder of images, or an end of it that one file alone has."""
    names = [next((end for end in _ends(file) if end in of_name), "") for file in files]
    counted = Counter(names)
    numbers = np.full(len(files), -1, np.intp)
    for row, (file, name) in enumerate(zip(files, names, strict=True)):
        if counted[name] == 1 and name:
            numbers[row] = of_name[name]
        elif name:
            text = f"{counted[name]} files are called {name}"
            found.append(Problem("name-of-two-files", file, name, text))
    return numbers


def _number_of_study(scan: FoundScan, of_name: dict[str, int]) -> int:
    """By PatientID, or the name of a folder, however it is punctuated."""
    names = [scan.patient, scan.study, *(part for part in scan.files[0].split("/")[:-1])]
    keys = (key for name in names for word in [name, *name.split()] for key in [plain(word)])
    return next((of_name[key] for key in keys if key in of_name), -1)


def _of_scans(truth: NDArray[np.int8], rows: Sequence[Row]) -> NDArray[np.int8]:
    """1 where one slice has the label, 0 where all are known not to have it, for every slice of the scan."""
    if not rows:
        return truth.copy()
    uids = [scan.uid for scan, _ in rows]
    starts = np.flatnonzero([True, *(a != b for a, b in zip(uids[1:], uids, strict=False))])
    lengths = np.diff([*starts, len(rows)])
    highest = np.maximum.reduceat(truth, starts)
    is_open = np.minimum.reduceat(truth, starts) == UNKNOWN
    return np.repeat(np.where((highest == 0) & is_open, UNKNOWN, highest), lengths, axis=0).astype(np.int8)


def _without_image(given: GivenLabels, rows: Sequence[Row], ids: set[str], files: Iterable[str]) -> list[Problem]:
    """Labels of what is not there; what is there and left out has been named already."""
    scans = {scan.uid: scan for scan, _ in rows}.values()
    names = ids
    if given.key == "slice":
        names = ids.union(_stem(file) for file in files)
    elif given.key == "file":
        names = {end for file in files for end in _ends(file)}
    elif given.key == "series":
        names = {scan.series for scan in scans}
    elif given.key == "study":
        used = {_number_of_study(scan, given.numbers) for scan in scans}
        names = {name for name, number in given.numbers.items() if number in used}
    absent = (name for name in given.numbers if name not in names)
    return [Problem("label-without-image", name, "", "has labels and no image") for name in absent]


def _ends(file: str) -> list[str]:
    """A path and all its ends, the longest first: a/b.dcm and b.dcm."""
    parts = file.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _table(
    rows: Sequence[Row], ids: Sequence[str], truth: NDArray[np.int8], scan_truth: NDArray[np.int8]
) -> SliceTable:
    return SliceTable(
        ids=np.array(ids, np.str_),
        files=np.array([_file(row) for row in rows], np.str_),
        patients=np.array([scan.patient for scan, _ in rows], np.str_),
        studies=np.array([scan.study for scan, _ in rows], np.str_),
        series=np.array([scan.series for scan, _ in rows], np.str_),
        scans=np.array([scan.uid for scan, _ in rows], np.str_),
        heights_mm=np.array([scan.heights_mm[place] for scan, place in rows], np.float64),
        truth=truth,
        scan_truth=scan_truth,
    )
