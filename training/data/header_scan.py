"""Read the headers of all files below some folders, in several processes, to be stopped and taken up again."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom.header_reader import HeaderReader
from ihd_core.dicom.kinds import UNPLACED, why_left_out
from ihd_core.dicom.pixel_data.pixels import read_hu
from ihd_core.dicom.sources.archives import printable
from ihd_core.dicom.sources.source_files import SourceFile
from ihd_core.dicom.transfer_syntaxes import DEFLATED, NATIVE
from ihd_core.errors import DicomError, NotDicom
from ihd_core.files import file_errors, make_folder, sha256, write_atomically
from ihd_core.progress import Report, silent
from training.data.header_rows import to_line
from training.data.problems import Problem
from training.processes import in_processes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ihd_core.dicom.headers import Header
    from training.processes import Steps

    Rows = list[tuple[str | None, str]]
    """SeriesInstanceUID and header of every CT slice, as to_line() writes it; None and a Problem as JSON."""

_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
"""Sequence Delimitation Item, PS3.5 A.4: ends encapsulated pixels, and mostly the file."""

CHUNK = 1000
"""Files that one process reads before it hands over what it found; what is lost when the scan is stopped."""

_AT_ONCE = 50
"""Files between two looks at whether the scan is still wanted."""


@dataclass(slots=True)
class HeaderScan:
    """What the headers say.

    Attributes:
        lines: headers of CT slices as header_rows.to_line() writes them, by SeriesInstanceUID, "" without one.
        problems: every file that is no CT slice.
    """

    lines: dict[str, list[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, rows: Rows) -> None:
        """Take what one chunk of files holds."""
        for series, line in rows:
            if series is None:
                self.problems.append(Problem(*json.loads(line)))
            else:
                self.lines.setdefault(series, []).append(line)


def files_below(root: Path, folders: Sequence[Path]) -> tuple[list[str], list[Problem]]:
    """Every file of some folders and all that is in them, each once, relative to root with forward slashes, sorted.

    Returns:
        The files; and pipes, devices and links that lead nowhere, which are not opened, as problems.

    Raises:
        FileError: a folder cannot be listed.
    """
    found: set[str] = set()
    others: list[Problem] = []
    seen: set[str] = set()
    waiting = list(folders)
    linked: list[Path] = []
    while waiting or linked:
        folder = waiting.pop() if waiting else linked.pop()  # a folder is called by its own name where it has one
        if (real := os.path.realpath(folder)) in seen:
            continue
        seen.add(real)
        beneath = folder.relative_to(root).as_posix()
        start = "" if beneath == "." else f"{beneath}/"
        with file_errors(folder, "cannot be listed"), os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    (linked if entry.is_symlink() else waiting).append(folder / entry.name)
                elif entry.is_file():
                    found.add(start + entry.name)
                else:
                    others.append(Problem("not-ct", printable(start + entry.name), "", "is no file, or leads nowhere"))
    return sorted(found), others


def scan_headers(
    root: Path, files: Sequence[str], cache: Path, *, processes: int | None = None, report: Report = silent
) -> HeaderScan:
    """Read the headers of files.

    Args:
        root: what files are relative to.
        files: sorted, so that slices of one series lie together where they do on disk.
        cache: folder of what an earlier sitting has read; what is read now is added.
        processes: that read; None: one a core; 1: none but this one.
        report: called with files; may raise Cancelled, and what was read so far is taken up by the next call.

    Raises:
        FileError: the cache cannot be written.
        IhdError: a process ended on its own.
    """
    make_folder(cache)
    chunks = [files[start : start + CHUNK] for start in range(0, len(files), CHUNK)]
    found, todo, done = HeaderScan(), dict[int, str](), 0
    for number, chunk in enumerate(chunks):
        digest = _digest(root, chunk)  # before they are read: what changes meanwhile is read again
        kept = _kept(_cached(cache, number), digest)
        if kept is None:
            todo[number] = digest
        else:
            found.add(kept)
            done += len(chunk)
    jobs = [(number, root, chunks[number]) for number in todo]
    for number, rows in in_processes(
        _read_chunk, jobs, processes=processes, done=done, total=len(files), report=report
    ):
        _keep(_cached(cache, number), todo[number], rows)
        found.add(rows)
    return found


def _read_chunk(job: tuple[int, Path, Sequence[str]], steps: Steps) -> tuple[int, Rows]:
    """What the headers of some files say, in their order."""
    number, root, files = job
    reader = HeaderReader()
    rows: Rows = []
    for start in range(0, len(files), _AT_ONCE):
        some = files[start : start + _AT_ONCE]
        rows += [row for file in some for row in _read_file(reader, root, file)]
        steps.done(len(some))
    return number, rows


def _read_file(reader: HeaderReader, root: Path, file: str) -> Rows:
    source = SourceFile(root / file)
    if (shown := printable(file)) != file:
        return [_problem("unreadable", shown, "", "has a name that is no text")]
    try:
        headers = reader.read(source)
    except DicomError as error:
        reason = str(error).removeprefix(f"{source.name}: ")
        is_other = isinstance(error, NotDicom) and source.suffix not in {".dcm", ".dicom", ".ima"}
        return [_problem("not-ct" if is_other else "unreadable", file, "", reason)]
    header = headers[0]
    if reason := why_left_out(header):
        return [_problem("no-position" if reason in UNPLACED else "not-ct", file, reason, reason)]
    if len(headers) > 1 or header.volume is not None:
        text = f"holds {len(headers)} slices; only files of one slice are indexed"
        return [_problem("several-slices", file, str(len(headers)), text)]
    if reason := _why_truncated(header):
        return [_problem("truncated", file, str(header.stamp.size), reason)]
    return [(header.series_uid, to_line(header, file))]


def _why_truncated(header: Header) -> str:
    """Why there are fewer pixels than announced, told by lengths alone; empty where they are there or encoded."""
    wanted = header.rows * header.columns * header.samples_per_pixel * header.pixels.bits_allocated // 8
    if header.place is None:
        return "has no pixels" if header.transfer_syntax in {"", *NATIVE} else _why_broken_off(header)
    there = min(header.place.length, header.stamp.size - header.place.start)
    return f"{there:,} bytes of pixels where {wanted:,} are needed" if there < wanted else ""


def _why_broken_off(header: Header) -> str:
    """Why encoded pixels cannot be read; only where the file does not end as such pixels do are they read for it."""
    end = np.zeros(len(_END), np.uint8)
    try:
        header.file.read_into(end, max(0, header.stamp.size - len(_END)))
        if end.tobytes() != _END and header.transfer_syntax != DEFLATED:
            read_hu(header)
    except (OSError, DicomError) as error:
        return str(error).removeprefix(f"{header.file.name}: ")
    return ""


def _problem(kind: str, file: str, value: str, text: str) -> tuple[None, str]:
    return None, json.dumps([kind, file, value, text])


def _cached(cache: Path, number: int) -> Path:
    return cache / f"{number:05d}.gz"


def _keep(path: Path, digest: str, rows: Rows) -> None:
    text = "\n".join([digest, *(f"{json.dumps(series)}\t{line}" for series, line in rows)])
    write_atomically(path, gzip.compress(text.encode(), 1))


def _kept(path: Path, digest: str) -> Rows | None:
    """What was kept of a chunk; None where it was another one, or there is nothing."""
    if not path.exists():
        return None
    try:
        head, *lines = gzip.decompress(path.read_bytes()).decode().split("\n")
    except (OSError, EOFError, ValueError, zlib.error):
        return None
    if head != digest:
        return None
    parts = (line.partition("\t") for line in lines)
    return [(json.loads(series), line) for series, _, line in parts]


def _digest(root: Path, chunk: Sequence[str]) -> str:
    """Stands for some files as they are now: one that was replaced since is another."""
    stamps = (f"{file}\t{_stamp(root / file)}" for file in chunk)
    return sha256("\n".join([str(root), *stamps]).encode("utf-8", "surrogateescape"))


def _stamp(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return "gone"
    return f"{found.st_size} {found.st_mtime_ns}"
