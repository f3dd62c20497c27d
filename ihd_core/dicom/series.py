"""Group headers into series, rank them, and account for every file that belongs to none."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ihd_core.dicom import geometry
from ihd_core.dicom.header_reader import HeaderReader
from ihd_core.dicom.kinds import UNPLACED, LeftOut, why_left_out
from ihd_core.dicom.ranking import table
from ihd_core.dicom.rejected_files import Rejected, beside, count, judged_by_name, left_out_of, rejected
from ihd_core.dicom.series_details import series_details
from ihd_core.dicom.series_uids import derived_uid, digits, unique
from ihd_core.dicom.sources.source_files import FilesFound, SourceFile, files_at, files_within
from ihd_core.dicom.splitting import Part, parts
from ihd_core.errors import DicomError, NoHeadCt, NotDicom
from ihd_core.progress import Report, silent
from ihd_core.scan import PART

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ihd_core.dicom.headers import Header
    from ihd_core.scan import ScanDetails


_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One stack of CT slices that can be opened as a Scan.

    Attributes:
        uid: SeriesInstanceUID; derived_uid() where the files have none. Where one UID holds several stacks, the best
            has it and each other one has it with PART and digits of its geometry, so that what is recorded of one never
            shows as the other's. No two series that were found together have the same.
        stack: the slices in order, and their geometry.
        judgements: every row of the ranking table for this series.
        damaged: of files that were meant to be slices and cannot be read or placed: name and reason.
        source: what the reader opened.
        left_out: files that lie as its slices do and are none by what they say, as of another modality.
        part: what tells this stack from the others of its UID where its header does not.
        refusal: why the network does not get it; empty if it may.
    """

    uid: str
    stack: geometry.Stack
    judgements: tuple[table.Judgement, ...]
    damaged: tuple[str, ...]
    source: str
    left_out: tuple[LeftOut, ...] = ()
    part: str = ""
    refusal: str = ""

    @property
    def score(self) -> int:
        """Points in the ranking, the highest is shown first."""
        return table.score(self.judgements)

    @property
    def reason(self) -> str:
        """Why it stands where it stands, in one line."""
        return "; ".join(filter(None, (table.reason(self.judgements), self.doubt)))

    @property
    def doubt(self) -> str:
        """Why its values are hardly HU, from the header of a NIfTI file; empty for any other."""
        volume = self.stack.headers[0].volume
        return volume.header.doubt if volume else ""

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
    slices, others = _headers(there, report)
    others = judged_by_name(others, slices)
    series, refused = grouped(slices, others, source)
    left_out = (*refused, *count(others))
    if not series:
        found = left_out[0].reason if len(there.files) == 1 else "; ".join(entry.text for entry in left_out)
        raise NoHeadCt(f"{source}: no CT slices that can be shown, found {found}")
    series.sort(key=lambda one: (bool(one.refusal), bool(one.doubt), -one.score, -one.slice_count, *_name(one)))
    return Found(tuple(series), left_out, source)


def _headers(there: FilesFound, report: Report) -> tuple[list[Header], list[Rejected]]:
    """The headers of all slices, and every file that is none.

    Raises:
        DicomError: the only file is not DICOM, or damaged.
    """
    files = list(there.files)
    slices: list[Header] = []
    others = [Rejected(problem.file, problem.reason, damaged=True) for problem in there.problems]
    reader = HeaderReader()
    for done, file in enumerate(files):  # which grows where an archive without the ending turns up
        report(done, len(files))
        try:
            headers = reader.read(file)
        except DicomError as error:
            if within := _archive_within(file, error):
                files += within.files
                others += [Rejected(problem.file, problem.reason, damaged=True) for problem in within.problems]
                continue
            if len(files) == 1 and not others:
                raise
            others.append(rejected(file, error))
            continue
        for header in headers:
            if reason := why_left_out(header):
                others.append(Rejected(file, reason, header=header))
            else:
                slices.append(header)
    report(len(files), len(files))
    return slices, others


def _archive_within(file: SourceFile, error: DicomError) -> FilesFound | None:
    """What is in a file that is not DICOM, if it is a ZIP archive with a name such as files on discs have."""
    is_plain_name = not file.suffix or file.suffix[1:].isdecimal()
    return files_within(file) if isinstance(error, NotDicom) and is_plain_name else None


