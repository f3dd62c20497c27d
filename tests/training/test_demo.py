"""The whole recipe at its real size, on three seeds: what the demonstration learns, and what it says of the paper."""

import csv
import json
import re

import pytest

from training.__main__ import main


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_demonstration_learns_to_see_hemorrhage_and_judges_the_papers_claims(seed, tmp_path, capsys):
    assert main(["demo", "--run", str(tmp_path), "--preset", "demo", "--set", f"seed={seed}"]) == 0
    printed = capsys.readouterr().out
    verdicts = re.findall(r"\| (holds|does not hold|undecided) \|", printed)
    assert len(verdicts) == 5
    with (tmp_path / "table2" / "table2.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert all(0 < float(row["low"]) < float(row["loss"]) < float(row["high"]) for row in rows)
    results = json.loads((tmp_path / "evaluate" / "results.json").read_text())
    assert results["role"] == "test"
    areas = {(row["model"], row["level"]): row["auc"] for row in results["rows"] if row["label"] == "any"}
    assert areas["CNN + BiLSTM", "slice"]["low"] > 0.7, "far above chance on heads it never saw"
    with capsys.disabled():
        losses = {name: round(one["value"], 4) for name, one in results["weighted_log_loss"].items()}
        print(f"\nseed {seed}: {losses}; AUC of any {areas['CNN + BiLSTM', 'slice']['value']:.3f}; claims: {verdicts}")
