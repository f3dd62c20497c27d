from __future__ import annotations

import copy
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from app.bench.grad_cam import imported as oracle
from ihd_core.heatmaps.explain import OWN, Agreement, Kind, agreement, full_scale, heatmap, on_slice
from ihd_core.labels import LABELS, Label
from ihd_core.model_file import ScanRule
from ihd_core.model_input import Cells, channels, placement, slice_input
from ihd_core.networks.network import cell_geometry
from ihd_core.predict import predict
from tests.ihd_core.toy import IN_PLANE, toy_info, toy_model, toy_prediction, toy_scan

CELLS = Cells(7.5, 16.0)


@pytest.fixture(scope="module", params=["small", "resnext50_32x4d", "lite0"])
def explained(request):
    """A model, a scan of one slice of its size, and the prediction."""
    pooled_count = {"small": 224, "resnext50_32x4d": 2048, "lite0": 256}[request.param]
    model = toy_model(backbone=request.param, side=64, pooled_count=pooled_count)
    scan = toy_scan(1, size=64)
    return model, scan, predict(scan, model)


@pytest.fixture(scope="module")
def prediction():
    return toy_prediction()


def network_input(scan):
    return torch.from_numpy(np.stack([channels(hu) for hu in scan.hu]))


def hot_cell(prediction, scan, row, column, *, cells=16, geometry=CELLS):
    """The prediction of a scan whose evidence is one cell, in a network picture of 256 x 256."""
    evidence = np.zeros((len(scan), len(LABELS), cells, cells), np.float32)
    evidence[:, :, row, column] = 1
    slabs = np.zeros(len(scan), np.int64)
    return replace(prediction, evidence=evidence, placement=placement(scan, 256), cells=geometry, slab_of_slice=slabs)


def centroid(values):
    return [float((values * grid).sum() / values.sum()) for grid in np.mgrid[: values.shape[0], : values.shape[1]]]


def test_the_closed_form_equals_the_gradients_of_autograd(explained):
    """Grad-CAM as it is defined: weights are the mean gradient of the logit by the last map."""
    model, scan, prediction = explained
    for label in LABELS:
        cnn = model.members[0].cnn
        activations = cnn.activations(network_input(scan)).requires_grad_()
        logit = cnn.head(activations.mean((2, 3)))[0, label.column]
        (gradient,) = torch.autograd.grad(logit, activations)
        expected = torch.relu((gradient.mean((2, 3), keepdim=True) * activations).sum(1))[0].detach().numpy()
        assert heatmap(prediction, label, 0).values == pytest.approx(expected, abs=1e-5)


class LogitsOnly(torch.nn.Module):
    """What pytorch-grad-cam can call."""

    def __init__(self, cnn):
        super().__init__()
        self.cnn = cnn

    def forward(self, x):
        return self.cnn(x).logits


def test_the_closed_form_equals_pytorch_grad_cam_after_its_scaling(explained):
    """The library enlarges the map and stretches it to 0..1, twice; done to our map, the two must be one."""
    grad_cam = oracle("pytorch_grad_cam").GradCAM
    target = oracle("pytorch_grad_cam.utils.model_targets").ClassifierOutputTarget
    scaled = oracle("pytorch_grad_cam.utils.image").scale_cam_image
    model, scan, prediction = explained
    cnn = model.members[0].cnn
    last = [module for module in cnn.children() if module is not cnn.head][-1]
    with grad_cam(model=LogitsOnly(cnn), target_layers=[last]) as cam:
        for label in LABELS:
            x = network_input(scan).requires_grad_()
            expected = cam(input_tensor=x, targets=[target(label.column)])
            ours = scaled(scaled(heatmap(prediction, label, 0).values[None], (64, 64)))
            assert ours == pytest.approx(expected, abs=1e-5)


def test_the_map_before_the_relu_and_the_bias_add_up_to_the_logit(explained):
    model, scan, prediction = explained
    cnn = model.members[0].cnn
    with torch.inference_mode():
        logits = cnn(network_input(scan)).logits.numpy()
    assert prediction.evidence.sum((2, 3)) + cnn.head.bias.numpy() == pytest.approx(logits, abs=1e-4)


def test_a_heatmap_is_never_negative(prediction):
    assert prediction.evidence.min() < 0
    assert all(heatmap(prediction, label, 0).values.min() >= 0 for label in LABELS)


