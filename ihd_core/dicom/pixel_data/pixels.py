"""Stored values to Hounsfield units, one slice at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom.pixel_data.decoders import decoded_values
from ihd_core.dicom.pixel_data.opened_files import OpenedFiles
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

NO_TISSUE_HU = 30000
"""A padding value from here on is a negative one in a file that calls its values unsigned; no metal has so many HU."""

REPAIRED_BITS, REPAIRED_INTERCEPT = 12, -100
"""RSNA repair: of unsigned values of so many bits with an intercept above this and slope 1."""

_REPAIRED_ENDS = (-1000.0, 3095.0)


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
        opened: keeps what further slices of the same file need, and counts slices whose values are cut at BitsStored.

    Returns:
        (rows, columns), HU; pixels announced as padding, and any below LOWEST_HU, are AIR_HU.

    Raises:
        DicomError: no pixel data or too little of it, no decoder, or values that cannot become HU.
    """
    if header.slope == 0:
        raise DicomError(f"{header.name}: slope 0 and intercept {header.intercept or 0:g} give no HU")
    hu = np.empty((header.rows, header.columns), np.int16) if out is None else out
    opened = opened or OpenedFiles()
    if header.volume is not None:
        header.volume.read_hu(header.frame, hu, opened)
        return hu
    if header.place is not None and header.pixels.bits_allocated == 16 and not header.pixels.is_big_endian:
        stored: Stored = hu if header.pixels.is_signed else hu.view(np.uint16)
        _read_native(header, stored)
    else:
        stored = decoded_values(header, opened) if header.place is None else _native_values(header)
    if _to_hu(stored, header, hu, repair=repair and needs_repair(header)):
        opened.count(cut_slices=1)
    return hu


def needs_repair(header: Header) -> bool:
    """Whether a slice has the fault of many in the RSNA 2019 set, whose values wrapped around at 12 bits.

    There the true value is ((stored + 1000) mod 4096) - 1000, and the stored intercept is to be ignored. An absent
    slope is 1; an absent intercept says nothing, so such a slice is left as it is.
    """
    return (
        header.pixels.bits_stored == REPAIRED_BITS
        and not header.pixels.is_signed
        and header.slope in {1, None}
        and header.intercept is not None
        and header.intercept > REPAIRED_INTERCEPT
    )


def assumed_format(header: Header) -> tuple[str, ...]:
    """What of the pixel format the file leaves open or gets wrong, each with how it is read; empty as a rule."""
    pixels = header.pixels
    found = []
    if pixels.is_signed is None:
        found.append("PixelRepresentation is absent or unknown: read as unsigned, or signed if 16 bits reach 32768")
    if not 0 < pixels.bits_stored <= pixels.bits_allocated:
        found.append(f"BitsStored is {pixels.bits_stored} of {pixels.bits_allocated}: all bits are read")
    elif pixels.high_bit != pixels.bits_stored - 1:
        found.append(f"HighBit is {pixels.high_bit} with {pixels.bits_stored} bits: values are read from bit 0 on")
    return tuple(found)


def _read_native(header: Header, values: Stored) -> None:
    """Fill an array with stored values that lie in the file as they are."""
    assert header.place is not None
    announced = values.nbytes
    offset = header.frame * announced
    if header.place.length < offset + announced:
        there = max(0, header.place.length - offset)
        raise DicomError(f"{header.name}: {there:,} bytes of pixel data where {announced:,} were announced")
    try:
        there, stamp = header.file.read_into(values, header.place.start + offset)
    except OSError as error:
        raise DicomError(f"{header.name}: cannot be read ({error.strerror or error})") from error
    if stamp != header.stamp:
        raise DicomError(f"{header.name}: has changed since it was found; open it again")
    if there < announced:
        raise DicomError(f"{header.name}: {there:,} bytes of pixel data where {announced:,} were announced")


def _native_values(header: Header) -> Stored:
    """Stored values of big endian or 8 bit files."""
    bits = header.pixels.bits_allocated
    if bits not in {8, 16}:
        raise DicomError(f"{header.name}: {bits} bits a pixel where a CT slice has 8 or 16")
    kind = "i" if header.pixels.is_signed else "u"
    values = np.empty((header.rows, header.columns), f"{'>' if header.pixels.is_big_endian else '<'}{kind}{bits // 8}")
    _read_native(header, values)
    return values


