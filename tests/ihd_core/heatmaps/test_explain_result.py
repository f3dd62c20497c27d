from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from ihd_core.errors import CannotPredict
from ihd_core.heatmaps.explain import OWN, Kind, full_scale, heatmap
from ihd_core.heatmaps.explain_result import ResultEvidence, scan_shares
from ihd_core.labels import LABELS, Label
from ihd_core.model_file import Member, ScanRule, SequenceShape
from ihd_core.networks.network import SequenceNetwork
from ihd_core.predict import SlabResult, finish, pictures, predict, prediction_steps
from tests.ihd_core.toy import toy_hu, toy_model, toy_scan

BLEND = dict(zip(LABELS, (0.0, 0.25, 0.5, 0.75, 1.0, 0.1), strict=True))
WEIGHTS = ((0.1, 0.5, 0.3, 0.4), (0.0, 0.0, 0.0, 1.0), (-2.0, 1.0, 0.0, 0.0), (0.0, 0.0, 2.0, 0.0))
FITTED = ScanRule("fitted", dict(zip(LABELS, (*WEIGHTS, *WEIGHTS[:2]), strict=True)))
EVERYTHING = {
    "members": 3,
    "neighbours": 1,
    "flip": True,
    "reversal": True,
    "resize": "hu",
    "blend": BLEND,
    "scan_rule": FITTED,
    "sequence": SequenceShape(12, 16, 2, deltas=True, probabilities="both"),
}
CNN_ALONE = {"sequence": None, "reduction": "none"}
SLICES = 4


def with_curved_head(model):
    """The same model, but for a head that is not linear."""
    members = []
    for number, member in enumerate(model.members):
        cnn = copy.deepcopy(member.cnn)
        with torch.random.fork_rng():
            torch.manual_seed(number)
            cnn.fc = torch.nn.Sequential(torch.nn.Linear(224, 8), torch.nn.Tanh(), torch.nn.Linear(8, len(LABELS)))
        cnn.fc.eval().requires_grad_(False)
        members.append(replace(member, cnn=cnn))
    return replace(model, members=tuple(members))


class WholeNetwork:
    """The oracle: every last map as a leaf in double precision, and autograd from the shown logits back to all."""

    def __init__(self, model, scan):
        self.info = model.info
        self.given, final, alone = [], 0.0, 0.0
        for member in model.members:
            cnn, reduction, sequence = (copy.deepcopy(network).double() for network in networks(member))
            pooled = torch.stack([self._pooled(cnn, picture) for _, picture in pictures(scan, model.info)])
            logits = cnn.head(pooled)
            alone = alone + logits / len(model.members)
            if member.sequence is not None:
                features = (pooled - reduction.mean) @ reduction.components.T
                final = final + along(features, torch.sigmoid(logits), sequence, model.info) / len(model.members)
        share = torch.tensor([self.info.blend[label] for label in LABELS], dtype=torch.float64)
        self.alone = alone
        self.final = alone if self.info.sequence is None else share * alone + (1 - share) * final

    def _pooled(self, cnn, picture):
        x = torch.tensor(picture[None]).double()
        passes = [cnn.activations(x)] + ([cnn.activations(x.flip(3))] if self.info.flip else [])
        passes = [one.detach().requires_grad_() for one in passes]
        self.given.append(passes)
        return torch.stack([one.mean((2, 3))[0] for one in passes]).mean(0)

    def scan_logits(self):
        if self.info.scan_rule.kind == "maximum":
            return self.final.max(0).values
        falling = self.final.sort(0, descending=True).values
        a, largest, few, every = torch.tensor([self.info.scan_rule.weights[label] for label in LABELS]).double().T
        return a + largest * falling[0] + few * falling[:3].mean(0) + every * falling.mean(0)

    def maps(self, logit):
        """Grad-CAM of a logit at every slab, before the ReLU: summed over members and passes, mirrored ones flipped
        back.
        """
        flat = [one for passes in self.given for one in passes]
        gradients = torch.autograd.grad(logit, flat, retain_graph=True, allow_unused=True, materialize_grads=True)
        each = [
            (gradient.mean((2, 3), keepdim=True) * one).sum(1)[0].detach()
            for gradient, one in zip(gradients, flat, strict=True)
        ]
        if self.info.flip:
            each = [straight + mirrored.flip(1) for straight, mirrored in zip(each[::2], each[1::2], strict=True)]
        slabs = len(self.final)
        return sum(torch.stack(each[at : at + slabs]) for at in range(0, len(each), slabs)).numpy()


