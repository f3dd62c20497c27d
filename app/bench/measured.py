"""What benches measure: a model, a scan, and what every title says of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ihd_core.labels import LABELS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ihd_core.model_file import Model
    from ihd_core.scan import Scan

SLICES, SIDE = 35, 512
"""Of the phantom that is measured where no scan is given."""
PAPERS = "resnext101_32x8d"
"""The paper's slice network."""


def measured_model(folder: Path, backbone: str | None = None) -> Model:
    """The model of a folder, or one with the paper's sizes and random weights, whose speed is that of a trained one.

    Args:
        folder: not looked at where a backbone is named.
        backbone: one of BACKBONES.

    Raises:
        ModelFileError: the folder is refused.
    """
    from ihd_core.model_file import load_model

    return load_model(folder) if backbone is None else _random_model(backbone)


def _random_model(backbone: str) -> Model:
    import torch

    from ihd_core.model_file import Member, Model
    from ihd_core.model_info import ModelInfo, SequenceShape, TrainingData, paper_points
    from ihd_core.model_input import PAPER_DEVIATION, PAPER_MEAN
    from ihd_core.networks.network import BACKBONES, Reduction, SliceCnn, cell_geometry
    from ihd_core.networks.sequence_network import SequenceNetwork

    shape = SequenceShape(features=120, hidden=256, layers=3)
    count = BACKBONES[backbone].pooled_count
    with torch.random.fork_rng():
        torch.manual_seed(0)
        cnn = SliceCnn(backbone, PAPER_MEAN, PAPER_DEVIATION)
        reduction = Reduction(torch.rand(count), torch.randn(shape.features, count) / count**0.5)
        sequence = SequenceNetwork(shape.features, shape.hidden, shape.layers)
    for network in (cnn, reduction, sequence):
        network.eval().requires_grad_(False)
    info = ModelInfo(
        name=f"random {backbone}",
        intended_use="Random weights, for measuring speed alone",
        demonstration=True,
        backbone=backbone,
        side=256,
        mean=PAPER_MEAN,
        deviation=PAPER_DEVIATION,
        reduction="pca",
        pooled_count=count,
        sequence=shape,
        operating_points={"paper": paper_points()},
        full_scale=dict.fromkeys(LABELS, 1.0),
        training=TrainingData("Nothing: random weights.", "random"),
        cells=cell_geometry(cnn, 256, inputs=1),
        sha256="0" * 64,
    )
    return Model(info, (Member(cnn, reduction, sequence),))


def measured_scan(path: Path | None) -> Scan:
    """The scan of a DICOM file or folder, or a phantom.

    Raises:
        DicomError: there is no scan to be read.
    """
    if path is None:
        from ihd_core.phantom.phantom import phantom_scan

        return phantom_scan(0, size=SIDE, slices=SLICES).scan
    from ihd_core.dicom.reader import load_scan

    return load_scan(path)


def title(scan: Scan, model: Model, rounds: int) -> str:
    """What was measured, on what, how often."""
    import torch

    slices, rows, columns = scan.hu.shape
    return (
        f"{slices} slices of {rows} x {columns}, model {model.info.name} ({model.info.backbone} at {model.info.side}), "
        f"{torch.get_num_threads()} threads on {os.cpu_count()} processors, median of {rounds} interleaved rounds"
    )


def inputs(scan: Scan, model: Model) -> list[NDArray[np.float32]]:
    """Every slab as the network gets it."""
    from ihd_core.predict import pictures

    return [picture for _, picture in pictures(scan, model.info)]


def endless_steps(scan: Scan, model: Model) -> Iterator[NDArray[np.float32]]:
    """Evidence of slab after slab, as a prediction computes it, over and over."""
    from ihd_core.predict import prediction_steps

    while True:
        yield from (result.evidence for result in prediction_steps(scan, model))
