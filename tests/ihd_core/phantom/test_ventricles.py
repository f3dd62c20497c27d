"""The ventricles: volumes by age, and where they lie."""

from __future__ import annotations

import numpy as np
import pytest

from ihd_core.phantom.brain import draw_brain
from tests.ihd_core.phantom.straight_head import head, slice_of, volumes


@pytest.mark.parametrize(("size", "least", "most"), [(0.6, 10, 18), (1.0, 20, 32), (1.75, 55, 80), (2.4, 95, 150)])
def test_the_volume_follows_from_the_size(size, least, most):
    assert least < volumes(head(0, 0.5, ventricles=size))[2] < most


def test_the_young_have_12_to_30_ml_and_the_old_mostly_30_to_110():
    rng = np.random.default_rng(0)
    young = [draw_brain(rng, 0.05).ventricles for _ in range(3)]
    old = [draw_brain(rng, 0.95).ventricles for _ in range(3)]
    for size in (min(young), max(young)):
        assert 9 < volumes(head(0, 0.05, ventricles=size))[2] < 36
    for size in (min(old), max(old)):
        assert 24 < volumes(head(0, 0.95, ventricles=size))[2] < 130


@pytest.mark.parametrize(
    ("x", "y", "z"),
    [(7, -18, 19), (17, 14, 29), (28, 38, 20), (34, 8, -7), (0, 4, 9), (0, 27, -20)],
    ids=["frontal horn", "body", "atrium", "temporal horn", "third", "fourth"],
)
def test_every_part_is_fluid_in_its_place(x, y, z):
    made = slice_of(head(0, 0.8, ventricles=1.6, left_ventricle=1.0), z)
    for side in {-x, x}:
        near = np.hypot(made.x - side, made.y - y) < 4
        assert made.ventricle[near].max() > 0.9
        assert made.hu[near].min() < 20


def test_the_left_ventricle_is_the_larger_when_it_is_said_to_be():
    made = slice_of(head(0, 0.5, left_ventricle=1.3), 24.0)
    assert made.ventricle[made.x > 0].sum() > 1.1 * made.ventricle[made.x < 0].sum()


def test_no_ventricle_lies_near_the_vertex_or_the_foramen_magnum():
    for z in (-44.0, 62.0):
        assert not slice_of(head(0, 0.9, ventricles=1.8), z).ventricle.any()


def test_the_fourth_ventricle_is_wider_than_deep():
    made = slice_of(head(0, 0.5, ventricles=1.0), -18.0).ventricle > 0.5
    wide, deep = np.ptp(np.flatnonzero(made.any(axis=0))), np.ptp(np.flatnonzero(made.any(axis=1)))
    assert 8 < wide < 22
    assert wide > 1.4 * deep