def networks(member):
    return member.cnn, member.reduction or torch.nn.Identity(), member.sequence or torch.nn.Identity()


def along(features, probabilities, sequence, info):
    length = torch.tensor([len(features)])
    up = sequence(features[None], probabilities[None], length)[0]
    down = sequence(features.flip(0)[None], probabilities.flip(0)[None], length)[0].flip(0)
    return (up + down) / 2 if info.reversal else up


MODELS = {
    "plain": {},
    "members": {"members": 2},
    "flip": {"flip": True},
    "neighbours": {"neighbours": 1},
    "reversal": {"reversal": True},
    "blend": {"blend": BLEND},
    "probabilities alone": {"sequence": SequenceShape(0, 16, 2, probabilities="input"), "reduction": "none"},
    "cnn alone": CNN_ALONE,
    "cnn alone, all averaged": {**CNN_ALONE, "members": 2, "flip": True, "scan_rule": FITTED},
    "everything": EVERYTHING,
    "curved head": {"flip": True, "members": 2},
}


@pytest.fixture(scope="module", params=MODELS)
def explained(request):
    model = toy_model(**MODELS[request.param])
    if request.param == "curved head":
        model = with_curved_head(model)
    scan = toy_scan(SLICES)
    return predict(scan, model), WholeNetwork(model, scan)


def assert_same(found, signed):
    """Within 1e-5 of the largest value before the ReLU; single precision against double."""
    assert np.abs(found - np.maximum(signed, 0)).max() <= 1e-5 * np.abs(signed).max()


def test_maps_of_a_slices_result_are_grad_cam_through_the_whole_network_at_every_slab(explained):
    prediction, oracle = explained
    for explains in (0, 2):
        for label in LABELS:
            expected = oracle.maps(oracle.final[explains, label.column])
            found = [
                heatmap(prediction, label, at, Kind.RESULT_SLICE, explains=explains).values for at in range(SLICES)
            ]
            assert_same(np.stack(found), expected)
            own = heatmap(prediction, label, explains, Kind.RESULT_SLICE)
            assert np.array_equal(own.values, found[explains])
            assert own.explains == explains


def test_maps_of_the_scans_result_are_grad_cam_through_the_whole_network_at_every_slab(explained):
    prediction, oracle = explained
    for label in LABELS:
        expected = oracle.maps(oracle.scan_logits()[label.column])
        found = [heatmap(prediction, label, at, Kind.RESULT_SCAN).values for at in range(SLICES)]
        assert_same(np.stack(found), expected)


def test_maps_of_the_cnn_are_grad_cam_of_its_own_logit(explained):
    prediction, oracle = explained
    for label in LABELS:
        expected = oracle.maps(oracle.alone[1, label.column])
        assert_same(heatmap(prediction, label, 1).values, expected[1])
        assert not expected[[0, 2, 3]].any()


def test_the_oracle_explains_the_probabilities_that_are_shown(explained):
    """Else it could agree about something else."""
    prediction, oracle = explained
    assert prediction.slices == pytest.approx(torch.sigmoid(oracle.final).detach().numpy(), abs=1e-5)
    assert prediction.scan == pytest.approx(torch.sigmoid(oracle.scan_logits()).detach().numpy(), abs=1e-5)
    assert prediction.cnn_slices == pytest.approx(torch.sigmoid(oracle.alone).detach().numpy(), abs=1e-5)


# Answers known without any network


UP = {"w": 0.7, "v": 1.3}
"""Weight of the one feature in the cell's input, and of the upward state in the logit of any hemorrhage."""


