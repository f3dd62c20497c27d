from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ihd_core.brain_mask import brain_mask
from ihd_core.dicom.reader import load_scan
from ihd_core.scan import Scan
from tests.ihd_core.round_head import areas_cm2, round_head


def assert_areas(mask, scan, scale=1.0):
    expected = areas_cm2(scan, scale)[mask.slice_indices]
    found = mask.areas_cm2
    # Towards the poles a slice may be missed, or the ring of a coarse pixel too much.
    assert np.abs(found - expected).max() < 10
    assert found.sum() == pytest.approx(expected.sum(), rel=0.04)


def holder(hu, x, y, z):
    shell = np.hypot(x, y - 20)
    return np.where((shell > 104) & (shell < 108) & (y > 20), 300, hu)


def noise(hu, x, y, z):
    return hu + np.random.default_rng(3).normal(0, 25, hu.shape)


def tilted(hu, x, y, z):
    return np.stack([np.roll(one, index - len(hu) // 2, axis=0) for index, one in enumerate(hu)])


def blood_and_calcium(hu, x, y, z):
    hu = np.where((x - 40) ** 2 + y**2 + (z - 10) ** 2 < 20**2, 75, hu)
    return np.where((np.abs(x) + 0 * y < 3) & (np.abs(y + 30) < 3) & (np.abs(z) < 40), 700, hu)


def half_without_bone(hu, x, y, z):
    return np.where((hu > 1000) & (x > 0) & (z > -20), 40, hu)


def fissures(hu, x, y, z):
    """Two gaps of 9 mm through the bone, from top to bottom."""
    return np.where((np.abs(y - 20) < 4.5) & (hu > 1000), 40, hu)


def strap(hu, x, y, z):
    """A band of 6 mm that touches the skin and reaches far to both sides."""
    return np.where((hu < -900) & (np.abs(y) < 3) & (np.abs(x) < 115) & (np.abs(z) < 60), 200, hu)


def scan_of(hu, spacing_mm=(5.0, 1.0, 1.0)):
    positions = np.outer(np.arange(len(hu)) * spacing_mm[0], [0.0, 0.0, 1.0])
    return Scan(hu, spacing_mm, np.eye(3), positions, "1", tuple(str(index) for index in range(len(hu))))


@pytest.mark.parametrize(
    "spacing_mm",
    [(5.0, 1.5, 1.5), (7.0, 0.94, 0.94), (2.5, 2.4, 2.4), (5.0, 0.75, 2.5), (0.7, 3.0, 3.0)],
    ids=str,
)
def test_the_inside_of_an_ellipsoid_has_its_area_at_any_spacing(spacing_mm):
    scan = round_head(spacing_mm=spacing_mm)
    assert_areas(brain_mask(scan), scan)


@pytest.mark.parametrize(
    "change", [holder, strap, noise, tilted, fissures, blood_and_calcium], ids=lambda change: change.__name__
)
def test_what_does_not_change_the_skull_does_not_change_its_inside(change):
    scan = round_head(change=change)
    assert_areas(brain_mask(scan), scan)


def test_a_head_out_of_the_middle_is_found_whole():
    scan = round_head(width_mm=330, shift_mm=(60, -70))
    assert_areas(brain_mask(scan), scan)


def test_what_the_reconstructed_circle_cuts_off_is_not_open_to_the_air():
    def circle(hu, x, y, z):
        return np.where(np.hypot(x, y) + 0 * z > 70, -1024, hu)

    scan = round_head(spacing_mm=(5.0, 1.0, 1.0), low_mm=60, high_mm=100, width_mm=140, change=circle)
    inside = brain_mask(scan).on_slice(4)
    assert inside[6, 70], "6 mm from the edge"
    assert inside[70, 70]


def test_a_small_head_is_found():
    scan = round_head(scale=0.6)
    assert_areas(brain_mask(scan), scan, scale=0.6)


@pytest.mark.parametrize("value", [-1024, -2000, -32768])
def test_padding_is_outside(value):
    whole = round_head()
    scan = replace(whole, hu=np.pad(whole.hu, ((0, 0), (0, 40), (32, 0)), constant_values=value))
    assert_areas(brain_mask(scan), scan)


def test_blood_and_calcium_in_the_brain_lie_inside():
    scan = round_head(spacing_mm=(5.0, 1.0, 1.0), change=blood_and_calcium)
    inside = brain_mask(scan).on_slice(16)
    assert inside[120, 160], "blood"
    assert inside[90, 120], "calcium"


def test_air_and_fat_enclosed_by_bone_are_outside():
    def sinus_and_orbit(hu, x, y, z):
        hu = np.where((x**2 + (y + 66) ** 2 + z**2) < 22**2, 1100, hu)
        hu = np.where((x**2 + (y + 66) ** 2 + z**2) < 18**2, -1000, hu)
        hu = np.where(((x - 50) ** 2 + (y + 30) ** 2 + z**2) < 22**2, 1100, hu)
        return np.where(((x - 50) ** 2 + (y + 30) ** 2 + z**2) < 18**2, -90, hu)

    inside = brain_mask(round_head(spacing_mm=(5.0, 1.0, 1.0), change=sinus_and_orbit)).on_slice(16)
    assert not inside[120 - 66, 120]
    assert not inside[120 - 30, 170]
    assert inside[140, 120]


def test_the_brain_stays_inside_where_half_of_the_skull_is_gone():
    scan = round_head(change=half_without_bone)
    mask = brain_mask(scan)
    whole = areas_cm2(scan)
    assert mask.areas_cm2[8:28].sum() > 0.9 * whole[8:28].sum()
    assert mask.areas_cm2.sum() < 1.1 * whole.sum()


@pytest.mark.parametrize("change", [holder, strap], ids=lambda change: change.__name__)
def test_bone_surrounds_the_inside_and_holders_are_no_head(change):
    mask = brain_mask(round_head(change=change))
    assert not (mask.bone & mask.inside).any()
    assert not (mask.bone & ~mask.head).any()
    pixel_cm2 = mask.pixel_mm[0] * mask.pixel_mm[1] / 100
    outer = np.pi * 79 * 95 / 100
    assert mask.head[16].sum() * pixel_cm2 == pytest.approx(outer, rel=0.06)
    assert mask.head[16].any(axis=0).sum() * mask.pixel_mm[1] < 2 * (79 + 7), "as wide as the head"


def test_a_slice_is_shown_on_its_own_pixels():
    scan = round_head(spacing_mm=(5.0, 0.8, 1.2))
    inside = brain_mask(scan).on_slice(16)
    assert inside.shape == scan.hu.shape[1:]
    exact = scan.hu[16] == 33
    assert (inside & exact).sum() * 2 / (inside.sum() + exact.sum()) > 0.97


def test_thin_slices_are_thinned_out_but_the_ends_stay():
    scan = round_head(spacing_mm=(0.35, 4.0, 4.0))
    mask = brain_mask(scan)
    assert len(mask.slice_indices) < len(scan) / 4
    assert mask.slice_indices[[0, -1]].tolist() == [0, len(scan) - 1]
    assert np.array_equal(mask.heights_mm, scan.heights_mm[mask.slice_indices])
    assert mask.on_slice(len(scan) - 2).shape == scan.hu.shape[1:]


@pytest.mark.parametrize("index", [-1, 33])
def test_a_slice_that_is_not_there_is_an_error(index):
    mask = brain_mask(round_head(spacing_mm=(5.0, 6.0, 6.0)))
    with pytest.raises(IndexError, match="of 33"):
        mask.on_slice(index)


@pytest.mark.parametrize("value", [-1024, 0, 33, 1000, 32767, -32768])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 3), (6, 40, 50)], ids=str)
def test_nothing_is_inside_where_nothing_is_enclosed(value, shape):
    mask = brain_mask(scan_of(np.full(shape, value, np.int16)))
    assert not mask.inside.any()


def test_what_it_returns_cannot_be_written_to():
    mask = brain_mask(round_head(spacing_mm=(5.0, 6.0, 6.0)))
    with pytest.raises(ValueError, match="read-only"):
        mask.inside[0, 0, 0] = True


def test_a_real_head_with_its_face_and_neck(shared_data):
    scan = load_scan(shared_data / "head_ct" / "ge_hispeed_tilt")
    mask = brain_mask(scan)
    areas = mask.areas_cm2
    assert areas[:3].max() == areas[-1] == 0, "neck and vertex"
    assert 150 < areas.max() < 220, "of an adult"
    within = mask.on_slice(7)
    assert within[320, 240], "cerebellum"
    assert within[200, 323], "temporal lobe"
    for name, row, column in (("globe", 90, 180), ("nose", 110, 250), ("neck muscle", 430, 260), ("air", 20, 20)):
        assert not within[row, column], name
