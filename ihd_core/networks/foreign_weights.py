"""Other programs' weights as our networks: recognised by names and shapes, with the labels in our order."""

from __future__ import annotations

import re
import zipfile
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from ihd_core.errors import ModelFileError
from ihd_core.labels import LABELS
from ihd_core.model_info import SequenceShape
from ihd_core.networks.checkpoints import HEADS
from ihd_core.networks.network import BACKBONES, SliceCnn
from ihd_core.networks.sequence_network import Reduction, SequenceNetwork

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor


ARRAYS = (".npz", ".npy")
_FIRST_LSTM = "lstm.weight_ih_l0"
_NAMES = {"mean": ("mean_", "mean"), "components": ("components_", "components")}
"""Of a PCA's arrays: as scikit-learn calls them, and without its underscore."""


def cnn_prefix(tensors: Mapping[str, Tensor]) -> str | None:
    """What stands before the names of a slice network in a checkpoint; None where there is none."""
    firsts = {shape.first_weight for shape in BACKBONES.values()}
    found = [
        name.removesuffix(first)
        for name in tensors
        for first in firsts
        if re.search(rf"(^|\.){re.escape(first)}$", name)
    ]
    return min(found, key=len, default=None)


def sequence_prefix(tensors: Mapping[str, Tensor]) -> str | None:
    """What stands before the names of a sequence network in a checkpoint; None where there is none."""
    found = [name.removesuffix(_FIRST_LSTM) for name in tensors if re.search(rf"(^|\.){_FIRST_LSTM}$", name)]
    return min(found, key=len, default=None)


def read_cnn(
    path: Path,
    tensors: Mapping[str, Tensor],
    order: Sequence[int],
    mean: tuple[float, float, float],
    deviation: tuple[float, float, float],
) -> tuple[SliceCnn, set[str]]:
    """The slice network of a checkpoint, and the names in it that were taken.

    Args:
        path: for messages.
        tensors: from read_checkpoint(), with a cnn_prefix().
        order: for every one of LABELS, the output of the checkpoint that is meant.
        mean: per channel, subtracted from windowed slices 0..1.
        deviation: per channel, divides them after that.

    Raises:
        ModelFileError: no backbone has these names and shapes, or the head has not six outputs.
    """
    prefix = cnn_prefix(tensors) or ""
    backbone = _backbone(path, tensors, prefix)
    cnn = SliceCnn(backbone, mean, deviation)
    weight, bias = _head(path, tensors, prefix, cnn.head.in_features)
    names = {f"{prefix}{name}": name for name in cnn.state_dict() if not name.startswith("fc.")}
    taken = {name for name in names if name in tensors}
    state = {names[name]: tensors[name] for name in taken}
    cnn.load_state_dict(state | {"fc.weight": tensors[weight][order], "fc.bias": tensors[bias][order]}, strict=False)
    return cnn.eval().requires_grad_(False), taken | {weight, bias}


def read_sequence(
    path: Path, tensors: Mapping[str, Tensor], order: Sequence[int], features: int
) -> tuple[SequenceNetwork, SequenceShape, set[str]]:
    """The sequence network of a checkpoint, what it is built with, and the names in it that were taken.

    The widths tell where the CNN's probabilities go: behind the features into the LSTM where it reads six values more
    than there are features, behind the LSTM's output into the classifier where that reads six more.

    Args:
        path: for messages.
        tensors: from read_checkpoint(), with a sequence_prefix().
        order: for every one of LABELS, the label of the checkpoint that is meant.
        features: reduced features of a slice, k.

    Raises:
        ModelFileError: it is no bidirectional LSTM with a linear classifier of six outputs, or of other widths.
    """
    prefix = sequence_prefix(tensors) or ""
    names = _sequence_names(tensors, prefix)
    for name, ours in names.items():
        if list(names.values()).count(ours) > 1:  # whichever was taken, the other would be left out
            raise ModelFileError(f"{path}: {name} is one of several layers of its classifier, must be the only one")
    state = {names[name]: tensors[name] for name in names}
    shape = _sequence_shape(path, state, features)
    network = SequenceNetwork(**asdict(shape))
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            wanted = f"a bidirectional LSTM of {shape.layers} x {shape.hidden} has {expected.get(name, 'none')}"
            raise ModelFileError(f"{path}: {name} is {found.get(name, 'missing')}, {wanted}")
    network.load_state_dict(_in_our_order(state, order, network))
    return network.eval().requires_grad_(False), shape, set(names)


