"""Statistics of a head whose HU and noise were chosen."""

import itertools

import numpy as np
import pytest

from ihd_core.phantom.statistics import BANDS_PER_MM, compared, statistics
from tests.ihd_core.round_head import round_head

BRAIN_HU, FLUID_HU, NOISE_HU, PIXEL_MM = 30, 6, 4.0, 1.0


@pytest.fixture(scope="module")
def measured():
    def change(hu, x, y, z):
        generator = np.random.default_rng(1)
        brain = hu == 33
        hu = np.where(brain, np.float32(BRAIN_HU), hu)
        ventricle = ((np.abs(x) - 15) / 9) ** 2 + (y / 35) ** 2 + ((z - 25) / 16) ** 2 < 1
        hu = np.where(ventricle, np.float32(FLUID_HU), hu)
        noise = generator.normal(0, NOISE_HU, hu.shape).astype(np.float32)
        return hu + np.where(brain, noise, 0)

    return statistics(round_head(spacing_mm=(8.0, PIXEL_MM, PIXEL_MM), change=change))


def test_tissues_are_those_that_were_drawn(measured):
    assert measured["white matter (20th percentile)"] == pytest.approx(BRAIN_HU, abs=2.5)
    assert measured["grey matter (90th percentile of deep brain)"] == pytest.approx(BRAIN_HU, abs=4)
    assert measured["fluid of the ventricles (median)"] == pytest.approx(FLUID_HU, abs=3)
    assert measured["bone of the vault (median)"] == 1100
    assert measured["air (median of a corner)"] == -1000


def test_even_brain_beside_bone_is_not_brighter(measured):
    for distance in ("10", "20"):
        assert measured[f"brain {distance} mm from bone, below"] == pytest.approx(BRAIN_HU, abs=1.5)


def test_noise_is_the_one_that_was_added(measured):
    assert measured["noise (deviation)"] == pytest.approx(NOISE_HU, rel=0.12)


def test_white_noise_has_as_much_power_in_a_band_as_the_band_is_large(measured):
    """Of the plane of frequencies, one cycle a mm square; the two lowest bands lose what the plane took away."""
    for low, high in itertools.pairwise(BANDS_PER_MM[2:]):
        axis = np.linspace(-0.5, 0.5, 2001)
        radius = np.hypot(axis[:, None], axis)
        share = 100 * float(((radius >= low) & (radius < high)).mean())
        assert measured[f"noise, {low:g} to {high:g} cycles/mm, %"] == pytest.approx(share, rel=0.12)


def test_what_a_scan_does_not_show_is_not_a_number():
    low = statistics(round_head(spacing_mm=(5.0, 1.5, 1.5), low_mm=10, high_mm=60))
    assert np.isnan(low["brain 10 mm from bone, vertex"])


def test_the_table_has_the_middle_the_range_and_what_lies_outside():
    phantoms = [{"noise": float(value), "air": -1000.0} for value in range(101)]
    lines = compared(phantoms, {"noise": 96.0, "air": -1000.0}).splitlines()
    assert lines[2] == "| noise | 50.0 | 5.0 to 95.0 | 96.0 | outside |"
    assert lines[3] == "| air | -1000.0 | -1000.0 to -1000.0 | -1000.0 |  |"


def test_values_that_no_phantom_shows_are_passed_over():
    assert "| noise | 2.0 | 2.0 to 2.0 |" in compared([{"noise": float("nan")}, {"noise": 2.0}])
