"""Each finding has the density, the place and the size it was drawn with."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ihd_core.phantom.findings.bone import Flap, Fracture
from ihd_core.phantom.findings.calcium import Calcification
from ihd_core.phantom.findings.collections import Layer
from ihd_core.phantom.findings.finding import patch_about, vault_point
from ihd_core.phantom.findings.ischemia import Infarct, Wedge
from ihd_core.phantom.findings.masses import Edema, Mass, Meningioma
from ihd_core.phantom.findings.metal import Implant
from ihd_core.phantom.findings.scalp import ScalpHematoma
from ihd_core.phantom.findings.swelling import DiffuseEdema, WhiteMatterDisease
from ihd_core.phantom.findings.vessels import DenseSinuses, Tube
from ihd_core.phantom.head import draw_head, tissue
from ihd_core.phantom.planes import Pose
from ihd_core.phantom.smooth_field import SmoothField

PIXEL_MM = 1.25


@pytest.fixture(scope="module")
def plane_at():
    """Planes of a straight head by height in mm, made once."""
    head = draw_head(np.random.default_rng(4))
    pose = Pose(turn=0.0, tilt=0.0, shift_mm=(0.0, 0.0), scale=(1.0, 1.0, 1.0))
    made = {}

    def plane(height):
        if height not in made:
            made[height] = tissue(head, pose.plane(192, 192 * PIXEL_MM, height, 2.0))
        return made[height]

    return plane


def field(cell_mm: float = 12.0) -> SmoothField:
    return SmoothField(np.random.default_rng(1), cell_mm)


def area(mask: np.ndarray) -> float:
    return float(np.count_nonzero(mask)) * PIXEL_MM**2


def test_a_patch_sees_the_same_tissue_and_the_same_random_field_as_the_whole_plane(plane_at):
    one, random = plane_at(20.0), field(20.0)
    patch = patch_about(one, one.hu, (10.0, -30.0, 0.0), (50.0, 20.0, 40.0))
    assert np.array_equal(patch.tissue.x, one.x[patch.box])
    assert np.array_equal(patch.tissue.csf, one.csf[patch.box])
    inner = (slice(2, -2), slice(2, -2))
    whole = random.on(one.plane)[patch.box][inner]
    assert np.abs(random.on(patch.tissue.plane)[inner] - whole).max() < 0.15
    assert patch_about(one, one.hu, (10.0, -30.0, 60.0), (50.0, 20.0, 80.0)) is None


def test_an_old_infarct_of_the_middle_cerebral_artery_is_dark_to_the_cortex_on_its_side_only(plane_at):
    one = plane_at(24.0)
    infarct = Infarct("old MCA infarct", 1, "MCA", None, 18.0, 10.0, 1.0, 0.5, 4.0, 2.0, field())
    after = infarct.on(one, one.hu)
    near_cortex = (one.x > 40) & (np.abs(one.y) < 15) & (one.depth > 4) & (one.depth < 9)
    deep = (one.x > 32) & (np.abs(one.y) < 12) & (one.depth > 9) & (one.csf < 0.05)
    assert np.median(after[near_cortex]) < 22
    assert np.median(after[deep]) < 14
    assert np.array_equal(after[one.x < 0], one.hu[one.x < 0])
    assert np.array_equal(after[one.depth < -2], one.hu[one.depth < -2])
    assert np.abs(after - one.hu)[(one.y > 75) & (one.inside > 0.5)].max() < 1


def test_a_wedge_widens_towards_the_cortex(plane_at):
    one = plane_at(24.0)
    wedge = Wedge((20.0, 0.0, 24.0), (1.0, 0.0, 0.0), 0.5)
    infarct = Infarct("old MCA infarct", -1, "MCA", wedge, 16.0, 16.0, 1.0, 0.0, 3.0, 0.0, field())
    dark = infarct.on(one, one.hu) < one.hu - 4
    widths = [area(dark & (np.abs(one.x + at) < 2)) for at in (26, 34, 42)]
    assert 0 < widths[0] < widths[1] < widths[2]


def test_laminar_necrosis_brightens_cortex_and_not_white_matter(plane_at):
    one = plane_at(30.0)
    infarct = Infarct("old", 1, "MCA", None, 20.0, 20.0, 1.0, 0.0, 4.0, 0.0, field(), (), 58.0)
    after = infarct.on(one, one.hu)
    # Without the pixels at the rim, which hold a share of the bone.
    own = (one.x > 28) & (np.abs(one.y) < 20) & (one.inside >= 0.999)
    bright = own & (after > 40)
    # 40 mm of cortex, 2.5 mm thick, of which half lies in the pixels at the rim.
    assert area(bright) > 40 * 2.5 / 2
    assert after[own].max() <= 59
    # Farther than the cortex is thick from the surface and from every sulcus it is the infarct's own density.
    wet = cv2.dilate((one.csf > 0.05).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    core = own & ~wet & (one.surface > 7)
    assert area(core) > 60
    assert after[core].max() < 24


def test_calcium_is_as_dense_as_drawn_and_no_larger(plane_at):
    one = plane_at(8.0)
    spot = Calcification("calcified spots", (((20.0, -4.0, 8.0), (4.0, 5.0, 4.0)),), 75.0, 0.0, field())
    change = spot.on(one, one.hu) - one.hu
    changed = np.abs(change) > 5
    assert 40 < area(changed) < 160  # an ellipse of 4 and 5 mm: 63 mm2
    assert np.hypot(one.x - 20, one.y + 4)[changed].max() < 9
    assert 68 < (one.hu + change)[changed].max() <= 76


def test_a_scalp_hematoma_is_blood_outside_the_bone_and_lifts_the_skin(plane_at):
    one = plane_at(40.0)
    center = vault_point(-1, 0.0, 40.0)
    clot = ScalpHematoma(center, 25.0, 12.0, 65.0, 3.0, field())
    after = clot.on(one, one.hu)
    blood = (after > 50) & (after < 80) & (one.depth < -3)
    gained = area(blood) - area((one.hu > 50) & (one.hu < 80) & (one.depth < -3))
    assert 150 < gained < 900
    assert one.x[blood & (one.hu < 0)].max() < 0
    assert area((one.hu < -900) & (after > -200)) > 100
    assert np.array_equal(after[one.depth > 0], one.hu[one.depth > 0])


def test_a_meningioma_sits_on_the_dura_with_its_density(plane_at):
    one = plane_at(40.0)
    center = vault_point(1, 0.1, 40.0)
    after = Meningioma(center, 16.0, 14.0, 54.0, 0.0, 0.0, False, field()).on(one, one.hu)
    body = (np.abs(after - one.hu) > 8) & (one.inside > 0.99)
    assert 150 < area(body) < 560  # half an ellipse of 16 and 14 mm: 352 mm2
    assert abs(np.median(after[body]) - 54) < 3
    assert one.depth[body].min() < 2.5
    assert one.depth[body].max() < 18


def test_edema_darkens_white_matter_and_stays_near(plane_at):
    one = plane_at(40.0)
    after = Edema((28.0, 10.0, 40.0), (8.0, 8.0, 8.0), 14.0, 18.0, field(8.0)).on(one, one.hu)
    dark = after < one.hu - 4
    assert area(dark) > 150
    assert np.hypot(one.x - 28, one.y - 10)[dark].max() < 8 + 14 * 2.2
    assert after[dark].min() > 12


def test_a_rim_is_brighter_than_its_core(plane_at):
    one = plane_at(40.0)
    mass = Mass("metastasis", (30.0, 10.0, 40.0), (14.0, 14.0, 14.0), 48.0, 20.0, 4.0, 0.0, field())
    after = mass.on(one, one.hu)
    away = np.hypot(one.x - 30, one.y - 10)
    assert abs(np.median(after[away < 6]) - 20) < 3
    assert abs(np.median(after[(away > 11) & (away < 12.5)]) - 48) < 4
    assert np.array_equal(after[away > 24], one.hu[away > 24])


def test_a_hygroma_is_fluid_under_the_inner_table_as_thick_as_drawn(plane_at):
    one = plane_at(40.0)
    layer = Layer("hygroma", (1,), (-0.6, 40.0), (1.1, 40.0), 9.0, 5.0, 0, 0, 0.0, field())
    after = layer.on(one, one.hu)
    changed = np.abs(after - one.hu) > 8
    assert area(changed) > 200
    assert one.depth[changed].max() < 11
    assert one.x[changed].min() > 0
    assert np.median(after[changed & (one.depth > 2) & (one.depth < 5)]) == pytest.approx(5, abs=3)


def test_diffuse_edema_makes_cisterns_brighter_than_brain(plane_at):
    one = plane_at(0.0)
    after = DiffuseEdema(22.0, 2.0, 40.0, 1.0, field()).on(one, one.hu)
    brain = (one.inside > 0.99) & (one.csf < 0.01) & (one.ventricle < 0.01) & (one.hu < 45) & (one.depth > 8)
    cistern = (one.csf > 0.9) & (one.inside > 0.99) & (one.depth > 4)
    assert np.median(one.hu[cistern]) + 12 < np.median(one.hu[brain])
    assert np.median(after[brain]) < 27
    assert np.median(after[cistern]) > np.median(after[brain]) + 6


def test_white_matter_disease_is_dark_beside_the_ventricles_and_spares_the_cortex(plane_at):
    one = plane_at(24.0)
    loss = one.hu - WhiteMatterDisease(10.0, 12.0, 1.0, field(14.0), field(7.0)).on(one, one.hu)
    assert loss.min() > -1e-4
    assert loss.max() > 5
    assert loss[(one.surface < 5) & (one.inside > 0.5)].max() < 1


def test_a_dense_artery_is_bright_along_its_course_only(plane_at):
    one = plane_at(1.0)
    artery = Tube("dense MCA", ((12.0, -14.0, 1.0), (30.0, -15.0, 1.0)), 1.8, 66.0, 0.0, field())
    after = artery.on(one, one.hu)
    bright = after > one.hu + 10
    assert 30 < area(bright) < 130  # 18 mm times 3.6 mm, with round ends: 75 mm2
    assert np.abs(one.y[bright] + 14.5).max() < 5
    assert after[bright].max() <= 66.5


def test_dense_sinuses_lie_in_the_midline_behind(plane_at):
    one = plane_at(52.0)
    after = DenseSinuses(frozenset({"sagittal"}), 68.0, 8.0, 0.0, field()).on(one, one.hu)
    bright = (after > one.hu + 6) & (one.inside > 0.9)
    assert area(bright) > 15
    assert np.abs(one.x[bright]).max() < 12
    assert one.depth[bright].max() < 12


def test_metal_is_dense_enough_for_streaks(plane_at):
    one = plane_at(2.0)
    after = Implant("clip", ((((10.0, -14.0, 2.0), (24.0, -14.0, 2.0)), 1.2),), 6000.0).on(one, one.hu)
    assert (after > 2500).any()
    assert area(after > one.hu + 50) < 100


def test_a_craniectomy_takes_the_bone_and_a_craniotomy_only_its_cut(plane_at):
    one = plane_at(40.0)
    center = vault_point(1, 0.0, 40.0)
    gone = Flap("craniectomy", center, 34.0, 2.0, 40.0, 38.0, (), 0.0, field()).on(one, one.hu)
    sawn = Flap("craniotomy", center, 34.0, 2.5, 40.0, None, (0.0,), 5.0, field()).on(one, one.hu)
    bone = one.hu > 300
    right = bone & (one.x < 0)
    under = bone & (one.x > 50) & (np.abs(one.y) < 18)
    assert np.median(gone[under]) < 60
    assert np.array_equal(gone[right], one.hu[right])
    assert np.median(sawn[under]) > 300
    assert 10 < area(bone & (sawn < 150)) < 250


def test_a_fracture_is_a_thin_line_in_bone(plane_at):
    one = plane_at(40.0)
    line = Fracture(vault_point(1, 0.0, 40.0), 60.0, 2.0, 0.5, field())
    change = np.abs(line.on(one, one.hu) - one.hu)
    assert change[one.inside > 0.95].max() == 0
    assert 2 < area(change > 150) < 150
