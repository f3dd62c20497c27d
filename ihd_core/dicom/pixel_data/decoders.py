"""Stored values out of encoded pixel data: JPEG, JPEG-LS, JPEG 2000, RLE, deflated.

imagecodecs (BSD; its wheels hold libjpeg-turbo, CharLS and OpenJPEG, and nothing under the GPL) is the one library that
takes all of them, 12-bit JPEG included, prints nothing and fails with an exception. GDCM and pylibjpeg print to the
terminal or panic on damaged pictures, and the 12-bit JPEG of pylibjpeg is GPL.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom.datasets import one_line, pixel_element
from ihd_core.dicom.pixel_data import codestreams
from ihd_core.dicom.pixel_data.encapsulation import encoded_frame
from ihd_core.dicom.transfer_syntaxes import DEFLATED, JPEG, JPEG_2000, JPEG_LS, NATIVE, RLE, name_of
from ihd_core.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ihd_core.dicom.headers import Header
    from ihd_core.dicom.pixel_data.codestreams import Codestream
    from ihd_core.dicom.pixel_data.opened_files import OpenedFiles
    from ihd_core.dicom.sources.source_files import SourceFile

    Values = NDArray[np.integer]

_PROGRESSIVE = 0xC2
_LAST_BYTES = 8


def decoded_values(header: Header, opened: OpenedFiles | None = None) -> Values:
    """Stored values of a picture whose pixels do not lie in the file as they are.

    Args:
        header: of the picture.
        opened: keeps the pixels of a deflated file that holds several pictures.

    Returns:
        (rows, columns), 8 or 16 bits, signed where the header says so.

    Raises:
        DicomError: there are none or too few, of another size than announced, or no decoder takes them.
    """
    name, syntax = header.name, header.transfer_syntax
    if not syntax or syntax in NATIVE:
        raise DicomError(f"{name}: no pixel data of a known length, which {name_of(syntax)} demands")
    if syntax != DEFLATED and syntax not in _DECODERS:
        raise DicomError(f"{name}: no decoder for transfer syntax {name_of(syntax)}")
    if header.pixels.bits_allocated not in {8, 16}:
        raise DicomError(f"{name}: {header.pixels.bits_allocated} bits a pixel where a CT slice has 8 or 16")
    return _inflated_values(header, opened) if syntax == DEFLATED else values_of(encoded_frame(header), header)


def values_of(frame: bytes, header: Header) -> Values:
    """The same for an encoded picture that has been found in its file, in a syntax that has a decoder."""
    name = header.name
    try:
        values = _DECODERS[header.transfer_syntax](frame, header)
    except DicomError:
        raise
    except Exception as error:  # every decoder fails in its own way
        syntax = name_of(header.transfer_syntax)
        raise DicomError(f"{name}: pixels cannot be decoded, {syntax} ({one_line(error)})") from error
    if values.shape != (header.rows, header.columns):
        raise DicomError(f"{name}: a picture of shape {values.shape} where {_size(header)} were announced")
    return values


def _from_jpeg(frame: bytes, header: Header) -> Values:
    """Decode JPEG of 8 to 16 bits, and make sure that the picture is whole.

    The decoder fills a picture that breaks off with grey and says nothing. So it must come out the same with other
    bytes behind its end, which only a picture that breaks off makes use of; and not the same with other last bytes,
    which only one that went wrong before its end makes no use of.
    """
    from imagecodecs import jpeg8_decode

    stream = _checked(codestreams.jpeg(frame), header)
    encoded = codestreams.without_end(frame)
    is_progressive = stream.kind == _PROGRESSIVE
    if encoded is None or len(encoded) < stream.data or (is_progressive and not codestreams.has_every_scan(frame)):
        raise DicomError(f"{header.name}: pixel data breaks off before the end of its JPEG picture")
    values: Values = jpeg8_decode(frame)
    if not np.array_equal(values, jpeg8_decode(encoded + _OTHER_BYTES)):
        raise DicomError(f"{header.name}: pixel data breaks off within its JPEG picture")
    # The last bytes of a progressive picture only refine it, and those of one single value may all mean the same.
    if not is_progressive and values.min() != values.max() and len(encoded) >= stream.data + _LAST_BYTES:
        changed = _or_nothing(jpeg8_decode, _with_other_end(encoded) + b"\xff\xd9")
        if changed is not None and np.array_equal(values, changed):
            raise DicomError(f"{header.name}: pixel data is damaged (more of it than its JPEG picture needs)")
    return _with_sign(values, stream, header)


def _from_jpeg_ls(frame: bytes, header: Header) -> Values:
    from imagecodecs import jpegls_decode

    stream = _checked(codestreams.jpeg(frame), header)
    return _with_sign(jpegls_decode(frame), stream, header)


def _from_jpeg_2000(frame: bytes, header: Header) -> Values:
    from imagecodecs import jpeg2k_decode  # htj2k_decode would print

    stream = _checked(codestreams.jpeg_2000(frame), header)
    if codestreams.is_zero_filled(frame, stream):
        raise DicomError(f"{header.name}: pixel data is damaged (zeros within its JPEG 2000 picture)")
    return _with_sign(jpeg2k_decode(frame), stream, header)


def _from_rle(frame: bytes, header: Header) -> Values:
    """Decode the bytes of a picture, highest first, each packed on its own; DICOM PS3.5 annex G."""
    # dicomrle_decode, which does all of this, ends the process on a damaged picture.
    from imagecodecs import packbits_decode

    count, pixels = header.pixels.bits_allocated // 8, header.rows * header.columns
    words = np.frombuffer(frame, "<u4", 16)
    starts = [int(start) for start in words[1 : 1 + count]]
    if words[0] != count or starts[0] != 64 or starts != sorted(starts) or starts[-1] >= len(frame):
        raise DicomError(f"{header.name}: pixel data is damaged (RLE header)")
    values = np.empty((pixels, count), np.uint8)
    for index, (start, stop) in enumerate(zip(starts, [*starts[1:], len(frame)], strict=True)):
        # Padding may add a few bytes; a whole row more is another picture.
        unpacked = packbits_decode(frame[start:stop], out=pixels + header.columns - 1)
        if len(unpacked) < pixels:
            there = f"{len(unpacked):,} bytes of pixel data where {pixels:,} were announced"
            raise DicomError(f"{header.name}: {there}")
        values[:, count - 1 - index] = np.frombuffer(unpacked, np.uint8, pixels)
    kind = f"<{'i' if header.pixels.is_signed else 'u'}{count}"
    return values.view(kind).reshape(header.rows, header.columns)


def _inflated_values(header: Header, opened: OpenedFiles | None) -> Values:
    kind = f"<{'i' if header.pixels.is_signed else 'u'}{header.pixels.bits_allocated // 8}"
    values = np.empty((header.rows, header.columns), kind)
    load = partial(_inflated_pixels, header.file, values.nbytes * header.frames)
    pixels = opened.kept(header.file, load) if opened and header.frames > 1 else load()
    content = pixels[header.frame * values.nbytes :][: values.nbytes]
    if len(content) < values.nbytes:
        announced = f"{values.nbytes:,} were announced"
        raise DicomError(f"{header.name}: {len(content):,} bytes of pixel data where {announced}")
    return np.frombuffer(content, kind).reshape(values.shape)


def _inflated_pixels(file: SourceFile, announced: int) -> memoryview:
    """The value of Pixel Data of a deflated file, no more of it than the header announces."""
    with pixel_element(file, ()) as (_, place, stream):
        if place is None:
            raise DicomError(f"{file.name}: no pixel data")
        stream.seek(place.start)
        return memoryview(stream.read(min(place.length, announced)))


def _checked(stream: Codestream, header: Header) -> Codestream:
    """The same, if it is what the header announces; a decoder would make room for anything else too.

    Raises:
        DicomError: it is not.
    """
    if (stream.rows, stream.columns, stream.components) != (header.rows, header.columns, 1):
        found = f"{stream.rows} × {stream.columns} × {stream.components}"
        raise DicomError(f"{header.name}: a picture of {found} where {_size(header)} were announced")
    if stream.precision > header.pixels.bits_allocated:
        announced = f"{header.pixels.bits_allocated} were announced"
        raise DicomError(f"{header.name}: a picture of {stream.precision} bits a pixel where {announced}")
    return stream


def _size(header: Header) -> str:
    return f"{header.rows} × {header.columns} × 1"


def _with_sign(values: Values, stream: Codestream, header: Header) -> Values:
    """Give values the sign of the header, whatever the encoded picture says.

    JPEG knows no sign, and JPEG 2000 may say another one: then the bits of its precision are right, and those above
    them are not (DICOM PS3.5 8.2.4).
    """
    size = values.dtype.itemsize
    above = 8 * size - stream.precision
    bits = values.view(f"u{size}")
    if header.pixels.is_signed:
        signed: Values = (bits << above).view(f"i{size}") >> above if above else bits.view(f"i{size}")
        return signed
    return bits & ((1 << stream.precision) - 1) if above and stream.is_signed else bits


def _or_nothing(decode: Callable[[bytes], Values], frame: bytes) -> Values | None:
    try:
        return decode(frame)
    except Exception:  # a changed picture may be none
        return None


def _with_other_end(encoded: bytes) -> bytes:
    """The same with other last bytes, all of them values: 0xFF and a byte after it may be more than that."""
    changed = bytearray(encoded)
    for index in range(len(encoded) - _LAST_BYTES, len(encoded)):
        if 0xFF not in encoded[index - 1 : index + 1]:
            changed[index] ^= 0x33 if encoded[index] == 0xAA else 0x55
    return bytes(changed)


def _other_bytes() -> bytes:
    """Bytes that decode to some picture, in pieces that any count of restart markers leads to."""
    rng = np.random.default_rng(0)
    pieces = [rng.integers(1, 255, 512, np.uint8).tobytes() + bytes((0xFF, marker)) for marker in range(0xD0, 0xD8)]
    return b"".join(pieces) + pieces[0][:-2] + b"\xff\xd9"


_OTHER_BYTES = _other_bytes()

_DECODERS: dict[str, Callable[[bytes, Header], Values]] = {
    RLE: _from_rle,
    **dict.fromkeys(JPEG, _from_jpeg),
    **dict.fromkeys(JPEG_LS, _from_jpeg_ls),
    **dict.fromkeys(JPEG_2000, _from_jpeg_2000),
}
