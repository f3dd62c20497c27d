"""What a reader measures on slices: lengths, angles, regions, midline shift, thickness and the volume of a clot."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.orientation import letters

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ihd_core.scan import Scan

    Point = tuple[float, float]

_OUTLINE_POINTS = 48
_WHOLE, _HALF = 0.75, 0.25
"""Of the largest area: a slice with more counts wholly in C, one with less than the second not at all."""


class Tool(StrEnum):
    """What is measured; the value stands in records."""

    LENGTH = "length"
    ANGLE = "angle"
    PROBE = "probe"
    ELLIPSE = "ellipse"
    RECTANGLE = "rectangle"
    SHIFT = "midline shift"
    THICKNESS = "thickness"
    CLOT = "clot"

    @property
    def points(self) -> tuple[str, ...]:
        """What the reader points at, in this order."""
        return _POINTS[self]


_ENDS, _CORNERS = ("one end", "the other end"), ("one corner", "the opposite corner")
_POINTS = {
    Tool.LENGTH: _ENDS,
    Tool.ANGLE: ("one side", "the corner", "the other side"),
    Tool.PROBE: ("the place",),
    Tool.ELLIPSE: _CORNERS,
    Tool.RECTANGLE: _CORNERS,
    Tool.SHIFT: ("the anterior end of the falx", "its posterior end", "the displaced point of the midline"),
    Tool.THICKNESS: ("the inner table", "the inner edge of the collection"),
    Tool.CLOT: ("one end of the longest diameter", "its other end", "the edge across it"),
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement on one slice; its numbers are computed from the scan when they are asked for.

    Attributes:
        tool: what is measured.
        slice_index: on which slice.
        points: (row, column) of the stored slice, centres of pixels at whole numbers; as many as the tool has. Of an
            ellipse and a rectangle two opposite corners of what encloses them.
    """

    tool: Tool
    slice_index: int
    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        wanted = len(self.tool.points)
        if len(self.points) != wanted or not np.isfinite(self.points).all():
            raise ValueError(f"{self.tool} has {len(self.points)} points, must have {wanted} that are finite")


@dataclass(frozen=True, slots=True)
class Region:
    """What lies inside an outline, pixels whose centre is inside.

    Attributes:
        mean: HU; deviation too, of the pixels themselves (divided by their count); least, greatest.
        pixels: how many.
        area_mm2: of the outline.
    """

    mean: float
    deviation: float
    least: int
    greatest: int
    pixels: int
    area_mm2: float


@dataclass(frozen=True, slots=True)
class ClotVolume:
    """Half of A times B times C.

    Attributes:
        a_mm: the longest diameter, on the slice with the largest area; b_mm: the diameter across it there.
        c_mm: extent along the normal of the slices.
        slices: on how many the clot is outlined.
    """

    a_mm: float
    b_mm: float
    c_mm: float
    slices: int

    @property
    def ml(self) -> float:
        """A B C / 2 in millilitres."""
        return self.a_mm * self.b_mm * self.c_mm / 2000


def length_mm(scan: Scan, one: Point, other: Point) -> float:
    """Distance of two points of a slice. Slices are planes in the patient, tilted or not, so this is the true one."""
    _, rows_mm, columns_mm = scan.spacing_mm
    return math.hypot((one[0] - other[0]) * rows_mm, (one[1] - other[1]) * columns_mm)


def angle_degrees(scan: Scan, points: Sequence[Point]) -> float:
    """Angle at the second of three points, 0..180; 0 where two of them are the same."""
    first, second = (_in_mm(scan, end) - _in_mm(scan, points[1]) for end in (points[0], points[2]))
    across = float(first[0] * second[1] - first[1] * second[0])
    return math.degrees(math.atan2(abs(across), float(first @ second)))


