"""Unpack one file of a ZIP archive, never beyond the size that it announces, and check it."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from ihd_core.dicom.zip_directory import DEFLATED, LOCAL_HEADER, Entry, Refused, bytes_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ihd_core.dicom.zip_directory import ReadAt

PIECE = 1 << 18
"""Bytes that are read or unpacked at a time."""


def start_of(entry: Entry, read_at: ReadAt) -> int:
    """Offset of the bytes of a file in the archive, which its local header tells.

    Raises:
        Refused: there is no such header.
    """
    header = bytes_at(read_at, entry.offset, LOCAL_HEADER.size)
    if len(header) < LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
        raise Refused("is damaged (not where the table of contents of the archive says)")
    _, name_length, extra_length = LOCAL_HEADER.unpack(header)
    return entry.offset + LOCAL_HEADER.size + int(name_length) + int(extra_length)


def pieces(entry: Entry, read_at: ReadAt, start: int, most: int) -> Iterator[bytes]:
    """Unpack a file, by at most so many bytes at a time.

    Raises:
        Refused: it is not what was announced; the last byte comes only once the checksum is right.
    """
    crc = done = 0
    packed = _packed(entry, read_at, start, most)
    for piece in _inflated(packed, most) if entry.method == DEFLATED else packed:
        done += len(piece)
        if done > entry.size:
            raise Refused(f"is damaged (unpacks to more than the {entry.size:,} bytes that it announces)")
        crc = _crc32(piece, crc)
        if done == entry.size and crc != entry.crc:
            raise Refused("is damaged (its checksum is wrong)")
        yield piece
    if done < entry.size:
        raise Refused(_breaks_off(done, entry))


def unpacked(entry: Entry, read_at: ReadAt, start: int) -> memoryview:
    """A whole deflated file, faster than by pieces.

    Raises:
        Refused: it is not what was announced.
    """
    from imagecodecs import DeflateError, deflate_decode

    packed = bytes_at(read_at, start, entry.packed)
    try:
        whole = memoryview(deflate_decode(packed, raw=True, out=bytearray(entry.size)))
    except DeflateError:
        whole = memoryview(b"")
    if len(whole) == entry.size and _crc32(whole) == entry.crc:
        return whole
    return memoryview(b"".join(pieces(entry, read_at, start, PIECE)))  # which says what is wrong


def copy_stored(entry: Entry, read_at: ReadAt, start: int, buffer: memoryview, offset: int, *, check: bool) -> None:
    """Read from a stored file straight into a buffer.

    Args:
        entry: of the file.
        read_at: of the archive.
        start: of the file in the archive.
        buffer: not longer than what there is from the offset on.
        offset: in the file.
        check: read what is before and behind as well, for the checksum.

    Raises:
        Refused: it is not what was announced.
    """
    done = read_at(start + offset, buffer)
    if done < len(buffer):
        raise Refused(_breaks_off(offset + done, entry))
    if check:
        crc = _crc32(buffer, _checksum(read_at, start, start + offset, 0))
        if _checksum(read_at, start + offset + done, start + entry.size, crc) != entry.crc:
            raise Refused("is damaged (its checksum is wrong)")


def _breaks_off(done: int, entry: Entry) -> str:
    return f"is damaged (breaks off after {done:,} of {entry.size:,} bytes)"


def _packed(entry: Entry, read_at: ReadAt, start: int, most: int) -> Iterator[bytes]:
    for offset in range(0, entry.packed, most):
        yield bytes_at(read_at, start + offset, min(most, entry.packed - offset))


def _inflated(packed: Iterator[bytes], most: int) -> Iterator[bytes]:
    """Inflate a file up to the end of its deflate stream or of its bytes."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for more in packed:
            waiting = more
            while piece := inflater.decompress(waiting, most):
                yield piece
                waiting = inflater.unconsumed_tail
            if inflater.eof:
                return
    except zlib.error as error:
        raise Refused(f"is damaged ({str(error).rpartition(': ')[2]})") from error


def _checksum(read_at: ReadAt, start: int, end: int, crc: int) -> int:
    """CRC-32 of the bytes from start to end, continued from that of those before."""
    for offset in range(start, end, PIECE):
        crc = _crc32(bytes_at(read_at, offset, min(PIECE, end - offset)), crc)
    return crc


def _crc32(data: bytes | memoryview, crc: int = 0) -> int:
    from imagecodecs import deflate_crc32  # ten times as fast as that of zlib

    return int(deflate_crc32(data, crc))  # type: ignore[arg-type]  # any buffer will do
