"""The bench of training: names and goals of its rows, and that each work does what its count says."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.training.fitting.bright_spots import BrightSpots
from training.bench import GPU_BACKBONE, MadePictures, Setting, bench, main
from training.config import CnnConfig, RunConfig
from training.data.pictures import Pictures

SMALL = Setting(
    RunConfig(cnn=CnnConfig(backbone="small", batch=4, precision="fp32")), side=32, rounds=1, steps=1, threads=1
)
ROWS = {
    "loader": "images/s",
    "step": "images/s",
    "training": "images/s",
    "training, an image": "ms",
    "loader / step": "times",
    "matrix product, float32": "GFLOP/s",
    "training / matrix product": "times",
    f"training on a GPU, {GPU_BACKBONE}, bf16, 256 x 256": "images/s",
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    return bench(SMALL, MadePictures(folder, 32, 24)).as_json()


def test_every_row_has_its_name_unit_and_goal(rows):
    assert {row["name"]: row["unit"] for row in rows} == ROWS
    goals = {row["name"]: row["goal"] for row in rows if row["goal"]}
    assert list(goals.values()) == [">= 1.5", ">= 1400"]


def test_values_agree_with_one_another(rows):
    value = {row["name"]: row["value"] for row in rows}
    assert np.isclose(value["training, an image"], 1000 / value["training"])
    assert np.isclose(value["loader / step"], value["loader"] / value["step"]), "one round: its own ratio"
    assert all(number > 0 for number in value.values() if number is not None)


def test_the_goal_on_a_gpu_is_left_open_with_the_reason(rows):
    row = rows[-1]
    assert (row["value"], row["met"]) == (None, None)
    assert row["reason"] in ("torch finds no GPU here", "another network, size or precision was measured")


def test_operations_are_those_of_the_network_three_times(tmp_path):
    """Forwards, and backwards to the pictures and to the weights; the first layer needs no gradient of the pictures."""
    from training.bench import _operations
    from training.fitting.cnn import new_fit
    from training.fitting.distributed import joined

    with joined() as processes:
        fit = new_fit(
            SMALL.config, BrightSpots(side=32), np.arange(8), 0, processes=processes, checkpoint=tmp_path / "none"
        )
    macs = 0

    def count(module, inputs, output):
        nonlocal macs
        kernel = module.weight[0].numel()
        macs += output[0].numel() * kernel * (2 if module is fit.objective.cnn.conv1 else 3)

    for module in fit.objective.cnn.modules():
        if hasattr(module, "weight") and module.weight.ndim > 1:
            module.register_forward_hook(count)
    assert _operations(fit) == pytest.approx(2 * macs, rel=1e-6)


def test_made_pictures_are_pictures(tmp_path):
    made = MadePictures(tmp_path, 64, 5)
    assert made.hu(4).shape == (64, 64)
    assert isinstance(made.hu(4).base, np.memmap), "as slow as prepared ones"
    assert made.cells(1).shape == (5, 4, 4)
    assert made.neighbour_rows(1).tolist() == [[0, 0, 1], [1, 0, 2], [2, 1, 3], [3, 2, 4], [4, 3, 4]]
    assert {name for name in vars(MadePictures) if not name.startswith("_")} <= vars(Pictures).keys()


def test_the_command_prints_text_or_json(monkeypatch, capsys):
    heard = []
    table = bench(SMALL, BrightSpots(side=32))

    def found(setting, source):
        heard.append(setting)
        return table

    monkeypatch.setattr("training.bench.bench", found)
    assert main(["--backbone", "small", "--side", "64", "--set", "cnn.checkpointing=true", "--rounds", "7"]) == 0
    assert "loader / step" in capsys.readouterr().out
    assert heard[0] == replace(
        Setting(side=64, rounds=7),
        config=RunConfig(cnn=replace(RunConfig().cnn, backbone="small", checkpointing=True)),
    )
    assert main(["--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == list(ROWS)


def test_a_number_that_cannot_be_is_named(capsys):
    assert main(["--set", "cnn.speed=9"]) == 2
    assert "cnn.speed=9" in capsys.readouterr().err
    assert main(["--precision", "fp8"]) == 2
    assert "fp8" in capsys.readouterr().err
