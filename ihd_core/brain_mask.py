"""The inside of the skull, found by the bone around it on a coarse copy of the scan."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ihd_core.scan import Scan

    Mask = NDArray[np.bool_]

GRID_MM = 2.0
"""Pixels of the coarse copy are about this large, and its slices at least this far apart."""
LARGEST_SIDE = 256
"""Rows and columns of the coarse copy at most, however large the picture."""

TISSUE_HU = -300
BONE_HU = 160
"""On pixels of 2 mm: above clotted blood and most enhanced vessels, below the thinnest squama."""
BRAIN_HU = (-20, 110)
"""Brain, fluid and blood on pixels of 2 mm: between fat and bone."""
STRAND_MM = 3.0
"""Soft tissue thinner than twice this among fat is muscle or nerve."""
DEEP_MM = 20.0
"""Fat farther than this below the skin is not the scalp's."""
SEALED_MM = 6.0
"""Gaps in the bone of up to twice this are closed: sutures, foramina, fissures, burr holes."""
HOLDER_MM = 6.0
"""What is thinner than twice this is no head but a head holder, an ear or a tube."""
CIRCLE = 0.97
"""Share of half the picture's side, beyond which a pixel may lie outside the reconstructed circle."""
ISLAND_MM2 = 400.0
"""Bone, calcium or metal of up to this area, all around in the brain, lies inside."""
BRIDGED_SHARE = 0.3
"""Of the area of the slice above: a slice between two closed ones with less has lost a piece of its skull."""
OPEN_MM2 = 3000.0
"""A skull that encloses this in one slice is a skull; what is open above it has lost bone."""
SCALP_MM = 8.0
"""Where the bone is gone, the brain begins this far below the skin."""
OPEN_SOFT_SHARE = 0.85


@dataclass(frozen=True, slots=True, eq=False)
class BrainMask:
    """What lies inside the skull, on a coarse copy of a scan; all arrays are read-only.

    Attributes:
        inside: bool (coarse slices, coarse rows, coarse columns): brain, fluid, blood and air within the skull. All
            False where nothing brain-like is enclosed by bone.
        bone: bool, the same shape: bone and metal of the head, without the head holder.
        head: bool, the same shape: everything within the skin, without the head holder.
        hu: int16, the same shape: mean HU of the pixels that became one.
        slice_indices: int64 (coarse slices,), increasing: the slice of the scan that each coarse slice shows; the first
            and the last slice of the scan are always among them.
        heights_mm: float64 (coarse slices,), as Scan.heights_mm.
        pixel_mm: (row, column), of a coarse pixel.
        shape: (rows, columns) of the scan's slices. The coarse picture covers exactly the same rectangle.
    """

    inside: Mask
    bone: Mask
    head: Mask
    hu: NDArray[np.int16]
    slice_indices: NDArray[np.int64]
    heights_mm: NDArray[np.float64]
    pixel_mm: tuple[float, float]
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        for array in (self.inside, self.bone, self.head, self.hu, self.slice_indices, self.heights_mm):
            array.flags.writeable = False

    @property
    def areas_cm2(self) -> NDArray[np.float64]:
        """Area inside the skull in every coarse slice, (coarse slices,), cm2."""
        pixel_cm2 = self.pixel_mm[0] * self.pixel_mm[1] / 100
        areas: NDArray[np.float64] = self.inside.sum(axis=(1, 2)) * pixel_cm2
        return areas

    def on_slice(self, index: int) -> Mask:
        """The inside of the skull on the pixels of one slice.

        Args:
            index: of the scan's slice; where the coarse copy left it out, the nearest one it has is shown.

        Returns:
            (rows, columns) of the scan, bool.

        Raises:
            IndexError: the scan has no such slice.
        """
        if not 0 <= index <= self.slice_indices[-1]:
            raise IndexError(f"slice {index} of {self.slice_indices[-1] + 1}")
        nearest = int(np.argmin(np.abs(self.slice_indices - index)))
        rows, columns = self.shape
        share = cv2.resize(self.inside[nearest].astype(np.float32), (columns, rows), interpolation=cv2.INTER_LINEAR)
        return np.asarray(share, np.float32) > np.float32(0.5)


def brain_mask(scan: Scan) -> BrainMask:
    """Find the inside of the skull.

    In every slice the bone is sealed, and what the air around the head then cannot reach is enclosed; of that, the
    largest brain-like body through the slices is the inside. Where a skull has lost a large piece of bone, what lies
    beneath the scalp counts.

    Args:
        scan: any, but only axial slices of heads give a sensible mask; nothing is raised for others.
    """
    hu, indices, pixel_mm = _coarse(scan)
    head = np.stack([_head(one, pixel_mm) for one in hu])
    bone = (hu > BONE_HU) & head
    enclosed = np.stack([_enclosed(*one, pixel_mm) for one in zip(hu, bone, head, strict=True)])
    enclosed = _with_open_slices(hu, bone, head, enclosed, pixel_mm)
    inside = _largest_body(enclosed, pixel_mm)
    for one in inside:
        _fill_islands(one, pixel_mm)
    shape = (scan.hu.shape[1], scan.hu.shape[2])
    return BrainMask(inside, bone & ~inside, head, hu, indices, scan.heights_mm[indices], pixel_mm, shape)


