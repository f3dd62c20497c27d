"""Spreads of probabilities over thicknesses, on chosen probabilities."""

import numpy as np
import pytest

from ihd_core.labels import LABELS, Label
from training.proving.thicknesses import THICKNESSES_MM, spreads_of, thickness_requests


def test_every_head_is_asked_for_at_every_thickness():
    wanted = thickness_requests(3, size=64)
    assert [one.seed for one in wanted] == [500_000] * 4 + [500_001] * 4 + [500_002] * 4
    assert [one.thickness_mm for one in wanted[:4]] == list(THICKNESSES_MM) == [0.6, 1.25, 2.5, 5.0]


def test_the_largest_and_the_mean_spread():
    p = np.full((3, 4, len(LABELS)), 0.5, np.float32)
    p[0, :, Label.ANY.column] = (0.1, 0.3, 0.2, 0.25)
    p[1, :, Label.ANY.column] = (0.9, 0.86, 0.88, 0.9)
    found = {one.label: one for one in spreads_of(p)}
    assert found[Label.ANY].largest == pytest.approx(0.2)
    assert found[Label.ANY].mean == pytest.approx((0.2 + 0.04 + 0) / 3)
    assert found[Label.ANY].within == pytest.approx(2 / 3)
    assert not found[Label.ANY].met
    assert all(found[label].met and found[label].largest == 0 for label in LABELS if label is not Label.ANY)
