"""Read files within ZIP archives, however deep, without unpacking anything into a folder."""

from __future__ import annotations

import copy
import errno
import io
import os
import tempfile
import threading
import weakref
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast
from zipfile import ZIP_STORED, BadZipFile

from ihd_core.dicom.sources.zip_contents import Refused, read_contents, refusing
from ihd_core.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import BinaryIO
    from zipfile import ZipExtFile, ZipInfo

    from _typeshed import WriteableBuffer

    Opened = Callable[[], AbstractContextManager[io.BufferedReader]]
    """Opens the bytes of an archive for one block; what it gives is for one thread."""

MOST_FILES = 100_000
"""Files that are looked at in one go, on disk and in archives together."""

MOST_IN_MEMORY, MOST_UNPACKED = 1 << 30, 8 << 30
"""Bytes that are unpacked and kept, of all archives; what is beyond the first goes to temporary files."""

_LEAST_IN_FILE = 64 << 20
"""Bytes that a temporary file counts for at least, so that not more than 112 are open."""

_LARGEST_AT_ONCE = 64 << 20
"""Bytes of a file that may be unpacked whenever it is read; of larger ones the last is kept unpacked."""

_PIECE, _STREAM_PIECE = 1 << 18, 1 << 15
"""Bytes that are unpacked at a time, and by a stream, of which often only the header is wanted."""


def printable(text: str) -> str:
    """A name as a message on one line can show it: what cannot be printed is written as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    # A byte of a file name that is not valid UTF-8 comes as a surrogate (PEP 383).
    return f"\\x{ord(char) - 0xDC00:02x}" if "\udc80" <= char <= "\udcff" else ascii(char)[1:-1]


_open: weakref.WeakValueDictionary[tuple[str, tuple[str, ...], int, int], Archive] = weakref.WeakValueDictionary()
_opening = threading.Lock()


def archive_at(path: str, members: tuple[str, ...] = (), *, most: int = MOST_FILES) -> Archive:
    """The archive at a path, or the one within others; its table of contents is read once while anyone has it.

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
    if found is not None and found.contents.entry_count <= most:
        return found
    opened = archive_at(path, members[:-1]).within(members[-1]) if members else partial(_on_disk, path, *key[2:])
    archive = Archive("/".join((os.path.basename(path), *members)), opened, status.st_mtime_ns, most=most)
    with _opening:
        return _open.setdefault(key, archive)


@contextmanager
def _on_disk(path: str, size: int, changed_ns: int) -> Iterator[io.BufferedReader]:
    """A file for one block, since one that stays open could be neither deleted nor ejected on Windows."""
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        if (status.st_size, status.st_mtime_ns) != (size, changed_ns):
            raise Refused("has changed since it was found; open it again")
        yield file


class Archive:
    """One ZIP archive, of which the table of contents is kept; no file on disk stays open.

    Safe to use from several threads at once. Once it is there, reading from it raises a DicomError if it is damaged or
    not what it was, and an OSError if it cannot be read.

    Attributes:
        contents: what can be read, and what is refused.
        changed_ns: when the outermost archive was last changed, as it was opened.

    Raises:
        Refused: damaged, password-protected, too large, or made to do harm.
        OSError: it cannot be read.
    """

    def __init__(self, name: str, opened: Opened, changed_ns: int, *, most: int) -> None:
        self._name = name
        self._opened = opened
        with opened() as file:
            self.contents = read_contents(file, most=most)
        self.changed_ns = changed_ns
        self._kept: tuple[ZipInfo, _Unpacked] | None = None
        self._keeping = threading.Lock()

    def first_bytes(self, name: str, count: int) -> tuple[int, bytes]:
        """Size of a file, and its first bytes, at most count of them; hardly more than these are unpacked."""
        with self._named(name), self._member(name) as (info, member, _):
            return info.file_size, _read(member, info, min(count, info.file_size))

    def read_into(self, name: str, buffer: memoryview, offset: int) -> tuple[int, int]:
        """Fill a buffer with the bytes of a file from offset on; no part of a damaged file is used.

        Returns:
            Size of the file, and how many bytes there were.
        """
        with self._named(name), self._member(name) as (info, member, _):
            buffer = buffer[: max(0, info.file_size - offset)]
            if info.file_size <= min(4 * len(buffer), _LARGEST_AT_ONCE):
                buffer[:] = memoryview(_read(member, info, info.file_size))[offset : offset + len(buffer)]
            elif buffer:
                self._whole(member, info).read_at(offset, buffer)
            return info.file_size, len(buffer)

    def stream(self, name: str) -> BinaryIO:
        """A file to read and seek in, unpacked as far as it is read; the caller closes it.

        What is wrong with it may come from reading.
        """
        opened = ExitStack()
        with self._named(name):
            info, member, _ = opened.enter_context(self._member(name))

        def read_at(offset: int, buffer: memoryview) -> None:
            if offset < member.tell():
                self.read_into(name, buffer, offset)
                return
            with self._named(name):
                while ahead := offset - member.tell():
                    _read(member, info, min(ahead, _PIECE))
                buffer[:] = _read(member, info, len(buffer))

        return io.BufferedReader(_Reader(read_at, info.file_size, name, opened.close), _STREAM_PIECE)

    def within(self, name: str) -> Opened:
        """What opens a file to be read at any place: where it lies if it is stored, and otherwise unpacked.

        Raises:
            Refused: the archive is damaged, or too large.
            OSError: it cannot be read.
        """
        with refusing(), self._member(name) as (info, member, _):
            is_stored = info.compress_type == ZIP_STORED
            return partial(self._stored, name) if is_stored else _Unpacked(member, info).opened

    @contextmanager
    def _named(self, name: str) -> Iterator[None]:
        """Turn what is refused in the block into a DicomError that names the file."""
        try:
            with refusing():
                yield
        except Refused as error:
            raise DicomError(f"{printable(f'{self._name}/{name}')}: {error}") from error

    @contextmanager
    def _member(self, name: str) -> Iterator[tuple[ZipInfo, ZipExtFile, io.BufferedReader]]:
        """What is announced of a file, the file, and the archive, which stands at the first of its bytes."""
        info = self.contents.entries.get(name)
        if info is None:
            raise Refused("is not in the archive")
        with self._opened() as file:
            archive = copy.copy(self.contents.archive)  # with the same table of contents, which is not read again
            archive.fp = file
            with archive.open(info) as member:
                yield info, cast("ZipExtFile", member), file

    @contextmanager
    def _stored(self, name: str) -> Iterator[io.BufferedReader]:
        """A stored file, opened to be read at any place; its checksum is not looked at."""
        with self._member(name) as (info, _, file):
            start = file.tell()

            def read_at(offset: int, buffer: memoryview) -> None:
                file.seek(start + offset)
                file.readinto(buffer)

            yield io.BufferedReader(_Reader(read_at, info.file_size))

    def _whole(self, member: ZipExtFile, info: ZipInfo) -> _Unpacked:
        """A file of many pictures, which come in any order; without this each were unpacked from the start."""
        with self._keeping:
            if self._kept is None or self._kept[0] is not info:
                self._kept = None
                self._kept = (info, _Unpacked(member, info))
            return self._kept[1]


