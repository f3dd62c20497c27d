"""Evidence on and beside lesions, against loops over cells."""

import numpy as np
import torch

from ihd_core.labels import LABELS, Label
from ihd_core.model_input import Cells
from ihd_core.networks.network import SliceCnn
from training.fitting.localised import (
    MapCells,
    evidence,
    evidence_missed,
    evidence_outside,
    lesions,
)

SIZE = 6


def random_maps(count=3, seed=1):
    rng = np.random.default_rng(seed)
    cells = (rng.random((count, 5, SIZE, SIZE)) < 0.08).astype(np.uint8) * rng.integers(1, 256, dtype=np.uint8)
    truth = rng.integers(0, 2, (count, 6)).astype(np.float32)
    return rng.normal(size=(count, 6, SIZE, SIZE)).astype(np.float32), cells, truth


def tensors(maps, cells, truth, known):
    numbers = np.stack([lesions(one) for one in cells])
    return tuple(torch.from_numpy(np.asarray(one)) for one in (maps, numbers, truth, known))


def marked_cells(cells, label):
    marked = cells.max(0) if label is Label.ANY else cells[label.column]
    return [tuple(cell) for cell in np.argwhere(marked)]


def regions(cells):
    """Connected cells, corners included, by growing one after the other."""
    left, found = set(cells), []
    while left:
        region, edge = set(), [left.pop()]
        while edge:
            row, column = edge.pop()
            region.add((row, column))
            near = {(r, c) for r, c in left if abs(r - row) <= 1 and abs(c - column) <= 1}
            left -= near
            edge += near
        found.append(region)
    return found


def test_the_map_and_the_bias_are_the_logit():
    torch.manual_seed(0)
    cnn = SliceCnn("small").eval()
    with torch.no_grad():
        output = cnn(torch.rand(2, 3, 64, 64))
        maps = evidence(cnn.head.weight, output.activations)
    torch.testing.assert_close(maps.sum((2, 3)) + cnn.head.bias, output.logits, rtol=1e-4, atol=1e-5)


def test_only_positive_evidence_more_than_a_cell_away_costs():
    maps, cells, truth = random_maps()
    known = np.array([True, False, True])
    total, left_out = 0.0, 0
    for n in np.flatnonzero(known):
        for label in LABELS:
            marked = marked_cells(cells[n], label)
            if truth[n, label.column] and not marked:
                left_out += 1
                continue
            for row in range(SIZE):
                for column in range(SIZE):
                    near = any(abs(r - row) <= 1 and abs(c - column) <= 1 for r, c in marked)
                    total += 0.0 if near else max(0.0, float(maps[n, label.column, row, column]))
    found = evidence_outside(*tensors(maps, cells, truth, known))
    assert np.isclose(float(found), total / maps[:, :, 0, 0].size, rtol=1e-5)


def test_a_true_label_without_a_marked_lesion_costs_nothing():
    maps = np.ones((1, 6, SIZE, SIZE), np.float32)
    cells, truth = np.zeros((1, 5, SIZE, SIZE), np.uint8), np.zeros((1, 6), np.float32)
    all_labels = float(evidence_outside(*tensors(maps, cells, truth, [True])))
    truth[0, Label.SUBDURAL.column] = 1
    assert np.isclose(float(evidence_outside(*tensors(maps, cells, truth, [True]))), all_labels * 5 / 6)


def test_a_label_that_is_not_known_costs_nothing_on_the_map():
    maps = np.ones((1, 6, SIZE, SIZE), np.float32)
    cells, truth = np.zeros((1, 5, SIZE, SIZE), np.uint8), np.zeros((1, 6), np.float32)
    cells[0, Label.SUBDURAL.column, 0, 0] = 255
    every = tensors(maps, cells, truth, [True])
    before = float(evidence_outside(*every))
    truth[0, [Label.SUBDURAL.column, Label.EPIDURAL.column]] = -1
    found = tensors(-maps, cells, truth, [True])
    assert float(evidence_missed(*found, 1.0)) == 0
    one, with_spared = SIZE * SIZE / 6, (SIZE * SIZE - 4) / 6
    assert np.isclose(before - float(evidence_outside(*tensors(maps, cells, truth, [True]))), one + with_spared)


def test_every_lesion_of_a_true_label_owes_its_margin():
    maps, cells, truth = random_maps(4, seed=2)
    known = np.array([True, True, False, True])
    total, several = 0.0, 0
    for n in np.flatnonzero(known):
        for label in LABELS:
            found = regions(marked_cells(cells[n], label)) if truth[n, label.column] else []
            several += len(found) > 1
            total += sum(max(0.0, 0.7 - sum(float(maps[n, label.column, r, c]) for r, c in one)) for one in found)
    assert several > 3
    missed = evidence_missed(*tensors(maps, cells, truth, known), 0.7)
    assert np.isclose(float(missed), total / maps[:, :, 0, 0].size, rtol=1e-5)


def test_without_a_lesion_nothing_is_missed_and_gradients_are_zero():
    maps = torch.randn(2, 6, SIZE, SIZE, requires_grad=True)
    numbers = torch.zeros(2, 6, SIZE, SIZE, dtype=torch.int64)
    missed = evidence_missed(maps, numbers, torch.ones(2, 6), torch.ones(2, dtype=torch.bool), 1.0)
    missed.backward()
    assert float(missed.detach()) == 0
    assert not maps.grad.any()


def test_a_mean_over_halves_is_the_mean_over_all():
    """What several processes average is what one would have computed."""
    maps, cells, truth = random_maps(4, seed=3)
    everything = tensors(maps, cells, truth, np.array([True, True, False, True]))
    for loss in (evidence_outside, lambda *arrays: evidence_missed(*arrays, 1.0)):
        halves = [loss(*(one[part] for one in everything)) for part in (slice(0, 2), slice(2, 4))]
        assert torch.isclose(sum(halves) / 2, loss(*everything), rtol=1e-5)


def test_cells_go_to_the_map_cell_that_looks_at_them():
    same = MapCells.of(Cells(7.5, 16), 128)
    cells = np.random.default_rng(0).integers(0, 256, (5, 8, 8)).astype(np.uint8)
    assert np.array_equal(same(cells), cells)
    # Cells of 32 pixels centred on pixel 32 i: stored cells 0; 1, 2; 3, 4; 5, 6 and at the border 7.
    odd = MapCells.of(Cells(0.0, 32), 128)
    groups = [[0], [1, 2], [3, 4], [5, 6, 7]]
    for row, above in enumerate(groups):
        for column, beside in enumerate(groups):
            assert np.array_equal(odd(cells)[:, row, column], cells[:, above][:, :, beside].max((1, 2)))
