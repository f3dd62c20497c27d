"""The mean of the weights, by hand, and through a fit that is stopped."""

import numpy as np
import torch

from training.fitting.weight_mean import WeightMean


def stepped(network, mean, steps):
    """The values of a weight after every step, which a generator draws."""
    rng, seen = np.random.default_rng(0), []
    for step in range(steps):
        with torch.no_grad():
            network.weight.fill_(float(rng.normal()))
        seen.append(float(network.weight[0, 0].detach()))
        mean.add(step)
    return seen


def test_it_is_the_exponential_mean_that_begins_quickly():
    network = torch.nn.Linear(1, 1)
    begun = float(network.weight[0, 0].detach())
    mean = WeightMean(network, 0.9)
    seen, expected = stepped(network, mean, 200), begun
    for step, value in enumerate(seen):
        kept = min(0.9, (1 + step) / (10 + step))
        expected = kept * expected + (1 - kept) * value
    with mean.in_place():
        assert np.isclose(float(network.weight.detach()), expected, atol=1e-5)
    assert float(network.weight.detach()) == np.float32(seen[-1])


def test_statistics_of_batch_norm_belong_to_it_and_counts_do_not():
    network = torch.nn.BatchNorm1d(2)
    mean = WeightMean(network, 0.5)
    network.train()(torch.full((4, 2), 10.0))
    mean.add(1000)
    with mean.in_place():
        assert np.allclose(network.running_mean, 0.5)  # half of the 1.0 that one batch brings
        assert int(network.num_batches_tracked) == 1
    assert np.allclose(network.running_mean, 1.0)


def test_without_a_share_there_is_none():
    network = torch.nn.Linear(1, 1)
    mean = WeightMean(network, 0.0)
    seen = stepped(network, mean, 3)
    with mean.in_place():
        assert float(network.weight.detach()) == np.float32(seen[-1])
    assert mean.values == []
