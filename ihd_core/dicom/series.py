"""Group headers into series, rank them, and account for every file that belongs to none."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from ihd_core.dicom import geometry, ranking
from ihd_core.dicom.headers import Header, files_under, read_header
from ihd_core.dicom.kinds import UNPLACED, LeftOut, why_left_out
from ihd_core.errors import DicomError, NoHeadCt, NotDicom
from ihd_core.files import sha256
from ihd_core.progress import Report, silent
from ihd_core.scan import PART

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One stack of CT slices that can be opened as a Scan.

    Attributes:
        uid: SeriesInstanceUID; derived from the slices' where the files have none. Where one UID holds several stacks,
            the best has it and each other one has it with PART and digits of its geometry, so that what is recorded of
            one never shows as the other's.
        stack: the slices in order, and their geometry.
        score: points in the ranking, the highest is shown first.
        reason: why it stands where it stands, in one line.
        damaged: of files that were meant to be slices and cannot be read or placed: name and reason.
        source: what the reader opened.
    """

    uid: str
    stack: geometry.Stack
    score: int
    reason: str
    damaged: tuple[str, ...]
    source: str

    @property
    def description(self) -> str:
        """What the scanner called it; its number where it has no name."""
        details = self.stack.headers[0].details
        return details.series_description or f"series {details.series_number or self.uid}"

    @property
    def slice_count(self) -> int:
        """Number of places with a slice."""
        return len(self.stack.headers)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Files in slice order, inferior first."""
        return tuple(header.path for header in self.stack.headers)


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that was found at some paths.

    Attributes:
        series: best first; never empty.
        left_out: files that belong to no series, and why.
        source: the paths, as one text.
    """

    series: tuple[Series, ...]
    left_out: tuple[LeftOut, ...]
    source: str


def find_series(paths: Sequence[Path], *, report: Report = silent) -> Found:
    """Find the CT series in files and folders, however deep, and rank them for reading a head CT.

    Raises:
        NotDicom: the only file given is something else.
        NoHeadCt: nothing can be shown; the message says what was found instead.
        DicomError: a path does not exist, or the only file given is damaged.
    """
    files = files_under(paths)
    source = ", ".join(str(path) for path in paths) if len(paths) <= 3 else f"{paths[0]} and {len(paths) - 1} more"
    if not files:
        raise NoHeadCt(f"{source}: holds no files")
    slices: list[Header] = []
    rejected: list[tuple[str, Path, bool]] = []
    unplaced: dict[str, list[str]] = defaultdict(list)
    for done, path in enumerate(files):
        report(done, len(files))
        try:
            header = read_header(path)
            reason, damaged = why_left_out(header), False
            if reason in UNPLACED:
                unplaced[header.series_uid].append(f"{path.name}: {reason}")
        except DicomError as error:
            if len(files) == 1:
                raise
            not_dicom = isinstance(error, NotDicom)
            reason = "not a DICOM file" if not_dicom else str(error).partition(": ")[2]
            damaged = not not_dicom
        if reason:
            rejected.append((reason, path, damaged))
        else:
            slices.append(header)
    report(len(files), len(files))
    series, refused = _group(
        slices, [(path, reason) for reason, path, damaged in rejected if damaged], unplaced, source
    )
    left_out = (*refused, *_count(rejected))
    if not series:
        found = left_out[0].reason if len(files) == 1 else "; ".join(entry.text for entry in left_out)
        raise NoHeadCt(f"{source}: no CT slices that can be shown, found {found}")
    return Found(tuple(sorted(series, key=lambda s: (-s.score, -s.slice_count, s.uid))), left_out, source)


def _count(rejected: Iterable[tuple[str, Path, bool]]) -> list[LeftOut]:
    by_reason: dict[tuple[str, bool], list[Path]] = defaultdict(list)
    for reason, path, damaged in rejected:
        by_reason[reason, damaged].append(path)
    return [LeftOut(tuple(files), reason, damaged) for (reason, damaged), files in by_reason.items()]