def _to_hu(raw: Stored, header: Header, out: NDArray[np.int16], *, repair: bool) -> bool:
    """Turn values as they are in the file, which may lie in out itself, into HU.

    Returns:
        Whether values were cut that need more bits than BitsStored.
    """
    raw = _native_order(raw, header)
    slope = 1.0 if header.slope is None else header.slope
    intercept = header.intercept or 0.0
    stored, lowest, highest = _within_bits_stored(raw, header)
    padded = _padded(raw, header, slope, intercept, repair=repair)
    if stored is not raw and (also := _padded(stored, header, slope, intercept, repair=repair)) is not None:
        padded = also if padded is None else padded | also
    are_cut = stored is not raw and _are_cut(raw, stored, header.pixels.bits_stored, padded, repair=repair)
    ends = (lowest * slope + intercept, highest * slope + intercept)
    fits = min(ends) >= -32768 and max(ends) <= 32767
    if repair:
        _repaired(stored.astype(np.uint16, copy=False), out)
        ends = _REPAIRED_ENDS
    elif slope == 1 and intercept == int(intercept) and fits and stored.dtype.itemsize == 2:
        # Modulo 65536 the sum is right even where the stored value alone does not fit int16.
        np.add(stored.view(np.int16), np.array(int(intercept) & 0xFFFF, np.uint16).view(np.int16), out=out)
    else:
        values = np.arange(lowest, highest + 1)
        table = np.clip(np.rint(values * slope + intercept), -32768, 32767).astype(np.int16)
        # Modulo 65536 as well: the distance from the lowest value is never negative.
        places = stored.astype(np.uint16) - np.array(lowest & 0xFFFF, np.uint16)
        table.take(places, out=out, mode="clip")
    if padded is not None:
        _make_air(out, padded)
    if min(ends) < LOWEST_HU and out.min() < LOWEST_HU:
        _make_air(out, out < LOWEST_HU)
    return are_cut


def _make_air(hu: NDArray[np.int16], where: NDArray[np.bool_]) -> None:
    """As hu[where] = AIR_HU, which takes up to ten times as long."""
    change = where.astype(np.int16)
    change *= AIR_HU - hu
    hu += change


def _native_order(raw: Stored, header: Header) -> Stored:
    """Values in the machine's byte order, and signed where the file does not say and they can be nothing else."""
    values = raw.astype(raw.dtype.newbyteorder("="), copy=False)
    is_open = header.pixels.is_signed is None and not 0 < header.pixels.bits_stored < 16
    # From 32768 on unsigned values are no HU of anything in a scanner, but those below 0 that padding and air have.
    return values.view(np.int16) if is_open and values.dtype == np.uint16 and values.max() >= 0x8000 else values


def _repaired(stored: NDArray[np.uint16], out: NDArray[np.int16]) -> None:
    """Undo the wrapping of needs_repair()."""
    unsigned = out.view(np.uint16)
    np.add(stored, np.uint16(1000), out=unsigned)
    unsigned &= 0xFFF
    out -= 1000


def _within_bits_stored(raw: Stored, header: Header) -> tuple[Stored, int, int]:
    """Values of the lowest BitsStored bits, two's complement where they are signed; and bounds of them.

    Raises:
        DicomError: the values do not begin at bit 0.
    """
    found = _bounds(raw)
    bits, high, above = header.pixels.bits_stored, header.pixels.high_bit, 8 * raw.dtype.itemsize
    if not 0 < bits < above:
        return raw, *found
    is_signed = raw.dtype.kind == "i"
    half = 1 << (bits - 1)
    low, top = (-half, half - 1) if is_signed else (0, 2 * half - 1)
    if low <= found[0] and found[1] <= top:
        return raw, *found
    if high >= bits:
        raise DicomError(
            f"{header.name}: values lie in bits {high - bits + 1} to {high}, only those from bit 0 on are read"
        )
    stored = raw << (above - bits)
    stored >>= above - bits
    return stored, *_bounds(stored)


def _are_cut(raw: Stored, stored: Stored, bits: int, padded: NDArray[np.bool_] | None, *, repair: bool) -> bool:
    """Whether the bits above the lowest ones belong to the values: they differ from pixel to pixel.

    An overlay that is the same everywhere does not, nor do padding and the sign of negative values, which the repair
    understands in unsigned values too.
    """
    above = raw.view(f"u{raw.dtype.itemsize}") >> bits
    ours = np.ones(raw.shape, bool) if padded is None else ~padded
    if repair or raw.dtype.kind == "i":
        all_set = (1 << (8 * raw.dtype.itemsize - bits)) - 1
        ours &= (above != all_set) | ((stored >> (bits - 1)) & 1 == 0)
    there = above[ours]
    return bool(there.size) and bool(there.min() != there.max())


def _bounds(values: Stored) -> tuple[int, int]:
    """A number that no value is below, and the highest; the lowest of unsigned ones is not worth a pass over them."""
    return 0 if values.dtype.kind == "u" else int(values.min()), int(values.max())


def _padded(
    stored: Stored, header: Header, slope: float, intercept: float, *, repair: bool
) -> NDArray[np.bool_] | None:
    """Where the file announces padding, by PixelPaddingValue alone or up to PixelPaddingRangeLimit."""
    if header.pixels.padding is None:
        return None
    ends = [header.pixels.padding, header.pixels.padding_limit]
    values = [_like(stored, value) for value in ends if value is not None]
    low, high = min(values), max(values)
    hu = [(value + 1000) % 4096 - 1000.0 if repair else value * slope + intercept for value in (low, high)]
    if max(hu) > HIGHEST_PADDING_HU and min(hu) < NO_TISSUE_HU:
        return None
    is_padding: NDArray[np.bool_] = stored == low if low == high else (stored >= low) & (stored <= high)
    return is_padding


def _like(stored: Stored, value: int) -> int:
    """An announced value with the sign of the values: some files announce 63536 for -2000, and some the reverse."""
    value &= 0xFFFF
    return value - ((value & 0x8000) << 1) if stored.dtype.kind == "i" else value
