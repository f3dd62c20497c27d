"""Where the bytes of an archive are: in a file, or unpacked in memory or in a temporary file without a name."""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.dicom.zip_directory import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from io import FileIO
    from typing import Protocol

    from ihd_core.dicom.zip_directory import ReadAt

    class _Place(Protocol):
        @property
        def changed_ns(self) -> int: ...

        def reading(self) -> AbstractContextManager[ReadAt]: ...


MOST_IN_MEMORY = 1 << 30
"""Bytes of unpacked archives in memory, of all that are open; what is beyond goes to a temporary file."""

MOST_UNPACKED = 8 << 30
"""Bytes of unpacked archives in all."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A run of bytes.

    Attributes:
        size: bytes.
    """

    _place: _Place
    _start: int
    size: int

    @property
    def changed_ns(self) -> int:
        """When the file on disk that they are from was last changed."""
        return self._place.changed_ns

    @contextmanager
    def reading(self) -> Iterator[ReadAt]:
        """What reads them; nothing stays open after the block.

        Raises:
            Refused: the file has changed since it was first looked at.
            OSError: it cannot be opened.
        """
        with self._place.reading() as read_at:
            yield lambda offset, buffer: read_at(self._start + offset, buffer[: max(0, self.size - offset)])

    def part(self, start: int, size: int) -> Extent:
        """Some of these bytes."""
        return Extent(self._place, self._start + start, size)


def on_disk(path: str) -> Extent:
    """All bytes of a file.

    Raises:
        OSError: it is not there.
    """
    status = os.stat(path)
    return Extent(_OnDisk(path, status.st_size, status.st_mtime_ns), 0, status.st_size)


def held(pieces: Iterable[bytes], size: int, changed_ns: int) -> Extent:
    """Keep bytes for as long as the extent is used.

    Args:
        pieces: together not more than size bytes.
        size: bytes.
        changed_ns: when the file on disk that they are from was last changed.

    Raises:
        Refused: they do not fit beside those that are held already.
        OSError: there is no room for a temporary file.
    """
    return Extent(_held.take(pieces, size, changed_ns), 0, size)


@dataclass(frozen=True, slots=True)
class _OnDisk:
    """A file that is opened for every reading: an open one could not be deleted on Windows."""

    path: str
    size: int
    changed_ns: int

    @contextmanager
    def reading(self) -> Iterator[ReadAt]:
        with open(self.path, "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if (status.st_size, status.st_mtime_ns) != (self.size, self.changed_ns):
                raise Refused("has changed since it was found; open it again")

            def read_at(offset: int, buffer: memoryview) -> int:
                return _fill(file, offset, buffer)

            yield read_at


class _InMemory:
    def __init__(self, content: bytearray, changed_ns: int) -> None:
        self.changed_ns = changed_ns
        self._content = memoryview(content)

    @contextmanager
    def reading(self) -> Iterator[ReadAt]:
        yield self._read_at

    def _read_at(self, offset: int, buffer: memoryview) -> int:
        there = self._content[offset : offset + len(buffer)]
        buffer[: len(there)] = there
        return len(there)


class _Temporary:
    """A file without a name, which the system frees when it is closed, shared by all that did not fit into memory."""

    def __init__(self) -> None:
        self.file: FileIO = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self.lock = threading.Lock()
        self.end = 0
        weakref.finalize(self, self.file.close)


class _InTemporary:
    def __init__(self, temporary: _Temporary, start: int, changed_ns: int) -> None:
        self.changed_ns = changed_ns
        self._temporary = temporary
        self._start = start

    @contextmanager
    def reading(self) -> Iterator[ReadAt]:
        yield self._read_at

    def _read_at(self, offset: int, buffer: memoryview) -> int:
        with self._temporary.lock:
            return _fill(self._temporary.file, self._start + offset, buffer)


class _Held:
    """Counts what is held, and decides where the next goes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.in_memory = 0
        self.in_all = 0
        self._temporary: weakref.ref[_Temporary] | None = None

    def take(self, pieces: Iterable[bytes], size: int, changed_ns: int) -> _Place:
        with self._lock:
            if self.in_all + size > MOST_UNPACKED:
                raise Refused(f"lies in an archive and has {size:,} bytes, more than fit; unpack the outer one first")
            fits = self.in_memory + size <= MOST_IN_MEMORY
            in_memory = size if fits else 0
            self.in_all += size
            self.in_memory += in_memory
        try:
            place = self._in_memory(pieces, changed_ns) if fits else self._in_temporary(pieces, size, changed_ns)
        except BaseException:
            self._forget(size, in_memory)
            raise
        weakref.finalize(place, self._forget, size, in_memory)
        return place

    def _forget(self, size: int, in_memory: int) -> None:
        with self._lock:
            self.in_all -= size
            self.in_memory -= in_memory

    @staticmethod
    def _in_memory(pieces: Iterable[bytes], changed_ns: int) -> _InMemory:
        content = bytearray()
        for piece in pieces:
            content += piece
        return _InMemory(content, changed_ns)

    def _in_temporary(self, pieces: Iterable[bytes], size: int, changed_ns: int) -> _InTemporary:
        with self._lock:
            temporary = self._temporary() if self._temporary else None
            if temporary is None:
                temporary = _Temporary()
                self._temporary = weakref.ref(temporary)
            start = place = temporary.end
            temporary.end += size
        for piece in pieces:
            view = memoryview(piece)
            while view:
                with temporary.lock:
                    temporary.file.seek(place)
                    written = temporary.file.write(view)
                place += written
                view = view[written:]
        return _InTemporary(temporary, start, changed_ns)


def _fill(file: FileIO, offset: int, buffer: memoryview) -> int:
    """Read until the buffer is full or the file ends."""
    file.seek(offset)
    done = 0
    while done < len(buffer) and (more := file.readinto(buffer[done:])):
        done += more
    return done


_held = _Held()
