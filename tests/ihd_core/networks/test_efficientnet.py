from __future__ import annotations

import pytest
import torch
from torch import nn

from app.bench.grad_cam import imported as oracle
from ihd_core.networks.efficientnet import SqueezeExcitation
from ihd_core.networks.network import SliceCnn, cell_geometry
from tests.ihd_core.foreign_checkpoints import torchvisions


@pytest.fixture
def both():
    """Our network and torchvision's with the same weights; no block is left out by chance."""
    theirs = torchvisions("efficientnet_b4", dropout=0, stochastic_depth_prob=0)
    ours = SliceCnn("efficientnet_b4", mean=(0, 0, 0), deviation=(1, 1, 1))
    ours.load_state_dict({name.replace("classifier.1.", "fc."): tensor for name, tensor in theirs.state_dict().items()})
    return ours.eval().requires_grad_(False), theirs


def test_it_has_torchvisions_names_and_shapes():
    with torch.device("meta"):
        ours, theirs = SliceCnn("efficientnet_b4"), oracle("torchvision.models").efficientnet_b4(num_classes=6)
    one, other = (
        {name: tensor.shape for name, tensor in network.features.state_dict().items()} for network in (ours, theirs)
    )
    assert one == other
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters()) == 17_559_374


@pytest.mark.parametrize("training", [False, True])
def test_with_torchvisions_weights_it_gives_torchvisions_output(both, training):
    ours, theirs = (network.train(training) for network in both)
    x = torch.randn(4, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    found = ours(x).logits
    torch.testing.assert_close(found, theirs(x), rtol=1e-5, atol=1e-5)
    assert found.std(0).min() > 0.01
    for name, buffer in theirs.features.named_buffers():
        torch.testing.assert_close(ours.features.get_buffer(name), buffer, rtol=1e-5, atol=1e-5)


def test_logits_are_the_head_of_the_mean_of_the_map(both):
    cnn = both[0]
    out = cnn(torch.rand(2, 3, 64, 64))
    assert out.activations.shape == (2, 1792, 2, 2)
    torch.testing.assert_close(out.logits, out.activations.mean((2, 3)) @ cnn.head.weight.T + cnn.head.bias)


def test_cell_i_is_centred_on_pixel_32_i():
    """With box kernels and gates held still, what a cell sees is symmetric about its centre; the picture as well."""
    cnn = SliceCnn("efficientnet_b4").double().eval().requires_grad_(False)
    for module in cnn.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.fill_(1 / module.weight[0].numel())
        if isinstance(module, SqueezeExcitation):
            module.fc2.weight.zero_()
    cells = cell_geometry(cnn, 256)
    x = torch.rand(1, 3, 1, 1, dtype=torch.float64).expand(1, 3, 257, 257).clone().requires_grad_()
    (gradient,) = torch.autograd.grad(cnn.activations(x)[0, :, 4, 4].sum(), x)
    assert cells.offset + 4 * cells.stride == 128
    for axis in (2, 3):
        torch.testing.assert_close(gradient, gradient.flip(axis), rtol=1e-6, atol=0)
    assert gradient.min() >= 0
    assert gradient.max() > 0
