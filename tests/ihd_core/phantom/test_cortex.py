"""Sheets and the folds of the cortex."""

from __future__ import annotations

import numpy as np
import pytest

from ihd_core.phantom.cortex import draw_cortex, lined


@pytest.mark.parametrize("half", [0.2, 0.5, 2.0])
@pytest.mark.parametrize("offset", [0.0, 0.37])
def test_a_sheet_fills_as_many_millimetres_as_it_is_wide(half, offset):
    step = 1.0
    away = np.arange(-20, 20, step, dtype=np.float32) + np.float32(offset)
    share = lined(np.abs(away), np.full_like(away, half), np.float32(step))
    folded = share.sum() * step
    assert folded == pytest.approx(2 * half, abs=0.45)
    assert share.max() <= 1


def test_a_sheet_of_no_width_is_nothing():
    away = np.zeros((3, 3), np.float32)
    assert not lined(away, np.zeros_like(away), np.float32(1)).any()


def test_sulci_lie_a_gyrus_apart_and_the_sides_differ():
    cortex = draw_cortex(np.random.default_rng(0))
    signs = np.sign(cortex.outer[100:300, 100:300, 0])
    spacing = 200 / np.mean([(np.diff(line) != 0).sum() for line in signs])
    # Lines cross the walls aslant.
    assert 12 < spacing < 28
    right, left = cortex.medial[..., 0], cortex.medial[..., 1]
    assert abs(np.corrcoef(right.ravel(), left.ravel())[0, 1]) < 0.4


def test_the_distance_to_a_wall_grows_by_a_millimetre_a_millimetre_beside_it():
    away = draw_cortex(np.random.default_rng(1)).outer[60:340, 60:340, 0]
    slope = np.hypot(*np.gradient(away))
    assert 0.6 < np.median(slope[np.abs(away) < 1.5]) < 1.4
