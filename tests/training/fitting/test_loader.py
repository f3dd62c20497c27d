"""What a slice becomes depends on its place in the epoch alone."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from ihd_core.labels import SUBTYPES, Label
from ihd_core.model_input import Cells, channels
from tests.training.fitting.bright_spots import BrightSpots
from training.config import CnnConfig
from training.fitting.loader import Loader, epoch_rows, windowed
from training.fitting.localised import MapCells

NUMBERS = CnnConfig(batch=6, noise_hu=2.0)
KEY = (1, 0, 0)


def loaded(source, numbers=NUMBERS, threads=2, key=KEY, **part):
    to_map = MapCells.of(Cells(7.5, 16), source.side)
    rows = epoch_rows(np.arange(len(source.table)), source.table, numbers, key)
    return list(Loader(source, numbers, to_map, threads).batches(rows, key, **part))


def joined(batches):
    return [torch.cat(parts) for parts in zip(*batches, strict=True)]


@pytest.mark.parametrize("augmentation", ["before", "after"])
def test_batches_depend_neither_on_threads_nor_on_processes_nor_on_where_one_begins(augmentation):
    source, numbers = BrightSpots(), replace(NUMBERS, augmentation=augmentation)
    alone = loaded(source, numbers, threads=1)
    for other in (
        loaded(source, numbers, threads=5),
        loaded(source, numbers, first=0)[:2] + loaded(source, numbers, first=2),
        [
            type(alone[0])(*joined(parts))
            for parts in zip(
                loaded(source, numbers, share=slice(0, 2)), loaded(source, numbers, share=slice(2, 6)), strict=True
            )
        ],
    ):
        for one, two in zip(joined(alone), joined(other), strict=True):
            assert torch.equal(one, two)


def test_another_epoch_brings_other_changes_in_another_order():
    source = BrightSpots()
    first, second = joined(loaded(source)), joined(loaded(source, key=(1, 0, 1)))
    assert not torch.equal(first[1], second[1])
    same = BrightSpots(count=1)
    same_rows = [loaded(same, key=(1, 0, epoch))[0].pictures[0] for epoch in range(2)]
    assert not torch.equal(*same_rows)


def test_one_slice_drawn_twice_is_changed_twice():
    batch = loaded(BrightSpots(count=1))[0]
    assert not torch.equal(batch.pictures[0], batch.pictures[1])


def test_every_slice_is_shown_once_and_the_last_step_filled_up():
    source = BrightSpots(count=20)
    rows = epoch_rows(np.arange(20), source.table, NUMBERS, KEY)
    assert rows.shape == (4, 6)
    assert sorted(rows.ravel()[:20]) == list(range(20))
    assert rows.ravel()[20:].tolist() == rows.ravel()[:4].tolist()


def test_slices_with_hemorrhage_are_drawn_as_often_as_asked():
    source = BrightSpots(count=100)
    numbers = replace(NUMBERS, slices_per_epoch=6000, positive_weight=3.0)
    rows = epoch_rows(np.arange(100), source.table, numbers, KEY)
    assert rows.shape == (1000, 6)
    assert np.isclose(source.table.truth[rows, Label.ANY.column].mean(), 0.75, atol=0.02)


def test_a_rare_subtype_is_drawn_more_often():
    """Nine slices with one subtype and one with another, of a weight of the root of nine."""
    source = BrightSpots(count=20)
    positives = np.arange(0, 20, 2)
    subtypes = [label.column for label in SUBTYPES]
    source.table.truth[np.ix_(positives, subtypes)] = 0
    source.table.truth[positives[:9], subtypes[0]] = 1
    source.table.truth[positives[9], subtypes[1]] = 1
    numbers = replace(NUMBERS, slices_per_epoch=6000, positive_weight=2.0, rare_weight=0.5)
    drawn = source.table.truth[epoch_rows(np.arange(20), source.table, numbers, KEY).ravel()]
    assert np.isclose(drawn[:, subtypes[0]].sum() / drawn[:, subtypes[1]].sum(), 3, rtol=0.1)
    assert np.isclose(drawn[:, Label.ANY.column].mean(), 24 / 34, atol=0.02)


def test_windows_are_those_of_the_program():
    hu = np.random.default_rng(0).integers(-1024, 3000, (2, 3, 16, 16)).astype(np.int16)
    expected = np.stack([np.concatenate([channels(one) for one in slices]) for slices in hu])
    assert np.array_equal(windowed(torch.from_numpy(hu)).numpy(), expected)


def test_pictures_come_with_their_truth_cells_and_neighbours():
    source = BrightSpots()
    numbers = replace(NUMBERS, augmentation="none", neighbours=1)
    rows = epoch_rows(np.arange(24), source.table, numbers, KEY).ravel()
    pictures, truth, lesions, cells, known = (one.numpy() for one in joined(loaded(source, numbers)))
    assert np.array_equal(truth, source.table.truth[rows])
    assert np.array_equal(cells, source.stored_cells[rows])
    assert np.array_equal(lesions[:, :-1] > 0, cells > 0)
    assert known.all()
    for picture, row in zip(pictures, rows, strict=True):
        first, last = row // 4 * 4, row // 4 * 4 + 3  # scans of four
        expected = [row, max(row - 1, first), min(row + 1, last)]
        assert np.array_equal(picture, source.pictures[expected])


def test_cells_are_where_the_blood_of_the_changed_picture_is():
    source = BrightSpots(count=40, side=128)
    source.pictures += (source.pictures > 55).astype(np.int16) * 500
    batches = joined(loaded(source, replace(NUMBERS, noise_hu=0.0, batch=40)))
    pictures, cells = batches[0].numpy()[:, 0], batches[3].numpy().max(axis=1).astype(float)
    middles = np.arange(8) * 16 + 7.5
    distances = []
    for picture, marked in zip(pictures, cells, strict=True):
        if marked.sum() > 128:
            blood = np.argwhere(picture > 300).mean(axis=0)
            middle = [(marked.sum(axis=axis) * middles).sum() / marked.sum() for axis in (1, 0)]
            distances.append(np.abs(blood - middle).max())
    assert len(distances) > 10
    assert max(distances) < 8, "half a cell"


def test_a_slice_whose_lesions_nobody_knows_says_so():
    source = BrightSpots(count=6)
    source.cells = lambda row: None if row < 3 else source.stored_cells[row]
    batch = loaded(source)[0]
    rows = epoch_rows(np.arange(6), source.table, NUMBERS, KEY)[0]
    assert batch.known.numpy().tolist() == (rows >= 3).tolist()
    assert not batch.cells[~batch.known].any()


def test_a_picture_that_cannot_be_read_ends_the_epoch_with_its_error():
    source = BrightSpots()

    def broken(row):
        raise OSError(f"row {row}")

    source.hu = broken
    with pytest.raises(OSError, match="row"):
        loaded(source)


def test_an_epoch_left_early_leaves_no_thread_behind():
    source = BrightSpots()
    rows = epoch_rows(np.arange(24), source.table, NUMBERS, KEY)
    batches = Loader(source, NUMBERS).batches(rows, KEY)
    next(batches)
    batches.close()
    assert not [one for one in threading.enumerate() if one.name.startswith("loader")]
