from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from ihd_core.heatmaps.explain import OWN, full_scale, heatmap
from ihd_core.heatmaps.overlay import COLOURS, FLOOR, Layer, blend, cell_mm, layers, paint, paint_contours
from ihd_core.labels import LABELS, Label
from tests.ihd_core.toy import IN_PLANE, toy_prediction, toy_scan

# Machado, Oliveira & Fernandes, IEEE TVCG 15 (2009) 1291-1298, severity 1.0, on linear RGB.
PROTANOPIA = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
DEUTERANOPIA = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]


def lab(rgb, seen_as):
    share = np.array(rgb) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(seen_as) @ linear, 0, 1)
    share = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return cv2.cvtColor(share.astype(np.float32)[None, None], cv2.COLOR_RGB2Lab)[0, 0]


@pytest.mark.parametrize("seen_as", [np.eye(3), PROTANOPIA, DEUTERANOPIA], ids=["all", "protanopia", "deuteranopia"])
def test_colours_are_told_apart_by_everybody_and_from_grey(seen_as):
    """A difference of 10 in CIELAB is seen at a glance; 2 is just noticeable."""
    seen = [lab(COLOURS[label], seen_as) for label in LABELS]
    assert min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2)) > 10


def flat(value, label=Label.SUBDURAL):
    return Layer(np.full((2, 3), value, np.float32), label)


def test_nothing_is_painted_below_the_floor():
    assert not paint([flat(FLOOR - 0.01)])[..., 3].any()
    assert paint([flat(FLOOR)])[..., 3].all()


@pytest.mark.parametrize(("value", "alpha"), [(0.5, 102), (1.0, 204), (7.0, 204)])
def test_opacity_follows_the_evidence_up_to_full_scale(value, alpha):
    painted = paint([flat(value)], 0.8)
    assert (painted[..., 3] == alpha).all()
    assert (painted[..., :3] == COLOURS[Label.SUBDURAL]).all()


def test_of_several_labels_the_strongest_gives_the_colour():
    first = Layer(np.array([[0.9, 0.3, 0.0]], np.float32), Label.EPIDURAL)
    second = Layer(np.array([[0.4, 0.8, 0.1]], np.float32), Label.SUBARACHNOID)
    painted = paint([first, second], 1.0)
    assert painted[0, 0].tolist() == [*COLOURS[Label.EPIDURAL], round(0.9 * 255)]
    assert painted[0, 1].tolist() == [*COLOURS[Label.SUBARACHNOID], round(0.8 * 255)]
    assert painted[0, 2, 3] == 0


def test_blending_keeps_grey_where_nothing_is_painted_and_mixes_elsewhere():
    grey = np.array([[100, 100]], np.uint8)
    colour = np.array([[[200, 0, 0, 0], [200, 0, 50, 51]]], np.uint8)
    assert blend(grey, colour).tolist() == [[[100, 100, 100], [120, 80, 90]]]


def test_layers_are_shares_of_full_scale():
    prediction = toy_prediction()
    (once,) = layers(prediction, [Label.ANY], 0)
    (twice,) = layers(toy_prediction(full_scale=dict.fromkeys(LABELS, 0.025)), [Label.ANY], 0)
    assert twice.values == pytest.approx(2 * once.values)


@pytest.mark.parametrize("orientation", IN_PLANE)
def test_a_cells_size_does_not_depend_on_how_the_rows_are_stored(orientation):
    """16 of 64 network pixels, each one slice pixel of 3.5 mm."""
    scan = toy_scan(1, orientation=orientation)
    assert cell_mm(scan, toy_prediction(scan)) == pytest.approx(16 * 3.5)


def test_a_contour_runs_along_the_edge_of_what_is_reached_and_leaves_the_rest_free():
    values = np.zeros((9, 9), np.float32)
    values[2:7, 2:7] = FLOOR
    colour = paint_contours([Layer(values, Label.SUBDURAL)])
    edge = np.zeros((9, 9), bool)
    edge[2:7, 2:7] = True
    edge[3:6, 3:6] = False
    assert np.array_equal(colour[..., 3] == 255, edge)
    assert not colour[~edge].any()
    assert (colour[edge, :3] == COLOURS[Label.SUBDURAL]).all()


def test_contours_of_several_labels_are_all_there_and_none_below_the_floor():
    first, second = np.zeros((9, 9), np.float32), np.full((9, 9), FLOOR / 2, np.float32)
    first[0:3, 0:3], second[5:9, 5:9] = 1.0, 0.6
    colour = paint_contours([Layer(first, Label.EPIDURAL), Layer(second, Label.SUBARACHNOID)])
    assert colour[0, 0].tolist() == [*COLOURS[Label.EPIDURAL], 255]  # at the slice's edge too
    assert colour[5, 5].tolist() == [*COLOURS[Label.SUBARACHNOID], 255]
    assert colour[..., 3].any(axis=1).tolist() == [True] * 3 + [False] * 2 + [True] * 4


@pytest.mark.parametrize("kind", OWN)
def test_layers_are_shares_of_the_scale_of_their_kind(kind):
    scan = toy_scan()
    prediction = toy_prediction(scan)
    for label in LABELS:
        (layer,) = layers(prediction, [label], 2, kind)
        share = heatmap(prediction, label, 2, kind).values.max() / full_scale(prediction, label, kind)
        assert layer.values.max() <= share * (1 + 1e-5)
