from __future__ import annotations

import copy
import json
import math
import re
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
import safetensors.torch
import torch

from ihd_core.errors import FileError, ModelFileError
from ihd_core.estimate import wilson
from ihd_core.files import sha256
from ihd_core.labels import DISPLAY_ORDER, LABELS, Label
from ihd_core.model_file import (
    LEVELS,
    OperatingPoint,
    TrainingData,
    load_model,
    read_info,
    salted_sha256,
    save_model,
)
from ihd_core.model_input import Cells
from tests.ihd_core.toy import toy_info, toy_networks

SHAPE = asdict(toy_info().sequence)
FILES = ("model.json", "weights.safetensors", "MODEL_CARD.md")


@pytest.fixture(scope="module")
def networks():
    return toy_networks()


@pytest.fixture(scope="module")
def saved(tmp_path_factory, networks):
    folder = tmp_path_factory.mktemp("models") / "toy"
    return folder, save_model(folder, toy_info(), **networks, card="# Toy\n")


@pytest.fixture
def folder(saved, tmp_path):
    """A copy that a test may damage."""
    for name in FILES:
        (tmp_path / name).write_bytes((saved[0] / name).read_bytes())
    return tmp_path


def refusal(folder, read=load_model):
    """The message, which must be one line."""
    with pytest.raises(ModelFileError) as caught:
        read(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


def rewrite(folder, **changes):
    """Change the description and make its SHA-256 fit again, as somebody with another program would."""
    path = folder / "model.json"
    described = json.loads(path.read_text()) | changes | {"sha256": "0" * 64}
    content = json.dumps(described).encode()
    path.write_bytes(content.replace(b"0" * 64, sha256(content).encode()))


def assert_same_weights(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for (part, network), (known_part, known) in zip(one.parts(), other.parts(), strict=True):
            assert part == known_part
            states = network.state_dict(), known.state_dict()
            assert states[0].keys() == states[1].keys()
            for name, tensor in states[0].items():
                assert tensor.dtype == states[1][name].dtype
                assert torch.equal(tensor, states[1][name]), name


def test_a_model_comes_back_as_it_was_saved(saved, networks):
    folder, info = saved
    model = load_model(folder)
    assert model.info == info
    assert_same_weights(model.members, networks["members"])
    for member in model.members:
        for _, network in member.parts():
            assert not network.training
            assert not any(parameter.requires_grad for parameter in network.parameters())


def test_its_name_is_the_sha_256_of_the_description_with_blanked_digits(saved):
    folder, info = saved
    content = (folder / "model.json").read_bytes()
    assert sha256(content.replace(info.sha256.encode(), b"0" * 64)) == info.sha256


def test_the_description_can_be_read_by_people_and_other_programs(saved):
    described = json.loads((saved[0] / "model.json").read_text())
    assert described["labels"] == [label.value for label in LABELS]
    assert list(described["full_scale"]) == [label.value for label in DISPLAY_ORDER]
    assert described["windows"][0] == {"center": 40, "width": 80, "name": "brain"}
    assert described["files"]["MODEL_CARD.md"] == sha256(b"# Toy\n")
    assert (saved[0] / "model.json").read_text().startswith("{\n  ")


def test_the_cells_are_measured_when_the_model_is_saved(saved):
    cells = saved[1].cells
    assert cells.stride == 16.0
    assert cells.offset == pytest.approx(7.5, abs=1.5)
    assert cells != Cells(7.5, 16.0), "measured, not assumed"


def test_operating_points_keep_their_counts_and_intervals(tmp_path, networks):
    point = OperatingPoint(0.31, wilson(95, 100), wilson(80, 120), 100, 120)
    info = toy_info()
    points = {
        **info.operating_points,
        "screen": {level: dict.fromkeys(LABELS, point) for level in LEVELS},
    }
    save_model(tmp_path / "m", replace(info, operating_points=points), **networks, card="")
    found = read_info(tmp_path / "m")
    assert found.operating_points["screen"]["slice"][Label.SUBDURAL] == point
    assert found.threshold("screen", "scan", Label.ANY) == pytest.approx(0.31)
    assert found.threshold("paper", "scan", Label.ANY) == 0.5


@pytest.mark.parametrize("threshold", [0.1, 0.2, 0.3, 0.7])
def test_single_and_double_precision_cut_at_the_same_place(threshold):
    points = {"screen": {"scan": {Label.ANY: OperatingPoint(threshold)}}}
    limit = toy_info(operating_points=points).threshold("screen", "scan", Label.ANY)
    probability = np.float32(threshold)
    assert bool(probability > limit) is (float(probability) > limit) is False


def test_a_metric_that_is_not_a_number_is_null_in_the_file(tmp_path, networks):
    save_model(tmp_path / "m", toy_info(metrics={"auc": [0.9, float("nan")]}), **networks, card="")
    assert read_info(tmp_path / "m").metrics == {"auc": [0.9, None]}


def test_saving_again_gives_the_same_bytes(saved, tmp_path, networks):
    save_model(tmp_path / "again", toy_info(), **networks, card="# Toy\n")
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (saved[0] / name).read_bytes()


@pytest.mark.parametrize("read", [load_model, read_info])
@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder, name, read):
    (folder / name).unlink()
    assert re.search(rf"{name}: missing", refusal(folder, read))


@pytest.mark.parametrize("read", [load_model, read_info])
@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_anywhere_is_refused_and_the_file_named(folder, name, read):
    path = folder / name
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    places = {0, len(content) - 1, *rng.integers(0, len(content), 12).tolist()}
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        assert name in refusal(folder, read)


def test_a_changed_digit_of_the_identity_itself_is_refused(folder, saved):
    path, digest = folder / "model.json", saved[1].sha256
    other = ("0" if digest[0] != "0" else "1") + digest[1:]
    path.write_text(path.read_text().replace(digest, other))
    assert "SHA-256" in refusal(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    assert str(tmp_path / "nowhere") in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not readable as JSON"),
        (b"\xff\xfe\x00", "not readable as JSON"),
        (b'{"a": ', "not readable as JSON"),
        (b"[1, 2]", "not the description of a hemorrhage model"),
        (b"[" * 100_000, "not readable as JSON"),
        (b'{"format": "something else"}', "not the description of a hemorrhage model"),
    ],
)
def test_a_foreign_description_is_refused(folder, content, reason):
    (folder / "model.json").write_bytes(content)
    message = refusal(folder)
    assert "model.json" in message
    assert reason in message


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format_version": 3}, "format version 3, this program reads versions 1 and 2"),
        ({"labels": ["any", *LABELS[:-1]]}, "labels"),
        ({"windows": [{"center": 40, "width": 80, "name": ""}]}, "windows"),
        ({"scan_rule": {"kind": "mean", "weights": {}}}, "scan rule 'mean'"),
        ({"backbone": "vgg"}, "backbone 'vgg'"),
        ({"side": 100}, "side is 100"),
        ({"side": 16 * 10**9}, "side is 16000000000"),
        ({"side": math.inf}, "side is inf, must be a whole number"),
        ({"pooled_count": 10**13}, "pooled_count is 10000000000000, of small it is 224"),
        ({"sequence": SHAPE | {"hidden": "16"}}, "hidden is '16', must be a whole number"),
        ({"sequence": SHAPE | {"hidden": 10**13}}, "cannot be built"),
        ({"mean": [0.1, 0.1, math.nan]}, "must be finite"),
        ({"deviation": [0.3, 0, 0.3]}, "above 0"),
        ({"cells": {"offset": 7.5, "stride": 0}}, "stride above 0"),
        ({"files": ["weights.safetensors", "MODEL_CARD.md"]}, "files"),
        ({"files": {"../../etc/passwd": "0"}}, "files"),
        ({"operating_points": {}}, "'screen'"),
        ({"full_scale": dict.fromkeys(LABELS, 0)}, "full_scale is 0"),
        ({"sequence": SHAPE | {"hidden": 20}}, "0.sequence.lstm.weight_ih_l0 is"),
    ],
)
def test_a_description_this_program_cannot_follow_is_refused(folder, changes, reason):
    rewrite(folder, **changes)
    message = refusal(folder)
    assert reason in message
    assert str(folder) in message


