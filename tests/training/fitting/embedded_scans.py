"""Scans of random features, some of which tell of hemorrhage, as the slice network would leave them."""

import itertools

import numpy as np

from ihd_core.labels import LABELS, Label
from training.data.slice_table import SliceTable
from training.fitting.features import Embeddings


def embedded(lengths, width=8, seed=0):
    """A table of scans of these lengths, and embeddings of its slices whose first features follow the truth.

    The CNN's logits miss a third of what is there; neighbouring slices agree, so that reading along a scan helps.
    """
    rng = np.random.default_rng(seed)
    count = sum(lengths)
    scans = np.repeat([f"scan{number:04d}" for number in range(len(lengths))], lengths)
    names = np.array([f"ID_{row:09d}" for row in range(count)])
    truth = np.zeros((count, len(LABELS)), np.int8)
    starts = np.cumsum([0, *lengths])
    for first, last in itertools.pairwise(starts):
        if rng.random() < 0.5:
            low, high = sorted(rng.integers(first, last + 1, 2))
            truth[low:high, [rng.integers(0, 5), Label.ANY.column]] = 1
    pooled = rng.normal(0, 1, (count, width)).astype(np.float32)
    pooled[:, : min(6, width)] += 2 * truth[:, : min(6, width)]
    seen = truth * (rng.random((count, 1)) > 1 / 3)
    logits = (rng.normal(-2, 1, truth.shape) + 3 * seen).astype(np.float32)
    heights = np.concatenate([5.0 * np.arange(length) for length in lengths])
    table = SliceTable(names, names, scans, scans, scans, scans, heights, truth, truth.copy())
    return table, Embeddings(logits, pooled, np.maximum(logits, 0))
