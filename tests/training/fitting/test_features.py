"""Embeddings are what the program computes for the same slice, whatever interrupted the writing of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ihd_core.errors import Cancelled, FileError
from ihd_core.model_input import channels
from ihd_core.networks.network import SliceCnn
from ihd_core.predict import prediction_steps
from tests.ihd_core.toy import toy_model, toy_scan
from tests.training.fitting.bright_spots import BrightSpots
from training.config import RunConfig
from training.fitting.features import embed, exact_float32, extract, extract_fold, load_embeddings
from training.run_folder import RunFolder

FILES = ("logits", "pooled", "peaks")
CONFIG = RunConfig()
LATER_BATCH = 64
"""A row of the third batch."""


def cnn_of(neighbours=0, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SliceCnn("small", neighbours=neighbours).eval().requires_grad_(False)


def with_features(**changes):
    return replace(CONFIG, features=replace(CONFIG.features, **changes))


def extracted(folder, pictures, cnn=None, config=CONFIG, told=lambda done: None, fold=0):
    extract_fold(folder, cnn or cnn_of(config.cnn.neighbours), pictures, config, fold, told=told)
    return {name: np.load(folder / f"{name}.npy") for name in FILES}


def stopping_at(row):
    def told(done):
        if done >= row:
            raise Cancelled("enough")

    return told


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("neighbours", [0, 1])
def test_every_row_is_what_the_program_computes(tmp_path, neighbours, flip):
    pictures = BrightSpots(count=36, scan_length=6)
    config = with_features(flip=flip)
    config = replace(config, cnn=replace(config.cnn, neighbours=neighbours))
    model = toy_model(neighbours=neighbours, flip=flip, resize="hu")
    member = model.members[0]
    found = extracted(tmp_path, pictures, member.cnn, config)
    for start in range(0, 36, 6):
        steps = list(prediction_steps(toy_scan(hu=pictures.pictures[start : start + 6]), model))
        for row, step in enumerate(steps, start):
            np.testing.assert_allclose(1 / (1 + np.exp(-found["logits"][row])), step.cnn, atol=1e-6)
            np.testing.assert_allclose(found["peaks"][row], step.evidence.max(axis=(1, 2)).clip(0), atol=1e-6)
            reduced = member.reduction(torch.from_numpy(found["pooled"][row])).numpy()
            np.testing.assert_allclose(reduced, step.features[0], atol=1e-4)  # a sum of 224 products


def test_pooled_features_are_the_networks_on_each_slice_alone(tmp_path):
    pictures, cnn = BrightSpots(count=40), cnn_of()
    found = extracted(tmp_path, pictures, cnn)
    for row in (0, 31, 32, 39):
        alone = cnn(torch.from_numpy(channels(pictures.hu(row)))[None])
        np.testing.assert_allclose(found["pooled"][row], alone.pooled[0], atol=1e-5)
        np.testing.assert_allclose(found["logits"][row], alone.logits[0], atol=1e-5)


def test_a_flip_averages_the_maps_before_their_peak_is_taken():
    cnn = cnn_of(seed=3)
    x = torch.rand(3, 3, 64, 64)
    there, mirrored = cnn.activations(x), cnn.activations(x.flip(3)).flip(3)
    mean = ((there + mirrored) / 2).numpy()
    evidence = np.zeros((3, 6, 4, 4))
    for label in range(6):
        for feature, weight in enumerate(cnn.head.weight[label].tolist()):
            evidence[:, label] += weight * mean[:, feature] / 16
    found = embed(cnn, x, flip=True)
    np.testing.assert_allclose(found.peaks, evidence.max(axis=(2, 3)).clip(0), atol=1e-5)
    np.testing.assert_allclose(found.pooled, mean.mean(axis=(2, 3)), atol=1e-5)
    np.testing.assert_allclose(found.logits, evidence.sum(axis=(2, 3)) + cnn.head.bias.numpy(), atol=1e-5)


@pytest.mark.parametrize("transform", ["deterministic", "training"])
def test_what_was_stopped_ends_as_what_was_not(tmp_path, transform):
    pictures, config = BrightSpots(count=100), with_features(transform=transform)
    whole = extracted(tmp_path / "whole", pictures, config=config)
    with pytest.raises(Cancelled):
        extracted(tmp_path / "stopped", pictures, config=config, told=stopping_at(LATER_BATCH))
    told = []
    resumed = extracted(tmp_path / "stopped", pictures, config=config, told=told.append)
    assert told[0] == LATER_BATCH, "what was done is not done again"
    assert told[-1] == 100
    for name in FILES:
        np.testing.assert_array_equal(whole[name], resumed[name])


def test_a_random_change_for_every_slice_and_fold(tmp_path):
    pictures = BrightSpots(count=36)
    pictures.pictures[1] = pictures.pictures[0]
    config = with_features(transform="training")
    plain = extracted(tmp_path / "plain", pictures)["pooled"]
    first = extracted(tmp_path / "first", pictures, config=config)["pooled"]
    other = extracted(tmp_path / "other", pictures, config=config, fold=1)["pooled"]
    np.testing.assert_array_equal(plain[0], plain[1])
    assert not np.isclose(first[0], first[1]).all()
    assert not (np.isclose(first, plain).all(1) | np.isclose(first, other).all(1)).any()


def test_a_network_that_has_failed_is_named_with_the_slice(tmp_path):
    pictures, cnn = BrightSpots(count=40), cnn_of()
    with torch.no_grad():
        cnn.head.bias[2] = torch.nan
    with pytest.raises(FileError, match="ID_000000000: the CNN's features are not numbers"):
        extracted(tmp_path, pictures, cnn)
    assert not (tmp_path / "rows.txt").exists()


def test_the_flags_of_convolutions_are_given_back():
    before = (torch.backends.cudnn.enabled, torch.backends.cudnn.allow_tf32)
    with exact_float32():
        assert (torch.backends.cudnn.enabled, torch.backends.cudnn.allow_tf32) == (True, False)
    assert (torch.backends.cudnn.enabled, torch.backends.cudnn.allow_tf32) == before


def test_the_stage_runs_every_fold_once(tmp_path, monkeypatch):
    pictures = BrightSpots(count=40)
    run = RunFolder(tmp_path, replace(CONFIG, split=replace(CONFIG.split, folds=2)))
    for step in ("index", "split", "slices", "cnn"):
        run.begin(step)
        run.finish(step, data_sha256="0")
    monkeypatch.setattr("training.fitting.features.open_pictures", lambda run: pictures)
    monkeypatch.setattr("training.fitting.features.load_cnn", lambda run, fold: cnn_of(seed=fold))
    told = []
    extract(run, report=lambda done, total: told.append((done, total)))
    assert told == [(0, 80), (32, 80), (40, 80), (40, 80), (72, 80), (80, 80)]
    for fold in (0, 1):
        found = load_embeddings(run, fold)
        assert isinstance(found.pooled, np.memmap)
        alone = cnn_of(seed=fold)(torch.from_numpy(channels(pictures.hu(39)))[None])
        np.testing.assert_allclose(found.pooled[39], alone.pooled[0], atol=1e-5)
    extract(run, report=lambda done, total: pytest.fail("a finished stage is not run again"))