@pytest.mark.parametrize("threshold", [math.nan, 7, -0.1])
def test_a_threshold_that_no_probability_can_pass_or_fail_is_refused(folder, threshold):
    points = json.loads((folder / "model.json").read_text())["operating_points"]
    points["screen"]["scan"]["any"]["threshold"] = threshold
    rewrite(folder, operating_points=points)
    assert f"threshold is {float(threshold)}, must be 0..1" in refusal(folder)


def test_an_identity_that_is_no_text_is_refused(folder):
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"sha256": "\ud800"}))
    assert "does not match its own SHA-256" in refusal(folder)


def test_weights_that_are_no_numbers_are_refused_by_name(tmp_path, networks):
    member = copy.deepcopy(networks["members"][0])
    member.cnn.fc.bias[0] = math.nan
    with pytest.raises(ModelFileError, match=r"weights\.safetensors: 0\.cnn\.fc\.bias holds values"):
        save_model(tmp_path, toy_info(), members=[member], card="# toy")


def test_weights_of_another_network_are_refused_by_name(folder):
    path = folder / "weights.safetensors"
    tensors = safetensors.torch.load(path.read_bytes())
    tensors["0.cnn.extra"] = tensors.pop("0.cnn.conv1.weight")
    path.write_bytes(safetensors.torch.save(tensors))
    files = json.loads((folder / "model.json").read_text())["files"]
    rewrite(folder, files=files | {"weights.safetensors": sha256(path.read_bytes())})
    assert "0.cnn.conv1.weight is missing" in refusal(folder)


