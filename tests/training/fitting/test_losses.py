"""Losses by hand, and from scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from ihd_core.labels import LABELS, Label
from training.fitting.losses import label_loss, mask_loss


@pytest.mark.parametrize("any_weight", [1.0, 2.0])
def test_the_loss_of_the_labels_is_scikit_learns_weighted_log_loss(any_weight):
    rng = np.random.default_rng(0)
    logits, truth = rng.normal(0, 2, (50, 6)), rng.integers(0, 2, (50, 6))
    weight = [any_weight if label is Label.ANY else 1.0 for label in LABELS]
    expected = log_loss(truth.ravel(), 1 / (1 + np.exp(-logits.ravel())), sample_weight=np.tile(weight, 50))
    found = label_loss(torch.from_numpy(logits), torch.from_numpy(truth).double(), any_weight)
    assert np.isclose(float(found), expected)


def test_a_mean_over_halves_is_the_mean_over_all():
    """What several processes average is what one would have computed."""
    rng = torch.Generator().manual_seed(0)
    marked, cells = torch.randn(8, 5, 3, 3, generator=rng), torch.rand(8, 5, 3, 3, generator=rng)
    known = torch.tensor([True, True, True, False, False, True, False, False])
    halves = [mask_loss(marked[part], cells[part], known[part]) for part in (slice(0, 4), slice(4, 8))]
    assert torch.isclose(sum(halves) / 2, mask_loss(marked, cells, known))


def test_marks_are_judged_cell_by_cell():
    rng = np.random.default_rng(1)
    marked, cells = rng.normal(size=(3, 5, 2, 2)), rng.choice([0, 0.1, 0.25, 1.0], (3, 5, 2, 2))
    known = np.array([True, False, True])
    total = 0.0
    for n, logit in np.ndenumerate(marked):
        target = min(1.0, 4 * cells[n])
        entropy = np.log1p(np.exp(-logit)) * target + np.log1p(np.exp(logit)) * (1 - target)
        total += known[n[0]] * entropy * (1 + 15 * target)
    found = mask_loss(*(torch.from_numpy(one) for one in (marked, cells, known)))
    assert np.isclose(float(found), total / marked.size)
