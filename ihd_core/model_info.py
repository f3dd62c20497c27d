"""Everything about a model but its weights: as a value, and as the JSON of a model folder."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ihd_core.errors import ModelFileError
from ihd_core.estimate import Estimate
from ihd_core.files import sha256
from ihd_core.labels import DISPLAY_ORDER, LABELS, Label
from ihd_core.model_input import CHANNELS, Cells
from ihd_core.windowing import Window

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = "intracranial hemorrhage model"
FORMAT_VERSION = 1
WEIGHTS, CARD = "weights.safetensors", "MODEL_CARD.md"
"""The files whose hashes the description names."""
SETTINGS = ("screen", "confirm", "paper")
"""Choices of operating points; the first is the default, "paper" is 0.5 everywhere."""
LEVELS = ("scan", "slice")
SCAN_RULE = "maximum"
"""A scan's probability is the largest of its slices'."""
TRAINING_GROUPS = ("training_patients", "training_series", "validation_patients", "validation_series")
NOT_MEASURED = Cells(0.0, 0.0)
BLANK = "0" * 64
"""Stands for a description's own SHA-256 while it is computed."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where a probability becomes a call: the label is called where the probability is above the threshold.

    Attributes:
        threshold: 0..1.
        sensitivity: on the data it was chosen on; None where not measured.
        specificity: on the data it was chosen on; None where not measured.
        positives: cases with the label behind the sensitivity.
        negatives: cases without it behind the specificity.
    """

    threshold: float
    sensitivity: Estimate | None = None
    specificity: Estimate | None = None
    positives: int = 0
    negatives: int = 0


@dataclass(frozen=True, slots=True)
class SequenceShape:
    """What SequenceNetwork is built with."""

    features: int = 120
    hidden: int = 256
    layers: int = 3
    dropout: float = 0.3


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What the model was made from, without naming anybody: identifiers are salted SHA-256, see salted_sha256().

    Attributes:
        description: one paragraph.
        salt: put before every identifier.
    """

    description: str
    salt: str
    training_patients: tuple[str, ...] = ()
    training_series: tuple[str, ...] = ()
    validation_patients: tuple[str, ...] = ()
    validation_series: tuple[str, ...] = ()

    def role_of(self, patient_id: str, series_uid: str) -> str:
        """What a scan was used for when the model was made: "training", "validation", or "" for neither."""
        patient, series = salted_sha256(self.salt, patient_id), salted_sha256(self.salt, series_uid)
        if (patient_id and patient in self.training_patients) or series in self.training_series:
            return "training"
        if (patient_id and patient in self.validation_patients) or series in self.validation_series:
            return "validation"
        return ""


Points = dict[str, dict[str, dict[Label, OperatingPoint]]]
"""Operating points by setting, level and label."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Everything about a model but its weights.

    Attributes:
        name: short, for the screen.
        intended_use: one sentence that goes wherever its results go.
        demonstration: trained on synthetic heads, to show the program; not for clinical use.
        backbone: a key of network.BACKBONES.
        side: of the network's picture, pixels.
        mean: per channel, of windowed slices 0..1; deviation likewise.
        reduction: how the pooled features become few: "pca" or "selection".
        pooled_count: features before the reduction, K.
        sequence: what the BiLSTM is built with; its features are those after the reduction, k.
        operating_points: by setting ("screen", "confirm", "paper"), level ("scan", "slice") and label.
        full_scale: by label, the evidence that heatmaps paint at full colour.
        training: what it was made from.
        metrics: numbers measured on held-out data, for the model card and the window.
        cells: where the cells of the CNN's last map look; measured when the model is saved.
        windows: HU to channels.
        scan_rule: how slices become a scan: "maximum".
        sha256: of the description with these digits replaced by zeros; it names the other files' hashes, so it stands
            for the whole model. Empty before the model is saved.
    """

    name: str
    intended_use: str
    demonstration: bool
    backbone: str
    side: int
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    reduction: Literal["pca", "selection"]
    pooled_count: int
    sequence: SequenceShape
    operating_points: Mapping[str, Mapping[str, Mapping[Label, OperatingPoint]]]
    full_scale: Mapping[Label, float]
    training: TrainingData
    metrics: Mapping[str, object] = field(default_factory=dict)
    cells: Cells = NOT_MEASURED
    windows: tuple[Window, ...] = CHANNELS
    scan_rule: str = SCAN_RULE
    sha256: str = ""

    def threshold(self, setting: str, level: str, label: Label) -> float:
        """The probability above which a label is called; level is "scan" or "slice".

        It is a float32's value, as probabilities are: a comparison then cuts at one place, whether it is made in single
        or in double precision.
        """
        return float(np.float32(self.operating_points[setting][level][label].threshold))


