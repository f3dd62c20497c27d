from __future__ import annotations

import copy
import functools
import itertools
import json
import math
import operator
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import ihd_core.networks.network
from app.places import default_model
from ihd_core.errors import FileError, ModelFileError
from ihd_core.estimate import wilson
from ihd_core.files import sha256
from ihd_core.labels import DISPLAY_ORDER, LABELS, Label
from ihd_core.model_file import (
    LEVELS,
    Model,
    OperatingPoint,
    ScanRule,
    SequenceShape,
    TrainingData,
    load_model,
    read_info,
    salted_sha256,
    save_model,
)
from ihd_core.model_input import Cells
from ihd_core.model_json import from_json, to_json
from ihd_core.predict import predict
from tests.ihd_core.toy import toy_info, toy_networks, toy_scan

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


def refit(folder):
    """Make the hash of the weights fit again."""
    files = json.loads((folder / "model.json").read_text())["files"]
    rewrite(folder, files=files | {"weights.safetensors": sha256((folder / "weights.safetensors").read_bytes())})


def weights_in(folder):
    return safetensors.torch.load((folder / "weights.safetensors").read_bytes())


def with_weights(folder, tensors):
    """Put other weights into the folder, as somebody with another program would."""
    (folder / "weights.safetensors").write_bytes(safetensors.torch.save(tensors))
    refit(folder)


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
        ({"scan_rule": {"kind": "mean", "weights": {}}}, "kind is 'mean', must be one of maximum, fitted"),
        ({"backbone": "vgg"}, "backbone 'vgg'"),
        ({"side": 100}, "side is 100"),
        ({"side": 16 * 10**9}, "side is 16000000000"),
        ({"side": math.inf}, "side is inf, must be a whole number"),
        ({"pooled_count": 225}, "pooled_count is 225, of small it is 224"),
        ({"pooled_count": 10**13}, "pooled_count is 10000000000000, must be a whole number"),
        ({"sequence": SHAPE | {"hidden": "16"}}, "hidden is '16', must be a whole number"),
        ({"sequence": SHAPE | {"hidden": 4096}}, "hidden is 4096, must be a whole number, at least 1 and at most 2048"),
        ({"sequence": SHAPE | {"hidden": 10**40}}, "hidden is 'beyond all measure'"),
        ({"sequence": SHAPE | {"layers": 17}}, "layers is 17, must be a whole number, at least 1 and at most 16"),
        ({"mean": [0.1, 0.1, math.nan]}, "must be finite"),
        ({"deviation": [0.3, 0, 0.3]}, "above 0"),
        ({"deviation": [0.3, 1e60, 0.3]}, "deviation is 1e+60, must be finite"),
        ({"cells": {"offset": 7.5, "stride": 0}}, "stride of cells is 0.0, must be finite and above 0"),
        ({"files": ["weights.safetensors", "MODEL_CARD.md"]}, "files"),
        ({"files": {"../../etc/passwd": "0"}}, "files"),
        ({"operating_points": {}}, "'screen'"),
        ({"full_scale": dict.fromkeys(LABELS, 0)}, "full_scale is 0"),
        ({"full_scale": dict.fromkeys(LABELS, 1e-60)}, "full_scale is 1e-60, must be finite and above 0"),
        ({"sequence": SHAPE | {"hidden": 20}}, "0.sequence.lstm.weight_ih_l0 is"),
    ],
)
def test_a_description_this_program_cannot_follow_is_refused(folder, changes, reason):
    rewrite(folder, **changes)
    message = refusal(folder)
    assert reason in message
    assert str(folder) in message


def test_a_name_that_stands_twice_is_refused(folder):
    """Which of the two counts depends on who reads it."""
    path = folder / "model.json"
    content = path.read_bytes().replace(b'"flip": false', b'"flip": true, "flip": false')
    digest = json.loads(content)["sha256"].encode()
    blank = content.replace(digest, b"0" * 64)
    path.write_bytes(content.replace(digest, sha256(blank).encode()))
    assert "not readable as JSON, damaged or foreign ('flip' stands twice in one object)" in refusal(folder)


