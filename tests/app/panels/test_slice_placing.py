from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.panels.slice_placing import ZOOM_LIMITS, Placing, visible_part

FRACTION = st.floats(0, 1)
PLACINGS = st.builds(
    Placing,
    shape=st.tuples(st.integers(1, 600), st.integers(1, 600)),
    pixel_mm=st.tuples(st.floats(0.1, 3), st.floats(0.1, 3)),
    size=st.tuples(st.integers(50, 2000).map(float), st.integers(50, 2000).map(float)),
    zoom=st.floats(*ZOOM_LIMITS),
    middle=st.tuples(FRACTION, FRACTION),
)


def test_a_slice_with_oblong_pixels_is_as_large_as_it_fits_and_in_the_middle():
    placing = Placing((100, 200), (1.0, 0.5), (400.0, 300.0))  # 100 x 100 mm at 3 pixels a mm
    assert placing.per_mm == 3
    assert placing.scale == (3, 1.5)
    assert placing.on_widget(0, 0) == (50, 0)
    assert placing.on_widget(100, 200) == (350, 300)


@given(PLACINGS, st.floats(-50, 700), st.floats(-50, 700))
def test_to_the_widget_and_back_is_where_it_was(placing, row, column):
    assert placing.on_slice(*placing.on_widget(row, column)) == pytest.approx((row, column), abs=1e-6)


@given(PLACINGS, st.floats(0.2, 5), FRACTION, FRACTION)
def test_zooming_keeps_what_is_under_the_pointer(placing, factor, across, down):
    x, y = across * placing.size[0], down * placing.size[1]
    before = placing.on_slice(x, y)
    zoomed = placing.zoomed(factor, x, y)
    low, high = ZOOM_LIMITS
    assert low <= zoomed.zoom <= high
    inside = all(0 < fraction < 1 for fraction in zoomed.middle)  # else the slice would have left the widget
    if inside:
        assert zoomed.on_slice(x, y) == pytest.approx(before, abs=1e-6)


@given(PLACINGS, st.floats(-5000, 5000), st.floats(-5000, 5000))
def test_a_slice_cannot_be_lost_by_panning(placing, dx, dy):
    row, column = placing.moved(dx, dy).on_slice(placing.size[0] / 2, placing.size[1] / 2)
    assert -1e-6 <= row <= placing.shape[0] + 1e-6
    assert -1e-6 <= column <= placing.shape[1] + 1e-6


@given(PLACINGS, st.sampled_from([1.0, 1.25, 1.5, 2.0]))
def test_the_visible_part_lands_where_the_placing_says(placing, ratio):
    part = visible_part(placing, ratio)
    assert part is not None
    first = placing.on_widget(part.rows[0], part.columns[0])
    assert (part.x, part.y) == pytest.approx((first[0] * ratio, first[1] * ratio), abs=0.5001)
    last = placing.on_widget(part.rows[1], part.columns[1])
    assert part.x + part.width == pytest.approx(last[0] * ratio, abs=1.5)
    assert part.y + part.height == pytest.approx(last[1] * ratio, abs=1.5)


@given(PLACINGS)
def test_the_visible_part_covers_the_widget_or_the_slice(placing):
    part = visible_part(placing, 1.0)
    top, left = placing.on_slice(0, 0)
    bottom, right = placing.on_slice(*placing.size)
    assert part.rows[0] <= max(top, 0) + 1e-6
    assert part.rows[1] >= min(bottom, placing.shape[0]) - 1e-6
    assert part.columns[0] <= max(left, 0) + 1e-6
    assert part.columns[1] >= min(right, placing.shape[1]) - 1e-6


def test_a_large_zoom_resizes_only_what_is_visible():
    placing = Placing((512, 512), (0.5, 0.5), (1000.0, 1000.0), zoom=20.0)
    part = visible_part(placing, 1.0)
    assert part.width <= 1000 + 8 * placing.scale[1]
    assert part.columns[1] - part.columns[0] < 40


def test_a_smaller_slice_is_averaged_so_that_nothing_thin_is_lost():
    pixels = np.zeros((400, 400), np.uint8)
    pixels[:, ::4] = 200  # lines of one pixel, four apart
    placing = Placing((400, 400), (1.0, 1.0), (100.0, 100.0))
    resized = visible_part(placing, 1.0).resized(pixels)
    assert resized.shape == (100, 100)
    assert np.array_equal(resized, np.full((100, 100), 50))


def test_at_one_screen_pixel_a_pixel_nothing_is_changed():
    pixels = np.random.default_rng(1).integers(0, 256, (64, 80), np.uint8)
    placing = Placing((64, 80), (0.7, 0.7), (80.0, 64.0))
    assert np.array_equal(visible_part(placing, 1.0).resized(pixels), pixels)


def test_zoom_stops_at_its_limits():
    placing = Placing((100, 100), (1.0, 1.0), (300.0, 300.0))
    assert placing.zoomed(1e6, 10, 10).zoom == ZOOM_LIMITS[1]
    assert replace(placing, zoom=1.0).zoomed(1e-6, 10, 10).zoom == ZOOM_LIMITS[0]


def test_the_visible_part_is_interpolated_as_if_the_whole_slice_had_been_resized():
    pixels = np.random.default_rng(2).integers(0, 256, (60, 60), np.uint8)
    placing = Placing((60, 60), (1.0, 1.0), (120.0, 120.0), zoom=4.0)  # 8 screen pixels a pixel
    part = visible_part(placing, 1.0)
    whole = cv2.resize(pixels, (480, 480), interpolation=cv2.INTER_CUBIC)
    left, top = round(-placing.origin[0]), round(-placing.origin[1])
    seen = part.resized(pixels)[-part.y : -part.y + 120, -part.x : -part.x + 120]
    assert abs(seen.astype(int) - whole[top : top + 120, left : left + 120]).max() <= 1
