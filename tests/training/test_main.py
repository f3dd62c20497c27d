"""Every stage, one after the other, on a handful of phantoms in RSNA 2019's format."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from ihd_core.labels import LABELS
from training.__main__ import STOPPED, main, next_command, stages_of
from training.arguments import ALL, STAGES, parser
from training.presets import REHEARSAL
from training.run_folder import STEPS, RunFolder


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A finished rehearsal and what it printed."""
    folder = tmp_path_factory.mktemp("run") / "rehearsal"
    done = subprocess.run(
        [sys.executable, "-m", "training", "demo", "--run", str(folder), "--preset", "rehearsal"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_the_demo_prints_the_papers_three_tables_and_its_claims(demo):
    _, printed = demo
    assert "| Intraventricular |" in printed, "Table 1"
    assert printed.count("small backbone + BiLSTM | 3×256 |") >= 7, "Table 2"
    assert "| tiny backbone |" in printed
    assert "Subarachnoid (SAH)" in printed, "Table 3"
    assert "Claim of the paper" in printed


def test_every_step_is_done(demo):
    run = RunFolder(demo[0])
    assert all(run.is_done(step) for step in STEPS)
    assert run.config == REHEARSAL


def test_the_run_ends_in_a_model_folder_that_opens(demo):
    from ihd_core.model_file import load_model

    info = load_model(demo[0] / "model").info
    assert info.demonstration
    assert "not for clinical use" in info.intended_use
    assert info.resize == "hu"
    assert info.side == REHEARSAL.prepare.side
    card = (demo[0] / "model" / "MODEL_CARD.md").read_text()
    assert f"{info.training.description}" in card
    assert "| scan | any |" in card


def test_what_was_measured_is_what_is_shipped(demo):
    """The probabilities of the stages equal those of the program on the same files."""
    from ihd_core.dicom.reader import load_scan
    from ihd_core.dicom.series import find_series
    from ihd_core.model_file import load_model
    from ihd_core.predict import predict
    from training.data.index import load_index
    from training.data.pictures import open_pictures
    from training.data.sources import load_sources
    from training.fitting.features import load_embeddings
    from training.fitting.sequence import sequence_logits

    run = RunFolder(demo[0])
    model, table, whole = load_model(demo[0] / "model"), open_pictures(run).table, load_index(run)
    root, compared = load_sources(run).root, 0
    cnn, revised = load_embeddings(run, 0).logits, sequence_logits(run, 0)
    for start in table.scan_starts():
        rows = np.flatnonzero(table.scans == table.scans[start])
        (series,) = find_series([root / file for file in whole.files[whole.scans == table.scans[start]]]).series
        prediction = predict(load_scan(series), model)
        ones = np.unique(prediction.slab_of_slice, return_index=True)[1]  # thin slices are read as one
        np.testing.assert_allclose(prediction.cnn_slices[ones], 1 / (1 + np.exp(-cnn[rows])), atol=2e-4)
        np.testing.assert_allclose(prediction.slices[ones], 1 / (1 + np.exp(-revised[rows])), atol=2e-4)
        compared += 1
    assert compared >= 5


def test_the_submission_asks_for_every_slice_of_the_sample_once(demo):
    folder, _ = demo
    with (folder / "submission.csv").open() as file:
        rows = list(csv.reader(file))
    with (folder / "synthetic" / "stage_2_sample_submission.csv").open() as file:
        sample = list(csv.reader(file))
    assert [row[0] for row in rows] == [row[0] for row in sample]
    assert all(0 < float(row[1]) < 1 for row in rows[1:])


def test_a_finished_stage_may_be_run_again_and_does_nothing(demo):
    folder, _ = demo

    def stamps():
        steps = [file for step in STEPS for file in (folder / step).rglob("*") if file.is_file()]
        return {file: file.stat().st_mtime_ns for file in steps if file.name != "digest.txt"}

    before = stamps()
    for stage in ("synthetic", "prepare", "cnn", "features", "sequence"):
        assert main([stage, "--run", str(folder)]) == 0
    assert stamps() == before


def test_the_same_seed_gives_the_same_numbers(demo, tmp_path):
    folder, _ = demo
    assert main(["all", "--run", str(tmp_path), "--preset", "rehearsal"]) == 0
    for name in ("index/slices.csv", "split/split.csv", "evaluate/metrics.csv"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name
    one, two = (np.load(path / "sequence" / "fold0" / "logits.npy", allow_pickle=False) for path in (tmp_path, folder))
    np.testing.assert_array_equal(one, two)
    assert one.shape[1] == len(LABELS)


def test_another_configuration_is_refused_in_the_same_folder(demo, capsys):
    assert main(["cnn", "--run", str(demo[0]), "--set", "cnn.batch=16"]) == 2
    error = capsys.readouterr().err
    assert "another cnn" in error
    assert error.count("\n") == 1


def test_a_stage_that_came_too_early_says_what_to_run_first(tmp_path, capsys):
    assert main(["cnn", "--run", str(tmp_path), "--preset", "rehearsal"]) == 2
    assert "run the stage prepare first" in capsys.readouterr().err


def test_images_that_are_nowhere_are_asked_for(tmp_path, capsys):
    assert main(["index", "--run", str(tmp_path)]) == 2
    assert "--images is missing" in capsys.readouterr().err
    assert main(["index", "--run", str(tmp_path), "--images", str(tmp_path / "none"), "--labels", "no.csv"]) == 2
    assert str(tmp_path / "none") in capsys.readouterr().err


def test_only_the_cnn_runs_in_several_processes(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["split", "--run", str(tmp_path)]) == 2
    assert "torchrun" in capsys.readouterr().err


def test_all_is_every_stage_but_the_submission():
    assert set(STAGES) - set(ALL) == {"synthetic", "submission"}
    assert list(ALL) == [name for name in STAGES if name in ALL]


def test_ctrl_c_stops_at_the_next_step_and_the_same_command_goes_on(tmp_path):
    command = [sys.executable, "-m", "training", "synthetic", "--run", str(tmp_path), "--preset", "rehearsal"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list((tmp_path / "synthetic").glob("stage_2_train/*.dcm")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == STOPPED, error
    assert "goes on from here" in error
    assert not RunFolder(tmp_path).is_done("synthetic")
    assert subprocess.run(command, check=False).returncode == 0
    facts = json.loads((tmp_path / "synthetic" / "done.json").read_text())
    assert facts["scans"] == REHEARSAL.synthetic.scans


def test_a_run_with_a_base_has_its_numbers_and_names_it_in_the_next_command(tmp_path, capsys):
    assert main(["split", "--run", str(tmp_path / "one"), "--preset", "rehearsal", "--set", "seed=4"]) == 2
    arguments = ["--run", str(tmp_path / "two"), "--base", str(tmp_path / "one"), "--set", "sequence.hidden=6"]
    assert main(["split", *arguments]) == 2
    numbers = RunFolder(tmp_path / "two").config
    assert numbers.sequence.hidden == 6
    assert numbers.seed == 4
    assert numbers.cnn == REHEARSAL.cnn
    options = parser().parse_args(["split", *arguments])
    assert next_command("split", options).endswith(f"--run {tmp_path / 'two'} --base {tmp_path / 'one'}")
    capsys.readouterr()


@pytest.mark.parametrize("option", [["--labels", "l.csv"], ["--masks", "m"], ["--boxes", "b.csv"], ["--layout", "csv"]])
def test_labels_for_images_that_are_not_given_are_not_passed_over(tmp_path, capsys, option):
    (tmp_path / "synthetic").mkdir()
    run = RunFolder(tmp_path, REHEARSAL)
    run.begin("synthetic")
    run.finish("synthetic")
    assert main(["index", "--run", str(tmp_path), *option]) == 2
    assert "--images is missing" in capsys.readouterr().err


def test_the_demo_takes_no_images(tmp_path, capsys):
    assert main(["demo", "--run", str(tmp_path), "--preset", "rehearsal", "--images", str(tmp_path)]) == 2
    assert "stage all" in capsys.readouterr().err


def test_all_writes_no_phantoms_where_images_are_given(tmp_path):
    options = parser().parse_args(["all", "--run", str(tmp_path), "--images", str(tmp_path)])
    assert stages_of(options, REHEARSAL) == list(ALL)
    options = parser().parse_args(["all", "--run", str(tmp_path)])
    assert stages_of(options, REHEARSAL) == ["synthetic", *ALL]


def test_names_that_the_terminal_cannot_show_stop_nothing(tmp_path):
    from ihd_core.phantom.series_writer import write_series

    write_series(tmp_path / "b\u00fccher \u4e2d", np.zeros((3, 16, 16), np.int16))
    command = [sys.executable, "-m", "training", "index", "--run", str(tmp_path / "run"), "--images"]
    done = subprocess.run(
        [*command, str(tmp_path / "b\u00fccher \u4e2d")],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0, done.stderr.decode()


def test_bench_has_options_of_its_own_and_no_stage_takes_an_unknown_one(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["bench", "--help"])
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["split", "--run", "x", "--fast"])
    assert ended.value.code == 2
    assert "--fast" in capsys.readouterr().err


def test_the_starting_weights_of_the_other_cnn_reach_table_2(tmp_path, monkeypatch, capsys):
    made = []

    class Made:
        def as_markdown(self):
            return "the table"

    def table2(run, *, other_start, report):
        made.append(other_start)
        return Made()

    monkeypatch.setattr("training.judging.evaluate.evaluate", lambda run, report: None)
    monkeypatch.setattr("training.judging.table2.table2", table2)
    monkeypatch.setattr("training.judging.claims.claims", lambda table: [])
    run = RunFolder(tmp_path, REHEARSAL)
    (tmp_path / "evaluate").mkdir()
    (tmp_path / "evaluate" / "table3.md").write_text("Table 3")
    assert main(["evaluate", "--run", str(run.path), "--table2", "--other-start", "b4.pth"]) == 0
    assert made == ["b4.pth"]
    assert "the table" in capsys.readouterr().out
