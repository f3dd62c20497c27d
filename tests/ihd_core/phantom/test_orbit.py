"""The orbits and the eyes in them."""

from __future__ import annotations

import numpy as np

from tests.ihd_core.phantom.straight_head import SIDE, at, cut, skull

SEEDS = range(2)


def test_the_orbits_lie_below_the_frontal_floor_and_the_brain_above_it():
    for seed in SEEDS:
        assert at(cut(skull(seed), -14).inside, 30, -52) == 0
        assert at(cut(skull(seed), 14).inside, 30, -52) == 1


def test_globes_are_fluid_of_24_mm_behind_a_lens_in_two_separate_orbits():
    for seed in SEEDS:
        hu = cut(skull(seed, orbit=1.0, lens=80.0), -17).hu
        for side in (-1, 1):
            assert abs(at(hu, side * 32, -67) - 12) < 6
            assert at(hu, side * 32, -76) > 40
            assert at(hu, side * 24, -46) < 40
        row = hu[round(-68 + (SIDE - 1) / 2)]
        fluid = np.flatnonzero((row[SIDE // 2 :] > 0) & (row[SIDE // 2 :] < 70))
        eye = fluid[(fluid >= 17) & (fluid <= 47)]
        assert 21 <= eye.max() - eye.min() + 1 <= 27
