"""Falx, tentorium, sinuses and arteries: brighter than brain and darker than clotted blood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ihd_core.phantom.dura import draw_dura
from tests.ihd_core.phantom.straight_head import head, slice_of


def with_dura(**changed: object):
    one = head(0, 0.5)
    return head(0, 0.5, dura=replace(one.brain.dura, **changed), spots=())


def test_a_thick_falx_is_seen_in_the_midline_and_a_thin_one_is_faint():
    thick, thin = (slice_of(with_dura(falx_mm=mm, falx_hu=55.0, bow=0.0), 50.0) for mm in (0.8, 0.05))
    line = (np.abs(thick.x) < 1.2) & (np.abs(thick.y) < 40)
    assert np.median(thick.hu[line]) > np.median(thin.hu[line]) + 5
    aside = (np.abs(thick.x) > 5) & (thick.surface > 6)
    assert np.abs(thick.hu - thin.hu)[aside].max() < 1


def test_the_sagittal_sinus_lies_under_the_bone_behind_with_its_own_density():
    made = slice_of(with_dura(sinus_hu=62.0, sinus_mm=1.2, bow=0.0), 30.0)
    near = (np.abs(made.x) < 2) & (made.depth > 1.5) & (made.depth < 4) & (made.y > 0)
    assert np.median(made.hu[near]) == pytest.approx(62, abs=6)


def test_the_basilar_artery_stands_out_in_the_cistern_before_the_pons():
    made = slice_of(with_dura(artery_hu=46.0, artery_mm=1.9, winding=0.0), -14.0)
    near = (np.abs(made.x) < 3) & (made.y > -2) & (made.y < 7) & (made.inside == 1)
    assert 38 < made.hu[near].max() < 50


def test_vessels_and_dura_are_drawn_below_the_density_of_fresh_clots():
    drawn = [draw_dura(np.random.default_rng(seed), 0.8) for seed in range(8)]
    for one in drawn:
        assert 43 <= one.sinus_hu <= 67
        assert 36 <= one.artery_hu <= 55
        assert 40 <= one.tent_hu <= 64
    assert np.ptp([one.falx_mm for one in drawn]) > 0.15