def summing_sequence():
    """A BiLSTM of one unit whose gates stand open: state = tanh(sum of tanh(w * feature)) over the slabs so far."""
    sequence = SequenceNetwork(1, 1, 1, probabilities="none").eval().requires_grad_(False)
    for weight in sequence.parameters():
        weight.zero_()
    sequence.lstm.weight_ih_l0[2] = UP["w"]  # torch's order of gates: input, forget, cell, output
    sequence.lstm.bias_ih_l0[[0, 1, 3]] = 50.0
    sequence.classifier.weight[Label.ANY.column, 0] = UP["v"]
    return sequence


def known(*, features, feature_maps, logit_maps=None, **changes):
    """A prediction of one slab a feature, whose maps are given and whose BiLSTM is summing_sequence()."""
    shape = SequenceShape(1, 1, 1, probabilities="none")
    model = toy_model(sequence=shape, **changes)
    (member,) = model.members
    model = replace(model, members=(Member(member.cnn, member.reduction, summing_sequence()),))
    results = []
    for index, (feature, its_map) in enumerate(zip(features, feature_maps, strict=True)):
        evidence = np.zeros((len(LABELS), 2, 2), np.float32) if logit_maps is None else logit_maps[index]
        maps = np.concatenate([evidence, np.array(its_map, np.float32)[None]])[None]
        logits = np.full((1, len(LABELS)), 0.1 * index, np.float32)
        read = np.full((1, 1), feature, np.float32)
        slab = range(index, index + 1)
        results.append(SlabResult(slab, logits[0], logits, read, evidence, maps=maps))
    return finish(toy_scan(len(features)), model, results)


def test_of_two_slices_the_upper_ones_result_rests_on_both_and_the_lower_ones_on_itself():
    """By hand: with h = tanh(tanh(w a) + tanh(w b)), d(v h)/da = v (1 - h^2) (1 - tanh(w a)^2) w."""
    a, b, (w, v) = 0.4, -0.9, UP.values()
    map_a, map_b = np.array([[1.0, 0], [0, -2]]), np.array([[0.0, 3], [1, 0]])
    found = known(features=[a, b], feature_maps=[map_a, map_b])
    upper = np.tanh(np.tanh(w * a) + np.tanh(w * b))
    lower = np.tanh(np.tanh(w * a))
    assert found.of(Label.ANY) == pytest.approx([1 / (1 + np.exp(-v * h)) for h in (lower, upper)], abs=1e-6)
    through_a, through_b = ((1 - np.tanh(w * x) ** 2) * w for x in (a, b))

    def values(at, explains):
        return heatmap(found, Label.ANY, at, Kind.RESULT_SLICE, explains=explains).values

    assert values(0, 1) == pytest.approx(np.maximum(v * (1 - upper**2) * through_a * map_a, 0), abs=1e-6)
    assert values(1, 1) == pytest.approx(np.maximum(v * (1 - upper**2) * through_b * map_b, 0), abs=1e-6)
    assert values(0, 0) == pytest.approx(np.maximum(v * (1 - lower**2) * through_a * map_a, 0), abs=1e-6)
    assert not values(1, 0).any(), "the state below does not know what comes above it"


def test_of_the_scan_the_slice_that_attains_the_maximum_is_explained_and_named():
    """The sum grows up to the second of three slabs and falls after it; the third is then of no account."""
    peak = np.array([[1.0, 0], [0, 0]])
    found = known(features=[0.5, 0.5, -2.0], feature_maps=[peak] * 3)
    maps = [heatmap(found, Label.ANY, at, Kind.RESULT_SCAN) for at in range(3)]
    assert [one.explains for one in maps] == [1, 1, 1]
    assert maps[0].values[0, 0] == pytest.approx(maps[1].values[0, 0])
    assert maps[0].values[0, 0] > 0.1
    assert not maps[2].values.any()


