from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ihd_core.errors import CannotPredict
from ihd_core.model_input import (
    AIR,
    CHANNELS,
    channels,
    neighbour_offsets,
    neighbours_of,
    placement,
    slabs,
    slice_input,
    small_hu,
)
from tests.ihd_core.toy import AXIAL, CORONAL, IN_PLANE, stored_as, toy_hu, toy_scan

PAPER_WINDOWS = [(40, 80), (80, 200), (40, 380)]


def network_picture(scan, side, slab=range(1)):
    return slice_input(scan, slab, placement(scan, side)).channels


def naive_channels(hu, side):
    """As the paper does it, in float64: windows, then linear interpolation."""
    views = []
    for center, width in PAPER_WINDOWS:
        low = center - width / 2
        view = np.clip((hu.astype(np.float64) - low) / width, 0, 1)
        views.append(cv2.resize(view, (side, side), interpolation=cv2.INTER_LINEAR))
    return np.stack(views)


def test_the_channels_are_the_papers_windows_in_its_order():
    assert [(window.center, window.width) for window in CHANNELS] == PAPER_WINDOWS


def test_a_channel_is_0_at_the_lower_end_of_its_window_and_1_at_the_upper():
    hu = np.array([[-150, -20, 0, 40, 80, 180, 230]], np.int16)
    brain, subdural, soft = channels(hu)[:, 0]
    assert brain.tolist() == [0, 0, 0, 0.5, 1, 1, 1]
    assert subdural[[1, 4, 5]].tolist() == [0, 0.5, 1]
    assert soft[[0, 3, 6]].tolist() == [0, 0.5, 1]


def test_channels_are_never_quantised():
    assert len(np.unique(channels(np.arange(-150, 231, dtype=np.int16)[None])[2])) == 381


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 16, 50]))
def test_halving_with_integers_equals_the_naive_way(seed, side):
    hu = np.random.default_rng(seed).integers(-32768, 32767, (1, 2 * side, 2 * side), endpoint=True)
    found = network_picture(toy_scan(hu=hu), side)
    assert found.dtype == np.float32
    assert np.abs(found - naive_channels(hu[0].astype(np.int16), side)).max() < 1e-6


def test_a_slice_of_the_networks_size_is_only_windowed():
    scan = toy_scan(size=64)
    assert np.array_equal(network_picture(scan, 64), channels(scan.hu[0]))


@pytest.mark.parametrize("size", [32, 50, 100, 300])
def test_other_sizes_keep_the_mean_of_the_channels(size):
    picture = network_picture(toy_scan(size=size), 64)
    assert picture.shape == (3, 64, 64)
    full = channels(toy_scan(size=size).hu[0])
    assert np.allclose(picture.mean((1, 2)), full.mean((1, 2)), atol=0.01)


@pytest.mark.parametrize("orientation", IN_PLANE)
@pytest.mark.parametrize(("rows", "columns", "side"), [(64, 64, 32), (60, 64, 32), (64, 48, 50)])
def test_the_network_sees_one_picture_however_the_rows_are_stored(orientation, rows, columns, side):
    hu = toy_hu(2, 64)[:, :rows, :columns]
    usual = toy_scan(hu=hu, orientation=AXIAL)
    stored = toy_scan(hu=stored_as(hu, orientation), orientation=orientation)
    assert np.array_equal(network_picture(stored, side), network_picture(usual, side))


@pytest.mark.parametrize("orientation", IN_PLANE)
def test_placement_says_where_on_the_slice_a_network_pixel_looks(orientation):
    """A bright square of 4 x 4 stored pixels around (19.5, 45.5) is found by its centroid."""
    hu = np.full((1, 60, 80), -1000, np.int16)
    hu[0, 18:22, 44:48] = 500
    scan = toy_scan(hu=hu, orientation=orientation)
    place = placement(scan, 40)
    bright = slice_input(scan, range(1), place).channels[2].astype(float)
    centroid = [(bright * grid).sum() / bright.sum() for grid in np.mgrid[:40, :40]]
    assert place.to_slice @ (*centroid, 1) == pytest.approx((19.5, 45.5), abs=1e-5)


