"""Hemorrhages lie where anatomy puts them, and are as dense and as large as drawn."""

from __future__ import annotations

import numpy as np
import pytest

from ihd_core.labels import SUBTYPES, Label
from ihd_core.phantom.head import Tissue
from ihd_core.phantom.hemorrhages.clot import Clot, draw_clot
from ihd_core.phantom.hemorrhages.contusion import draw_contusion, draw_petechiae
from ihd_core.phantom.hemorrhages.draw import draw_hemorrhage, draw_hemorrhages
from ihd_core.phantom.hemorrhages.epidural import Epidural, draw_epidural
from ihd_core.phantom.hemorrhages.intraparenchymal import Hematoma, draw_hematoma
from ihd_core.phantom.hemorrhages.intraventricular import Intraventricular, Part
from ihd_core.phantom.hemorrhages.subarachnoid import Seat, Subarachnoid
from ihd_core.phantom.hemorrhages.subdural import Crescent, Interhemispheric, draw_crescent
from ihd_core.phantom.planes import Pose
from ihd_core.phantom.smooth_field import SmoothField

PIXEL = 230 / 160


def plain_tissue(height_mm: float, *, turn: float = 0.0, ventricle: bool = False, csf: bool = False) -> Tissue:
    """A plane through a ball of brain of 80 mm; fluid, if any, in boxes (the tentorium far below)."""
    pose = Pose(turn=turn, tilt=0.0, shift_mm=(0.0, 0.0), scale=(1.0, 1.0, 1.0))
    plane = pose.plane(160, 230.0, height_mm, 2.0)
    x, y, z = plane.x, plane.y, np.broadcast_to(plane.z, plane.x.shape).astype(np.float32)
    depth = (80 - np.sqrt(x**2 + (y - 4) ** 2 + (z - 8) ** 2)).astype(np.float32)
    inside = np.clip(depth + 0.5, 0, 1)
    fluid = ((np.abs(x) < 30) & (np.abs(y) < 50)).astype(np.float32)
    none = np.zeros_like(x)
    hu = np.where(depth > 0, np.float32(33), np.float32(1000))
    return Tissue(
        plane, hu, x, y, z, depth, inside, fluid if csf else none, fluid if ventricle else none, none - 50, depth
    )


def smooth(cell_mm: float = 20) -> SmoothField:
    return SmoothField(np.random.default_rng(1), cell_mm)


def clot() -> Clot:
    return Clot("acute", 65.0, 0.0, smooth())


def epidural(bone: str, center: tuple[float, float, float], reach_mm: float = 45.0) -> Epidural:
    return Epidural(bone, center, (reach_mm, reach_mm), 16.0, 1.0, clot(), smooth())


def crescent() -> Crescent:
    return Crescent(1, (0.0, 0.1), (1.4, 0.8), 10.0, 0.6, 0.0, clot(), smooth(), smooth(8))


def test_an_epidural_ends_at_the_coronal_suture_and_a_subdural_crosses_it():
    at = plain_tissue(20.0)
    suture_y = -34 + 0.19 * 20
    lens = epidural("parietal", (70.0, -12.0, 20.0)).on(at).share > 0.5
    layer = crescent().on(at).share > 0.5
    assert lens.sum() > 50
    assert at.y[lens].min() > suture_y
    assert at.y[layer].min() < suture_y - 10
    assert at.y[layer].max() > suture_y + 40


def test_an_epidural_of_the_frontal_bone_lies_before_the_coronal_suture():
    at = plain_tissue(20.0)
    lens = epidural("frontal", (55.0, -45.0, 20.0)).on(at).share > 0.5
    assert lens.sum() > 50
    assert at.y[lens].max() < -34 + 0.19 * 20


def test_an_epidural_is_a_lens_no_thicker_than_drawn_and_under_the_bone():
    at = plain_tissue(20.0)
    lens = epidural("parietal", (78.0, 4.0, 20.0), 28.0).on(at).share > 0.5
    assert 10 < at.depth[lens].max() < 20
    assert at.depth[lens].min() > -1
    middle = lens & (np.abs(at.y - 4) < 4)
    end = lens & (np.abs(at.y - 4) > 20)
    assert at.depth[middle].max() > 2 * at.depth[end].max()


def test_only_an_epidural_of_the_vertex_crosses_the_midline():
    at = plain_tissue(76.0)
    across = epidural("vertex", (4.0, 15.0, 88.0)).on(at).share > 0.5
    beside = epidural("parietal", (14.0, 15.0, 84.0)).on(at).share > 0.5
    assert at.x[across].min() < -4
    assert at.x[beside].min() > 0


