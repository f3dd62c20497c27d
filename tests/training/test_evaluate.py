"""Accuracy and operating points, against hand-sized examples and brute force."""

import numpy as np
import pytest

from ihd_core.labels import LABELS, Label
from training.evaluate import at_both_levels, auc, auc_over_scans, operating_point, operating_points, per_scan, table


def test_the_area_is_the_share_of_pairs_ranked_right():
    truth = np.array([1, 0, 1, 0, 0, 1], bool)
    score = np.array([0.9, 0.1, 0.4, 0.4, 0.8, 0.7])
    pairs = [(p > n) + 0.5 * (p == n) for p in score[truth] for n in score[~truth]]
    assert auc(truth, score) == pytest.approx(np.mean(pairs))


def test_the_area_is_scikit_learns():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(2)
    truth, score = rng.random(500) < 0.2, rng.integers(0, 40, 500) / 40
    assert auc(truth, score) == pytest.approx(roc_auc_score(truth, score), abs=1e-12)


def test_the_area_of_one_sided_truth_is_not_a_number():
    assert np.isnan(auc(np.zeros(3, bool), np.arange(3.0)))


def test_a_scan_scores_the_maximum_of_its_slices():
    values = np.array([[0.1, 0.5], [0.3, 0.2], [0.9, 0.0]], np.float32)
    assert per_scan(values, np.array([4, 4, 7])).tolist() == [[np.float32(0.3), 0.5], [np.float32(0.9), 0.0]]


def test_the_interval_draws_scans_and_not_slices():
    rng = np.random.default_rng(0)
    truth_of_scan = rng.random(30) < 0.5
    score_of_scan = truth_of_scan + rng.normal(0, 1, 30)
    once = auc_over_scans(truth_of_scan, score_of_scan, np.arange(30))
    repeated = auc_over_scans(np.repeat(truth_of_scan, 8), np.repeat(score_of_scan, 8), np.repeat(np.arange(30), 8))
    assert (repeated.low, repeated.high) == pytest.approx((once.low, once.high))
    assert once.low < once.value < once.high


@pytest.mark.parametrize("count", [20, 21, 39, 40, 41, 100])
def test_screening_misses_at_most_one_in_twenty(count):
    rng = np.random.default_rng(count)
    score = rng.random(count + 50).astype(np.float32)
    truth = np.arange(count + 50) < count
    point = operating_point(truth, score, rule="sensitive")
    assert (score[truth] > point.threshold).mean() >= 0.95
    higher = score[truth][score[truth] > point.threshold].min()
    assert (score[truth] > higher).mean() < 0.95, "a higher threshold would have done"


@pytest.mark.parametrize("count", [20, 21, 40, 99])
def test_confirming_calls_at_most_one_in_twenty_wrongly(count):
    rng = np.random.default_rng(count)
    score = rng.random(count + 50).astype(np.float32)
    truth = np.arange(count + 50) >= count
    point = operating_point(truth, score, rule="specific")
    assert (score[~truth] <= point.threshold).mean() >= 0.95
    lower = np.nextafter(np.float32(point.threshold), np.float32(0))
    assert (score[~truth] <= lower).mean() < 0.95, "a lower threshold would have done"


def test_an_operating_point_counts_what_it_reaches():
    truth = np.array([1, 1, 1, 0, 0], bool)
    point = operating_point(truth, np.array([0.9, 0.6, 0.2, 0.7, 0.1]), rule="half")
    assert point.threshold == 0.5
    assert (point.positives, point.negatives) == (3, 2)
    assert point.sensitivity.value == pytest.approx(2 / 3)
    assert point.specificity.value == pytest.approx(1 / 2)


def test_the_balanced_point_is_the_best_of_all_thresholds():
    rng = np.random.default_rng(7)
    truth = rng.random(200) < 0.3
    score = (rng.random(200) + 0.4 * truth).astype(np.float32)
    point = operating_point(truth, score, rule="balanced")

    def worth(threshold):
        return (score[truth] > threshold).mean() + (score[~truth] <= threshold).mean()

    assert worth(point.threshold) == pytest.approx(max(worth(t) for t in score))
    assert worth(point.threshold) == pytest.approx(point.sensitivity.value + point.specificity.value)


def test_a_label_that_never_occurs_has_no_sensitivity():
    point = operating_point(np.zeros(4, bool), np.array([0.1, 0.2, 0.3, 0.4]), rule="sensitive")
    assert point.threshold == 0.5
    assert point.sensitivity is None
    assert point.specificity.value == 1


def test_points_and_table_cover_every_level_and_label():
    rng = np.random.default_rng(1)
    scan = np.repeat(np.arange(20), 5)
    truth = at_both_levels((rng.random((100, len(LABELS))) < 0.3), scan)
    score = at_both_levels(rng.random((100, len(LABELS))).astype(np.float32), scan)
    points = operating_points(truth, score)
    assert set(points) == {"screen", "confirm", "paper"}
    assert points["paper"]["scan"][Label.ANY].threshold == 0.5
    rows = table(truth, score, scan, lambda level, label: points["screen"][level][label].threshold)
    assert [(row["level"], row["label"]) for row in rows] == [(v, label) for v in ("slice", "scan") for label in LABELS]
    assert all(row["positives"] + row["negatives"] == (100 if row["level"] == "slice" else 20) for row in rows)
