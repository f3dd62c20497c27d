"""Numbers of a run: presets as the paper and its scripts have them, changes from the command line."""

import json

import pytest

from ihd_core.errors import IhdError
from training.config import ConfigError, RunConfig, as_dict, changed, from_dict, from_file
from training.presets import BEYOND, PAPER, PARTS_OF_BEYOND, PRESETS, SCRIPTS


def test_the_default_is_the_paper():
    """Burduja et al. 2020, sections 3.2, 4.1 and 4.2."""
    assert RunConfig() == PAPER
    assert PAPER.cnn.backbone == "resnext101_32x8d"
    assert PAPER.cnn.rates == (1e-4, 1e-4, 2e-5)
    assert PAPER.cnn.batch == 32
    assert PAPER.prepare.side == 256
    assert (PAPER.reduction.kind, PAPER.reduction.count, PAPER.reduction.vectors) == ("pca", 120, 30_000)
    assert (PAPER.sequence.layers, PAPER.sequence.hidden, PAPER.sequence.dropout) == (3, 256, 0.3)
    assert PAPER.sequence.rates == (1e-4,) * 4
    assert (PAPER.sequence.batch, PAPER.sequence.probabilities) == (1, "classifier")
    assert PAPER.localised == RunConfig().localised
    assert PAPER.localised.outside == PAPER.localised.missed == PAPER.localised.mask_head == 0


def test_the_scripts_differ_where_the_notes_say():
    assert SCRIPTS.cnn.rates == (1e-5,) * 3
    assert SCRIPTS.sequence.rates == (3e-5,) * 5
    assert SCRIPTS.reduction.vectors == 32_032
    assert SCRIPTS.split.method == "series-order"
    assert SCRIPTS.cnn.augmentation == "after"
    assert SCRIPTS.features.transform == "training"
    assert SCRIPTS.sequence.classifier_dropout == 0.5


@pytest.mark.parametrize("part", PARTS_OF_BEYOND)
def test_each_part_of_beyond_can_be_switched_alone(part):
    alone = changed(PAPER, list(PARTS_OF_BEYOND[part]))
    assert alone != PAPER
    for change in PARTS_OF_BEYOND[part]:
        section, name = change.partition("=")[0].split(".")
        if part != "three folds averaged":
            assert getattr(getattr(BEYOND, section), name) == getattr(getattr(alone, section), name)


def test_all_parts_together_are_beyond():
    together = PAPER
    for changes in PARTS_OF_BEYOND.values():
        together = changed(together, list(changes))
    together = changed(together, ["preset=beyond", "name=ihd-beyond", "split.folds=5", "sequence.keep=best"])
    assert together == BEYOND


def test_a_change_takes_the_type_of_its_field():
    config = changed(
        PAPER, ["seed=7", "cnn.rates=1e-3,2e-4", "sequence.deltas=true", "cnn.backbone=small", "split.test_share=0.2"]
    )
    assert config.seed == 7
    assert config.cnn.rates == (1e-3, 2e-4)
    assert config.sequence.deltas is True
    assert config.cnn.backbone == "small"
    assert config.split.test_share == 0.2
    assert config.reduction == PAPER.reduction


@pytest.mark.parametrize(
    "change",
    [
        "cnn.rate=1",
        "cnn=1",
        "seed",
        "nothing.batch=1",
        "seed.x=1",
        "cnn.batch=many",
        "sequence.deltas=perhaps",
        "reduction.kind=ica",
        "name.lower=1",
    ],
)
def test_a_change_that_is_none_is_refused_in_one_line(change):
    with pytest.raises(IhdError, match="--set") as raised:
        changed(PAPER, [change])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_configuration_survives_its_file(preset, tmp_path):
    config = PRESETS[preset]
    (tmp_path / "config.json").write_text(json.dumps(as_dict(config)))
    assert from_file(tmp_path / "config.json") == config


def test_the_configuration_of_another_version_is_refused():
    values = as_dict(PAPER)
    values["cnn"]["momentum"] = 0.9
    with pytest.raises(IhdError, match="another version"):
        from_dict(values)
    del values["cnn"]
    with pytest.raises(IhdError, match="another version"):
        from_dict(values)


def test_a_file_that_is_no_configuration_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(IhdError, match=r"config\.json"):
        from_file(tmp_path / "config.json")


@pytest.mark.parametrize(
    "change", ["split.validation_share=nan", "cnn.rates=1e-4,inf", "sequence.rates=nan", "localised.outside=-inf"]
)
def test_what_is_no_number_is_refused(change):
    with pytest.raises(ConfigError, match="must be finite"):
        changed(RunConfig(), [change])


def test_a_seed_below_0_is_refused():
    with pytest.raises(ConfigError, match="seed"):
        changed(RunConfig(), ["seed=-1"])