def shift_mm(scan: Scan, points: Sequence[Point]) -> tuple[float, str]:
    """How far the third point lies from the line through the first two, and towards which side of the patient.

    Returns:
        mm, 0 where the ends of the line are the same; letter of the side, L or R as a rule, empty where it is 0.
    """
    start, end, moved = (_in_mm(scan, point) for point in points)
    along = end - start
    length = float(np.hypot(*along))
    if length == 0:
        return 0.0, ""
    along /= length
    off = (moved - start) - along * float((moved - start) @ along)
    distance = float(np.hypot(*off))
    if distance < 1e-9:
        return 0.0, ""
    return distance, letters(scan.orientation[1] * off[0] + scan.orientation[0] * off[1])


def inside(shape: tuple[int, int], measurement: Measurement) -> NDArray[np.bool_]:
    """Pixels whose centre lies in an ellipse or a rectangle, (rows, columns)."""
    (top, left), (bottom, right) = np.sort(np.array(measurement.points), axis=0)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    if measurement.tool is Tool.RECTANGLE:
        return np.asarray((rows >= top) & (rows <= bottom) & (columns >= left) & (columns <= right))
    down, along = max((bottom - top) / 2, 1e-9), max((right - left) / 2, 1e-9)
    off = ((rows - (top + bottom) / 2) / down) ** 2 + ((columns - (left + right) / 2) / along) ** 2
    return np.asarray(off <= 1)


def region(scan: Scan, measurement: Measurement) -> Region | None:
    """HU inside an ellipse or a rectangle; None where it holds no pixel."""
    hu = scan.hu[measurement.slice_index]
    values = hu[inside((hu.shape[0], hu.shape[1]), measurement)]
    if not values.size:
        return None
    (row, column), (other_row, other_column) = measurement.points
    box_mm2 = abs(row - other_row) * scan.spacing_mm[1] * abs(column - other_column) * scan.spacing_mm[2]
    area_mm2 = box_mm2 * (1 if measurement.tool is Tool.RECTANGLE else math.pi / 4)
    mean, deviation = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    return Region(mean, deviation, int(values.min()), int(values.max()), values.size, area_mm2)


def diameters_mm(scan: Scan, clot: Measurement) -> tuple[float, float]:
    """The longest diameter of a clot on its slice, as drawn, and the one across it: twice the way to its edge."""
    start, end, edge = (_in_mm(scan, point) for point in clot.points)
    long = float(np.hypot(*(end - start)))
    if long == 0:
        return 0.0, 2 * float(np.hypot(*(edge - start)))
    along = (end - start) / long
    return long, 2 * abs(float(along[0] * (edge - start)[1] - along[1] * (edge - start)[0]))


def clot_volume(scan: Scan, measurements: Iterable[Measurement]) -> ClotVolume | None:
    """ABC/2 of what the reader has outlined as the clot, one ellipse a slice; None where nothing is.

    Of several ellipses on one slice the largest counts. C is the sum over slices of the way that each stands for along
    the normal, half to both of its neighbours: wholly where its area is more than 75 % of the largest, half from 25 %.
    Of an ellipsoid in thin slices that is some 36 % less than its volume.

    Source:
        Kothari et al., Stroke 27 (1996) 1304-1305.
    """
    areas: dict[int, tuple[float, float, float]] = {}
    for one in measurements:
        if one.tool is Tool.CLOT:
            long, across = diameters_mm(scan, one)
            area = math.pi / 4 * long * across
            areas[one.slice_index] = max(areas.get(one.slice_index, (0.0, 0.0, 0.0)), (area, long, across))
    largest, long, across = max(areas.values(), default=(0.0, 0.0, 0.0))
    if largest == 0:
        return None
    c_mm = 0.0
    for index, (area, _, _) in areas.items():
        share = round(area / largest, 9)
        c_mm += _extent_mm(scan, index) * (1 if share > _WHOLE else 0.5 if share >= _HALF else 0)
    return ClotVolume(max(long, across), min(long, across), c_mm, len(areas))


