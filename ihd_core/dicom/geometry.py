"""Where the slices of a stack lie in the patient: their order, distances, gaps and tilt."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom.places import SAME_PLACE_MM, image_order, image_set, place_numbers, usual_orientation
from ihd_core.scan import ScanWarning

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    from ihd_core.dicom.headers import Header

UNEVEN = 0.1
"""Share of the usual distance by which a distance may differ and still count as even."""

TILT_DEGREES = 0.5
"""Below this a tilt is rounding of the positions."""

SHIFT_MM = 1.0
"""A slice that lies farther than this beside the line of the others has been shifted, or its neighbours have."""

OBLIQUE_DEGREES = 35.0
"""Slices turned farther than this out of their plane show the head as no ordinary slice does; gantries tilt by 30."""

INTERLEAVED = 0.45
"""The short one of two distances that take turns is at most this share of the long one where two scans are mixed."""

FEWEST_TURNS = 8
"""So many distances in turn are no chance."""

MOST_RUNS = 6
"""Of equal distances that a warning lists."""

INTERLEAVED_CODE = "interleaved-slices"
"""Of the warning that slices of two scans seem to be mixed; such a stack is not predicted."""

PLANES = ("sagittal", "coronal", "axial")


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Slices in order along their normal, each place once.

    Attributes:
        headers: inferior first for an axial stack.
        orientation: float64 (3, 3), as Scan.orientation.
        positions_mm: float64 (slices, 3), as Scan.positions_mm.
        spacing_mm: (slice, row, column), as Scan.spacing_mm.
        plane: "axial", "coronal" or "sagittal", whichever the normal is closest to.
        tilt_degrees: angle between the normal and the direction in which the slices are stacked, from the positions;
            positive where the anterior edge of a slice lies towards the head, 0 where stacked along the normal.
        repeated: headers of further images at places that are already taken.
        copies: further files of images that are in headers or repeated.
    """

    headers: tuple[Header, ...]
    orientation: NDArray[np.float64]
    positions_mm: NDArray[np.float64]
    spacing_mm: tuple[float, float, float]
    plane: str
    tilt_degrees: float
    repeated: tuple[Header, ...]
    copies: tuple[Header, ...] = ()

    def others_at(self, index: int) -> list[Header]:
        """Further images at the place of one slice, and copies of it."""
        height, normal = self.positions_mm[index] @ self.orientation[2], self.orientation[2]
        others = (*self.copies, *self.repeated)
        return [h for h in others if abs(np.dot(h.position or (), normal) - height) < SAME_PLACE_MM]

    @property
    def gaps_mm(self) -> NDArray[np.float64]:
        """Distance from every slice to the next along the normal, (slices - 1,), all above zero."""
        gaps: NDArray[np.float64] = np.diff(self.positions_mm @ self.orientation[2])
        return gaps


def stack(headers: Sequence[Header]) -> Stack:
    """Put slices of one orientation in order by their position, whatever their numbers and names say.

    Args:
        headers: at least one; each has position, orientation and pixel spacing, the same orientation in all.

    Raises:
        ValueError: the orientation is not two perpendicular unit vectors.
    """
    orientation = axes(usual_orientation(headers))
    ordered, others = _one_of_each_place(headers, orientation[2])
    copies, repeated = _copies(ordered, others)
    positions = np.array([header.position for header in ordered], np.float64)
    gaps = np.diff(positions @ orientation[2])
    between = float(np.median(gaps)) if len(gaps) else ordered[0].details.thickness_mm or 1.0
    rows_mm, columns_mm = _usual_pixel_mm(ordered)
    return Stack(
        headers=tuple(ordered),
        orientation=orientation,
        positions_mm=positions,
        spacing_mm=(between, rows_mm, columns_mm),
        plane=PLANES[int(np.argmax(np.abs(orientation[2])))],
        tilt_degrees=_tilt_degrees(np.diff(positions, axis=0), gaps, orientation),
        repeated=tuple(repeated),
        copies=tuple(copies),
    )


def _copies(ordered: Sequence[Header], others: Sequence[Header]) -> tuple[list[Header], list[Header]]:
    """Further files of one image, and further images; a SOPInstanceUID that several slices share tells no image."""
    counted = Counter(header.sop_uid for header in ordered)
    seen = {_image(header) for header in ordered}
    copies: list[Header] = []
    images: list[Header] = []
    for header in others:
        is_copy = bool(header.sop_uid) and counted[header.sop_uid] <= 1 and _image(header) in seen
        (copies if is_copy else images).append(header)
        seen.add(_image(header))
    return copies, images


def _image(header: Header) -> tuple[Hashable, ...]:
    return header.sop_uid, header.position, header.instance_number, header.acquisition


