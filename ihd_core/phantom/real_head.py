"""A real scan as the phantom's hemorrhages see a head: coordinates, depth below the bone, fluid and ventricles."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import cv2
import numpy as np

from ihd_core.brain_mask import brain_mask, ellipse
from ihd_core.errors import CannotPredict
from ihd_core.phantom.fossa import tent_depth
from ihd_core.phantom.head import Tissue
from ihd_core.phantom.lie import Lie, lie_of
from ihd_core.phantom.place import Place
from ihd_core.phantom.planes import Plane
from ihd_core.phantom.shapes import FAR, cover

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ihd_core.phantom.shapes import Field
    from ihd_core.scan import Scan

    Mask = NDArray[np.bool_]

PIXEL_MM = 0.9
"""Anatomy is worked out on pixels at least about this large."""
TABLE_HU = 210.0
"""Between bright brain in the shade of bone and the inner table, whose edge a kernel spreads."""
GROWN_MM, SHRUNK_MM = 3.0, 4.0
"""The edge of the coarse mask may be this far within or outside the true one."""
LEVEL_MM = 14.0
FLUID_HU = 9.0
FLUID_MARGIN_HU = 5.0
BROAD_MM = 4.5
"""Tissue between fluid and brain that is wider than twice this is no sulcus but an old infarct or edema."""
DEEP_MM = 16.0
"""Brain farther than this below bone is little brightened by it."""


@dataclass(frozen=True, slots=True, eq=False)
class RealHead:
    """A scan with what lies where in it; lists have one entry a slice, fields are float32 (rows, columns) of pixel_mm.

    Attributes:
        lie: from patient axes to the standard head.
        tissues: as a phantom's, with the scan's own HU without most of its noise.
        base: HU that blood replaces: as in tissues, but without the bone's share of pixels at the edge.
        bright: HU that bone adds to what lies beside it.
        pixel_mm: of the fields; thickness_mm: (slices,) of body that every slice stands for.
    """

    scan: Scan
    lie: Lie
    tissues: tuple[Tissue, ...]
    base: tuple[Field, ...]
    bright: tuple[Field, ...]
    pixel_mm: float
    thickness_mm: NDArray[np.float64]


def real_head(scan: Scan) -> RealHead:
    """Find out what lies where in a scan.

    The head's place and size come from fitting the cavity of a standard head to the inside of the skull, which is
    enough to know front from back and the tentorium within about a centimetre. Fluid, ventricles and depth below the
    bone are the scan's own.

    Raises:
        CannotPredict: there is no inside of a skull.
    """
    mask = brain_mask(scan)
    if not mask.inside.any():
        raise CannotPredict(f"{scan.source}: bone encloses nothing like brain, 0 cm² of it in any slice")
    lie = lie_of(scan, mask)
    slices, rows, columns = scan.hu.shape
    shrink = max(1, round(PIXEL_MM / float(np.mean(scan.spacing_mm[1:]))))
    small = (max(8, rows // shrink), max(8, columns // shrink))
    pixel = float(np.mean([scan.spacing_mm[1] * rows / small[0], scan.spacing_mm[2] * columns / small[1]]))
    thickness = np.gradient(scan.heights_mm) if slices > 1 else np.array([scan.spacing_mm[0]])
    seen = [_seen(scan.hu[i], mask.on_slice(i), small, pixel) for i in range(slices)]
    planes = [_plane(scan, lie, i, small, float(thickness[i])) for i in range(slices)]
    leans = [lie.lean(plane.x, plane.y, plane.z) for plane in planes]
    leans = [_at_edge(lean, inside) for (_, inside), lean in zip(seen, leans, strict=True)]
    depths = [_depth(inside, pixel) * lean for (_, inside), lean in zip(seen, leans, strict=True)]
    levels = [_level(hu, inside, pixel) for hu, inside in seen]
    fluids = [_fluid(hu, inside, level, pixel) for (hu, inside), level in zip(seen, levels, strict=True)]
    ventricles = _ventricles(fluids, planes, depths)
    tissues, base = [], []
    for (hu, inside), plane, depth, level, fluid, ventricle, lean in zip(
        seen, planes, depths, levels, fluids, ventricles, leans, strict=True
    ):
        tent = np.asarray(tent_depth(Place(plane, plane.x, plane.y, plane.z)), np.float32)
        share = cover(depth, np.float32(1.1 * pixel)) * (depth > 0)
        surface = _surface(inside, fluid * ~ventricle, pixel) * lean
        csf, within = fluid * ~ventricle * share, fluid * ventricle * share
        tissues.append(
            Tissue(
                plane, hu, plane.x, plane.y, plane.z, depth, share, csf, within, tent, np.asarray(surface, np.float32)
            )
        )
        base.append(np.asarray(np.minimum(hu, np.maximum(level, 0) + 4), np.float32))
    bright = _brightening(tissues, base)
    return RealHead(scan, lie, tuple(tissues), tuple(base), bright, pixel, thickness)


def _plane(scan: Scan, lie: Lie, index: int, small: tuple[int, int], thickness: float) -> Plane:
    """The coordinates of one slice's coarse pixels in the standard head."""
    rows, columns = scan.hu.shape[1:]
    steps = scan.spacing_mm[1] * rows / small[0], scan.spacing_mm[2] * columns / small[1]
    along, down = scan.orientation[0] * steps[1], scan.orientation[1] * steps[0]
    first = (
        scan.positions_mm[index]
        + scan.orientation[0] * (steps[1] - scan.spacing_mm[2]) / 2
        + scan.orientation[1] * (steps[0] - scan.spacing_mm[1]) / 2
    )
    corner, dx, dy = lie.at(first), lie.turned(along), lie.turned(down)
    column = np.arange(small[1])[None, :]
    row = np.arange(small[0])[:, None]
    x, y, z = (np.asarray(corner[i] + dx[i] * column + dy[i] * row, np.float32) for i in range(3))
    to_field = np.array([[dx[0], dy[0], corner[0]], [dx[1], dy[1], corner[1]]])
    middle = float(z[small[0] // 2, small[1] // 2])
    return Plane(x, y, z, float(np.mean(steps)), thickness, to_field, middle, WeakKeyDictionary())


def _seen(hu: NDArray[np.int16], coarse: Mask, small: tuple[int, int], pixel: float) -> tuple[Field, Mask]:
    """One slice's HU with little noise, and the inside of its inner table."""
    size = small[::-1]
    clipped = np.clip(hu, -1000, 1500).astype(np.float32)
    mean = np.asarray(cv2.resize(clipped, size, interpolation=cv2.INTER_AREA), np.float32)
    smooth = np.asarray(cv2.bilateralFilter(mean, 5, 14, 1.2 / pixel), np.float32)
    rough = cv2.resize(coarse.view(np.uint8), size, interpolation=cv2.INTER_AREA)
    both = (pixel, pixel)
    grown = cv2.dilate(rough, ellipse(GROWN_MM, both)) > 0
    shrunk = cv2.erode(rough, ellipse(SHRUNK_MM, both)) > 0
    inside = (grown & (smooth < TABLE_HU) & (smooth > -60)) | shrunk
    opened = cv2.morphologyEx(inside.view(np.uint8), cv2.MORPH_OPEN, ellipse(1.5, both))
    return smooth, np.asarray(opened > 0)


def _depth(inside: Mask, pixel: float) -> Field:
    """Distance to the inner table in the slice, mm; negative outside."""
    if not inside.any():
        return np.full(inside.shape, FAR, np.float32)
    framed = np.pad(inside.view(np.uint8), 1)
    deep = cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1]
    out = cv2.distanceTransform(1 - framed, cv2.DIST_L2, 5)[1:-1, 1:-1]
    signed = np.where(inside, deep - 0.5, 0.5 - out)
    return np.asarray(signed * pixel, np.float32)


def _at_edge(field: Field, inside: Mask) -> Field:
    """Of every pixel inside, the field at the nearest pixel outside, which its depth counts from."""
    if not inside.any() or inside.all():
        return field
    _, nearest = cv2.distanceTransformWithLabels(inside.view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    values = np.zeros(int(nearest.max()) + 1, np.float32)
    values[nearest[~inside]] = field[~inside]
    return np.asarray(values[nearest], np.float32)


def _level(hu: Field, inside: Mask, pixel: float) -> Field:
    """HU of brain thereabouts, fluid left out as far as it is not most of the neighbourhood."""
    weight = (inside & (hu > 20) & (hu < 90)).astype(np.float32)
    sigma = LEVEL_MM / pixel / 2
    total = cv2.GaussianBlur(weight, (0, 0), sigma)
    mean = cv2.GaussianBlur(hu * weight, (0, 0), sigma) / np.maximum(total, 1e-4)
    overall = float(np.median(hu[weight > 0])) if weight.any() else 32.0
    trust = np.clip(total / 0.15, 0, 1)
    return np.asarray(overall + (mean - overall) * trust, np.float32)


def _fluid(hu: Field, inside: Mask, level: Field, pixel: float) -> Field:
    """Share of fluid, from the darkness below the brain thereabouts."""
    full = np.maximum(level - FLUID_MARGIN_HU - np.float32(FLUID_HU + 2), 8)
    share = np.clip((level - np.float32(FLUID_MARGIN_HU) - hu) / full, 0, 1) * inside
    both = (pixel, pixel)
    core = (share > 0.72).view(np.uint8)
    partly = ((share > 0.12) & (cv2.dilate(core, ellipse(1.6, both)) == 0)).view(np.uint8)
    broad = cv2.morphologyEx(partly, cv2.MORPH_OPEN, ellipse(BROAD_MM, both))
    broad = cv2.dilate(broad, ellipse(1.6, both))
    return np.asarray(share * ((broad == 0) | (core > 0)), np.float32)


def _ventricles(fluids: list[Field], planes: list[Plane], depths: list[Field]) -> list[Mask]:
    """The connected fluid in the middle of the head, (rows, columns) a slice."""
    from scipy import ndimage

    fluid = np.stack(fluids) > 0.4
    x, y, z = (np.stack([getattr(plane, axis) for plane in planes]) for axis in "xyz")
    a = np.abs(x)
    lateral = (a < 36) & (y > -48) & (y < 62) & (z > 8) & (z < 46) & (np.stack(depths) > 19)
    lateral &= ~((a < 13) & (y > 24) & (z < 22)) & ~((a > 25) & (y < 20) & (z < 30))
    third = (a < 5) & (y > -8) & (y < 22) & (z > 2) & (z < 16)
    fourth = (a < 10) & (y > 20) & (y < 42) & (z > -32) & (z < -6)
    region = fluid & (lateral | third | fourth)
    seeds = ((a < 22) & (y > -34) & (y < 46) & (z > 14) & (z < 34)) | ((a < 3.5) & third) | ((a < 7) & fourth)
    bodies, count = ndimage.label(region)
    sizes = np.bincount(bodies.ravel(), minlength=count + 1)
    keep = np.zeros(count + 1, bool)
    keep[np.unique(bodies[seeds & region])] = True
    keep[sizes < 25] = False
    keep[0] = False
    kernel = np.ones((3, 3), np.uint8)
    return [cv2.dilate(one.view(np.uint8), kernel) > 0 for one in keep[bodies]]


def _surface(inside: Mask, fluid: Field, pixel: float) -> Field:
    """Depth below the brain's surface in the slice, mm: fluid that is wider than a sulcus is outside it."""
    wide = cv2.morphologyEx((fluid > 0.6).view(np.uint8), cv2.MORPH_OPEN, ellipse(1.4, (pixel, pixel)))
    return _depth(inside & (wide == 0), pixel)


def _brightening(tissues: list[Tissue], base: list[Field]) -> tuple[Field, ...]:
    """HU that bone adds, by depth and slice, over what brain deep below the vault has.

    Of every depth the upper third counts: at the edge of the brain much of the rest is fluid.
    """
    edges = np.array([0.0, 1.5, 2.5, 3.5, 5.0, 7.0, 10.0, 14.0, 20.0, 30.0])
    deep = [hu[(one.depth > DEEP_MM) & (hu > 20)] for one, hu in zip(tissues, base, strict=True)]
    reference = float(np.median([float(np.percentile(some, 66)) for some in deep if len(some) > 400] or [34.0]))
    profiles = np.full((len(tissues), len(edges) - 1), np.nan)
    for profile, one, hu in zip(profiles, tissues, base, strict=True):
        for place, (low, high) in enumerate(itertools.pairwise(edges)):
            some = hu[(one.depth >= low) & (one.depth < high) & (one.inside > 0.95)]
            if len(some) > 40:
                profile[place] = np.percentile(some, 66) - reference
    typical = np.array(
        [np.median(column[~np.isnan(column)]) if (~np.isnan(column)).any() else 0.0 for column in profiles.T]
    )
    profiles = np.clip(np.where(np.isnan(profiles), typical, profiles), 0, 35)
    middles = (edges[:-1] + edges[1:]) / 2
    return tuple(
        np.asarray(np.interp(one.depth, middles, profile), np.float32)
        for one, profile in zip(tissues, profiles, strict=True)
    )
