"""What `ihd bench explain` prints; how long anything took is never asserted."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from app import cli
from app.bench import explain as bench
from app.bench import grad_cam
from ihd_core.model_file import save_model
from ihd_core.phantom.series_writer import write_series
from ihd_core.predict import pictures, predict
from tests.ihd_core.toy import toy_hu, toy_info, toy_model, toy_networks, toy_scan

ROWS = {
    "matrix product, float32": ("GFLOP/s", None),
    "forward pass with evidence / without": ("times", "<= 1.05"),
    "six heatmaps of a slice: pytorch-grad-cam / ours": ("times", ">= 20"),
    "six heatmaps: largest difference from autograd": ("logit", "<= 1e-05"),
    "six heatmaps of the scan's result: autograd back to the last maps / ours": ("times", None),
    "six heatmaps of the scan's result: largest difference from autograd, share of the peak": ("share", "<= 0.001"),
}
LIBRARY = "six heatmaps of a slice: pytorch-grad-cam / ours"


@pytest.fixture
def scan_folder(tmp_path):
    write_series(tmp_path / "scan", toy_hu(3), spacing_mm=(5.0, 3.5, 3.5), series_uid="1.2.3.4")
    return tmp_path / "scan"


@pytest.fixture
def bench_json(capsys, toy_folder):
    """The rows of a run of one round, by name."""

    def run(*arguments):
        call = ["bench", "explain", *map(str, arguments), "--model", str(toy_folder), "--rounds", "1", "--json"]
        assert cli.main([*call, "--quiet"]) == 0
        written = capsys.readouterr()
        assert written.err == ""
        return {row["name"]: row for row in json.loads(written.out)}

    return run


def test_every_row_is_measured_on_a_given_scan(bench_json, scan_folder):
    rows = bench_json(scan_folder)
    assert {name: (row["unit"], row["goal"]) for name, row in rows.items()} == ROWS
    assert all(row["value"] >= 0 and set(row) == {"name", "value", "unit", "goal", "met"} for row in rows.values())
    assert all(rows[name]["met"] for name in ROWS if "difference" in name)


def test_without_the_library_its_row_has_no_value_but_the_reason(bench_json, scan_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    rows = bench_json(scan_folder)
    assert list(rows) == list(ROWS)
    row = rows.pop(LIBRARY)
    assert (row["value"], row["met"], row["goal"]) == (None, None, ">= 20")
    assert "pytorch-grad-cam cannot be imported" in row["reason"]
    assert all(row["value"] is not None for row in rows.values())


def test_a_wrong_heatmap_is_found_out(monkeypatch):
    scan, model = toy_scan(2), toy_model()
    assert bench.heatmap_error(scan, model) < 1e-5
    right = bench.predict

    def wrong(*arguments):
        prediction = right(*arguments)
        evidence = prediction.evidence.copy()
        evidence[1, 4, 2, 3] = 7
        object.__setattr__(prediction, "evidence", evidence)
        return prediction

    monkeypatch.setattr(bench, "predict", wrong)
    assert bench.heatmap_error(scan, model) > 6


def test_a_model_that_averages_is_measured_too(capsys, monkeypatch, tmp_path, scan_folder):
    info = toy_info(members=2, neighbours=1, flip=True, resize="hu")
    save_model(tmp_path / "model", info, **toy_networks(info), card="# Toy\n")
    call = ["bench", "explain", str(scan_folder), "--model", str(tmp_path / "model"), "--rounds", "1", "--json"]
    assert cli.main([*call, "--quiet"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == list(ROWS)
    of_result = [rows.pop(name) for name in ROWS if "result" in name]
    assert [(row["value"], row["reason"]) for row in of_result] == [(None, "the model has no BiLSTM, or averages")] * 2
    assert all(rows[name]["met"] for name in rows if "difference" in name)


def test_a_wrong_average_of_heatmaps_is_found_out():
    scan, model = toy_scan(2), toy_model(members=2, flip=True)
    assert bench.heatmap_error(scan, model) < 1e-5
    one = replace(model, members=model.members[:1])
    assert abs(predict(scan, one).evidence - predict(scan, model).evidence).max() > 1e-3


@pytest.mark.parametrize("backbone", ["small", "efficientnet_b4"])
def test_the_library_explains_every_kind_of_network_as_the_closed_form_does(backbone):
    """Its picture is scaled to 0..1 and enlarged, so cells are compared by their order."""
    pooled_count = {"small": 224, "efficientnet_b4": 1792}[backbone]
    scan, model = toy_scan(1), toy_model(backbone=backbone, pooled_count=pooled_count)
    (picture,) = [picture for _, picture in pictures(scan, model.info)]
    library = grad_cam.six_heatmaps([member.cnn for member in model.members], torch.from_numpy(picture[None].copy()))
    evidence = np.maximum(predict(scan, model).evidence[0], 0)
    for theirs, ours in zip(library(), evidence, strict=True):
        cell = 64 // len(ours)
        centres = theirs[0][cell // 2 :: cell, cell // 2 :: cell]
        if ours.max() > 0:
            assert np.unravel_index(centres.argmax(), centres.shape) == np.unravel_index(ours.argmax(), ours.shape)
