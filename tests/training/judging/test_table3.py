"""The paper's Table 3 from its counts, and how numbers are laid out."""

import csv

import numpy as np
import pytest

from ihd_core.labels import LABELS, Label
from training.judging.bootstrap import Bootstrap
from training.judging.table3 import BILSTM, CNN, FINAL, METRICS, interval_table, measured, paper_layout, values_table
from training.metrics import Counts

PAPERS_NAMES = {
    "Any": Label.ANY,
    "EPH": Label.EPIDURAL,
    "IPH": Label.INTRAPARENCHYMAL,
    "IVH": Label.INTRAVENTRICULAR,
    "SAH": Label.SUBARACHNOID,
    "SDH": Label.SUBDURAL,
}


@pytest.fixture
def printed(shared_data):
    """Rows of the paper's Table 3, as printed, with the integer counts they come from."""
    with (shared_data.parent / "paper" / "table3_counts.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def cells(text):
    """Every cell of a Markdown table by part, name of the label and title of the column."""
    head, _, *lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line]
    found, part = {}, ""
    for name, *values in lines:
        if name.startswith("**"):
            part = name.strip("*")
        else:
            found |= {(part, name, title): value for title, value in zip(head[1:], values, strict=True)}
    return found


def test_every_cell_of_the_papers_table_comes_from_its_counts(printed):
    assert len(printed) == 24
    choices = max(len(row["tn"].split("/")) for row in printed)
    for choice in range(choices):
        values = {}
        for row in printed:
            true_negatives = [int(count) for count in row["tn"].split("/")]
            tn, tp = true_negatives[min(choice, len(true_negatives) - 1)], int(row["tp"])
            found = Counts(tp, int(row["pos"]) - tp, tn, int(row["neg"]) - tn)
            key = (row["model"], row["level"], PAPERS_NAMES[row["class"]])
            numbers = (found.accuracy, float(row["auc_printed"]), found.sensitivity, found.specificity)
            values |= {(*key, metric): number for metric, number in zip(METRICS, numbers, strict=True)}
        table = cells(values_table(values, ["BiLSTM", "CNN"]))
        assert len(table) == 2 * 6 * 8
        for row in printed:
            label = next(name for _, name, _ in table if row["class"] in (name, name[-4:-1]))
            for title, name in {
                "Accuracy": "acc",
                "ROC AUC": "auc",
                "Sensitivity": "sens",
                "Specificity": "spec",
            }.items():
                cell = table[row["model"], label, f"{title} on {row['level']}s"]
                assert cell == f"{float(row[f'{name}_printed']):.4f}", row


@pytest.fixture
def rows():
    rng = np.random.default_rng(1)
    names = np.repeat([f"P{i}" for i in range(10)], 6)
    bootstrap = Bootstrap(names, draws=40, seed=1)
    truth, found = (rng.random((60, 6)) < 0.4).astype(np.int8), []
    for model in (CNN, BILSTM):
        score = np.clip(rng.random((60, 6)) / 2 + truth / 3, 0, 1).astype(np.float32)
        for level in ("slice", "scan"):
            for i, label in enumerate(LABELS):
                found.append(
                    measured(
                        bootstrap,
                        model,
                        level,
                        label,
                        truth=truth[:, i],
                        score=score[:, i],
                        patient=bootstrap.patient(names),
                    )
                )
    return found


def test_the_best_model_stands_first_and_any_before_the_subtypes(rows):
    names = [line.split("|")[1].strip() for line in paper_layout(rows).splitlines()]
    assert names[2:4] == [f"**{BILSTM}**", "Any"]
    assert names[9:11] == [f"**{CNN}**", "Any"]
    assert f"**{FINAL}**" not in names


def test_the_layout_shows_what_was_measured(rows):
    table = cells(paper_layout(rows))
    for row in rows:
        if row.label is Label.ANY:
            assert table[row.model, "Any", f"Sensitivity on {row.level}s"] == f"{row.sensitivity.value:.4f}"
            assert table[row.model, "Any", f"ROC AUC on {row.level}s"] == f"{row.auc.value:.4f}"


def test_every_number_stands_with_its_interval(rows):
    lines = interval_table(rows).splitlines()[2:]
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        found = row.auc.estimate()
        assert f"{found.value:.4f} ({found.low:.4f} to {found.high:.4f})" in line


def test_rows_whose_truth_is_unknown_are_left_out():
    names = np.array(["A", "B", "C", "D"])
    bootstrap = Bootstrap(names, draws=10, seed=1)
    truth, score = np.array([1, 0, -1, -1], np.int8), np.array([0.9, 0.1, 0.9, 0.1], np.float32)
    found = measured(bootstrap, CNN, "scan", Label.ANY, truth=truth, score=score, patient=bootstrap.patient(names))
    assert found.counts == Counts(1, 0, 1, 0)


def test_a_label_that_never_occurs_has_a_dash():
    names = np.array(["A", "B"])
    bootstrap = Bootstrap(names, draws=10, seed=1)
    found = [
        measured(
            bootstrap,
            CNN,
            level,
            label,
            truth=np.zeros(2, np.int8),
            score=np.array([0.2, 0.3], np.float32),
            patient=bootstrap.patient(names),
        )
        for level in ("slice", "scan")
        for label in LABELS
    ]
    table = cells(paper_layout(found))
    assert table[CNN, "Any", "Sensitivity on slices"] == "–"
    assert table[CNN, "Any", "Specificity on slices"] == "1.0000"
