"""One folder = weights + configuration + label order + provenance + model card; every byte is checked on reading."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ihd_core.errors import ModelFileError
from ihd_core.files import make_folder, sha256, write_atomically
from ihd_core.json_values import each_once
from ihd_core.model_info import (
    LEVELS,
    SETTINGS,
    ModelInfo,
    OperatingPoint,
    SequenceShape,
    TrainingData,
    paper_points,
    salted_sha256,
)
from ihd_core.model_json import BLANK, CARD, FORMAT, READ_VERSIONS, WEIGHTS, from_json, to_json
from ihd_core.scan_rule import ScanRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor, dtype, nn

    from ihd_core.model_input import Cells
    from ihd_core.networks.network import Reduction, SequenceNetwork, SliceCnn

__all__ = [
    "LEVELS",
    "SETTINGS",
    "Member",
    "Model",
    "ModelInfo",
    "OperatingPoint",
    "ScanRule",
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
_FLOATS = ("torch.float16", "torch.bfloat16", "torch.float32", "torch.float64")


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """The networks that were fitted together, such as those of one fold.

    Attributes:
        cnn: of every slice.
        reduction: pooled features to the sequence network's; None where that is.
        sequence: the BiLSTM; None where the CNN has the last word.
    """

    cnn: SliceCnn
    reduction: Reduction | None = None
    sequence: SequenceNetwork | None = None

    def parts(self) -> Iterator[tuple[str, nn.Module]]:
        """The networks that are there, by the names that their weights begin with."""
        named = {"cnn": self.cnn, "reduction": self.reduction, "sequence": self.sequence}
        return ((name, network) for name, network in named.items() if network is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A model ready to predict: its networks are in evaluation mode and need no gradients.

    Attributes:
        info: what the networks were made with, and how they are used together.
        members: at least one; their logits are averaged.
    """

    info: ModelInfo
    members: tuple[Member, ...]


def save_model(folder: Path, info: ModelInfo, *, members: Sequence[Member], card: str) -> ModelInfo:
    """Write a model folder; the description goes last, so that a folder torn by a crash is refused.

    Args:
        folder: created if it is not there.
        info: its cells and sha256 are not read: the first are measured on the first member, the second computed.
        members: the trained networks, on any device, as many as info.members.
        card: Markdown for people.

    Returns:
        info as a reader of the folder gets it.

    Raises:
        FileError: it cannot be written.
        ModelFileError: info does not describe these networks.
    """
    import safetensors.torch

    tensors = {name: tensor.cpu().contiguous() for name, tensor in _tensors(members).items()}
    info = replace(info, cells=_cells(members, info), sha256=BLANK)
    packed = {name: _packed(tensor) for name, tensor in tensors.items()}
    contents = {WEIGHTS: safetensors.torch.save(packed), CARD: card.encode()}
    description = to_json(info, {name: sha256(content) for name, content in contents.items()})
    info = from_json(folder / DESCRIPTION, json.loads(description))
    _networks(folder / WEIGHTS, info, tensors)
    digest = sha256(description)
    make_folder(folder)
    for name, content in contents.items():
        write_atomically(folder / name, content)
    write_atomically(folder / DESCRIPTION, description.replace(BLANK.encode(), digest.encode(), 1))
    return replace(info, sha256=digest)


def _cells(members: Sequence[Member], info: ModelInfo) -> Cells:
    """Where the cells of the first CNN look; those of the others are of the same shape."""
    from ihd_core.networks.network import cell_geometry

    if not members:
        raise ModelFileError(f"{info.name}: a model has at least one member")
    cnn = members[0].cnn
    was_training = cnn.training
    try:
        return cell_geometry(cnn.eval(), info.side)
    finally:
        cnn.train(was_training)


def read_info(folder: Path) -> ModelInfo:
    """Read and check a model folder without its networks; torch is not imported.

    Raises:
        ModelFileError: as load_model(), but for the weights' names and shapes.
    """
    return _checked(folder)[1]


def load_model(folder: Path) -> Model:
    """Read a model folder, on the CPU.

    Raises:
        ModelFileError: a file is missing, changed, foreign or of another version, the labels or windows are not this
            program's, or the weights do not fit. One line that names the file and the reason.
    """
    import safetensors
    import safetensors.torch

    version, info, weights = _checked(folder)
    try:
        tensors = safetensors.torch.load(weights)
    except (safetensors.SafetensorError, KeyError) as error:  # the second of a type of number that torch has not
        raise ModelFileError(f"{folder / WEIGHTS}: not a safetensors file ({error})") from error
    if version == 1:
        tensors = {f"0.{name}": tensor for name, tensor in tensors.items()}
    return _networks(folder / WEIGHTS, info, tensors)


