"""Pictures across the slices, of volumes that are functions of the place in the patient."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ihd_core.orientation import edge_letters
from ihd_core.reformat import Cut, reformat
from tests.ihd_core.toy import toy_scan

ROWS, COLUMNS, PIXEL = 40, 50, 2.0


def linear_scan(heights, tilt_degrees=0.0, gradient=(3.0, 2.0, 5.0)):
    """HU = gradient . place in mm: linear interpolation must find it again wherever there are data."""
    tilt = math.radians(tilt_degrees)
    along_row, down_column = np.array([1.0, 0, 0]), np.array([0, math.cos(tilt), -math.sin(tilt)])
    orientation = np.stack([along_row, down_column, np.cross(along_row, down_column)])
    positions = np.array([[-50.0, -40.0, height / math.cos(tilt)] for height in heights])
    row, column = np.mgrid[:ROWS, :COLUMNS] * PIXEL
    place = positions[:, None, None] + column[..., None] * along_row + row[..., None] * down_column
    hu = np.rint(place @ np.array(gradient)).astype(np.int16)
    spacing = float(np.median(np.diff(np.array([p @ orientation[2] for p in positions]))))
    return replace(
        toy_scan(len(hu)), hu=hu, spacing_mm=(spacing, PIXEL, PIXEL), orientation=orientation, positions_mm=positions
    ), np.array(gradient)


def expected_hu(scan, found, cut, index, gradient):
    """HU by the place in the patient of every pixel of the picture."""
    along, down, _ = found.orientation
    middle = scan.positions_mm[len(scan) // 2]
    across = scan.orientation[0] if cut is Cut.COLUMN else scan.orientation[1]
    heights = scan.heights_mm
    top = heights[0] + int((heights[-1] - heights[0]) / found.pixel_mm) * found.pixel_mm
    corner = middle + index * PIXEL * across + (top - middle @ scan.orientation[2]) * scan.orientation[2]
    row, column = np.mgrid[: found.hu.shape[0], : found.hu.shape[1]] * found.pixel_mm
    return (corner + column[..., None] * along + row[..., None] * down) @ gradient


@pytest.mark.parametrize("tilt", [0, 15, -22])
@pytest.mark.parametrize("cut", Cut)
@pytest.mark.parametrize("heights", [range(0, 60, 5), [0, 1, 2, 4, 6, 9, 12, 14]], ids=["even", "uneven"])
def test_every_pixel_shows_its_place_in_the_patient(heights, cut, tilt):
    scan, gradient = linear_scan(list(heights), tilt)
    found = reformat(scan, cut, 20.0)
    error = np.abs(found.hu - expected_hu(scan, found, cut, 20.0, gradient))
    inside = np.s_[:, 15:-15]  # beyond the edge of a shifted slice there are no data
    assert error[inside].max() <= 1.5
    assert found.known.all()


def test_the_last_slice_is_at_the_top_and_letters_say_so():
    scan, _ = linear_scan(list(range(0, 60, 5)))
    sagittal, coronal = (edge_letters(reformat(scan, cut, 20).orientation) for cut in Cut)
    assert (sagittal.top, sagittal.bottom, sagittal.left, sagittal.right) == ("H", "F", "A", "P")
    assert (coronal.top, coronal.bottom, coronal.left, coronal.right) == ("H", "F", "R", "L")


def test_every_slice_is_found_in_its_row():
    scan, _ = linear_scan([0, 1, 2, 4, 6, 9, 12, 14], gradient=(0, 0, 10))
    found = reformat(scan, Cut.ROW, 10)
    for number, row in enumerate(found.slice_rows):
        if row == int(row):
            assert np.array_equal(found.hu[int(row)], scan.hu[number, 10])


def test_nothing_is_made_up_where_slices_are_missing():
    scan, _ = linear_scan([0, 5, 10, 30, 35, 40])
    found = reformat(scan, Cut.COLUMN, 20, missing=[2])
    heights = found.slice_rows[0] * PIXEL - np.arange(len(found.hu)) * PIXEL
    assert np.array_equal(found.known, (heights <= 10) | (heights >= 30))
    assert (found.hu[~found.known] == scan.hu.min()).all()


def test_a_single_slice_is_refused():
    scan, _ = linear_scan([0, 5])
    one = replace(scan, hu=scan.hu[:1], positions_mm=scan.positions_mm[:1])
    with pytest.raises(ValueError, match="one slice"):
        reformat(one, Cut.ROW, 3)
