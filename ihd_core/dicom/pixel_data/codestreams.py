"""What an encoded picture says of itself in its first bytes, before any memory is given to a decoder."""

from __future__ import annotations

import re
from typing import NamedTuple

_START, _END = b"\xff\xd8", b"\xff\xd9"
_START_2000, _SIZE_2000 = b"\xff\x4f", b"\xff\x51"
_BOXES_2000 = b"\x00\x00\x00\x0cjP  "
_SCAN = 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
"""Markers of a picture's size: every kind of JPEG, and JPEG-LS."""

_GREY_SCAN = re.compile(rb"\xff\xda\x00\x08\x01..(.)(.)(.)", re.DOTALL)
_CODING_2000 = b"\xff\x52"
_MOST_ZEROS, _MOST_PRECINCTS = 64, 1024

_RESTARTS = range(0xD0, 0xD8)


class MalformedStream(Exception):
    """Not the beginning of such a picture; the message says what is wrong."""


class Codestream(NamedTuple):
    """How large a picture is and what its values are.

    Attributes:
        components: 1 for grey.
        precision: bits of a value, counted from bit 0.
        is_signed: two's complement; JPEG and JPEG-LS know no sign.
        kind: the marker's low byte: 0xC2 progressive, 0xC3 lossless, 0xF7 JPEG-LS; 0 for JPEG 2000.
        data: where the encoded values begin; 0 for JPEG 2000.
    """

    rows: int
    columns: int
    components: int
    precision: int
    is_signed: bool
    kind: int
    data: int


def jpeg(frame: bytes) -> Codestream:
    """The size of a JPEG or JPEG-LS picture, ISO/IEC 10918-1 B.2 and 14495-1 C.2.

    Raises:
        MalformedStream: this is none.
    """
    if not frame.startswith(_START):
        raise MalformedStream("does not begin as a JPEG picture")
    position, found = 2, None
    while position + 4 <= len(frame):
        if frame[position] != 0xFF:
            break
        marker = frame[position + 1]
        if marker == 0xFF:  # any number of these may stand before a marker
            position += 1
            continue
        stop = position + 2 + int.from_bytes(frame[position + 2 : position + 4])
        if marker in _FRAMES and found is None:
            found = frame[position + 4 : stop]
            kind = marker
        position = stop
        if marker == _SCAN:
            if found is None or len(found) < 6 or position >= len(frame):
                break
            rows, columns = int.from_bytes(found[1:3]), int.from_bytes(found[3:5])
            return Codestream(rows, columns, found[5], found[0], False, kind, position)
    raise MalformedStream("has no complete JPEG header")


def jpeg_2000(frame: bytes) -> Codestream:
    """The size of a JPEG 2000 picture, ISO/IEC 15444-1 A.5.1, with or without the boxes of a .jp2 file around it.

    Raises:
        MalformedStream: this is none, or it is divided in a way that no scanner writes.
    """
    start = _after_boxes(frame) if frame.startswith(_BOXES_2000) else 0
    if frame[start : start + 4] != _START_2000 + _SIZE_2000 or len(frame) < start + 45:
        raise MalformedStream("does not begin as a JPEG 2000 picture")
    right, bottom, left, top, tile_width, tile_height = (
        int.from_bytes(frame[at : at + 4]) for at in range(start + 8, start + 32, 4)
    )
    columns, rows = right - left, bottom - top
    if not (tile_width and tile_height) or rows * columns > (tile_width * tile_height) << 12:
        raise MalformedStream("is divided into too many tiles")
    components, depth = int.from_bytes(frame[start + 40 : start + 42]), frame[start + 42]
    return Codestream(rows, columns, components, (depth & 0x7F) + 1, depth > 0x7F, 0, 0)


def without_end(frame: bytes) -> bytes | None:
    """A JPEG picture up to its last encoded value; None where it has no end marker."""
    end = frame.rfind(_END)
    if end < 0:
        return None
    # Any number of 0xFF may stand before a marker.
    encoded = frame[:end].rstrip(b"\xff")
    while encoded[-2:-1] == b"\xff" and encoded[-1] in _RESTARTS:
        encoded = encoded[:-2].rstrip(b"\xff")
    return encoded


def has_every_scan(frame: bytes) -> bool:
    """Whether the scans of a progressive picture bring all coefficients to their last bit, ISO/IEC 10918-1 G.1."""
    finished: set[int] = set()
    for first, last, approximation in _GREY_SCAN.findall(frame):
        if approximation[0] & 0x0F == 0:
            finished.update(range(first[0], last[0] + 1))
    return len(finished) == 64


def is_zero_filled(frame: bytes, stream: Codestream) -> bool:
    """Whether a JPEG 2000 picture has more zeros in a row than its packets allow; a decoder takes them for empty ones.

    An empty packet is one zero, and there is one for each quality layer and resolution of a tile or of a part of it
    that is called a precinct, ISO/IEC 15444-1 A.6.1 and B.10.3. Encoded values have no long rows of zeros.
    """
    coding = frame[(at := frame.find(_CODING_2000)) : at + 10]
    if at < 0 or len(coding) < 10:
        return False
    layers, resolutions = int.from_bytes(coding[6:8]), coding[9] + 1
    start = _after_boxes(frame) if frame.startswith(_BOXES_2000) else 0
    width, height = (int.from_bytes(frame[at : at + 4]) for at in (start + 24, start + 28))
    tiles = -(-stream.columns // width) * -(-stream.rows // height)
    precincts = _MOST_PRECINCTS if coding[4] & 1 else 1
    # Zeros behind the end only fill up the space.
    picture = frame.rstrip(b"\0")
    zeros = bytes(_MOST_ZEROS + layers * resolutions * tiles * precincts)
    return zeros in (picture if picture.endswith(_END) else frame)


def _after_boxes(frame: bytes) -> int:
    position = 0
    while position + 8 <= len(frame):
        length = int.from_bytes(frame[position : position + 4])
        if frame[position + 4 : position + 8] == b"jp2c":
            return position + (16 if length == 1 else 8)
        if length < 8:
            break
        position += length
    raise MalformedStream("has no JPEG 2000 picture in its boxes")
