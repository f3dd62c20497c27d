"""Where the bytes of a file lie: on disk, or within a ZIP archive, however deep."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ihd_core.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a file was when it was looked at; another stamp later means another content."""

    size: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file that may hold a picture.

    Attributes:
        path: on disk; of the outermost archive for what lies in one.
        members: name within each archive, outermost first; empty for a file on disk.
    """

    path: Path
    members: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "/".join((str(self.path), *self.members))

    @property
    def name(self) -> str:
        """The last part, as a message names it."""
        return PurePosixPath(self.members[-1]).name if self.members else self.path.name

    @property
    def folder(self) -> str:
        """What it lies in: a folder on disk, or within an archive."""
        return str(self).rpartition("/")[0] if self.members else str(self.path.parent)

    @property
    def suffix(self) -> str:
        """Ending of the name in lower case, with its dot; empty if it has none."""
        return PurePosixPath(self.name).suffix.lower()

    def open(self) -> BinaryIO:
        """Open for reading from the start; the caller closes it.

        Raises:
            OSError: it cannot be opened.
        """
        if not self.members:
            return self.path.open("rb")
        return zipfile.ZipFile(self.path).open(self.members[0])  # type: ignore[return-value]

    def start(self, count: int) -> tuple[bytes, Stamp]:
        """The first bytes, at most count of them, and what the file is at this moment.

        Raises:
            OSError: it cannot be read.
        """
        if self.members:
            with self.open() as file:
                return file.read(count), self.stamp()
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
        """
        if self.members:
            with self.open() as file:
                file.seek(offset)
                return file.readinto(buffer), self.stamp()  # type: ignore[attr-defined]
        with self.path.open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            file.seek(offset)
            view = memoryview(buffer.data).cast("B")
            done = 0
            while done < len(view) and (more := file.readinto(view[done:])):
                done += more
            return done, Stamp(status.st_size, status.st_mtime_ns)

    def stamp(self) -> Stamp:
        """What the file, or the archive it lies in, is at this moment.

        Raises:
            OSError: it is not there any more.
        """
        status = self.path.stat()
        return Stamp(status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Problem:
    """A file of which nothing can be read, and why; a reader must hear of it."""

    file: SourceFile
    reason: str


@dataclass(frozen=True, slots=True)
class FilesFound:
    """What lies at some paths.

    Attributes:
        files: each once, archives replaced by what is in them.
        problems: archives and links that cannot be followed.
    """

    files: tuple[SourceFile, ...]
    problems: tuple[Problem, ...]


def files_at(paths: Iterable[Path]) -> FilesFound:
    """Every file of the given files and folders, each once however it is spelled, folders in alphabetical order.

    Links to folders are not followed, so a loop of them ends.

    Raises:
        DicomError: a path does not exist, or a folder cannot be listed.
    """
    found: dict[str, SourceFile] = {}
    for path in paths:
        if not path.exists():
            raise DicomError(f"{path}: does not exist")
        for file in _walk(path) if path.is_dir() else [path]:
            found.setdefault(os.path.abspath(file), SourceFile(file))
    return FilesFound(tuple(found.values()), ())


def _walk(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise DicomError(f"{error.filename}: cannot be read ({error.strerror})") from error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        for name in sorted(names):
            yield Path(parent, name)
