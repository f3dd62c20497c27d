"""A whole proof of a toy model on a few small phantoms."""

import copy
import json
from dataclasses import asdict

import numpy as np
import pytest

from ihd_core.brain_mask import brain_mask
from ihd_core.errors import Cancelled, ModelFileError
from ihd_core.heatmaps.explain import OWN, Kind, heatmap, on_slice
from ihd_core.labels import LABELS, Label
from ihd_core.model_file import load_model, save_model
from ihd_core.model_input import slabs as model_slabs
from ihd_core.predict import predict
from ihd_core.scan import WITHHOLDING
from ihd_core.scan_checks import scan_warnings
from tests.ihd_core.toy import toy_info, toy_networks
from training.__main__ import main
from training.proving import thicknesses
from training.proving.held_out import read, render, requests
from training.proving.pairs import Pair
from training.proving.peaks import place_of_peak
from training.proving.proof import Asked, into_card, prove
from training.proving.readings import read_all
from training.proving.tables import sections

SIZE, SCANS = 48, 4


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    save_model(folder, toy_info(), **toy_networks(), card="# Toy\n\n## What it is\n\nA toy.\n")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def files(cache):
    return render(cache, requests(SCANS, size=SIZE), processes=1)


@pytest.fixture(scope="module")
def proved(model, cache, files, tmp_path_factory):
    out = tmp_path_factory.mktemp("proof")
    arguments = ["--scans", str(SCANS), "--size", str(SIZE), "--heads", "0", "--processes", "1"]
    assert main(["prove", "--model", str(model), "--cache", str(cache), "--out", str(out), *arguments]) == 0
    return json.loads((out / "proof.json").read_text()), (out / "proof.md").read_text()


def test_a_reading_holds_what_the_program_says(model, files):
    loaded = load_model(model)
    for file, reading in zip(files, read_all(model, files, processes=1), strict=True):
        phantom = read(file)
        said = predict(phantom.scan, loaded)
        assert np.array_equal(reading.slices, said.slices)
        assert np.array_equal(reading.scan, said.scan)
        assert np.array_equal(reading.truth, phantom.truth)
        brain = brain_mask(phantom.scan)
        slabs = [list(slab) for slab in model_slabs(phantom.scan)]
        single = [one for one in reading.maps if one.label is not None]
        for one in single:
            shown = heatmap(said, one.label, one.slice_index, one.kind)
            (slab,) = (slab for slab in slabs if one.slice_index in slab)
            lesion = np.any([phantom.mask(one.label, index) for index in slab], axis=0)
            inside = np.any([brain.on_slice(index) for index in slab], axis=0)
            assert one.place == place_of_peak(shown, lesion, inside, phantom.scan.spacing_mm[1:])
            drawn = on_slice(shown)
            assert one.energy == pytest.approx(drawn[lesion].sum() / max(drawn.sum(), 1e-9), abs=1e-5)
        visible = sum(int(phantom.truth[slab].any(axis=0).sum()) for slab in slabs)
        assert len(single) == len(OWN) * visible
        assert len(reading.maps) - len(single) == len(OWN) * sum(phantom.truth[slab].any() for slab in slabs)
        warned = scan_warnings(phantom.scan)
        assert {one.code for one in warned} <= set(reading.warnings)
        assert ("slices-averaged" in reading.warnings) == any(len(slab) > 1 for slab in slabs)
        assert reading.withheld == any(one.code in WITHHOLDING for one in warned)


def test_the_proof_names_the_model_and_the_phantoms(proved, model):
    proof, text = proved
    assert proof["model"]["sha256"] == load_model(model).info.sha256
    assert (proof["phantoms"]["scans"], proof["phantoms"]["first_seed"]) == (SCANS, 500_000)
    assert f"{SCANS} phantoms" in text


def test_the_proof_counts_visible_slices_as_the_phantoms_do(proved, files):
    proof, _ = proved
    truth = np.concatenate([read(file).truth for file in files])
    faint = np.concatenate([read(file).faint for file in files])
    for one in proof["auc"]:
        if one["level"] == "slice" and one["least_mm2"] == 0:
            column = [str(label) for label in LABELS].index(one["label"])
            assert one["positives"] == truth[:, column].sum()
            assert one["negatives"] == (~truth & ~faint)[:, column].sum()
    assert {one["label"] for one in proof["auc"]} == {str(label) for label in LABELS}


def test_peaks_are_counted_once_for_every_visible_label_of_slices_that_are_read_as_one(proved, files):
    proof, _ = proved
    phantoms = [read(file) for file in files]
    truth = np.array([one.truth[list(slab)].any(axis=0) for one in phantoms for slab in model_slabs(one.scan)])
    expected = {str(label): int(truth[:, label.column].sum()) for label in LABELS}
    expected[None] = expected["any"]
    for kind in OWN:
        some = [one for one in proof["heatmaps"] if one["kind"] == kind and not one["only_called"]]
        assert {one["label"]: one["maps"] for one in some} == expected
        assert {one["label"]: sum(one["places"].values()) for one in some} == expected
    assert any(len(slab) > 1 for one in phantoms for slab in model_slabs(one.scan))


