from __future__ import annotations

import numpy as np
import pytest
import torch

from ihd_core.networks.sequence_network import Reduction, SequenceNetwork


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def seeded(build, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build().eval().requires_grad_(False)


VARIANTS = [
    {},
    {"deltas": True},
    {"probabilities": "none"},
    {"probabilities": "input"},
    {"probabilities": "both", "deltas": True, "classifier_dropout": 0.5},
]


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


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_reads_a_batch_of_scans_as_one_at_a_time(variant):
    network = seeded(lambda: SequenceNetwork(12, 16, 2, **variant))
    lengths = torch.tensor([3, 7, 1])
    features, cnn = torch.rand(3, 7, 12), torch.rand(3, 7, 6)
    for read in (network, network.averaged):
        together = read(features, cnn, lengths)
        for scan, length in enumerate(lengths.tolist()):
            alone = read(features[scan : scan + 1, :length], cnn[scan : scan + 1, :length], lengths[scan : scan + 1])
            torch.testing.assert_close(together[scan, :length], alone[0], rtol=1e-5, atol=1e-6)


def test_with_deltas_the_lstm_reads_the_features_and_both_differences():
    """Slice by slice in numpy, a plain network being given what the one with deltas makes itself."""
    network = seeded(lambda: SequenceNetwork(4, 8, 1, deltas=True, probabilities="input"))
    plain = seeded(lambda: SequenceNetwork(18, 8, 1, probabilities="none"))
    plain.load_state_dict(network.state_dict())
    features, cnn = np.random.default_rng(0).normal(size=(5, 4)), np.random.default_rng(1).random((5, 6))
    rows = []
    for index, own in enumerate(features):
        below = own - features[index - 1] if index > 0 else np.zeros(4)
        above = own - features[index + 1] if index < 4 else np.zeros(4)
        rows.append(np.concatenate([own, below, above, cnn[index]]))
    one, other = (torch.tensor(values, dtype=torch.float32)[None] for values in (features, cnn))
    by_hand = torch.tensor(np.array(rows), dtype=torch.float32)[None]
    length = torch.tensor([5])
    torch.testing.assert_close(network(one, other, length), plain(by_hand, other, length), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("where", ["none", "input", "classifier", "both"])
def test_probabilities_go_where_they_are_wanted(where):
    network = SequenceNetwork(12, 16, 1, probabilities=where)
    assert network.lstm.input_size == (18 if where in ("input", "both") else 12)
    assert network.classifier.in_features == (38 if where in ("classifier", "both") else 32)
    features, length = torch.rand(1, 4, 12), torch.tensor([4])
    differ = network(features, torch.zeros(1, 4, 6), length) - network(features, torch.ones(1, 4, 6), length)
    assert bool(differ.any()) == (where != "none")


def test_the_probabilities_can_be_all_that_is_read():
    network = seeded(lambda: SequenceNetwork(0, 16, 1, probabilities="input", deltas=True))
    assert network.lstm.input_size == 6
    assert network(torch.zeros(1, 4, 0), torch.rand(1, 4, 6), torch.tensor([4])).shape == (1, 4, 6)


@pytest.mark.parametrize("where", ["none", "classifier"])
def test_an_lstm_with_nothing_to_read_is_refused(where):
    with pytest.raises(ValueError, match="features is 0"):
        SequenceNetwork(0, 16, 1, probabilities=where)


def test_an_unknown_place_for_probabilities_is_refused():
    with pytest.raises(ValueError, match="none, input, classifier, both"):
        SequenceNetwork(12, 16, 1, probabilities="everywhere")


def test_the_average_is_of_both_directions_of_reading():
    network = seeded(lambda: SequenceNetwork(12, 16, 2, deltas=True))
    features, cnn, length = torch.rand(1, 5, 12), torch.rand(1, 5, 6), torch.tensor([5])
    upwards = network(features, cnn, length)
    downwards = network(features.flip(1), cnn.flip(1), length).flip(1)
    found = network.averaged(features, cnn, length)
    torch.testing.assert_close(found, (upwards + downwards) / 2)
    assert not torch.allclose(upwards, downwards)
    torch.testing.assert_close(network.averaged(features.flip(1), cnn.flip(1), length).flip(1), found)


def test_classifier_dropout_is_for_training_alone():
    network = seeded(lambda: SequenceNetwork(12, 16, 1, classifier_dropout=0.5))
    plain = seeded(lambda: SequenceNetwork(12, 16, 1))
    inputs = torch.rand(1, 5, 12), torch.rand(1, 5, 6), torch.tensor([5])
    assert list(network.state_dict()) == list(plain.state_dict())
    assert torch.equal(network(*inputs), plain(*inputs))
    assert not torch.allclose(network.train()(*inputs), plain.train()(*inputs))


def test_a_reduction_to_nothing_is_legal():
    assert Reduction(torch.zeros(8), torch.zeros(0, 8))(torch.rand(3, 8)).shape == (3, 0)
    assert Reduction.selection([], 8)(torch.rand(3, 8)).shape == (3, 0)
