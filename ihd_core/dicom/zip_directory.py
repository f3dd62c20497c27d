"""The table of contents of a ZIP archive, and what in it is refused before a byte of it is unpacked.

Structures and flags are those of PKWARE's APPNOTE.TXT 6.3.10, 4.3 and 4.4. Stored and deflated files are read, the two
methods of ISO/IEC 21320-1.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    ReadAt = Callable[[int, memoryview], int]
    """Fills a buffer from an offset on, and says how many bytes there were."""

STORED, DEFLATED = 0, 8

LARGEST_MEMBER = 2 << 30
"""Bytes of one file once it is unpacked."""

LARGEST_RATIO, SMALLEST_BOMB = 1000, 100 << 20
"""A file that unpacks to more than so many times what it takes is refused, if that is more than so many bytes."""

LARGEST_DIRECTORY = 64 << 20
"""Bytes of a table of contents; one of 100,000 files has about 10 MiB."""

LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Mark, length of the name, length of the extra field; the file's bytes follow these two."""

_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 12: "BZIP2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
_AES = 99
_END = struct.Struct("<4s4H2LH")
_END64_PLACE = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LONGEST_COMMENT = 0xFFFF
_IN_EXTRA_16, _IN_EXTRA_32 = 0xFFFF, 0xFFFFFFFF
_ENCRYPTED, _UTF8 = 1 << 0 | 1 << 6 | 1 << 13, 1 << 11
_DRIVE = re.compile(r"[A-Za-z]:")


class Refused(Exception):
    """Why an archive, or a file in it, is not read; follows its name in a message."""


class Entry(NamedTuple):
    """One file in an archive, as the table of contents announces it.

    Attributes:
        name: its path within the archive, parts separated by "/".
        method: of compression.
        flags: general purpose bits.
        crc: CRC-32 of its bytes.
        packed: bytes it takes within the archive.
        size: bytes it has unpacked.
        offset: of its local header, in bytes from the start of the archive.
    """

    name: str
    method: int
    flags: int
    crc: int
    packed: int
    size: int
    offset: int


class Directory(NamedTuple):
    """What may be read in an archive, and what is refused.

    Attributes:
        entries: files by name, in the order of a walk: those of a folder before its sub-folders, both by alphabet.
        refused: name and reason; the name is empty where the reason is that of several files.
        entry_count: of everything in it, folders included.
    """

    entries: dict[str, Entry]
    refused: list[tuple[str, str]]
    entry_count: int


def bytes_at(read_at: ReadAt, offset: int, count: int) -> bytes:
    """Up to count bytes from offset on."""
    buffer = memoryview(bytearray(count))
    return bytes(buffer[: read_at(offset, buffer)])


def read_directory(read_at: ReadAt, size: int, *, most: int) -> Directory:
    """Read the table of contents of an archive.

    Args:
        read_at: of the archive.
        size: of the archive, bytes.
        most: files and folders that may be in it.

    Raises:
        Refused: damaged, password-protected, in several parts, too large, or made to do harm.
        OSError: the archive cannot be read.
    """
    end = _find_end(read_at, size)
    if end.entry_count > most:
        raise Refused(f"holds {end.entry_count:,} files, at most {most:,} are read at once")
    if end.size > LARGEST_DIRECTORY:
        raise Refused(
            f"is damaged (its table of contents has {end.size:,} bytes, at most {LARGEST_DIRECTORY:,} are read)"
        )
    entries: list[Entry] = []
    for entry in _entries(bytes_at(read_at, end.start, end.size), end.shift):
        if len(entries) == most:
            raise Refused(f"holds more than {most:,} files, the most that are read at once")
        entries.append(entry)
    # Of more than 65,535 some writers give the rest after division.
    if len(entries) & 0xFFFF != end.entry_count & 0xFFFF:
        raise Refused(f"is damaged (lists {len(entries):,} files where {end.entry_count:,} were announced)")
    files = [entry for entry in entries if not entry.name.endswith("/")]
    _refuse_overlaps(files, end.start)
    return Directory(*_sorted_out(files), len(entries))


class _End(NamedTuple):
    """Where the table of contents lies, what it says it has, and how far the archive begins before its first byte."""

    start: int
    size: int
    entry_count: int
    shift: int


def _find_end(read_at: ReadAt, size: int) -> _End:
    """Understand the record at the end of an archive, which says where the table of contents is."""
    tail_start = max(0, size - _END.size - _LONGEST_COMMENT - _END64_PLACE.size)
    tail = bytes_at(read_at, tail_start, size - tail_start)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END.size:
        raise Refused("is damaged (breaks off before its table of contents)")
    _, disk, first_disk, _, count, directory_size, offset, _ = _END.unpack_from(tail, place)
    end = tail_start + place
    place64 = place - _END64_PLACE.size
    if place64 >= 0 and tail[place64 : place64 + 4] == b"PK\x06\x07":
        # Nothing but the archive's own writer puts the record elsewhere than right before this, its locator.
        end -= _END64_PLACE.size + _END64.size
        record = bytes_at(read_at, max(0, end), _END64.size)
        if len(record) < _END64.size or record[:4] != b"PK\x06\x06":
            raise Refused("is damaged (breaks off before its table of contents)")
        _, _, _, _, disk, first_disk, _, count, directory_size, offset = _END64.unpack(record)
    if disk or first_disk:
        raise Refused("is one part of an archive in several; join them first")
    start = end - directory_size
    if start > offset and bytes_at(read_at, 0, 4) == b"PK\x03\x04":
        # The record found is that of an archive stored in this one, whose own end is missing.
        raise Refused("is damaged (breaks off before its table of contents)")
    if start < offset:
        raise Refused("is damaged (its table of contents is not where it says)")
    return _End(start, directory_size, count, start - offset)


