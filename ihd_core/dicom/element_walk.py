"""Go along the elements of a plain DICOM header; whatever is not plain is left to pydicom."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from ihd_core.dicom.transfer_syntaxes import BIG_ENDIAN, DEFLATED

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = b"DICM"
"""What the preamble of 128 bytes is followed by."""

META = 132
"""Where the meta information of a file begins."""

PIXEL_DATA = 0x7FE00010
UNDEFINED = 0xFFFFFFFF
TRANSFER_SYNTAX = 0x00020010

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_DEEPEST = 16
"""Sequences within sequences."""

_explicit_head = struct.Struct("<HHHH").unpack_from
_implicit_head = struct.Struct("<HHI").unpack_from
_long_length = struct.Struct("<I").unpack_from


class NotPlain(Exception):
    """Something that is not fully understood here; pydicom may."""


class Element(NamedTuple):
    """Where an element lies.

    Attributes:
        tag: group and element as one number.
        kind: value representation, two letters as a little endian number; 0 where it is not written.
        begin: where its value begins.
        stop: where the next element begins; of pixel data, begin.
        length: of the value as it is written, UNDEFINED for some sequences and encapsulated pixels.
    """

    tag: int
    kind: int
    begin: int
    stop: int
    length: int


def kinds(names: str) -> frozenset[int]:
    """Value representations as they are unpacked."""
    return frozenset(int.from_bytes(name.encode(), "little") for name in names.split())


_SHORT_KINDS = kinds("AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US")
_LONG_KINDS = kinds("OB OD OF OL OV OW SQ SV UC UN UR UT UV")
_SEQUENCE, _PIXEL_KINDS = kinds("SQ"), kinds("OB OW")


def meta_elements(start: bytes) -> Iterator[Element]:
    """The meta information of a file with preamble, element by element.

    Raises:
        NotPlain: the file is none, or its meta information is not in order.
        struct.error: start ends within an element.
    """
    if start[128:132] != MARK:
        raise NotPlain("no preamble")
    position, last = META, 0
    while start[position : position + 2] == b"\x02\x00":
        element = element_at(start, position, is_explicit=True)
        if element.tag < last:
            raise NotPlain("order of elements")
        last, position = element.tag, element.stop
        yield element
    _long_length(start, position)  # fails where start ends here


def is_walked(transfer_syntax: str) -> bool:
    """Whether the elements are in little endian and lie in the file as they are."""
    # Big endian and deflated are the only standard syntaxes of which that is not so.
    is_uid = transfer_syntax.startswith("1.2.840.10008.1.2") and transfer_syntax.replace(".", "").isdecimal()
    return is_uid and transfer_syntax not in {BIG_ENDIAN, DEFLATED}


def elements(start: bytes, position: int, *, is_explicit: bool) -> Iterator[Element]:
    """The elements from a position on, up to and with the pixel data.

    Raises:
        NotPlain: they are not in order, or not as announced.
        struct.error: start ends before the pixel data.
    """
    if not is_explicit and start[position + 4 : position + 6].isalpha():
        raise NotPlain("explicit where implicit was announced")
    last = 0
    while last != PIXEL_DATA:
        element = element_at(start, position, is_explicit=is_explicit)
        if element.tag <= last:
            raise NotPlain("order of elements")
        last, position = element.tag, element.stop
        yield element


def element_at(start: bytes, position: int, *, is_explicit: bool) -> Element:
    """The element at a position; its value may reach beyond start.

    Raises:
        NotPlain: it is not fully understood here.
        struct.error: start ends within its head.
    """
    if is_explicit:
        group, number, kind, length = _explicit_head(start, position)
        begin = position + 8
        if kind in _LONG_KINDS:
            (length,) = _long_length(start, begin)
            begin += 4
        elif kind not in _SHORT_KINDS:
            raise NotPlain("value representation")
    else:
        group, number, length = _implicit_head(start, position)
        kind, begin = 0, position + 8
    tag = group << 16 | number
    if tag == PIXEL_DATA:
        if is_explicit and kind not in _PIXEL_KINDS:
            raise NotPlain("kind of pixel data")
        return Element(tag, kind, begin, begin, length)
    if length != UNDEFINED:
        return Element(tag, kind, begin, begin + length, length)
    if is_explicit and kind not in _SEQUENCE:
        raise NotPlain("undefined length")
    return Element(tag, kind, begin, _after_sequence(start, begin, is_explicit, 0), length)


def _after_sequence(start: bytes, position: int, is_explicit: bool, depth: int) -> int:
    """Where the element after a sequence of undefined length begins."""
    if depth > _DEEPEST:
        raise NotPlain("depth of sequences")
    while True:
        group, number, length = _implicit_head(start, position)
        tag = group << 16 | number
        position += 8
        if tag == _SEQUENCE_END:
            return position
        if tag != _ITEM:
            raise NotPlain("sequence")
        position = _after_item(start, position, is_explicit, depth) if length == UNDEFINED else position + length


def _after_item(start: bytes, position: int, is_explicit: bool, depth: int) -> int:
    """Where what follows an item of undefined length begins."""
    while True:
        group, number, length = _implicit_head(start, position)
        if group << 16 | number == _ITEM_END:
            return position + 8
        kind = length & 0xFFFF if is_explicit else 0
        position += 8
        if kind in _LONG_KINDS:
            (length,) = _long_length(start, position)
            position += 4
        elif kind in _SHORT_KINDS:
            length >>= 16
        elif is_explicit:
            raise NotPlain("value representation")
        if length != UNDEFINED:
            position += length
        elif is_explicit and kind not in _SEQUENCE:
            raise NotPlain("undefined length")
        else:
            position = _after_sequence(start, position, is_explicit, depth + 1)