def test_of_thin_slices_read_together_the_most_inferior_is_named():
    hu = np.repeat(toy_hu(4), 2, axis=0)
    found = predict(toy_scan(hu=hu, spacing_mm=(2.5, 3.5, 3.5)), toy_model())
    for label in LABELS:
        named = {heatmap(found, label, at, Kind.RESULT_SCAN).explains for at in range(8)}
        assert named == {found.most_suspicious(label)}
        pair = [heatmap(found, label, at, Kind.RESULT_SLICE).values for at in (4, 5)]
        assert np.array_equal(*pair)


def test_a_rule_that_weighs_several_slices_names_none():
    found = predict(toy_scan(3), toy_model(scan_rule=FITTED))
    assert heatmap(found, Label.ANY, 0, Kind.RESULT_SCAN).explains is None


def test_without_a_bilstm_the_result_of_a_slice_is_the_cnns_and_a_scans_lies_on_one_slice():
    found = predict(toy_scan(4), toy_model(**CNN_ALONE))
    for label in LABELS:
        top = found.most_suspicious(label)
        for at in range(4):
            cnn, of_slice, of_scan = (heatmap(found, label, at, kind).values for kind in OWN)
            assert of_slice == pytest.approx(cnn, abs=1e-7)
            assert of_scan == pytest.approx(cnn if at == top else 0 * cnn, abs=1e-7)
            other = heatmap(found, label, at, Kind.RESULT_SLICE, explains=(at + 1) % 4)
            assert not other.values.any()


@pytest.mark.parametrize("rule", [ScanRule(), FITTED], ids=["maximum", "fitted"])
def test_without_a_bilstm_the_maps_of_the_scans_result_add_up_to_its_logit(rule):
    model = toy_model(**CNN_ALONE, members=2, flip=True, scan_rule=rule)
    found = predict(toy_scan(4), model)
    assert heatmap(found, Label.ANY, 0, Kind.RESULT_SCAN).adds_up
    added = sum(found.result.of_scan_at(at).sum((1, 2), dtype=np.float64) for at in range(4))
    bias = np.mean([member.cnn.head.bias.numpy() for member in model.members], axis=0)
    weights = np.array([rule.weights.get(label, (0.0, 1.0, 0.0, 0.0)) for label in LABELS])
    constant = weights[:, 0] + weights[:, 1:].sum(axis=1) * bias
    assert added + constant == pytest.approx(np.log(found.scan / (1 - found.scan)), abs=1e-4)


def test_shares_of_a_maximum_go_to_the_most_inferior_of_equals():
    final = np.zeros((60, len(LABELS)), np.float32)
    final[7::5] = 3
    assert [np.flatnonzero(column).tolist() for column in scan_shares(ScanRule(), final).T] == [[7]] * len(LABELS)


def test_shares_of_a_fitted_rule_are_its_weights_spread_over_its_slices():
    """b 0.6 for the largest, c 0.3 over the three largest, d 0.5 over all five; and over two where there are two."""
    rule = ScanRule("fitted", dict.fromkeys(LABELS, (9.0, 0.6, 0.3, 0.5)))
    final = np.tile(np.array([[1.0], [5], [4], [0], [2]], np.float32), (1, len(LABELS)))
    assert scan_shares(rule, final)[:, 0] == pytest.approx([0.1, 0.8, 0.2, 0.1, 0.2])
    assert scan_shares(rule, final[:2])[:, 0] == pytest.approx([0.4, 1.0])


# Scales


def test_the_scale_of_slices_is_the_median_peak_of_the_five_most_suspicious():
    """Without a BiLSTM a slab's own map is its CNN's, so that the peaks are known."""
    found = predict(toy_scan(7), toy_model(**CNN_ALONE))
    peaks = np.maximum(found.evidence.max((2, 3)), 0)
    expected = [np.median(peaks[np.argsort(-found.slices[:, c])[:5], c]) for c in range(len(LABELS))]
    assert found.result.slice_peaks == pytest.approx(expected, abs=1e-6)
    assert not np.allclose(expected, np.median(peaks, axis=0), atol=1e-6)


