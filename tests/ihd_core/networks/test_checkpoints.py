from __future__ import annotations

import os
import pickle
import zipfile

import pytest
import safetensors.torch
import torch

from ihd_core.errors import ModelFileError
from ihd_core.networks.checkpoints import read_checkpoint, starting_weights
from ihd_core.networks.network import SliceCnn
from tests.ihd_core.foreign_checkpoints import torchvisions


def seeded(backbone="resnext50_32x4d", neighbours=0, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SliceCnn(backbone, neighbours=neighbours).eval().requires_grad_(False)


def with_classes(cnn, count):
    """The state dict of the same network with a head of that many classes."""
    return cnn.state_dict() | {"fc.weight": torch.zeros(count, cnn.fc.in_features), "fc.bias": torch.zeros(count)}


def refusal(cnn, path):
    before = {name: tensor.clone() for name, tensor in cnn.state_dict().items()}
    with pytest.raises(ModelFileError) as caught:
        starting_weights(cnn, path)
    assert all(torch.equal(before[name], tensor) for name, tensor in cnn.state_dict().items())
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message


def test_a_checkpoint_of_1000_classes_gives_all_but_its_head(tmp_path):
    donor = seeded(seed=7)
    torch.save(with_classes(donor, 1000), tmp_path / "resnext50.pth")
    cnn = seeded()
    head = cnn.fc.weight.clone()
    assert starting_weights(cnn, tmp_path / "resnext50.pth") == ["fc.bias", "fc.weight"]
    x = torch.rand(1, 3, 64, 64)
    assert torch.equal(cnn.activations(x), donor.activations(x))
    assert torch.equal(cnn.fc.weight, head)


def test_torchvisions_own_efficientnet_goes_in_with_its_head_of_six(tmp_path):
    theirs = torchvisions("efficientnet_b4")
    safetensors.torch.save_file(theirs.state_dict(), tmp_path / "b4.safetensors")
    cnn = seeded("efficientnet_b4", seed=1)
    assert starting_weights(cnn, tmp_path / "b4.safetensors") == []
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(cnn(x).logits, theirs((x - cnn.mean) / cnn.deviation), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("wrapper", ["state_dict", "model", None])
@pytest.mark.parametrize("prefix", ["module.", "module._orig_mod.", ""])
def test_wrappers_and_prefixes_are_taken_off(tmp_path, wrapper, prefix):
    donor = seeded("tiny", seed=7)
    state = {prefix + name: tensor for name, tensor in donor.state_dict().items()}
    torch.save({wrapper: state, "epoch": 3, "optimizer": {"state": {}}} if wrapper else state, tmp_path / "w.pt")
    cnn = seeded("tiny")
    assert starting_weights(cnn, tmp_path / "w.pt") == []
    assert torch.equal(cnn.fc.weight, donor.fc.weight)


@pytest.mark.parametrize("backbone", ["tiny", "efficientnet_b4"])
def test_neighbours_change_nothing_at_first(tmp_path, backbone):
    donor = seeded(backbone, seed=7)
    torch.save(donor.state_dict(), tmp_path / "w.pt")
    cnn = seeded(backbone, neighbours=1)
    assert starting_weights(cnn, tmp_path / "w.pt") == []
    slices = torch.rand(1, 9, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(cnn(slices).logits, donor(slices[:, :3]).logits, rtol=1e-5, atol=1e-5)
    torch.save(cnn.state_dict(), tmp_path / "wide.pt")
    assert starting_weights(seeded(backbone, neighbours=1, seed=3), tmp_path / "wide.pt") == []


def test_files_without_counts_of_batches_are_taken(tmp_path):
    state = {
        name: tensor for name, tensor in seeded("tiny").state_dict().items() if not name.endswith("num_batches_tracked")
    }
    torch.save(state, tmp_path / "old.pth")
    assert starting_weights(seeded("tiny"), tmp_path / "old.pth") == []


def test_what_the_network_does_not_have_is_named(tmp_path):
    torch.save(seeded("tiny").state_dict() | {"aux.weight": torch.zeros(2)}, tmp_path / "w.pt")
    assert starting_weights(seeded("tiny"), tmp_path / "w.pt") == ["aux.weight"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"layer1.3.conv1.weight": None}, "layer1.3.conv1.weight is missing, tiny needs"),
        ({"conv1.weight": torch.zeros(16, 1, 4, 4)}, "conv1.weight is (16, 1, 4, 4), tiny needs (16, 3, 4, 4)"),
        ({"conv1.weight": torch.full((16, 3, 4, 4), float("nan"))}, "conv1.weight holds values that are no finite"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(tmp_path, change, reason):
    state = {name: tensor for name, tensor in (seeded("tiny").state_dict() | change).items() if tensor is not None}
    torch.save(state, tmp_path / "w.pt")
    assert reason in refusal(seeded("tiny"), tmp_path / "w.pt")


def test_a_larger_networks_file_is_refused(tmp_path):
    torch.save(seeded("small").state_dict(), tmp_path / "w.pt")
    assert "tiny needs" in refusal(seeded("tiny"), tmp_path / "w.pt")


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("write", ["torch", "pickle"])
def test_what_is_pickled_is_never_executed(tmp_path, write):
    target = tmp_path / "executed"
    content = {"conv1.weight": torch.zeros(1), "x": Malicious(target)}
    path = tmp_path / "w.pt"
    if write == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    assert "never executed" in refusal(seeded("tiny"), path)
    assert not target.exists()
    torch.load(path, weights_only=False) if write == "torch" else pickle.loads(path.read_bytes())
    assert target.exists()


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"nothing of the kind", b"PK\x03\x04 and nothing more", b"\x80\x02."])
def test_a_file_that_is_none_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    refusal(seeded("tiny"), tmp_path / name)


def test_a_truncated_file_is_refused(tmp_path):
    torch.save(seeded("tiny").state_dict(), tmp_path / "w.pt")
    whole = (tmp_path / "w.pt").read_bytes()
    (tmp_path / "w.pt").write_bytes(whole[: len(whole) // 2])
    refusal(seeded("tiny"), tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("content", "reason"),
    [([1, 2], "holds a list"), ({"epoch": 3}, "holds no weights"), (torch.zeros(3), "holds a Tensor")],
)
def test_a_file_without_weights_is_refused(tmp_path, content, reason):
    torch.save(content, tmp_path / "w.pt")
    assert reason in refusal(seeded("tiny"), tmp_path / "w.pt")


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.eye(3).to_sparse(),
        lambda: torch.zeros(3, device="meta"),
        lambda: torch.zeros(3, dtype=torch.complex64),
    ],
    ids=["sparse", "without values", "complex"],
)
def test_what_is_no_plain_array_is_refused_by_name(tmp_path, make):
    torch.save(seeded("tiny").state_dict() | {"x": make()}, tmp_path / "w.pt")
    assert refusal(seeded("tiny"), tmp_path / "w.pt").endswith("x is not a plain array of real numbers")


def test_one_number_that_claims_to_be_a_petabyte_is_refused(tmp_path):
    torch.save(seeded("tiny").state_dict() | {"x": torch.zeros(1).expand(10**8, 10**7)}, tmp_path / "w.pt")
    assert refusal(seeded("tiny"), tmp_path / "w.pt").endswith(
        f"x claims {4 * 10**15} bytes of values, more than there are"
    )


def test_a_file_that_unpacks_to_more_than_it_is_is_refused(tmp_path):
    torch.save({"x": torch.zeros(10**6)}, tmp_path / "plain.pt")
    read_checkpoint(tmp_path / "plain.pt")
    packing = zipfile.ZipFile(tmp_path / "w.pt", "w", zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(tmp_path / "plain.pt") as plain, packing as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    assert len(torch.load(tmp_path / "w.pt", weights_only=True)["x"]) == 10**6  # torch itself would unpack it
    assert "unpacks to 4" in refusal(seeded("tiny"), tmp_path / "w.pt")


def test_a_number_beyond_single_precision_is_refused_by_name(tmp_path):
    torch.save(
        seeded("tiny").state_dict() | {"fc.bias": torch.full((6,), 1e300, dtype=torch.float64)}, tmp_path / "w.pt"
    )
    assert refusal(seeded("tiny"), tmp_path / "w.pt").endswith("fc.bias holds values that are no finite numbers")


def test_the_same_weight_under_two_prefixes_is_refused(tmp_path):
    state = seeded("tiny").state_dict()
    torch.save(state | {"module.fc.bias": state["fc.bias"] + 1}, tmp_path / "w.pt")
    assert refusal(seeded("tiny"), tmp_path / "w.pt").endswith("fc.bias is in it twice, under different prefixes")


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert refusal(seeded("tiny"), tmp_path / "none.pt").endswith("no such file")
    assert refusal(seeded("tiny"), tmp_path).startswith(f"{tmp_path}: cannot be read")


def test_reading_gives_bare_names_and_nothing_else(tmp_path):
    torch.save({"model": {"module.a": torch.ones(2), "note": "text"}}, tmp_path / "w.pt")
    assert list(read_checkpoint(tmp_path / "w.pt")) == ["a"]
