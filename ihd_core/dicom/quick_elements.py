"""Read a plain DICOM header in a few microseconds; whatever is not plain is left to pydicom."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ihd_core.dicom.transfer_syntaxes import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT

if TYPE_CHECKING:
    from collections.abc import Mapping

_STRINGS = frozenset({"AS", "CS", "DA", "TM", "UI"})
_TEXTS = frozenset({"LO", "PN", "SH"})
_PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_PLAIN_WHOLE = re.compile(r"[+-]?\d{1,9}")
_ENCODINGS = {"": "latin-1", "ISO_IR 6": "ascii", "ISO_IR 100": "latin-1", "ISO_IR 192": "utf-8"}

_WANTED_KEYWORDS: Mapping[int, tuple[str, str]] = {
    0x00020002: ("MediaStorageSOPClassUID", "UI"),
    0x00020003: ("MediaStorageSOPInstanceUID", "UI"),
    0x00080005: ("SpecificCharacterSet", "CS"),
    0x00080008: ("ImageType", "CS"),
    0x00080016: ("SOPClassUID", "UI"),
    0x00080018: ("SOPInstanceUID", "UI"),
    0x00080020: ("StudyDate", "DA"),
    0x00080032: ("AcquisitionTime", "TM"),
    0x00080060: ("Modality", "CS"),
    0x00080070: ("Manufacturer", "LO"),
    0x00080080: ("InstitutionName", "LO"),
    0x00081030: ("StudyDescription", "LO"),
    0x0008103E: ("SeriesDescription", "LO"),
    0x00081090: ("ManufacturerModelName", "LO"),
    0x00100010: ("PatientName", "PN"),
    0x00100020: ("PatientID", "LO"),
    0x00100030: ("PatientBirthDate", "DA"),
    0x00100040: ("PatientSex", "CS"),
    0x00101010: ("PatientAge", "AS"),
    0x00180010: ("ContrastBolusAgent", "LO"),
    0x00180015: ("BodyPartExamined", "CS"),
    0x00180050: ("SliceThickness", "DS"),
    0x00180060: ("KVP", "DS"),
    0x00181210: ("ConvolutionKernel", "SH"),
    0x0020000D: ("StudyInstanceUID", "UI"),
    0x0020000E: ("SeriesInstanceUID", "UI"),
    0x00200011: ("SeriesNumber", "IS"),
    0x00200012: ("AcquisitionNumber", "IS"),
    0x00200013: ("InstanceNumber", "IS"),
    0x00200030: ("ImagePosition", "DS"),
    0x00200032: ("ImagePositionPatient", "DS"),
    0x00200035: ("ImageOrientation", "DS"),
    0x00200037: ("ImageOrientationPatient", "DS"),
    0x00280002: ("SamplesPerPixel", "US"),
    0x00280004: ("PhotometricInterpretation", "CS"),
    0x00280008: ("NumberOfFrames", "IS"),
    0x00280010: ("Rows", "US"),
    0x00280011: ("Columns", "US"),
    0x00280030: ("PixelSpacing", "DS"),
    0x00280100: ("BitsAllocated", "US"),
    0x00280101: ("BitsStored", "US"),
    0x00280102: ("HighBit", "US"),
    0x00280103: ("PixelRepresentation", "US"),
    0x00280120: ("PixelPaddingValue", "US SS"),
    0x00280121: ("PixelPaddingRangeLimit", "US SS"),
    0x00281050: ("WindowCenter", "DS"),
    0x00281051: ("WindowWidth", "DS"),
    0x00281052: ("RescaleIntercept", "DS"),
    0x00281053: ("RescaleSlope", "DS"),
    0x00281054: ("RescaleType", "LO"),
    0x00282110: ("LossyImageCompression", "CS"),
}
"""Tag to keyword and the value representations that are plain."""

KEYWORDS = tuple(keyword for keyword, _ in _WANTED_KEYWORDS.values())
"""Every element that a header is made of."""

OF_ONE_SLICE = frozenset(
    {"MediaStorageSOPInstanceUID", "SOPInstanceUID", "InstanceNumber", "AcquisitionNumber", "AcquisitionTime"}
    | {"ImagePosition", "ImagePositionPatient"}
)
"""What differs from slice to slice; the rest is mostly the same in all slices of a series."""


def _kinds(names: str) -> frozenset[int]:
    """Value representations as they are unpacked: two letters as a little endian number."""
    return frozenset(int.from_bytes(name.encode(), "little") for name in names.split())


_SHORT_KINDS = _kinds("AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US")
_LONG_KINDS = _kinds("OB OD OF OL OV OW SQ SV UC UN UR UT UV")
_SEQUENCE, _PIXEL_KINDS = _kinds("SQ"), _kinds("OB OW")
_WANTED = {tag: (keyword, _kinds(kinds), keyword in OF_ONE_SLICE) for tag, (keyword, kinds) in _WANTED_KEYWORDS.items()}
_KIND_OF = {keyword: kinds.split()[0] for keyword, kinds in _WANTED_KEYWORDS.values()}
_PIXEL_DATA, _ITEM, _ITEM_END, _SEQUENCE_END = 0x7FE00010, 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_DEEPEST = 16

_explicit_head = struct.Struct("<HHHH").unpack_from
_implicit_head = struct.Struct("<HHI").unpack_from
_long_length = struct.Struct("<I").unpack_from


class NotPlain(Exception):
    """Something that this module does not fully understand; pydicom may."""


@dataclass(frozen=True, slots=True, eq=False)
class QuickElements:
    """The raw values of a plain header.

    Attributes:
        transfer_syntax: UID (0002,0010).
        of_series: keyword to raw value, of what the slices of a series mostly share.
        of_slice: the same, of OF_ONE_SLICE.
        pixel_start: where in the file the value of Pixel Data begins.
        pixel_bytes: its length; None where it is encapsulated.
    """

    transfer_syntax: str
    of_series: dict[str, bytes]
    of_slice: dict[str, bytes]
    pixel_start: int
    pixel_bytes: int | None

    def texts(self, keyword: str) -> tuple[str, ...]:
        """As Elements.texts.

        Raises:
            NotPlain: the text needs more than one of the common character sets.
        """
        raw = self._raw(keyword)
        if not raw:
            return () if raw is None else ("",)
        return _texts(raw, _KIND_OF[keyword], self.of_series.get("SpecificCharacterSet", b""))

    def numbers(self, keyword: str) -> tuple[float, ...] | None:
        """As Elements.numbers.

        Raises:
            NotPlain: the values are not all plain numbers.
        """
        raw = self._raw(keyword)
        return _numbers(raw, _KIND_OF[keyword]) if raw else None

    def _raw(self, keyword: str) -> bytes | None:
        return (self.of_slice if keyword in OF_ONE_SLICE else self.of_series).get(keyword)


def quick_elements(start: bytes, size: int) -> QuickElements | None:
    """Find the wanted elements of a file in little endian, with preamble and pixel data.

    Args:
        start: the first bytes of the file.
        size: of the whole file, bytes.

    Returns:
        None where start ends before the pixel data; call again with more.

    Raises:
        NotPlain: the file is anything that is not fully understood here.
    """
    if start[128:132] != b"DICM":
        raise NotPlain("no preamble")
    found = _Found({}, {})
    try:
        syntax, position = _meta(start, found)
        walk = _walk_implicit if syntax == IMPLICIT else _walk_explicit
        pixel_start, length = walk(start, position, found)
    except struct.error:  # start ends within an element
        return None
    is_native = syntax in {IMPLICIT, EXPLICIT}
    if (length == _UNDEFINED) == is_native or (is_native and pixel_start + length > size):
        raise NotPlain("pixel data")
    return QuickElements(syntax, found.of_series, found.of_slice, pixel_start, length if is_native else None)


@dataclass(frozen=True, slots=True)
class _Found:
    of_series: dict[str, bytes]
    of_slice: dict[str, bytes]

    def keep(self, row: tuple[str, frozenset[int], bool], kind: int, raw: bytes) -> None:
        """Keep a wanted value; kind is 0 where it is not written."""
        keyword, kinds, is_of_slice = row
        if kind and kind not in kinds:
            raise NotPlain(keyword)
        (self.of_slice if is_of_slice else self.of_series)[keyword] = raw


def _meta(start: bytes, found: _Found) -> tuple[str, int]:
    """Transfer syntax, and where the data set begins."""
    position, last, syntax = 132, 0, b""
    while start[position : position + 2] == b"\x02\x00":
        group, element, kind, length = _explicit_head(start, position)
        position += 8
        if kind in _LONG_KINDS:
            (length,) = _long_length(start, position)
            position += 4
        elif kind not in _SHORT_KINDS:
            raise NotPlain("meta information")
        if element < last:
            raise NotPlain("order of elements")
        last = element
        raw = start[position : position + length]
        if element == 0x0010:
            syntax = raw
        elif wanted := _WANTED.get(group << 16 | element):
            found.keep(wanted, kind, raw)
        position += length
    _long_length(start, position)  # fails where start ends here
    uid = syntax.rstrip(b"\0 ").decode("ascii", "replace")
    # Big endian and deflated are the only standard syntaxes that a little endian walk does not read.
    if not uid.startswith("1.2.840.10008.1.2") or uid in {BIG_ENDIAN, DEFLATED}:
        raise NotPlain("transfer syntax")
    return uid, position


def _walk_explicit(start: bytes, position: int, found: _Found) -> tuple[int, int]:
    """Go along the elements to the pixel data; return where its value begins, and its length.

    A value that start does not hold whole is kept short, but then the next head fails to unpack.
    """
    last, short_kinds, wanted, kept = 0, _SHORT_KINDS, _WANTED.get, (found.of_series, found.of_slice)
    while True:
        group, element, kind, length = _explicit_head(start, position)
        tag = group << 16 | element
        if tag <= last:
            raise NotPlain("order of elements")
        last = tag
        if kind in short_kinds:
            begin = position + 8
            position = begin + length
            # As found.keep() does; a call for every element would take as long as the rest of the walk.
            if row := wanted(tag):
                if kind not in row[1]:
                    raise NotPlain(row[0])
                kept[row[2]][row[0]] = start[begin:position]
        elif tag == _PIXEL_DATA and kind in _PIXEL_KINDS:
            return position + 12, _long_length(start, position + 8)[0]
        else:
            position = _after_long(start, position, tag, kind)


def _after_long(start: bytes, position: int, tag: int, kind: int) -> int:
    """Where the element after one with a length of four bytes begins."""
    if kind not in _LONG_KINDS or tag in _WANTED or tag == _PIXEL_DATA:
        raise NotPlain("value representation")
    (length,) = _long_length(start, position + 8)
    if length != _UNDEFINED:
        return position + 12 + int(length)
    if kind not in _SEQUENCE:
        raise NotPlain("undefined length")
    return _after_sequence(start, position + 12, True, 0)


def _walk_implicit(start: bytes, position: int, found: _Found) -> tuple[int, int]:
    """The same where value representations are not written."""
    last, wanted = 0, _WANTED.get
    if start[position + 4 : position + 6].isalpha():
        raise NotPlain("explicit where implicit was announced")
    while True:
        group, element, length = _implicit_head(start, position)
        tag = group << 16 | element
        if tag <= last:
            raise NotPlain("order of elements")
        last = tag
        position += 8
        if tag == _PIXEL_DATA:
            return position, length
        if length == _UNDEFINED:
            position = _after_sequence(start, position, False, 0)
            continue
        if row := wanted(tag):
            found.keep(row, 0, start[position : position + length])
        position += length


def _after_sequence(start: bytes, position: int, is_explicit: bool, depth: int) -> int:
    """Where the element after a sequence of undefined length begins."""
    if depth > _DEEPEST:
        raise NotPlain("depth of sequences")
    while True:
        group, element, length = _implicit_head(start, position)
        tag = group << 16 | element
        position += 8
        if tag == _SEQUENCE_END:
            return position
        if tag != _ITEM:
            raise NotPlain("sequence")
        position = _after_item(start, position, is_explicit, depth) if length == _UNDEFINED else position + length


def _after_item(start: bytes, position: int, is_explicit: bool, depth: int) -> int:
    while True:
        group, element, length = _implicit_head(start, position)
        tag = group << 16 | element
        kind = length & 0xFFFF if is_explicit else 0
        position += 8
        if tag == _ITEM_END:
            return position
        if kind in _LONG_KINDS:
            (length,) = _long_length(start, position)
            position += 4
        elif kind in _SHORT_KINDS:
            length >>= 16
        elif is_explicit:
            raise NotPlain("value representation")
        if length == _UNDEFINED:
            if is_explicit and kind not in _SEQUENCE:
                raise NotPlain("undefined length")
            position = _after_sequence(start, position, is_explicit, depth + 1)
        else:
            position += length


@lru_cache(maxsize=4096)
def _texts(raw: bytes, kind: str, character_set: bytes) -> tuple[str, ...]:
    if b"\x1b" in raw or (kind == "PN" and (b"=" in raw or b"\\" in raw)):
        raise NotPlain("text")
    encoding = "ascii"
    if kind in _TEXTS:
        encoding = _ENCODINGS.get(character_set.decode("latin-1").rstrip("\0 "), "ascii")
    try:
        decoded = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise NotPlain("text") from error
    if kind == "IS":
        if not _PLAIN_WHOLE.fullmatch(decoded.strip()):
            raise NotPlain("number")
        return (decoded.strip(),)
    if kind in _STRINGS:
        return tuple(decoded.rstrip(" \0").split("\\"))
    if kind == "PN":
        return (decoded.rstrip(" \0"),)
    return tuple(part.rstrip("\0 ") for part in decoded.split("\\"))


@lru_cache(maxsize=4096)
def _numbers(raw: bytes, kind: str) -> tuple[float, ...] | None:
    if kind == "US":
        if len(raw) != 2:
            raise NotPlain("number")
        return (float(int.from_bytes(raw, "little")),)
    plain = _PLAIN_WHOLE if kind == "IS" else _PLAIN_NUMBER
    parts = [part.strip(" ") for part in raw.decode("latin-1").rstrip(" \0").split("\\")]
    if not all(plain.fullmatch(part) for part in parts):
        raise NotPlain("number")
    found = tuple(float(part) for part in parts)
    # A number beyond the limits of Elements.numbers is for the slow path to judge.
    if any(abs(value) >= 1e6 for value in found):
        raise NotPlain("number")
    return found
