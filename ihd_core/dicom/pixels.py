"""Stored values to Hounsfield units, one slice at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    JPEG2000,
    UID,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from ihd_core.dicom.headers import Header, number, one_line, read_dataset, whole
from ihd_core.errors import DicomError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

AIR_HU = -1024
"""What padding becomes: outside the reconstruction circle there is no patient."""

HIGHEST_PADDING_HU = -500
"""A padding value above this would blank tissue, so it is not believed."""

LARGEST_WHOLE_SLOPE = 1000
"""Up to here 16 stored bits times the slope fit 32 bits; beyond, float64 is used and saturates the same."""

_JPEG = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1)
_END_OF_JPEG = b"\xff\xd9"
"""The decoder of JPEG fills a picture that breaks off with grey and says nothing."""

_DECODERS: dict[str, str] = {
    # pylibjpeg-rle panics on a damaged frame, and a panic is no Exception; pydicom's own decoder only fails.
    RLELossless: "pydicom",
    # Where one decoder fails on a damaged frame, gdcm fails too, and prints to the terminal.
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
}


def read_hu(header: Header) -> NDArray[np.int16]:
    """Read the pixels of one slice.

    Slope and intercept are the slice's own, the product is rounded to the nearest HU. Bits above BitsStored are
    ignored. MONOCHROME1 asks a viewer to show high values dark; the HU stay what they are (PS3.3 C.7.6.3.1.2).

    Returns:
        (rows, columns), HU; pixels announced as padding are AIR_HU.

    Raises:
        DicomError: no pixel data or too little of it, no decoder, or values that cannot become HU.
    """
    dataset = read_dataset(header.path, pixels=True)
    name = header.path.name
    if "PixelData" not in dataset:
        raise DicomError(f"{name}: no pixel data, or it breaks off before its end")
    raw = _raw_values(dataset, header)
    slope = 1.0 if header.slope is None else header.slope
    intercept = header.intercept or 0.0
    if slope == 0:
        raise DicomError(f"{name}: slope {slope:g} and intercept {intercept:g} give no HU")
    stored = _within_bits_stored(raw, dataset)
    bits, high = whole(dataset, "BitsStored", 16), whole(dataset, "HighBit")
    if high >= bits and not np.array_equal(stored, raw):
        raise DicomError(f"{name}: values lie in bits {high - bits + 1} to {high}, only those from bit 0 on are read")
    padding = _padding(raw, stored, dataset, slope, intercept)
    if slope == int(slope) and intercept == int(intercept) and abs(slope) < LARGEST_WHOLE_SLOPE:
        hu = stored * np.int32(slope) + np.int32(intercept)
    else:
        hu = np.rint(stored * slope + intercept)
    clipped: NDArray[np.int16] = np.clip(hu, -32768, 32767).astype(np.int16)
    if padding is not None:
        clipped[padding] = AIR_HU
    return clipped


def _raw_values(dataset: Dataset, header: Header) -> NDArray[np.integer]:
    syntax = UID(header.transfer_syntax or ImplicitVRLittleEndian)
    name = header.path.name
    if not syntax.is_transfer_syntax:
        raise DicomError(f"{name}: no decoder for transfer syntax {syntax}")
    if not syntax.is_encapsulated:
        return _native_values(dataset, header)
    if syntax in _JPEG and not dataset.PixelData.rstrip(b"\0").endswith(_END_OF_JPEG):
        raise DicomError(f"{name}: pixel data breaks off before the end of its JPEG picture")
    try:
        raw = np.asarray(pixel_array(dataset, raw=True, decoding_plugin=_DECODERS.get(syntax, "")))
    except Exception as error:  # every decoder fails in its own way
        if isinstance(error, NotImplementedError) or "does not support" in str(error):
            raise DicomError(f"{name}: no decoder for transfer syntax {syntax.name} ({syntax})") from error
        raise DicomError(f"{name}: pixels cannot be decoded, {syntax.name} ({one_line(error)})") from error
    if raw.shape != (header.rows, header.columns) or raw.dtype.itemsize > 2:
        announced = f"{header.rows} × {header.columns} of 8 or 16 bits"
        raise DicomError(f"{name}: pixels of shape {raw.shape}, {raw.dtype} where {announced} were announced")
    return raw


def _native_values(dataset: Dataset, header: Header) -> NDArray[np.integer]:
    """Uncompressed values as they lie in the file, with whatever is above BitsStored."""
    bits = whole(dataset, "BitsAllocated", 16)
    if bits not in {8, 16}:
        raise DicomError(f"{header.path.name}: {bits} bits a pixel where a CT slice has 8 or 16")
    announced = header.rows * header.columns * bits // 8
    there = len(dataset.PixelData)
    if there < announced:
        raise DicomError(f"{header.path.name}: {there:,} bytes of pixel data where {announced:,} were announced")
    kind = "i" if whole(dataset, "PixelRepresentation") == 1 else "u"
    byte_order = "<" if dataset.original_encoding[1] else ">"
    values = np.frombuffer(dataset.PixelData, f"{byte_order}{kind}{bits // 8}", header.rows * header.columns)
    return values.reshape(header.rows, header.columns)


def _within_bits_stored(raw: NDArray[np.integer], dataset: Dataset) -> NDArray[np.int32]:
    """Values of the lowest BitsStored bits, two's complement where PixelRepresentation is 1."""
    stored = raw.astype(np.int32)
    bits = whole(dataset, "BitsStored", 16)
    if not 0 < bits <= 16:
        return stored
    stored &= (1 << bits) - 1
    if whole(dataset, "PixelRepresentation") == 1:
        stored -= (stored >> (bits - 1)) << bits
    return stored


def _padding(
    raw: NDArray[np.integer], stored: NDArray[np.int32], dataset: Dataset, slope: float, intercept: float
) -> NDArray[np.bool_] | None:
    """Where the file announces padding, by PixelPaddingValue alone or up to PixelPaddingRangeLimit."""
    announced = number(dataset, "PixelPaddingValue")
    if announced is None:
        return None
    value = int(announced)
    if whole(dataset, "PixelRepresentation") == 1:
        # Some scanners announce a negative value as unsigned: 63536 for -2000.
        value = (value & 0xFFFF) - ((value & 0x8000) << 1)
    limit = whole(dataset, "PixelPaddingRangeLimit", value)
    low, high = min(value, limit), max(value, limit)
    if max(low * slope, high * slope) + intercept > HIGHEST_PADDING_HU:
        return None
    # Padding may lie outside BitsStored, so the unmasked value is compared as well.
    return ((stored >= low) & (stored <= high)) | ((raw >= low) & (raw <= high))
