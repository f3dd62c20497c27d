"""From the headers of a data set to its scans: what the program would open, slice by slice."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ihd_core.dicom.identities import by_patient

# The very grouping of find_series(), for headers that are read already: a scan must be what the program would open.
from ihd_core.dicom.series import grouped
from ihd_core.progress import Report, silent
from ihd_core.scan import PART
from training.data.header_rows import HeaderLines
from training.data.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ihd_core.dicom.headers import Header
    from ihd_core.dicom.series import Series

RSNA_ID = "ID_"
"""Begins every name in RSNA 2019."""

_NUMBER = re.compile(r"(\d+)")


@dataclass(slots=True)
class FoundScan:
    """One scan of a data set, its slices inferior first.

    Attributes:
        uid: SeriesInstanceUID, with PART and digits for a further scan of one series.
        files: path of every slice below the folder of images.
        sop_uids: SOPInstanceUID of every slice.
        heights_mm: position of every slice along the normal.
        rank: sorts the scans of one study, the one that the program shows first before the others.
    """

    uid: str
    series: str
    patient: str
    study: str
    files: list[str]
    sop_uids: list[str]
    heights_mm: list[float]
    rank: tuple[bool, int, int, str]

    @property
    def order(self) -> tuple[tuple[str | int, ...], str]:
        """Sorts the scans of a data set: by their first file, as a person would."""
        return min(natural(file) for file in self.files)


@dataclass(slots=True)
class FoundScans:
    """All scans of a data set.

    Attributes:
        scans: in the order of their first files.
        problems: slices that are in no scan, and series that are several scans.
    """

    scans: list[FoundScan] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def natural(text: str) -> tuple[tuple[str | int, ...], str]:
    """Sorts names as a person would: a2 before a10; a01 before a1."""
    parts = _NUMBER.split(text)
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts)), text


def find_scans(
    lines: Mapping[str, Sequence[str]], root: Path, *, named_by_file: bool = False, report: Report = silent
) -> FoundScans:
    """Group slices into scans by the program's own rules.

    Args:
        lines: headers by SeriesInstanceUID, as HeaderScan has them.
        root: folder that their files are below of.
        named_by_file: files are called as the slices in them, as in RSNA 2019; one that is not is left out.
        report: called with slices.
    """
    found = FoundScans()
    total, done = sum(map(len, lines.values())), 0
    for of_series in lines.values():
        report(done, total)
        reader = HeaderLines(root)
        headers = [reader.header(line) for line in sorted(of_series)]  # by file, in whatever order they were read
        _add(found, _named_rightly(headers, found, root) if named_by_file else headers, root)
        done += len(of_series)
    report(total, total)
    found.scans.sort(key=lambda scan: scan.order)
    return found


def _named_rightly(headers: Sequence[Header], found: FoundScans, root: Path) -> list[Header]:
    """Headers without those of files that are named like one slice of RSNA's and hold another."""
    kept = []
    for header in headers:
        stem = header.file.path.stem
        if header.sop_uid.startswith(RSNA_ID) and header.sop_uid != stem:
            where = header.file.path.relative_to(root).as_posix()
            text = f"is called {stem} and holds {header.sop_uid}"
            found.problems.append(Problem("name-and-uid", where, header.sop_uid, text))
        else:
            kept.append(header)
    return kept


def _add(found: FoundScans, headers: Sequence[Header], root: Path) -> None:
    series, left_out = grouped(headers, (), "")
    conflict = by_patient(headers)[0]

    def path(header: Header) -> str:
        return header.file.path.relative_to(root).as_posix()

    placed = {path(header) for one in series for header in (*one.stack.headers, *one.stack.repeated, *one.stack.copies)}
    reasons = {file.path.relative_to(root).as_posix(): entry.reason for entry in left_out for file in entry.files}
    for name, reason in reasons.items():
        if name not in placed:
            found.problems.append(Problem("not-a-volume", name, "", reason))
    for one in series:
        first = one.stack.headers[0]
        for other in one.stack.copies:
            found.problems.append(Problem("copy", path(other), other.sop_uid, f"repeats another file of {one.uid}"))
        if one.refusal:
            kind = "two-patients" if conflict and conflict in one.refusal else "not-predicted"
            slices = (*one.stack.headers, *one.stack.repeated)
            found.problems += [Problem(kind, path(header), one.uid, one.refusal) for header in slices]
            continue
        for other in one.stack.repeated:
            text = f"lies where another slice of {one.uid} does"
            found.problems.append(Problem("same-place", path(other), other.sop_uid, text))
        if PART in one.uid:
            text = f"{one.slice_count} slices of the series are a scan of their own: {one.part or one.reason}"
            found.problems.append(Problem("split-series", path(first), one.uid, text))
        found.scans.append(_scan(one, path))


def _scan(one: Series, path: Callable[[Header], str]) -> FoundScan:
    headers = one.stack.headers
    heights = one.stack.positions_mm @ one.stack.orientation[2]
    return FoundScan(
        uid=one.uid,
        series=headers[0].series_uid or one.uid.partition(PART)[0],
        patient=next((h.details.patient_id for h in headers if h.details.patient_id), ""),
        study=next((h.details.study_uid for h in headers if h.details.study_uid), ""),
        files=[path(header) for header in headers],
        sop_uids=[header.sop_uid for header in headers],
        heights_mm=heights.tolist(),
        rank=(bool(one.doubt), -one.score, -one.slice_count, one.uid),
    )