def test_placement_undoes_pixels_that_are_not_square():
    hu = np.full((1, 40, 80), -1000, np.int16)
    hu[0, 8:12, 44:52] = 500
    scan = toy_scan(hu=hu, spacing_mm=(5.0, 2.0, 1.0))
    place = placement(scan, 40)
    bright = slice_input(scan, range(1), place).channels[2].astype(float)
    centroid = [(bright * grid).sum() / bright.sum() for grid in np.mgrid[:40, :40]]
    spread = [np.ptp(np.flatnonzero(bright.max(axis) > 0.5)) for axis in (1, 0)]
    assert spread[0] == spread[1], "8 mm x 8 mm must be seen as a square"
    assert place.to_slice @ (*centroid, 1) == pytest.approx((9.5, 47.5), abs=0.02)


def test_a_slice_that_is_not_square_is_filled_with_air_on_both_sides():
    hu = np.full((1, 32, 64), 40, np.int16)
    picture = network_picture(toy_scan(hu=hu), 32)
    assert not picture[:, :8].any()
    assert (picture[:, 8:24] > 0).all()
    assert not picture[:, 24:].any()


@pytest.mark.parametrize("spacing", [3.0, 5.0, 10.0])
def test_slices_of_3_mm_and_more_stay_alone(spacing):
    assert slabs(toy_scan(4, spacing_mm=(spacing, 1, 1))) == (range(1), range(1, 2), range(2, 3), range(3, 4))


@pytest.mark.parametrize(("spacing", "count", "together"), [(2.5, 8, 2), (1.25, 16, 4), (0.625, 32, 8), (1.0, 20, 5)])
def test_thinner_slices_are_grouped_to_about_5_mm(spacing, count, together):
    groups = slabs(toy_scan(hu=np.zeros((count, 4, 4)), spacing_mm=(spacing, 1, 1)))
    assert [len(group) for group in groups] == [together] * 4


@given(st.integers(1, 60), st.floats(0.3, 2.9), st.lists(st.integers(1, 59), max_size=3))
def test_slabs_cover_every_slice_once_and_never_reach_across_a_gap(count, spacing, gaps):
    steps = np.full(count - 1, spacing)
    cut = [gap for gap in gaps if gap < count]
    steps[[gap - 1 for gap in cut]] *= 1.6
    scan = toy_scan(
        hu=np.zeros((count, 2, 2)), spacing_mm=(spacing, 1, 1), heights_mm=np.concatenate([[0], np.cumsum(steps)])
    )
    groups = slabs(scan)
    assert [index for group in groups for index in group] == list(range(count))
    assert set(cut) <= {group.start for group in groups}
    assert max(map(len, groups)) * spacing <= 1.5 * 5.0 + spacing


def test_overlapping_thick_slices_are_thick_already():
    assert len(slabs(toy_scan(4, spacing_mm=(2.5, 1, 1), thickness_mm=5.0))) == 4


def test_thin_slices_are_averaged_in_hu_before_the_windows():
    hu = np.stack([np.full((4, 4), 200), np.full((4, 4), -40)])
    scan = toy_scan(hu=hu, spacing_mm=(2.5, 1, 1))
    (slab,) = slabs(scan)
    assert network_picture(scan, 4, slab)[0] == pytest.approx(1.0), "80 HU; windows first would give 0.5"


def test_the_mean_of_a_slab_keeps_halves_of_a_hounsfield_unit():
    scan = toy_scan(hu=np.stack([np.full((8, 8), 40), np.full((8, 8), 41)]), spacing_mm=(2.5, 1, 1))
    assert network_picture(scan, 4, range(2))[0] == pytest.approx(40.5 / 80)


def test_a_coronal_scan_cannot_be_given_to_the_network():
    with pytest.raises(CannotPredict, match="coronal"):
        placement(toy_scan(orientation=CORONAL), 64)


