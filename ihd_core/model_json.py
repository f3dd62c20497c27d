"""The description of a model as the JSON of a model folder; everything is checked on reading."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, get_args

from ihd_core.errors import ModelFileError
from ihd_core.estimate import Estimate
from ihd_core.json_values import count, finite, number, one_of, only, share, switch, text, texts
from ihd_core.labels import DISPLAY_ORDER, LABELS, Label
from ihd_core.model_info import LEVELS, SETTINGS, ModelInfo, OperatingPoint, SequenceShape, TrainingData
from ihd_core.model_input import CHANNELS, Cells, Resize
from ihd_core.scan_rule import ScanRule
from ihd_core.windowing import Window

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ihd_core.model_info import Points

FORMAT = "intracranial hemorrhage model"
FORMAT_VERSION = 2
READ_VERSIONS = (1, 2)
WEIGHTS, CARD = "weights.safetensors", "MODEL_CARD.md"
"""The files whose hashes the description names."""
BLANK = "0" * 64
"""Stands for a description's own SHA-256 while it is computed."""
MOST_MEMBERS, MOST_NEIGHBOURS, MOST_HIDDEN, MOST_LAYERS = 100, 8, 2048, 16
"""More are a malformed value."""

_TRAINING_GROUPS = ("training_patients", "training_series", "validation_patients", "validation_series")
_KEYS = {"format", "format_version", "labels", "files", *(one.name for one in fields(ModelInfo))}
_SHAPE_KEYS = [one.name for one in fields(SequenceShape)]
_SHAPE_KEYS_OF_1 = _SHAPE_KEYS[:4]
_NEW_IN_2: dict[str, Any] = {
    "resize": "windows",
    "neighbours": 0,
    "members": 1,
    "flip": False,
    "reversal": False,
    "blend": dict.fromkeys(LABELS, 0.0),
}
"""What version 1 left unsaid."""


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
        "blend": {label: float(info.blend.get(label, 0.0)) for label in DISPLAY_ORDER},
        "scan_rule": {
            "kind": info.scan_rule.kind,
            "weights": {
                label: [float(weight) for weight in info.scan_rule.weights[label]]
                for label in DISPLAY_ORDER
                if label in info.scan_rule.weights
            },
        },
        "metrics": finite(dict(info.metrics)),
        "files": dict(files),
        "sha256": BLANK,
    }
    try:
        return (json.dumps(described, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
    except ValueError as error:
        raise ModelFileError(f"the description of {info.name} holds values that are no finite numbers") from error


def from_json(path: Path, described: Mapping[str, Any]) -> ModelInfo:
    """The description as a value, of version 1 or 2.

    Args:
        path: of the file, for messages.
        described: its content, whose format_version is one of READ_VERSIONS.

    Raises:
        ModelFileError: something is missing, unknown, or outside its range; one line.
    """
    try:
        if described["format_version"] == 1:
            described = _as_version_2(described)
        only(described, _KEYS, "the description")
        only(described["full_scale"], set(LABELS), "full_scale")
        if described["labels"] != list(LABELS):
            raise ModelFileError(f"{path}: labels are {described['labels']!r}, this program reads {list(LABELS)}")
        windows = tuple(_window(window) for window in described["windows"])
        if [(w.center, w.width) for w in windows] != [(w.center, w.width) for w in CHANNELS]:
            raise ModelFileError(f"{path}: windows are {described['windows']}, this program feeds {list(CHANNELS)}")
        if not isinstance(described["files"], dict) or described["files"].keys() != {WEIGHTS, CARD}:
            raise ModelFileError(f"{path}: files are {sorted(described['files'])}, expected {sorted((WEIGHTS, CARD))}")
        info = ModelInfo(
            name=text(described, "name"),
            intended_use=text(described, "intended_use"),
            demonstration=switch(described, "demonstration"),
            backbone=text(described, "backbone"),
            side=count(described, "side", least=1),
            mean=_three(described["mean"], "mean"),
            deviation=_three(described["deviation"], "deviation", above=0),
            reduction=one_of(described, "reduction", ("pca", "selection", "none")),
            pooled_count=count(described, "pooled_count", least=1),
            sequence=None if described["sequence"] is None else _shape(described["sequence"]),
            operating_points=_points(described["operating_points"]),
            full_scale={
                label: number(described["full_scale"][label], "full_scale", above=0) for label in DISPLAY_ORDER
            },
            training=_training(described["training"]),
            metrics=dict(described["metrics"]),
            cells=_cells(described["cells"]),
            windows=windows,
            resize=one_of(described, "resize", get_args(Resize)),
            neighbours=count(described, "neighbours", most=MOST_NEIGHBOURS),
            members=count(described, "members", least=1, most=MOST_MEMBERS),
            flip=switch(described, "flip"),
            reversal=switch(described, "reversal"),
            blend=_blend(described["blend"]),
            scan_rule=_scan_rule(described["scan_rule"]),
            sha256=text(described, "sha256"),
        )
        _agrees(info)
        return info
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise ModelFileError(f"{path}: {type(error).__name__} on reading the description: {reason}") from error


def _as_version_2(described: Mapping[str, Any]) -> dict[str, Any]:
    """A description of version 1 as version 2 would have it."""
    only(described, _KEYS - _NEW_IN_2.keys(), "the description")
    only(described["sequence"], set(_SHAPE_KEYS_OF_1), "sequence")
    if described["scan_rule"] != "maximum":
        raise ValueError(f"scan rule {described['scan_rule']!r}, version 1 knows 'maximum'")
    return {
        **described,
        **_NEW_IN_2,
        "sequence": {**asdict(SequenceShape()), **described["sequence"]},
        "scan_rule": asdict(ScanRule()),
    }


def _agrees(info: ModelInfo) -> None:
    """Refuse what no networks can be built from, whatever the weights."""
    features = info.sequence.features if info.sequence else 0
    if info.reduction == ("none" if features else "pca"):  # a selection may be of none
        raise ValueError(f"reduction is {info.reduction!r} for {features} features of the BiLSTM")
    if features > info.pooled_count:
        raise ValueError(f"sequence has {features} features, more than the {info.pooled_count} of pooled_count")
    if info.sequence is None and (info.reversal or any(info.blend.values())):
        raise ValueError("reversal and blend are of a BiLSTM, but sequence is null")


def _shape(described: Mapping[str, Any]) -> SequenceShape:
    only(described, set(_SHAPE_KEYS), "sequence")
    shape = SequenceShape(
        features=count(described, "features"),
        hidden=count(described, "hidden", least=1, most=MOST_HIDDEN),
        layers=count(described, "layers", least=1, most=MOST_LAYERS),
        dropout=share(described["dropout"], "dropout"),
        classifier_dropout=share(described["classifier_dropout"], "classifier_dropout"),
        probabilities=one_of(described, "probabilities", ("none", "input", "classifier", "both")),
        deltas=switch(described, "deltas"),
    )
    if not shape.features and shape.probabilities not in ("input", "both"):
        raise ValueError(f"sequence has no features, and probabilities are {shape.probabilities!r}: it reads nothing")
    return shape


def _blend(described: Mapping[str, Any]) -> dict[Label, float]:
    only(described, set(LABELS), "blend")
    return {label: share(described[label], f"blend of {label}") for label in DISPLAY_ORDER}


def _scan_rule(described: Mapping[str, Any]) -> ScanRule:
    only(described, {"kind", "weights"}, "scan_rule")
    only(described["weights"], set(LABELS), "weights of scan_rule")
    weights: Any = {
        Label(label): tuple(number(value, f"weight of {label}") for value in values)
        for label, values in described["weights"].items()
    }
    return ScanRule(one_of(described, "kind", ("maximum", "fitted")), weights)


def _points(described: Mapping[str, Any]) -> Points:
    only(described, set(SETTINGS), "operating_points")
    points: Points = {}
    for setting in SETTINGS:
        only(described[setting], set(LEVELS), setting)
        points[setting] = {level: _level(described[setting][level], f"{setting} {level}") for level in LEVELS}
    return points


def _level(described: Mapping[str, Any], what: str) -> dict[Label, OperatingPoint]:
    only(described, set(LABELS), what)
    return {label: _point(described[label]) for label in DISPLAY_ORDER}


def _point(described: Mapping[str, Any]) -> OperatingPoint:
    only(described, {one.name for one in fields(OperatingPoint)}, "an operating point")
    return OperatingPoint(
        share(described["threshold"], "threshold"),
        _rate(described["sensitivity"]),
        _rate(described["specificity"]),
        positives=count(described, "positives"),
        negatives=count(described, "negatives"),
    )


def _rate(described: Any) -> Estimate | None:
    if described is None:
        return None
    only(described, {one.name for one in fields(Estimate)}, "a rate")
    numbers = {name: share(described[name], name) for name in ("value", "low", "high", "level")}
    return Estimate(**numbers, method=text(described, "method"))


def _training(described: Mapping[str, Any]) -> TrainingData:
    only(described, {one.name for one in fields(TrainingData)}, "training")
    groups = {name: texts(described, name) for name in _TRAINING_GROUPS}
    return TrainingData(text(described, "description"), text(described, "salt"), **groups)


def _three(values: Any, name: str, *, above: float = -math.inf) -> tuple[float, float, float]:
    first, second, third = (number(value, name, above=above) for value in values)
    return first, second, third


def _cells(described: Mapping[str, Any]) -> Cells:
    only(described, {one.name for one in fields(Cells)}, "cells")
    return Cells(
        number(described["offset"], "offset of cells"), number(described["stride"], "stride of cells", above=0)
    )


def _window(described: Mapping[str, Any]) -> Window:
    only(described, {one.name for one in fields(Window)}, "a window")
    return Window(number(described["center"], "center"), number(described["width"], "width"), text(described, "name"))
