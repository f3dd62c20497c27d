"""Measurements on scans whose spacing, orientation and HU are chosen."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ihd_core.measurements import (
    Measurement,
    Tool,
    angle_degrees,
    clot_volume,
    diameters_mm,
    in_words,
    inside,
    length_mm,
    outlines,
    region,
    shift_mm,
)
from tests.ihd_core.toy import toy_scan

ROWS_MM, COLUMNS_MM = 0.5, 0.8


def flat_scan(slices=6, hu=0, spacing_mm=(5.0, ROWS_MM, COLUMNS_MM)):
    return toy_scan(hu=np.full((slices, 100, 100), hu), spacing_mm=spacing_mm)


def test_a_length_follows_the_spacing_of_rows_and_columns():
    """30 rows of 0.5 mm and 25 columns of 0.8 mm: sides of 15 and 20 mm, 25 across."""
    scan = flat_scan()
    assert length_mm(scan, (10, 10), (40, 10)) == pytest.approx(15)
    assert length_mm(scan, (10, 10), (10, 35)) == pytest.approx(20)
    assert length_mm(scan, (10, 10), (40, 35)) == pytest.approx(25)
    assert in_words(scan, Measurement(Tool.LENGTH, 0, ((10, 10), (40, 35)))) == "25.0 mm"
    assert in_words(scan, Measurement(Tool.THICKNESS, 0, ((10, 10), (40, 35)))) == "thickness 25.0 mm"


def test_a_length_on_a_tilted_slice_is_the_distance_in_the_patient():
    scan = flat_scan()
    tilt = math.radians(18.5)
    normal = np.array([0, -math.sin(tilt), math.cos(tilt)])
    tilted = replace(scan, orientation=np.array([[1, 0, 0], [0, math.cos(tilt), math.sin(tilt)], normal]))
    apart = tilted.place_mm(2, 70, 60) - tilted.place_mm(2, 10, 5)
    assert length_mm(tilted, (70, 60), (10, 5)) == pytest.approx(float(np.linalg.norm(apart)))


@pytest.mark.parametrize(
    ("first", "second", "degrees"),
    [((0, 10), (16, 0), 90), ((0, 10), (16, 10), 45), ((0, 10), (0, -10), 180), ((0, 10), (-16, 10), 45),
     ((0, 0), (1, 0), 0)],
)  # fmt: skip
def test_an_angle_is_one_of_the_patient_and_not_of_pixels(first, second, degrees):
    """16 rows and 10 columns are both 8 mm."""
    corner = (50, 50)
    points = ((50 + first[0], 50 + first[1]), corner, (50 + second[0], 50 + second[1]))
    assert angle_degrees(flat_scan(), points) == pytest.approx(degrees)


def test_midline_shift_is_the_way_from_the_line_and_names_the_patients_side():
    """A vertical falx in column 50; columns run to the patient's left, so that column 60 is 8 mm to the left."""
    scan = flat_scan()
    assert shift_mm(scan, ((10, 50), (90, 50), (45, 60))) == (pytest.approx(8), "L")
    assert shift_mm(scan, ((90, 50), (10, 50), (45, 45))) == (pytest.approx(4), "R")
    assert shift_mm(scan, ((10, 50), (90, 50), (120, 50))) == (0, "")
    assert shift_mm(scan, ((10, 50), (10, 50), (45, 45))) == (0, "")
    mirrored = replace(scan, orientation=scan.orientation * [[-1], [1], [-1]])
    assert shift_mm(mirrored, ((10, 50), (90, 50), (45, 60)))[1] == "R"
    words = in_words(scan, Measurement(Tool.SHIFT, 0, ((10, 50), (90, 50), (45, 60))))
    assert words == "shift 8.0 mm to L"


def test_an_oblique_falx_is_followed():
    """In mm a line of slope 1 through the origin; a point 10 mm along one axis lies 10 / sqrt(2) off."""
    scan = flat_scan(spacing_mm=(5.0, 1.0, 1.0))
    assert shift_mm(scan, ((0, 0), (50, 50), (20, 30)))[0] == pytest.approx(10 / math.sqrt(2))


def test_a_rectangle_holds_the_pixels_whose_centre_it_holds():
    hu = np.zeros((1, 100, 100), np.int16)
    hu[0, 20:30, 40:60] = 60
    hu[0, 20, 40] = 80
    scan = toy_scan(hu=hu, spacing_mm=(5.0, ROWS_MM, COLUMNS_MM))
    found = region(scan, Measurement(Tool.RECTANGLE, 0, ((29, 59), (20, 40))))
    values = [60] * 199 + [80]
    assert (found.pixels, found.least, found.greatest) == (200, 60, 80)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.deviation == pytest.approx(np.std(values))
    assert found.area_mm2 == pytest.approx(9 * 0.5 * 19 * 0.8)