def test_every_table_has_as_many_cells_in_every_row(proved):
    tables = [part for part in proved[1].split("\n\n") if part.startswith("|")]
    assert len(tables) >= 9
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_a_goal_that_is_missed_is_said_first(proved):
    proof, _ = proved
    met = copy.deepcopy(proof)
    for one in met["auc"]:
        one["met"] = True
    missed = copy.deepcopy(met)
    (one,) = (one for one in missed["auc"] if (one["level"], one["label"], one["least_mm2"]) == ("scan", "any", 100.0))
    one["met"] = False
    first = [sections(found).partition("### Held-out phantoms")[0] for found in (met, missed)]
    assert "| AUC on scans over lesions from 100 mm2 | met |" in first[0]
    assert "| AUC on scans over lesions from 100 mm2 | **not met** by any |" in first[1]


def test_a_goal_that_was_not_measured_is_not_met(proved):
    proof, _ = proved
    none = copy.deepcopy(proof)
    for one in none["auc"]:
        one["met"], one["auc"] = (None, None) if one["label"] == "epidural" else (True, one["auc"])
    none["accepted"] = None
    first = sections(none).partition("### Held-out phantoms")[0]
    assert "(AUC at most 0.80) | not measured |" in first
    assert "| AUC on slices over visible lesions | met; not measured for epidural |" in first
    assert "| the same head at several thicknesses within 0.05 | not measured |" in first
    assert "| no slice of the real head flagged | not measured |" in first


def test_quiet_is_said_together_with_what_is_found_in_the_same_head(proved):
    proof = copy.deepcopy(proved[0])
    labels = [str(label) for label in LABELS]
    proof["quietness"] = {
        "slices": 28,
        "flagged": [],
        "flagged_by_label": {label: [] for label in labels},
        "scan_flagged": [],
        "probability": {label: [0.01] * 28 for label in labels},
        "scan": dict.fromkeys(labels, 0.01),
        "warnings": ["The vertex is not covered"],
        "withheld": "Only 30 mm of a head are shown",
        "met": True,
    }
    alone = sections(proof)
    assert "| met: 0 of 28 flagged; whether hemorrhages in this head are found was not measured |" in alone
    assert "* The vertex is not covered" in alone
    assert "withholds the result of this scan**: Only 30 mm of a head are shown." in alone
    pair = asdict(Pair(Label.SUBDURAL, 1.0, 0, (3,), 250.0, found=True))
    missed, small = pair | {"found": False}, pair | {"area_mm2": 190.0}
    proof["pairs"] = [pair, missed, missed, small]
    assert "| met: 0 of 28 flagged; of hemorrhages of 200 mm2 and more put into it, 1 of 3 found |" in sections(proof)


def test_heads_of_all_thicknesses_are_compared(model, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(thicknesses, "THICKNESSES_MM", (4.0, 8.0))  # thin ones take long to render
    proof = prove(Asked(model, cache, tmp_path, scans=2, heads=2, size=32, processes=1))
    found = proof["thicknesses"]
    assert [one["heads"] for one in found["spreads"]] == [2] * 6
    (of_any,) = (one for one in found["spreads"] if one["label"] == "any")
    apart = [max(head.values()) - min(head.values()) for head in found["any_by_head"]]
    assert of_any["largest"] == pytest.approx(max(apart))


def test_methods_of_the_library_are_judged_beside_our_own_on_the_first_phantoms(model, cache, tmp_path):
    proof = prove(Asked(model, cache, tmp_path, scans=SCANS, heads=0, further=SCANS, size=SIZE, processes=1))
    assert proof["phantoms"]["further_methods"] == SCANS
    maps = {}
    for one in proof["heatmaps"]:
        if not one["only_called"]:
            maps.setdefault(one["kind"], {})[one["label"]] = one["maps"]
    assert list(maps)[-4:] == [Kind.HIRES_CAM, Kind.GRAD_CAM_PLUS_PLUS, Kind.LAYER_CAM, Kind.EIGEN_CAM]
    assert maps[Kind.LAYER_CAM] == maps[Kind.EIGEN_CAM]
    assert maps[Kind.LAYER_CAM] == maps[Kind.CNN]
    assert f"first {SCANS} phantoms only" in (tmp_path / "proof.md").read_text()


def test_the_card_takes_the_proof_in_once_and_the_weights_stay(model, proved, tmp_path):
    for file in model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = (tmp_path / "weights.safetensors").read_bytes()
    proof, _ = proved
    into_card(tmp_path, proof)
    once = (tmp_path / "MODEL_CARD.md").read_text()
    assert once.startswith("# Toy\n\n## What it is\n\nA toy.\n\n## What it was proved on\n")
    assert "### Detection limits" in once
    assert (tmp_path / "weights.safetensors").read_bytes() == weights
    now = load_model(tmp_path).info.sha256
    into_card(tmp_path, {**proof, "model": {**proof["model"], "sha256": now}})
    assert (tmp_path / "MODEL_CARD.md").read_text() == once


def test_a_proof_of_another_model_does_not_go_into_the_card(model, proved):
    proof, _ = proved
    with pytest.raises(ModelFileError, match="holds model"):
        into_card(model, {**proof, "model": {"name": "other", "sha256": "0" * 64}})


def test_a_proof_can_be_stopped(model, cache, tmp_path):
    def stop(_done, _total):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        prove(Asked(model, cache, tmp_path, scans=SCANS, heads=0, size=SIZE, processes=1), report=stop)
    assert not list(tmp_path.iterdir())


def test_a_folder_without_a_model_is_at_fault_before_anything_is_rendered(tmp_path, capsys):
    cache = tmp_path / "cache"
    assert main(["prove", "--model", str(tmp_path), "--cache", str(cache), "--out", str(tmp_path / "out")]) == 2
    assert "model.json" in capsys.readouterr().err
    assert not cache.exists()