def test_the_scale_of_a_scan_is_the_largest_evidence_on_any_slice():
    found = predict(toy_scan(4), toy_model(**EVERYTHING))
    for label in LABELS:
        largest = max(heatmap(found, label, at, Kind.RESULT_SCAN).values.max() for at in range(4))
        assert full_scale(found, label, Kind.RESULT_SCAN) == pytest.approx(largest or found.model.full_scale[label])


# What is kept, and what is refused


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["plain", "everything"])
def test_what_is_kept_of_a_slab_adds_up_to_what_the_bilstm_reads(changes):
    model = toy_model(**changes)
    for result in prediction_steps(toy_scan(2), model):
        for number, member in enumerate(model.members):
            sums = result.maps[number].sum((1, 2), dtype=np.float64)
            constants = np.concatenate([member.cnn.head.bias, -member.reduction.components @ member.reduction.mean])
            read = np.concatenate([result.logits[number], result.features[number]])
            assert sums + constants == pytest.approx(read, abs=1e-4)


def test_a_slab_keeps_no_more_than_the_maps_of_what_the_bilstm_reads():
    """126 maps of 64 cells where the last map has 2048: 32 kB a slab, 13 MB for 400 slabs."""
    shape = SequenceShape(120, 16, 1)
    model = toy_model(backbone="resnext50_32x4d", pooled_count=2048, side=256, sequence=shape)
    (result,) = prediction_steps(toy_scan(1), model)
    assert result.maps.nbytes == 4 * 126 * 64
    assert result.maps.nbytes * 400 < 13e6
    assert result.maps.base is None or result.maps.base.nbytes == result.maps.nbytes, "nor a view of more"


def test_gradients_are_found_within_inference_mode_and_none_are_left_on_the_networks():
    model, scan = toy_model(), toy_scan(3)
    found = predict(scan, model)
    with torch.inference_mode():
        inside = found.result.of_slab(1)
    assert np.array_equal(inside, predict(scan, model).result.of_slab(1))
    assert inside.any()
    weights = [weight for _, network in model.members[0].parts() for weight in network.parameters()]
    assert all(weight.grad is None and not weight.requires_grad for weight in weights)


def test_evidence_that_was_given_cannot_be_changed():
    found = predict(toy_scan(2), toy_model())
    with pytest.raises(ValueError, match="read-only"):
        found.result.of_slab(0)[0, 0, 0] = 1


def test_a_gradient_that_is_no_number_is_not_drawn():
    found = predict(toy_scan(2), toy_model())
    sequence = copy.deepcopy(toy_model().members[0].sequence)
    sequence.lstm.weight_hh_l0.fill_(np.nan)
    broken = ResultEvidence(
        np.zeros((2, 1, 6), np.float32),
        np.zeros((2, 1, 12), np.float32),
        [np.ones((1, 18, 4, 4), np.float32)] * 2,
        final=np.zeros((2, 6), np.float32),
        info=found.model,
        sequences=[sequence],
    )
    with pytest.raises(CannotPredict, match="gradient of the model's result is not a number"):
        heatmap(replace(found, result=broken), Label.ANY, 0, Kind.RESULT_SLICE)


def test_a_prediction_from_slabs_without_maps_can_explain_the_cnn_alone():
    model, scan = toy_model(), toy_scan(2)
    found = finish(scan, model, [replace(result, maps=None) for result in prediction_steps(scan, model)])
    assert heatmap(found, Label.ANY, 0).values.any()
    with pytest.raises(ValueError, match="did not keep"):
        heatmap(found, Label.ANY, 0, Kind.RESULT_SCAN)


def test_where_a_slab_lacks_its_maps_none_of_the_result_is_explained():
    model, scan = toy_model(), toy_scan(2)
    first, second = prediction_steps(scan, model)
    assert finish(scan, model, [first, replace(second, maps=None)]).result is None


@pytest.mark.parametrize("kind", [Kind.CNN, Kind.RESULT_SCAN])
def test_only_the_result_of_a_slice_is_seen_from_another(kind):
    with pytest.raises(ValueError, match="explains is 1, must be None"):
        heatmap(predict(toy_scan(2), toy_model()), Label.ANY, 0, kind, explains=1)
