"""The bone of the vault."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from ihd_core.phantom.skull import draw_skull
from tests.ihd_core.phantom.straight_head import SIDE, cut, skull

SEEDS = range(2)


@pytest.mark.parametrize("seed", SEEDS)
def test_above_the_base_the_cavity_is_whole_and_bone_is_one_ring(seed):
    one = cut(skull(seed, suture=0.0, frontal=(0.0, 0.0)), 44)
    assert cv2.connectedComponents((one.inside > 0.5).astype(np.uint8))[0] == 2
    assert cv2.connectedComponents((one.hu > 400).astype(np.uint8))[0] == 2


@pytest.mark.parametrize("z", [-30, -18, -6, 6, 30])
def test_both_sides_of_a_straight_skull_have_nearly_as_much_bone(z):
    for seed in SEEDS:
        bone = cut(skull(seed, skew=0.0, lopsided=0.0, aeration=(0.2, 0.2)), z).hu > 300
        assert 0.8 < bone[:, : SIDE // 2].sum() / bone[:, SIDE // 2 :].sum() < 1.25


def test_thick_bone_has_two_dense_tables_about_spongy_diploe():
    one = cut(skull(1, thickness=10.0, table=1500.0, diploe=400.0, suture=0.0), 46)
    line = one.hu[SIDE // 2 + 15]
    bone = line[np.flatnonzero(line > 300)[0] :][:17]
    peaks = [i for i in range(1, 16) if bone[i] >= bone[i - 1] and bone[i] >= bone[i + 1] and bone[i] > 1000]
    assert len(peaks) >= 2
    assert any(bone[a:b].min() < 800 for a, b in pairwise(peaks))


def test_thicker_vaults_show_thicker_bone_outside_the_same_cavity():
    thin, thick = (cut(skull(2, thickness=mm, hyperostosis=0.0), 40) for mm in (4.0, 8.0))
    assert np.array_equal(thin.depth, thick.depth)
    assert (thick.hu > 300).sum() > 1.5 * (thin.hu > 300).sum()


def test_the_same_seed_draws_the_same_skull():
    first, again, other = (cut(draw_skull(np.random.default_rng(seed)), 0).hu for seed in (6, 6, 7))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_skulls_of_the_old_have_closed_sutures_and_no_young_bone():
    old = [draw_skull(np.random.default_rng(seed), 0.95) for seed in range(7)]
    young = [draw_skull(np.random.default_rng(seed), 0.02) for seed in range(7)]
    assert min(one.thickness for one in old) > 4
    assert min(one.thickness for one in young) < 4
    assert max(one.suture for one in old) < 0.3 < max(one.suture for one in young)
