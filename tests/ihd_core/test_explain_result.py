from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from ihd_core.explain import Kind, heatmap
from ihd_core.labels import LABELS
from ihd_core.model_file import ScanRule, SequenceShape
from ihd_core.predict import pictures, predict
from tests.ihd_core.toy import toy_model, toy_scan

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