def read_pca(paths: Sequence[Path], pooled_count: int) -> Reduction:
    """A PCA given as arrays: one .npz with mean_ and components_, or two .npy, told apart by their dimensions.

    Args:
        paths: of the arrays; none for a sequence network that reads the CNN's probabilities alone.
        pooled_count: features of the slice network, K.

    Raises:
        ModelFileError: an array is missing, damaged, of another shape or not finite, or the PCA whitens.
    """
    if not paths:
        return Reduction(torch.zeros(pooled_count), torch.zeros(0, pooled_count)).eval()
    arrays: dict[str, NDArray[np.float64]] = {}
    for path in paths:
        arrays |= _arrays(path)
    names = ", ".join(str(path) for path in paths)
    for name in _NAMES:
        if name not in arrays:
            raise ModelFileError(f"{names}: the PCA's {name}_ is missing")
    mean, components = arrays["mean"], arrays["components"]
    if components.ndim != 2 or mean.shape != (pooled_count,) or components.shape[1:] != mean.shape:
        wanted = f"mean_ of ({pooled_count},) and components_ of (k, {pooled_count})"
        raise ModelFileError(f"{names}: mean_ is {mean.shape} and components_ {components.shape}, needs {wanted}")
    if not (np.isfinite(mean).all() and np.isfinite(components).all()):
        raise ModelFileError(f"{names}: the PCA holds values that are no finite numbers")
    return Reduction(torch.from_numpy(mean), torch.from_numpy(components)).eval()


def _backbone(path: Path, tensors: Mapping[str, Tensor], prefix: str) -> str:
    """The backbone with these names and shapes."""
    nearest: tuple[int, str] | None = None
    for backbone in BACKBONES:
        with torch.device("meta"):
            wanted = SliceCnn(backbone).state_dict()
        wrong = [
            (name, tuple(tensors[f"{prefix}{name}"].shape) if f"{prefix}{name}" in tensors else "missing", tensor)
            for name, tensor in wanted.items()
            if not name.startswith("fc.") and not name.endswith(".num_batches_tracked")
            if f"{prefix}{name}" not in tensors or tensors[f"{prefix}{name}"].shape != tensor.shape
        ]
        if not wrong:
            return backbone
        name, shape, tensor = wrong[0]
        message = f"nearest is {backbone}, whose {name} is {tuple(tensor.shape)}, here {shape}"
        nearest = min(nearest or (len(wrong), message), (len(wrong), message))
    raise ModelFileError(f"{path}: no known backbone has these weights; {cast('tuple[int, str]', nearest)[1]}")


def _head(path: Path, tensors: Mapping[str, Tensor], prefix: str, pooled_count: int) -> tuple[str, str]:
    """Names of weight and bias of the head: beside the backbone, as the paper's authors have it, or in it."""
    outside = prefix.removesuffix(".").rpartition(".")[0]
    for place in (f"{outside}." if outside else "", prefix):
        for weight, bias in HEADS:
            if f"{place}{weight}" not in tensors or f"{place}{bias}" not in tensors:
                continue
            shape = tuple(tensors[f"{place}{weight}"].shape)
            if shape == (len(LABELS), pooled_count):
                return f"{place}{weight}", f"{place}{bias}"
            use = f"a starting point for `python -m training cnn --set cnn.start={path.name}`, not a model"
            raise ModelFileError(f"{path}: {place}{weight} is {shape}, not ({len(LABELS)}, {pooled_count}): {use}")
    raise ModelFileError(f"{path}: has no head with weight and bias, such as fc.weight and fc.bias")


