"""Table 1 from labels whose counts are known."""

import numpy as np
import pytest

from ihd_core.labels import LABELS, Label
from training.data.labels.rsna import read_labels
from training.data.slice_table import UNKNOWN, SliceTable
from training.data.table1 import as_markdown, counts, prevalence, slice_counts

PAPER = {
    Label.ANY: (104199, 8563),
    Label.EPIDURAL: (3066, 344),
    Label.INTRAPARENCHYMAL: (34826, 5130),
    Label.INTRAVENTRICULAR: (25381, 3566),
    Label.SUBARACHNOID: (34431, 3788),
    Label.SUBDURAL: (45479, 3669),
}
"""Slices and scans of the training set, Burduja et al., Sensors 2020, 20(19):5611, Table 1."""


def table_of(truth, scan, *, scan_truth=None):
    text = np.array([str(row) for row in range(len(scan))])
    names = np.array([f"S{number}" for number in scan])
    if scan_truth is None:
        scan_truth = np.stack([truth[np.equal(scan, number)].max(axis=0) for number in scan])
    return SliceTable(text, text, names, names, names, names, np.arange(len(scan)) * 1.0, truth, scan_truth)


@pytest.fixture(scope="module")
def table_of_paper():
    """728,513 slices of 21,000 scans that have the paper's counts, put together label by label."""
    slices, scans = 728_513, 21_000
    scan = np.sort(np.r_[np.arange(scans), np.random.default_rng(1).integers(0, scans, slices - scans)])
    starts = np.flatnonzero(np.r_[True, np.diff(scan) > 0])
    lengths = np.diff(np.r_[starts, slices])
    truth = np.zeros((slices, len(LABELS)), np.int8)
    for label, (positive_slices, positive_scans) in PAPER.items():
        # One slice in each of the first scans, then more from their second slices on until there are enough.
        truth[starts[:positive_scans], label.column] = 1
        rest = [np.arange(start + 1, start + n) for start, n in zip(starts, lengths, strict=True)]
        further = np.concatenate(rest[:positive_scans])
        truth[further[: positive_slices - positive_scans], label.column] = 1
    return table_of_scans(truth, scan, starts, lengths)


def table_of_scans(truth, scan, starts, lengths):
    text = np.zeros(len(scan), "U1")
    names = np.char.add("S", scan.astype(str))
    whole = np.repeat(np.maximum.reduceat(truth, starts), lengths, axis=0)
    return SliceTable(text, text, text, text, text, names, np.zeros(len(scan)), truth, whole)


def test_the_papers_table_comes_out_of_data_with_its_counts(table_of_paper):
    found = counts(table_of_paper)
    for label, expected in PAPER.items():
        assert found[label.capitalize()] == expected
    assert found["None"] == (624_314, 12_437)
    assert found["Total"] == (728_513, 21_000)


def test_rows_are_those_of_the_paper_in_its_order(table_of_paper):
    lines = as_markdown({"Training set": counts(table_of_paper)}).splitlines()
    assert lines[0] == "| Subtype | Training set, slices | Training set, scans |"
    names = [line.split("|")[1].strip() for line in lines[2:]]
    assert names == [
        "Any",
        "Epidural",
        "Intraparenchymal",
        "Intraventricular",
        "Subarachnoid",
        "Subdural",
        "None",
        "Total",
    ]
    assert lines[2] == "| Any | 104199 | 8563 |"


def test_unknown_labels_count_in_the_total_alone():
    truth = np.array([[0, 0, 0, 0, 1, 1], [0, 0, 0, 0, UNKNOWN, UNKNOWN], [UNKNOWN] * 6, [0] * 6], np.int8)
    found = counts(table_of(truth, [0, 0, 1, 2]))
    assert found["Subdural"] == (1, 1)
    assert found["None"] == (1, 1)
    assert found["Total"] == (4, 3)


def test_what_nobody_labelled_is_a_dash():
    truth = np.full((3, 6), UNKNOWN, np.int8)
    whole = np.array([[0, 0, 0, 0, 1, 1]] * 2 + [[0] * 6], np.int8)
    text = as_markdown({"All": counts(table_of(truth, [0, 0, 1], scan_truth=whole)), "None": slice_counts(truth[:0])})
    assert "| Any | - | 1 |" in text
    assert "| None | - | 1 |" in text
    assert "| Total | 3 | 2 | 0 | - |" in text


def test_labels_without_images_give_slices_alone():
    truth = np.array([[1, 0, 0, 0, 0, 1], [0] * 6], np.int8)
    found = slice_counts(truth)
    assert found["Epidural"] == (1, None)
    assert found["Total"] == (2, None)


def test_the_challenges_labels_alone_give_slices_per_label(tmp_path):
    """Rows in the form of stage_2_train.csv, some of them twice, counted without a program of ours."""
    random = np.random.default_rng(1)
    drawn = {f"ID_{number:09x}": random.random(5) < 0.1 for number in random.choice(10**9, 500, replace=False)}
    rows = [
        f"{name}_{label},{int(one)}"
        for name, subtypes in drawn.items()
        for label, one in zip(LABELS, [*subtypes, subtypes.any()], strict=True)
    ]
    rows += rows[600:624]  # four slices stand twice there
    file = tmp_path / "stage_2_train.csv"
    file.write_text("\n".join(["ID,Label", *rows]) + "\n")
    found = slice_counts(read_labels(file).truth)
    for label in LABELS:
        assert found[label.capitalize()] == (len({row for row in rows if row.endswith(f"_{label},1")}), None)
    assert found["None"] == (len({row for row in rows if row.endswith("_any,0")}), None)
    assert found["Total"] == (500, None)


def test_prevalence_is_of_known_labels():
    found = prevalence(
        np.array([[1, 0, 0, 0, UNKNOWN, 1], [UNKNOWN, 1, 0, 0, UNKNOWN, 1], [0, 1, 0, 0, UNKNOWN, 0]], np.int8)
    )
    assert found[:4] == pytest.approx([1 / 2, 2 / 3, 0, 0])
    assert np.isnan(found[Label.SUBDURAL.column])
    assert found[Label.ANY.column] == pytest.approx(2 / 3)