def test_a_crescent_stays_on_its_side_above_the_tentorium_and_is_thinner_than_drawn_at_its_ends():
    at = plain_tissue(15.0)
    share = crescent().on(at).share
    assert at.x[share > 0.1].min() > 0
    assert 6 < at.depth[share > 0.5].max() < 16
    below = Tissue(
        at.plane, at.hu, at.x, at.y, at.z, at.depth, at.inside, at.csf, at.ventricle, at.tent + 60, at.surface
    )
    assert crescent().on(below).share.max() == 0


def test_a_layer_beside_the_falx_lies_between_the_hemispheres():
    at = plain_tissue(60.0)
    share = Interhemispheric(-1, (0.0, 70.0), (20.0, 90.0), 5.0, clot(), smooth()).on(at).share > 0.5
    assert share.sum() > 20
    assert at.x[share].max() < 2
    assert at.x[share].min() > -12


def test_subarachnoid_blood_lies_only_in_fluid_and_not_deeper_than_drawn():
    seat = Seat((0.0, 0.0, 8.0), (90.0, 90.0, 40.0))
    everywhere = Subarachnoid((seat,), 2.0, -9.0, 99.0, 0.0, clot(), smooth())
    wet, dry = plain_tissue(8.0, csf=True), plain_tissue(8.0)
    share = everywhere.on(wet).share
    assert share[(wet.csf > 0.5) & (np.hypot(wet.x, wet.y) < 40)].min() > 0.9
    assert share[wet.csf == 0].max() == 0
    assert everywhere.on(dry).share.max() == 0
    shallow = Subarachnoid((seat,), 2.0, -9.0, 40.0, 0.0, clot(), smooth()).on(wet).share
    assert shallow.max() > 0.9
    assert shallow[wet.depth > 41].max() == 0


@pytest.mark.parametrize("turn", [0.0, 0.35])
def test_intraventricular_blood_settles_in_ventricles_to_a_level_along_the_rows_of_the_picture(turn):
    at = plain_tissue(20.0, turn=turn, ventricle=True)
    parts = (Part("left", 20.0, 1.0, 0.0), Part("right", 20.0, 1.0, 0.0))
    share = Intraventricular(parts, 1.0, 0.0, clot(), smooth()).on(at).share
    assert share[at.ventricle == 0].max() == 0
    filled = share > 0.5
    rows = np.flatnonzero(filled.any(axis=1))
    first = [np.flatnonzero(filled[:, c])[0] for c in range(160) if filled[rows[0] + 2, c]]
    assert len(first) > 12
    assert np.ptp(first) <= 1  # a fluid's level is flat whichever way the head is turned


def test_blood_on_one_side_does_not_fill_the_ventricle_of_the_other():
    at = plain_tissue(30.0, ventricle=True)
    share = Intraventricular((Part("right", -60.0, 1.0, 0.0),), 1.0, 0.0, clot(), smooth()).on(at).share
    assert share[at.x < -3].max() > 0.99
    assert share[at.x > 3].max() == 0


def test_a_clot_has_the_volume_of_its_ellipsoid():
    radii = (12.0, 9.0, 7.0)
    lesion = Hematoma((((20.0, 0.0, 10.0), radii),), (0.0, 0.0), 0.0, 3.0, 20.0, clot(), smooth(), smooth())
    step = 1.0
    total = sum(float(lesion.on(plain_tissue(z)).share.sum()) for z in np.arange(-2, 22, step))
    assert total * PIXEL**2 * step == pytest.approx(4 / 3 * np.pi * 12 * 9 * 7, rel=0.06)
    assert lesion.volume_ml == pytest.approx(4 / 3 * np.pi * 12 * 9 * 7 / 1000)


def test_edema_surrounds_a_clot_and_is_as_wide_as_drawn():
    center = (20.0, 0.0, 10.0)
    lesion = Hematoma(((center, (9.0, 9.0, 9.0)),), (0.0, 0.0), 0.0, 6.0, 18.0, clot(), smooth(40), smooth())
    at = plain_tissue(10.0)
    bleed = lesion.on(at)
    away = np.hypot(at.x - 20, at.y)
    assert bleed.edema is not None
    assert bleed.edema[away < 9].min() > 0.5
    assert bleed.edema[away > 24].max() == 0
    assert 10 < away[bleed.edema > 0.5].max() < 22


def test_blood_avoids_the_ventricles_when_it_lies_in_the_brain():
    at = plain_tissue(10.0, ventricle=True)
    lesion = draw_hematoma(np.random.default_rng(1), "thalamus", 1)
    assert lesion.on(at).share[at.ventricle == 1].max() == 0


