"""Calcium of healthy heads."""

from __future__ import annotations

import numpy as np
import pytest

from ihd_core.phantom.calcium import Spot, calcified, draw_spots
from tests.ihd_core.phantom.straight_head import at, place


def test_the_old_have_more_calcium_than_the_young():
    young, old = (sum(len(draw_spots(np.random.default_rng(s), age)) for s in range(40)) for age in (0.0, 1.0))
    assert old > 2 * young


def test_a_spot_is_as_dense_and_as_large_as_it_is_said_to_be():
    where, brain = place(13), np.full((240, 240), 35, np.float32)
    hu = calcified((Spot((10.0, 20.0, 13.0), (4.0, 5.0, 4.0), 300.0, 0.0),), where, brain, np.zeros_like(brain))
    assert at(hu, 10, 20) == pytest.approx(300, abs=2)
    assert (hu > 167).sum() == pytest.approx(np.pi * 4 * 5, rel=0.1)
    assert np.array_equal(brain, np.full_like(brain, 35))


def test_no_spot_is_seen_in_a_plane_that_does_not_meet_it():
    brain = np.full((240, 240), 35, np.float32)
    hu = calcified((Spot((10.0, 20.0, 13.0), (4.0, 5.0, 4.0), 300.0, 0.0),), place(25), brain, np.zeros_like(brain))
    assert np.array_equal(hu, brain)


def test_the_pineal_gland_lies_in_the_midline_and_choroid_plexus_is_small():
    spots = [spot for s in range(30) for spot in draw_spots(np.random.default_rng(s), 0.9)]
    plexus = [spot for spot in spots if abs(abs(spot.center[0]) - 25) < 2 and abs(spot.center[1] - 37) < 6]
    assert len(plexus) > 10
    assert max(max(spot.radii) for spot in plexus) < 6
    assert any(abs(spot.center[0]) < 2 and abs(spot.center[1] - 27) < 5 for spot in spots)