def test_weights_that_are_no_safetensors_are_refused(folder):
    (folder / "weights.safetensors").write_bytes(b"PK\x03\x04")
    files = json.loads((folder / "model.json").read_text())["files"]
    rewrite(folder, files=files | {"weights.safetensors": sha256(b"PK\x03\x04")})
    assert "weights.safetensors: not a safetensors file" in refusal(folder)


def test_a_description_that_does_not_fit_the_networks_is_not_saved(tmp_path, networks):
    with pytest.raises(ModelFileError, match="pooled_count is 100"):
        save_model(tmp_path / "m", toy_info(pooled_count=100), **networks, card="")
    assert not (tmp_path / "m").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path, networks):
    (tmp_path / "m").write_text("a file")
    with pytest.raises(FileError, match="m: cannot be created"):
        save_model(tmp_path / "m", toy_info(), **networks, card="")


def test_training_data_are_known_only_by_salted_hash():
    data = TrainingData(
        "test",
        salt="pepper",
        training_patients=(salted_sha256("pepper", "patient 1"),),
        validation_series=(salted_sha256("pepper", "1.2.3"),),
    )
    assert data.role_of("patient 1", "9.9.9") == "training"
    assert data.role_of("", "1.2.3") == "validation"
    assert data.role_of("patient 2", "9.9.9") == ""
    assert "patient" not in "".join(data.training_patients)
    assert salted_sha256("pepper", "1.2.3") == sha256(b"pepper1.2.3")


def test_a_scan_without_a_patient_id_was_not_trained_on():
    data = TrainingData("test", "s", training_patients=(salted_sha256("s", ""),))
    assert data.role_of("", "1.2.3") == ""


def test_reading_the_description_does_not_import_torch(saved):
    code = (
        "import sys, pathlib\n"
        "from ihd_core.model_file import read_info\n"
        "import ihd_core.predict, ihd_core.explain, ihd_core.overlay\n"
        "print(read_info(pathlib.Path(sys.argv[1])).name, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(saved[0])], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["toy", "False"]


def test_weights_are_stored_in_half_the_bytes_where_that_loses_nothing(tmp_path, networks):
    member = copy.deepcopy(networks["members"][0])
    for parameter in member.sequence.parameters():
        parameter.data = parameter.data.half().float()
    save_model(tmp_path, toy_info(), members=[member], card="# Toy\n")
    stored = safetensors.torch.load((tmp_path / "weights.safetensors").read_bytes())
    assert stored["0.sequence.classifier.weight"].dtype is torch.float16
    assert stored["0.cnn.conv1.weight"].dtype is torch.float32
    assert_same_weights(load_model(tmp_path).members, [member])
