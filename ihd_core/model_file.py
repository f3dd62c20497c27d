"""One folder = weights + configuration + label order + provenance + model card; every byte is checked on reading."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ihd_core.errors import ModelFileError
from ihd_core.files import make_folder, sha256, write_atomically
from ihd_core.model_info import (
    BLANK,
    CARD,
    FORMAT,
    FORMAT_VERSION,
    LEVELS,
    SETTINGS,
    WEIGHTS,
    ModelInfo,
    OperatingPoint,
    SequenceShape,
    TrainingData,
    from_json,
    paper_points,
    salted_sha256,
    to_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from ihd_core.network import Reduction, SequenceNetwork, SliceCnn

__all__ = [
    "LEVELS",
    "SETTINGS",
    "Model",
    "ModelInfo",
    "OperatingPoint",
    "SequenceShape",
    "TrainingData",
    "load_model",
    "paper_points",
    "read_info",
    "salted_sha256",
    "save_model",
]

DESCRIPTION = "model.json"
LARGEST_SIDE = 2048
"""Of the network's picture, pixels; several times what any scanner's slices hold is a malformed value."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A model ready to predict: its networks are in evaluation mode and need no gradients."""

    info: ModelInfo
    cnn: SliceCnn
    reduction: Reduction
    sequence: SequenceNetwork


def save_model(
    folder: Path, info: ModelInfo, *, cnn: SliceCnn, reduction: Reduction, sequence: SequenceNetwork, card: str
) -> ModelInfo:
    """Write a model folder; the description goes last, so that a folder torn by a crash is refused.

    Args:
        folder: created if it is not there.
        info: its cells and sha256 are not read: the first are measured, the second computed.
        cnn: the trained networks, on any device.
        reduction: pooled features to the sequence network's.
        sequence: the BiLSTM.
        card: Markdown for people.

    Returns:
        info as a reader of the folder gets it.

    Raises:
        FileError: it cannot be written.
        ModelFileError: info does not describe these networks.
    """
    import safetensors.torch

    from ihd_core.network import cell_geometry

    was_training = cnn.training
    info = replace(info, cells=cell_geometry(cnn.eval(), info.side), sha256=BLANK)
    cnn.train(was_training)
    tensors = _tensors(cnn, reduction, sequence)
    packed = {name: _packed(tensor) for name, tensor in tensors.items()}
    contents = {WEIGHTS: safetensors.torch.save(packed), CARD: card.encode()}
    description = to_json(info, {name: sha256(content) for name, content in contents.items()})
    from_json(folder / DESCRIPTION, json.loads(description))
    _networks(folder / WEIGHTS, info, tensors)
    digest = sha256(description)
    make_folder(folder)
    for name, content in contents.items():
        write_atomically(folder / name, content)
    write_atomically(folder / DESCRIPTION, description.replace(BLANK.encode(), digest.encode(), 1))
    return replace(info, sha256=digest)


def read_info(folder: Path) -> ModelInfo:
    """Read and check a model folder without its networks; torch is not imported.

    Raises:
        ModelFileError: as load_model(), but for the weights' names and shapes.
    """
    return _checked(folder)[0]


def load_model(folder: Path) -> Model:
    """Read a model folder, on the CPU.

    Raises:
        ModelFileError: a file is missing, changed, foreign or of another version, the labels or windows are not this
            program's, or the weights do not fit. One line that names the file and the reason.
    """
    import safetensors
    import safetensors.torch

    info, weights = _checked(folder)
    try:
        tensors = safetensors.torch.load(weights)
    except safetensors.SafetensorError as error:
        raise ModelFileError(f"{folder / WEIGHTS}: not a safetensors file ({error})") from error
    return _networks(folder / WEIGHTS, info, tensors)


def _tensors(cnn: nn.Module, reduction: nn.Module, sequence: nn.Module) -> dict[str, Tensor]:
    """All weights under one roof: names begin with cnn, reduction or sequence."""
    parts = {"cnn": cnn, "reduction": reduction, "sequence": sequence}
    return {
        f"{part}.{name}": tensor.detach().cpu().contiguous()
        for part, network in parts.items()
        for name, tensor in network.state_dict().items()
    }