WEIGHTS = {label.value: [0.0, 1.0, 0.0, 0.0] for label in LABELS}
SHARES = dict.fromkeys(map(str, LABELS), 0.0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"gamma": 1}, "the description holds 'gamma'"),
        ({"training": asdict(toy_info().training) | {"test_patients": []}}, "training holds 'test_patients'"),
        ({"operating_points": {"screen": {"scan": {}, "patient": {}}}}, "screen holds 'patient'"),
        ({"operating_points": {"triage": {}}}, "operating_points holds 'triage'"),
        ({"operating_points": {"screen": {"scan": {"chronic": {}}}}}, "screen scan holds 'chronic'"),
        ({"operating_points": {"screen": {"scan": {"any": {"limit": 1}}}}}, "an operating point holds 'limit'"),
        ({"sequence": SHAPE | {"attention": True}}, "sequence holds 'attention'"),
        ({"scan_rule": "maximum"}, "scan_rule is 'maximum', must be"),
        ({"scan_rule": {"kind": "maximum", "weights": {}, "top": 3}}, "scan_rule holds 'top'"),
        ({"scan_rule": {"kind": "fitted", "weights": {}}}, "needs"),
        ({"scan_rule": {"kind": "fitted", "weights": WEIGHTS | {"any": [0, -1, 0, 0]}}}, "at least 0"),
        ({"scan_rule": {"kind": "fitted", "weights": WEIGHTS | {"any": [0, 1, 0, -1e-9]}}}, "at least 0"),
        ({"scan_rule": {"kind": "fitted", "weights": WEIGHTS | {"any": [0, 1, 0]}}}, "four numbers"),
        (
            {"scan_rule": {"kind": "fitted", "weights": WEIGHTS | {"any": [math.nan, 1, 0, 0]}}},
            "weight of any is nan, must be finite",
        ),
        (
            {"scan_rule": {"kind": "fitted", "weights": WEIGHTS | {"any": [0, math.inf, 0, 0]}}},
            "weight of any is inf, must be finite",
        ),
        (
            {"scan_rule": {"kind": "fitted", "weights": WEIGHTS | {"any": "abcd"}}},
            "weight of any is 'a', must be a number",
        ),
        ({"scan_rule": {"kind": "fitted", "weights": WEIGHTS | {"chronic": [0, 1, 0, 0]}}}, "'chronic'"),
        ({"blend": SHARES | {"any": 1.01}}, "blend of any is 1.01, must be 0..1"),
        ({"blend": SHARES | {"any": -0.01}}, "blend of any is -0.01, must be 0..1"),
        ({"blend": SHARES | {"any": math.nan}}, "blend of any is nan, must be 0..1"),
        ({"blend": SHARES | {"any": True}}, "blend of any is True, must be 0..1"),
        ({"blend": SHARES | {"chronic": 0.5}}, "blend holds 'chronic'"),
        ({"blend": {"any": 0.5}}, "KeyError"),
        ({"blend": 0.5}, "blend is 0.5, must be"),
        ({"members": 0}, "members is 0, must be a whole number, at least 1"),
        ({"members": 10**9}, "members is 1000000000, must be a whole number, at least 1 and at most 100"),
        ({"members": 2}, "weights.safetensors: holds 1 members where 2 are described"),
        ({"neighbours": -1}, "neighbours is -1, must be a whole number"),
        ({"neighbours": 1.5}, "neighbours is 1.5, must be a whole number"),
        ({"neighbours": True}, "neighbours is True, must be a whole number"),
        ({"neighbours": 99}, "at most 8"),
        ({"neighbours": 1}, "0.cnn.conv1.weight is (24, 3, 4, 4) where (24, 9, 4, 4) is expected"),
        ({"flip": "yes"}, "flip is 'yes', must be true or false"),
        ({"reversal": 1}, "reversal is 1, must be true or false"),
        ({"demonstration": "false"}, "demonstration is 'false', must be true or false"),
        ({"resize": "area"}, "resize is 'area', must be one of windows, hu"),
        ({"resize": ["hu"]}, "resize is ['hu'], must be one of windows, hu"),
        ({"reduction": "ica"}, "reduction is 'ica', must be one of pca, selection, none"),
        ({"reduction": "none"}, "reduction is 'none' for 12 features"),
        ({"sequence": SHAPE | {"features": 0}}, "it reads nothing"),
        ({"sequence": SHAPE | {"features": 0, "probabilities": "input"}}, "reduction is 'pca' for 0 features"),
        ({"sequence": SHAPE | {"features": 225}}, "225 features, more than the 224"),
        ({"sequence": SHAPE | {"layers": 0}}, "layers is 0, must be a whole number, at least 1"),
        ({"sequence": SHAPE | {"dropout": 1.5}}, "dropout is 1.5, must be 0..1"),
        ({"sequence": SHAPE | {"classifier_dropout": -1}}, "classifier_dropout is -1, must be 0..1"),
        ({"sequence": SHAPE | {"probabilities": "late"}}, "probabilities is 'late', must be one of"),
        ({"sequence": SHAPE | {"deltas": 3}}, "deltas is 3, must be true or false"),
        ({"sequence": SHAPE | {"deltas": True}}, "0.sequence.lstm.weight_ih_l0 is (64, 12) where (64, 36) is expected"),
        ({"sequence": [12, 16, 2]}, "sequence is [12, 16, 2], must be"),
        ({"sequence": None, "reduction": "none"}, "is (12, 224) where nothing is expected"),
        ({"sequence": None}, "reduction is 'pca' for 0 features"),
        ({"sequence": None, "reduction": "none", "reversal": True}, "reversal and blend are of a BiLSTM"),
        (
            {"sequence": None, "reduction": "none", "blend": SHARES | {"any": 0.5}},
            "reversal and blend are of a BiLSTM",
        ),
    ],
)
def test_an_average_this_program_does_not_know_is_refused(folder, changes, reason):
    rewrite(folder, **changes)
    message = refusal(folder)
    assert reason in message
    assert str(folder) in message


