"""Where the bytes of a file lie: on disk, or within a ZIP archive, however deep."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ihd_core.dicom.sources.archives import Archive, archive_at, printable
from ihd_core.dicom.sources.zip_contents import Refused
from ihd_core.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a file was when it was looked at; another stamp later means another content.

    Attributes:
        size: bytes; unpacked, of a file in an archive.
        changed_ns: when the file, or the archive that it lies in, was changed.
    """

    size: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file that may hold a picture.

    What is wrong with an archive is a DicomError that names the file; a disk that fails is an OSError.

    Attributes:
        path: on disk; of the outermost archive for what lies in one.
        members: name within each archive, outermost first; empty for a file on disk.
        archive: the innermost one, opened when it is needed and open for as long as one of its files is known.
    """

    path: Path
    members: tuple[str, ...] = ()
    archive: Archive | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return printable("/".join((str(self.path), *self.members)))

    @property
    def name(self) -> str:
        """What a message calls it: "IM0001" on disk, "study.zip/CT/IM0001" in an archive; always one printable line."""
        return printable("/".join((self.path.name, *self.members)))

    @property
    def own_name(self) -> str:
        """The last part, which is the same on disk and in an archive."""
        return self.members[-1].rpartition("/")[2] if self.members else self.path.name

    @property
    def folder(self) -> str:
        """What it lies in: a folder on disk, or within an archive."""
        if self.members:
            return "/".join((str(self.path), *self.members)).rpartition("/")[0]
        return str(self.path.parent)

    @property
    def suffix(self) -> str:
        """Ending of the name in lower case, with its dot; empty if it has none."""
        return os.path.splitext(self.own_name)[1].lower()

    def open(self) -> BinaryIO:
        """Open for reading from the start, seekable; the caller closes it.

        Raises:
            OSError: it cannot be opened; in an archive also from reading.
            DicomError: the archive is damaged, or not what it was; also from reading.
        """
        if self.members:
            return self._archive().stream(self.members[-1])
        return self.path.open("rb")

    def start(self, count: int) -> tuple[bytes, Stamp]:
        """The first bytes, at most count of them, and what the file is at this moment.

        Raises:
            OSError: it cannot be read.
            DicomError: the archive is damaged, or not what it was.
        """
        if self.members:
            archive = self._archive()
            size, start = archive.first_bytes(self.members[-1], count)
            return start, Stamp(size, archive.changed_ns)
        descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            status = os.fstat(descriptor)
            return os.read(descriptor, count), Stamp(status.st_size, status.st_mtime_ns)
        finally:
            os.close(descriptor)

    def read_into(self, buffer: NDArray[Any], offset: int) -> tuple[int, Stamp]:
        """Fill a contiguous array with the bytes from offset on.

        Returns:
            How many bytes there were, and what the file is at this moment.

        Raises:
            OSError: it cannot be read.
            DicomError: the file is damaged within its archive, or the archive is not what it was.
        """
        view = memoryview(buffer.data).cast("B")
        if self.members:
            archive = self._archive()
            size, done = archive.read_into(self.members[-1], view, offset)
            return done, Stamp(size, archive.changed_ns)
        with self.path.open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            file.seek(offset)
            done = 0
            while done < len(view) and (more := file.readinto(view[done:])):
                done += more
            return done, Stamp(status.st_size, status.st_mtime_ns)

    def stamp(self) -> Stamp:
        """What the file is at this moment.

        Raises:
            OSError: it, or its archive, is not there any more.
            DicomError: the archive is not what it was.
        """
        if self.members:
            archive = self._archive()
            return Stamp(archive.first_bytes(self.members[-1], 0)[0], archive.changed_ns)
        status = self.path.stat()
        return Stamp(status.st_size, status.st_mtime_ns)

    def _archive(self) -> Archive:
        if self.archive is not None:
            return self.archive
        try:
            archive = archive_at(str(self.path), self.members[:-1])
        except Refused as error:
            raise DicomError(f"{self.name}: its archive {error}") from error
        object.__setattr__(self, "archive", archive)
        return archive


@dataclass(frozen=True, slots=True)
class Problem:
    """A file of which nothing can be read, and why; a reader must hear of it."""

    file: SourceFile
    reason: str


@dataclass(frozen=True, slots=True)
class FilesFound:
    """What lies at some paths.

    Attributes:
        files: each once, archives and DICOMDIRs replaced by what is in them.
        problems: archives, folders, links and files of which nothing can be read.
    """

    files: tuple[SourceFile, ...]
    problems: tuple[Problem, ...]


def files_at(paths: Iterable[Path]) -> FilesFound:
    """Every file of the given files and folders, each once however it is spelled or linked.

    Files of a folder come before those of its sub-folders, both by alphabet. What ends in ".zip" is replaced by what is
    in it, and so is a ZIP archive of any name that is given itself; a DICOMDIR that is given itself by the files that
    it names, while a folder with a DICOMDIR is simply walked. Nothing but given files and archives is opened.

    Raises:
        DicomError: a path does not exist or cannot be listed, the only file given can only be refused, or there are
            more than archives.MOST_FILES files.
    """
    from ihd_core.dicom.sources.file_search import FileSearch

    search = FileSearch()
    given = list(paths)
    for path in given:
        search.add(path)
    if len(given) == 1 and not search.files and len(search.problems) == 1 and search.problems[0].file.path == given[0]:
        problem = search.problems[0]
        raise DicomError(f"{problem.file.name}: {problem.reason}")
    return FilesFound(tuple(search.files), tuple(search.problems))


def files_within(file: SourceFile) -> FilesFound | None:
    """What lies in a file that turned out not to be DICOM; None unless its content is a ZIP archive.

    For archives without the ending, which cannot be told from pictures before they are opened.

    Raises:
        DicomError: it holds more than archives.MOST_FILES files.
    """
    from ihd_core.dicom.sources.file_search import FileSearch

    search = FileSearch()
    is_archive = search.add_archive(file)
    return FilesFound(tuple(search.files), tuple(search.problems)) if is_archive else None