def _packed(tensor: Tensor) -> Tensor:
    """The tensor as float16 where that loses nothing, else as it is; reading it back gives float32 either way."""
    half = tensor.half()
    return half if tensor.is_floating_point() and bool((half.to(tensor.dtype) == tensor).all()) else tensor


def _networks(path: Path, info: ModelInfo, tensors: Mapping[str, Tensor]) -> Model:
    """Build what info describes and fill it with the weights; every name and shape must fit."""
    import torch

    from ihd_core.network import BACKBONES, Reduction, SequenceNetwork, SliceCnn

    if info.backbone not in BACKBONES:
        raise ModelFileError(f"{path.parent / DESCRIPTION}: backbone {info.backbone!r} is not known to this program")
    stride = BACKBONES[info.backbone].stride
    if not 0 < info.side <= LARGEST_SIDE or info.side % stride:
        limit = f"a multiple of {stride}, at most {LARGEST_SIDE}"
        raise ModelFileError(f"{path.parent / DESCRIPTION}: side is {info.side}, must be {limit}")
    shape = info.sequence
    try:
        cnn = SliceCnn(info.backbone, info.mean, info.deviation)
        reduction = Reduction(torch.zeros(info.pooled_count), torch.zeros(shape.features, info.pooled_count))
        sequence = SequenceNetwork(shape.features, shape.hidden, shape.layers, shape.dropout)
    except (TypeError, ValueError, RuntimeError) as error:  # torch's own, for sizes that are none or fit no memory
        reason = str(error).partition("\n")[0]
        raise ModelFileError(
            f"{path.parent / DESCRIPTION}: describes networks that cannot be built ({reason})"
        ) from error
    expected = {name: tuple(tensor.shape) for name, tensor in _tensors(cnn, reduction, sequence).items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if expected != found:
        names = sorted(expected.keys() ^ found.keys()) or [name for name in expected if expected[name] != found[name]]
        name = names[0]
        raise ModelFileError(
            f"{path}: {name} is {found.get(name, 'missing')} where {expected.get(name, 'nothing')} is expected"
        )
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise ModelFileError(f"{path}: {name} holds values that are no finite numbers")
    for part, network in (("cnn", cnn), ("reduction", reduction), ("sequence", sequence)):
        own = {name.removeprefix(f"{part}."): tensor for name, tensor in tensors.items() if name.startswith(f"{part}.")}
        network.load_state_dict(own)
        network.eval().requires_grad_(False)
    return Model(info, cnn, reduction, sequence)


def _checked(folder: Path) -> tuple[ModelInfo, bytes]:
    """The description and the bytes of the weights, after every check that needs no torch."""
    path = folder / DESCRIPTION
    if not folder.is_dir():
        raise ModelFileError(f"{folder}: no such model folder")
    content = _content(path)
    try:
        described: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: not readable as JSON, damaged or foreign ({error})") from error
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        raise ModelFileError(f"{path}: not the description of a hemorrhage model")
    if described.get("format_version") != FORMAT_VERSION:
        version = described.get("format_version")
        raise ModelFileError(f"{path}: format version {version}, this program reads version {FORMAT_VERSION}")
    digest = described.get("sha256")
    if (
        not isinstance(digest, str)
        or sha256(content.replace(digest.encode(errors="replace"), BLANK.encode(), 1)) != digest
    ):
        raise ModelFileError(f"{path}: does not match its own SHA-256, changed or damaged")
    info = from_json(path, described)
    weights = b""
    for name, expected in described["files"].items():
        content = _content(folder / name)
        if sha256(content) != expected:
            raise ModelFileError(f"{folder / name}: does not match the SHA-256 in {DESCRIPTION}, changed or damaged")
        weights = content if name == WEIGHTS else weights
    return info, weights


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ModelFileError(f"{path}: missing, the model folder is incomplete or foreign") from error
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror or error})") from error