def _sequence_names(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, str]:
    """Names of the LSTM and the classifier in the checkpoint, with ours; a number is a place in a Sequential."""
    pattern = re.compile(rf"{re.escape(prefix)}(lstm\.\w+|classifier\.(?:\d+\.)?(?:weight|bias))")
    found = {name: match[1] for name in tensors if (match := pattern.fullmatch(name))}
    return {name: re.sub(r"^classifier\.\d+\.", "classifier.", ours) for name, ours in found.items()}


def _sequence_shape(path: Path, state: Mapping[str, Tensor], features: int) -> SequenceShape:
    inputs, classifier = state[_FIRST_LSTM], state.get("classifier.weight")
    if inputs.ndim != 2 or classifier is None or classifier.ndim != 2:
        raise ModelFileError(f"{path}: beside {_FIRST_LSTM} it needs a classifier.weight, both of two dimensions")
    hidden, outputs = len(inputs) // 4, len(classifier)
    if outputs != len(LABELS):
        raise ModelFileError(f"{path}: classifier.weight has {outputs} outputs, the labels are {len(LABELS)}")
    extra = {"LSTM": inputs.shape[1] - features, "classifier": classifier.shape[1] - 2 * hidden}
    for part, count in extra.items():
        if count not in (0, len(LABELS)):
            if part == "LSTM" and features == 0:
                raise ModelFileError(f"{path}: the LSTM reads {count} values; its PCA is missing, as .npz or .npy")
            read = {"LSTM": inputs.shape[1], "classifier": classifier.shape[1]}[part]
            own = {"LSTM": f"{features} features of the PCA", "classifier": f"2 x {hidden} units"}[part]
            raise ModelFileError(f"{path}: the {part} reads {read} values, must be {own}, or these and 6 probabilities")
    layers = sum(re.fullmatch(r"lstm\.weight_ih_l\d+", name) is not None for name in state)
    where = ("none", "classifier", "input", "both")[2 * bool(extra["LSTM"]) + bool(extra["classifier"])]
    if inputs.shape[1] == 0:
        raise ModelFileError(f"{path}: the LSTM reads nothing")
    return SequenceShape(features, hidden, layers, probabilities=where)  # type: ignore[arg-type]  # one of the four


def _in_our_order(state: Mapping[str, Tensor], order: Sequence[int], network: SequenceNetwork) -> dict[str, Tensor]:
    """The weights with outputs, and inputs that are probabilities, in the order of LABELS."""
    ours = dict(state)
    ours["classifier.weight"] = state["classifier.weight"][order]
    ours["classifier.bias"] = state["classifier.bias"][order]
    readers = ["classifier.weight"] if network.judges_probabilities else []
    if network.reads_probabilities:
        readers += [_FIRST_LSTM, f"{_FIRST_LSTM}_reverse"]
    for name in readers:
        rest, six = ours[name][:, : -len(LABELS)], ours[name][:, -len(LABELS) :]
        ours[name] = torch.cat([rest, six[:, order]], dim=1)
    return ours


def _arrays(path: Path) -> dict[str, NDArray[np.float64]]:
    """The PCA's arrays in a file, by "mean" and "components"."""
    try:
        with path.open("rb") as file:
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                return {"components" if content.ndim == 2 else "mean": _real(content)}
            if "whiten" in content and bool(np.any(content["whiten"])):
                raise ModelFileError(f"{path}: the PCA whitens (whiten=True), which this program's models do not")
            given = {ours: next((name for name in names if name in content), None) for ours, names in _NAMES.items()}
            return {ours: _real(content[name]) for ours, name in given.items() if name}
    except FileNotFoundError as error:
        raise ModelFileError(f"{path}: no such file") from error
    except (OSError, ValueError, EOFError, KeyError, TypeError, MemoryError, zipfile.BadZipFile) as error:
        reason = str(error).partition("\n")[0]
        raise ModelFileError(f"{path}: cannot be read as arrays of numbers ({reason})") from error


def _real(values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype.kind not in "fiu":
        raise TypeError(f"{values.dtype} where real numbers are expected")
    return values.astype(np.float64)
