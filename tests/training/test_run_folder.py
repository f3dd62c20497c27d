"""Results are bound to what they depend on; equal steps of another run are taken over."""

import json
import shutil

import pytest

from ihd_core.errors import FileError
from training.config import changed
from training.presets import REHEARSAL
from training.run_folder import STEPS, RunFolder, append_row, environment, read_rows


def begun(path, *changes, base=None):
    return RunFolder(path, changed(REHEARSAL, list(changes)), base=base)


def finish(run, *steps):
    for step in steps:
        folder = run.begin(step)
        (folder / "result").write_text(f"{run.path.name} {step}")
        run.finish(step, **({"data_sha256": "d" * 64} if step == "index" else {}))


def test_a_step_is_there_once_it_is_finished(tmp_path):
    run = begun(tmp_path / "run")
    assert not run.is_done("index")
    run.begin("index")
    assert not run.is_done("index")
    finish(run, "index", "split")
    assert run.is_done("split")
    assert (run.folder("split") / "result").read_text() == "run split"
    assert run.facts("index")["data_sha256"] == "d" * 64


def test_a_step_that_is_missing_names_the_stage_to_run(tmp_path):
    run = begun(tmp_path)
    with pytest.raises(FileError, match="run the stage index first"):
        run.begin("split")
    finish(run, "index")
    with pytest.raises(FileError, match="run the stage prepare first"):
        run.folder("slices")


def test_the_folder_keeps_the_configuration(tmp_path):
    config = begun(tmp_path, "seed=5").config
    assert RunFolder(tmp_path).config == config


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(FileError, match="holds no run"):
        RunFolder(tmp_path)


def test_numbers_may_change_for_what_has_not_begun(tmp_path):
    finish(begun(tmp_path), "index", "split", "slices", "cnn")
    assert begun(tmp_path, "sequence.hidden=16").is_done("cnn")


@pytest.mark.parametrize(
    "change", ["cnn.batch=16", "split.folds=2", "prepare.side=96", "localised.outside=1", "seed=9"]
)
def test_numbers_of_what_has_begun_may_not(tmp_path, change):
    finish(begun(tmp_path), "index", "split", "slices", "cnn")
    with pytest.raises(FileError, match="another run folder"):
        begun(tmp_path, change)


def test_other_data_are_refused(tmp_path):
    run = begun(tmp_path)
    finish(run, "index", "split")
    run.finish("index", data_sha256="e" * 64)
    assert not run.is_done("split")
    with pytest.raises(FileError, match="other data or numbers"):
        run.begin("split")


def test_equal_steps_of_another_run_are_taken_and_no_others(tmp_path):
    one = begun(tmp_path / "one")
    finish(one, *(step for step in STEPS if step != "synthetic"))
    two = begun(tmp_path / "two", "sequence.deltas=true", base=one)
    for step in ("index", "split", "slices", "cnn", "embeddings", "reduction"):
        assert two.folder(step).parent == one.path
    assert not two.is_done("sequence")
    three = begun(tmp_path / "three", "cnn.neighbours=1", base=one)
    assert three.is_done("slices")
    assert not any(three.is_done(step) for step in ("cnn", "embeddings", "reduction", "sequence"))
    finish(three, "cnn")
    assert three.folder("cnn").parent == three.path
    assert not three.is_done("embeddings")


def test_a_step_begun_here_is_not_taken_from_the_base(tmp_path):
    one = begun(tmp_path / "one")
    finish(one, "index", "split")
    two = begun(tmp_path / "two", base=one)
    two.begin("split")
    assert not two.is_done("split")


def test_another_seed_takes_nothing_but_the_index(tmp_path):
    one = begun(tmp_path / "one")
    finish(one, "index", "split", "slices")
    two = begun(tmp_path / "two", "seed=2", base=one)
    assert two.is_done("index")
    assert not two.is_done("split")


def test_the_run_keeps_what_it_was_made_with(tmp_path):
    run = begun(tmp_path, "seed=3")
    finish(run, "index")
    run.write_facts()
    facts = json.loads((tmp_path / "run.json").read_text())
    assert facts["seed"] == 3
    assert facts["data_sha256"] == "d" * 64
    assert facts["versions"]["torch"] == environment()["versions"]["torch"]
    assert facts["threads"] >= 1


def test_rows_of_metrics_come_back_in_order(tmp_path):
    for epoch in range(3):
        append_row(tmp_path / "metrics.csv", {"epoch": epoch, "loss": epoch / 2})
    assert [row["loss"] for row in read_rows(tmp_path / "metrics.csv")] == ["0.0", "0.5", "1.0"]
    assert read_rows(tmp_path / "none.csv") == []