def _group(
    slices: Sequence[Header], damaged: Sequence[tuple[Path, str]], unplaced: Mapping[str, Sequence[str]], source: str
) -> tuple[list[Series], list[LeftOut]]:
    """Stacks of slices with what is missing in them.

    Args:
        slices: of all series.
        damaged: files that cannot be read, and why; they count for the series whose files lie beside them.
        unplaced: by SeriesInstanceUID, slices of unknown place, each as its file and the reason.
        source: for the series.
    """
    by_uid: dict[str, list[Header]] = defaultdict(list)
    for header in slices:
        by_uid[header.series_uid or f"no series UID in {header.path.parent}"].append(header)
    series: list[Series] = []
    refused: list[LeftOut] = []
    for members in by_uid.values():
        identities = two_patients(members)
        if identities:
            refused.append(LeftOut(tuple(h.path for h in members), f"two patients in one series, {identities}"))
            continue
        series_uid = members[0].series_uid
        lost = list(unplaced.get(series_uid, ())) if series_uid else []
        stacks = []
        for part in _split(members):
            try:
                stack = geometry.stack(part)
            except ValueError as error:
                refused.append(LeftOut(tuple(h.path for h in part), str(error)))
                lost += [f"{header.path.name}: {error}" for header in part]
                continue
            if len(stack.headers) == 1 and stack.plane != "axial":
                refused.append(LeftOut(tuple(h.path for h in part), f"single {stack.plane} image, as localizers are"))
                continue
            stacks.append(stack)
        stacks.sort(key=lambda stack: (-ranking.score(stack), -len(stack.headers), _shape_digits(stack)))
        for number, stack in enumerate(stacks):
            uid = series_uid or derived_uid((*stack.headers, *stack.repeated))
            if number and series_uid:
                uid = f"{uid}{PART}{_shape_digits(stack)}"
            missing = (*_beside(stack, damaged), *lost)
            series.append(Series(uid, stack, ranking.score(stack), ranking.reason(stack), missing, source))
    return series, refused


def _beside(stack: geometry.Stack, damaged: Sequence[tuple[Path, str]]) -> list[str]:
    """Damaged files in the folders of a stack that end as its files do."""
    paths = [header.path for header in (*stack.headers, *stack.repeated)]
    folders, suffixes = {path.parent for path in paths}, {path.suffix.lower() for path in paths}
    return [
        f"{path.name}: {why}" for path, why in damaged if path.parent in folders and path.suffix.lower() in suffixes
    ]


def _shape_digits(stack: geometry.Stack) -> str:
    """Of what tells the stacks of one series apart; the same however many of their slices are there."""
    first = stack.headers[0]
    numbers = (
        first.rows,
        first.columns,
        *(first.orientation or ()),
        *(first.pixel_mm or ()),
        first.details.thickness_mm,
    )
    words = (first.details.kernel, first.details.contrast_agent)
    return sha256(" ".join((*words, *(f"{round(number, 2) + 0.0:.2f}" for number in numbers))).encode())[:8]


def two_patients(members: Sequence[Header]) -> str:
    """The two identities found among files that claim to be one series; empty if there is one or none."""
    details = [header.details for header in members]
    for name, values in (
        ("PatientID", {d.patient_id for d in details}),
        ("PatientName", {d.patient_name.rstrip("^ ").casefold() for d in details}),
        ("PatientBirthDate", {d.patient_birth_date for d in details}),
    ):
        found = sorted(values - {""})
        if len(found) > 1:
            return f"{name} {found[0]} and {found[1]}"
    return ""


def _split(members: Sequence[Header]) -> list[list[Header]]:
    """Parts of one series that can be one volume: equal matrix, pixel spacing and orientation, one reconstruction.

    AcquisitionNumber, ImageType and SliceThickness differ within ordinary head scans and split nothing.
    """
    parts: list[list[Header]] = []
    for header in members:
        for part in parts:
            if _fits(header, part[0]):
                part.append(header)
                break
        else:
            parts.append([header])
    return [reconstruction for part in parts for reconstruction in _reconstructions(part)]


def _reconstructions(part: Sequence[Header]) -> list[list[Header]]:
    """Images of the same places apart that differ in kernel, contrast agent or thickness, which must never be mixed.

    A kernel that changes along a scan, from the skull base to the vertex, splits nothing.
    """
    for differing in ("kernel", "contrast_agent", "thickness_mm"):
        groups: dict[object, list[Header]] = defaultdict(list)
        for header in part:
            groups[getattr(header.details, differing)].append(header)
        places = [{tuple(round(x, 1) for x in header.position or ()) for header in group} for group in groups.values()]
        if any(2 * len(one & other) > min(len(one), len(other)) > 2 for one, other in combinations(places, 2)):
            return [reconstruction for group in groups.values() for reconstruction in _reconstructions(group)]
    return [list(part)]


def _fits(header: Header, first: Header) -> bool:
    if (header.rows, header.columns) != (first.rows, first.columns):
        return False
    pairs = zip(
        (*(header.orientation or ()), *(header.pixel_mm or ())),
        (*(first.orientation or ()), *(first.pixel_mm or ())),
        strict=True,
    )
    return all(abs(one - other) < 1e-3 for one, other in pairs)


def derived_uid(members: Sequence[Header]) -> str:
    """A stable UID for slices without SeriesInstanceUID, from their own UIDs."""
    names = "|".join(sorted(header.sop_uid or header.path.name for header in members))
    return uid_of(names)


def uid_of(text: str) -> str:
    """A UID that is always the same for the same text."""
    return f"2.25.{int(sha256(text.encode())[:32], 16)}"