def _read(member: ZipExtFile, info: ZipInfo, count: int) -> bytes:
    """The next bytes of a file; the last of them come only once the checksum is right."""
    try:
        found = member.read(count)
    except BadZipFile as error:
        raise Refused("is damaged (its checksum is wrong)") from error
    if len(found) < count:
        raise Refused(f"is damaged (breaks off after {member.tell():,} of {info.file_size:,} bytes)")
    return found


class _Reader(io.RawIOBase):
    """A file to seek in, of which a function fills a buffer with what begins at an offset."""

    def __init__(
        self, read_at: Callable[[int, memoryview], None], size: int, name: str = "", *on_close: Callable[[], None]
    ) -> None:
        super().__init__()
        self.name = name  # pydicom asks every file for one
        self._read_at = read_at
        self._size = size
        self._on_close = on_close
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        if place < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._place = place
        return place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: WriteableBuffer) -> int:
        there = memoryview(buffer).cast("B")[: max(0, self._size - self._place)]
        if there:
            self._read_at(self._place, there)
        self._place += len(there)
        return len(there)

    def close(self) -> None:
        for call in self._on_close:
            call()
        super().close()


class _Unpacked:
    """A file that is kept unpacked, in memory or in a temporary file without a name, until nobody needs it.

    Raises:
        Refused: it is damaged, or does not fit beside what is kept already.
        OSError: there is no room for a temporary file.
    """

    kept_bytes: ClassVar[int] = 0
    _counting: ClassVar[threading.RLock] = threading.RLock()  # a finalizer may run while its own thread counts

    def __init__(self, member: ZipExtFile, info: ZipInfo) -> None:
        self._size = size = info.file_size
        with self._counting:
            in_memory = self.kept_bytes + size <= MOST_IN_MEMORY
            taken = size if in_memory else max(size, _LEAST_IN_FILE)
            if self.kept_bytes + taken > MOST_UNPACKED:
                raise Refused(f"lies in an archive and has {size:,} bytes, more than fit; unpack the outer one first")
            self._count(taken)
        weakref.finalize(self, self._count, -taken)
        self._file = io.BytesIO() if in_memory else tempfile.TemporaryFile()  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._reading = threading.Lock()
        while piece := _read(member, info, min(_PIECE, size - member.tell())):
            self._file.write(piece)

    @classmethod
    def _count(cls, more: int) -> None:
        with cls._counting:
            cls.kept_bytes += more

    @contextmanager
    def opened(self) -> Iterator[io.BufferedReader]:
        """A file to seek in, with a place of its own."""
        yield io.BufferedReader(_Reader(self.read_at, self._size))

    def read_at(self, offset: int, buffer: memoryview) -> None:
        """Fill a buffer with what begins at an offset."""
        with self._reading:
            self._file.seek(offset)
            self._file.readinto(buffer)