def grouped(slices: Sequence[Header], others: Sequence[Rejected], source: str) -> tuple[list[Series], list[LeftOut]]:
    """Headers as the scans that the program would open.

    Args:
        slices: headers of slices that can be placed.
        others: files that are something else or damaged.
        source: what they were found in, for messages.

    Returns:
        Stacks of slices with what is missing in them; and slices of which none can be made.
    """
    by_series = _by_series(slices)
    placed: dict[_Key, list[Rejected]] = defaultdict(list)
    for one in others:
        key = _key(one.header) if one.header else (one.series_uid,)
        placed[key if key in by_series else (*key, one.file.folder)].append(one)
    # A damaged file of unknown series may be of any that lies beside it.
    homeless = [one for one in others if one.damaged and (one.series_uid,) not in by_series]
    series: list[Series] = []
    refused: list[LeftOut] = []
    for key, members in by_series.items():
        stacks, unusable = _stacks(members)
        uid, beyond = members[0].series_uid, placed[key]
        lost = [str(one) for one in beyond if _is_unplaced(one)]
        lost += [f"{file.name}: {entry.reason}" for entry in unusable if entry.damaged for file in entry.files]
        for number, (stack, part, judgements) in enumerate(stacks):
            is_further = bool(uid) and (number > 0 or bool(part.conflict))
            series.append(
                Series(
                    uid=f"{uid}{PART}{digits(stack, part)}" if is_further else uid or derived_uid(stack, part),
                    stack=stack,
                    judgements=judgements,
                    damaged=(*beside(stack, homeless), *lost),
                    source=source,
                    left_out=left_out_of(stack, [one for one in beyond if not _is_unplaced(one)]),
                    part=part.called,
                    refusal=_refusal(stack, part),
                )
            )
        refused += unusable
    copies = tuple(header.file for one in series for header in one.stack.copies)
    if copies:
        refused.append(LeftOut(copies, "copy of another file"))
    uids = unique([one.uid for one in series], [one.stack for one in series])
    return [replace(one, uid=uid) for one, uid in zip(series, uids, strict=True)], refused


def _is_unplaced(one: Rejected) -> bool:
    return one.header is None or one.reason in UNPLACED


def _by_series(slices: Sequence[Header]) -> dict[_Key, list[Header]]:
    """Slices by series; without a UID those of several folders together only if each has a number of its own.

    Of two patients who were given the same name each has a slice 1.
    """
    found: dict[_Key, list[Header]] = defaultdict(list)
    for header in slices:
        found[_key(header)].append(header)
    for key, members in list(found.items()):
        if key != (members[0].series_uid,) and len({h.instance_number for h in members}) < len(members):
            del found[key]
            for header in members:
                found[*key, header.file.folder].append(header)
    return dict(found)


def _key(header: Header) -> _Key:
    """What the slices of one series share: the UID; without one the patient, the study and the series."""
    if header.series_uid:
        return (header.series_uid,)
    details = header.details
    of_whom = (details.patient_id or details.patient_name.rstrip("^ ").casefold(), details.study_uid)
    what = (details.series_number, details.series_description)
    if any(of_whom) and any(what):
        return (*of_whom, details.study_date, *what)
    return ("", "", header.file.folder)


def _name(series: Series) -> tuple[str, str]:
    """What orders series that nothing else does: of NIfTI files, whose UIDs are of their content, the name first."""
    first = series.stack.headers[0]
    return first.file.name if first.volume else "", series.uid.partition(PART)[0]


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
    # Among equals the first pass stays first, as parts() has them.
    found.sort(key=lambda one: (-table.score(one[2]), -len(one[0].headers)))
    return found, unusable


def _refusal(stack: geometry.Stack, part: Part) -> str:
    if part.conflict:
        return f"One series UID holds two patients, {part.conflict}: they are shown apart and not predicted"
    if stack.plane != "axial":
        return f"The slices are {stack.plane}; the model reads axial slices only"
    mixed = [warning.text for warning in geometry.geometry_warnings(stack) if warning.code == geometry.INTERLEAVED_CODE]
    return mixed[0] if mixed else ""
