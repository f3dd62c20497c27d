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


def test_a_label_that_is_not_known_adds_nothing_and_teaches_nothing():
    rng = torch.Generator().manual_seed(3)
    logits, truth = torch.randn(6, 6, generator=rng), torch.randint(0, 2, (6, 6), generator=rng).float()
    open_ones = [(0, 4), (0, 5), (3, 5)]
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    weight = torch.tensor([1.0, 1, 1, 1, 1, 2])
    expected = sum(float(each[n, k] * weight[k]) for n in range(6) for k in range(6) if (n, k) not in open_ones)
    for n, k in open_ones:
        truth[n, k] = -1
    found = label_loss(logits.requires_grad_(), truth, 2.0)
    assert np.isclose(float(found.detach()), expected / 6 / 7)
    found.backward()
    assert [(n, k) for n in range(6) for k in range(6) if logits.grad[n, k] == 0] == open_ones


def test_a_mean_over_halves_is_the_mean_over_all():
    """What several processes average is what one would have computed."""
    rng = torch.Generator().manual_seed(0)
    marked, cells = torch.randn(8, 5, 3, 3, generator=rng), torch.rand(8, 5, 3, 3, generator=rng)
    known = torch.tensor([True, True, True, False, False, True, False, False])
    truth = torch.randint(-1, 2, (8, 6), generator=rng)
    halves = [mask_loss(marked[part], cells[part], truth[part], known[part]) for part in (slice(0, 4), slice(4, 8))]
    assert torch.isclose(sum(halves) / 2, mask_loss(marked, cells, truth, known))


def test_marks_are_judged_cell_by_cell():
    rng = np.random.default_rng(1)
    marked, cells = rng.normal(size=(3, 5, 2, 2)), rng.choice([0, 0.1, 0.25, 1.0], (3, 5, 2, 2))
    known, truth = np.array([True, False, True]), np.zeros((3, 6))
    truth[0, 1], truth[2, 5] = -1, -1  # of the second, any, the cells say nothing
    total = 0.0
    for n, logit in np.ndenumerate(marked):
        target = min(1.0, 4 * cells[n])
        entropy = np.log1p(np.exp(-logit)) * target + np.log1p(np.exp(logit)) * (1 - target)
        total += known[n[0]] * (n[:2] != (0, 1)) * entropy * (1 + 15 * target)
    found = mask_loss(*(torch.from_numpy(one) for one in (marked, cells, truth, known)))
    assert np.isclose(float(found), total / marked.size)
