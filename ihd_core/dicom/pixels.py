"""Stored values to Hounsfield units, one slice at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom.decoders import decoded_values
from ihd_core.dicom.opened_files import OpenedFiles
from ihd_core.errors import DicomError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ihd_core.dicom.headers import Header

    Stored = NDArray[np.integer]

AIR_HU = -1024
"""What padding becomes: outside the reconstruction circle there is no patient."""

HIGHEST_PADDING_HU = -500
"""A padding value above this would blank tissue, so it is not believed."""

LOWEST_HU = -1500
"""Nothing in a room has fewer HU, noise of air included: what is below is padding that the file does not announce."""

LARGEST_WHOLE_SLOPE = 1000
"""Up to here 16 stored bits times the slope fit 32 bits; beyond, float64 is used and saturates the same."""

REPAIRED_BITS, REPAIRED_INTERCEPT = 12, -100
"""RSNA repair: of unsigned values of so many bits with an intercept above this and slope 1."""


def read_hu(
    header: Header,
    out: NDArray[np.int16] | None = None,
    *,
    repair: bool = True,
    opened: OpenedFiles | None = None,
) -> NDArray[np.int16]:
    """Read the pixels of one slice.

    Slope and intercept are the slice's own, the product is rounded to the nearest HU. Bits above BitsStored are
    ignored. MONOCHROME1 asks a viewer to show high values dark; the HU stay what they are (PS3.3 C.7.6.3.1.2).

    Args:
        header: of the slice.
        out: int16 (rows, columns), where to put the HU; a new array where there is none.
        repair: give values that needs_repair() tells of their true HU.
        opened: keeps what further slices of the same file need.

    Returns:
        (rows, columns), HU; pixels announced as padding, and any below LOWEST_HU, are AIR_HU.

    Raises:
        DicomError: no pixel data or too little of it, no decoder, or values that cannot become HU.
    """
    if header.slope == 0:
        raise DicomError(f"{header.file.name}: slope 0 and intercept {header.intercept or 0:g} give no HU")
    hu = np.empty((header.rows, header.columns), np.int16) if out is None else out
    if header.volume is not None:
        header.volume.read_hu(header.frame, hu, opened or OpenedFiles())
        return hu
    if header.place is not None and header.pixels.bits_allocated == 16 and not header.pixels.is_big_endian:
        stored: Stored = hu if header.pixels.is_signed else hu.view(np.uint16)
        _read_native(header, stored)
    else:
        stored = decoded_values(header) if header.place is None else _native_values(header)
    _to_hu(stored, header, hu, repair=repair and needs_repair(header))
    return hu


def needs_repair(header: Header) -> bool:
    """Whether a slice has the fault of many in the RSNA 2019 set, whose values wrapped around at 12 bits.

    There the true value is ((stored + 1000) mod 4096) - 1000, and the stored intercept is to be ignored.
    """
    return (
        header.pixels.bits_stored == REPAIRED_BITS
        and not header.pixels.is_signed
        and header.slope == 1
        and header.intercept is not None
        and header.intercept > REPAIRED_INTERCEPT
    )


def _read_native(header: Header, values: Stored) -> None:
    """Fill an array with stored values that lie in the file as they are."""
    assert header.place is not None
    announced = values.nbytes
    offset = header.frame * announced
    if header.place.length < offset + announced:
        there = max(0, header.place.length - offset)
        raise DicomError(f"{header.file.name}: {there:,} bytes of pixel data where {announced:,} were announced")
    try:
        there, stamp = header.file.read_into(values, header.place.start + offset)
    except OSError as error:
        raise DicomError(f"{header.file.name}: cannot be read ({error.strerror or error})") from error
    if stamp != header.stamp:
        raise DicomError(f"{header.file.name}: has changed since it was found; open it again")
    if there < announced:
        raise DicomError(f"{header.file.name}: {there:,} bytes of pixel data where {announced:,} were announced")


def _native_values(header: Header) -> Stored:
    """Stored values of big endian or 8 bit files."""
    bits = header.pixels.bits_allocated
    if bits not in {8, 16}:
        raise DicomError(f"{header.file.name}: {bits} bits a pixel where a CT slice has 8 or 16")
    kind = "i" if header.pixels.is_signed else "u"
    values = np.empty((header.rows, header.columns), f"{'>' if header.pixels.is_big_endian else '<'}{kind}{bits // 8}")
    _read_native(header, values)
    return values


def _to_hu(raw: Stored, header: Header, out: NDArray[np.int16], *, repair: bool) -> None:
    """Turn values as they are in the file, which may lie in out itself, into HU."""
    slope = 1.0 if header.slope is None else header.slope
    intercept = header.intercept or 0.0
    padded = None if repair else _padded(raw, header, slope, intercept)
    stored, lowest, highest = _within_bits_stored(raw, header)
    if stored is not raw and (also := _padded(stored, header, slope, intercept)) is not None:
        padded = also if padded is None else padded | also
    if repair:
        np.copyto(out, (stored.astype(np.int32) + 1000) % 4096 - 1000, casting="unsafe")
        return
    ends = (lowest * slope + intercept, highest * slope + intercept)
    fits = min(ends) >= -32768 and max(ends) <= 32767
    if slope == 1 and intercept == int(intercept) and fits and stored.dtype.itemsize <= 2:
        # Modulo 65536 the sum is right even where the stored value alone does not fit int16.
        shift = np.array(int(intercept) & 0xFFFF, np.uint16).astype(np.int16)
        np.add(stored.view(np.int16) if stored.dtype == np.uint16 else stored, shift, out=out, casting="unsafe")
    elif slope == int(slope) and intercept == int(intercept) and abs(slope) < LARGEST_WHOLE_SLOPE:
        hu = stored.astype(np.int32) * np.int32(slope) + np.int32(intercept)
        np.copyto(out, np.clip(hu, -32768, 32767), casting="unsafe")
    else:
        np.copyto(out, np.clip(np.rint(stored * slope + intercept), -32768, 32767), casting="unsafe")
    if padded is not None:
        out[padded] = AIR_HU
    if min(ends) < LOWEST_HU:
        out[out < LOWEST_HU] = AIR_HU


def _within_bits_stored(raw: Stored, header: Header) -> tuple[Stored, int, int]:
    """Values of the lowest BitsStored bits, two's complement where they are signed; the lowest and the highest value.

    Raises:
        DicomError: the values do not begin at bit 0.
    """
    found = int(raw.min()), int(raw.max())
    bits, high = header.pixels.bits_stored, header.pixels.high_bit
    if not 0 < bits < 16:
        return raw, *found
    half = 1 << (bits - 1)
    low, top = (-half, half - 1) if header.pixels.is_signed else (0, 2 * half - 1)
    if low <= found[0] and found[1] <= top:
        return raw, *found
    if high >= bits:
        raise DicomError(
            f"{header.file.name}: values lie in bits {high - bits + 1} to {high}, only those from bit 0 on are read"
        )
    stored = raw.astype(np.int32) & (2 * half - 1)
    if header.pixels.is_signed:
        stored -= (stored >> (bits - 1)) << bits
    return stored, int(stored.min()), int(stored.max())


def _padded(stored: Stored, header: Header, slope: float, intercept: float) -> NDArray[np.bool_] | None:
    """Where the file announces padding, by PixelPaddingValue alone or up to PixelPaddingRangeLimit."""
    value = header.pixels.padding
    if value is None:
        return None
    limit = value if header.pixels.padding_limit is None else header.pixels.padding_limit
    low, high = min(value, limit), max(value, limit)
    if max(low * slope, high * slope) + intercept > HIGHEST_PADDING_HU:
        return None
    is_padding: NDArray[np.bool_] = stored == low if low == high else (stored >= low) & (stored <= high)
    return is_padding
