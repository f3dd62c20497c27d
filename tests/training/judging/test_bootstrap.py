"""Draws of patients, against drawing rows by hand."""

import numpy as np
import pytest
from scipy.special import expit

from training.judging.bootstrap import Bootstrap, Drawn
from training.judging.calibration import bin_of_row
from training.metrics import auc, counts, weighted_log_loss


@pytest.fixture
def cases():
    """Slices of 12 patients of very different lengths, with ties among the scores."""
    rng = np.random.default_rng(4)
    names = np.repeat([f"P{i}" for i in range(12)], rng.integers(1, 30, 12))
    order = rng.permutation(len(names))
    truth = rng.random((len(names), 6)) < 0.3
    logits = np.round(rng.normal(0, 1, truth.shape) + truth, 1)
    return names[order], truth, logits


def rows_of_draws(bootstrap, names):
    """The rows of every draw, repeated as often as their patient was drawn."""
    for times in bootstrap.times:
        yield np.concatenate(
            [
                np.repeat(np.flatnonzero(names == name), count)
                for name, count in zip(bootstrap.names, times, strict=True)
            ]
        )


def test_a_draw_has_as_many_patients_as_there_are(cases):
    bootstrap = Bootstrap(cases[0], draws=200, seed=1)
    assert bootstrap.times.sum(axis=1).tolist() == [12] * 200
    # With replacement: a patient is missing from a draw with probability (11/12)^12.
    assert (bootstrap.times == 0).mean() == pytest.approx((11 / 12) ** 12, abs=0.03)


def test_the_same_patients_and_seed_give_the_same_draws_in_any_order(cases):
    one = Bootstrap(cases[0], draws=20, seed=1)
    assert np.array_equal(one.times, Bootstrap(cases[0][::-1], draws=20, seed=1).times)
    assert not np.array_equal(one.times, Bootstrap(cases[0], draws=20, seed=2).times)


def test_every_statistic_is_that_of_the_rows_drawn(cases):
    names, truth, logits = cases
    bootstrap = Bootstrap(names, draws=30, seed=3)
    patient, yes, p = bootstrap.patient(names), truth[:, 0], expit(logits[:, 0])
    bins = bin_of_row(p, "equal mass", 5)
    found = {
        "loss": bootstrap.log_loss(truth, logits, patient),
        "area": bootstrap.area(yes, p, patient),
        "error": bootstrap.calibration_error(p - yes, bins, patient),
    } | dict(zip(("accuracy", "sensitivity", "specificity"), bootstrap.rates(yes, p > 0.5, patient), strict=True))
    for draw, rows in enumerate(rows_of_draws(bootstrap, names)):
        by_hand = counts(yes[rows], p[rows] > 0.5)
        gaps = [abs((p - yes)[rows][bins[rows] == one].sum()) for one in range(5)]
        expected = {
            "loss": weighted_log_loss(truth[rows], logits[rows]),
            "area": auc(yes[rows], p[rows]),
            "error": sum(gaps) / len(rows),
            "accuracy": by_hand.accuracy,
            "sensitivity": by_hand.sensitivity,
            "specificity": by_hand.specificity,
        }
        assert {name: drawn.draws[draw] for name, drawn in found.items()} == pytest.approx(expected, rel=1e-12)


def test_rows_of_one_patient_make_the_interval_no_narrower():
    rng = np.random.default_rng(0)
    truth = rng.random(30) < 0.5
    score, names = truth + rng.normal(0, 1, 30), np.array([f"{i:02d}" for i in range(30)])
    once = Bootstrap(names, draws=200, seed=1)
    often = np.repeat(np.arange(30), 8)
    first = once.area(truth, score, np.arange(30)).estimate()
    second = Bootstrap(names[often], draws=200, seed=1).area(truth[often], score[often], often).estimate()
    assert (second.low, second.high) == pytest.approx((first.low, first.high))
    assert first.low < first.value < first.high


def test_a_paired_difference_is_surer_than_its_parts():
    rng = np.random.default_rng(5)
    hard = rng.gamma(1, 1, 400)
    bootstrap = Bootstrap(np.arange(400).astype(str), draws=300, seed=1)
    patient = bootstrap.patient(np.arange(400).astype(str))
    one, other = bootstrap.mean(hard, patient), bootstrap.mean(hard + rng.normal(0.05, 0.05, 400), patient)
    difference = other.minus(one).estimate()
    assert difference.value == pytest.approx(0.05, abs=0.01)
    assert difference.low > 0.03
    assert one.estimate().high - one.estimate().low > 5 * (difference.high - difference.low)


def test_the_interval_of_a_mean_is_about_what_theory_says():
    rng = np.random.default_rng(6)
    values, names = rng.normal(0, 1, 900), np.arange(900).astype(str)
    bootstrap = Bootstrap(names, draws=1000, seed=1)
    found = bootstrap.mean(values, bootstrap.patient(names)).estimate()
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * values.std() / 30, rel=0.1)


def test_draws_without_positives_are_left_out():
    found = Drawn(0.5, np.array([np.nan, 0.4, 0.6, np.nan]), "m").estimate()
    assert 0.4 <= found.low < found.high <= 0.6


def test_what_is_not_defined_has_no_estimate():
    names = np.array(["A", "B", "B"])
    bootstrap = Bootstrap(names, draws=10, seed=1)
    none = np.zeros(3, bool)
    assert bootstrap.area(none, np.arange(3.0), bootstrap.patient(names)).estimate() is None
    assert bootstrap.rates(none, none, bootstrap.patient(names))[1].estimate() is None


def test_a_difference_of_other_draws_is_refused():
    with pytest.raises(ValueError, match="same draws"):
        Drawn(1, np.zeros(2), "over 3 patients").minus(Drawn(1, np.zeros(2), "over 4 patients"))
