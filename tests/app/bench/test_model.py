"""What `ihd bench model` prints; how long anything took is never asserted."""

from __future__ import annotations

import json
import sys

import pytest

from app import cli
from app.bench import model as bench
from app.bench.measured import measured_model
from tests.ihd_core.toy import toy_model


@pytest.fixture
def bench_json(capsys, toy_folder):
    def run():
        assert cli.main(["bench", "model", "--model", str(toy_folder), "--rounds", "1", "--json", "--quiet"]) == 0
        return {row["name"]: row for row in json.loads(capsys.readouterr().out)}

    return run


def test_every_engine_has_its_rows_and_those_that_run_agree(bench_json):
    rows = bench_json()
    for name in ("cuda", "openvino bf16", "torch bf16", "openvino fp32", "onnxruntime fp32"):
        speed, distance = rows[f"{name}: torch fp32 / {name}"], rows[f"{name}: largest difference in probability"]
        assert (speed["value"] is None) == (distance["value"] is None)
        assert speed["value"] is not None or speed["reason"]
        assert distance["met"] in (True, None)
    assert rows["onnxruntime fp32: torch fp32 / onnxruntime fp32"]["goal"] == ">= 1.2"
    assert rows["openvino fp32: largest difference in probability"]["value"] < 1e-3


def test_an_engine_that_is_not_there_has_no_value_but_the_reason(bench_json, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    row = bench_json()["onnxruntime fp32: torch fp32 / onnxruntime fp32"]
    assert (row["value"], row["met"]) == (None, None)
    assert "ONNX Runtime fp32" in row["reason"]


def test_operations_are_counted_as_a_convolution_has_them():
    """By hand: 2 x output pixels x kernel x channels in x channels out for every convolution of the small network."""
    import torch
    from torch import nn

    model, expected = toy_model(), 0

    def count(layer, _given, output):
        nonlocal expected
        kernel = layer.weight[0].numel()
        expected += 2 * output[0].numel() * kernel

    cnn = model.members[0].cnn
    hooks = [layer.register_forward_hook(count) for layer in cnn.modules() if isinstance(layer, nn.Conv2d)]
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        cnn(x)
    for hook in hooks:
        hook.remove()
    expected += 2 * cnn.head.weight.numel()
    assert bench._operations(model, x) == expected


def test_the_papers_network_can_be_measured_without_its_weights(tmp_path):
    model = measured_model(tmp_path, "small")
    assert (model.info.side, model.info.sequence.features, model.info.sequence.hidden) == (256, 120, 256)
    assert model.info.sequence.layers == 3
