"""Scan to SliceInput: exactly what the network was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, cast

import cv2
import numpy as np

from ihd_core.errors import CannotPredict
from ihd_core.orientation import Turn, in_plane_turn
from ihd_core.windowing import BRAIN, SOFT_TISSUE, SUBDURAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ihd_core.scan import Scan

    Hu = NDArray[np.int16] | NDArray[np.float32]

Resize = Literal["windows", "hu"]
"""What is made small: the windowed channels, or the HU, which are then rounded and windowed."""

CHANNELS = (BRAIN, SUBDURAL, SOFT_TISSUE)
"""The network's three views of a slice, in this order."""
PAPER_MEAN = (0.1738, 0.1433, 0.1970)
PAPER_DEVIATION = (0.3161, 0.2850, 0.3111)
"""Per channel, of windowed slices 0..1; Burduja et al., Sensors 2020, 20(19):5611, section 3.1."""

THIN_MM = 3.0
"""Slices thinner than this are averaged for the network."""
SLAB_MM = 5.0
"""About what the averaged slices amount to: the thickness the network was trained on."""
GAP = 1.5
"""A distance of more than this many usual distances is a gap; nothing is averaged across it."""
AIR = -1024

_LOW = tuple(int(w.center - w.width / 2) for w in CHANNELS)
_WIDTH = tuple(int(w.width) for w in CHANNELS)


@dataclass(frozen=True, slots=True, eq=False)
class SliceInput:
    """What the network sees of a slice.

    Attributes:
        channels: float32 (3, side, side), 0..1: brain, subdural, soft tissue; patient right on the left, anterior up.
            The mean and deviation are applied inside the network.
    """

    channels: NDArray[np.float32]

    def __post_init__(self) -> None:
        self.channels.flags.writeable = False


@dataclass(frozen=True, slots=True)
class Cells:
    """Where a CNN's last map looks: cell i is centred on network pixel offset + stride * i, on both axes."""

    offset: float
    stride: float


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """How the slices of a scan lie in the network's picture, pixel centre to pixel centre.

    Attributes:
        turn: from the stored slice to patient right on the left, anterior up.
        shape: (rows, columns) of the stored slice.
        square: (rows, columns) of the turned slice once its pixels are square.
        padding: (before the first row, before the first column) air pixels that make it square.
        side: of the network's picture, pixels.
        to_slice: float64 (2, 3), takes (row, column, 1) of the network's picture to (row, column) of the stored slice.
    """

    turn: Turn
    shape: tuple[int, int]
    square: tuple[int, int]
    padding: tuple[int, int]
    side: int
    to_slice: NDArray[np.float64]

    def __post_init__(self) -> None:
        self.to_slice.flags.writeable = False


def slabs(scan: Scan) -> tuple[range, ...]:
    """Group the slices as the network reads them.

    Slices of 3 mm or more (by their distance, or by their nominal thickness where they overlap) stay alone. Thinner
    ones are grouped to about 5 mm, in groups as equal as possible; no group reaches across a gap.

    Returns:
        Slice indices of every group, inferior first; together all slices, each once.
    """
    spacing = scan.spacing_mm[0]
    if spacing <= 0 or max(spacing, scan.details.thickness_mm) >= THIN_MM:
        return tuple(range(index, index + 1) for index in range(len(scan)))
    wanted = max(1, round(SLAB_MM / spacing))
    ends = [int(index) + 1 for index in np.flatnonzero(np.diff(scan.heights_mm) > GAP * spacing)]
    groups = []
    for start, stop in zip([0, *ends], [*ends, len(scan)], strict=True):
        count = max(1, round((stop - start) / wanted))
        cuts = [start + round((stop - start) * part / count) for part in range(count + 1)]
        groups += [range(first, last) for first, last in pairwise(cuts)]
    return tuple(groups)


