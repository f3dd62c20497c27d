from __future__ import annotations

import numpy as np
import pytest
import torch

from app.bench.grad_cam import imported as oracle
from ihd_core.networks.network import BACKBONES, SliceCnn, cell_geometry


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def seeded(build, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def resnext():
    return seeded(lambda: SliceCnn("resnext101_32x8d"))


def test_resnext_has_the_papers_number_of_parameters(resnext):
    assert parameters(resnext) == 86_754_630


@pytest.mark.parametrize("name", ["resnext50_32x4d", "resnext101_32x8d"])
def test_resnext_has_torchvisions_names_and_shapes(name):
    with torch.device("meta"):
        ours, theirs = SliceCnn(name), getattr(oracle("torchvision.models"), name)(num_classes=6)
    expected = {key: (tensor.shape, tensor.dtype) for key, tensor in theirs.state_dict().items()}
    assert {key: (tensor.shape, tensor.dtype) for key, tensor in ours.state_dict().items()} == expected


def test_resnext_with_torchvisions_weights_gives_torchvisions_output(resnext):
    with torch.device("meta"):
        theirs = oracle("torchvision.models").resnext101_32x8d(num_classes=6)
    theirs.load_state_dict(resnext.state_dict(), assign=True)
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    mean = torch.tensor([0.1738, 0.1433, 0.1970])[:, None, None]
    deviation = torch.tensor([0.3161, 0.2850, 0.3111])[:, None, None]
    with torch.inference_mode():
        torch.testing.assert_close(resnext(x).logits, theirs.eval()((x - mean) / deviation), rtol=1e-5, atol=1e-5)


def test_the_small_backbone_is_small_and_ends_in_16_x_16_cells():
    from torch.utils.flop_counter import FlopCounterMode

    small = seeded(lambda: SliceCnn("small"))
    assert 2e6 <= parameters(small) <= 4e6
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        out = small(torch.zeros(1, 3, 256, 256))
    assert out.activations.shape[2:] == (16, 16)
    assert counter.get_total_flops() / 2 <= 0.8e9


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_the_stated_stride_is_that_of_the_map(name):
    with torch.device("meta"):
        cnn = SliceCnn(name)
        assert cnn.activations(torch.zeros(1, 3, 128, 128)).shape[2] * BACKBONES[name].stride == 128


def test_logits_are_the_head_of_the_mean_of_the_map():
    small = seeded(lambda: SliceCnn("small"))
    out = small(torch.rand(3, 3, 64, 64))
    torch.testing.assert_close(out.pooled, out.activations.flatten(2).mean(2))
    torch.testing.assert_close(out.logits, out.pooled @ small.head.weight.T + small.head.bias)
    assert (out.activations >= 0).all()


def test_mean_and_deviation_are_applied_inside():
    plain = seeded(lambda: SliceCnn("small", mean=(0, 0, 0), deviation=(1, 1, 1)))
    paper = seeded(lambda: SliceCnn("small"))
    x = torch.rand(1, 3, 64, 64)
    by_hand = np.array(
        [
            (x[0, c].numpy() - m) / d
            for c, m, d in zip(range(3), (0.1738, 0.1433, 0.1970), (0.3161, 0.2850, 0.3111), strict=True)
        ]
    )
    torch.testing.assert_close(paper(x).logits, plain(torch.from_numpy(by_hand)[None]).logits)


def test_normalisation_is_no_weight():
    assert not [name for name in SliceCnn("small").state_dict() if "mean" in name.split(".")[0] or "deviation" in name]


def test_an_unknown_backbone_names_those_there_are():
    with pytest.raises(ValueError, match="tiny, small, resnext50_32x4d, resnext101_32x8d, efficientnet_b4"):
        SliceCnn("vgg")


def test_a_cell_of_the_small_backbone_looks_at_the_middle_of_its_16_pixels():
    """Stem 4 x 4 / 2 padded by 1, then 2 x 2 / 2 three times: centre at 16 i + 7.5. Random weights lean a little."""
    found = [cell_geometry(seeded(lambda: SliceCnn("small"), seed), 128, inputs=1) for seed in range(4)]
    assert {cells.stride for cells in found} == {16.0}
    assert np.mean([cells.offset for cells in found]) == pytest.approx(7.5, abs=0.5)


def test_a_cell_of_resnext_looks_at_pixel_32_i():
    """Odd kernels with padding (kernel - 1) / 2 all the way: cell i is centred on pixel 32 i, not 32 i + 15.5."""
    found = cell_geometry(seeded(lambda: SliceCnn("resnext50_32x4d")), 256, inputs=1)
    assert found.stride == 32.0
    assert found.offset == pytest.approx(0, abs=1.5)


def test_measuring_leaves_no_gradient_behind():
    small = SliceCnn("small").eval()
    with torch.no_grad():
        cell_geometry(small, 64)
    assert all(parameter.grad is None for parameter in small.parameters())


def test_tiny_is_cheaper_than_small_and_looks_where_it_does():
    from torch.utils.flop_counter import FlopCounterMode

    operations = {}
    for name in ("tiny", "small"):
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            SliceCnn(name)(torch.zeros(1, 3, 256, 256))
        operations[name] = counter.get_total_flops()
    assert operations["tiny"] < operations["small"] / 2
    found = [cell_geometry(seeded(lambda: SliceCnn("tiny"), seed), 128, inputs=1) for seed in range(4)]
    assert {cells.stride for cells in found} == {16.0}
    assert np.mean([cells.offset for cells in found]) == pytest.approx(7.5, abs=0.5)


def test_neighbours_become_channels_normalised_like_the_slice_itself():
    """A kernel of zeros for the neighbours leaves a plain network; the same kernel for all sees the sum of slices."""
    plain = seeded(lambda: SliceCnn("tiny"))
    wide = seeded(lambda: SliceCnn("tiny", neighbours=2))
    kernel = plain.state_dict()["conv1.weight"]
    slices = torch.rand(5, 1, 3, 64, 64)
    for shares in ((1, 0, 0, 0, 0), (0.2, 0.2, 0.2, 0.2, 0.2)):
        wide.load_state_dict(plain.state_dict() | {"conv1.weight": torch.cat([share * kernel for share in shares], 1)})
        mixed = sum(share * picture for share, picture in zip(shares, slices, strict=True))
        torch.testing.assert_close(wide(torch.cat(list(slices), 1)).logits, plain(mixed).logits, rtol=1e-4, atol=1e-5)


def test_a_negative_number_of_neighbours_is_refused():
    with pytest.raises(ValueError, match="neighbours is -1"):
        SliceCnn("tiny", neighbours=-1)


@pytest.mark.parametrize("neighbours", [0, 1])
def test_geometry_is_measured_with_as_many_channels_as_the_network_reads(neighbours):
    cells = cell_geometry(seeded(lambda: SliceCnn("tiny", neighbours=neighbours)), 64, inputs=1)
    assert cells.offset == pytest.approx(7.5, abs=2)


@pytest.mark.parametrize("name", ["tiny", "resnext50_32x4d", "efficientnet_b4"])
def test_checkpointing_changes_no_gradient_and_no_statistic(name):
    plain, again = (seeded(lambda: SliceCnn(name)).train().requires_grad_() for _ in range(2))
    again.checkpointing = True
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    for cnn in (plain, again):
        for _ in range(2):
            cnn(x).logits.square().sum().backward()
    # Recomputing on other threads may add in another order.
    for (key, one), other in zip(plain.named_parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, rtol=1e-4, atol=1e-5 * float(one.grad.abs().max()), msg=key)
    for (key, one), other in zip(plain.named_buffers(), again.buffers(), strict=True):
        assert torch.equal(one, other), key
    assert int(again.state_dict()[next(k for k in again.state_dict() if k.endswith("tracked"))]) == 2


def test_checkpointing_keeps_less_for_the_backward_pass():
    kept = {}
    for checkpointing in (False, True):
        cnn = seeded(lambda: SliceCnn("resnext50_32x4d")).requires_grad_()
        cnn.checkpointing = checkpointing
        weights = {parameter.data_ptr() for parameter in cnn.parameters()}
        saved = {}

        def pack(tensor, weights=weights, saved=saved):
            if tensor.data_ptr() not in weights:
                saved[tensor.data_ptr()] = tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            out = cnn(torch.rand(1, 3, 64, 64))
        kept[checkpointing] = sum(saved.values())
        del out
    assert kept[True] < kept[False] / 2


def test_a_graph_with_checkpoints_can_be_gone_through_twice():
    cnn = seeded(lambda: SliceCnn("tiny")).train().requires_grad_()
    cnn.checkpointing = True
    loss = cnn(torch.rand(2, 3, 64, 64)).logits.sum()
    first = torch.autograd.grad(loss, cnn.conv1.weight, retain_graph=True)
    assert torch.equal(first[0], torch.autograd.grad(loss, cnn.conv1.weight)[0])


def test_channels_last_pictures_give_the_same_and_stay_channels_last():
    cnn = seeded(lambda: SliceCnn("efficientnet_b4"))
    x = torch.rand(2, 3, 64, 64)
    expected = cnn(x)
    found = cnn.to(memory_format=torch.channels_last)(x.contiguous(memory_format=torch.channels_last))
    assert found.activations.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found.logits, expected.logits, rtol=1e-4, atol=1e-5)
