"""Teeth, fillings and muscles."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ihd_core.phantom.straight_head import column, cut, row, skull

SEEDS = range(2)


def test_a_filling_is_metal_and_teeth_alone_are_not():
    with_metal = cut(skull(4, teeth=2000.0, fillings=(0.5,)), -80).hu
    without = cut(skull(4, teeth=2000.0, fillings=()), -80).hu
    assert with_metal.max() > 3000
    assert 1800 < without.max() < 2500
    assert cut(skull(4, teeth=0.0, fillings=()), -80).hu.max() < without.max()


@pytest.mark.parametrize("seed", SEEDS)
def test_more_muscle_than_fat_lies_between_the_jaw_and_the_throat(seed):
    hu = cut(skull(seed), -46).hu
    sides = [hu[row(-30) : row(0), column(a) : column(b)] for a, b in ((-54, -24), (24, 54))]
    both = np.concatenate([part.ravel() for part in sides])
    assert ((both > 30) & (both < 80)).sum() > 1.5 * ((both > -130) & (both < -30)).sum()
