"""The table of slices comes back from its file as it was."""

import numpy as np
import pytest

from ihd_core.errors import FileError
from training.data.slice_table import UNKNOWN, SliceTable, read_table, write_table


def table():
    texts = [np.array([f"{name}{i // 2}" for i in range(5)]) for name in ("patient", "study", "series", "scan")]
    truth = np.zeros((5, 6), np.int8)
    truth[1, 3] = truth[1, 5] = 1
    truth[4] = UNKNOWN
    ids, files = np.array([f"ID_{i}" for i in range(5)]), np.array([f"a, b/{i}.dcm" for i in range(5)])
    heights = np.array([0.1, 5.1, 1 / 3, 2.0, -7.25])
    return SliceTable(ids, files, *texts, heights, truth, np.maximum(truth, 0))


def test_a_table_survives_its_file(tmp_path):
    write_table(tmp_path / "slices.csv", table())
    read = read_table(tmp_path / "slices.csv")
    for name in SliceTable.__slots__:
        np.testing.assert_array_equal(getattr(read, name), getattr(table(), name))


def test_an_empty_table_survives_its_file(tmp_path):
    empty = table().rows(np.zeros(5, bool))
    write_table(tmp_path / "slices.csv", empty)
    read = read_table(tmp_path / "slices.csv")
    assert len(read) == 0
    assert read.truth.shape == (0, 6)
    assert len(read.scan_starts()) == 0


def test_scans_are_runs_of_rows():
    assert table().scan_starts().tolist() == [0, 2, 4]
    assert table().scan_of_row().tolist() == [0, 0, 1, 1, 2]


def test_a_row_with_an_unknown_label_is_not_labelled():
    assert table().is_labelled().tolist() == [True, True, True, True, False]


def test_a_row_has_labels_as_long_as_one_is_known():
    found = table()
    found.truth[0, 1:] = UNKNOWN
    found.truth[1] = UNKNOWN
    assert found.has_labels()[:2].tolist() == [True, False]
    assert found.is_labelled()[:2].tolist() == [False, False]


def test_joined_rows_have_what_one_has_lack_what_all_lack_and_know_nothing_else():
    found = table()
    found.truth[0] = [0, 0, 1, 1, UNKNOWN, 1]
    found.truth[1] = [0, UNKNOWN, UNKNOWN, 0, UNKNOWN, 1]
    found.heights_mm[:2] = [3.0, 4.0]
    joined = found.joined([np.array([0, 1]), np.array([2]), np.array([3])])
    assert joined.ids.tolist() == ["ID_1", "ID_2", "ID_3"]
    assert joined.truth[0].tolist() == [0, UNKNOWN, 1, 1, UNKNOWN, 1]
    np.testing.assert_array_equal(joined.truth[1:], found.truth[2:4])
    assert joined.heights_mm[0] == 3.5
    np.testing.assert_array_equal(joined.scan_truth, found.scan_truth[[1, 2, 3]])
    assert joined.scan_starts().tolist() == [0, 1]


def test_rows_come_in_the_order_asked_for():
    assert table().rows(np.array([3, 1])).ids.tolist() == ["ID_3", "ID_1"]


@pytest.mark.parametrize(
    "damage", [lambda text: "", lambda text: "a,b\n1,2\n", lambda text: text.replace("5.1", "high")]
)
def test_a_file_that_is_no_such_table_is_refused(tmp_path, damage):
    path = tmp_path / "slices.csv"
    write_table(path, table())
    path.write_text(damage(path.read_text()))
    with pytest.raises(FileError, match=r"slices\.csv: not a table of slices"):
        read_table(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileError, match=r"none\.csv"):
        read_table(tmp_path / "none.csv")