def placement(scan: Scan, side: int) -> Placement:
    """Lay a scan's slices into the network's picture: turned, made square with air, resized; the aspect is kept.

    Args:
        scan: axial, or oblique and nearest to axial.
        side: of the network's picture, pixels.

    Raises:
        CannotPredict: the slices are sagittal or coronal, or the scan is refused for another reason.
    """
    if scan.refusal:
        raise CannotPredict(scan.refusal)
    turn = in_plane_turn(scan.orientation)
    shape = (scan.hu.shape[1], scan.hu.shape[2])
    turned = shape[::-1] if turn.transpose else shape
    pixel_mm = scan.spacing_mm[1:][::-1] if turn.transpose else scan.spacing_mm[1:]
    finest = min(pixel_mm)
    square = (max(1, round(turned[0] * pixel_mm[0] / finest)), max(1, round(turned[1] * pixel_mm[1] / finest)))
    longest = max(square)
    padding = ((longest - square[0]) // 2, (longest - square[1]) // 2)
    to_padded = _resized(longest / side, longest / side)
    to_square = np.array([[1.0, 0, -padding[0]], [0, 1, -padding[1]], [0, 0, 1]])
    to_turned = _resized(turned[0] / square[0], turned[1] / square[1])
    to_slice = turn.to_original(shape) @ to_turned @ to_square @ to_padded
    return Placement(turn, shape, square, padding, side, to_slice[:2])


def slice_input(scan: Scan, slab: range, place: Placement, resize: Resize = "windows") -> SliceInput:
    """The network's picture of a slice, or of neighbouring thin slices averaged along the normal.

    Args:
        scan: what the placement was made for.
        slab: neighbouring slice indices, from slabs().
        place: from placement().
        resize: as the model was trained.

    Source:
        Burduja et al., Sensors 2020, 20(19):5611: windows first, then 512 to 256 pixels by linear interpolation, which
        at exactly 2x is the mean of 2 x 2 pixels. Other sizes: area averaging down, linear interpolation up.
    """
    hu: Hu = scan.hu[slab.start]
    if len(slab) > 1:
        hu = scan.hu[slab.start : slab.stop].mean(axis=0, dtype=np.float32)
    if resize == "hu":
        return SliceInput(channels(small_hu(hu, place)))
    return SliceInput(_small_channels(_squared(hu, place), place.side))


def small_hu(hu: Hu, place: Placement) -> NDArray[np.int16]:
    """A stored slice in the network's picture, in HU: turned, made square with air, resized, rounded half to even.

    Args:
        hu: (rows, columns), HU; of averaged slices single precision.
        place: of the slice's scan, from placement().

    Returns:
        (side, side): exactly 2x smaller the mean of 2 x 2 pixels, otherwise area averaging down, linear interpolation
        up.
    """
    hu = _squared(hu, place)
    side, longest = place.side, len(hu)
    if longest != side:
        how = cv2.INTER_AREA if longest > side else cv2.INTER_LINEAR
        hu = np.asarray(cv2.resize(np.ascontiguousarray(hu, np.float32), (side, side), interpolation=how), np.float32)
    if hu.dtype != np.int16:
        return np.rint(hu).astype(np.int16)
    return np.ascontiguousarray(hu)


def neighbour_offsets(count: int) -> tuple[int, ...]:
    """Whose windows a picture with neighbours holds, in order: 0, -1, 1, -2, 2, up to count slices on either side."""
    return (0, *(sign * distance for distance in range(1, count + 1) for sign in (-1, 1)))


def neighbours_of(index: int, slices: int, count: int) -> tuple[int, ...]:
    """Indices of a slice and its neighbours in the order of neighbour_offsets().

    Where a scan ends its last slice stands in for those that are missing.
    """
    return tuple(min(max(index + offset, 0), slices - 1) for offset in neighbour_offsets(count))


def channels(hu: Hu) -> NDArray[np.float32]:
    """The network's three views of a slice, at full size and never quantised.

    Args:
        hu: (rows, columns), HU.

    Returns:
        (3, rows, columns), 0 at center - width / 2 and below, 1 at center + width / 2 and above.
    """
    low = np.array(_LOW, np.float32)[:, None, None]
    width = np.array(_WIDTH, np.float32)[:, None, None]
    views: NDArray[np.float32] = np.clip((hu.astype(np.float32) - low) / width, 0, 1)
    return views


def _resized(rows: float, columns: float) -> NDArray[np.float64]:
    """Takes a pixel centre of a resized picture to the picture before, given how many pixels became one."""
    return np.array([[rows, 0, (rows - 1) / 2], [0, columns, (columns - 1) / 2], [0, 0, 1]], np.float64)


def _squared(hu: Hu, place: Placement) -> Hu:
    """A stored slice turned, with square pixels, and as many rows as columns."""
    hu = cast("Hu", place.turn.apply(hu))
    if hu.shape != place.square:
        rows, columns = place.square
        resized = cv2.resize(np.ascontiguousarray(hu, np.float32), (columns, rows), interpolation=cv2.INTER_LINEAR)
        hu = np.asarray(resized, np.float32)
    longest = max(place.square)
    if hu.shape == (longest, longest):
        return hu
    padded = np.full((longest, longest), AIR, hu.dtype)
    (top, left), (rows, columns) = place.padding, hu.shape
    padded[top : top + rows, left : left + columns] = hu
    return padded


def _small_channels(hu: Hu, side: int) -> NDArray[np.float32]:
    """Windowed channels of a square slice at the network's size, (3, side, side)."""
    longest = len(hu)
    if longest == 2 * side and hu.dtype == np.int16:
        return _halved_channels(np.ascontiguousarray(hu))
    views = channels(hu)
    if longest == side:
        return views
    how = cv2.INTER_AREA if longest > side else cv2.INTER_LINEAR
    return np.stack([cv2.resize(np.ascontiguousarray(view), (side, side), interpolation=how) for view in views])


def _halved_channels(hu: NDArray[np.int16]) -> NDArray[np.float32]:
    """The mean of 2 x 2 windowed pixels, summed as integers: (3, rows / 2, columns / 2)."""
    small = np.empty((len(CHANNELS), hu.shape[0] // 2, hu.shape[1] // 2), np.float32)
    for view, low, width in zip(small, _LOW, _WIDTH, strict=True):
        clipped = np.clip(hu, low, low + width)
        pairs = clipped[0::2] + clipped[1::2]
        np.multiply(pairs[:, 0::2] + pairs[:, 1::2] - np.int16(4 * low), np.float32(0.25 / width), out=view)
    return small
