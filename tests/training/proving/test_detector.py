"""The threshold detector on slices that are drawn with chosen HU and sizes."""

import numpy as np
import pytest

from training.proving.detector import SCORES, blob_scores


def slice_with(*blobs, side=256, brain=32, skull=700):
    """A disc of brain of 90 mm radius on pixels of 1 mm; blobs are (row, column, radius, HU)."""
    rows, columns = np.mgrid[:side, :side]
    away = np.hypot(rows - side / 2, columns - side / 2)
    hu = np.full((side, side), -1000, np.int16)
    hu[away < 97] = skull
    inside = away < 90
    hu[inside] = brain
    for row, column, radius, value in blobs:
        hu[np.hypot(rows - row, columns - column) < radius] = value
    return hu, inside


def scores(*blobs, **changes):
    return dict(zip(SCORES, blob_scores(*slice_with(*blobs, **changes), (1.0, 1.0)), strict=True))


def test_a_brain_without_blood_has_no_blob():
    assert set(scores().values()) == {0.0}


@pytest.mark.parametrize(
    ("hu", "counts"), [(40, False), (49, False), (55, True), (85, True), (95, False), (400, False)]
)
def test_blobs_count_from_50_to_90_hu(hu, counts):
    assert (scores((128, 128, 12, hu))["largest blob"] > 0) == counts


def test_a_blob_has_the_area_of_its_disc():
    found = scores((128, 128, 12, 65))
    assert found["largest blob"] == pytest.approx(np.pi * 12**2, rel=0.04)
    assert found["largest blob away from bone"] == found["largest blob"]


def test_the_largest_of_two_blobs_and_both_together():
    found = scores((100, 100, 6, 65), (150, 150, 10, 65))
    assert found["largest blob"] == pytest.approx(np.pi * 100, rel=0.05)
    assert found["all blobs"] == pytest.approx(np.pi * 136, rel=0.05)


def test_a_blob_of_less_than_20_mm2_is_noise():
    assert scores((128, 128, 2, 65))["all blobs"] == 0


def test_what_is_outside_the_skull_does_not_count():
    assert scores((128, 228, 8, 65))["all blobs"] == 0


def test_a_brightened_rim_counts_only_where_bone_is_not_left_out():
    hu, inside = slice_with()
    rows, columns = np.mgrid[:256, :256]
    away = np.hypot(rows - 128, columns - 128)
    hu[(away > 87) & (away < 90)] = 60
    found = dict(zip(SCORES, blob_scores(hu, inside, (1.0, 1.0)), strict=True))
    assert found["largest blob"] > 500
    assert found["largest blob away from bone"] == 0


def test_pixels_of_any_size_give_the_same_area():
    hu, inside = slice_with((128, 128, 12, 65))
    fine = np.repeat(np.repeat(hu, 2, axis=0), 2, axis=1)
    fine_inside = np.repeat(np.repeat(inside, 2, axis=0), 2, axis=1)
    coarse = blob_scores(hu, inside, (1.0, 1.0))
    assert blob_scores(fine, fine_inside, (0.5, 0.5)) == pytest.approx(coarse, rel=0.02)


def test_noise_of_4_hu_makes_no_blob():
    hu, inside = slice_with()
    noisy = (hu + np.random.default_rng(0).normal(0, 4, hu.shape)).astype(np.int16)
    assert max(blob_scores(noisy, inside, (1.0, 1.0))) == 0
