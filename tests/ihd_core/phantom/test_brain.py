"""The brain: densities at known places, fluid by age, sulci that go on from plane to plane."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from ihd_core.phantom.brain import draw_brain
from ihd_core.phantom.head import Head, Push, Tissue, tissue
from tests.ihd_core.phantom.straight_head import at, head, plane, slice_of, volumes

one = cache(head)


@cache
def cut(seed: int, age: float, z: float) -> Tissue:
    return slice_of(one(seed, age), z)


@pytest.mark.parametrize("seed", range(2))
def test_deep_grey_matter_is_brighter_than_white_matter_and_fluid_is_dark(seed):
    made, brain = cut(seed, 0.3, 9.0), one(seed, 0.3).brain
    grey = [at(made.hu, side * x, y) for side in (-1, 1) for x, y in ((25, 0), (10, 12))]
    assert np.mean(grey) == pytest.approx(brain.grey, abs=2)
    high = cut(seed, 0.3, 38.0)
    white = high.hu[(high.white > 0.95) & (np.abs(high.x) < 40)]
    assert len(white) > 500
    assert np.median(white) == pytest.approx(brain.white, abs=1.5)
    assert 22 < np.median(white) < np.mean(grey) - 4
    assert np.mean(grey) < 42


@pytest.mark.parametrize("seed", range(2))
def test_white_matter_is_not_of_one_density(seed):
    made = cut(seed, 0.5, 40.0)
    assert 0.5 < made.hu[made.white > 0.97].std() < 3


def test_the_white_matter_beside_old_ventricles_is_paler_than_that_of_the_young():
    def beside(age: float) -> float:
        made = slice_of(head(1, age, ventricles=1.4, white=28.0), 28.0)
        near = (np.abs(made.x) > 22) & (np.abs(made.x) < 26) & (np.abs(made.y) < 8) & (made.ventricle == 0)
        return float(np.median(made.hu[near & (made.csf == 0)]))

    assert beside(1.0) < beside(0.0) - 0.7


@pytest.mark.parametrize("seed", range(2))
def test_shares_of_fluid_and_ventricle_lie_between_0_and_1_and_within_the_cavity(seed):
    for z in (-20.0, 12.0, 40.0):
        made = cut(seed, 0.6, z)
        assert made.csf.any()
        for share in (made.csf, made.ventricle, made.csf + made.ventricle):
            assert share.min() >= 0
            assert share.max() <= 1 + 1e-5
            assert not share[made.inside == 0].any()


def test_the_share_of_fluid_grows_with_age():
    shares = []
    for age in (0.05, 0.5, 0.95):
        cavity, csf, _ = volumes(head(0, age))
        shares.append(csf / cavity)
    assert shares[0] < shares[1] < shares[2]
    assert shares[0] < 0.14
    assert 0.15 < shares[2] < 0.32


def test_the_cavity_holds_as_much_as_adult_heads_do():
    sizes = [volumes(head(seed))[0] for seed in range(3)]
    assert all(1150 < size < 1750 for size in sizes)
    assert max(sizes) > min(sizes) + 10


@pytest.mark.parametrize("seed", range(2))
def test_sulci_go_on_in_the_next_plane_and_not_20_mm_higher(seed):
    def sulci(z: float) -> np.ndarray:
        made = cut(seed, 0.9, z)
        return (made.csf > 0.5) & (made.surface > 3) & (made.inside == 1) & (np.abs(made.x) > 12)

    def found_again(z: float) -> float:
        near = cv2.dilate(sulci(z).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        return float((sulci(44.0) & near).sum() / sulci(44.0).sum())

    assert sulci(44.0).sum() > 200
    assert found_again(45.0) > 0.75
    assert found_again(64.0) < 0.6


def test_sulci_are_many_and_narrow_at_the_convexity():
    made = cut(0, 0.8, 40.0)
    ring = (made.surface > 4) & (made.surface < 6) & (np.abs(made.x) > 10)
    angle = np.arctan2(made.y[ring] - 4, made.x[ring])
    fluid = made.csf[ring][np.argsort(angle)] > 0.3
    crossings = int((np.diff(fluid.astype(int)) == 1).sum())
    assert crossings >= 20
    assert 0.08 < fluid.mean() < 0.45


def test_a_push_moves_the_ventricles_to_the_other_side_and_presses_fluid_out():
    straight = head(0, 0.6)
    push = Push((40.0, 0.0, 26.0), 40.0, 8.0)
    free, pushed = slice_of(straight, 26.0), tissue(straight, plane(26.0), (push,))

    def middle(made: Tissue) -> float:
        return float((made.ventricle * made.x).sum() / made.ventricle.sum())

    assert middle(pushed) < middle(free) - 3
    near = (free.x > 30) & (np.abs(free.y) < 30)
    assert pushed.csf[near].sum() < 0.6 * free.csf[near].sum()


def test_a_swollen_brain_has_less_fluid_about_it():
    def csf(age_seed: int, swelling: float) -> float:
        brain: Head = head(age_seed, 0.1, swelling=swelling, sulci=0.2 * (1 - 0.7 * swelling))
        return float(slice_of(brain, 2.0).csf.sum())

    assert csf(0, 1.0) < 0.8 * csf(0, 0.0)


def test_the_same_seed_draws_the_same_brain():
    first, again = (draw_brain(np.random.default_rng(3), 0.4) for _ in range(2))
    assert (first.grey, first.sulci, first.ventricles) == (again.grey, again.sulci, again.ventricles)
    assert np.array_equal(first.cortex.outer, again.cortex.outer)
