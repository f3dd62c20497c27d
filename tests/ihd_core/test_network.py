from __future__ import annotations

import numpy as np
import pytest
import torch

from app.bench.grad_cam import imported as oracle
from ihd_core.network import BACKBONES, Reduction, SequenceNetwork, SliceCnn, cell_geometry


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
    with pytest.raises(ValueError, match="small, resnext50_32x4d, resnext101_32x8d"):
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


def test_reduction_is_one_product():
    generator = np.random.default_rng(0)
    mean, components, pooled = generator.normal(size=8), generator.normal(size=(3, 8)), generator.normal(size=(5, 8))
    reduction = Reduction(torch.tensor(mean), torch.tensor(components))
    found = reduction(torch.tensor(pooled, dtype=torch.float32)).numpy()
    assert found == pytest.approx((pooled - mean) @ components.T, abs=1e-5)


def test_reduction_by_pca_is_scikit_learns():
    from sklearn.decomposition import PCA

    pooled = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    pca = PCA(3, svd_solver="full").fit(pooled)
    reduction = Reduction(torch.from_numpy(pca.mean_), torch.from_numpy(pca.components_))
    assert reduction(torch.from_numpy(pooled)).numpy() == pytest.approx(pca.transform(pooled), abs=1e-4)


def test_a_selection_keeps_features_as_they_are():
    pooled = torch.rand(2, 5)
    assert torch.equal(Reduction.selection([4, 1], 5)(pooled), pooled[:, [4, 1]])


def test_a_reduction_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="need"):
        Reduction(torch.zeros(4), torch.zeros(2, 5))


def test_the_bilstm_has_the_papers_number_of_parameters():
    network = SequenceNetwork()
    assert parameters(network.lstm) == 3_928_064
    assert parameters(network.classifier) == 518 * 6 + 6


def test_a_batch_of_scans_equals_one_at_a_time():
    network = seeded(lambda: SequenceNetwork(12, 16, 3))
    lengths = torch.tensor([3, 7, 1])
    features, cnn = torch.rand(3, 7, 12), torch.rand(3, 7, 6)
    together = network(features, cnn, lengths)
    for scan, length in enumerate(lengths.tolist()):
        alone = network(features[scan : scan + 1, :length], cnn[scan : scan + 1, :length], lengths[scan : scan + 1])
        torch.testing.assert_close(together[scan, :length], alone[0], rtol=1e-5, atol=1e-6)


def test_a_mirrored_sequence_network_reads_a_reversed_scan_alike():
    """Exchanging the directions' weights and the order of the slices must give the reversed output."""
    network, mirrored = (seeded(lambda: SequenceNetwork(12, 16, 1)) for _ in range(2))
    own = network.lstm.state_dict()
    swapped = {name: own[name.removesuffix("_reverse") if "_reverse" in name else f"{name}_reverse"] for name in own}
    mirrored.lstm.load_state_dict(swapped)
    weight = network.classifier.weight
    mirrored.classifier.weight.copy_(torch.cat([weight[:, 16:32], weight[:, :16], weight[:, 32:]], 1))
    features, cnn, length = torch.rand(1, 5, 12), torch.rand(1, 5, 6), torch.tensor([5])
    reverse = mirrored(features.flip(1), cnn.flip(1), length).flip(1)
    torch.testing.assert_close(network(features, cnn, length), reverse, rtol=1e-5, atol=1e-6)


def test_the_classifier_sees_the_cnns_probabilities():
    network = seeded(lambda: SequenceNetwork(12, 16, 1))
    features, length = torch.rand(1, 4, 12), torch.tensor([4])
    one, other = network(features, torch.zeros(1, 4, 6), length), network(features, torch.ones(1, 4, 6), length)
    expected = network.classifier.weight[:, -6:].sum(1)
    torch.testing.assert_close(other - one, expected.expand(1, 4, 6), rtol=1e-4, atol=1e-5)
