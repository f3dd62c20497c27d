"""Artifacts along rays lie between and about what makes them."""

from __future__ import annotations

import numpy as np

from ihd_core.phantom.rays import ray_artifacts


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
