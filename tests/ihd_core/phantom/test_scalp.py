"""Skin, fat and the temporal muscle."""

from __future__ import annotations

import numpy as np

from tests.ihd_core.phantom.straight_head import SIDE, cut, skull

SEEDS = range(2)


def test_the_scalp_is_skin_then_fat_then_bone_then_brain():
    for seed in SEEDS:
        one = cut(skull(seed, scalp=7.0, thickness=7.0, unevenness=0.2, skew=0.0), 50)
        line = one.hu[:, SIDE // 2][::-1]
        skin = int(np.argmax(line > -500))
        bone = int(np.argmax(line > 600))
        assert line[skin : skin + 3].max() > -20
        assert 3 <= bone - skin <= 12
        assert line[skin:bone].min() < -30
        assert line[:skin].max() < -500


def test_the_temporal_muscle_is_soft_tissue_of_55_to_65_hu_beside_the_bone():
    for seed in SEEDS:
        one = skull(seed, muscle=11.0)
        hu = cut(one, 2).hu
        flesh = (hu > one.flesh - 8) & (hu < one.flesh + 8)
        row = round(-20 + (SIDE - 1) / 2)
        assert 4 <= flesh[row, : SIDE // 2].sum() <= 16
        assert 4 <= flesh[row, SIDE // 2 :].sum() <= 16