@pytest.mark.parametrize("orientation", IN_PLANE)
@pytest.mark.parametrize(("rows", "columns"), [(512, 512), (400, 512), (320, 200)])
def test_a_hot_cell_is_drawn_where_it_looks(prediction, orientation, rows, columns):
    """Cell (5, 9) of 16 x 16 looks at network pixel (87.5, 151.5); network pixels are found on the slice by hand."""
    scan = toy_scan(hu=np.zeros((1, rows, columns)), orientation=orientation, spacing_mm=(5.0, 0.5, 0.5))
    drawn = on_slice(heatmap(hot_cell(prediction, scan, 5, 9), Label.ANY, 0))
    assert drawn.shape == (rows, columns)
    assert drawn.dtype == np.float32
    # Patient coordinates of the cell, as offsets from the middle of the slice, to the left and to posterior.
    network_pixel = max(rows, columns) / 256
    posterior, left = (87.5 - 127.5) * network_pixel, (151.5 - 127.5) * network_pixel
    along_row, down_column = np.array(orientation[0][:2]), np.array(orientation[1][:2])
    expected = (
        (rows - 1) / 2 + down_column @ (left, posterior),
        (columns - 1) / 2 + along_row @ (left, posterior),
    )
    assert centroid(drawn) == pytest.approx(expected, abs=0.5)


def test_a_resnext_cell_is_drawn_at_32_i_and_not_where_enlarging_puts_it(prediction):
    scan = toy_scan(hu=np.zeros((1, 512, 512)), spacing_mm=(5.0, 0.5, 0.5))
    shown = heatmap(hot_cell(prediction, scan, 3, 4, cells=8, geometry=Cells(0.0, 32.0)), Label.ANY, 0)
    assert centroid(on_slice(shown)) == pytest.approx((2 * 96 + 0.5, 2 * 128 + 0.5), abs=1e-3)


def test_between_the_cells_the_map_is_bilinear_and_beyond_them_constant(prediction):
    scan = toy_scan(hu=np.zeros((1, 256, 256)), spacing_mm=(5.0, 1.0, 1.0))
    drawn = on_slice(heatmap(hot_cell(prediction, scan, 0, 0), Label.ANY, 0))
    assert drawn[:8, :8] == pytest.approx(1.0)
    # Pixel 16 lies 8.5 of 16 pixels from the centre of cell 0 to that of cell 1.
    assert drawn[0, 16] == pytest.approx(1 - 8.5 / 16)
    assert drawn[16, 16] == pytest.approx((1 - 8.5 / 16) ** 2)
    assert not drawn[24:].any()


def test_slices_of_one_slab_share_their_heatmap():
    scan = toy_scan(6, spacing_mm=(2.5, 3.5, 3.5))
    prediction = toy_prediction(scan)
    first, second = (heatmap(prediction, Label.SUBDURAL, index) for index in (2, 3))
    assert np.array_equal(first.values, second.values)
    assert (first.slice_index, second.slice_index) == (2, 3)


@pytest.mark.parametrize(("offset", "expected"), [(7.5, 7.5), (0.0, 31 / 2)])
def test_averaged_with_its_mirror_image_a_column_of_cells_looks_midway_between_the_two(prediction, offset, expected):
    """Of 8 cells 32 apart, the first looks at column 0; of the mirrored map flipped back, at column 31."""
    scan = toy_scan(hu=np.zeros((1, 256, 256)), spacing_mm=(5.0, 1.0, 1.0))
    stride, cells = (16.0, 16) if offset else (32.0, 8)
    hot = hot_cell(prediction, scan, 0, 0, cells=cells, geometry=Cells(offset, stride))
    shown = heatmap(replace(hot, model=replace(hot.model, flip=True)), Label.ANY, 0)
    assert shown.to_slice @ (0, 0, 1) == pytest.approx((offset, expected))
    assert shown.to_slice @ (1, 2, 1) == pytest.approx((offset + stride, expected + 2 * stride))


def test_full_colour_means_the_same_evidence_on_every_slice_of_every_scan():
    scales = dict.fromkeys(LABELS, 0.1) | {Label.SUBDURAL: 0.7}
    assert full_scale(toy_prediction(full_scale=scales), Label.SUBDURAL) == 0.7
    assert toy_info().full_scale[Label.ANY] == full_scale(toy_prediction(), Label.ANY)


def test_ratings_name_each_kind_by_another_method_and_the_cnns_as_ever():
    assert Kind.CNN == "grad-cam-cnn"
    assert len({str(kind) for kind in Kind}) == len({kind.full_name for kind in Kind}) == 7