def test_a_note_goes_to_the_log(tmp_path):
    run = begun(tmp_path)
    run.note("three slices were left out")
    assert (tmp_path / "log.txt").read_text().endswith(" three slices were left out\n")


def test_numbers_that_a_stage_refused_before_it_wrote_anything_may_be_changed(tmp_path):
    run = begun(tmp_path)
    finish(run, "index")
    run.begin("slices")
    run.begin("cnn", 0)
    changed_run = begun(tmp_path, "prepare.side=96", "cnn.batch=16")
    assert changed_run.begin("slices") == tmp_path / "slices"
    changed_run.begin("cnn", 0)
    (tmp_path / "cnn" / "fold0" / "checkpoint.pt").write_text("begun")
    with pytest.raises(FileError, match=r"another cnn; choose another run folder or remove .*cnn"):
        begun(tmp_path, "prepare.side=96", "cnn.batch=8")


def test_a_base_is_only_read(tmp_path):
    finish(begun(tmp_path / "one"), "index", "split")
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "one").rglob("*")}
    assert begun(tmp_path / "two", base=RunFolder(tmp_path / "one")).is_done("split")
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "one").rglob("*")} == before


def test_slices_with_other_masks_are_other_slices(tmp_path):
    run = begun(tmp_path)
    finish(run, "index", "split", "slices", "cnn")
    run.finish("index", data_sha256="d" * 64, lesions_sha256="a" * 64)
    assert run.is_done("split")
    assert not run.is_done("slices")
    with pytest.raises(FileError, match="slices: begun with other data"):
        run.begin("slices")
    with pytest.raises(FileError, match="cnn: begun with other data"):
        run.begin("cnn")


def test_what_an_earlier_fit_of_the_cnn_said_is_not_taken_for_that_of_a_new_one(tmp_path):
    """The folder of the CNN was removed and made anew with the same numbers, as from other starting weights."""
    run = begun(tmp_path)
    finish(run, *(step for step in STEPS if step != "synthetic"))
    shutil.rmtree(tmp_path / "cnn")
    finish(run, "cnn")
    for step in ("embeddings", "reduction", "sequence"):
        with pytest.raises(FileError, match=f"{step}: made with another fit of the CNN; remove it"):
            run.is_done(step)
    shutil.rmtree(tmp_path / "embeddings")
    finish(run, "embeddings")
    assert run.is_done("embeddings")
    assert run.is_done("slices")


def test_what_was_begun_with_an_earlier_fit_of_the_cnn_is_not_gone_on_with(tmp_path):
    run = begun(tmp_path)
    finish(run, "index", "split", "slices", "cnn")
    (run.begin("embeddings", 0) / "rows.txt").write_text("32")
    run.begin("embeddings", 0)
    shutil.rmtree(tmp_path / "cnn")
    finish(run, "cnn")
    with pytest.raises(FileError, match="another fit of the CNN"):
        run.begin("embeddings", 0)


def test_a_run_with_a_cnn_of_its_own_does_not_take_what_the_bases_said(tmp_path):
    one = begun(tmp_path / "one")
    finish(one, "index", "split", "slices", "cnn", "embeddings")
    two = begun(tmp_path / "two")
    finish(two, "index", "split", "slices", "cnn")
    assert not begun(tmp_path / "two", base=one).is_done("embeddings")
    assert begun(tmp_path / "three", base=one).is_done("embeddings")


def test_results_stay_where_the_cnn_they_came_from_was_removed(tmp_path):
    run = begun(tmp_path)
    finish(run, "index", "split", "slices", "cnn", "embeddings")
    shutil.rmtree(tmp_path / "cnn")
    assert run.is_done("embeddings")


def test_the_time_of_all_sittings_is_counted_and_outlives_the_facts(tmp_path):
    run = RunFolder(tmp_path / "run", REHEARSAL)
    assert run.seconds() == {}
    run.add_seconds("cnn", 10.0)
    run.write_facts()
    run.add_seconds("cnn", 5.5)
    run.add_seconds("features", 2.0)
    assert RunFolder(tmp_path / "run").seconds() == {"cnn": 15.5, "features": 2.0}
    later = RunFolder(tmp_path / "later", REHEARSAL, base=run)
    later.add_seconds("features", 3.0)
    assert later.seconds() == {"cnn": 15.5, "features": 3.0}
