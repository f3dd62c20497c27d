"""Findings are as frequent as they should be, follow from their seed, and leave everything else as it was."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ihd_core.phantom.findings import draw
from ihd_core.phantom.findings.draw import KINDS, draw_findings, draw_kind
from ihd_core.phantom.head import draw_head, tissue
from ihd_core.phantom.planes import Pose

HEIGHTS_MM = (-45.0, -28.0, -10.0, 2.0, 20.0, 36.0, 52.0, 72.0)
DARK = ("lacunes", "white matter disease", "scar", "diffuse edema", "hygroma", "arachnoid cyst", "filled air cells")
OUTSIDE = ("scalp hematoma", "staples", "filled air cells")


@pytest.fixture(scope="module")
def head():
    return draw_head(np.random.default_rng(4))


@pytest.fixture(scope="module")
def planes(head):
    """A straight head's planes from base to vertex, 1.9 mm a pixel."""
    pose = Pose(turn=0.0, tilt=0.0, shift_mm=(0.0, 0.0), scale=(1.0, 1.0, 1.0))
    return [tissue(head, pose.plane(128, 240.0, height, 2.0)) for height in HEIGHTS_MM]


def painted(findings, plane):
    hu = plane.hu
    for finding in findings:
        hu = finding.on(plane, hu)
    return hu


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_changes_some_plane_and_never_what_it_was_given(kind, head, planes):
    changed = 0
    for seed in range(6):
        findings = draw_kind(kind, np.random.default_rng(seed), head)
        for plane in planes:
            before = plane.hu.copy()
            after = painted(findings, plane)
            assert after.dtype == np.float32
            assert after.shape == before.shape
            assert np.isfinite(after).all()
            assert np.array_equal(plane.hu, before)
            changed += int((np.abs(after - before) > 5).sum())
    assert changed > 8


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_finding_and_another_seed_another(kind, head, planes):
    def stack(seed):
        findings = draw_kind(kind, np.random.default_rng(seed), head)
        return np.stack([painted(findings, plane) for plane in planes])

    first = stack(3)
    assert np.array_equal(first, stack(3))
    assert any(not np.array_equal(first, stack(seed)) for seed in (5, 6, 7))


@pytest.mark.parametrize("kind", DARK)
def test_what_is_dark_brings_no_blood_like_density_into_the_brain(kind, head, planes):
    for seed in range(8):
        findings = draw_kind(kind, np.random.default_rng(seed), head)
        for plane in planes:
            after = painted(findings, plane)
            brain = (plane.inside > 0.95) & (plane.depth > 3)
            like_blood = (after > 50) & (after < 90) & (after > plane.hu + 6)
            assert np.count_nonzero(brain & like_blood) == 0


@pytest.mark.parametrize("kind", OUTSIDE)
def test_what_lies_outside_the_skull_leaves_the_brain_alone(kind, head, planes):
    for seed in range(8):
        findings = [one for one in draw_kind(kind, np.random.default_rng(seed), head) if one.name != "fracture"]
        for plane in planes:
            brain = plane.inside > 0.5
            assert np.array_equal(painted(findings, plane)[brain], plane.hu[brain])


def names_of(monkeypatch, *, atrophy: float, bleeding: bool = False, count: int = 3000) -> list[list[str]]:
    monkeypatch.setattr(draw, "draw_kind", lambda name, rng, head: (name,))
    heads = SimpleNamespace(brain=SimpleNamespace(atrophy=atrophy))
    rng = np.random.default_rng(0)
    return [list(draw_findings(rng, heads, bleeding=bleeding)) for _ in range(count)]


def test_a_third_of_heads_have_no_finding_and_old_heads_have_more(monkeypatch):
    young = [len(one) for one in names_of(monkeypatch, atrophy=0.05)]
    middle = [len(one) for one in names_of(monkeypatch, atrophy=0.45)]
    old = [len(one) for one in names_of(monkeypatch, atrophy=0.95)]
    assert 0.28 < np.mean([count == 0 for count in middle]) < 0.42
    assert 0.45 < np.mean([count == 0 for count in young]) < 0.65
    assert np.mean([count == 0 for count in old]) < 0.25
    assert np.mean([1 <= count <= 3 for count in middle if count]) > 0.85
    assert np.mean(old) > 2 * np.mean(young)


def test_disease_of_small_vessels_is_a_matter_of_age(monkeypatch):
    def share(atrophy):
        return np.mean(["white matter disease" in one for one in names_of(monkeypatch, atrophy=atrophy)])

    assert share(0.05) < 0.03
    assert share(0.95) > 0.15


def test_heads_that_bleed_have_a_scalp_hematoma_more_often(monkeypatch):
    def share(bleeding):
        drawn = names_of(monkeypatch, atrophy=0.4, bleeding=bleeding)
        return np.mean(["scalp hematoma" in one for one in drawn])

    assert share(False) < 0.2
    assert 0.35 < share(True) < 0.6


def test_a_finding_hands_back_the_same_array_where_the_plane_does_not_meet_it(head, planes):
    for kind in ("meningioma", "calcified nuclei", "clip or coil", "lacunes"):
        for finding in draw_kind(kind, np.random.default_rng(1), head):
            met = [finding.on(plane, plane.hu) is not plane.hu for plane in planes]
            assert not all(met)


def test_plates_of_a_flap_are_not_inside_the_skull(head, planes):
    seen = 0
    for seed in range(30):
        parts = draw_kind("operation", np.random.default_rng(seed), head)
        for plane in planes:
            after = painted([one for one in parts if one.name == "plates"], plane)
            assert np.array_equal(after[plane.inside > 0.99], plane.hu[plane.inside > 0.99])
            seen += int((after > 2000).sum())
    assert seen > 10
