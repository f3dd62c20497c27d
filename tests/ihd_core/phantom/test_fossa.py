"""The posterior fossa: tentorium, cisterns, brain stem, cerebellum."""

from __future__ import annotations

import numpy as np
import pytest

from ihd_core.phantom.fossa import tent_depth
from tests.ihd_core.phantom.straight_head import at, column, head, place, row, slice_of


def test_the_cerebellum_is_below_the_tentorium_and_the_hemispheres_are_above():
    assert at(tent_depth(place(-18)), 20, 45) > 3
    assert at(tent_depth(place(30)), 20, 45) < -3
    assert at(tent_depth(place(-10)), 40, -15) < -3


@pytest.mark.parametrize(
    ("x", "y", "z"), [(0, -13, 0), (0, 7, -34), (0, 5.5, -20)], ids=["suprasellar", "before the medulla", "prepontine"]
)
def test_basal_cisterns_are_fluid_in_old_and_narrow_in_swollen_brains(x, y, z):
    near = np.s_[row(y) - 8 : row(y) + 9, column(x) - 16 : column(x) + 17]
    old = slice_of(head(0, 0.9), z).csf[near].sum()
    tight = slice_of(head(0, 0.1, swelling=1.0), z).csf[near].sum()
    assert old > 15
    assert tight < 0.75 * old


def test_the_pons_and_the_cerebellum_are_brain_of_25_to_42_hu():
    made = slice_of(head(1, 0.3), -20.0)
    for x, y in ((0, 15), (25, 42), (-25, 42)):
        assert 25 < at(made.hu, x, y) < 42
        assert at(made.csf, x, y) < 0.3


def test_fluid_surrounds_the_cord_below_the_foramen_magnum():
    made = slice_of(head(1, 0.3), -52.0)
    assert at(made.csf, 0, 22.5) < 0.2
    assert made.csf[(made.inside > 0.9)].mean() > 0.4
