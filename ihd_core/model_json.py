"""The description of a model as the JSON of a model folder; everything is checked on reading."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, get_args

from ihd_core.errors import ModelFileError
from ihd_core.estimate import Estimate
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
MOST_MEMBERS, MOST_NEIGHBOURS = 100, 8
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
        "metrics": _finite(dict(info.metrics)),
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
        _only(described, _KEYS, "the description")
        _only(described["full_scale"], set(LABELS), "full_scale")
        if described["labels"] != list(LABELS):
            raise ModelFileError(f"{path}: labels are {described['labels']}, this program reads {list(LABELS)}")
        windows = tuple(Window(**window) for window in described["windows"])
        if [(w.center, w.width) for w in windows] != [(w.center, w.width) for w in CHANNELS]:
            raise ModelFileError(f"{path}: windows are {described['windows']}, this program feeds {list(CHANNELS)}")
        if not isinstance(described["files"], dict) or described["files"].keys() != {WEIGHTS, CARD}:
            raise ModelFileError(f"{path}: files are {sorted(described['files'])}, expected {sorted((WEIGHTS, CARD))}")
        info = ModelInfo(
            name=str(described["name"]),
            intended_use=str(described["intended_use"]),
            demonstration=_switch(described, "demonstration"),
            backbone=str(described["backbone"]),
            side=_count(described, "side", least=1),
            mean=_three(described["mean"]),
            deviation=_three(described["deviation"], above=0),
            reduction=_one_of(described, "reduction", ("pca", "selection", "none")),
            pooled_count=_count(described, "pooled_count", least=1),
            sequence=None if described["sequence"] is None else _shape(described["sequence"]),
            operating_points=_points(described["operating_points"]),
            full_scale={label: _positive(described["full_scale"][label]) for label in DISPLAY_ORDER},
            training=_training(described["training"]),
            metrics=dict(described["metrics"]),
            cells=_cells(described["cells"]),
            windows=windows,
            resize=_one_of(described, "resize", get_args(Resize)),
            neighbours=_count(described, "neighbours", most=MOST_NEIGHBOURS),
            members=_count(described, "members", least=1, most=MOST_MEMBERS),
            flip=_switch(described, "flip"),
            reversal=_switch(described, "reversal"),
            blend=_blend(described["blend"]),
            scan_rule=_scan_rule(described["scan_rule"]),
            sha256=str(described["sha256"]),
        )
        _agrees(info)
        return info
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise ModelFileError(f"{path}: {type(error).__name__} on reading the description: {reason}") from error


def _as_version_2(described: Mapping[str, Any]) -> dict[str, Any]:
    """A description of version 1 as version 2 would have it."""
    _only(described, _KEYS - _NEW_IN_2.keys(), "the description")
    _only(described["sequence"], set(_SHAPE_KEYS_OF_1), "sequence")
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
    if (info.reduction == "none") != (features == 0):
        raise ValueError(f"reduction is {info.reduction!r} for {features} features of the BiLSTM")
    if features > info.pooled_count:
        raise ValueError(f"sequence has {features} features, more than the {info.pooled_count} of pooled_count")
    if info.sequence is None and (info.reversal or any(info.blend.values())):
        raise ValueError("reversal and blend are of a BiLSTM, but sequence is null")


def _only(described: Mapping[str, Any], known: set[str], what: str) -> None:
    """Refuse keys that this program does not know, which may change what the others mean."""
    if not isinstance(described, dict):
        raise TypeError(f"{what} is {described!r}, must be names with values")
    unknown = sorted(set(described) - known)
    if unknown:
        raise ValueError(f"{what} holds {unknown[0]!r}, which this program does not know")


def _count(described: Mapping[str, Any], name: str, *, least: int = 0, most: float = math.inf) -> int:
    value = described[name]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        limit = f"at least {least}" + (f" and at most {most}" if most < math.inf else "")
        raise ValueError(f"{name} is {value!r}, must be a whole number, {limit}")
    return value


def _switch(described: Mapping[str, Any], name: str) -> bool:
    if not isinstance(described[name], bool):
        raise ValueError(f"{name} is {described[name]!r}, must be true or false")
    return bool(described[name])


def _one_of(described: Mapping[str, Any], name: str, known: tuple[str, ...]) -> Any:
    if described[name] not in known:
        raise ValueError(f"{name} is {described[name]!r}, must be one of {', '.join(known)}")
    return described[name]


def _share(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}, must be 0..1")
    return float(value)


def _shape(described: Mapping[str, Any]) -> SequenceShape:
    _only(described, set(_SHAPE_KEYS), "sequence")
    shape = SequenceShape(
        features=_count(described, "features"),
        hidden=_count(described, "hidden", least=1),
        layers=_count(described, "layers", least=1),
        dropout=_share(described["dropout"], "dropout"),
        classifier_dropout=_share(described["classifier_dropout"], "classifier_dropout"),
        probabilities=_one_of(described, "probabilities", ("none", "input", "classifier", "both")),
        deltas=_switch(described, "deltas"),
    )
    if not shape.features and shape.probabilities not in ("input", "both"):
        raise ValueError(f"sequence has no features, and probabilities are {shape.probabilities!r}: it reads nothing")
    return shape


def _blend(described: Mapping[str, Any]) -> dict[Label, float]:
    _only(described, set(LABELS), "blend")
    return {label: _share(described[label], f"blend of {label}") for label in DISPLAY_ORDER}


def _scan_rule(described: Mapping[str, Any]) -> ScanRule:
    _only(described, {"kind", "weights"}, "scan_rule")
    weights: Any = {
        Label(label): tuple(_number(value) for value in values) for label, values in described["weights"].items()
    }
    return ScanRule(described["kind"], weights)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _points(described: Mapping[str, Any]) -> Points:
    _only(described, set(SETTINGS), "operating_points")
    points: Points = {}
    for setting in SETTINGS:
        _only(described[setting], set(LEVELS), setting)
        points[setting] = {level: _level(described[setting][level], f"{setting} {level}") for level in LEVELS}
    return points


def _level(described: Mapping[str, Any], what: str) -> dict[Label, OperatingPoint]:
    _only(described, set(LABELS), what)
    return {label: _point(described[label]) for label in DISPLAY_ORDER}


def _point(described: Mapping[str, Any]) -> OperatingPoint:
    _only(described, {one.name for one in fields(OperatingPoint)}, "an operating point")
    rates = {
        name: None if described[name] is None else Estimate(**described[name])
        for name in ("sensitivity", "specificity")
    }
    return OperatingPoint(
        _share(described["threshold"], "threshold"),
        **rates,
        positives=_count(described, "positives"),
        negatives=_count(described, "negatives"),
    )


def _training(described: Mapping[str, Any]) -> TrainingData:
    _only(described, {one.name for one in fields(TrainingData)}, "training")
    groups = {name: tuple(map(str, described[name])) for name in _TRAINING_GROUPS}
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
