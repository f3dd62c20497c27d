"""Each part of beyond alone, where every variant's logits are chosen."""

from dataclasses import replace

import numpy as np
import pytest

from tests.training.judging.judged_run import (
    config_of,
    finished_run,
    logits_of,
    put_cnn,
    put_sequence,
    table_of,
    weighted_loss,
)
from training.config import changed
from training.data.split import ROLES, make_split, roles
from training.fitting.map_quality import MapQuality
from training.judging import parts as module
from training.judging.parts import ALL_PARTS, LOCALISED, THE_RUN, beyond_parts
from training.presets import BEYOND, PARTS_OF_BEYOND
from training.run_folder import RunFolder


def leaves(table, worked, noise=0.5):
    """Stages of a variant that leave logits nearer to the truth than the run's own."""

    def complete(part, report, *, sequence=True):
        report(1, 2)
        if not part.is_done("embeddings"):
            put_cnn(part, logits_of(table, noise, 3))
        if not part.is_done("sequence"):
            worked.append(part.path.name)
            put_sequence(part, logits_of(table, noise, 4))

    return complete


@pytest.fixture(autouse=True)
def maps(monkeypatch):
    """Maps of the run itself find half of its ten lesions of every label, those of a variant all."""
    judged = []

    def quality(run, role, *, report):
        judged.append((run.path.name, role))
        lesions, evidence = np.full(6, 10), np.full(6, 4.0)
        is_variant = run.path.name == LOCALISED
        return MapQuality(
            lesions, lesions if is_variant else lesions // 2, evidence, evidence / (8 if is_variant else 4)
        )

    monkeypatch.setattr(module, "map_quality", quality)
    return judged


@pytest.fixture
def made(tmp_path, monkeypatch):
    table, worked = table_of(), []
    run = finished_run(tmp_path, table, config=config_of())
    monkeypatch.setattr(module, "complete", leaves(table, worked))
    return run, table, worked, beyond_parts(run)


def test_there_is_a_row_for_every_part_alone_and_for_all_of_them(made):
    names = [row.name for row in made[3].rows]
    assert names == [THE_RUN, *PARTS_OF_BEYOND, LOCALISED, ALL_PARTS]


def test_all_parts_together_are_the_preset_beyond_but_for_its_folds():
    together = [change for changes in PARTS_OF_BEYOND.values() for change in changes]
    plain = replace(BEYOND, cnn=config_of().cnn)
    asked = changed(config_of(), together)
    for name in ("neighbours", "any_weight"):
        assert getattr(asked.cnn, name) == getattr(BEYOND.cnn, name)
    for name in ("deltas", "any_weight", "reversal"):
        assert getattr(asked.sequence, name) == getattr(plain.sequence, name)
    assert asked.features == BEYOND.features
    assert (asked.evaluate.scan_rule, asked.evaluate.blend) == (BEYOND.evaluate.scan_rule, BEYOND.evaluate.blend)


def test_the_numbers_are_those_of_the_variants_on_the_runs_test_scans(made):
    run, table, _, found = made
    test = roles(run, table, 0) == ROLES.index("test")
    by_name = {row.name: row for row in found.rows}
    own = weighted_loss(table.truth[test], logits_of(table, 1, 2)[test])
    assert by_name[THE_RUN].numbers.loss.value == pytest.approx(own)
    variants = weighted_loss(table.truth[test], logits_of(table, 0.5, 4)[test])
    for name in ("neighbour slices as channels", "differences to neighbours", LOCALISED):
        assert by_name[name].numbers.loss.value == pytest.approx(variants), name
    assert by_name["scan rule fitted"].numbers.loss.value == pytest.approx(own), "a scan rule changes no slice"
    assert by_name["CNN and BiLSTM blended"].numbers.loss.value <= own + 0.01
    assert (logits_of(table, 0.5, 4)[test, 5].reshape(-1, 6).max(axis=1) > 0)[
        (table.truth[test, 5].reshape(-1, 6).max(axis=1) == 1)
    ].mean() == pytest.approx(by_name[LOCALISED].numbers.scan_sensitivity.value)


def test_differences_are_paired_with_the_run(made, tmp_path):
    text = made[3].as_markdown()
    gain = made[3].rows[1].numbers.loss.minus(made[3].rows[0].numbers.loss).estimate()
    line = [line for line in text.splitlines() if line.startswith("| neighbour slices")][1]
    assert f"{gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})" in line
    assert gain.high < 0
    assert text in (tmp_path / "parts" / "parts.md").read_text()


def test_maps_are_judged_with_and_without_lesions_as_a_teacher(made, maps):
    lines = made[3].as_markdown().splitlines()
    assert f"| {THE_RUN} | 5 of 10 (50.0 %) | 25 of 50 (50.0 %) | 25.0 % | 25.0 % |" in lines
    assert f"| {LOCALISED} | 10 of 10 (100.0 %) | 50 of 50 (100.0 %) | 12.5 % | 12.5 % |" in lines
    assert [role for _, role in maps] == ["test", "test"]


def test_finished_parts_are_not_made_again(made, maps):
    run, _, worked, first = made
    before = list(worked)
    assert beyond_parts(run).as_markdown() == first.as_markdown()
    assert worked == before
    assert len(maps) == 2


def test_a_part_that_the_run_has_is_no_variant(tmp_path, monkeypatch):
    table, worked = table_of(), []
    config = changed(config_of(), ["cnn.neighbours=1"])
    run = finished_run(tmp_path, table, config=config)
    monkeypatch.setattr(module, "complete", leaves(table, worked))
    row = beyond_parts(run).rows[1]
    assert row.numbers is None
    assert "has it already" in row.reason


def test_parts_judged_on_other_scans_are_not_compared(tmp_path, monkeypatch):
    table, worked = table_of(), []
    run = finished_run(tmp_path, table, config=config_of(test=0.0))
    monkeypatch.setattr(module, "complete", leaves(table, worked))
    (folds,) = [row for row in beyond_parts(run).rows if row.name == "three folds averaged"]
    assert folds.numbers is None
    assert "other validation scans" in folds.reason
    assert "three-folds-averaged" not in worked, "nothing is fitted in vain"


@pytest.mark.parametrize("change", ["split.folds=3", "split.validation_share=0.2", "split.sequence_share=0.4"])
def test_the_test_scans_depend_on_the_seed_and_their_share_alone(tmp_path, change):
    table = table_of(scans=120, slices=2)
    run = finished_run(tmp_path / "run", table, config=config_of())
    other = RunFolder(tmp_path / "other", changed(run.config, [change]), base=run)
    make_split(other)
    number = ROLES.index("test")
    test = roles(run, table, 0) == number
    assert test.any()
    for fold in other.folds():
        assert np.array_equal(roles(other, table, fold) == number, test)


def test_a_split_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    table, worked = table_of(), []
    config = changed(config_of(test=0.0), ["split.method=series-order"])
    run = finished_run(tmp_path, table, config=config)
    monkeypatch.setattr(module, "complete", leaves(table, worked))
    (folds,) = [row for row in beyond_parts(run).rows if row.name == "three folds averaged"]
    assert "series-order has one fold" in folds.reason
