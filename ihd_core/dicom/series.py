"""Group headers into series, rank them, and account for every file that belongs to none."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.dicom import geometry
from ihd_core.dicom.headers import Header, HeaderReader
from ihd_core.dicom.kinds import UNPLACED, LeftOut, why_left_out
from ihd_core.dicom.ranking import table
from ihd_core.dicom.series_details import series_details
from ihd_core.dicom.sources.source_files import FilesFound, SourceFile, files_at, files_within
from ihd_core.dicom.splitting import Part, parts
from ihd_core.errors import DicomError, NoHeadCt, NotDicom
from ihd_core.files import sha256
from ihd_core.progress import Report, silent
from ihd_core.scan import PART

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ihd_core.scan import ScanDetails


DICOM_ENDINGS = frozenset({".dcm", ".dicom", ".ima"})
"""A file with such a name was meant to be DICOM, whatever is in it now."""

_FIRST_BYTES = 8 << 10
_SERIES_UID = re.compile(rb"\x20\x00\x0e\x00(?:UI..|..\x00\x00)([0-9.]{5,64})", re.DOTALL)
"""Series Instance UID (0020,000E), explicit or implicit."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One stack of CT slices that can be opened as a Scan.

    Attributes:
        uid: SeriesInstanceUID; derived from the slices' where the files have none. Where one UID holds several stacks,
            the best has it and each other one has it with PART and digits of its geometry, so that what is recorded of
            one never shows as the other's.
        stack: the slices in order, and their geometry.
        judgements: every row of the ranking table for this series.
        damaged: of files that were meant to be slices and cannot be read or placed: name and reason.
        source: what the reader opened.
        part: what tells this stack from the others of its UID where its header does not.
        refusal: why the network does not get it; empty if it may.
    """

    uid: str
    stack: geometry.Stack
    judgements: tuple[table.Judgement, ...]
    damaged: tuple[str, ...]
    source: str
    part: str = ""
    refusal: str = ""

    @property
    def score(self) -> int:
        """Points in the ranking, the highest is shown first."""
        return table.score(self.judgements)

    @property
    def reason(self) -> str:
        """Why it stands where it stands, in one line."""
        return table.reason(self.judgements)

    @property
    def description(self) -> str:
        """What the scanner called it; its number where it has no name."""
        details = self.details
        return details.series_description or f"series {details.series_number or self.uid}"

    @property
    def details(self) -> ScanDetails:
        """What its slices say together, by series_details()."""
        return series_details(self.stack.headers)

    @property
    def slice_count(self) -> int:
        """Number of places with a slice."""
        return len(self.stack.headers)

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """In slice order, inferior first."""
        return tuple(header.file for header in self.stack.headers)


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
    there = files_at(paths)
    named = [str(SourceFile(path)) for path in paths]
    source = ", ".join(named) if len(named) <= 3 else f"{named[0]} and {len(named) - 1} more"
    if not there.files and not there.problems:
        raise NoHeadCt(f"{source}: holds no files")
    slices, rejected = _headers(there, report)
    series, refused = _group(slices, rejected, source)
    left_out = (*refused, *_count(rejected))
    if not series:
        found = left_out[0].reason if len(there.files) == 1 else "; ".join(entry.text for entry in left_out)
        raise NoHeadCt(f"{source}: no CT slices that can be shown, found {found}")
    series.sort(key=lambda one: (bool(one.refusal), -one.score, -one.slice_count, one.uid))
    return Found(tuple(series), left_out, source)


def _headers(there: FilesFound, report: Report) -> tuple[list[Header], list[_Rejected]]:
    """The headers of all slices, and every file that is none.

    Raises:
        DicomError: the only file is not DICOM, or damaged.
    """
    files = list(there.files)
    slices: list[Header] = []
    rejected = [_Rejected(problem.file, problem.reason, damaged=True) for problem in there.problems]
    reader = HeaderReader()
    for done, file in enumerate(files):  # which grows where an archive without the ending turns up
        report(done, len(files))
        try:
            headers = reader.read(file)
        except DicomError as error:
            if within := _archive_within(file, error):
                files += within.files
                rejected += [_Rejected(problem.file, problem.reason, damaged=True) for problem in within.problems]
                continue
            if len(files) == 1 and not rejected:
                raise
            rejected.append(_rejected(file, error))
            continue
        for header in headers:
            if reason := why_left_out(header):
                uid = header.series_uid if reason in UNPLACED else ""
                rejected.append(_Rejected(file, reason, series_uid=uid))
            else:
                slices.append(header)
    report(len(files), len(files))
    return slices, rejected


def _archive_within(file: SourceFile, error: DicomError) -> FilesFound | None:
    """What is in a file that is not DICOM, if it is a ZIP archive with a name such as files on discs have."""
    is_plain_name = not file.suffix or file.suffix[1:].isdecimal()
    return files_within(file) if isinstance(error, NotDicom) and is_plain_name else None


def _rejected(file: SourceFile, error: DicomError) -> _Rejected:
    if isinstance(error, NotDicom):
        return _Rejected(file, "not a DICOM file", damaged=file.suffix in DICOM_ENDINGS)
    return _Rejected(file, str(error).removeprefix(f"{file.name}: "), damaged=True, series_uid=_series_uid_in(file))


def _series_uid_in(file: SourceFile) -> str:
    """SeriesInstanceUID of a damaged file in little endian, if it is among its first bytes; else empty."""
    try:
        start, _ = file.start(_FIRST_BYTES)
    except (OSError, DicomError):
        return ""
    found = _SERIES_UID.search(start)
    return found[1].decode() if found else ""


@dataclass(frozen=True, slots=True)
class _Rejected:
    """A file that is no slice, or none that can be shown.

    Attributes:
        damaged: it was meant to be a slice and cannot be read.
        series_uid: of an image whose place is unknown, or of a damaged file; empty where it is unknown.
    """

    file: SourceFile
    reason: str
    damaged: bool = False
    series_uid: str = ""

    def __str__(self) -> str:
        return f"{self.file.name}: {self.reason}"


def _count(rejected: Iterable[_Rejected]) -> list[LeftOut]:
    by_reason: dict[tuple[str, bool], dict[SourceFile, None]] = defaultdict(dict)
    for one in rejected:
        by_reason[one.reason, one.damaged][one.file] = None
    return [LeftOut(tuple(files), reason, damaged) for (reason, damaged), files in by_reason.items()]


def _group(slices: Sequence[Header], rejected: Sequence[_Rejected], source: str) -> tuple[list[Series], list[LeftOut]]:
    """Stacks of slices with what is missing in them; and slices of which none can be made."""
    by_uid: dict[str, list[Header]] = defaultdict(list)
    for header in slices:
        by_uid[header.series_uid or f"no series UID in {header.file.folder}"].append(header)
    # A damaged file of unknown series may be of any that lies beside it.
    homeless = [one for one in rejected if one.damaged and one.series_uid not in by_uid]
    series: list[Series] = []
    refused: list[LeftOut] = []
    for members in by_uid.values():
        stacks, unusable = _stacks(members)
        uid = members[0].series_uid
        lost = [str(one) for one in rejected if uid and one.series_uid == uid]
        lost += [f"{file.name}: {entry.reason}" for entry in unusable if entry.damaged for file in entry.files]
        for number, (stack, part, judgements) in enumerate(stacks):
            is_further = bool(uid) and (number > 0 or bool(part.conflict))
            series.append(
                Series(
                    uid=f"{uid}{PART}{_digits(stack, part)}" if is_further else uid or derived_uid(stack),
                    stack=stack,
                    judgements=judgements,
                    damaged=(*_beside(stack, homeless), *lost),
                    source=source,
                    part=part.called,
                    refusal=_refusal(stack, part),
                )
            )
        refused += unusable
    return series, refused


def _stacks(
    members: Sequence[Header],
) -> tuple[list[tuple[geometry.Stack, Part, tuple[table.Judgement, ...]]], list[LeftOut]]:
    """The stacks of one series UID, best first; and slices that make none."""
    found = []
    unusable = []
    for part in parts(members):
        files = tuple(header.file for header in part.slices)
        try:
            stack = geometry.stack(part.slices)
        except ValueError as error:
            unusable.append(LeftOut(files, str(error), damaged=True))
            continue
        if len(stack.headers) == 1 and stack.plane != "axial":
            unusable.append(LeftOut(files, f"single {stack.plane} image, as localizers are"))
        else:
            found.append((stack, part, table.judged(stack)))
    found.sort(key=lambda one: (-table.score(one[2]), -len(one[0].headers), _digits(one[0], one[1])))
    return found, unusable


def _refusal(stack: geometry.Stack, part: Part) -> str:
    if part.conflict:
        return f"One series UID holds two patients, {part.conflict}: they are shown apart and not predicted"
    if stack.plane != "axial":
        return f"The slices are {stack.plane}; the model reads axial slices only"
    return ""


def _beside(stack: geometry.Stack, damaged: Sequence[_Rejected]) -> list[str]:
    """Damaged files in the folders of a stack that end as its files do."""
    if not damaged:
        return []
    files = [header.file for header in (*stack.headers, *stack.repeated)]
    folders, suffixes = {file.folder for file in files}, {file.suffix for file in files}
    return [str(one) for one in damaged if one.file.folder in folders and one.file.suffix in suffixes]


def _digits(stack: geometry.Stack, part: Part) -> str:
    """Of what tells the stacks of one series apart; the same however many of their slices are there."""
    first = stack.headers[0]
    numbers = (
        first.rows,
        first.columns,
        *(first.orientation or ()),
        *(first.pixel_mm or ()),
        first.details.thickness_mm,
    )
    words = (first.details.kernel, first.details.contrast_agent, part.called)
    return sha256(" ".join((*words, *(f"{round(number, 2) + 0.0:.2f}" for number in numbers))).encode())[:8]


def derived_uid(stack: geometry.Stack) -> str:
    """A stable UID for slices without SeriesInstanceUID, from their own UIDs."""
    members = (*stack.headers, *stack.repeated)
    names = "|".join(sorted(header.sop_uid or header.file.own_name for header in members))
    return uid_of(names)


def uid_of(text: str) -> str:
    """A UID that is always the same for the same text."""
    return f"2.25.{int(sha256(text.encode())[:32], 16)}"