def _coarse(scan: Scan) -> tuple[NDArray[np.int16], NDArray[np.int64], tuple[float, float]]:
    """The scan on pixels of about 2 mm, the slices it shows, and the pixels' (row, column) size in mm."""
    slices, rows, columns = scan.hu.shape
    _, row_mm, column_mm = scan.spacing_mm
    small = (_coarse_side(rows, row_mm), _coarse_side(columns, column_mm))
    gaps = np.diff(scan.heights_mm)
    thin = float(np.median(gaps)) if len(gaps) else GRID_MM
    step = max(1, int(GRID_MM / thin)) if thin > 0 else 1
    step = min(step, max(1, (slices - 1) // 2))
    indices = np.unique(np.append(np.arange(0, slices, step), slices - 1)).astype(np.int64)
    hu = np.empty((len(indices), *small), np.int16)
    for out, index in zip(hu, indices, strict=True):
        out[:] = cv2.resize(scan.hu[index], small[::-1], interpolation=cv2.INTER_AREA)
    return hu, indices, (row_mm * rows / small[0], column_mm * columns / small[1])


def _coarse_side(pixels: int, pixel_mm: float) -> int:
    # A whole number of pixels becomes one wherever it divides them: four times as fast.
    factor = max(1, round(GRID_MM / pixel_mm)) if pixel_mm > 0 else 1
    return max(1, min(LARGEST_SIDE, -(-pixels // factor)))


def ellipse(radius_mm: float, pixel_mm: tuple[float, float]) -> NDArray[np.uint8]:
    """A disc of some mm as a structuring element: an ellipse on pixels that are not square; half axes of 40 at most."""
    half = [min(40, round(radius_mm / side)) if side > 0 else 0 for side in pixel_mm]
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * half[1] + 1, 2 * half[0] + 1))
    return np.asarray(kernel, np.uint8)


def _head(hu: NDArray[np.int16], pixel_mm: tuple[float, float]) -> Mask:
    """Everything within the skin of one slice, air and ear canals included: the largest solid thing in it."""
    rows, columns = hu.shape
    padded = np.zeros((rows + 2, columns + 2), np.uint8)
    padded[1:-1, 1:-1] = hu > TISSUE_HU
    cv2.floodFill(padded, None, (0, 0), 2)
    filled = np.ascontiguousarray(padded[1:-1, 1:-1] != 2).view(np.uint8)
    disc = ellipse(HOLDER_MM, pixel_mm)
    # At the edge of the picture nothing is eroded: the head goes on beyond it.
    largest = _largest_region(filled > 0, pixel_mm)
    grown = cv2.dilate(largest.view(np.uint8), ellipse(HOLDER_MM / 2, pixel_mm))
    return np.asarray(cv2.morphologyEx(np.bitwise_and(grown, filled), cv2.MORPH_CLOSE, disc) > 0)


def _enclosed(hu: NDArray[np.int16], bone: Mask, head: Mask, pixel_mm: tuple[float, float]) -> Mask:
    """Brain-like regions of one slice that a wall separates from what is around the head.

    The wall is bone and air cells, sealed, and the fat deep in the head: the orbit's, behind a wide fissure. Air counts
    within the convex hull, because mastoid cells may open to the ear.
    """
    if not bone.any():
        return np.zeros_like(bone)
    around = hull(head)
    air = around & (hu < TISSUE_HU)
    sealed = cv2.morphologyEx((bone | air).view(np.uint8), cv2.MORPH_CLOSE, ellipse(SEALED_MM, pixel_mm))
    depth = cv2.distanceTransform(head.view(np.uint8), cv2.DIST_L2, 3)
    light = hu < BRAIN_HU[0]
    deep_fat = light & (depth > DEEP_MM / max(pixel_mm))
    passage = ~((sealed > 0) | deep_fat)
    count, labels = cv2.connectedComponents(passage.view(np.uint8), connectivity=4)
    keep = np.ones(count, bool)
    keep[0] = False
    keep[np.unique(labels[~around & ~beyond_circle(hu)])] = False
    enclosed = (
        cv2.morphologyEx((keep[labels] & ~light).view(np.uint8), cv2.MORPH_OPEN, ellipse(STRAND_MM, pixel_mm)) > 0
    )
    # Sealing also filled narrow corners of the inside: take them back.
    grown = cv2.dilate(enclosed.view(np.uint8), ellipse(SEALED_MM, pixel_mm)) > 0
    reached: Mask = enclosed | (grown & (sealed > 0) & ~bone & ~light)
    return reached


def beyond_circle(hu: NDArray[np.int16]) -> Mask:
    """What a scanner did not reconstruct: air in the corners, outside the circle (or ellipse) that fits the picture.

    Args:
        hu: (rows, columns).

    Returns:
        (rows, columns); a head cut off there is open to no air.
    """
    corners = _corners(*hu.shape)
    beyond: Mask = corners & (hu < TISSUE_HU)
    return beyond


@lru_cache(maxsize=4)
def _corners(rows: int, columns: int) -> Mask:
    down, along = (np.abs(2 * np.arange(side) + 1 - side) / side for side in (rows, columns))
    corners: Mask = np.hypot(down[:, None], along) > CIRCLE
    corners.flags.writeable = False
    return corners


def _with_open_slices(
    hu: NDArray[np.int16], bone: Mask, head: Mask, enclosed: Mask, pixel_mm: tuple[float, float]
) -> Mask:
    """Add to the enclosed regions those of slices whose skull has lost a piece: the soft tissue beneath the scalp.

    Only above a slice with a whole skull, and only where nearly all within the convex hull of the bone is soft tissue:
    face and neck are not.
    """
    pixel_mm2 = pixel_mm[0] * pixel_mm[1]
    areas = enclosed.sum(axis=(1, 2)) * pixel_mm2
    whole = np.flatnonzero(areas >= OPEN_MM2)
    if not len(whole):
        return enclosed
    result = enclosed.copy()
    for index in range(int(whole[0]) + 1, len(hu)):
        soft = (hu[index] > BRAIN_HU[0]) & (hu[index] < BRAIN_HU[1]) & ~bone[index]
        within = hull(bone[index])
        expected = (soft & within).sum()
        if areas[index] > 0.6 * expected * pixel_mm2 or expected < OPEN_SOFT_SHARE * (within & ~bone[index]).sum():
            continue
        beneath = cv2.erode(head[index].view(np.uint8), ellipse(SCALP_MM, pixel_mm)) > 0
        result[index] |= _largest_region(soft & (within | beneath), pixel_mm)
    _bridge(hu, bone, head, result, pixel_mm)
    return result


def _bridge(hu: NDArray[np.int16], bone: Mask, head: Mask, enclosed: Mask, pixel_mm: tuple[float, float]) -> None:
    """Add, in place, open slices between two closed ones: a flap that reaches down to where face is in the picture.

    Without them the inside would be two bodies, and what lies below be lost. Soft tissue beneath the scalp counts that
    lies below the inside of the slice above.
    """
    pixel_mm2 = pixel_mm[0] * pixel_mm[1]
    closed = enclosed.sum(axis=(1, 2)) * pixel_mm2 >= OPEN_MM2
    for index in range(len(hu) - 2, 0, -1):
        above = enclosed[index + 1]
        if not closed[:index].any() or enclosed[index].sum() >= BRIDGED_SHARE * above.sum():
            continue
        if above.sum() * pixel_mm2 < OPEN_MM2:
            continue
        soft = (hu[index] > BRAIN_HU[0]) & (hu[index] < BRAIN_HU[1]) & ~bone[index]
        beneath = cv2.erode(head[index].view(np.uint8), ellipse(SCALP_MM, pixel_mm)) > 0
        near = cv2.dilate(above.view(np.uint8), ellipse(GRID_MM, pixel_mm)) > 0
        enclosed[index] |= _largest_region(soft & beneath & near, pixel_mm)


def _largest_region(mask: Mask, pixel_mm: tuple[float, float]) -> Mask:
    """The largest region of one slice that thin bridges do not hold together."""
    opened = cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_OPEN, ellipse(HOLDER_MM, pixel_mm))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    largest: Mask = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return largest


def hull(mask: Mask) -> Mask:
    """The convex hull of a mask, (rows, columns)."""
    outlines, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = np.zeros(mask.shape, np.uint8)
    if outlines:
        cv2.fillConvexPoly(filled, cv2.convexHull(np.concatenate(outlines)), 1)
    return filled > 0


def _largest_body(enclosed: Mask, pixel_mm: tuple[float, float]) -> Mask:
    """The regions of all slices that belong to the largest body through the slices."""
    from scipy import ndimage

    # Eroded, so that two bodies which touch at a corner stay two.
    disc = ellipse(GRID_MM, pixel_mm)
    cores = np.stack([cv2.erode(one.view(np.uint8), disc) for one in enclosed])
    bodies, count = ndimage.label(cores)
    if not count:
        return np.zeros_like(enclosed)
    largest = 1 + int(np.argmax(np.bincount(bodies.ravel())[1:]))
    core = (bodies == largest).view(np.uint8)
    grown = np.stack([cv2.dilate(one, ellipse(2 * GRID_MM, pixel_mm)) for one in core])
    kept: Mask = (grown > 0) & enclosed
    return kept


def _fill_islands(inside: Mask, pixel_mm: tuple[float, float]) -> None:
    """Add to the inside of one slice, in place, what it surrounds on all sides and is small."""
    rows, columns = inside.shape
    padded = np.ones((rows + 2, columns + 2), np.uint8)
    padded[1:-1, 1:-1] = ~inside
    _, labels, stats, _ = cv2.connectedComponentsWithStats(padded, connectivity=8)
    small = stats[:, cv2.CC_STAT_AREA] * (pixel_mm[0] * pixel_mm[1]) <= ISLAND_MM2
    small[[0, labels[0, 0]]] = False
    inside |= small[labels[1:-1, 1:-1]]
