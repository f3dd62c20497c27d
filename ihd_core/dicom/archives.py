"""Read files within ZIP archives, however deep, without unpacking anything into a folder."""

from __future__ import annotations

import io
import os
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from ihd_core.dicom.archive_bytes import Extent, held, on_disk
from ihd_core.dicom.zip_directory import DEFLATED, Entry, Refused, bytes_at, read_directory
from ihd_core.dicom.zip_members import PIECE, copy_stored, pieces, start_of, unpacked
from ihd_core.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from _typeshed import WriteableBuffer

    from ihd_core.dicom.zip_directory import ReadAt

MOST_FILES = 100_000
"""Files that are looked at in one go, on disk and in archives together."""

_STREAM_PIECE = 1 << 15
"""Bytes that a stream reads or unpacks at a time; often only the header is wanted."""

_LARGEST_AT_ONCE = 64 << 20
"""Bytes of a file that is unpacked whenever it is read; larger ones are unpacked once and kept."""


def printable(text: str) -> str:
    """A name as a message on one line can show it: what cannot be printed is written as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    # A byte of a file name that is not valid UTF-8 comes as a surrogate (PEP 383).
    return f"\\x{ord(char) - 0xDC00:02x}" if "\udc80" <= char <= "\udcff" else ascii(char)[1:-1]


_open: WeakValueDictionary[tuple[str, tuple[str, ...], int, int], Archive] = WeakValueDictionary()
_opening = threading.Lock()


def archive_at(path: str, members: tuple[str, ...] = (), *, most: int = MOST_FILES) -> Archive:
    """The archive at a path, or the one within others; read only once while anyone has it.

    Args:
        path: of the outermost archive, on disk.
        members: name of each one within another, outermost first.
        most: files and folders that may be in it.

    Raises:
        Refused: damaged, password-protected, too large, or made to do harm.
        OSError: it cannot be read.
    """
    status = os.stat(path)
    key = (path, members, status.st_size, status.st_mtime_ns)
    with _opening:
        found = _open.get(key)
    if found is not None and found.entry_count <= most:
        return found
    extent = archive_at(path, members[:-1]).extent_of(members[-1]) if members else on_disk(path)
    archive = Archive("/".join((os.path.basename(path), *members)), extent, most=most)
    with _opening:
        return _open.setdefault(key, archive)


class Archive:
    """One ZIP archive, of which the table of contents is kept; no file on disk stays open.

    Safe to use from several threads at once.

    Attributes:
        entries: what can be read, by name.
        refused: name, empty where it is several files, and reason.
        entry_count: of everything in it, folders included.

    Raises:
        Refused: damaged, password-protected, too large, or made to do harm.
        OSError: it cannot be read.
    """

    def __init__(self, name: str, extent: Extent, *, most: int) -> None:
        self._name = name
        self._extent = extent
        with extent.reading() as read_at:
            self.entries, self.refused, self.entry_count = read_directory(read_at, extent.size, most=most)
        self._starts: dict[str, int] = {}
        self._checked: set[str] = set()
        self._unpacked: tuple[str, Extent] | None = None
        self._unpacking = threading.Lock()

    @property
    def changed_ns(self) -> int:
        """When the outermost archive was last changed, as it was opened."""
        return self._extent.changed_ns

    def check(self, name: str) -> int:
        """Size of a file, once it is sure that the archive is what it was.

        Raises:
            DicomError: it is not.
            OSError: it cannot be opened.
        """
        with self.reading(name) as (entry, _):
            return entry.size

    def first_bytes(self, name: str, count: int) -> tuple[int, bytes]:
        """Size of a file, and its first bytes, at most count of them; hardly more than these are unpacked.

        Raises:
            DicomError: the archive is damaged, or not what it was.
            OSError: it cannot be read.
        """
        found = bytearray()
        with self.reading(name) as (entry, read_at):
            if entry.method != DEFLATED and count < entry.size:
                return entry.size, bytes_at(read_at, self._start(read_at, entry), count)
            for piece in self.pieces(read_at, entry, max(1, min(count, PIECE))):
                found += piece
                if len(found) >= count:
                    break
        return entry.size, bytes(found[:count])

    def read_into(self, name: str, buffer: memoryview, offset: int) -> tuple[int, int]:
        """Fill a buffer with the bytes of a file from offset on.

        The first time the whole file is checked, so that no part of a damaged one is used.

        Returns:
            Size of the file, and how many bytes there were.

        Raises:
            DicomError: the archive is damaged, or not what it was.
            OSError: it cannot be read.
        """
        with self.reading(name) as (entry, read_at):
            buffer = buffer[: max(0, entry.size - offset)]
            if not buffer:
                return entry.size, 0
            if entry.method != DEFLATED:
                is_checked = name in self._checked
                copy_stored(entry, read_at, self._start(read_at, entry), buffer, offset, check=not is_checked)
                self._checked.add(name)
            elif entry.size > min(4 * len(buffer), _LARGEST_AT_ONCE):
                # Frames of one file, in any order: unpacking it anew for each would take the square of them.
                with self._whole(entry, read_at).reading() as unpacked_at:
                    unpacked_at(offset, buffer)
            else:
                buffer[:] = unpacked(entry, read_at, self._start(read_at, entry))[offset : offset + len(buffer)]
            return entry.size, len(buffer)

    def stream(self, name: str) -> BinaryIO:
        """A file to read and seek in, unpacked as far as it is read; the caller closes it.

        Raises:
            DicomError: the archive is damaged, or not what it was; from reading as well.
            OSError: it cannot be read; from reading as well.
        """
        return io.BufferedReader(_Stream(self, name), _STREAM_PIECE)

    def extent_of(self, name: str) -> Extent:
        """Where the bytes of a file can be read at any place: within the archive, or unpacked.

        Raises:
            Refused: the archive is damaged, or too large.
            OSError: it cannot be read.
        """
        with self._extent.reading() as read_at:
            entry = self._entry(name)
            if entry.method != DEFLATED:
                return self._extent.part(self._start(read_at, entry), entry.size)
            return held(self.pieces(read_at, entry), entry.size, self.changed_ns)

    @contextmanager
    def reading(self, name: str) -> Iterator[tuple[Entry, ReadAt]]:
        """An entry and what reads the archive, closed after the block; what is refused there names the file."""
        with self.named(name), self._extent.reading() as read_at:
            yield self._entry(name), read_at

    @contextmanager
    def named(self, name: str) -> Iterator[None]:
        """Turn what is refused in the block into a DicomError that names the file."""
        try:
            yield
        except Refused as error:
            raise DicomError(f"{printable(f'{self._name}/{name}')}: {error}") from error

    def _entry(self, name: str) -> Entry:
        if name not in self.entries:
            raise Refused("is not in the archive")
        return self.entries[name]

    def _start(self, read_at: ReadAt, entry: Entry) -> int:
        if entry.name not in self._starts:
            self._starts[entry.name] = start_of(entry, read_at)
        return self._starts[entry.name]

    def pieces(self, read_at: ReadAt, entry: Entry, most: int = PIECE) -> Iterator[bytes]:
        """Unpack a file, as zip_members.pieces does."""
        return pieces(entry, read_at, self._start(read_at, entry), most)

    def _whole(self, entry: Entry, read_at: ReadAt) -> Extent:
        """A file unpacked as a whole; kept until another one is."""
        with self._unpacking:
            if self._unpacked is None or self._unpacked[0] != entry.name:
                self._unpacked = None
                self._unpacked = (entry.name, held(self.pieces(read_at, entry), entry.size, self.changed_ns))
            return self._unpacked[1]


class _Stream(io.RawIOBase):
    """A file within an archive, which is open for as long as this is."""

    def __init__(self, archive: Archive, name: str) -> None:
        super().__init__()
        self.name = name  # pydicom asks every file for one
        self._archive = archive
        self._place = 0
        self._read = bytearray()
        self._opened = ExitStack()
        entry, read_at = self._opened.enter_context(archive.reading(name))
        self._size = entry.size
        self._pieces = archive.pieces(read_at, entry, _STREAM_PIECE)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._place = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence])
        return self._place

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        if self._place + len(view) > _LARGEST_AT_ONCE:
            _, done = self._archive.read_into(self.name, view, self._place)
        else:
            with self._archive.named(self.name):
                while len(self._read) < min(self._place + len(view), self._size):
                    self._read += next(self._pieces)
            there = memoryview(self._read)[self._place : self._place + len(view)]
            done = len(there)
            view[:done] = there
        self._place += done
        return done

    def close(self) -> None:
        self._opened.close()
        super().close()
