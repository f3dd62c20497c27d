from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ihd_core.engines.proof import EXACT, ROUNDED, Bounds, Distance, distance, furthest, sample_pictures
from ihd_core.networks.network import CnnOutput
from tests.ihd_core.toy import toy_info

HEAD = torch.nn.Linear(2, 6)
with torch.no_grad():
    HEAD.weight.copy_(torch.tensor([[1.0, 0], [0, 1], [1, 1], [2, 0], [0, 2], [3, 1]]))


def output(logits=0.0, activations=1.0):
    return CnnOutput(torch.full((1, 6), logits), torch.ones(1, 2), torch.full((1, 2, 4, 4), activations))


def test_the_distance_in_probability_is_that_of_the_sigmoids():
    # 1 / (1 + exp(-1)) is 0.7310586.
    assert distance(output(1.0), output(0.0), HEAD).probability == pytest.approx(0.2310586)


def test_the_distance_in_heatmaps_is_a_share_of_each_labels_peak():
    changed = output()
    changed.activations[0, 0, 2, 3] = 1.5  # label 0, of weight 1: from 1 to 1.5; label 5, of 3 and 1: from 4 to 5.5
    assert distance(changed, output(), HEAD).heatmap == pytest.approx(0.5)


def test_maps_of_another_size_are_infinitely_far():
    other = output()._replace(activations=torch.ones(1, 2, 8, 8))
    assert math.isinf(distance(other, output(), HEAD).heatmap)


def test_what_is_no_number_is_refused_whatever_the_rest_says():
    for which in ("logits", "activations"):
        broken = output()
        getattr(broken, which)[0, 1] = float("nan")
        found = furthest([Distance(0, 0), distance(broken, output(), HEAD), Distance(0, 0)])
        assert found.beyond(Bounds(1, 1)) == "gives values that are no finite numbers"


def test_a_line_names_the_figure_and_its_limit():
    assert Distance(0.0312, 0).beyond(ROUNDED) == "strays by 0.031 in probability (limit 0.02)"
    assert Distance(0, 0.2).beyond(ROUNDED) == "strays by 0.2 of the peak in heatmaps (limit 0.05)"
    assert Distance(0.0011, 0).beyond(EXACT) == "strays by 0.0011 in probability (limit 0.001)"
    assert Distance(0.0009, 0.0009).beyond(EXACT) == ""


@pytest.mark.parametrize(("neighbours", "channels"), [(0, 3), (1, 9)])
def test_samples_are_slices_of_a_head_as_the_model_takes_them(neighbours, channels):
    samples = sample_pictures(toy_info(neighbours=neighbours, side=64))
    assert samples.shape[1:] == (channels, 64, 64)
    assert samples.dtype == np.float32
    assert (samples.min(), samples.max()) == (0, 1)
    brain = samples[:, 0, 24:40, 24:40]  # the window of 0 to 80 HU in the middle of the head
    assert 0.2 < float(brain.mean()) < 0.8
    assert np.array_equal(samples, sample_pictures(toy_info(neighbours=neighbours, side=64)))