def naive_small_hu(hu, place):
    """In float64, step by step: turned, flattened, padded, resized, rounded half to even."""
    turned = np.ascontiguousarray(place.turn.apply(hu)).astype(np.float64)
    rows, columns = place.square
    if turned.shape != place.square:
        turned = cv2.resize(turned, (columns, rows), interpolation=cv2.INTER_LINEAR)
    longest = max(rows, columns)
    square = np.full((longest, longest), float(AIR))
    top, left = place.padding
    square[top : top + rows, left : left + columns] = turned
    how = cv2.INTER_AREA if longest > place.side else cv2.INTER_LINEAR
    return np.rint(cv2.resize(square, (place.side, place.side), interpolation=how))


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 16, 50]))
def test_halved_hu_are_the_mean_of_four_rounded_half_to_even(seed, side):
    rng = np.random.default_rng(seed)
    hu = rng.integers(-32768, 32767, (2 * side, 2 * side), endpoint=True).astype(np.int16)
    hu[:4, :4] = rng.integers(-3, 3, (4, 4))  # quarters and halves on both sides of 0
    found = small_hu(hu, placement(toy_scan(hu=hu[None]), side))
    fours = hu.astype(int).reshape(side, 2, side, 2).transpose(0, 2, 1, 3).reshape(side, side, 4)
    assert found.dtype == np.int16
    assert found.tolist() == [[round(sum(four) / 4) for four in row] for row in fours.tolist()]


@pytest.mark.parametrize("orientation", IN_PLANE)
@pytest.mark.parametrize(("rows", "columns", "side"), [(64, 64, 64), (64, 48, 32), (50, 64, 24), (40, 30, 64)])
def test_small_hu_of_any_size_are_those_of_the_naive_way(orientation, rows, columns, side):
    hu = stored_as(toy_hu(1, 64)[:, :rows, :columns], orientation)
    place = placement(toy_scan(hu=hu, orientation=orientation), side)
    found, expected = small_hu(hu[0], place), naive_small_hu(hu[0], place)
    assert found.shape == (side, side)
    assert np.abs(found - expected).max() <= 1, "single precision may round a half to the other side"
    assert (found == expected).mean() > 0.99


def test_small_hu_of_pixels_that_are_not_square_are_those_of_the_naive_way():
    scan = toy_scan(hu=toy_hu(1, 64), spacing_mm=(5.0, 3.0, 2.0))
    place = placement(scan, 48)
    assert (small_hu(scan.hu[0], place) == naive_small_hu(scan.hu[0], place)).mean() > 0.99


def test_a_network_of_small_hu_sees_the_windows_of_small_hu():
    scan = toy_scan(size=128)
    place = placement(scan, 64)
    found = slice_input(scan, range(2, 3), place, "hu").channels
    assert np.array_equal(found, channels(small_hu(scan.hu[2], place)))
    assert np.abs(found - slice_input(scan, range(2, 3), place).channels).max() > 0.05, "edges of bone tell them apart"


def test_thin_slices_are_averaged_before_small_hu_are_rounded():
    scan = toy_scan(hu=np.stack([np.full((8, 8), 40), np.full((8, 8), 41)]), spacing_mm=(2.5, 1, 1))
    found = slice_input(scan, range(2), placement(scan, 4), "hu").channels
    assert found[0] == pytest.approx(40 / 80), "40.5 rounded half to even"


@pytest.mark.parametrize(("count", "offsets"), [(0, (0,)), (1, (0, -1, 1)), (2, (0, -1, 1, -2, 2))])
def test_neighbours_follow_the_slice_itself_nearest_first_the_one_below_before_the_one_above(count, offsets):
    assert neighbour_offsets(count) == offsets


def test_the_last_slice_stands_in_for_neighbours_beyond_the_end():
    assert neighbours_of(0, 5, 2) == (0, 0, 1, 0, 2)
    assert neighbours_of(2, 5, 2) == (2, 1, 3, 0, 4)
    assert neighbours_of(4, 5, 2) == (4, 3, 4, 2, 4)
    assert neighbours_of(0, 1, 1) == (0, 0, 0)
