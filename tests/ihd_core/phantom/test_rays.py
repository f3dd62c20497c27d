"""Artifacts along rays lie between and about what makes them."""

from __future__ import annotations

import numpy as np

from ihd_core.phantom.rays import motion_streaks, ray_artifacts


def rods(hu: float) -> np.ndarray:
    """Two rods of 24 mm in a row of the picture, in brain, 1 mm a pixel."""
    row, column = np.mgrid[-96:96, -96:96] + 0.5
    picture = np.full((192, 192), 30, np.float32)
    picture[np.hypot(row, np.abs(column) - 40) < 12] = hu
    return picture


def test_brain_between_two_dense_bones_is_darker_than_above_them():
    added = ray_artifacts(rods(1600), 192, 1.0, 0.0, np.random.default_rng(1))
    between, above = added[92:100, 88:104].mean(), added[40:48, 88:104].mean()
    assert between < above - 2


def test_without_bone_nothing_is_added():
    added = ray_artifacts(rods(60), 192, 1.0, 1.0, np.random.default_rng(1))
    assert np.abs(added).max() < 0.01


def test_metal_makes_streaks_far_stronger_than_bone():
    bone, metal = (ray_artifacts(rods(hu), 192, 0.3, 0.0, np.random.default_rng(1)) for hu in (1600, 3500))
    away = np.hypot(*(np.mgrid[-96:96, -96:96] + 0.5)) > 60
    assert metal[away].std() > 3 * bone[away].std()


def test_a_windmill_turns_with_the_height_and_needs_bone():
    low, high = (
        ray_artifacts(rods(1600), 192, 0.0, 0.0, np.random.default_rng(1), windmill=1.0, height_mm=z) for z in (0, 4.5)
    )
    brain = rods(1600) == 30
    assert low[brain].std() > 0.3
    assert np.corrcoef(low[brain], high[brain])[0, 1] < -0.9  # half a turn: bright vanes are dark
    assert not ray_artifacts(rods(60), 192, 0.0, 0.0, np.random.default_rng(1), windmill=1.0).any()


def test_motion_adds_nothing_on_the_whole_and_nothing_without_a_change():
    before, after = rods(1600), np.roll(rods(1600), 4, axis=1)
    assert np.abs(motion_streaks(before, before)).max() < 1e-3
    streaks = motion_streaks(before, after)
    assert abs(streaks.mean()) < 0.02 * np.abs(streaks).max()
    assert np.allclose(streaks, -motion_streaks(after, before), atol=0.01)


def test_motion_makes_half_of_the_rays_see_each_picture():
    before, after = rods(1600), np.roll(rods(1600), 12, axis=0)
    streaks = motion_streaks(before, after)
    changed = after != before
    # Directions that one half of the rays sees well show its picture, the others the other.
    assert streaks[changed].std() > 3 * streaks[~changed].std()
    assert streaks[~changed].std() > 5
