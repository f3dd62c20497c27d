"""The inner table: size of the cavity, its fossae and the bones that stand into it."""

from __future__ import annotations

import numpy as np
import pytest

from ihd_core.phantom.cavity import cavity_depth, vault_depth
from tests.ihd_core.phantom.straight_head import SIDE, at, column, cut, place, row, skull

SEEDS = range(2)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_cavity_has_the_size_of_an_adult_head_and_is_narrower_in_front(seed):
    depth = cut(skull(seed, hyperostosis=0.0), 30).depth
    rows = (depth > 0).sum(axis=1)
    assert 125 <= rows.max() <= 150
    assert 155 <= (depth > 0).sum(axis=0).max() <= 175
    middle = (SIDE - 1) / 2
    assert rows[round(middle - 56)] < rows[round(middle + 60)]


@pytest.mark.parametrize("seed", SEEDS)
def test_depth_is_in_mm_beside_the_inner_table(seed):
    depth = cut(skull(seed), 34).depth
    down, across = np.gradient(depth)
    near = (depth > 1) & (depth < 8)
    assert 0.8 < np.median(np.hypot(down, across)[near]) < 1.2
    assert 45 < at(depth, 0, 8) < 90


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("x", "y", "z"),
    [(36, 10, -18), (-36, 10, -18), (0, 4, -24), (12.6, -20, 1.7), (58, 30, -28)],
    ids=["left petrous bone", "right petrous bone", "clivus", "clinoid", "mastoid"],
)
def test_the_bones_of_the_base_are_not_brain(seed, x, y, z):
    assert at(cut(skull(seed, lopsided=0.0), z).inside, x, y) < 0.5


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("x", "y", "z"),
    [(38, -12, -12), (-38, -12, -12), (20, 45, -22), (0, 26, -48), (0, 10, 12), (20, -50, 16), (0, -50, 16)],
    ids=["left temporal", "right temporal", "cerebellum", "foramen", "thalamus", "frontal", "midline"],
)
def test_the_fossae_hold_brain(seed, x, y, z):
    assert at(cut(skull(seed), z).inside, x, y) > 0.95


def test_frontal_hyperostosis_takes_room_in_front_and_spares_the_back():
    usual, grown = (vault_depth(skull(3, hyperostosis=mm), place(28)) for mm in (0.0, 6.0))
    lost = usual - grown
    assert at(lost, 25, -60) > 1.5
    assert at(lost, 25, 60) == 0


def test_the_cavity_is_the_vault_where_no_base_is_near():
    one, where = skull(7), place(60)
    vault = vault_depth(one, where)
    assert np.array_equal(cavity_depth(one, where, vault), vault)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_posterior_fossa_narrows_to_the_foramen_magnum(seed):
    def wide(z: float) -> int:
        return int((cut(skull(seed), z).inside > 0.5)[row(10) :].any(axis=0).sum())

    assert 100 <= wide(-14) <= 125
    assert wide(-14) > wide(-28) + 10
    assert wide(-28) > wide(-36) + 15
    assert 24 <= wide(-41) <= 44


@pytest.mark.parametrize("seed", SEEDS)
def test_an_internal_crest_stands_between_the_cerebellar_hemispheres(seed):
    inside = cut(skull(seed, crest=4.0, skew=0.0), -22).inside > 0.5
    behind = [int(np.flatnonzero(inside[:, column(x)]).max()) for x in (-14, 0, 14)]
    assert behind[1] < min(behind[0], behind[2]) - 1