def _one_of_each_place(headers: Sequence[Header], normal: NDArray[np.float64]) -> tuple[list[Header], list[Header]]:
    """One image of every place in order of height, the one that is most like the rest of the stack; and the others."""
    heights = np.array([header.position for header in headers], np.float64) @ normal
    places = place_numbers(heights)
    images: list[list[Header]] = [[] for _ in range(int(places.max()) + 1)]
    for header, place in zip(headers, places.tolist(), strict=True):
        images[place].append(header)
    if len(images) == len(headers):
        return [header for (header,) in images], []
    sets = Counter(map(image_set, headers))
    acquisitions = Counter(header.acquisition[0] for header in headers)

    def preference(header: Header) -> tuple[Hashable, ...]:
        return -sets[image_set(header)], -acquisitions[header.acquisition[0]], *image_order(header)

    for at_place in images:
        at_place.sort(key=preference)
    return [first for first, *_ in images], [header for _, *others in images for header in others]


def _usual_pixel_mm(headers: Sequence[Header]) -> tuple[float, float]:
    """Median distance between rows and between columns; they differ by rounding only."""
    first = headers[0].pixel_mm or (1.0, 1.0)
    if all(header.pixel_mm is headers[0].pixel_mm or header.pixel_mm == first for header in headers):
        return first[0], first[1]
    rows_mm, columns_mm = np.median([header.pixel_mm or first for header in headers], axis=0)
    return float(rows_mm), float(columns_mm)


def geometry_warnings(stack: Stack) -> list[ScanWarning]:
    """What a reader must know of the geometry: holes and repeats first, then tilt, then uneven spacing."""
    places = len(stack.headers)
    single = [ScanWarning("single-slice", "A single slice, not a volume", {"slices": 1})] if places == 1 else []
    interleaved = _interleaved_warnings(stack.gaps_mm)
    return [
        *single,
        # Between the slices of two scans no distance says what is missing, or what is usual.
        *(interleaved or _missing_warnings(stack.gaps_mm)),
        *_repeat_warnings(places, len(stack.repeated)),
        *_oblique_warnings(stack.orientation[2]),
        *_tilt_warnings(stack.tilt_degrees),
        *_shift_warnings(stack),
        *([] if interleaved else _uneven_warnings(stack.gaps_mm)),
    ]


def axes(orientation: Sequence[float]) -> NDArray[np.float64]:
    """Unit vectors along a row, down a column, and along the normal towards head, back or left, (3, 3).

    Args:
        orientation: the six values of ImageOrientationPatient.

    Raises:
        ValueError: they are not two perpendicular unit vectors within 1 %.
    """
    row, column = np.array(orientation, np.float64).reshape(2, 3)
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not (np.allclose(lengths, 1, atol=0.01) and abs(row @ column) < 0.01):
        raise ValueError("the orientation is not two perpendicular unit vectors")
    row, column = row / lengths[0], column / lengths[1]
    normal = np.cross(row, column)
    normal /= np.linalg.norm(normal)
    return np.stack([row, column, normal if normal[np.argmax(np.abs(normal))] > 0 else -normal])


def _tilt_degrees(steps: NDArray[np.float64], gaps: NDArray[np.float64], orientation: NDArray[np.float64]) -> float:
    if not len(gaps):
        return 0.0
    # The median step: a table that was moved once between two halves of a scan is not a tilt.
    sideways = np.median(steps / gaps[:, None], axis=0) - orientation[2]
    towards_back = sideways[1] if abs(sideways[1]) >= abs(sideways[0]) else -abs(sideways[0])
    degrees = float(np.degrees(np.arctan(np.linalg.norm(sideways))))
    return -degrees if towards_back > 0 else degrees


def _tilt_warnings(degrees: float) -> list[ScanWarning]:
    if abs(degrees) < TILT_DEGREES:
        return []
    text = f"Gantry tilt {degrees:+.1f}°: slices are stacked obliquely, not along their normal"
    return [ScanWarning("gantry-tilt", text, {"degrees": round(degrees, 2)})]


def _shift_warnings(stack: Stack) -> list[ScanWarning]:
    """Where the next slice does not lie in the direction in which the others are stacked."""
    steps, gaps = np.diff(stack.positions_mm, axis=0), stack.gaps_mm
    if len(gaps) < 2:
        return []
    sideways = np.linalg.norm(steps - gaps[:, None] * np.median(steps / gaps[:, None], axis=0), axis=1)
    count = int((sideways > SHIFT_MM).sum())
    if not count:
        return []
    index = int(sideways.argmax())
    by = _rounded(sideways[index])
    text = f"Slices from {index + 2} on lie {by:.1f} mm to the side of those below: a step in the head"
    if count > 1:
        text = (
            f"Slices do not lie in one line: {count} steps sideways, the largest of {by:.1f} mm after slice {index + 1}"
        )
    return [ScanWarning("shifted-slices", text, {"after_index": index, "shift_mm": by, "steps": count})]