def _extent_mm(scan: Scan, index: int) -> float:
    """The way along the normal that a slice stands for; an end slice as much outwards as inwards."""
    if len(scan) == 1:
        return scan.details.thickness_mm or scan.spacing_mm[0]
    heights = scan.heights_mm
    below = heights[index] - heights[index - 1] if index else heights[1] - heights[0]
    above = heights[index + 1] - heights[index] if index + 1 < len(scan) else below
    return float(below + above) / 2


def outlines(scan: Scan, tool: Tool, points: Sequence[Point]) -> tuple[tuple[Point, ...], ...]:
    """Lines to be drawn for a measurement, or for as many points as there are: each a row of (row, column)."""
    if len(points) < 2:
        return (tuple(points),)
    if tool in (Tool.ELLIPSE, Tool.RECTANGLE):
        (top, left), (bottom, right) = points
        if tool is Tool.RECTANGLE:
            return (((top, left), (top, right), (bottom, right), (bottom, left), (top, left)),)
        middle = np.array([(top + bottom) / 2, (left + right) / 2])
        return (_ellipse(middle, np.array([(bottom - top) / 2, 0.0]), np.array([0.0, (right - left) / 2])),)
    if tool is Tool.ANGLE or len(points) == 2:
        return (tuple(points),)
    start, end = np.array(points[0]), np.array(points[1])
    if tool is Tool.CLOT:
        per_mm = 1 / np.array(scan.spacing_mm[1:])
        half = (end - start) / 2
        half_mm = half / per_mm
        long, across = diameters_mm(scan, Measurement(tool, 0, tuple(points)))
        turned = np.array([-half_mm[1], half_mm[0]]) / max(long / 2, 1e-9) * (across / 2) * per_mm
        return tuple(points[:2]), _ellipse(start + half, half, turned)
    foot = _foot(scan, points)
    return tuple(points[:2]), (foot, points[2])


def in_words(scan: Scan, measurement: Measurement) -> str:
    """What was measured, for the picture and the record: "thickness 9.1 mm"."""
    tool, points = measurement.tool, measurement.points
    if tool in (Tool.LENGTH, Tool.THICKNESS):
        found = f"{length_mm(scan, *points):.1f} mm"
        return found if tool is Tool.LENGTH else f"thickness {found}"
    if tool is Tool.ANGLE:
        return f"{angle_degrees(scan, points):.1f}°"
    if tool is Tool.SHIFT:
        distance, side = shift_mm(scan, points)
        return f"shift {distance:.1f} mm {f'to {side}' if side else ''}".strip()
    if tool is Tool.CLOT:
        return "A {:.1f} x B {:.1f} mm".format(*diameters_mm(scan, measurement))
    if tool is Tool.PROBE:
        row, column = (round(position) for position in points[0])
        return f"{int(scan.hu[measurement.slice_index, row, column])} HU"
    found_region = region(scan, measurement)
    if found_region is None:
        return "no pixel inside"
    return (
        f"{found_region.mean:.1f} ± {found_region.deviation:.1f} HU "
        f"({found_region.least} to {found_region.greatest}), {found_region.area_mm2 / 100:.2f} cm²"
    )


def _in_mm(scan: Scan, point: Point) -> NDArray[np.float64]:
    """(down, along) the slice, mm."""
    return np.array(point, np.float64) * scan.spacing_mm[1:]


def _foot(scan: Scan, points: Sequence[Point]) -> Point:
    """The nearest place to the third point on the line through the first two, (row, column)."""
    start, end, moved = (_in_mm(scan, point) for point in points)
    along = end - start
    square = float(along @ along)
    foot = start + along * (float((moved - start) @ along) / square if square else 0.0)
    row, column = foot / scan.spacing_mm[1:]
    return float(row), float(column)


def _ellipse(middle: NDArray[np.float64], one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[Point, ...]:
    """An ellipse by its middle and two half diameters across each other, closed."""
    turn = np.linspace(0, 2 * np.pi, _OUTLINE_POINTS + 1)[:, None]
    around = middle + np.cos(turn) * one + np.sin(turn) * other
    return tuple((float(row), float(column)) for row, column in around)