@pytest.mark.parametrize("name", ["members", "flip", "blend", "scan_rule", "sequence", "resize"])
def test_a_description_that_leaves_something_unsaid_is_refused(folder, name):
    path = folder / "model.json"
    described = json.loads(path.read_text())
    del described[name]
    path.write_text(json.dumps(described))
    rewrite(folder)
    assert f"KeyError on reading the description: '{name}'" in refusal(folder)


def leaves(value, path=()):
    """Where in a description something could be wrong; of the many operating points, at one."""
    if path[:1] == ("operating_points",) and not set(path[1:4]) <= {"screen", "scan", "any"}:
        return
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from leaves(inner, (*path, key))


ODD = (None, "", "x\ny", [], {}, math.nan, math.inf, -1, 0, 0.5, 1e308, 10**400, True, [[]], [None], {"a": 1}, "\ud800")


def test_whatever_stands_anywhere_in_a_description_it_is_read_or_refused_in_one_line():
    """And what is read is written again as it was read: nothing was taken for something else."""
    hashes = {"weights.safetensors": "0", "MODEL_CARD.md": "0"}
    described = json.loads(to_json(toy_info(**EVERYTHING), hashes))
    refused, read = [], 0
    for path, odd in itertools.product(list(leaves(described)), ODD):
        changed = copy.deepcopy(described)
        holder = functools.reduce(operator.getitem, path[:-1], changed)
        holder[path[-1]] = odd
        try:
            info = from_json(Path("model.json"), changed)
        except ModelFileError as error:
            refused.append(str(error))
            continue
        again = json.loads(to_json(info, hashes))
        assert replace(from_json(Path("model.json"), again), sha256=info.sha256) == info
        read += 1
    assert not [message for message in refused if "\n" in message or len(message) > 1000]
    assert len(refused) > 5 * read > 0


def test_networks_that_fit_no_memory_are_refused_in_one_line(folder, monkeypatch):
    def too_large(**_):
        raise RuntimeError("can't allocate memory\nand a stack of C++")

    monkeypatch.setattr(ihd_core.networks.network, "SequenceNetwork", too_large)
    assert refusal(folder).endswith("describes networks that cannot be built (can't allocate memory)")


