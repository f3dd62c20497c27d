"""Read a plain DICOM header in a few microseconds; whatever is not plain is left to pydicom."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ihd_core.dicom.element_walk import (
    MARK,
    META,
    PIXEL_DATA,
    TRANSFER_SYNTAX,
    UNDEFINED,
    Element,
    NotPlain,
    element_at,
    elements,
    is_walked,
    kinds,
    meta_elements,
)
from ihd_core.dicom.transfer_syntaxes import EXPLICIT, IMPLICIT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

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
    0x00200052: ("FrameOfReferenceUID", "UI"),
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
    {"MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID", "SOPInstanceUID", "InstanceNumber"}
    | {"AcquisitionNumber", "AcquisitionTime", "ImagePosition", "ImagePositionPatient"}
)
"""What differs from slice to slice; the rest is mostly the same in all slices of a series."""


_WANTED = {tag: (keyword, kinds(names), keyword in OF_ONE_SLICE) for tag, (keyword, names) in _WANTED_KEYWORDS.items()}
_KIND_OF = {keyword: names.split()[0] for keyword, names in _WANTED_KEYWORDS.values()}
_TAGS_OF_ONE_SLICE = frozenset(tag for tag, (_, _, is_of_slice) in _WANTED.items() if is_of_slice)

_Part = bytes | int

MOST_DIFFERENCES = 40
"""Two headers that differ in more elements are of two series."""


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


class QuickReader:
    """Finds the wanted elements in the headers of many files, one after the other.

    Most of a header is the same in all slices of a series. Bytes that equal those of an earlier file, from the
    beginning of an element on, are equal elements; only what differs between slices is looked at one by one.
    """

    def __init__(self) -> None:
        self._syntax = ""
        self._meta_parts: list[_Part] = []
        self._parts: list[_Part] = []
        self._differing = _TAGS_OF_ONE_SLICE
        self._walked: dict[int, bytes] = {}  # by tag, the elements of the last file that took the long way
        self._of_series: dict[str, bytes] = {}

    def elements(self, start: bytes, size: int) -> QuickElements | None:
        """Find the wanted elements of a file in little endian, with preamble and pixel data.

        Args:
            start: the first bytes of the file.
            size: of the whole file, bytes.

        Returns:
            None where start ends before the pixel data; call again with more. Its of_series is the same object as that
            of the file before where it is equal.

        Raises:
            NotPlain: the file is anything that is not fully understood here.
        """
        values = _Values(dict(self._of_series), {})
        try:
            pixels = self._along(start, values)
            if pixels is None:
                values = _Values({}, {})
                pixels = self._walk(start, values)
        except struct.error:  # start ends within an element
            return None
        is_native = self._syntax in {IMPLICIT, EXPLICIT}
        if (pixels.length == UNDEFINED) == is_native or (is_native and pixels.begin + pixels.length > size):
            raise NotPlain("pixel data")
        if values.of_series != self._of_series:
            self._of_series = values.of_series
        length = pixels.length if is_native else None
        return QuickElements(self._syntax, self._of_series, values.of_slice, pixels.begin, length)

    def _along(self, start: bytes, values: _Values) -> Element | None:
        """Go from one differing element to the next; the pixel data, or None where the file is not like the last."""
        if not self._parts or start[128:132] != MARK:
            return None
        position, _ = _after(start, META, self._meta_parts, values, is_explicit=True)
        if position is None:
            return None
        return _after(start, position, self._parts, values, is_explicit=self._syntax != IMPLICIT)[1]

    def _walk(self, start: bytes, values: _Values) -> Element:
        """Go from element to element, and learn what differs from the file before; the pixel data."""
        meta = list(meta_elements(start))
        position = meta[-1].stop if meta else META
        syntax = _syntax(start, meta)
        found = [*meta, *elements(start, position, is_explicit=syntax != IMPLICIT)]
        raw: dict[int, bytes] = {}
        position = META
        for element in found:
            values.keep(element, start)
            raw[element.tag] = start[position : element.stop]
            position = element.stop
        differences = {tag for tag in raw if self._walked.get(tag) != raw[tag]}
        is_next = syntax == self._syntax and len(differences) <= MOST_DIFFERENCES
        self._differing = self._differing | differences if is_next else _TAGS_OF_ONE_SLICE
        # Were the transfer syntax looked at, and not compared, what follows could be in another one.
        looked_at = (self._differing | {PIXEL_DATA}) - {TRANSFER_SYNTAX}
        self._meta_parts = _parts([(element.tag, raw[element.tag]) for element in meta], looked_at)
        self._parts = _parts([(element.tag, raw[element.tag]) for element in found[len(meta) :]], looked_at)
        self._syntax, self._walked, self._of_series = syntax, raw, values.of_series
        return found[-1]


def _parts(raw: Sequence[tuple[int, bytes]], looked_at: AbstractSet[int]) -> list[_Part]:
    """Elements in order: the tag of one that is looked at, the bytes of all between two such."""
    found: list[_Part] = []
    for tag, content in raw:
        if tag in looked_at:
            found.append(tag)
        elif found and isinstance(found[-1], bytes):
            found[-1] += content
        else:
            found.append(content)
    return found


def _after(
    start: bytes, position: int, parts: Sequence[_Part], values: _Values, *, is_explicit: bool
) -> tuple[int | None, Element | None]:
    """Keep the values of all parts that are looked at.

    Returns:
        Where what follows the parts begins, and the last that was looked at; None twice where the bytes are not those.
    """
    element = None
    for part in parts:
        if isinstance(part, bytes):
            if not start.startswith(part, position):
                return None, None
            position += len(part)
            continue
        element = element_at(start, position, is_explicit=is_explicit)
        if element.tag != part:
            return None, None
        values.keep(element, start)
        position = element.stop
    return position, element


def _syntax(start: bytes, meta: Sequence[Element]) -> str:
    raw = next((start[element.begin : element.stop] for element in meta if element.tag == TRANSFER_SYNTAX), b"")
    uid = raw.rstrip(b"\0 ").decode("ascii", "replace")
    if not is_walked(uid):
        raise NotPlain("transfer syntax")
    return uid


class _Values(NamedTuple):
    """Raw values by keyword."""

    of_series: dict[str, bytes]
    of_slice: dict[str, bytes]

    def keep(self, element: Element, start: bytes) -> None:
        """Keep the value of an element if it is wanted."""
        row = _WANTED.get(element.tag)
        if row is None:
            return
        keyword, plain_kinds, is_of_slice = row
        if element.kind and element.kind not in plain_kinds:
            raise NotPlain(keyword)
        (self.of_slice if is_of_slice else self.of_series)[keyword] = start[element.begin : element.stop]


@lru_cache(maxsize=4096)
def _texts(raw: bytes, kind: str, character_set: bytes) -> tuple[str, ...]:
    if b"\x1b" in raw or (kind in {"PN", "UI"} and b"\\" in raw) or (kind == "PN" and b"=" in raw):
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
