"""Further methods against their formulae, written out from the papers."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from ihd_core.errors import Cancelled
from ihd_core.heatmaps import grad_cam_library
from ihd_core.heatmaps.explain import FURTHER, Kind, full_scale, heatmap
from ihd_core.heatmaps.further_methods import further_maps
from ihd_core.heatmaps.grad_cam_library import NoGradCam, missing
from ihd_core.labels import LABELS, Label
from ihd_core.predict import pictures, predict
from tests.ihd_core.toy import toy_model, toy_scan

SCAN = toy_scan()


@pytest.fixture(scope="module")
def model():
    return toy_model()


def last_maps(model):
    """(slabs, K, rows, columns), and the head's weights (labels, K)."""
    with torch.no_grad():
        maps = [
            model.members[0].cnn.activations(torch.from_numpy(x[None].copy())) for _, x in pictures(SCAN, model.info)
        ]
        return torch.cat(maps).double().numpy(), model.members[0].cnn.head.weight.double().numpy()


def test_hirescam_is_our_grad_cam_where_the_head_is_linear(model):
    """Draelos and Carin, 2020: the gradient times the activation, cell by cell."""
    found = further_maps(SCAN, model, Kind.HIRES_CAM)
    assert found == pytest.approx(predict(SCAN, model).evidence, abs=1e-5)


def test_layercam_takes_only_what_speaks_for_the_label(model):
    """Jiang et al., IEEE TIP 30 (2021), eq. 3: relu(gradient) * activation."""
    activations, weight = last_maps(model)
    cells = activations.shape[2] * activations.shape[3]
    expected = np.einsum("lk,skrc->slrc", np.maximum(weight, 0), activations) / cells
    assert further_maps(SCAN, model, Kind.LAYER_CAM) == pytest.approx(expected, abs=1e-5)


def test_grad_cam_plus_plus_weighs_channels_by_its_alphas(model):
    """Chattopadhay et al., WACV 2018, eq. 10 and 19, with the gradient of the logit, the same in every cell."""
    activations, weight = last_maps(model)
    cells = activations.shape[2] * activations.shape[3]
    gradient = (weight / cells)[None]
    sums = activations.sum((2, 3))[:, None]
    alpha = gradient**2 / (2 * gradient**2 + sums * gradient**3 + 1e-6)
    channel = cells * np.maximum(gradient, 0) * alpha
    expected = np.einsum("slk,skrc->slrc", channel, activations)
    assert further_maps(SCAN, model, Kind.GRAD_CAM_PLUS_PLUS) == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_eigencam_is_the_first_principal_component_and_knows_no_label(model):
    """Muhammad and Yeasin, IJCNN 2020; turned to grow with the activations."""
    activations, _ = last_maps(model)
    found = further_maps(SCAN, model, Kind.EIGEN_CAM)
    assert all(np.array_equal(found[:, 0], found[:, column]) for column in range(len(LABELS)))
    for activation, image in zip(activations, found[:, 0], strict=True):
        points = activation.reshape(len(activation), -1).T
        centred = points - points.mean(axis=0)
        _, vectors = np.linalg.eigh(centred.T @ centred)
        expected = (centred @ vectors[:, -1]).reshape(image.shape)
        length = np.linalg.norm(activation, axis=0)
        expected *= np.sign(np.corrcoef(length.ravel(), expected.ravel())[0, 1])
        assert np.abs(image - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("kind", FURTHER)
def test_the_same_picture_is_made_of_them(model, kind):
    prediction = predict(SCAN, model)
    with pytest.raises(ValueError, match="no maps of"):
        heatmap(prediction, Label.SUBDURAL, 2, kind)
    prediction.further[kind] = further_maps(SCAN, model, kind)
    shown, usual = (heatmap(prediction, Label.SUBDURAL, 2, one) for one in (kind, Kind.CNN))
    assert shown.values == pytest.approx(np.maximum(prediction.further[kind][2, Label.SUBDURAL.column], 0))
    assert np.array_equal(shown.to_slice, usual.to_slice)
    assert (shown.kind, shown.explains, shown.adds_up) == (kind, 2, False)
    assert full_scale(prediction, Label.SUBDURAL, kind) > 0


def test_one_scale_holds_for_the_whole_scan(model):
    prediction = predict(SCAN, model)
    maps = np.zeros(prediction.evidence.shape, np.float32)
    maps[:, :, 0, 0] = np.arange(1, len(SCAN) + 1)[:, None]
    falling = np.linspace(0.9, 0.1, len(SCAN), dtype=np.float32)[:, None].repeat(len(LABELS), axis=1)
    prediction = replace(prediction, slices=falling)
    prediction.further[Kind.LAYER_CAM] = maps
    assert full_scale(prediction, Label.ANY, Kind.LAYER_CAM) == 3.0  # the median of 1 to 5, of the most suspicious
    assert full_scale(prediction, Label.ANY, Kind.HIRES_CAM) == model.info.full_scale[Label.ANY]


def test_mirror_images_are_averaged_as_the_prediction_averages_them():
    model = toy_model(flip=True)
    assert further_maps(SCAN, model, Kind.HIRES_CAM) == pytest.approx(predict(SCAN, model).evidence, abs=1e-5)


def test_nothing_of_the_library_stays_on_the_model(model):
    further_maps(SCAN, model, Kind.LAYER_CAM)
    assert not any(module._forward_hooks for module in model.members[0].cnn.modules())
    assert all(parameter.grad is None for parameter in model.members[0].cnn.parameters())


def test_it_stops_when_it_is_told_to(model):
    def stop(done, _total):
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        further_maps(SCAN, model, Kind.LAYER_CAM, report=stop)


def test_our_own_kinds_are_none_of_them(model):
    with pytest.raises(ValueError, match="must be one of"):
        further_maps(SCAN, model, Kind.CNN)


def test_what_is_not_installed_is_named(model, monkeypatch):
    assert missing() == ""
    monkeypatch.setattr(grad_cam_library, "_NEEDED", {"no_such_module": "grad-cam", "nor_this": "torchvision"})
    missing.cache_clear()
    assert missing() == "grad-cam, torchvision"
    missing.cache_clear()
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam.utils.model_targets", None)
    with pytest.raises(NoGradCam, match="cannot be imported"):
        further_maps(SCAN, model, Kind.LAYER_CAM)