def salted_sha256(salt: str, identifier: str) -> str:
    """How a patient or series is named in a model's training data."""
    return sha256(f"{salt}{identifier}".encode())


def paper_points() -> dict[str, dict[Label, OperatingPoint]]:
    """The paper's setting: p > 0.5 for every label, slices and scans alike."""
    return {level: {label: OperatingPoint(0.5) for label in LABELS} for level in LEVELS}


def to_json(info: ModelInfo, files: Mapping[str, str]) -> bytes:
    """The description with a blank identity."""
    described = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **{name: value for name, value in asdict(info).items() if name != "sha256"},
        "labels": list(LABELS),
        "operating_points": {
            setting: {
                level: {label: asdict(points[label]) for label in DISPLAY_ORDER if label in points}
                for level, points in levels.items()
            }
            for setting, levels in info.operating_points.items()
        },
        "full_scale": {label: info.full_scale[label] for label in DISPLAY_ORDER if label in info.full_scale},
        "metrics": _finite(dict(info.metrics)),
        "files": dict(files),
        "sha256": BLANK,
    }
    return (json.dumps(described, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def from_json(path: Path, described: Mapping[str, Any]) -> ModelInfo:
    """The description as a value; labels, windows and scan rule must be those this program knows."""
    try:
        if described["labels"] != list(LABELS):
            raise ModelFileError(f"{path}: labels are {described['labels']}, this program reads {list(LABELS)}")
        windows = tuple(Window(**window) for window in described["windows"])
        if [(w.center, w.width) for w in windows] != [(w.center, w.width) for w in CHANNELS]:
            raise ModelFileError(f"{path}: windows are {described['windows']}, this program feeds {list(CHANNELS)}")
        if described["scan_rule"] != SCAN_RULE:
            raise ModelFileError(f"{path}: scan rule {described['scan_rule']!r}, this program knows {SCAN_RULE!r}")
        if not isinstance(described["files"], dict) or described["files"].keys() != {WEIGHTS, CARD}:
            raise ModelFileError(f"{path}: files are {sorted(described['files'])}, expected {sorted((WEIGHTS, CARD))}")
        return ModelInfo(
            name=str(described["name"]),
            intended_use=str(described["intended_use"]),
            demonstration=bool(described["demonstration"]),
            backbone=str(described["backbone"]),
            side=int(described["side"]),
            mean=_three(described["mean"]),
            deviation=_three(described["deviation"], above=0),
            reduction=described["reduction"],
            pooled_count=int(described["pooled_count"]),
            sequence=SequenceShape(**described["sequence"]),
            operating_points=_points(described["operating_points"]),
            full_scale={label: _positive(described["full_scale"][label]) for label in DISPLAY_ORDER},
            training=_training(described["training"]),
            metrics=dict(described["metrics"]),
            cells=_cells(described["cells"]),
            windows=windows,
            sha256=str(described["sha256"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelFileError(f"{path}: {type(error).__name__} on reading the description: {error}") from error


def _points(described: Mapping[str, Any]) -> Points:
    return {
        setting: {
            level: {label: _point(described[setting][level][label]) for label in DISPLAY_ORDER} for level in LEVELS
        }
        for setting in SETTINGS
    }


def _point(described: Mapping[str, Any]) -> OperatingPoint:
    rates = {
        name: None if described[name] is None else Estimate(**described[name])
        for name in ("sensitivity", "specificity")
    }
    threshold = float(described["threshold"])
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold is {threshold}, must be 0..1")
    return OperatingPoint(
        threshold, **rates, positives=int(described["positives"]), negatives=int(described["negatives"])
    )


def _training(described: Mapping[str, Any]) -> TrainingData:
    groups = {name: tuple(map(str, described[name])) for name in TRAINING_GROUPS}
    return TrainingData(str(described["description"]), str(described["salt"]), **groups)


def _positive(value: Any) -> float:
    if not 0 < value < math.inf:
        raise ValueError(f"full_scale is {value}, must be above 0")
    return float(value)


def _finite(value: Any) -> Any:
    """A value as strict JSON can hold it: a number that is not one becomes null."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _three(values: Any, *, above: float = -math.inf) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in values)
    if not all(above < value < math.inf for value in (first, second, third)):
        raise ValueError(f"mean or deviation is {values}, must be finite numbers, the deviation above 0")
    return first, second, third


def _cells(described: Mapping[str, Any]) -> Cells:
    cells = Cells(**{name: float(value) for name, value in described.items()})
    if not (math.isfinite(cells.offset) and 0 < cells.stride < math.inf):
        raise ValueError(f"cells are {described}, must be finite, with a stride above 0")
    return cells