def test_nothing_is_made_room_for_before_the_weights_are_seen_to_be_there(tmp_path, monkeypatch):
    """Otherwise a folder of a few kilobytes that describes a hundred large networks would fill any memory."""
    built = []
    own = ihd_core.networks.network.SequenceNetwork

    def recorded(**shape):
        built.append(own(**shape))
        return built[-1]

    save_model(tmp_path, toy_info(), **toy_networks(), card="")
    with_weights(tmp_path, {f"{number}.x": torch.zeros(1) for number in range(100)})
    rewrite(tmp_path, members=100, sequence=asdict(SequenceShape(12, 2048, 16)))
    monkeypatch.setattr(ihd_core.networks.network, "SequenceNetwork", recorded)
    assert "0.cnn.bn1.bias is missing" in refusal(tmp_path)
    assert {value.device.type for network in built for value in network.parameters()} == {"meta"}


def test_members_beyond_those_described_are_refused(tmp_path):
    info = toy_info(members=2)
    save_model(tmp_path, info, **toy_networks(info), card="")
    rewrite(tmp_path, members=1)
    assert "holds 2 members where 1 are described" in refusal(tmp_path)


def test_a_model_without_members_is_not_saved(tmp_path):
    with pytest.raises(ModelFileError, match="at least one member"):
        save_model(tmp_path / "m", toy_info(), members=[], card="")


def test_a_number_that_is_none_is_not_saved(tmp_path, networks):
    with pytest.raises(ModelFileError, match="no finite numbers"):
        save_model(tmp_path / "m", toy_info(mean=(0.1, math.nan, 0.1)), **networks, card="")


EVERYTHING = {
    "members": 3,
    "neighbours": 2,
    "resize": "hu",
    "flip": True,
    "reversal": True,
    "blend": {label: 0.1 * label.column for label in DISPLAY_ORDER},
    "scan_rule": ScanRule("fitted", {label: (-1.0, 0.5, 0.25, float(label.column)) for label in LABELS}),
    "reduction": "selection",
    "sequence": SequenceShape(12, 16, 2, 0.1, classifier_dropout=0.5, probabilities="both", deltas=True),
}


@pytest.mark.parametrize(
    "changes",
    [
        EVERYTHING,
        {"sequence": None, "reduction": "none"},
        {"sequence": SequenceShape(0, 16, 1, probabilities="input"), "reduction": "none"},
        {"sequence": SequenceShape(0, 16, 1, probabilities="both"), "reduction": "selection"},
        {"backbone": "tiny", "pooled_count": 160},
    ],
    ids=["everything", "CNN alone", "probabilities alone", "none selected", "another backbone"],
)
def test_every_kind_of_model_comes_back_as_it_was_saved(tmp_path, changes):
    info = toy_info(**changes)
    members = toy_networks(info)["members"]
    saved = save_model(tmp_path, info, members=members, card="")
    model = load_model(tmp_path)
    assert model.info == saved == read_info(tmp_path)
    assert saved == replace(info, cells=saved.cells, sha256=saved.sha256)
    assert_same_weights(model.members, members)
    before = predict(toy_scan(2), Model(saved, members))
    after = predict(toy_scan(2), model)
    assert after.slices.tobytes() == before.slices.tobytes()
    assert after.scan.tobytes() == before.scan.tobytes()


def test_a_share_that_is_not_named_is_0(tmp_path, networks):
    saved = save_model(tmp_path, toy_info(blend={Label.ANY: 0.5}), **networks, card="")
    assert saved.blend == {**dict.fromkeys(LABELS, 0.0), Label.ANY: 0.5}


def as_version_1(folder):
    """Rewrite a folder as the first version of this program wrote it."""
    path, weights = folder / "model.json", folder / "weights.safetensors"
    tensors = {name.removeprefix("0."): value for name, value in safetensors.torch.load(weights.read_bytes()).items()}
    weights.write_bytes(safetensors.torch.save(tensors))
    described = json.loads(path.read_text())
    for name in ("resize", "neighbours", "members", "flip", "reversal", "blend"):
        del described[name]
    for name in ("classifier_dropout", "probabilities", "deltas"):
        del described["sequence"][name]
    path.write_text(json.dumps(described))
    files = described["files"] | {"weights.safetensors": sha256(weights.read_bytes())}
    rewrite(folder, format_version=1, scan_rule="maximum", files=files)