def _missing_warnings(gaps: NDArray[np.float64]) -> list[ScanWarning]:
    warnings = []
    for index, count in _missing(gaps).items():
        usual = float(np.median(gaps))
        slices = "1 slice seems" if count == 1 else f"{count} slices seem"
        text = f"{slices} to be missing after slice {index + 1}: {gaps[index]:.1f} mm where {usual:.1f} mm is usual"
        values = {"after_index": index, "missing": count, "gap_mm": _rounded(gaps[index]), "usual_mm": _rounded(usual)}
        warnings.append(ScanWarning("missing-slices", text, values))
    return warnings


def _uneven_warnings(gaps: NDArray[np.float64]) -> list[ScanWarning]:
    holes = _missing(gaps)
    others = [float(gap) for index, gap in enumerate(gaps) if index not in holes]
    usual = float(np.median(others)) if others else 0.0
    if all(abs(gap - usual) <= UNEVEN * usual for gap in others):
        return []
    runs = [f"{len(list(run))} × {gap} mm" for gap, run in groupby(f"{gap:.1f}" for gap in others)]
    text = ", ".join(runs[:MOST_RUNS]) + (", …" if len(runs) > MOST_RUNS else "")
    values = {"smallest_mm": _rounded(min(others)), "largest_mm": _rounded(max(others)), "usual_mm": _rounded(usual)}
    return [ScanWarning("uneven-spacing", f"Uneven distance between slices, inferior first: {text}", values)]


def _interleaved_warnings(gaps: NDArray[np.float64]) -> list[ScanWarning]:
    """Where a short and a long distance take turns along most of the stack."""
    if len(gaps) < FEWEST_TURNS:
        return []
    pairs = np.stack([gaps[:-1], gaps[1:]], axis=1)
    short, long = pairs.min(axis=1), pairs.max(axis=1)
    period = np.median(short + long)
    takes_turns = (short <= INTERLEAVED * long) & (np.abs(short + long - period) <= UNEVEN * period)
    if takes_turns.sum() < max(FEWEST_TURNS - 1, len(pairs) / 2):
        return []
    values = {"short_mm": _rounded(np.median(short[takes_turns])), "long_mm": _rounded(np.median(long[takes_turns]))}
    distances = f"{values['short_mm']:.1f} and {values['long_mm']:.1f} mm"
    text = (
        f"Distances of {distances} take turns: slices of two scans seem to be mixed, which nothing in the files tells"
    )
    return [ScanWarning(INTERLEAVED_CODE, text, values)]


def _oblique_warnings(normal: NDArray[np.float64]) -> list[ScanWarning]:
    degrees = float(np.degrees(np.arccos(min(1.0, float(np.abs(normal).max())))))
    if degrees <= OBLIQUE_DEGREES:
        return []
    plane = PLANES[int(np.argmax(np.abs(normal)))]
    text = f"Oblique slices, {degrees:.0f}° from {plane}: the network knows no such plane"
    return [ScanWarning("oblique-slices", text, {"degrees": round(degrees, 1)})]


def _rounded(millimetres: float) -> float:
    return round(float(millimetres), 3)


def _missing(gaps: NDArray[np.float64]) -> dict[int, int]:
    """Index of a gap to the number of slices that would fill it.

    A gap counts as a hole when it is a whole multiple of the usual distance and stands alone or beside one other; a
    longer run of wide gaps, or a protocol with two distances, is uneven spacing.
    """
    if len(gaps) < 2:
        return {}
    usual = np.median(gaps)
    multiples = np.rint(gaps / usual).astype(int)
    wide = (multiples >= 2) & (np.abs(gaps - multiples * usual) <= UNEVEN * usual)
    if 2 * wide.sum() >= len(gaps):
        return {}
    found = {}
    start = 0
    for is_wide, run in groupby(wide):
        length = len(list(run))
        if is_wide and length <= 2:
            found.update({index: int(multiples[index]) - 1 for index in range(start, start + length)})
        start += length
    return found


def _repeat_warnings(places: int, repeats: int) -> list[ScanWarning]:
    if not repeats:
        return []
    images = "1 image repeats" if repeats == 1 else f"{repeats} images repeat"
    text = f"{images} the position of another; one of each position is shown"
    return [ScanWarning("duplicate-slices", text, {"left_out": repeats, "positions": places})]
