"""Words for directions, against the patient axes of DICOM: x to the left, y to the back, z to the head."""

from __future__ import annotations

import numpy as np
import pytest

from app.values.slice_directions import ends, unusual_lie


@pytest.mark.parametrize(
    ("normal", "expected"),
    [
        ((0, 0, 1), ("inferior", "vertex")),
        ((0, -0.3, 0.95), ("inferior", "vertex")),
        ((1, 0, 0), ("right", "left")),
        ((0, 1, 0), ("anterior", "posterior")),
        ((0, -1, 0), ("posterior", "anterior")),
        ((0, 0, -1), ("vertex", "inferior")),
        ((np.nan, 0, 0), ("first", "last")),
    ],
)
def test_the_ends_of_a_stack_are_named_by_its_normal(normal, expected):
    assert ends(np.array([(1, 0, 0), (0, 1, 0), normal], np.float64)) == expected


def test_only_axial_pictures_are_expected_to_lie_in_one_way():
    assert unusual_lie(np.array([(0, 1, 0), (0, 0, -1), (1, 0, 0)], np.float64)) == ("", "")
