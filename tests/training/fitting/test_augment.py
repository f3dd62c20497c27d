"""What is trained on is what was drawn, changed within its limits, and moves with its lesions and neighbours."""

import numpy as np
import pytest

from ihd_core.model_input import AIR, PAPER_DEVIATION, PAPER_MEAN, channels
from training.config import CnnConfig
from training.fitting.augment import ANGLE, SHIFT, Change, change_cells, change_channels, change_hu, drawn


def changed(picture, change, rng=None):
    out = np.empty((1, *picture.shape), np.int16)
    change_hu([picture], change, rng or np.random.default_rng(0), out)
    return out[0]


def test_a_lesion_and_its_cells_move_together():
    hu = np.full((64, 64), AIR, np.int16)
    cells = np.zeros((1, 4, 4), np.uint8)
    hu[16:32, 16:32] = 1000
    cells[0, 1, 1] = 255
    rng = np.random.default_rng(3)
    for _ in range(20):
        change = drawn(rng, CnnConfig())
        bright = np.argwhere(changed(hu, change) > 0).mean(axis=0)
        moved = change_cells(cells, change)[0].astype(float)
        rows, columns = np.mgrid[0:4, 0:4] * 16 + 7.5
        marked = np.array([(moved * rows).sum(), (moved * columns).sum()]) / moved.sum()
        assert np.abs(bright - marked).max() < 4, "a quarter of a cell"


def test_the_middle_of_a_lesion_goes_where_the_change_says():
    hu = np.full((101, 101), AIR, np.int16)
    hu[28:33, 68:73] = 1000  # centred on row 30, column 70: 20 up and 20 to the right of the middle
    change = Change(angle=90, scale=1.5, shift=(0.1, -0.05))
    # 90 degrees counter-clockwise takes (right 20, up 20) to (left 20, up 20); enlarged to 30; then right and up.
    middle = np.argwhere(changed(hu, change) > 0).mean(axis=0)
    np.testing.assert_allclose(middle, [50 - 30 - 5.05, 50 - 30 + 10.1], atol=0.3)
    mirrored = np.argwhere(changed(hu, Change(True, 90, 1.5, (0.1, -0.05))) > 0).mean(axis=0)
    np.testing.assert_allclose(mirrored, [middle[0], 100 - middle[1]], atol=0.3)


def test_a_mirror_image_is_exact():
    hu = np.random.default_rng(1).integers(-1000, 2000, (32, 32)).astype(np.int16)
    assert np.array_equal(changed(hu, Change(is_mirrored=True)), hu[:, ::-1])
    assert np.array_equal(changed(hu, Change()), hu)


def test_brightness_is_a_gain_and_an_offset_in_hu_and_never_overflows():
    hu = np.array([[-1000, 0], [50, 32767]], np.int16)
    assert changed(hu, Change(gain=1.1, offset_hu=-3)).tolist() == [[-1103, -3], [52, 32767]]


def test_blur_keeps_the_sum_and_spreads_a_point_by_its_deviation():
    hu, out = np.zeros((33, 33), np.int16), np.empty((1, 33, 33), np.int16)
    hu[16, 16] = 30000
    change_hu([hu], Change(blur=1.2), np.random.default_rng(0), out)
    offsets = np.arange(33) - 16
    assert out.sum() == pytest.approx(30000, rel=0.01)
    assert np.sqrt((out[0].sum(0) * offsets**2).sum() / out.sum()) == pytest.approx(1.2, rel=0.05)


def test_noise_has_the_deviation_asked_for_and_differs_between_neighbours():
    hu = np.full((128, 128), 40, np.int16)
    out = np.empty((2, 128, 128), np.int16)
    change_hu([hu, hu], Change(noise_hu=5.0), np.random.default_rng(0), out)
    np.testing.assert_allclose(out.std(axis=(1, 2)), 5, rtol=0.03)
    assert abs(np.corrcoef(out[0].ravel(), out[1].ravel())[0, 1]) < 0.05


def test_neighbours_move_as_their_slice_does():
    hu = np.random.default_rng(2).integers(-100, 100, (48, 48)).astype(np.int16)
    out = np.empty((3, 48, 48), np.int16)
    change = Change(True, 10, 0.95, (0.03, 0.02), gain=1.02, offset_hu=2)
    change_hu([hu, hu, hu], change, np.random.default_rng(0), out)
    assert np.array_equal(out[0], out[1])
    assert np.array_equal(out[0], out[2])


def test_after_normalisation_brightness_is_in_deviations_and_outside_is_the_mean():
    hu = np.full((32, 32), 40, np.int16)
    out = np.empty((6, 32, 32), np.float32)
    change_channels([hu, hu], Change(shift=(0.5, 0), brightness=0.1), out)
    mean, deviation = np.array(PAPER_MEAN * 2), np.array(PAPER_DEVIATION * 2)
    normalised = (out - mean[:, None, None]) / deviation[:, None, None]
    np.testing.assert_allclose(normalised[:, :, :15], 0.1, atol=1e-5)
    inside = (np.tile(channels(hu)[:, 0, 0], 2) - mean) / deviation + 0.1
    np.testing.assert_allclose(normalised[:, :, 20], np.repeat(inside[:, None], 32, 1), atol=1e-5)


@pytest.mark.parametrize("how", ["before", "after"])
def test_changes_keep_their_limits_and_half_are_mirrored(how):
    rng = np.random.default_rng(5)
    found = [drawn(rng, CnnConfig(augmentation=how, scale=0.15, noise_hu=3.0, blur=0.8)) for _ in range(1000)]
    assert 430 < sum(one.is_mirrored for one in found) < 570
    for values, limit in (
        ([one.angle for one in found], ANGLE),
        ([one.scale - 1 for one in found], 0.15),
        (np.ravel([one.shift for one in found]), SHIFT),
    ):
        assert 0.95 * limit < np.max(values) <= limit
        assert -limit <= np.min(values) < -0.95 * limit
    assert {one.gain == 1 for one in found} == {how == "after"}
    assert {one.brightness == 0 for one in found} == {how == "before"}
    assert max(one.noise_hu for one in found) <= 3.0
    if how == "before":
        blurs = [one.blur for one in found]
        assert 0.75 < max(blurs) <= 0.8
        assert 430 < sum(blur == 0 for blur in blurs) < 570


def test_without_augmentation_nothing_changes():
    assert drawn(np.random.default_rng(0), CnnConfig(augmentation="none", noise_hu=3.0, blur=1.0)) == Change()
