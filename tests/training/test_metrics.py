"""Loss and area under the curve, against scikit-learn, the paper's numbers and brute force."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import accuracy_score, log_loss, recall_score, roc_auc_score

from ihd_core.labels import LABELS, Label
from training.metrics import LABEL_WEIGHTS, auc, counts, slice_losses, weighted_log_loss

# Burduja et al. 2020, Table 1: slices of the training set, and of each label among them.
TRAINING_SLICES = 728_513
TRAINING_POSITIVES = {
    Label.ANY: 104_199,
    Label.EPIDURAL: 3_066,
    Label.INTRAPARENCHYMAL: 34_826,
    Label.INTRAVENTRICULAR: 25_381,
    Label.SUBARACHNOID: 34_431,
    Label.SUBDURAL: 45_479,
}


@pytest.mark.parametrize("seed", range(5))
def test_the_weighted_log_loss_is_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    truth, logits = rng.random((300, 6)) < 0.2, rng.normal(-1, 3, (300, 6))
    weight = np.broadcast_to([2 if label == "any" else 1 for label in LABELS], truth.shape)
    expected = log_loss(truth.ravel(), expit(logits).ravel(), sample_weight=weight.ravel())
    assert weighted_log_loss(truth, logits) == pytest.approx(expected, rel=1e-9)


def test_any_counts_twice():
    assert dict(zip(LABELS, LABEL_WEIGHTS, strict=True)) == {label: 2 if label is Label.ANY else 1 for label in LABELS}


def test_saying_half_everywhere_costs_the_logarithm_of_two():
    truth = np.random.default_rng(0).random((50, 6)) < 0.5
    assert weighted_log_loss(truth, np.zeros((50, 6))) == pytest.approx(0.6931, abs=5e-5)


def test_always_saying_the_prevalence_of_table_1_costs_02307():
    truth = np.zeros((TRAINING_SLICES, len(LABELS)), np.int8)
    for label, positives in TRAINING_POSITIVES.items():
        truth[:positives, label.column] = 1
    logits = np.broadcast_to(logit(truth.mean(axis=0)), truth.shape)
    assert weighted_log_loss(truth, logits) == pytest.approx(0.2307, abs=5e-5)


def test_a_wrong_certainty_costs_its_logit():
    truth, logits = np.ones((1, 6), np.int8), np.full((1, 6), -100, np.float32)
    assert slice_losses(truth, logits) == pytest.approx([100])


def test_the_loss_of_no_slice_is_not_a_number():
    assert np.isnan(weighted_log_loss(np.zeros((0, 6), bool), np.zeros((0, 6))))


def test_the_area_is_the_share_of_pairs_ranked_right():
    truth = np.array([1, 0, 1, 0, 0, 1], bool)
    score = np.array([0.9, 0.1, 0.4, 0.4, 0.8, 0.7])
    pairs = [(p > n) + 0.5 * (p == n) for p in score[truth] for n in score[~truth]]
    assert auc(truth, score) == pytest.approx(np.mean(pairs))


def test_the_area_is_scikit_learns():
    rng = np.random.default_rng(2)
    truth, score = rng.random(500) < 0.2, rng.integers(0, 40, 500) / 40
    assert auc(truth, score) == pytest.approx(roc_auc_score(truth, score), abs=1e-12)


def test_the_area_of_one_sided_truth_is_not_a_number():
    assert np.isnan(auc(np.zeros(3, bool), np.arange(3.0)))


def test_accuracy_sensitivity_and_specificity_are_scikit_learns():
    rng = np.random.default_rng(3)
    truth, called = rng.random(200) < 0.3, rng.random(200) < 0.4
    found = counts(truth, called)
    assert found.accuracy == accuracy_score(truth, called)
    assert found.sensitivity == recall_score(truth, called)
    assert found.specificity == recall_score(~truth, ~called)


def test_what_has_no_cases_is_not_a_number():
    found = counts(np.zeros(4, bool), np.array([1, 0, 0, 0], bool))
    assert np.isnan(found.sensitivity)
    assert found.specificity == 0.75
