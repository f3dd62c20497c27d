"""Hemorrhages lie where anatomy puts them."""

from __future__ import annotations

import numpy as np
import pytest

from ihd_core.labels import SUBTYPES
from ihd_core.phantom.head import draw_head, tissue
from ihd_core.phantom.hemorrhage import Epidural, Intraparenchymal, Intraventricular
from ihd_core.phantom.lesions import draw_hemorrhage
from ihd_core.phantom.shapes import Pose, SmoothField


@pytest.fixture(scope="module")
def ventricle_level():
    """A straight head's plane through the lateral ventricles, 1.8 mm a pixel."""
    head = draw_head(np.random.default_rng(4))
    pose = Pose(turn=0.0, tilt=0.0, shift_mm=(0.0, 0.0), scale=(1.0, 1.0, 1.0))
    return tissue(head, pose.plane(128, 230.0, 20.0, 5.0))


def swirl() -> SmoothField:
    return SmoothField(np.random.default_rng(1), 20)


def center_column(share: np.ndarray) -> float:
    return float((share.sum(axis=0) * np.arange(share.shape[1])).sum() / share.sum())


def test_a_clot_on_the_patients_left_is_on_the_right_of_the_picture(ventricle_level):
    left = Intraparenchymal((30.0, 0.0, 20.0), (9.0, 9.0, 9.0), 65.0, 3.0, 20.0, 0.5, swirl())
    right = Intraparenchymal((-30.0, 0.0, 20.0), (9.0, 9.0, 9.0), 65.0, 3.0, 20.0, 0.5, swirl())
    assert center_column(left.on(ventricle_level).share) > 64 + 10
    assert center_column(right.on(ventricle_level).share) < 64 - 10


def test_an_epidural_lies_under_the_bone_and_is_no_thicker_than_drawn(ventricle_level):
    share = Epidural((68.0, 4.0, 20.0), 25.0, 10.0, 65.0, swirl()).on(ventricle_level).share
    depth = ventricle_level.depth[share > 0.5]
    assert len(depth) > 10
    assert depth.min() > -2
    assert depth.max() < 12


def test_intraventricular_blood_stays_in_the_ventricles(ventricle_level):
    share = Intraventricular((-1, 1), (20.0, 20.0), 1.0, 60.0, swirl()).on(ventricle_level).share
    assert share.max() > 0.5
    assert (share <= ventricle_level.ventricle + 1e-6).all()
    assert ventricle_level.y[share > 0.1].min() > 15  # settled in the back of a patient who lies


@pytest.mark.parametrize("label", SUBTYPES)
def test_shares_of_blood_are_between_0_and_1(label, ventricle_level):
    for seed in range(4):
        bleed = draw_hemorrhage(label, np.random.default_rng(seed)).on(ventricle_level)
        assert bleed.share.dtype == np.float32
        assert bleed.share.min() >= 0
        assert bleed.share.max() <= 1