def _tensors(members: Sequence[Member]) -> dict[str, Tensor]:
    """All weights under one roof: names begin with the member's number and cnn, reduction or sequence."""
    return {
        f"{number}.{part}.{name}": tensor.detach()
        for number, member in enumerate(members)
        for part, network in member.parts()
        for name, tensor in network.state_dict().items()
    }


def _packed(tensor: Tensor) -> Tensor:
    """The tensor as float16 where that loses nothing, else as it is; reading it back gives float32 either way."""
    half = tensor.half()
    return half if tensor.is_floating_point() and bool((half.to(tensor.dtype) == tensor).all()) else tensor


def _networks(path: Path, info: ModelInfo, tensors: Mapping[str, Tensor]) -> Model:
    """Build what info describes and fill it with the weights; every name and shape must fit."""
    import torch

    found = len({name.partition(".")[0] for name in tensors})
    if found != info.members:
        raise ModelFileError(f"{path}: holds {found} members where {info.members} are described")
    with torch.device("meta"):  # without a byte of weights: a few lines can describe more than any memory holds
        member = _empty_member(path.parent / DESCRIPTION, info)
    expected = _tensors([member] * info.members)
    wanted = {name: tuple(tensor.shape) for name, tensor in expected.items()}
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if wanted != shapes:
        names = sorted(wanted.keys() ^ shapes.keys()) or [n for n in wanted if wanted[n] != shapes[n]]
        name = names[0]
        raise ModelFileError(
            f"{path}: {name} is {shapes.get(name, 'missing')} where {wanted.get(name, 'nothing')} is expected"
        )
    for name, tensor in tensors.items():
        _check_values(path, name, tensor, expected[name].dtype)
    members = tuple(_empty_member(path.parent / DESCRIPTION, info) for _ in range(info.members))
    for number, member in enumerate(members):
        for part, network in member.parts():
            prefix = f"{number}.{part}."
            own = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
            network.load_state_dict(own)
            network.eval().requires_grad_(False)
    return Model(info, members)


def _check_values(path: Path, name: str, tensor: Tensor, wanted: dtype) -> None:
    """Refuse values that the network cannot take as they are, such as numbers that single precision does not hold."""
    if tensor.dtype != wanted and not (wanted.is_floating_point and str(tensor.dtype) in _FLOATS):
        raise ModelFileError(f"{path}: {name} holds {tensor.dtype} where {wanted} is expected")
    if not bool(tensor.to(wanted).isfinite().all()):
        raise ModelFileError(f"{path}: {name} holds values that are no finite numbers")


def _empty_member(path: Path, info: ModelInfo) -> Member:
    """Networks as the description at path has them, before they get their weights."""
    import torch

    from ihd_core.networks.network import BACKBONES, Reduction, SequenceNetwork, SliceCnn

    if info.backbone not in BACKBONES:
        raise ModelFileError(f"{path}: backbone {info.backbone!r} is not known to this program")
    stride = BACKBONES[info.backbone].stride
    if not 0 < info.side <= LARGEST_SIDE or info.side % stride:
        limit = f"a multiple of {stride}, at most {LARGEST_SIDE}"
        raise ModelFileError(f"{path}: side is {info.side}, must be {limit}")
    pooled_count, shape = BACKBONES[info.backbone].pooled_count, info.sequence
    if info.pooled_count != pooled_count:
        raise ModelFileError(f"{path}: pooled_count is {info.pooled_count}, of {info.backbone} it is {pooled_count}")
    try:
        cnn = SliceCnn(info.backbone, info.mean, info.deviation, info.neighbours)
        if shape is None:
            return Member(cnn)
        reduction = Reduction(torch.zeros(pooled_count), torch.zeros(shape.features, pooled_count))
        return Member(cnn, reduction, SequenceNetwork(**asdict(shape)))
    except (ValueError, RuntimeError) as error:  # torch's own, where they fit no memory
        reason = str(error).partition("\n")[0]
        raise ModelFileError(f"{path}: describes networks that cannot be built ({reason})") from error


def _checked(folder: Path) -> tuple[int, ModelInfo, bytes]:
    """The version, the description and the bytes of the weights, after every check that needs no torch."""
    path = folder / DESCRIPTION
    if not folder.is_dir():
        raise ModelFileError(f"{folder}: no such model folder")
    content = _content(path)
    try:
        described: Any = json.loads(content, object_pairs_hook=each_once)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: not readable as JSON, damaged or foreign ({error})") from error
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        raise ModelFileError(f"{path}: not the description of a hemorrhage model")
    version = described.get("format_version")
    if isinstance(version, bool) or version not in READ_VERSIONS:
        read = " and ".join(map(str, READ_VERSIONS))
        raise ModelFileError(f"{path}: format version {version}, this program reads versions {read}")
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
    return version, info, weights


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ModelFileError(f"{path}: missing, the model folder is incomplete or foreign") from error
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror or error})") from error