def _entries(directory: bytes, shift: int) -> Iterator[Entry]:
    """Every file and folder that a table of contents names."""
    place = 0
    while place < len(directory):
        if len(directory) - place < _ENTRY.size or directory[place : place + 4] != b"PK\x01\x02":
            raise Refused("is damaged (its table of contents cannot be read)")
        head = _ENTRY.unpack_from(directory, place)
        _, _, _, flags, method, _, _, crc, packed, size, name_length, extra_length, comment_length, *_, offset = head
        place += _ENTRY.size
        name = directory[place : place + name_length]
        extra = directory[place + name_length : place + name_length + extra_length]
        place += name_length + extra_length + comment_length
        if place > len(directory):
            raise Refused("is damaged (its table of contents breaks off)")
        if _IN_EXTRA_32 in {packed, size, offset}:
            size, packed, offset = _long_sizes(extra, size, packed, offset)
        yield Entry(_text(name, flags), method, flags, crc, packed, size, offset + shift)


def _long_sizes(extra: bytes, *sizes: int) -> tuple[int, int, int]:
    """Unpacked and packed size and offset with those that do not fit 32 bits taken from the extra field."""
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, place)
        if kind == 1:
            there = iter(struct.unpack_from(f"<{min(length, len(extra) - place - 4) // 8}Q", extra, place + 4))
            found = [next(there, -1) if size == _IN_EXTRA_32 else size for size in sizes]
            if -1 not in found:
                return found[0], found[1], found[2]
        place += 4 + length
    raise Refused("is damaged (sizes are missing in its table of contents)")


def _text(name: bytes, flags: int) -> str:
    """A name as text: many archives have UTF-8 without saying so, and none has two names that this makes one."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        text = name.decode("utf-8", "backslashreplace") if flags & _UTF8 else name.decode("cp437")
    return text.replace("\\", "/")


def _refuse_overlaps(files: Iterable[Entry], end: int) -> None:
    """Refuse an archive whose files share bytes, by which a small one unpacks to anything."""
    before: Entry | None = None
    for entry in sorted(files, key=lambda file: file.offset):
        if before and before.offset + LOCAL_HEADER.size + before.packed > entry.offset:
            raise Refused("is damaged (files in it overlap, as in a ZIP bomb)")
        before = entry
    if before and before.offset + LOCAL_HEADER.size + before.packed > end:
        raise Refused("is damaged (a file in it runs beyond its end)")


def _sorted_out(files: list[Entry]) -> tuple[dict[str, Entry], list[tuple[str, str]]]:
    entries: dict[str, Entry] = {}
    refused: list[tuple[str, str]] = []
    of_several: Counter[str] = Counter()
    for entry in sorted(files, key=lambda file: _walk_order(file.name)):
        if entry.flags & _ENCRYPTED or entry.method == _AES:
            of_several["password-protected"] += 1
        elif entry.method not in {STORED, DEFLATED}:
            method = _METHODS.get(entry.method, f"method {entry.method}")
            of_several[f"compressed with {method}, which is not read"] += 1
        elif reason := _why_refused(entry):
            refused.append((entry.name, reason))
        elif name := _free_name(entry, entries):
            entries[name] = entry._replace(name=name)
    for reason, count in of_several.items():
        part = f" ({count:,} of its {len(files):,} files)" if count < len(files) else ""
        refused.append(("", f"is {reason}{part}; unpack it first"))
    return entries, refused


def _walk_order(name: str) -> list[tuple[bool, str]]:
    *folders, last = name.split("/")
    return [*((True, folder) for folder in folders), (False, last)]


def _why_refused(entry: Entry) -> str:
    """What is wrong with one file that announces itself so; empty if nothing is."""
    if entry.name.startswith("/") or _DRIVE.match(entry.name) or ".." in entry.name.split("/"):
        return "has a name that leads out of the archive"
    if entry.size > LARGEST_MEMBER:
        return f"would unpack to {entry.size:,} bytes, at most {LARGEST_MEMBER:,} are read"
    if entry.size > max(SMALLEST_BOMB, LARGEST_RATIO * entry.packed):
        return f"would unpack to {entry.size:,} bytes from {entry.packed:,}, as in a ZIP bomb"
    if entry.method == STORED and entry.size != entry.packed:
        return f"is damaged ({entry.packed:,} bytes where {entry.size:,} were announced)"
    return ""


def _free_name(entry: Entry, entries: dict[str, Entry]) -> str:
    """A name that no file before has; empty where one of the same name and content is there already."""
    name, number = entry.name, 1
    while name in entries:
        if (entries[name].size, entries[name].crc) == (entry.size, entry.crc):
            return ""
        number += 1
        name = f"{entry.name} ({number})"
    return name