def test_a_folder_of_version_1_is_the_same_model(folder, saved, networks):
    as_version_1(folder)
    model = load_model(folder)
    assert model.info == replace(saved[1], sha256=model.info.sha256)
    assert_same_weights(model.members, networks["members"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"members": 1}, "the description holds 'members'"),
        ({"flip": True}, "the description holds 'flip'"),
        ({"scan_rule": "fitted"}, "scan rule 'fitted', version 1 knows 'maximum'"),
        ({"sequence": SHAPE}, "sequence holds 'classifier_dropout'"),
        ({"sequence": None}, "TypeError"),
    ],
)
def test_what_version_1_did_not_have_is_refused_there(folder, changes, reason):
    as_version_1(folder)
    rewrite(folder, **changes)
    assert reason in refusal(folder)


def test_the_shipped_folder_is_of_this_version():
    described = json.loads((default_model() / "model.json").read_text())
    assert described["format_version"] == 2
    info = read_info(default_model())
    assert (info.members, info.neighbours, info.flip, info.reversal) == (1, 0, False, False)
    assert info.scan_rule == ScanRule()
    assert all(0 <= share <= 1 for share in info.blend.values())


@pytest.mark.parametrize("threshold", [math.nan, 7, -0.1])
def test_a_threshold_that_no_probability_can_pass_or_fail_is_refused(folder, threshold):
    points = json.loads((folder / "model.json").read_text())["operating_points"]
    points["screen"]["scan"]["any"]["threshold"] = threshold
    rewrite(folder, operating_points=points)
    assert f"threshold is {threshold}, must be 0..1" in refusal(folder)


def test_an_identity_that_is_no_text_is_refused(folder):
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"sha256": "\ud800"}))
    assert "does not match its own SHA-256" in refusal(folder)


def test_weights_that_are_no_numbers_are_refused_by_name(tmp_path, networks):
    member = copy.deepcopy(networks["members"][0])
    member.cnn.fc.bias[0] = math.nan
    with pytest.raises(ModelFileError, match=r"weights\.safetensors: 0\.cnn\.fc\.bias holds values"):
        save_model(tmp_path, toy_info(), members=[member], card="# toy")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (torch.full((6,), 1e300, dtype=torch.float64), "holds values that are no finite numbers"),
        (torch.zeros(6, dtype=torch.complex64), r"holds torch.complex64 where torch.float32 is expected"),
        (torch.zeros(6, dtype=torch.uint8), r"holds torch.uint8 where torch.float32 is expected"),
        (torch.zeros(6).to(torch.float8_e4m3fn), r"holds torch.float8_e4m3fn where torch.float32 is expected"),
    ],
    ids=["beyond single precision", "complex", "whole numbers", "a byte each"],
)
def test_numbers_that_the_network_cannot_take_as_they_are_are_refused_by_name(folder, values, reason):
    with_weights(folder, weights_in(folder) | {"0.cnn.fc.bias": values})
    assert f"weights.safetensors: 0.cnn.fc.bias {reason}" in refusal(folder)


def test_a_type_of_number_that_torch_does_not_know_is_refused(folder):
    header = {"x": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}}
    text = json.dumps(header).encode()
    (folder / "weights.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + b"\0")
    refit(folder)
    assert "weights.safetensors: not a safetensors file" in refusal(folder)


def test_weights_of_another_network_are_refused_by_name(folder):
    tensors = weights_in(folder)
    tensors["0.cnn.extra"] = tensors.pop("0.cnn.conv1.weight")
    with_weights(folder, tensors)
    assert "0.cnn.conv1.weight is missing" in refusal(folder)


def test_weights_that_are_no_safetensors_are_refused(folder):
    (folder / "weights.safetensors").write_bytes(b"PK\x03\x04")
    refit(folder)
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
        "import ihd_core.predict, ihd_core.heatmaps.explain, ihd_core.heatmaps.overlay\n"
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
