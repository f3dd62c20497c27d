"""Find the encoded pictures of a file in its fragments, DICOM PS3.5 annex A.4."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom.datasets import UNDEFINED, PixelPlace, pixel_element
from ihd_core.dicom.transfer_syntaxes import RLE
from ihd_core.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from ihd_core.dicom.headers import Header
    from ihd_core.dicom.sources.source_files import SourceFile, Stamp

    Fragments = tuple[PixelPlace, ...]

_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_BEGINNINGS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")
"""A picture in JPEG or JPEG-LS, JPEG 2000, and JPEG 2000 in a .jp2 file; none of them occurs within a picture."""

_MOST_FRAGMENTS = 1 << 18
_LARGEST_SHARE, _LARGEST_HEADER = 8, 1 << 20
"""Encoded bytes of one pixel, and of everything beside the pixels; no coding makes pictures that much larger."""


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
    with pixel_element(file, ()) as (_, place, stream):
        if place is None:
            raise DicomError(f"{file.name}: no pixel data, or it breaks off before its end")
        if place.length != UNDEFINED:
            raise DicomError(f"{file.name}: pixel data is not encapsulated as its transfer syntax demands")
        stream.seek(place.start)
        fragments, begins, is_whole = _fragments(stream, file.name)
    frames = _grouped(fragments, begins, count, is_one_each=transfer_syntax == RLE)
    if len(frames) != count and (is_whole or not 0 < len(frames) < count):
        raise DicomError(f"{file.name}: pictures in its pixel data: {len(frames)}, announced: {count}")
    return frames


def _fragments(stream: BinaryIO, name: str) -> tuple[Fragments, list[bool], bool]:
    """Walk the items of Pixel Data.

    Returns:
        The fragments; which of them begin a picture; and whether the end is there. A missing end is no fault: whether
        the last picture is whole it says itself.
    """
    fragments: list[PixelPlace] = []
    begins: list[bool] = []
    is_table = True
    while len(fragments) < _MOST_FRAGMENTS:
        head = stream.read(8)
        if fragments and fragments[-1].length % 2 and not head.startswith((_ITEM, _END)):
            head = head[1:] + stream.read(1)  # padded to an even length without counting the padding
        if len(head) < 8 or head[:4] == _END:
            return tuple(fragments), begins, head[:4] == _END
        length = int.from_bytes(head[4:], "little")
        if head[:4] != _ITEM or length == UNDEFINED:
            raise DicomError(f"{name}: pixel data is damaged (no fragment where one should begin)")
        start = stream.tell()
        is_first = stream.read(min(length, 8)).startswith(_BEGINNINGS)
        # The first item is the offset table, often empty and sometimes wrong or left out; the pictures tell themselves.
        if is_first or not is_table:
            fragments.append(PixelPlace(start, length))
            begins.append(is_first)
        is_table = False
        stream.seek(start + length)
    raise DicomError(f"{name}: pixel data is damaged (more than {_MOST_FRAGMENTS:,} fragments)")


def _grouped(fragments: Fragments, begins: Sequence[bool], count: int, *, is_one_each: bool) -> tuple[Fragments, ...]:
    """The fragments of each picture: as the pictures show where they begin, else one each or all of one."""
    if is_one_each or (len(fragments) == count and not any(begins)):
        return tuple((fragment,) for fragment in fragments)
    starts = [index for index, is_first in enumerate(begins) if is_first or index == 0]
    return tuple(fragments[first:last] for first, last in pairwise([*starts, len(fragments)]))
