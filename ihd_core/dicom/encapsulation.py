"""Find the encoded pictures of a file in its fragments, DICOM PS3.5 annex A.4."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom.datasets import UNDEFINED, PixelPlace, pixel_element
from ihd_core.dicom.transfer_syntaxes import RLE
from ihd_core.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from ihd_core.dicom.headers import Header
    from ihd_core.dicom.source_files import SourceFile, Stamp

    Fragments = tuple[PixelPlace, ...]

_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_BEGINNINGS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")
"""A picture in JPEG or JPEG-LS, JPEG 2000, and JPEG 2000 in a .jp2 file; none of them occurs within a picture."""

_MOST_FRAGMENTS = 1 << 18
_LARGEST_SHARE, _LARGEST_HEADER = 8, 1 << 20
"""Encoded bytes of one pixel, and of everything beside the pixels; no coding makes pictures that much larger."""

_EXTENDED_TABLE = "ExtendedOffsetTable"


def encoded_frame(header: Header) -> bytes:
    """The encoded picture of a header whose transfer syntax is an encapsulated one.

    Raises:
        DicomError: there is none, or the file has another number of pictures than it announces.
    """
    name = header.name
    frames = _frames(header.file, header.stamp, header.frames, header.transfer_syntax)
    if header.frame >= len(frames):
        raise DicomError(f"{name}: pixel data breaks off before this frame, {len(frames)} of {header.frames} are there")
    fragments = frames[header.frame]
    size, picture = sum(fragment.length for fragment in fragments), f"{header.rows} × {header.columns}"
    if size > _LARGEST_SHARE * header.rows * header.columns + _LARGEST_HEADER:
        raise DicomError(f"{name}: pixel data is damaged ({size:,} encoded bytes for a picture of {picture})")
    parts = []
    for fragment in fragments:
        part = np.empty(fragment.length, np.uint8)
        try:
            there, stamp = header.file.read_into(part, fragment.start)
        except OSError as error:
            raise DicomError(f"{name}: cannot be read ({error.strerror or error})") from error
        if stamp != header.stamp:
            raise DicomError(f"{name}: has changed since it was found; open it again")
        if there < fragment.length:
            raise DicomError(f"{name}: pixel data breaks off, {there:,} bytes where {fragment.length:,} were announced")
        parts.append(part.tobytes())
    return b"".join(parts)


@lru_cache(maxsize=8)
def _frames(file: SourceFile, stamp: Stamp, count: int, transfer_syntax: str) -> tuple[Fragments, ...]:
    """The fragments of every frame, or of those that are there in a file that breaks off.

    They are kept for a while, since the frames of one file are read one after the other.
    The stamp is there to find the fragments again once the file has changed.
    """
    with pixel_element(file, (_EXTENDED_TABLE,)) as (dataset, place, stream):
        if place is None:
            raise DicomError(f"{file.name}: no pixel data, or it breaks off before its end")
        if place.length != UNDEFINED:
            raise DicomError(f"{file.name}: pixel data is not encapsulated as its transfer syntax demands")
        stream.seek(place.start)
        table, fragments, begins, is_whole = _fragments(stream, file.name)
        if dataset.get(_EXTENDED_TABLE):
            table = [offset for (offset,) in struct.iter_unpack("<Q", dataset[_EXTENDED_TABLE].value)]
    frames = _grouped(fragments, begins, table, count, is_one_each=transfer_syntax == RLE)
    if len(frames) != count and (is_whole or not 0 < len(frames) < count):
        raise DicomError(f"{file.name}: pictures in its pixel data: {len(frames)}, announced: {count}")
    return frames


def _fragments(stream: BinaryIO, name: str) -> tuple[list[int], Fragments, list[bool], bool]:
    """Walk the items of Pixel Data.

    Returns:
        The Basic Offset Table; the fragments; which of them begin a picture; and whether the end is there. A missing
        end is no fault: whether the last picture is whole it says itself.
    """
    table: list[int] | None = None
    fragments: list[PixelPlace] = []
    begins: list[bool] = []
    while len(fragments) < _MOST_FRAGMENTS:
        head = stream.read(8)
        if fragments and fragments[-1].length % 2 and not head.startswith((_ITEM, _END)):
            head = head[1:] + stream.read(1)  # padded to an even length without counting the padding
        if len(head) < 8 or head[:4] == _END:
            return table or [], tuple(fragments), begins, head[:4] == _END
        length = int.from_bytes(head[4:], "little")
        if head[:4] != _ITEM or length == UNDEFINED:
            raise DicomError(f"{name}: pixel data is damaged (no fragment where one should begin)")
        start = stream.tell()
        first = stream.read(min(length, 8))
        if table is None and not first.startswith(_BEGINNINGS):
            content = first + stream.read(min(length, 4 * _MOST_FRAGMENTS) - len(first))
            table = [offset for (offset,) in struct.iter_unpack("<I", content[: len(content) // 4 * 4])]
        else:
            table = table or []
            fragments.append(PixelPlace(start, length))
            begins.append(first.startswith(_BEGINNINGS))
        stream.seek(start + length)
    raise DicomError(f"{name}: pixel data is damaged (more than {_MOST_FRAGMENTS:,} fragments)")


def _grouped(
    fragments: Fragments, begins: Sequence[bool], table: Sequence[int], count: int, *, is_one_each: bool
) -> tuple[Fragments, ...]:
    """The fragments of each picture: as the pictures show where they begin, else as the table says, else one each."""
    if not fragments:
        return ()
    if begins[0] and not is_one_each:
        starts = [index for index, is_first in enumerate(begins) if is_first]
    elif is_one_each or len(fragments) == count:
        starts = list(range(len(fragments)))
    else:
        # Offsets count from the item of the first fragment, and a fragment's value lies 8 bytes behind its item.
        places = {fragment.start - fragments[0].start: index for index, fragment in enumerate(fragments)}
        starts = [places[offset] for offset in table if offset in places] or [0]
    return tuple(fragments[first:last] for first, last in zip(starts, [*starts[1:], len(fragments)], strict=True))
