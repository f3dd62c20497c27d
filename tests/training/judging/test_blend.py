"""The share of the CNN, against a fine grid and teachers whose worth is chosen."""

import numpy as np
import pytest

from ihd_core.labels import LABELS, Label
from training.judging.blend import blended, fit_blend
from training.metrics import label_losses


@pytest.fixture
def teachers():
    """Truth drawn from a logit that the CNN sees with much and the BiLSTM with little noise."""
    rng = np.random.default_rng(0)
    logit = rng.normal(-1, 2, (4000, 6))
    truth = rng.random(logit.shape) < 1 / (1 + np.exp(-logit))
    cnn, sequence = (logit + rng.normal(0, noise, logit.shape) for noise in (2, 1))
    return truth, cnn.astype(np.float32), sequence.astype(np.float32)


def test_the_share_is_the_best_of_a_fine_grid(teachers):
    truth, cnn, sequence = teachers
    shares = fit_blend(truth, cnn, sequence)
    grid = np.linspace(0, 1, 201)
    for label in LABELS:
        column = label.column
        losses = [
            label_losses(truth[:, column], g * cnn[:, column] + (1 - g) * sequence[:, column]).mean() for g in grid
        ]
        assert shares[label] == pytest.approx(grid[np.argmin(losses)], abs=0.006)
        assert 0.05 < shares[label] < 0.5, "the surer teacher has the larger share, the other has some"


def test_what_only_disturbs_gets_nothing_and_what_alone_knows_gets_all(teachers):
    truth, cnn, _ = teachers
    noise = np.random.default_rng(1).normal(0, 4, cnn.shape).astype(np.float32)
    right = (truth * 2 - 1).astype(np.float32)
    assert set(fit_blend(truth, noise, right).values()) == {0.0}
    assert set(fit_blend(truth, right, noise).values()) == {1.0}


def test_a_rare_label_keeps_the_bilstm(teachers):
    truth, cnn, sequence = teachers
    truth = truth.copy()
    truth[np.flatnonzero(truth[:, 0])[9:], 0] = False
    shares = fit_blend(truth, cnn, sequence)
    assert shares[Label.EPIDURAL] == 0
    assert shares[Label.ANY] > 0


def test_logits_are_mixed_label_by_label():
    cnn, sequence = np.full((2, 6), 4, np.float32), np.zeros((2, 6), np.float32)
    mixed = blended({Label.ANY: 0.25}, cnn, sequence)
    assert mixed.tolist() == [[0, 0, 0, 0, 0, 1]] * 2
    assert mixed.dtype == np.float32
