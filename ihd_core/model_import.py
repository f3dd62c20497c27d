"""Other programs' checkpoints to a model folder, checked by reading a synthetic head."""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.errors import CannotPredict, ModelFileError
from ihd_core.files import sha256
from ihd_core.labels import LABELS, SUBTYPES, Label
from ihd_core.model_info import SETTINGS, ModelInfo, TrainingData, paper_points
from ihd_core.progress import silent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from ihd_core.model_file import Member, Model
    from ihd_core.model_info import SequenceShape
    from ihd_core.phantom.phantom import Phantom
    from ihd_core.predict import Prediction
    from ihd_core.progress import Report

INTENDED_USE = "For research only, not for clinical use: converted from a checkpoint whose making is not known"
_TRAINING = "Not known: a checkpoint says nothing of the patients it was made from, so none of them is recognised"
_PICKLES = (".pkl", ".pickle", ".joblib")
_FULL_COLOUR_SHARE = 0.75
"""Share of the phantom's slices with a label whose peak of evidence stays below full colour."""
_SLICES = 12
_LARGEST_PHANTOM = 512


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What a checkpoint does not say of itself.

    Attributes:
        name: of the model, short, for the screen.
        labels: all six, in the order of the checkpoint's outputs.
        side: of the pictures it was fitted on, pixels.
        mean: per channel (brain, subdural, soft tissue), of windowed slices 0..1; None: the paper's.
        deviation: likewise.
    """

    name: str
    labels: tuple[Label, ...] = LABELS
    side: int = 256
    mean: tuple[float, float, float] | None = None
    deviation: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Converted:
    """A model folder that was made from checkpoints.

    Attributes:
        info: as a reader of the folder gets it.
        left_out: names of weights in the checkpoints that the model has no use for: a backbone's own, replaced head.
    """

    info: ModelInfo
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Networks of the sources: the shape is None without a sequence network."""

    member: Member
    shape: SequenceShape | None
    left_out: tuple[str, ...]


def convert(sources: Sequence[Path], out: Path, options: ImportOptions, *, report: Report = silent) -> Converted:
    """Make a model folder from a slice network's checkpoint, or from it, a sequence network's and a PCA's arrays.

    The sources may be given in any order: what each holds is told by names and shapes. Without a sequence network the
    folder's model is the CNN alone. Before anything is written, the networks read a synthetic head with all five kinds
    of hemorrhage; afterwards the folder is opened and must read it alike.

    The evidence that heatmaps paint at full colour is measured on that head: of every label, the upper quartile of the
    slices' peaks over the slices that show it, as for models trained here on their validation scans. Where a label's
    evidence is nowhere positive on it, its largest absolute value is taken.

    Args:
        sources: checkpoints of torch or safetensors; .npz or .npy of the PCA.
        out: the model folder, new or empty.
        options: what the checkpoints do not say.
        report: called in slices, of both readings together.

    Raises:
        ModelFileError: a source does not hold what is needed, does not fit, or would have to be executed to be read; or
            the folder is not empty.
        FileError: the folder cannot be written.
    """
    from ihd_core.model_file import Model, load_model, save_model
    from ihd_core.phantom.phantom import phantom_scan

    _check(options, out)
    found = _networks(sources, options)
    _check_side(options.side, found.member.cnn.backbone)
    info = _described(found, options)
    size = min(_LARGEST_PHANTOM, max(128, 2 * options.side))
    phantom = phantom_scan(1, labels=SUBTYPES, size=size, slices=_SLICES)
    first = _reading(phantom, Model(info, (found.member,)), sources, _half(report, 0))
    info = replace(info, full_scale=_full_scale(phantom, first))
    info = save_model(out, info, members=(found.member,), card=_card(info, sources, found.left_out))
    second = _reading(phantom, load_model(out), sources, _half(report, 1))
    if not np.allclose(first.slices, second.slices, rtol=0, atol=1e-5):
        raise ModelFileError(f"{out}: does not read a synthetic head as the networks it was made from")
    return Converted(info, found.left_out)


