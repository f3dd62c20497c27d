"""Table 2's rows against the paper's text, and its numbers where every row's logits are chosen."""

import csv
import re
from dataclasses import replace

import pytest

from ihd_core.labels import Label
from tests.training.judging.judged_run import (
    config_of,
    finished_run,
    logits_of,
    put_cnn,
    put_sequence,
    table_of,
    weighted_loss,
)
from training.config import ConfigError, changed
from training.data.split import ROLES, roles
from training.judging import table2 as module
from training.judging.claims import as_markdown, claims
from training.judging.table2 import CNN_ALONE, FINAL_ROW, METHODS, OTHER_CNN, changes_of, table2
from training.presets import PAPER

NOISE = {
    OTHER_CNN: 3.0, "predictions": 1.8, "deviation-192": 1.6, "largest-192": 1.7, "smallest-192": 1.3,
    "smallest-120": 1.5, "pca-192-2x128": 1.4, "pca-192-3x128": 1.3, "pca-192": 1.2, "pca-120": 1.2, FINAL_ROW: 1.0,
}  # fmt: skip
CNN_NOISE = 4.0
"""How far from the truth the logits of each row are, and those of the CNN alone."""


def test_the_rows_are_the_papers(shared_data):
    text = (shared_data.parent / "paper" / "burduja2020.txt").read_text()
    lines = [line.split("\t") for line in text.splitlines() if re.fullmatch(r"\S.*\t0\.0\d{4}\t\d+", line)]
    assert len(lines) == len(METHODS) == 12
    for method, (cnn, bilstm, features, count, loss, _rank) in zip(METHODS, lines, strict=True):
        assert method.paper == float(loss)
        assert (method.count or 2048) == int(count)
        assert re.findall(r"\d+", method.bilstm) == re.findall(r"\d+", bilstm)
        assert bool(method.bilstm) == ("BiLSTM" in cnn)
        assert method.features.replace("CNN's", "ResNeXt-101") == features


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_row_is_the_configuration_it_is_called(method):
    config = changed(PAPER, list(changes_of(method, PAPER)))
    if method.bilstm:
        assert f"{config.sequence.layers}×{config.sequence.hidden}" == method.bilstm
        assert config.cnn == PAPER.cnn
        kinds = {
            "PCA": "pca", "Features with": "deviation", "Features of weights with largest": "largest",
            "Features of weights with smallest": "smallest", "CNN's": "none",
        }  # fmt: skip
        assert config.reduction.kind == next(kind for words, kind in kinds.items() if method.features.startswith(words))
        assert config.reduction.kind == "none" or config.reduction.count == method.count
        reads = "none" if "predictions" not in method.features else "classifier"
        assert config.sequence.probabilities == ("input" if method.name == "predictions" else reads)
    elif method.name == OTHER_CNN:
        assert config.cnn == replace(PAPER.cnn, backbone="efficientnet_b4")
    else:
        assert config == PAPER


def test_the_last_row_is_the_papers_own_system():
    assert changed(PAPER, list(changes_of(METHODS[-1], PAPER))) == PAPER


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Table 2 of a run, with stages that leave chosen logits; 192 features are more than the weights' rows have."""
    table = table_of()
    run = finished_run(tmp_path, table, cnn=logits_of(table, CNN_NOISE, 1), config=config_of())
    worked = []

    def complete(row, report, *, sequence=True):
        name = row.path.name
        report(1, 2)
        if row.config.reduction.kind == "deviation":
            raise ConfigError("reduction.count is 192; must be 1 to 160, the features of the CNN")
        if name == OTHER_CNN and not row.is_done("embeddings"):
            worked.append(name)
            put_cnn(row, logits_of(table, NOISE[name], 3))
        elif sequence and not row.is_done("sequence"):
            worked.append(name)
            put_sequence(row, logits_of(table, NOISE[name], 3))

    monkeypatch.setattr(module, "complete", complete)
    return run, table, worked, table2(run)


def test_every_row_is_measured_on_the_same_test_slices(made):
    run, table, _, found = made
    test = roles(run, table, 0) == ROLES.index("test")
    assert [row.method for row in found.rows] == list(METHODS)
    for row in found.rows:
        name = row.method.name
        if name == "deviation-192":
            continue
        logits = logits_of(table, CNN_NOISE, 1) if name == CNN_ALONE else logits_of(table, NOISE[name], 3)
        assert row.loss.value == pytest.approx(weighted_loss(table.truth[test], logits[test])), name
        yes = table.truth[test, 5] == 1
        assert row.sensitivity[Label.ANY].value == pytest.approx((logits[test, 5] > 0)[yes].mean())


def test_a_row_that_cannot_be_made_says_why(made):
    line = next(line for line in made[3].as_markdown().splitlines() if "standard deviations" in line)
    assert "not made: reduction.count is 192; must be 1 to 160" in line


def test_differences_are_paired_and_the_papers_figures_marked(made):
    found = made[3]
    lines = found.as_markdown().splitlines()
    assert "Paper's loss, RSNA 2019 test set" in lines[0]
    last = [cell.strip() for cell in lines[13].split("|")[1:-1]]
    assert last[:4] == ["small backbone + BiLSTM", "3×256", "PCA features + CNN's predictions", "120"]
    gain = found.row(FINAL_ROW).loss.minus(found.row(CNN_ALONE).loss).estimate()
    assert last[5] == f"{gain.value:+.5f} ({gain.low:+.5f} to {gain.high:+.5f})"
    assert gain.high < 0
    assert last[6] == "–"
    assert last[8] == "0.04989"
    assert [cell.strip() for cell in lines[2].split("|")[1:5]] == ["tiny backbone", "–", "Full feature vectors", "160"]


def test_finished_rows_are_not_made_again(made, tmp_path):
    run, _, worked, first = made
    # The run itself has 8 features and a BiLSTM of its own, so that all rows but the CNN alone are to be made.
    assert sorted(worked) == sorted(set(NOISE) - {"deviation-192"})
    before = len(worked)
    assert table2(run).as_markdown() == first.as_markdown()
    assert len(worked) == before
    assert first.as_markdown() in (tmp_path / "table2" / "table2.md").read_text()
    with (tmp_path / "table2" / "table2.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"] or "nan") for row in rows] == pytest.approx(
        [row.loss.value if row.loss else float("nan") for row in first.rows], nan_ok=True
    )


def test_progress_goes_from_nothing_to_all(made):
    run, seen = made[0], []
    table2(run, report=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (12000, 12000)


def test_the_claims_follow_from_the_table(made):
    found = claims(made[3])
    assert [claim.verdict for claim in found[:3]] == ["holds", "holds", "holds"]
    text = as_markdown(found)
    assert len(text.splitlines()) == 2 + len(found) == 7
    assert "| does not hold |" in text.splitlines()[-1], (
        "the logits of 120 smallest weights are worse than those of 192"
    )
    assert found[3].verdict == "undecided" or abs(found[3].difference.value) < 1e-9