@pytest.mark.parametrize(
    ("changes", "adding_up"),
    [({}, {Kind.CNN}), ({"sequence": None, "reduction": "none"}, set(OWN))],
    ids=["bilstm", "cnn alone"],
)
def test_only_a_closed_form_is_said_to_add_up(changes, adding_up):
    prediction = toy_prediction(**changes)
    maps = [heatmap(prediction, Label.ANY, 0, kind) for kind in OWN]
    assert [shown.kind for shown in maps] == list(OWN)
    assert {shown.kind for shown in maps if shown.adds_up} == adding_up


def test_of_a_head_that_is_not_linear_the_gradient_is_taken_and_no_closed_form_claimed():
    model, scan = toy_model(), toy_scan(2)
    cnn = copy.deepcopy(model.members[0].cnn)
    cnn.fc = torch.nn.Sequential(torch.nn.Linear(224, len(LABELS)), torch.nn.Tanh()).requires_grad_(False)
    prediction = predict(scan, replace(model, members=(replace(model.members[0], cnn=cnn),)))
    assert not any(heatmap(prediction, Label.ANY, 0, kind).adds_up for kind in OWN)
    for slab in range(2):
        activations = cnn.activations(network_input(scan)[slab : slab + 1])
        linear = activations.mean((2, 3)) @ cnn.fc[0].weight.T + cnn.fc[0].bias
        slope = 1 - torch.tanh(linear[0]) ** 2  # of tanh, by hand
        expected = torch.einsum("l,lk,krc->lrc", slope, cnn.fc[0].weight, activations[0]) / 16
        assert prediction.evidence[slab] == pytest.approx(expected.numpy(), abs=1e-6)


class Given:
    """What stands for the evidence of a result: (slabs, labels, map rows, map columns), and its scales."""

    def __init__(self, evidence, scan_peaks=0.0, slice_peaks=0.0):
        self.evidence = evidence
        self.scan_peaks, self.slice_peaks = (np.full(len(LABELS), peak) for peak in (scan_peaks, slice_peaks))
        self.scan_slabs = (0,) * len(LABELS)

    def of_slab(self, slab):
        return self.evidence[slab]

    of_scan_at = of_slab


def two_maps(cnn, result):
    """A scan of one slice of 256 x 256 pixels of 0.5 x 0.8 mm, and a prediction with maps of 16 x 16 cells given."""
    scan = toy_scan(hu=np.zeros((1, 256, 256)), spacing_mm=(5.0, 0.8, 0.8))
    evidence = np.zeros((2, 1, len(LABELS), 16, 16), np.float32)
    for values, cells in zip(evidence, (cnn, result), strict=True):
        for place, value in cells.items():
            values[(..., *place)] = value
    shown = replace(hot_cell(toy_prediction(), scan, 0, 0), evidence=evidence[0], result=Given(evidence[1]))
    return scan, shown


@pytest.mark.parametrize(
    ("cnn", "result", "expected"),
    [
        ({(3, 4): 2.0, (3, 5): 1.0}, {(3, 4): 0.02, (3, 5): 0.01}, Agreement(1.0, 0.0)),
        ({(3, 4): 2.0}, {(6, 8): 5.0}, Agreement(0.0, 5 * 16 * 0.8)),
        ({(3, 4): 3.0, (6, 8): 1.0}, {(3, 4): 1.0, (6, 8): 3.0}, Agreement(0.5, 5 * 16 * 0.8)),
        ({(3, 4): 1.0, (9, 9): -7.0}, {(3, 4): 1.0}, Agreement(1.0, 0.0)),
        ({(3, 4): 1.0}, {}, Agreement(0.0, None)),
        ({}, {}, Agreement(1.0, None)),
    ],
    ids=["a common factor", "apart", "half", "negative evidence", "one empty", "both empty"],
)
def test_agreement_is_the_evidence_that_both_maps_have_in_the_same_cells(cnn, result, expected):
    """A cell is 16 network pixels of 0.8 mm; (3, 4) to (6, 8) is the triangle of 3, 4 and 5 cells."""
    for kind in (Kind.RESULT_SLICE, Kind.RESULT_SCAN):
        found = agreement(*two_maps(cnn, result), Label.SUBDURAL, 0, kind)
        assert found.overlap == pytest.approx(expected.overlap, abs=1e-6)
        assert found.peaks_mm == (None if expected.peaks_mm is None else pytest.approx(expected.peaks_mm))


