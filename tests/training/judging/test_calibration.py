"""Calibration errors of probabilities whose truth is chosen, and bins against hand-sized examples."""

import numpy as np
import pytest

from training.judging.bootstrap import Bootstrap
from training.judging.calibration import bin_of_row, expected_calibration_error, reliability


@pytest.mark.parametrize("binning", ["equal mass", "equal width"])
def test_probabilities_that_mean_what_they_say_have_nearly_no_error(binning):
    rng = np.random.default_rng(0)
    p = rng.beta(0.5, 2, 200_000).astype(np.float32)
    assert expected_calibration_error(rng.random(len(p)) < p, p, binning) < 0.005


@pytest.mark.parametrize("binning", ["equal mass", "equal width"])
def test_probabilities_a_tenth_too_high_have_an_error_of_a_tenth(binning):
    rng = np.random.default_rng(1)
    p = rng.uniform(0.2, 0.9, 200_000)
    assert expected_calibration_error(rng.random(len(p)) < p - 0.1, p, binning) == pytest.approx(0.1, abs=0.005)


def test_bins_of_equal_width_are_steps_of_the_probability():
    score = np.array([0.0, 0.19, 0.2, 0.5, 0.99, 1.0])
    assert bin_of_row(score, "equal width", 5).tolist() == [0, 0, 1, 2, 4, 4]


def test_bins_of_equal_mass_have_as_many_rows_each():
    score = np.random.default_rng(2).permutation(np.linspace(0, 1, 300) ** 3)
    number = bin_of_row(score, "equal mass", 15)
    assert np.bincount(number).tolist() == [20] * 15
    assert (np.diff(number[np.argsort(score)]) >= 0).all()


def test_equal_probabilities_share_a_bin():
    score = np.repeat([0.1, 0.6], [190, 10])
    number = bin_of_row(score, "equal mass", 15)
    assert len(set(number[:190])) == len(set(number[190:])) == 1


def test_few_rows_make_few_bins_of_equal_mass():
    score = np.linspace(0, 1, 24)
    assert len(np.unique(bin_of_row(score, "equal mass", 15))) == 2
    assert len(np.unique(bin_of_row(score[:9], "equal mass", 15))) == 1


def test_a_bin_tells_its_mean_and_its_share():
    truth = np.array([0, 0, 1, 1, 1], bool)
    low, high = reliability(truth, np.array([0.1, 0.2, 0.3, 0.8, 0.9]), "equal width", 2)
    assert (low.rows, low.probability, low.share.value) == pytest.approx((3, 0.2, 1 / 3))
    assert (high.rows, high.probability, high.share.value) == pytest.approx((2, 0.85, 1))
    error = expected_calibration_error(truth, np.array([0.1, 0.2, 0.3, 0.8, 0.9]), "equal width", 2)
    assert error == pytest.approx(3 / 5 * (1 / 3 - 0.2) + 2 / 5 * 0.15)


@pytest.mark.parametrize("binning", ["equal mass", "equal width"])
def test_the_bootstraps_error_is_the_same_error(binning):
    rng = np.random.default_rng(3)
    p, names = rng.random(500), rng.integers(0, 40, 500).astype(str)
    truth = rng.random(500) < p**2
    bootstrap = Bootstrap(names, draws=5, seed=1)
    found = bootstrap.calibration_error(p - truth, bin_of_row(p, binning), bootstrap.patient(names))
    assert found.value == pytest.approx(expected_calibration_error(truth, p, binning))
