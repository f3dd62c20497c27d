"""What a DICOMDIR refers to, whatever became of its names when the disc was copied (DICOM PS3.3 F, PS3.10 8.6)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ihd_core.dicom.sources.source_files import SourceFile

LARGEST = 256 << 20
"""Bytes of a DICOMDIR; one record has a few hundred."""

_SOP_CLASS = b"1.2.840.10008.1.3.10"
_VERSION = re.compile(r"(;\d+)?\.*$")
_DRIVE = re.compile(r"[A-Za-z]:")
_INACTIVE = 0
_RECORDS = b"\x04\x00\x20\x12SQ\x00\x00"
_UNDEFINED = 0xFFFFFFFF
_LONGEST_START = 64 << 10
_KEYWORDS = ("DirectoryRecordSequence", "ReferencedFileID", "RecordInUseFlag")


@dataclass(frozen=True, slots=True)
class Reference:
    """One file that a DICOMDIR names.

    Attributes:
        name: as it stands there, parts separated by "/".
        path: where it is; None where it is not to be opened.
        reason: why not.
    """

    name: str
    path: Path | None
    reason: str = ""


def is_disc_directory(name: str, start: bytes) -> bool:
    """Whether a file is a DICOMDIR, by its usual name or by the SOP class at its start (the first 1,024 bytes)."""
    return _plain(name) == "dicomdir" or (start[128:132] == b"DICM" and _SOP_CLASS in start[132:1024])


def referenced_files(directory: SourceFile) -> list[Reference]:
    """Every file that a DICOMDIR on disk names, each once and in its order.

    Names are found whatever their case, and with a dot or a version (";1") more or less than on the disc.

    Raises:
        DicomError: the DICOMDIR is damaged, too large, or something else.
    """
    folders = _Folders()
    found = {"/".join(parts): parts for parts in _names(directory)}
    return [_reference(name, parts, directory.path.parent, folders) for name, parts in found.items()]


def _names(directory: SourceFile) -> list[tuple[str, ...]]:
    """The parts of every Referenced File ID (0004,1500) of a record in use (0004,1410)."""
    from ihd_core.dicom.datasets import one_line, read_header_dataset

    try:
        start, stamp = directory.start(_LONGEST_START)
    except OSError as error:
        raise DicomError(f"{directory.name}: cannot be read ({error.strerror or error})") from error
    if stamp.size > LARGEST:
        raise DicomError(f"{directory.name}: has {stamp.size:,} bytes, a DICOMDIR of at most {LARGEST:,} is read")
    # pydicom takes as many records as there are.
    records = start.find(_RECORDS) + len(_RECORDS)
    length = int.from_bytes(start[records : records + 4], "little") if records >= len(_RECORDS) else _UNDEFINED
    if length != _UNDEFINED and records + 4 + length > stamp.size:
        raise DicomError(f"{directory.name}: is damaged (breaks off within its records); open its folder instead")
    dataset, _ = read_header_dataset(directory, _KEYWORDS)
    names = []
    try:
        if "DirectoryRecordSequence" not in dataset:
            raise DicomError(f"{directory.name}: is damaged (a DICOMDIR without records)")
        for record in dataset.DirectoryRecordSequence:
            value = record.get("ReferencedFileID")
            if not value or record.get("RecordInUseFlag") == _INACTIVE:
                continue
            parts = [value] if isinstance(value, str) else value
            # Some writers put a whole path into one part, with the separator of their system.
            names.append(tuple(part.strip() for one in parts for part in re.split(r"[/\\]", str(one))))
    except DicomError:
        raise
    except Exception as error:  # pydicom parses a sequence when it is looked at, and fails in any way there is
        raise DicomError(f"{directory.name}: is damaged ({one_line(error)})") from error
    return names


def _reference(name: str, parts: Sequence[str], folder: Path, folders: _Folders) -> Reference:
    if not parts[0] or ".." in parts or _DRIVE.match(name):
        return Reference(name, None, "named by DICOMDIR, but leads out of its folder")
    path: Path | None = folder
    for part in parts:
        path = folders.find(path, part) if path and part not in {"", "."} else path
    if path is None:
        return Reference(name, None, "named by DICOMDIR, not there")
    if not path.is_file():
        return Reference(name, None, "named by DICOMDIR, but is no file")
    return Reference(name, path)


def _plain(name: str) -> str:
    """A name without what copies of a disc change."""
    return _VERSION.sub("", name).casefold()


class _Folders:
    """Names in folders, each listed once."""

    def __init__(self) -> None:
        self._names: dict[Path, dict[str, str]] = {}

    def find(self, folder: Path, name: str) -> Path | None:
        """What has this name in a folder, as it is spelled or nearly so."""
        if folder not in self._names:
            self._names[folder] = self._listed(folder)
        there = self._names[folder].get(name) or self._names[folder].get(_plain(name) + "/")
        return folder / there if there else None

    @staticmethod
    def _listed(folder: Path) -> dict[str, str]:
        """Spelling on disk by itself, and by the plain name with a slash, which no name has."""
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            return {}
        return {**{_plain(name) + "/": name for name in reversed(names)}, **{name: name for name in names}}