@pytest.mark.parametrize(("overlap", "said"), [(0.49, True), (0.5, False), (1.0, False), (0.0, True)])
def test_maps_disagree_where_most_of_each_lies_elsewhere(overlap, said):
    assert Agreement(overlap, None).disagree is said


def test_a_results_full_colour_is_one_for_the_scan_and_the_cnns_stays_the_models():
    prediction = replace(toy_prediction(), result=Given(np.zeros(0), scan_peaks=0.3, slice_peaks=0.2))
    scales = [full_scale(prediction, Label.SUBDURAL, kind) for kind in OWN]
    assert scales == [prediction.model.full_scale[Label.SUBDURAL], 0.2, 0.3]


def test_where_a_result_has_no_evidence_anywhere_nothing_is_painted_whatever_the_scale():
    prediction = replace(toy_prediction(), result=Given(np.zeros(0)))
    assert full_scale(prediction, Label.ANY, Kind.RESULT_SCAN) == prediction.model.full_scale[Label.ANY]


def test_without_a_bilstm_full_colour_is_the_models_for_a_result_too():
    alone = toy_prediction(sequence=None, reduction="none")
    assert {full_scale(alone, Label.ANY, kind) for kind in OWN} == {alone.model.full_scale[Label.ANY]}


def test_without_a_bilstm_only_a_fitted_scan_has_a_scale_of_its_own():
    fitted = ScanRule("fitted", dict.fromkeys(LABELS, (0.1, 0.5, 0.3, 0.4)))
    alone = toy_prediction(sequence=None, reduction="none", scan_rule=fitted)
    alone = replace(alone, result=Given(np.zeros(0), scan_peaks=0.3, slice_peaks=0.2))
    models = alone.model.full_scale[Label.ANY]
    assert [full_scale(alone, Label.ANY, kind) for kind in OWN] == [models, models, 0.3]


def test_a_map_askew_is_the_programmers_mistake(prediction):
    shown = heatmap(prediction, Label.ANY, 0)
    with pytest.raises(ValueError, match="parallel"):
        on_slice(replace(shown, to_slice=np.array([[1.0, 0.1, 0], [0.1, 1.0, 0]])))


@pytest.mark.parametrize(
    ("backbone", "flip", "within"),
    [("small", False, 2.0), ("resnext50_32x4d", False, 4.0), ("small", True, 2.0), ("resnext50_32x4d", True, 4.0)],
)
def test_a_small_hemorrhage_changes_the_map_where_its_cells_look(prediction, backbone, flip, within):
    """An oracle without gradients: the map with and without a disc of blood, at places spread over one cell.

    Drawn by plain enlarging, ResNeXt's change would lie 15.5 network pixels, 31 on the slice, too far right and down;
    the mean with the mirrored map too far down only.
    """
    brain = np.random.default_rng(0).normal(32, 4, (512, 512))
    places = [(224, 224), (240, 272), (272, 240), (288, 288)]
    hu = np.stack([brain, *(cv2.circle(brain.copy(), place[::-1], 12, 75, -1) for place in places)])
    scan = toy_scan(hu=hu, spacing_mm=(5.0, 0.5, 0.5))
    pooled_count = {"small": 224, "resnext50_32x4d": 2048}[backbone]
    cnn = toy_model(backbone=backbone, pooled_count=pooled_count).members[0].cnn
    place = placement(scan, 256)
    pictures = np.stack([slice_input(scan, range(index, index + 1), place).channels for index in range(len(scan))])
    with torch.inference_mode():
        maps = cnn.activations(torch.from_numpy(pictures))
        if flip:
            maps = (maps + cnn.activations(torch.from_numpy(pictures).flip(3)).flip(3)) / 2
    maps = maps.double().numpy()
    shown = replace(
        prediction,
        evidence=np.zeros((1, 6, *maps.shape[2:]), np.float32),
        placement=place,
        cells=cell_geometry(cnn, 256, inputs=1),
        model=replace(prediction.model, flip=flip),
    )
    shown = heatmap(shown, Label.ANY, 0)
    off = [
        shown.to_slice @ (*centroid(((changed - maps[0]) ** 2).sum(0)), 1) - lesion
        for changed, lesion in zip(maps[1:], places, strict=True)
    ]
    assert np.abs(np.mean(off, axis=0)).max() < 2 * within, "slice pixels, two to a network pixel"