def _networks(sources: Sequence[Path], options: ImportOptions) -> _Found:
    """The networks of all sources; every source must be of use."""
    from ihd_core.model_file import Member
    from ihd_core.networks.foreign_weights import ARRAYS, cnn_prefix, read_cnn, read_pca, read_sequence, sequence_prefix
    from ihd_core.networks.network import PAPER_DEVIATION, PAPER_MEAN

    order = [options.labels.index(label) for label in LABELS]
    arrays = [path for path in sources if path.suffix.lower() in ARRAYS]
    checkpoints = {path: _checkpoint(path) for path in sources if path not in arrays}
    of_cnn = [path for path, tensors in checkpoints.items() if cnn_prefix(tensors) is not None]
    of_sequence = [path for path, tensors in checkpoints.items() if sequence_prefix(tensors) is not None]
    for path in checkpoints:
        if path not in of_cnn and path not in of_sequence:
            raise ModelFileError(f"{path}: holds neither a slice network this program knows nor a sequence network")
    for kind, paths in (("slice network", of_cnn), ("sequence network", of_sequence)):
        if len(paths) > 1:
            raise ModelFileError(f"{paths[1]}: a second {kind}, beside that of {paths[0]}")
    if not of_cnn:
        raise ModelFileError(f"{_named(sources)}: no slice network among them")
    mean, deviation = options.mean or PAPER_MEAN, options.deviation or PAPER_DEVIATION
    cnn, taken = read_cnn(of_cnn[0], checkpoints[of_cnn[0]], order, mean, deviation)
    used = {(of_cnn[0], name) for name in taken}
    if not of_sequence:
        if arrays:
            raise ModelFileError(f"{_named(arrays)}: a PCA is of no use without a sequence network")
        return _Found(Member(cnn), None, _left_out(checkpoints, used))
    reduction = read_pca(arrays, cnn.head.in_features)
    path = of_sequence[0]
    sequence, shape, taken = read_sequence(path, checkpoints[path], order, len(reduction.components))
    used |= {(path, name) for name in taken}
    return _Found(Member(cnn, reduction, sequence), shape, _left_out(checkpoints, used))


def _checkpoint(path: Path) -> dict[str, Tensor]:
    """A checkpoint's tensors; of a scikit-learn object, how to get the arrays out of it."""
    from ihd_core.networks.checkpoints import read_checkpoint

    try:
        return read_checkpoint(path)
    except ModelFileError as error:
        if path.is_file() and (path.suffix.lower() in _PICKLES or _is_scikit_learns(path)):
            where = f"pca = joblib.load('{path.name}')"
            write = "numpy.savez('pca.npz', mean_=pca.mean_, components_=pca.components_, whiten=pca.whiten)"
            reason = "a pickle, and pickles are never executed; if it is a PCA, export it where it was made"
            raise ModelFileError(f"{path}: {reason}: import joblib, numpy; {where}; {write}") from error
        raise


def _is_scikit_learns(path: Path) -> bool:
    if zipfile.is_zipfile(path):
        return False
    with path.open("rb") as file:
        return b"sklearn" in file.read(4096)


def _left_out(checkpoints: Mapping[Path, Mapping[str, Tensor]], used: set[tuple[Path, str]]) -> tuple[str, ...]:
    """Weights of no use: only a second head is, as a backbone brings it along; others would change the result."""
    from ihd_core.networks.checkpoints import HEADS
    from ihd_core.networks.foreign_weights import cnn_prefix

    rest = [(path, name) for path, tensors in checkpoints.items() for name in tensors if (path, name) not in used]
    for path, name in rest:
        prefix = cnn_prefix(checkpoints[path])
        if prefix is None or name.removeprefix(prefix) not in (*HEADS[0], *HEADS[1]):
            raise ModelFileError(f"{path}: {name} belongs to no network this program knows, so the result would differ")
    return tuple(name for _, name in rest)


