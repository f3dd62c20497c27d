"""The table of contents of a ZIP archive, and what in it is refused before a byte of it is unpacked.

The table is read by zipfile, which has no limits; so its end record is looked at before, and its entries after that.
Stored and deflated files are read, the two methods of ISO/IEC 21320-1: of bzip2 and LZMA zipfile unpacks as much as a
piece of the archive yields, which may be gigabytes from a few kilobytes, whatever size they announce.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections import Counter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO
    from zipfile import ZipInfo

LARGEST_MEMBER = 2 << 30
"""Bytes of one file once it is unpacked."""

LARGEST_RATIO, SMALLEST_BOMB = 1000, 100 << 20
"""A file that unpacks to more than so many times what it takes is refused, if that is more than so many bytes."""

LARGEST_DIRECTORY = 64 << 20
"""Bytes of a table of contents; one of 100,000 files has about 10 MiB."""

_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 12: "BZIP2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
_AES = 99
_ENCRYPTED, _UTF8 = 1 << 0 | 1 << 6 | 1 << 13, 1 << 11
_END, _END64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q4sLQL")  # with the locator of 64 bits behind it
_SHORTEST_HEADER = 30
_DRIVE = re.compile(r"[A-Za-z]:")


class Refused(Exception):
    """Why an archive, or a file in it, is not read; follows its name in a message."""


class Contents(NamedTuple):
    """What may be read in an archive, and what is refused.

    Attributes:
        archive: its table of contents; the file that it was read from may be closed by now.
        entries: files by name, in the order of a walk: those of a folder before its sub-folders, both by alphabet.
        refused: name and reason; the name is empty where the reason is that of several files.
        entry_count: of everything in it, folders included.
    """

    archive: ZipFile
    entries: dict[str, ZipInfo]
    refused: list[tuple[str, str]]
    entry_count: int


@contextmanager
def refusing() -> Iterator[None]:
    """Turn whatever zipfile raises in the block for a damaged or strange archive into Refused."""
    try:
        yield
    except EOFError as error:
        raise Refused("is damaged (breaks off)") from error
    except (BadZipFile, zlib.error, UnicodeError) as error:
        raise Refused(f"is damaged ({error})") from error
    except RuntimeError as error:
        raise Refused(f"is not read ({error}); unpack it first") from error


def read_contents(file: BinaryIO, *, most: int) -> Contents:
    """Read the table of contents of an archive.

    Args:
        file: the archive, seekable.
        most: files and folders that may be in it.

    Raises:
        Refused: damaged, password-protected, in several parts, too large, or made to do harm.
        OSError: the archive cannot be read.
    """
    start, length, announced = _end(file)
    if announced > most:
        raise Refused(f"holds {announced:,} files, at most {most:,} are read at once")
    if length > LARGEST_DIRECTORY:
        raise Refused(
            f"is damaged (its table of contents has {length:,} bytes, at most {LARGEST_DIRECTORY:,} are read)"
        )
    file.seek(start)
    if file.read(length).count(b"PK\x01\x02") > most:  # the mark of every entry, however few are announced
        raise Refused(f"holds more than {most:,} files, the most that are read at once")
    with refusing():
        archive = ZipFile(file)
    infos = archive.infolist()
    # Of more than 65,535 some writers give the rest after division.
    if len(infos) & 0xFFFF != announced & 0xFFFF:
        raise Refused(f"is damaged (lists {len(infos):,} files where {announced:,} were announced)")
    files = [info for info in infos if not _name(info).endswith("/")]
    _refuse_overlaps(files, start)
    return Contents(archive, *_sorted_out(files), len(infos))


def _end(file: BinaryIO) -> tuple[int, int, int]:
    """Start and size of the table of contents, and the number of entries announced, in the record that zipfile reads.

    The record of 32 or 64 bits is that of PKWARE APPNOTE.TXT 6.3.10, 4.3.14 to 4.3.16.
    """
    size = file.seek(0, os.SEEK_END)
    tail_start = max(0, size - _END.size - (1 << 16) - _END64.size)
    file.seek(tail_start)
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06", max(0, len(tail) - _END.size - (1 << 16)))
    if place < 0 or len(tail) - place < _END.size:
        raise Refused("is damaged (breaks off before its table of contents)")
    _, disk, first_disk, _, count, length, offset, _ = _END.unpack_from(tail, place)
    end, before = tail_start + place, tail[:place][-_END64.size :]
    if before[-20:-16] == b"PK\x06\x07":
        end -= _END64.size
        # Versions of zipfile differ in where they look for the record unless it is right here.
        if before[:4] != b"PK\x06\x06" or _END64.unpack(before)[-2] != end:
            raise Refused("is damaged (its table of contents is not where it says)")
        _, _, _, _, disk, first_disk, _, count, length, offset, *_ = _END64.unpack(before)
    if disk or first_disk:
        raise Refused("is one part of an archive in several; join them first")
    start = end - length
    if start < offset:
        raise Refused("is damaged (its table of contents is not where it says)")
    file.seek(0)
    if start > offset and file.read(4) == b"PK\x03\x04":
        # The record found is that of an archive stored in this one, whose own end is missing.
        raise Refused("is damaged (breaks off before its table of contents)")
    return start, length, count


def _name(info: ZipInfo) -> str:
    """Path within the archive: many have UTF-8 without saying so, and none has two names that this makes one."""
    name = info.orig_filename
    if not info.flag_bits & _UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _refuse_overlaps(files: list[ZipInfo], end: int) -> None:
    """Refuse an archive whose files share bytes, by which a small one unpacks to anything."""
    ordered = sorted(files, key=lambda info: info.header_offset)
    ends = [info.header_offset + _SHORTEST_HEADER + info.compress_size for info in ordered]
    if any(before > info.header_offset for before, info in zip(ends, ordered[1:], strict=False)):
        raise Refused("is damaged (files in it overlap, as in a ZIP bomb)")
    if ends and ends[-1] > end:
        raise Refused("is damaged (a file in it runs beyond its end)")


def _sorted_out(files: list[ZipInfo]) -> tuple[dict[str, ZipInfo], list[tuple[str, str]]]:
    entries: dict[str, ZipInfo] = {}
    refused: list[tuple[str, str]] = []
    of_several: Counter[str] = Counter()
    for name, info in sorted(((_name(info), info) for info in files), key=lambda one: _walk_order(one[0])):
        if info.flag_bits & _ENCRYPTED or info.compress_type == _AES:
            of_several["password-protected"] += 1
        elif info.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
            method = _METHODS.get(info.compress_type, f"method {info.compress_type}")
            of_several[f"compressed with {method}, which is not read"] += 1
        elif reason := _why_refused(name, info):
            refused.append((name, reason))
        elif free := _free_name(name, info, entries):
            entries[free] = info
    for reason, count in of_several.items():
        part = f" ({count:,} of its {len(files):,} files)" if count < len(files) else ""
        refused.append(("", f"is {reason}{part}; unpack it first"))
    return entries, refused


def _walk_order(name: str) -> list[tuple[bool, str]]:
    *folders, last = name.split("/")
    return [*((True, folder) for folder in folders), (False, last)]


def _why_refused(name: str, info: ZipInfo) -> str:
    """What is wrong with one file that announces itself so; empty if nothing is."""
    size, packed = info.file_size, info.compress_size
    if name.startswith("/") or _DRIVE.match(name) or ".." in name.split("/"):
        return "has a name that leads out of the archive"
    if size > LARGEST_MEMBER:
        return f"would unpack to {size:,} bytes, at most {LARGEST_MEMBER:,} are read"
    if size > max(SMALLEST_BOMB, LARGEST_RATIO * packed):
        return f"would unpack to {size:,} bytes from {packed:,}, as in a ZIP bomb"
    if info.compress_type == ZIP_STORED and size != packed:
        return f"is damaged ({packed:,} bytes where {size:,} were announced)"
    return ""


def _free_name(name: str, info: ZipInfo, entries: dict[str, ZipInfo]) -> str:
    """A name that no file before has; empty where one of the same name and content is there already."""
    free, number = name, 1
    while free in entries:
        if (entries[free].file_size, entries[free].CRC) == (info.file_size, info.CRC):
            return ""
        number += 1
        free = f"{name} ({number})"
    return free
