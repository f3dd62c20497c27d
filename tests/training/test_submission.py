"""The challenge's CSV against samples in any order, and samples that are none."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest

from ihd_core.errors import FileError
from ihd_core.labels import LABELS
from ihd_core.phantom.series_writer import write_series
from tests.training.data.indexed_run import indexed_run, slice_table
from training.data.pictures import open_pictures
from training.data.prepare import prepare
from training.submission import LEAST, submit, write_submission

NAMES = ("epidural", "intraparenchymal", "intraventricular", "subarachnoid", "subdural", "any")


@pytest.fixture
def table(tmp_path):
    paths = write_series(tmp_path / "a", np.zeros((5, 32, 32), np.int16))
    truth = np.zeros((5, 6), np.int8)
    truth[0] = [0, 0, 0, 0, 1, 1]
    return slice_table(tmp_path, {"a": paths}, truth)


@pytest.fixture
def run(tmp_path, table):
    return indexed_run(tmp_path / "run", tmp_path, table)


def sample_of(path, ids):
    path.write_text("ID,Label\n" + "".join(f"{name},0.5\n" for name in ids))
    return path


def all_ids(table):
    return [f"{name}_{label}" for name in table.ids for label in NAMES]


def read(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_every_id_stands_once_in_the_order_of_the_sample_with_its_own_probability(tmp_path, run, table):
    rng = np.random.default_rng(5)
    probabilities = rng.uniform(0.01, 0.99, (5, 6)).astype(np.float32)
    ids = list(rng.permutation(all_ids(table)))
    out = tmp_path / "out.csv"
    write_submission(run, probabilities, table, sample_of(tmp_path / "sample.csv", ids), out)
    head, *rows = read(out)
    assert head == ["ID", "Label"]
    assert [name for name, _ in rows] == ids
    for name, value in rows:
        slice_id, _, label = name.rpartition("_")
        expected = probabilities[table.ids.tolist().index(slice_id), NAMES.index(label)]
        assert float(value) == pytest.approx(float(expected), abs=1e-8)
    assert tuple(LABELS) == NAMES


def test_only_what_the_sample_asks_for_is_written(tmp_path, run, table):
    out = tmp_path / "out.csv"
    sample = sample_of(tmp_path / "sample.csv", ["a-002_any"])
    write_submission(run, np.full((5, 6), 0.25, np.float32), table, sample, out)
    assert out.read_bytes() == b"ID,Label\na-002_any,0.25\n"


def test_certainty_is_cut(tmp_path, run, table):
    probabilities = np.tile(np.array([0, 1, 0, 1, 0, 1], np.float32), (5, 1))
    out = tmp_path / "out.csv"
    write_submission(run, probabilities, table, sample_of(tmp_path / "sample.csv", all_ids(table)), out)
    values = {float(value) for _, value in read(out)[1:]}
    assert values == {LEAST, 1 - LEAST}


def test_slices_without_a_picture_are_named_and_refused(tmp_path, run, table):
    sample = sample_of(tmp_path / "sample.csv", [*all_ids(table), *(f"ID_{i}_any" for i in range(5))])
    with pytest.raises(FileError, match=r"sample\.csv: asks for .* ID_0, ID_1, ID_2 and 2 more; --fill"):
        write_submission(run, np.full((5, 6), 0.5, np.float32), table, sample, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_slices_without_a_picture_may_get_the_prevalence_and_the_log_says_so(tmp_path, run, table):
    sample = sample_of(tmp_path / "sample.csv", ["ID_x_any", "ID_x_epidural", "a-001_any"])
    write_submission(run, np.full((5, 6), 0.5, np.float32), table, sample, tmp_path / "out.csv", fill=True)
    assert [float(value) for _, value in read(tmp_path / "out.csv")[1:]] == [0.2, LEAST, 0.5]
    assert "1 slices filled with the prevalence" in (run.path / "log.txt").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "begins with ''"),
        ("id;label\n", "begins with 'id;label'"),
        ("ID,Label\n", "asks for nothing"),
        ("ID,Label\na-001_any,0.5\na-001_any,0.5\n", "row 3: a-001_any stands there twice"),
        ("ID,Label\na-001_fracture,0.5\n", "row 2 is 'a-001_fracture,0.5'"),
        ("ID,Label\nany,0.5\n", "row 2 is 'any,0.5'"),
    ],
)
def test_what_is_no_sample_is_refused(tmp_path, run, table, text, said):
    sample = tmp_path / "sample.csv"
    sample.write_text(text)
    with pytest.raises(FileError, match=f"sample.csv: {said}"):
        write_submission(run, np.full((5, 6), 0.5, np.float32), table, sample, tmp_path / "out.csv")


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.1])
def test_what_is_no_probability_is_refused(tmp_path, run, table, value):
    probabilities = np.full((5, 6), 0.5, np.float32)
    probabilities[2, 3] = value
    sample = sample_of(tmp_path / "sample.csv", all_ids(table))
    with pytest.raises(FileError, match="probabilities of a-003 are"):
        write_submission(run, probabilities, table, sample, tmp_path / "out.csv")


def test_probabilities_of_other_slices_are_refused(tmp_path, run, table):
    sample = sample_of(tmp_path / "sample.csv", all_ids(table))
    with pytest.raises(FileError, match="for 5 slices and 6 labels"):
        write_submission(run, np.full((4, 6), 0.5, np.float32), table, sample, tmp_path / "out.csv")


def test_ids_that_two_slices_share_are_refused(tmp_path, run, table):
    table.ids[1] = table.ids[0]
    sample = sample_of(tmp_path / "sample.csv", ["a-001_any"])
    with pytest.raises(FileError, match="share their id"):
        write_submission(run, np.full((5, 6), 0.5, np.float32), table, sample, tmp_path / "out.csv")


def test_a_run_submits_the_mean_of_its_folds_logits(tmp_path, table, monkeypatch):
    sample = sample_of(tmp_path / "sample.csv", ["a-004_any", "a-001_subdural"])
    run = indexed_run(tmp_path / "submitting", tmp_path, table, folds=3, sample_submission=sample)
    prepare(run, processes=1)
    logits = np.random.default_rng(1).normal(0, 2, (3, 5, 6)).astype(np.float32)
    monkeypatch.setattr("training.fitting.sequence.sequence_logits", lambda _run, fold: logits[fold])
    monkeypatch.setattr(
        "training.fitting.features.load_embeddings", lambda _run, fold: SimpleNamespace(logits=-logits[fold])
    )
    out = submit(run, tmp_path / "out.csv")
    mean = logits.mean(axis=0, dtype=np.float64)
    expected = [1 / (1 + np.exp(-mean[3, 5])), 1 / (1 + np.exp(-mean[0, 4]))]
    assert [name for name, _ in read(out)[1:]] == ["a-004_any", "a-001_subdural"]
    assert [float(value) for _, value in read(out)[1:]] == pytest.approx(expected, abs=1e-6)


def test_a_run_without_a_sample_says_what_is_missing(tmp_path, run):
    with pytest.raises(FileError, match="made without --sample-submission"):
        submit(run, tmp_path / "out.csv")


def test_a_sample_that_is_no_text_is_refused(tmp_path, run, table):
    sample = tmp_path / "sample.csv"
    sample.write_bytes(b"ID,Label\nID_1_any,0.5\n\xff\n")
    with pytest.raises(FileError, match=r"sample\.csv: is not text"):
        write_submission(run, np.full((len(table), 6), 0.5, np.float32), table, sample, tmp_path / "out.csv")


def test_a_thin_slice_has_the_probability_of_the_picture_it_was_averaged_into(tmp_path):
    """Ten slices of 1 mm are two pictures; as in the program, each slice has its picture's result."""
    paths = write_series(tmp_path / "thin", np.zeros((10, 32, 32), np.int16), spacing_mm=(1.0, 0.5, 0.5))
    table = slice_table(tmp_path, {"thin": paths})
    run = indexed_run(tmp_path / "run", tmp_path, table)
    prepare(run, processes=1)
    pictures = open_pictures(run)
    assert len(pictures) == 2
    probabilities = np.repeat(np.array([[0.25], [0.75]], np.float32), 6, axis=1)
    out, sample = tmp_path / "out.csv", sample_of(tmp_path / "sample.csv", all_ids(table))
    write_submission(run, probabilities, pictures.table, sample, out, averaged=pictures.averaged())
    values = np.array([float(value) for _, value in read(out)[1:]]).reshape(10, 6)
    np.testing.assert_allclose(values[:5], 0.25)
    np.testing.assert_allclose(values[5:], 0.75)