def test_an_ellipse_holds_what_its_equation_says():
    """Half axes of 20 rows and 10 columns about (50, 40), by brute force over the grid."""
    measurement = Measurement(Tool.ELLIPSE, 0, ((30, 30), (70, 50)))
    found = inside((100, 100), measurement)
    by_hand = [[((r - 50) / 20) ** 2 + ((c - 40) / 10) ** 2 <= 1 for c in range(100)] for r in range(100)]
    assert np.array_equal(found, by_hand)
    values = region(flat_scan(hu=37), measurement)
    assert (values.mean, values.deviation) == (37, 0)
    assert values.area_mm2 == pytest.approx(math.pi * 20 * 0.5 * 10 * 0.8)


def test_a_region_beside_the_picture_says_so():
    outside = Measurement(Tool.ELLIPSE, 0, ((-30, -30), (-10, -10)))
    assert region(flat_scan(), outside) is None
    assert in_words(flat_scan(), outside) == "no pixel inside"


def clot(index, long_mm, across_mm, scan):
    """An ellipse along the rows' direction about the middle."""
    half = long_mm / 2 / ROWS_MM
    return Measurement(Tool.CLOT, index, ((50 - half, 50), (50 + half, 50), (50, 50 + across_mm / 2 / COLUMNS_MM)))


def test_the_diameters_of_a_clot_are_those_of_its_ellipse():
    scan = flat_scan()
    assert diameters_mm(scan, clot(0, 40, 24, scan)) == pytest.approx((40, 24))
    slanted = Measurement(Tool.CLOT, 0, ((50, 50), (80, 68.75), (65 + 7.5, 59.375 - 6.25 * 0.5625)))
    long, _ = diameters_mm(scan, slanted)
    assert long == pytest.approx(math.hypot(15, 15))


def test_abc_half_weighs_slices_by_their_area():
    """Areas of 1, 0.8, 0.75, 0.5, 0.25 and 0.2 of the largest on slices of 5 mm: C = 5 + 5 + 2.5 + 2.5 + 2.5 + 0."""
    scan = flat_scan()
    shares = (1, 0.8, 0.75, 0.5, 0.25, 0.2)
    found = clot_volume(scan, [clot(index, 40, 24 * share, scan) for index, share in enumerate(shares)])
    assert (found.a_mm, found.b_mm, found.c_mm) == pytest.approx((40, 24, 17.5))
    assert found.ml == pytest.approx(40 * 24 * 17.5 / 2000)
    assert found.slices == 6


def test_abc_half_of_an_ellipsoid():
    """Half axes 20, 15 and 15 mm in slices of 1 mm. At a height of h the area is 1 - (h / 15)^2 of the largest: more
    than 75 % on 15 slices, less than 25 % beyond 12 mm, so C = 15 + 10 / 2."""
    scan = flat_scan(slices=31, spacing_mm=(1.0, ROWS_MM, COLUMNS_MM))
    drawn = [
        clot(index, 40 * scale, 30 * scale, scan)
        for index in range(1, 30)
        if (scale := math.sqrt(1 - ((index - 15) / 15) ** 2)) > 0
    ]
    assert clot_volume(scan, drawn).ml == pytest.approx(40 * 30 * 20 / 2000)


def test_uneven_spacing_counts_as_it_is():
    """Slices at 0, 4 and 11 mm: the middle one stands for 2 + 3.5 mm, the ends for 4 and 7."""
    scan = flat_scan(slices=3)
    normal = scan.orientation[2]
    scan = replace(scan, positions_mm=scan.positions_mm[0] + np.outer([0, 4, 11], normal))
    for index, c_mm in enumerate((4, 5.5, 7)):
        assert clot_volume(scan, [clot(index, 40, 24, scan)]).c_mm == pytest.approx(c_mm)


def test_of_two_outlines_on_a_slice_the_larger_counts_and_without_one_there_is_no_volume():
    scan = flat_scan()
    found = clot_volume(scan, [clot(2, 10, 10, scan), clot(2, 40, 24, scan), Measurement(Tool.PROBE, 1, ((1, 1),))])
    assert (found.a_mm, found.slices) == (pytest.approx(40), 1)
    assert clot_volume(scan, []) is None


@pytest.mark.parametrize("tool", list(Tool))
def test_what_is_drawn_goes_through_what_was_pointed_at(tool):
    scan = flat_scan()
    points = ((20.0, 20.0), (60.0, 30.0), (40.0, 60.0))[: len(tool.points)]
    drawn = np.concatenate([np.array(line) for line in outlines(scan, tool, points)])
    if tool in (Tool.ELLIPSE, Tool.RECTANGLE):
        assert drawn.min(axis=0) == pytest.approx([20, 20], abs=0.1)
        assert drawn.max(axis=0) == pytest.approx([60, 30], abs=0.1)
    else:
        on_it = points[:2] if tool is Tool.CLOT else points
        assert all(np.abs(drawn - point).sum(axis=1).min() < 1e-6 for point in on_it)
    for count in range(1, len(points)):
        assert outlines(scan, tool, points[:count])


def test_a_measurement_has_the_points_of_its_tool():
    with pytest.raises(ValueError, match="angle has 2 points, must have 3"):
        Measurement(Tool.ANGLE, 0, ((1, 1), (2, 2)))
    with pytest.raises(ValueError, match="finite"):
        Measurement(Tool.PROBE, 0, ((math.nan, 1),))
