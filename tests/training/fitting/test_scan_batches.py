"""Scans reach the BiLSTM whole, each once, whatever they are batched with."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ihd_core.networks.network import Reduction
from tests.training.fitting.embedded_scans import embedded
from training.fitting.scan_batches import ScanReader, epoch_batches, steady_batches

LENGTHS = st.lists(st.integers(1, 600), min_size=1, max_size=60).map(lambda found: np.array(found, np.intp))


@given(LENGTHS, st.integers(1, 9), st.integers(0, 99))
def test_an_epoch_sees_every_scan_asked_for_once(lengths, size, seed):
    asked = np.arange(0, len(lengths), 2)
    batches = epoch_batches(asked, lengths, size, np.random.default_rng(seed))
    assert sorted(np.concatenate(batches).tolist()) == asked.tolist()
    assert max(map(len, batches)) <= size
    assert len(batches) == -(-len(asked) // size)


@given(LENGTHS)
def test_reading_sees_every_scan_once_in_batches_that_fit_into_memory(lengths):
    batches = list(steady_batches(np.arange(len(lengths)), lengths))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert all(len(some) * lengths[some].max() <= 4096 or len(some) == 1 for some in batches)


def test_little_is_filled_up_and_epochs_differ():
    lengths = np.random.default_rng(0).integers(20, 60, 500)
    scans, rng = np.arange(500), np.random.default_rng(1)
    batches = epoch_batches(scans, lengths, 8, rng)
    padded = sum(len(some) * lengths[some].max() for some in batches)
    assert padded < 1.05 * lengths.sum()
    means = [lengths[some].mean() for some in batches]
    assert abs(np.corrcoef(np.arange(len(means)), means)[0, 1]) < 0.3, "not from short to long"
    other = epoch_batches(scans, lengths, 8, rng)
    assert {tuple(sorted(some)) for some in batches} != {tuple(sorted(some)) for some in other}


@pytest.mark.parametrize("scans", [[0], [3, 1], [4, 0, 2, 1, 3]])
def test_a_batch_holds_whole_scans_in_the_order_asked_for(scans):
    lengths = [5, 1, 12, 7, 2]
    table, embeddings = embedded(lengths)
    reduction = Reduction(torch.rand(8), torch.randn(3, 8))
    reader = ScanReader.of(table, embeddings, reduction)
    batch = reader.batch(np.array(scans), torch.device("cpu"))
    assert batch.lengths.tolist() == [lengths[scan] for scan in scans]
    for place, scan in enumerate(scans):
        first, count = sum(lengths[:scan]), lengths[scan]
        rows = slice(first, first + count)
        assert batch.rows[place].tolist() == [*range(first, first + count)] + [-1] * (batch.rows.shape[1] - count)
        wanted = (embeddings.pooled[rows] - reduction.mean.numpy()) @ reduction.components.numpy().T
        np.testing.assert_allclose(batch.features[place, :count], wanted, atol=1e-5)
        np.testing.assert_allclose(
            batch.probabilities[place, :count], 1 / (1 + np.exp(-embeddings.logits[rows])), atol=1e-6
        )
        np.testing.assert_array_equal(batch.truth[place, :count], table.truth[rows])
        assert not batch.features[place, count:].any()


def test_scans_that_have_any_of_some_rows():
    table, embeddings = embedded([2, 3, 1, 4])
    reader = ScanReader.of(table, embeddings, Reduction.selection([0], 8))
    rows = np.zeros(10, bool)
    rows[[1, 5]] = True
    assert reader.scans_with(rows).tolist() == [0, 2]