def _described(found: _Found, options: ImportOptions) -> ModelInfo:
    """The description, with a full scale of 1 until it is measured."""
    from ihd_core.networks.network import PAPER_DEVIATION, PAPER_MEAN

    cnn = found.member.cnn
    return ModelInfo(
        name=options.name,
        intended_use=INTENDED_USE,
        demonstration=False,
        backbone=cnn.backbone,
        side=options.side,
        mean=options.mean or PAPER_MEAN,
        deviation=options.deviation or PAPER_DEVIATION,
        reduction="pca" if found.shape and found.shape.features else "none",
        pooled_count=cnn.head.in_features,
        sequence=found.shape,
        operating_points={setting: paper_points() for setting in SETTINGS},
        full_scale=dict.fromkeys(LABELS, 1.0),
        training=TrainingData(_TRAINING, salt="none"),
    )


def _check(options: ImportOptions, out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ModelFileError(f"{out}: is there already and not empty; give a new folder")
    if sorted(options.labels) != sorted(LABELS):
        raise ModelFileError(f"labels are {', '.join(options.labels)}, must be each of {', '.join(LABELS)} once")
    if not all(math.isfinite(value) for value in (*(options.mean or ()), *(options.deviation or ()))):
        raise ModelFileError(f"mean is {options.mean} and deviation {options.deviation}, must be finite numbers")
    if not all(value > 0 for value in options.deviation or ()):
        raise ModelFileError(f"deviation is {options.deviation}, must be above 0")


def _check_side(side: int, backbone: str) -> None:
    from ihd_core.model_file import LARGEST_SIDE
    from ihd_core.networks.network import BACKBONES

    stride = BACKBONES[backbone].stride
    if not 0 < side <= LARGEST_SIDE or side % stride:
        raise ModelFileError(f"side is {side}, of {backbone} it must be a multiple of {stride}, at most {LARGEST_SIDE}")


def _reading(phantom: Phantom, model: Model, sources: Sequence[Path], report: Report) -> Prediction:
    """What a model says of the synthetic head."""
    from ihd_core.predict import predict

    try:
        return predict(phantom.scan, model, report=report)
    except CannotPredict as error:
        raise ModelFileError(f"{_named(sources)}: a synthetic head cannot be read with it ({error})") from error


def _full_scale(phantom: Phantom, prediction: Prediction) -> dict[Label, float]:
    """Evidence for full colour, as convert() says."""
    peaks = prediction.evidence.max(axis=(2, 3))[prediction.slab_of_slice]
    scale = {}
    for label in LABELS:
        seen = peaks[phantom.truth[:, label.column], label.column]
        upper = float(np.quantile(seen, _FULL_COLOUR_SHARE))
        # Evidence is zero everywhere only where the head's weights are.
        scale[label] = upper if upper > 0 else float(np.abs(prediction.evidence[:, label.column]).max()) or 1.0
    return scale


def _half(report: Report, number: int) -> Report:
    """The first or second of two equal parts of the work."""
    return lambda done, total: report(number * total + done, 2 * total)


def _named(paths: Sequence[Path]) -> str:
    return ", ".join(str(path) for path in paths)


def _card(info: ModelInfo, sources: Sequence[Path], left_out: Sequence[str]) -> str:
    """The model card: what was converted, and that nothing else is known."""
    if info.sequence is None:
        along = "No sequence network: every slice is read alone."
    else:
        shape, words = info.sequence, {"none": "nowhere", "both": "into the LSTM and into the classifier"}
        where = words.get(shape.probabilities, f"into the {shape.probabilities}".replace("input", "LSTM"))
        along = (
            f"A bidirectional LSTM of {shape.layers} x {shape.hidden} reads {shape.features} PCA features of every "
            f"slice; the CNN's probabilities go {where}."
        )
    files = "\n".join(f"| {path.name} | {sha256(path.read_bytes())} |" for path in sources)
    rest = f"\nNot used of them: {', '.join(left_out)}.\n" if left_out else ""
    return f"""# {info.name}

**{info.intended_use}.**

## What it is

{info.backbone} on three-window slices of {info.side} x {info.side} pixels, mean {info.mean}, deviation
{info.deviation}. {along} A scan's probability is the maximum over its slices. Converted from:

| file | SHA-256 |
|---|---|
{files}
{rest}
## What it was made from

Not known. Scans that it was fitted on are not recognised as such.

## How well it does

Not measured. All operating points are 0.5; sensitivity and specificity are not known. Heatmaps paint at full colour
what the networks found on a synthetic head.
"""
