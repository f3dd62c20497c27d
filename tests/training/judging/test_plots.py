"""Curves against scikit-learn, and that a picture is drawn where there is little to draw."""

import cv2
import numpy as np
import pytest
from sklearn import metrics

from training.judging.plots import reliability_plot, roc_curve, roc_plot


@pytest.mark.parametrize("steps", [5, 1000])
def test_the_curve_is_scikit_learns(steps):
    rng = np.random.default_rng(0)
    truth, score = rng.random(400) < 0.2, rng.integers(0, steps, 400) / steps
    x, y = roc_curve(truth, score)
    wrong, right, _ = metrics.roc_curve(truth, score, drop_intermediate=False)
    assert x == pytest.approx(wrong)
    assert y == pytest.approx(right)


def test_a_long_curve_is_thinned_without_being_seen():
    rng = np.random.default_rng(1)
    truth = rng.random(100_000) < 0.002
    score = rng.normal(truth * 2, 1)
    x, y = roc_curve(truth, score)
    assert len(x) <= 2000
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(y, x) == pytest.approx(metrics.roc_auc_score(truth, score), abs=0.002)


def test_labels_without_cases_and_levels_without_rows_are_drawn_empty():
    truth = {"slice": np.zeros((12, 6), np.int8), "scan": np.full((2, 6), -1, np.int8)}
    score = {level: np.full(values.shape, 0.25, np.float32) for level, values in truth.items()}
    for content in (reliability_plot(truth, score, "CNN"), roc_plot(truth, {"CNN": score})):
        assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).shape[1] > 900
