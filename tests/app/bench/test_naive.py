"""The naive way of writing the network's input down, which shares nothing with ours but the placement."""

from __future__ import annotations

import numpy as np
import pytest

from app.bench.naive import naive_input
from ihd_core.model_input import placement, slabs, slice_input
from ihd_core.predict import pictures
from tests.ihd_core.toy import IN_PLANE, toy_hu, toy_info, toy_scan


@pytest.mark.parametrize(
    "scan",
    [
        toy_scan(3, size=128),
        toy_scan(8, size=64, spacing_mm=(1.0, 3.5, 3.5)),
        *(toy_scan(hu=toy_hu(2, 96)[:, :80], orientation=orientation) for orientation in IN_PLANE),
    ],
)
def test_the_naive_input_is_the_network_input(scan):
    """Two ways of writing it down, which share nothing but the placement."""
    place = placement(scan, 64)
    ours = np.stack([slice_input(scan, slab, place).channels for slab in slabs(scan)])
    naive = naive_input(scan, toy_info())
    assert (naive.dtype, naive.shape) == (np.float64, ours.shape)
    assert ours == pytest.approx(naive, abs=1e-6)


def test_pixels_that_are_not_square_are_made_square_the_naive_way_too():
    scan = toy_scan(hu=toy_hu(2, 96), spacing_mm=(5.0, 3.0, 2.0))
    place = placement(scan, 64)
    ours = np.stack([slice_input(scan, slab, place).channels for slab in slabs(scan)])
    assert ours == pytest.approx(naive_input(scan, toy_info()), abs=1e-5)


@pytest.mark.parametrize("scan", [toy_scan(4, size=128), toy_scan(8, size=128, spacing_mm=(1.0, 3.5, 3.5))])
def test_the_naive_input_has_neighbours_and_small_hu_where_the_model_has(scan):
    info = toy_info(neighbours=1, resize="hu")
    ours = np.stack([picture for _, picture in pictures(scan, info)])
    naive = naive_input(scan, info)
    assert naive.shape == ours.shape == (len(slabs(scan)), 9, 64, 64)
    assert ours == pytest.approx(naive, abs=1e-6)
