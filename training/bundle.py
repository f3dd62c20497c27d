"""Stages evaluate and bundle: results on the test scans, and the model folder that the program opens."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ihd_core.files import sha256
from ihd_core.labels import DISPLAY_ORDER, LABELS
from ihd_core.model_file import ModelInfo, SequenceShape, TrainingData, salted_sha256, save_model
from ihd_core.network import PAPER_DEVIATION, PAPER_MEAN
from training.cnn import load_cnn
from training.evaluate import at_both_levels, operating_points, table
from training.features import load_features
from training.sequence import load_sequence, sequence_logits

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ihd_core.estimate import Estimate
    from ihd_core.labels import Label
    from ihd_core.model_file import OperatingPoint
    from training.config import RunConfig
    from training.run_folder import RunFolder

INTENDED_USE = "Demonstration model, trained on synthetic heads, not for clinical use"

_FULL_COLOUR_SHARE = 0.75
"""Share of the positive validation slices whose peak stays below full colour."""


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """Accuracy on the test scans and the operating points it was measured at.

    Attributes:
        points: chosen on the validation scans, by setting, level and label.
        rows: of the test scans, CNN + BiLSTM at the operating points "screen"; cnn_rows: the same of the CNN alone.
        scans: how many of them.
    """

    points: dict[str, dict[str, dict[Label, OperatingPoint]]]
    rows: list[dict[str, Any]]
    cnn_rows: list[dict[str, Any]]
    scans: int

    def as_text(self) -> str:
        """A table in Markdown."""
        head = (
            "| level | label | positive | negative | AUC, CNN | AUC | sensitivity | specificity |\n"
            + "|---" * 8
            + "|\n"
        )
        of_cnn = {(row["level"], row["label"]): row["auc"] for row in self.cnn_rows}
        order = [(level, label) for level in ("scan", "slice") for label in DISPLAY_ORDER]
        rows = {(row["level"], row["label"]): row for row in self.rows}
        return head + "".join(
            f"| {level} | {label} | {row['positives']} | {row['negatives']} | {_text(of_cnn[level, label])} | "
            f"{_text(row['auc'])} | {_text(row['sensitivity'])} | {_text(row['specificity'])} |\n"
            for level, label in order
            for row in (rows[level, label],)
        )


def results(run: RunFolder, config: RunConfig) -> Results:
    """Choose operating points on the validation scans, then measure on the test scans."""
    reduction, network = load_sequence(run, config)
    chosen, unseen = load_features(run, "validation"), load_features(run, "test")
    points = operating_points(
        at_both_levels(chosen.truth, chosen.scan),
        at_both_levels(_probabilities(sequence_logits(network, reduction, chosen)), chosen.scan),
    )
    truth = at_both_levels(unseen.truth, unseen.scan)
    revised = at_both_levels(_probabilities(sequence_logits(network, reduction, unseen)), unseen.scan)
    alone = at_both_levels(_probabilities(unseen.logits), unseen.scan)

    def threshold(level: str, label: Label) -> float:
        return points["screen"][level][label].threshold

    return Results(
        points,
        table(truth, revised, unseen.scan, threshold),
        table(truth, alone, unseen.scan, threshold),
        len(np.unique(unseen.scan)),
    )


def bundle(run: RunFolder, config: RunConfig) -> Path:
    """Write the model folder into the run and return it."""
    reduction, network = load_sequence(run, config)
    found = results(run, config)
    chosen = load_features(run, "validation")
    full_scale = {}
    for label in LABELS:
        peaks = chosen.peaks[chosen.truth[:, label.column], label.column]
        full_scale[label] = (float(np.quantile(peaks, _FULL_COLOUR_SHARE)) if len(peaks) else 0.0) or 1.0
    numbers = config.sequence
    info = ModelInfo(
        name=config.name,
        intended_use=INTENDED_USE,
        demonstration=True,
        backbone=config.cnn.backbone,
        side=config.synthetic.side,
        mean=PAPER_MEAN,
        deviation=PAPER_DEVIATION,
        reduction="pca",
        pooled_count=chosen.pooled.shape[1],
        sequence=SequenceShape(numbers.features, numbers.hidden, numbers.layers, numbers.dropout),
        operating_points=found.points,
        full_scale=full_scale,
        training=_training_data(run, config),
        metrics={"scans": found.scans, "at": "screen", "test": [_plain(row) for row in found.rows]},
    )
    folder = run.path / "model"
    save_model(
        folder, info, cnn=load_cnn(run, config), reduction=reduction, sequence=network, card=_card(config, found)
    )
    return folder


def _probabilities(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    # As torch does it, so that thresholds chosen here cut where the program cuts.
    import torch

    probabilities: NDArray[np.float32] = torch.sigmoid(torch.from_numpy(logits)).numpy()
    return probabilities


def _training_data(run: RunFolder, config: RunConfig) -> TrainingData:
    salt = sha256(f"{config.name} {config.seed}".encode())[:16]
    fitted, chosen = run.identities("train") + run.identities("sequence"), run.identities("validation")
    return TrainingData(
        f"{len(fitted)} synthetic heads for fitting and {len(chosen)} for choosing operating points, rendered by "
        f"ihd_core.phantom from seed {config.seed}; no patient's data",
        salt,
        tuple(salted_sha256(salt, one.patient_id) for one in fitted),
        tuple(salted_sha256(salt, one.series_uid) for one in fitted),
        tuple(salted_sha256(salt, one.patient_id) for one in chosen),
        tuple(salted_sha256(salt, one.series_uid) for one in chosen),
    )


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: asdict(value) if hasattr(value, "method") else value for key, value in row.items()}


def _text(estimate: Estimate | None) -> str:
    if estimate is None or np.isnan(estimate.value):
        return "not estimable"
    return f"{estimate.value:.3f} ({estimate.low:.3f}-{estimate.high:.3f})"


def _card(config: RunConfig, found: Results) -> str:
    data, cnn, sequence = config.synthetic, config.cnn, config.sequence
    shape = f"{sequence.layers} x {sequence.hidden}"
    return f"""# {config.name}

**{INTENDED_USE}.**

It shows what the program does. It has never been measured on a labelled real head; on real scans its probabilities
mean nothing.

## What it is

The system of Burduja, Ionescu and Verga (Sensors 2020, 20(19):5611) with a small CNN: "{cnn.backbone}" on three-window
slices of {data.side} x {data.side} pixels, {sequence.features} PCA features, a {shape} bidirectional LSTM,
CNN probabilities joined in. A scan's probability is the maximum over its slices.

## What it was made from

Synthetic heads alone, rendered by `ihd_core.phantom` from seed {config.seed}: {data.train} scans for the CNN,
{data.sequence} for the BiLSTM, {data.validation} to choose checkpoint and operating points, {data.test} for the table
below. A slice is called positive where the hemorrhage can be seen in it. While it learnt the labels, the CNN was also
shown the masks, so that its evidence lies on the hemorrhage. `python -m training all --run FOLDER` makes it again.

## How it does on synthetic heads it never saw

{found.scans} scans; CNN + BiLSTM at the operating points "screen"; 95 % intervals (AUC: bootstrap over scans;
sensitivity and specificity: Wilson, which for slices is too narrow, because slices of one head are not independent).
On real heads: not known.

{found.as_text()}"""
