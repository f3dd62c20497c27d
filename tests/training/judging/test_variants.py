"""Variants of a run: what they take from it, and how their progress adds up."""

import pytest

from tests.training.judging.judged_run import finished_run, table_of
from training.config import ConfigError
from training.judging.variants import complete, part_of, variant


def test_a_variant_takes_what_it_does_not_change(tmp_path):
    run = finished_run(tmp_path, table_of())
    reversed_ = variant(run, tmp_path / "one", ["sequence.reversal=true"])
    assert reversed_.config.sequence.reversal
    assert reversed_.folder("embeddings", 0) == tmp_path / "embeddings" / "fold0"
    assert not reversed_.is_done("sequence")
    wider = variant(run, tmp_path / "two", ["cnn.neighbours=1"])
    assert wider.is_done("slices")
    assert not wider.is_done("cnn")


def test_a_finished_run_is_left_as_it_is(tmp_path):
    run = finished_run(tmp_path, table_of())
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    complete(run, lambda done, total: None)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_more_features_than_the_cnn_has_are_refused_before_anything_is_fitted(tmp_path):
    from training.fitting.start import begin_with

    run = finished_run(tmp_path, table_of())
    torch = pytest.importorskip("torch")
    (tmp_path / "cnn" / "fold0").mkdir()
    torch.save(begin_with(run.config, 0).state_dict(), tmp_path / "cnn" / "fold0" / "weights.pt")
    wide = variant(run, tmp_path / "wide", ["reduction.count=300"])
    with pytest.raises(ConfigError, match="300; must be 1 to 160"):
        complete(wide, lambda done, total: None)
    assert not (tmp_path / "wide" / "sequence").exists()


def test_parts_add_up_to_the_whole():
    seen = []
    for number, total in enumerate((7, 3, 0)):
        report = part_of(lambda done, of: seen.append(done / of), number, 3)
        for done in range(total + 1):
            report(done, total)
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 1)
    assert seen[8] == pytest.approx(1 / 3)
