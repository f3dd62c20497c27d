"""Rows that were interrupted while they were written are never taken for done."""

import numpy as np
import pytest

from ihd_core.errors import FileError
from training.fitting.row_files import RowFiles

COLUMNS = {"few": 2, "many": 7}


def rows_of(start, stop):
    """Numbers that tell where they belong, (rows, columns) of each file."""
    return {
        name: (np.arange(start, stop)[:, None] * 10 + np.arange(columns)).astype(np.float32)
        for name, columns in COLUMNS.items()
    }


def is_whole(folder, count):
    wanted = rows_of(0, count)
    return all(np.array_equal(np.load(folder / f"{name}.npy"), wanted[name]) for name in COLUMNS)


def write(folder, count, *, stop=None, align=1, batch=4):
    """Write rows from where the files stand; returns where that was."""
    with RowFiles(folder, count, COLUMNS, align=align) as rows:
        began = rows.done
        for start in range(began, count, batch):
            if start == stop:
                raise KeyboardInterrupt
            rows.append(**rows_of(start, min(start + batch, count)))
    return began


def test_numpy_reads_what_was_written_and_can_map_it(tmp_path):
    write(tmp_path, 30)
    assert is_whole(tmp_path, 30)
    assert np.load(tmp_path / "many.npy", mmap_mode="r").shape == (30, 7)


def test_no_rows_are_a_file_too(tmp_path):
    write(tmp_path, 0)
    assert np.load(tmp_path / "many.npy").shape == (0, 7)


def test_work_goes_on_where_an_exception_ended_it(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, 30, stop=12)
    assert write(tmp_path, 30) == 12
    assert is_whole(tmp_path, 30)


def test_finished_files_are_left_alone(tmp_path):
    write(tmp_path, 30)
    assert write(tmp_path, 30, align=4) == 30
    assert is_whole(tmp_path, 30)


def test_rows_beyond_those_written_down_are_written_again(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, 30, stop=12)
    with (tmp_path / "few.npy").open("ab") as file:  # as after a kill between two files
        file.write(b"\xff" * 13)
    assert write(tmp_path, 30) == 12
    assert is_whole(tmp_path, 30)


@pytest.mark.parametrize("lost", [1, 4 * 7, 4 * 7 * 5 + 3])
def test_rows_that_the_disk_lost_are_written_again(tmp_path, lost):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, 30, stop=12)
    path = tmp_path / "many.npy"
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - lost)
    assert write(tmp_path, 30) == 12 - -(-lost // (4 * 7))
    assert is_whole(tmp_path, 30)


def test_a_file_that_is_missing_is_written_from_the_first_row(tmp_path):
    write(tmp_path, 30)
    (tmp_path / "few.npy").unlink()
    assert write(tmp_path, 30) == 0
    assert is_whole(tmp_path, 30)


def test_work_goes_on_at_the_beginning_of_a_batch(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, 30, stop=12)
    assert write(tmp_path, 30, align=8, batch=8) == 8
    assert is_whole(tmp_path, 30)


def test_rows_of_another_width_are_a_mistake(tmp_path):
    with RowFiles(tmp_path, 30, COLUMNS) as rows, pytest.raises(ValueError, match=r"few is \(3, 5\), need \(3, 2\)"):
        rows.append(few=np.zeros((3, 5), np.float32), many=np.zeros((3, 7), np.float32))


def test_a_full_disk_is_named_and_leaves_what_is_whole(tmp_path):
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    count = 3000  # of 28 bytes in the larger file: more than its buffer holds
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limits[1]))
        with pytest.raises(FileError, match="cannot be written"):
            write(tmp_path, count)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, heard)
    assert 0 < write(tmp_path, count) < 40_000 // 28
    assert is_whole(tmp_path, count)
