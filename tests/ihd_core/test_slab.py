"""Slabs of slices with chosen HU and heights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ihd_core.slab import Projection, slab
from tests.ihd_core.toy import toy_scan


def scan_of(values, heights):
    """Slices of one HU each, at these heights."""
    scan = toy_scan(len(values))
    hu = np.broadcast_to(np.array(values, np.int16)[:, None, None], (len(values), 2, 3)).copy()
    positions = np.array([[0, 0, height] for height in heights], np.float64)
    return replace(scan, hu=hu, positions_mm=positions, orientation=np.eye(3))


EVEN = scan_of([10, 20, 60, 40, 0], [0, 5, 10, 15, 20])


@pytest.mark.parametrize(
    ("thickness", "expected"), [(0, 60), (5, 60), (15, 40), (10, (2.5 * 20 + 5 * 60 + 2.5 * 40) / 10)]
)
def test_a_mean_weighs_slices_by_how_much_of_them_lies_within(thickness, expected):
    assert set(slab(EVEN, 2, thickness, Projection.MEAN).ravel()) == {round(expected)}


def test_a_mean_of_uneven_slices_is_that_of_the_millimetres():
    """Slices at 0, 1 and 9 mm stand for 1, 4.5 and 8 mm; a slab of 8 mm about the second reaches from -3 to 5."""
    uneven = scan_of([100, 0, 50], [0, 1, 9])
    expected = (1.0 * 100 + 4.5 * 0 + 0 * 50) / 5.5
    assert slab(uneven, 1, 8, Projection.MEAN)[0, 0] == round(expected)


@pytest.mark.parametrize(("projection", "expected"), [(Projection.MAXIMUM, 60), (Projection.MINIMUM, 20)])
def test_a_maximum_and_a_minimum_are_of_the_slices_whose_middle_lies_within(projection, expected):
    assert slab(EVEN, 2, 10, projection)[0, 0] == expected
    assert slab(EVEN, 2, 9.9, projection)[0, 0] == 60


def test_at_an_end_the_slab_is_what_is_there():
    assert slab(EVEN, 0, 1000, Projection.MEAN)[0, 0] == 26
    assert slab(EVEN, 4, 10, Projection.MAXIMUM)[0, 0] == 40


def test_pixels_keep_their_place_and_type():
    scan = toy_scan(5)
    found = slab(scan, 2, 2.5 * scan.spacing_mm[0], Projection.MAXIMUM)
    assert found.dtype == np.int16
    assert np.array_equal(found, scan.hu[1:4].max(axis=0))
