"""Air in the head, and none where the brain is."""

from __future__ import annotations

import pytest

from tests.ihd_core.phantom.straight_head import SIDE, cut, skull

SEEDS = range(2)


@pytest.mark.parametrize("z", [-60, -40, -24, -14, -4, 4, 14, 40])
def test_there_is_no_air_in_the_cavity(z):
    for seed in SEEDS:
        one = cut(skull(seed), z)
        assert not ((one.hu < -300) & (one.inside > 0.5)).any()


def test_aeration_and_sinus_size_decide_how_much_air_there_is():
    def air(z: float, **changed: object) -> int:
        hu = cut(skull(5, **changed), z).hu
        middle = hu[SIDE // 2 - 92 : SIDE // 2 + 60, SIDE // 2 - 62 : SIDE // 2 + 62]
        return int((middle < -300).sum())

    assert air(-28, aeration=(0.9, 0.9)) > air(-28, aeration=(-0.8, -0.8)) + 40
    assert air(8, frontal=(1.5, 1.5)) > air(8, frontal=(0.0, 0.0)) + 60
    assert air(-46, mucosa=(0.0, 0.0)) > air(-46, mucosa=(25.0, 25.0)) + 300