@pytest.mark.parametrize(
    ("age", "low", "high"),
    [("acute", 45, 90), ("subacute", 28, 56), ("chronic", 0, 42), ("active", 25, 92), ("mixed", 8, 88)],
)
def test_hu_of_blood_follows_its_age(age, low, high):
    at = plain_tissue(10.0)
    for seed in range(6):
        drawn = draw_clot(np.random.default_rng(seed), age, 10)
        lesion = Hematoma((((20.0, 0.0, 10.0), (12.0,) * 3),), (0.0, 0.0), 0.0, 3.0, 20.0, drawn, smooth(), smooth())
        bleed = lesion.on(at)
        hu = np.asarray(bleed.hu)[bleed.share > 0.5]
        assert low < np.percentile(hu, 5) <= np.percentile(hu, 95) < high


def test_bone_that_shares_a_pixel_with_blood_is_not_thinned_by_it():
    at = plain_tissue(20.0)
    mixed = at.inside * 33 + (1 - at.inside) * 1000
    part = Tissue(at.plane, mixed, at.x, at.y, at.z, at.depth, at.inside, at.csf, at.ventricle, at.tent, at.surface)
    bleed = crescent().on(part)
    after = mixed + (bleed.hu - mixed) * bleed.share
    edge = (bleed.share > 0.05) & (at.inside < 0.95)
    expected = at.inside * 65 + (1 - at.inside) * 1000
    assert edge.sum() > 20
    assert np.abs(after - expected)[edge].max() < 45


def test_a_layered_clot_is_denser_below_its_level():
    layered = Clot("layered", 70.0, 0.0, smooth(60), other_hu=25.0, level_mm=0.0)
    at = plain_tissue(10.0)
    lesion = Hematoma((((20.0, 0.0, 10.0), (20.0,) * 3),), (0.0, 0.0), 0.0, 3.0, 20.0, layered, smooth(), smooth())
    hu = np.asarray(lesion.on(at).hu)
    middle = np.hypot(at.x - 20, at.y) < 18
    assert hu[middle & (at.y > 8)].min() > 65  # cells sink to the back of a patient who lies
    assert hu[middle & (at.y < -8)].max() < 30


def test_contusions_lie_under_the_surface_and_petechiae_are_small():
    for seed in range(8):
        lesion = draw_contusion(np.random.default_rng(seed), 1)
        at = plain_tissue(lesion.center[2])
        assert not (lesion.on(at).share[at.depth > lesion.outer_mm + 1] > 0).any()
        assert max(radius for _, radius in draw_petechiae(np.random.default_rng(seed)).foci) <= 6


def test_pushes_grow_with_thickness_and_go_from_the_side_of_the_blood():
    thin = [draw_crescent(np.random.default_rng(s), -1, "acute", 0.3) for s in range(20)]
    thick = [draw_crescent(np.random.default_rng(s), -1, "acute", 2.0) for s in range(20)]
    assert np.mean([c.pushes[0].shift_mm for c in thin]) < 0.3 * np.mean([c.pushes[0].shift_mm for c in thick])
    assert all(c.pushes[0].center[0] < 0 for c in thick)


@pytest.mark.parametrize("label", SUBTYPES)
def test_shares_are_between_0_and_1_and_follow_from_the_seed(label):
    at, again = (
        plain_tissue(20.0, csf=label is Label.SUBARACHNOID, ventricle=label is Label.INTRAVENTRICULAR) for _ in "12"
    )
    for seed in range(6):
        lesion = draw_hemorrhage(label, np.random.default_rng(seed))
        bleed = lesion.on(at)
        assert lesion.label is label
        assert bleed.share.dtype == np.float32
        assert bleed.share.shape == at.x.shape
        assert bleed.share.min() >= 0
        assert bleed.share.max() <= 1
        # The first plane has outlived the fields of earlier lesions: they must not be taken for this one's.
        again.plane.fields.clear()
        assert np.array_equal(bleed.share, draw_hemorrhage(label, np.random.default_rng(seed)).on(again).share)


def test_bleeding_heads_hold_every_subtype_often_and_about_two_in_a_head():
    heads = [{one.label for one in draw_hemorrhages(np.random.default_rng([5, s]))} for s in range(150)]
    for label in SUBTYPES:
        assert sum(label in head for head in heads) > 0.2 * len(heads)
    assert 1.3 < np.mean([len(head) for head in heads]) < 2.6
    assert min(len(head) for head in heads) == 1


def test_sizes_run_from_a_few_mm_to_large():
    lenses = [draw_epidural(np.random.default_rng(s)).thick_mm for s in range(80)]
    assert min(lenses) < 5
    assert max(lenses) > 16
    radii = [max(draw_hematoma(np.random.default_rng(s), "putamen", 1).lobes[0][1]) for s in range(80)]
    assert min(radii) < 6
    assert max(radii) > 20
