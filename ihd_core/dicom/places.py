"""Which images lie at one place of the patient, and in what order images of one place come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    from ihd_core.dicom.headers import Header

SAME_PLACE_MM = 0.1
"""Heights no farther apart than this are of one place: positions are often written with a single decimal."""

ONE_DIRECTION = 0.0087
"""Unit vectors that differ by less are half a degree apart at most."""


def place_numbers(heights: NDArray[np.float64]) -> NDArray[np.intp]:
    """The place of every height, numbered from 0 upwards in order of height.

    Args:
        heights: float64 (images,), mm, in any order.
    """
    order = np.argsort(heights, kind="stable")
    ascending = heights[order]
    is_next = np.diff(ascending) > SAME_PLACE_MM
    numbers = np.concatenate([[0], np.cumsum(is_next)])
    starts = np.concatenate([[0], np.flatnonzero(is_next) + 1])
    stops = np.concatenate([starts[1:], [len(ascending)]]) - 1
    if (ascending[stops] - ascending[starts] > 3 * SAME_PLACE_MM).any():  # no noise, but slices this close
        numbers = _numbers_from_lowest(ascending)
    found = np.empty(len(heights), np.intp)
    found[order] = numbers
    return found


def _numbers_from_lowest(ascending: NDArray[np.float64]) -> NDArray[np.intp]:
    numbers = np.zeros(len(ascending), np.intp)
    number, lowest = 0, ascending[0]
    for index, height in enumerate(ascending):
        if height - lowest > SAME_PLACE_MM:
            number, lowest = number + 1, height
        numbers[index] = number
    return numbers


def usual_orientation(headers: Sequence[Header]) -> tuple[float, ...]:
    """The median of each of the six direction cosines of headers that lie about the same way."""
    first = headers[0].orientation or ()
    if all(header.orientation is first or header.orientation == first for header in headers):
        return first
    median = np.median([header.orientation or (0.0,) * 6 for header in headers], axis=0)
    return tuple(float(value) for value in median)


def image_set(header: Header) -> tuple[Hashable, ...]:
    """What images of one scan share, and two scans in one place mostly do not; sortable."""
    details = header.details
    return (
        details.study_uid,
        (len(details.series_number), details.series_number),
        details.series_description,
        details.kernel,
        header.image_type,
        details.kvp,
        details.thickness_mm,
        header.frame_of_reference,
    )


def image_order(header: Header) -> tuple[Hashable, ...]:
    """Sorts images by when they were taken, then by the set they are of; by the name of the file only at last."""
    return (
        *header.acquisition,
        header.instance_number,
        image_set(header),
        header.file.folder,
        header.sop_uid.rpartition(".")[0],
        header.sop_uid,
        str(header.file),
    )
