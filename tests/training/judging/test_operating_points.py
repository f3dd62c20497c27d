"""Thresholds by rule, against brute force."""

import numpy as np
import pytest

from ihd_core.labels import LABELS, Label
from training.judging.operating_points import operating_point, operating_points


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


def test_without_any_row_every_threshold_is_the_papers():
    truth = {level: np.zeros((0, 6), np.int8) for level in ("slice", "scan")}
    score = {level: np.zeros((0, 6), np.float32) for level in ("slice", "scan")}
    points = operating_points(truth, score)
    assert {p.threshold for levels in points.values() for labels in levels.values() for p in labels.values()} == {0.5}


def test_points_cover_every_setting_level_and_label_and_leave_out_what_nobody_knows():
    rng = np.random.default_rng(1)
    truth = {"slice": (rng.random((100, 6)) < 0.3).astype(np.int8), "scan": (rng.random((20, 6)) < 0.5).astype(np.int8)}
    truth["scan"][:5, Label.EPIDURAL.column] = -1
    score = {level: rng.random(values.shape).astype(np.float32) for level, values in truth.items()}
    points = operating_points(truth, score)
    assert {setting: set(levels) for setting, levels in points.items()} == {
        setting: {"slice", "scan"} for setting in ("screen", "confirm", "paper")
    }
    assert set(points["screen"]["scan"]) == set(LABELS)
    assert points["paper"]["scan"][Label.ANY].threshold == 0.5
    assert points["screen"]["slice"][Label.ANY].sensitivity.value >= 0.95
    assert points["confirm"]["slice"][Label.SUBDURAL].specificity.value >= 0.95
    epidural = points["screen"]["scan"][Label.EPIDURAL]
    assert epidural.positives + epidural.negatives == 15
