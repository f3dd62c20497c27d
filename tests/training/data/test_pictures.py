"""Prepared slices as the later stages read them."""

import pickle
import shutil

import cv2
import numpy as np
import pytest

import training.data.pictures
from ihd_core.errors import FileError
from ihd_core.labels import SUBTYPES
from ihd_core.model_input import neighbours_of
from ihd_core.phantom.series_writer import write_series
from tests.training.data.indexed_run import indexed_run, slice_table
from training.data.pictures import Pictures, open_pictures
from training.data.prepare import prepare

LENGTHS = {"a": 4, "b": 1, "c": 3, "d": 2}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Ten slices in four shards, slice i of i HU; the fifth has a mask, the sixth is positive without one."""
    root = tmp_path_factory.mktemp("files")
    scans, first = {}, 0
    for name, length in LENGTHS.items():
        hu = np.broadcast_to(np.arange(first, first + length, dtype=np.int16)[:, None, None], (length, 64, 64))
        scans[name] = write_series(root / name, np.ascontiguousarray(hu))
        first += length
    truth = np.zeros((first, 6), np.int8)
    truth[[4, 5]] = [1, 0, 0, 0, 0, 1]
    table = slice_table(root, scans, truth)
    (root / "masks").mkdir()
    mask = np.zeros((64, 64), np.uint8)
    mask[:32, :32] = 1
    cv2.imwrite(str(root / "masks" / f"{table.ids[4]}.png"), mask)
    run = indexed_run(root / "run", root, table, shard_slices=1, masks=root / "masks")
    prepare(run, processes=1)
    return run


def test_a_row_of_the_table_is_its_picture(run):
    pictures = open_pictures(run)
    assert len(pictures) == len(pictures.table) == 10
    for row in (9, 0, 4, 5, 3):
        assert pictures.hu(row).dtype == np.int16
        assert (pictures.hu(row) == row).all()


def test_pictures_cannot_be_written_to(run):
    with pytest.raises(ValueError, match="read-only"):
        open_pictures(run).hu(0)[0, 0] = 1


@pytest.mark.parametrize("row", [-1, 10])
def test_a_row_that_is_not_there_is_an_error(run, row):
    with pytest.raises(IndexError):
        open_pictures(run).hu(row)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_neighbours_stay_within_the_scan_and_its_last_slice_is_repeated(run, count):
    expected, first = [], 0
    for length in LENGTHS.values():
        expected += [[first + one for one in neighbours_of(index, length, count)] for index in range(length)]
        first += length
    np.testing.assert_array_equal(open_pictures(run).neighbour_rows(count), expected)


def test_neighbours_of_the_second_of_four_slices_by_hand(run):
    assert open_pictures(run).neighbour_rows(2)[1].tolist() == [1, 0, 2, 0, 3]


def test_cells_are_shares_where_marked_zero_where_nothing_is_and_unknown_otherwise(run):
    pictures = open_pictures(run)
    marked = pictures.cells(4)
    assert marked.shape == (len(SUBTYPES), 2, 2)
    assert marked[0].tolist() == [[255, 0], [0, 0]]
    assert not marked[1:].any()
    assert pictures.cells(5) is None
    assert not pictures.cells(0).any()
    assert not pictures.cells(9).any()
    assert pictures.known_cells().tolist() == [row != 5 for row in range(10)]


def test_pictures_go_to_another_process_without_their_pixels_and_table(run):
    pictures = open_pictures(run)
    pictures.hu(3), pictures.table, pictures.cells(4)
    packed = pickle.dumps(pictures)
    assert len(packed) < 1000
    assert (pickle.loads(packed).hu(3) == 3).all()


def test_few_files_are_open_at_a_time(run, monkeypatch):
    monkeypatch.setattr(training.data.pictures, "_OPEN_FILES", 2)
    pictures = open_pictures(run)
    for row in (0, 4, 5, 8, 0, 9):
        assert (pictures.hu(row) == row).all()
    assert len(pictures._hu) == 2


def test_a_folder_without_prepared_slices_is_an_error(tmp_path):
    with pytest.raises(FileError, match=r"shards\.json"):
        Pictures(tmp_path)
    (tmp_path / "shards.json").write_text("{}")
    with pytest.raises(FileError, match="not a list of shards"):
        Pictures(tmp_path)


@pytest.mark.parametrize("cut", [4, 40, 1000])
def test_a_shard_that_lost_its_end_is_an_error(run, tmp_path, cut):
    folder = tmp_path / "slices"
    shutil.copytree(run.folder("slices"), folder)
    shard = folder / "0000.npy"
    shard.write_bytes(shard.read_bytes()[:-1000] if cut == 1000 else shard.read_bytes()[:cut])
    with pytest.raises(FileError, match=r"0000\.npy: is damaged"):
        Pictures(folder).hu(0)
