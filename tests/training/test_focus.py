"""What counts as evidence beside the hemorrhage."""

import numpy as np
import torch

from ihd_core.labels import LABELS, Label
from training.focus import evidence_beside


def test_only_positive_evidence_away_from_the_mask_counts():
    rng = np.random.default_rng(1)
    activations = rng.normal(size=(2, 3, 6, 6)).astype(np.float32)
    weight = rng.normal(size=(len(LABELS), 3)).astype(np.float32)
    cells = np.zeros((2, 5, 6, 6), np.float32)
    cells[0, Label.SUBDURAL.column, 2, 3] = 0.2
    total = 0.0
    for n in range(2):
        for label in LABELS:
            for row in range(6):
                for column in range(6):
                    near = (
                        n == 0 and label in (Label.SUBDURAL, Label.ANY) and abs(row - 2) <= 1 and abs(column - 3) <= 1
                    )
                    evidence = float(weight[label.column] @ activations[n, :, row, column]) / 36
                    total += 0.0 if near else max(evidence, 0.0)
    beside = evidence_beside(*(torch.from_numpy(array) for array in (weight, activations, cells)))
    assert np.isclose(float(beside), total / 12, rtol=1e-5)


def test_masks_finer_than_the_map_mark_the_cells_they_lie_in():
    weight = torch.ones(len(LABELS), 1)
    activations = torch.zeros(1, 1, 4, 4)
    activations[0, 0, 3, 3] = 16.0
    cells = torch.zeros(1, 5, 8, 8)
    assert np.isclose(float(evidence_beside(weight, activations, cells)), 1.0)
    cells[0, :, 7, 7] = 0.1
    assert float(evidence_beside(weight, activations, cells)) == 0
