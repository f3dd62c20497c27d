"""How slices lie, and that another thickness shows the same head."""

from __future__ import annotations

import numpy as np
import pytest

from ihd_core.labels import SUBTYPES, Label
from ihd_core.phantom.phantom import phantom_scan
from ihd_core.phantom.protocol import draw_protocol


def test_every_thickness_is_drawn_and_most_are_three_to_six_mm():
    drawn = [draw_protocol(np.random.default_rng(seed), 1.0) for seed in range(400)]
    thickness = np.array([np.median(one.thickness_mm) for one in drawn])
    assert thickness.min() < 1
    assert thickness.max() > 8
    assert 0.6 < ((thickness >= 3) & (thickness <= 6)).mean() < 0.95
    assert all((np.diff(one.heights_mm) > 0).all() for one in drawn)
    assert any(len(set(one.thickness_mm)) == 2 for one in drawn)


def test_a_wanted_thickness_covers_the_same_range_without_gaps():
    usual = draw_protocol(np.random.default_rng(3), 1.0)
    thin = draw_protocol(np.random.default_rng(3), 1.0, thickness_mm=1.25)
    assert set(thin.thickness_mm) == {1.25}
    assert np.allclose(np.diff(thin.heights_mm), 1.25)
    assert thin.fov_mm == usual.fov_mm
    assert abs(thin.heights_mm[0] - usual.heights_mm[0]) < 0.1


def test_another_thickness_shows_the_same_hemorrhage():
    wanted = [Label.INTRAPARENCHYMAL]
    made = [phantom_scan(12, labels=wanted, size=96, thickness_mm=thickness) for thickness in (10.0, 5.0)]
    volumes = [max(one.volume_ml for one in phantom.lesions) for phantom in made]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.2)
    centers = [
        (phantom.masks[wanted[0]].any(axis=(1, 2)) * phantom.scan.heights_mm).sum()
        / phantom.masks[wanted[0]].any(axis=(1, 2)).sum()
        for phantom in made
    ]
    assert abs(centers[0] - centers[1]) < 6


@pytest.mark.parametrize("label", SUBTYPES)
def test_truth_and_faint_follow_the_records_and_never_both(label):
    phantom = phantom_scan(17, labels=[label], size=96, slices=12)
    assert not (phantom.truth & phantom.faint).any()
    for one in phantom.lesions:
        seen = phantom.truth[one.slice_index, one.label.column]
        assert seen == (one.area_mm2 >= 50)
        assert phantom.faint[one.slice_index, one.label.column] != seen
    there = {one.slice_index for one in phantom.lesions}
    assert set(np.flatnonzero(phantom.truth.any(axis=1))) <= there


@pytest.mark.parametrize("thickness", [0.1, 30.0])
def test_an_impossible_thickness_is_refused(thickness):
    with pytest.raises(ValueError, match="thickness"):
        phantom_scan(1, thickness_mm=thickness)
