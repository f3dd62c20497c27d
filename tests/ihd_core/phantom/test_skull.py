"""The skull and what lies outside it: landmarks, layers and densities at known places of straight heads."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
import pytest

from ihd_core.phantom.cavity import cavity_depth, vault_depth
from ihd_core.phantom.shapes import Place, Pose
from ihd_core.phantom.skull import Outside, Skull, draw_skull, outside

SEEDS = range(4)
SIDE = 240
drawn = cache(lambda seed: draw_skull(np.random.default_rng(seed)))


def skull(seed: int, **changed: object) -> Skull:
    return replace(drawn(seed), **changed) if changed else drawn(seed)


def place(z: float) -> Place:
    plane = Pose(0, 0, (0, 0), (1, 1, 1)).plane(SIDE, SIDE, z, 1.0)
    return Place(plane, plane.x, plane.y, plane.z)


@cache
def cut(one: Skull, z: float) -> Outside:
    """One plane with brain of 35 HU in the cavity."""
    made = outside(one, place(z))
    return replace(made, hu=made.hu + (35 - made.hu) * made.inside)


def at(field: np.ndarray, x: float, y: float) -> float:
    """The value 1 mm about (x, y) mm of a picture of 1 mm pixels about the origin."""
    row, column = round(y + (SIDE - 1) / 2), round(x + (SIDE - 1) / 2)
    return float(field[row - 1 : row + 2, column - 1 : column + 2].mean())


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
def test_above_the_base_the_cavity_is_whole_and_bone_is_one_ring(seed):
    one = cut(skull(seed, suture=0.0, frontal=(0.0, 0.0)), 44)
    assert cv2.connectedComponents((one.inside > 0.5).astype(np.uint8))[0] == 2
    assert cv2.connectedComponents((one.hu > 400).astype(np.uint8))[0] == 2


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


def test_the_orbits_lie_below_the_frontal_floor_and_the_brain_above_it():
    for seed in SEEDS:
        assert at(cut(skull(seed), -14).inside, 30, -52) == 0
        assert at(cut(skull(seed), 14).inside, 30, -52) == 1


@pytest.mark.parametrize("z", [-60, -40, -24, -14, -4, 4, 14, 40])
def test_there_is_no_air_in_the_cavity(z):
    for seed in SEEDS:
        one = cut(skull(seed), z)
        assert not ((one.hu < -300) & (one.inside > 0.5)).any()


@pytest.mark.parametrize("z", [-30, -18, -6, 6, 30])
def test_both_sides_of_a_straight_skull_have_nearly_as_much_bone(z):
    for seed in SEEDS:
        bone = cut(skull(seed, skew=0.0, lopsided=0.0, aeration=(0.2, 0.2)), z).hu > 300
        assert 0.8 < bone[:, : SIDE // 2].sum() / bone[:, SIDE // 2 :].sum() < 1.25


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


def test_frontal_hyperostosis_takes_room_in_front_and_spares_the_back():
    usual, grown = (vault_depth(skull(3, hyperostosis=mm), place(28)) for mm in (0.0, 6.0))
    lost = usual - grown
    assert at(lost, 25, -60) > 1.5
    assert at(lost, 25, 60) == 0


def test_the_temporal_muscle_is_soft_tissue_of_55_to_65_hu_beside_the_bone():
    for seed in SEEDS:
        one = skull(seed, muscle=11.0)
        hu = cut(one, 2).hu
        flesh = (hu > one.flesh - 8) & (hu < one.flesh + 8)
        row = round(-20 + (SIDE - 1) / 2)
        assert 4 <= flesh[row, : SIDE // 2].sum() <= 16
        assert 4 <= flesh[row, SIDE // 2 :].sum() <= 16


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


def test_a_filling_is_metal_and_teeth_alone_are_not():
    with_metal = cut(skull(4, teeth=2000.0, fillings=(0.5,)), -80).hu
    without = cut(skull(4, teeth=2000.0, fillings=()), -80).hu
    assert with_metal.max() > 3000
    assert 1800 < without.max() < 2500
    assert cut(skull(4, teeth=0.0, fillings=()), -80).hu.max() < without.max()


def test_aeration_and_sinus_size_decide_how_much_air_there_is():
    def air(z: float, **changed: object) -> int:
        hu = cut(skull(5, **changed), z).hu
        middle = hu[SIDE // 2 - 92 : SIDE // 2 + 60, SIDE // 2 - 62 : SIDE // 2 + 62]
        return int((middle < -300).sum())

    assert air(-28, aeration=(0.9, 0.9)) > air(-28, aeration=(-0.8, -0.8)) + 40
    assert air(8, frontal=(1.5, 1.5)) > air(8, frontal=(0.0, 0.0)) + 60
    assert air(-46, mucosa=(0.0, 0.0)) > air(-46, mucosa=(25.0, 25.0)) + 300


def test_the_same_seed_draws_the_same_skull():
    first, again, other = (cut(draw_skull(np.random.default_rng(seed)), 0).hu for seed in (6, 6, 7))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_cavity_is_the_vault_where_no_base_is_near():
    one, where = skull(7), place(60)
    vault = vault_depth(one, where)
    assert np.array_equal(cavity_depth(one, where, vault), vault)
