"""Files that are no slice of any series: why, and of which series a reader must hear that they are missing."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ihd_core.dicom.kinds import LeftOut
from ihd_core.dicom.nifti.header import is_nifti
from ihd_core.errors import DicomError, NotDicom

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ihd_core.dicom.geometry import Stack
    from ihd_core.dicom.headers import Header
    from ihd_core.dicom.sources.source_files import SourceFile

DICOM_ENDINGS = frozenset({".dcm", ".dicom", ".ima"})
"""A file with such a name was meant to be DICOM, whatever is in it now."""

MACOS = "macOS metadata"

_FIRST_BYTES = 8 << 10
_SERIES_UID = re.compile(rb"\x20\x00\x0e\x00(?:UI..|..\x00\x00)([0-9.]{5,64})", re.DOTALL)
"""Series Instance UID (0020,000E), explicit or implicit."""

_APPLE_DOUBLE = b"\x00\x05\x16\x07"
_MACOS_FOLDER = "__MACOSX"

_SAME = 1e-3
"""Values of two orientations that differ by less are equal."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that is no slice, or none that can be shown.

    Attributes:
        damaged: it was meant to be a slice and cannot be read.
        empty: it has no content, so that only its name can tell whether it was meant to be a slice.
        series_uid: of an image whose place is unknown, or of a damaged file; empty where it is unknown.
        header: of an image that is no slice by what its file says, although it has a place; else None.
    """

    file: SourceFile
    reason: str
    damaged: bool = False
    empty: bool = False
    series_uid: str = ""
    header: Header | None = None

    def __str__(self) -> str:
        return f"{self.file.name}: {self.reason}"


def rejected(file: SourceFile, error: DicomError) -> Rejected:
    """A file whose header cannot be read."""
    start = _start(file)
    folders = re.split(r"[/\\]", file.folder)
    if start.startswith(_APPLE_DOUBLE) or _MACOS_FOLDER in folders:
        return Rejected(file, MACOS)
    if isinstance(error, NotDicom):
        return Rejected(file, "not a DICOM file", damaged=file.suffix in DICOM_ENDINGS)
    reason = str(error).removeprefix(f"{file.name}: ")
    named = _SERIES_UID.search(start)
    uid = named[1].decode() if named else ""
    return Rejected(file, reason, damaged=True, empty=reason.startswith("is empty"), series_uid=uid)


def judged_by_name(found: Sequence[Rejected], slices: Sequence[Header]) -> list[Rejected]:
    """The same, empty files damaged only where they are called what slices are called."""
    if not any(one.empty for one in found):
        return list(found)
    files = dict.fromkeys(header.file for header in slices)
    names = {_pattern(file) for file in files}
    lengths = {len(file.own_name) for file in files if not _ending(file)}
    return [replace(one, damaged=_is_called_slice(one.file, names, lengths)) if one.empty else one for one in found]


def _is_called_slice(file: SourceFile, names: set[str], lengths: set[int]) -> bool:
    if _pattern(file) in names or file.suffix in DICOM_ENDINGS or is_nifti(file):
        return True
    # Names of hexadecimal digits are of one length rather than of one pattern.
    return not _ending(file) and len(file.own_name) in lengths and any(c.isdigit() for c in file.own_name)


def _ending(file: SourceFile) -> str:
    """Ending of a name in lower case; what follows the last dot of a UID is none."""
    return "" if file.suffix[1:].isdecimal() else file.suffix


def _pattern(file: SourceFile) -> str:
    """The ending of a name; of one without, where it has letters and where digits."""
    return _ending(file) or re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", file.own_name))


def beside(stack: Stack, damaged: Sequence[Rejected]) -> list[str]:
    """Damaged files in the folders of a stack that end as its files do."""
    if not damaged:
        return []
    files = [header.file for header in (*stack.headers, *stack.repeated)]
    folders, endings = {file.folder for file in files}, {_ending(file) for file in files}
    return [str(one) for one in damaged if one.file.folder in folders and _ending(one.file) in endings]


def left_out_of(stack: Stack, found: Iterable[Rejected]) -> tuple[LeftOut, ...]:
    """Images that lie as the slices of a stack do and are none by what their files say."""
    first = stack.headers[0]
    return tuple(count(one for one in found if one.header is not None and _lies_as(one.header, first)))


def _lies_as(header: Header, first: Header) -> bool:
    if None in (header.position, header.orientation) or (header.rows, header.columns) != (first.rows, first.columns):
        return False
    pairs = zip(header.orientation or (), first.orientation or (), strict=True)
    return all(abs(one - other) < _SAME for one, other in pairs)


def count(found: Iterable[Rejected]) -> list[LeftOut]:
    """Files by reason, each once."""
    by_reason: dict[tuple[str, bool], dict[SourceFile, None]] = defaultdict(dict)
    for one in found:
        by_reason[one.reason, one.damaged][one.file] = None
    return [LeftOut(tuple(files), reason, damaged) for (reason, damaged), files in by_reason.items()]


def _start(file: SourceFile) -> bytes:
    try:
        return file.start(_FIRST_BYTES)[0]
    except (OSError, DicomError):
        return b""
