"""Where slices are missing, on scans whose holes are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.values.scan_gaps import Gap, beside, gap_between, scan_gaps
from ihd_core.dicom.reader import load_scan
from ihd_core.dicom.series import find_series
from ihd_core.phantom.series_writer import write_series
from ihd_core.scan import ScanWarning
from tests.ihd_core.toy import toy_hu, toy_scan


def opened(folder):
    series = find_series([folder]).series[0]
    return load_scan(series), series


def break_off(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("heights_mm", "gaps"),
    [
        ([0, 5, 10, 15], []),
        ([0, 5, 10, 17], []),  # 1.4 times the usual distance
        ([0, 5, 10, 18], [(2, 8, 1)]),  # 1.6 times
        ([0, 5, 15, 20], [(1, 10, 1)]),
        ([0, 5, 25, 30, 35, 50], [(1, 20, 3), (4, 15, 2)]),
        ([0], []),
    ],
)
def test_a_gap_is_wider_than_one_and_a_half_usual_distances(heights_mm, gaps):
    scan = toy_scan(slices=len(heights_mm), heights_mm=heights_mm)
    found = [(gap.after_index, gap.distance_mm, gap.missing) for gap in scan_gaps(scan)]
    assert found == [(index, pytest.approx(distance), missing) for index, distance, missing in gaps]


def test_thick_slices_that_meet_leave_no_gap():
    heights = [*np.arange(8) * 4.0, *(28 + 7.0 * np.arange(1, 6))]
    thin, thick = (
        toy_scan(slices=13, spacing_mm=(4.0, 3.5, 3.5), heights_mm=heights, thickness_mm=mm) for mm in (4.0, 7.0)
    )
    assert len(scan_gaps(thin)) == 5
    assert scan_gaps(thick) == ()


def test_overlapping_slices_lack_one_where_the_scans_warning_says_so():
    scan = toy_scan(slices=4, spacing_mm=(2.5, 3.5, 3.5), heights_mm=[0, 2.5, 7.5, 10.0], thickness_mm=5.0)
    warned = replace(scan, warnings=(ScanWarning("missing-slices", "", {"after_index": 1, "missing": 1}),))
    assert scan_gaps(scan) == ()
    assert [gap.after_index for gap in scan_gaps(warned)] == [1]


def test_slices_that_cannot_be_read_are_gaps_at_the_ends_too(tmp_path):
    paths = write_series(tmp_path, toy_hu(8), spacing_mm=(5.0, 3.5, 3.5))
    for index in (0, 3, 6, 7):
        break_off(paths[index])
    scan, series = opened(tmp_path)
    found = [(gap.after_index, gap.missing, gap.unread) for gap in scan_gaps(scan, series)]
    assert len(scan) == 4
    assert found == [(-1, 1, 1), (1, 1, 1), (3, 2, 2)]


def test_a_hole_that_is_partly_absent_and_partly_damaged_counts_both(tmp_path):
    paths = write_series(tmp_path, toy_hu(8), spacing_mm=(5.0, 3.5, 3.5))
    paths[3].unlink()
    break_off(paths[4])
    scan, series = opened(tmp_path)
    (gap,) = scan_gaps(scan, series)
    assert (gap.after_index, gap.missing, gap.unread, gap.distance_mm) == (2, 2, 1, pytest.approx(15))
    assert gap.size == "Gap of 15 mm, 2 slices missing"


def test_a_real_scan_of_two_slice_thicknesses_has_no_gap(shared_data):
    scan, series = opened(shared_data / "head_ct" / "ge_hispeed_tilt")
    assert scan_gaps(scan, series) == ()


def test_the_widest_gap_on_the_way_is_found_in_both_directions():
    narrow, wide = Gap(2, 10.0, 1), Gap(5, 20.0, 3)
    gaps = (narrow, wide)
    assert [gap_between(gaps, *way) for way in ((2, 3), (3, 2), (1, 9), (3, 4), (5, 5))] == [
        narrow, narrow, wide, None, None,
    ]  # fmt: skip


def test_a_slice_names_the_gaps_on_both_sides_in_order():
    gaps = (Gap(1, 12.5, 1), Gap(2, float("nan"), 1, unread=1))
    assert beside(gaps, 2) == (
        "Gap of 12.5 mm, 1 slice missing below this slice",
        "1 slice not readable above this slice",
    )
    assert beside(gaps, 0) == ()
