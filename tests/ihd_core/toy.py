"""Small scans and a model with random weights: enough to test that the parts fit, never what the weights say."""

from __future__ import annotations

import functools
import itertools
from dataclasses import asdict, replace

import cv2
import numpy as np
import torch

from ihd_core.labels import LABELS
from ihd_core.model_file import Member, Model, ModelInfo, SequenceShape, TrainingData, paper_points
from ihd_core.model_info import OperatingPoint
from ihd_core.model_input import Cells
from ihd_core.networks.network import PAPER_DEVIATION, PAPER_MEAN, Reduction, SequenceNetwork, SliceCnn
from ihd_core.predict import Prediction, predict
from ihd_core.scan import Scan

AXIAL = np.eye(3)
SAGITTAL = np.array([[0.0, 1, 0], [0, 0, -1], [1, 0, 0]])
CORONAL = np.array([[1.0, 0, 0], [0, 0, -1], [0, -1, 0]])
IN_PLANE = tuple(
    np.array([row, column, (0.0, 0, 1)])
    for row, column in itertools.permutations([(1.0, 0, 0), (-1.0, 0, 0), (0, 1.0, 0), (0, -1.0, 0)], 2)
    if np.dot(row, column) == 0
)
"""The eight ways in which an axial slice can be stored."""


def toy_scan(
    slices=6,
    size=64,
    orientation=AXIAL,
    *,
    spacing_mm=(5.0, 3.5, 3.5),
    hu=None,
    thickness_mm=0.0,
    heights_mm=None,
    uid="1.2.3",
    seed=0,
):
    """An ellipse of skull with noisy brain and a bright blot, or the HU given; (slices, rows, columns)."""
    if hu is None:
        hu = toy_hu(slices, size, seed)
    heights = np.arange(len(hu)) * spacing_mm[0] if heights_mm is None else np.asarray(heights_mm, float)
    orientation = np.array(orientation, float)
    positions = np.outer(heights, orientation[2]) - 110.0 * (orientation[0] + orientation[1])
    scan = Scan(
        hu=np.array(hu, np.int16),
        spacing_mm=spacing_mm,
        orientation=orientation,
        positions_mm=positions,
        uid=uid,
        slice_uids=tuple(f"{uid}.{index}" for index in range(len(hu))),
    )
    return replace(scan, details=replace(scan.details, thickness_mm=thickness_mm))


def toy_hu(slices=6, size=64, seed=0):
    """int16 (slices, size, size), patient right on the left, anterior up; lopsided on every axis."""
    rng = np.random.default_rng(seed)
    hu = np.full((slices, size, size), -1000, np.int16)
    centre, axes = (size // 2, size // 2), (round(0.34 * size), round(0.42 * size))
    for index, picture in enumerate(hu):
        cv2.ellipse(picture, centre, axes, 0, 0, 360, 900, -1)
        inside = np.zeros(picture.shape, np.uint8)
        cv2.ellipse(inside, centre, (axes[0] - 3, axes[1] - 3), 0, 0, 360, 1, -1)
        brain = rng.normal(32, 6, picture.shape).round().astype(np.int16)
        picture[inside == 1] = brain[inside == 1]
        blot = (round(size * (0.35 + 0.03 * index)), round(size * 0.4))
        cv2.circle(picture, blot, max(2, size // 12), 70, -1)
    return hu


def stored_as(hu, orientation):
    """Rearrange axial slices, stored as AXIAL, so that they mean the same in another in-plane orientation."""
    along_row, down_column = orientation[0], orientation[1]
    turned = hu.swapaxes(1, 2) if along_row[0] == 0 else hu
    rows_by, columns_by = int(down_column.sum()), int(along_row.sum())
    return np.ascontiguousarray(turned[:, ::rows_by, ::columns_by])


def toy_info(**changes):
    """A model's description with plausible values."""
    points = {
        "screen": {level: {label: OperatingPoint(0.3) for label in LABELS} for level in ("scan", "slice")},
        "confirm": {level: {label: OperatingPoint(0.8) for label in LABELS} for level in ("scan", "slice")},
        "paper": paper_points(),
    }
    values = {
        "name": "toy",
        "intended_use": "Demonstration model, random weights, not for clinical use",
        "demonstration": True,
        "backbone": "small",
        "side": 64,
        "mean": PAPER_MEAN,
        "deviation": PAPER_DEVIATION,
        "reduction": "pca",
        "pooled_count": 224,
        "sequence": SequenceShape(features=12, hidden=16, layers=2),
        "operating_points": points,
        "full_scale": dict.fromkeys(LABELS, 0.05),
        "training": TrainingData("Nothing: random weights.", "toy"),
        "cells": Cells(7.5, 16.0),
        "sha256": "0123456789abcdef" * 4,
    }
    return ModelInfo(**{**values, **changes})


def toy_networks(info=None, seed=0):
    """The members that a description has, with random weights of their own; shared, so do not train them."""
    info = info or toy_info()
    return {"members": tuple(toy_member(info, seed + 100 * number) for number in range(info.members))}


def toy_member(info=None, seed=0) -> Member:
    """CNN, reduction and sequence network with random weights that fit a description."""
    info = info or toy_info()
    return _member(info.backbone, info.mean, info.deviation, info.neighbours, info.pooled_count, info.sequence, seed)


@functools.cache
def _member(backbone, mean, deviation, neighbours, pooled_count, shape, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        cnn = SliceCnn(backbone, mean, deviation, neighbours)
        parts = [cnn]
        if shape is not None:
            parts.append(Reduction(torch.rand(pooled_count), torch.randn(shape.features, pooled_count)))
            parts.append(SequenceNetwork(**asdict(shape)))
    for network in parts:
        network.eval().requires_grad_(False)
    return Member(*parts)


def toy_model(seed=0, **changes) -> Model:
    """Random weights, side 64, small backbone, ready to predict."""
    info = toy_info(**changes)
    return Model(info, **toy_networks(info, seed))


def toy_prediction(scan=None, **changes) -> Prediction:
    """What the toy model says of a scan."""
    return predict(scan if scan is not None else toy_scan(), toy_model(**changes))
