"""Every stage, one after the other, on a handful of phantoms."""

import json

import numpy as np
import pytest

from training.__main__ import STAGES, main
from training.run_folder import SPLITS, RunFolder
from training.synthetic import scan_seed


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "rehearsal"
    assert main(["all", "--run", str(folder), "--preset", "rehearsal"]) == 0
    return folder


def test_the_run_ends_in_a_model_folder_that_opens(run):
    from ihd_core.model_file import load_model

    model = load_model(run / "model")
    assert model.info.demonstration
    assert "not for clinical use" in model.info.intended_use


def test_slices_truth_and_cells_agree_in_every_shard(run):
    for split in SPLITS:
        for shard in RunFolder(run).shards(split):
            assert shard.hu.shape[1:] == (64, 64)
            assert len(shard.hu) == len(shard.truth) == len(shard.cells) == len(shard.scan)
            seen = shard.cells.max(axis=(2, 3)) > 0
            assert not (shard.truth[:, :-1] & ~seen).any(), "what is called visible has a mask"


def test_what_was_measured_is_what_is_shipped(run):
    """The probabilities of the stages equal those of the program on the same phantom."""
    from ihd_core.model_file import load_model
    from ihd_core.phantom.phantom import phantom_scan
    from ihd_core.predict import predict
    from training.config import PRESETS
    from training.features import load_features
    from training.sequence import load_sequence, sequence_logits

    config = PRESETS["rehearsal"]
    found = load_features(RunFolder(run), "test")
    reduction, network = load_sequence(RunFolder(run), config)
    logits = sequence_logits(network, reduction, found)
    rows = found.scans()[0]
    scan = phantom_scan(scan_seed(config.seed, "test", 0), size=config.synthetic.side).scan
    prediction = predict(scan, load_model(run / "model"))
    first = np.unique(prediction.slab_of_slice, return_index=True)[1]  # of every slab; slices of one share its result
    # Stored slices are whole HU; the program averages thin ones without rounding.
    np.testing.assert_allclose(prediction.cnn_slices[first], 1 / (1 + np.exp(-found.logits[rows])), atol=1e-3)
    np.testing.assert_allclose(prediction.slices[first], 1 / (1 + np.exp(-logits[rows])), atol=1e-3)


def test_no_phantom_is_used_twice():
    seeds = [scan_seed(run, split, number) for run in (1, 2) for split in SPLITS for number in (0, 1, 9_999)]
    assert len(set(seeds)) == len(seeds)


def test_a_finished_stage_may_be_run_again(run):
    before = {file: file.stat().st_mtime_ns for file in (run / "slices").rglob("*.npy")}
    assert main(["synthetic", "--run", str(run), "--preset", "rehearsal"]) == 0
    assert {file: file.stat().st_mtime_ns for file in (run / "slices").rglob("*.npy")} == before


def test_another_configuration_is_refused_in_the_same_folder(run, capsys):
    assert main(["synthetic", "--run", str(run)]) == 2
    assert "other numbers" in capsys.readouterr().err


def test_a_stage_that_came_too_early_says_what_to_run_first(tmp_path, capsys):
    assert main(["cnn", "--run", str(tmp_path), "--preset", "rehearsal"]) == 2
    assert "run the stage synthetic first" in capsys.readouterr().err


def test_the_run_keeps_its_numbers(run):
    assert json.loads((run / "config.json").read_text())["name"] == "ihd-rehearsal"
    stages = {json.loads(line)["stage"] for line in (run / "metrics.jsonl").read_text().splitlines()}
    assert stages == {"cnn", "focus", "sequence"}
    assert next(iter(STAGES)) == "synthetic"
