"""A CNN in the forms that other runtimes read: traced for OpenVINO, ONNX for ONNX Runtime; nothing touches the disk."""

from __future__ import annotations

import copy
import io
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from ihd_core.networks.efficientnet_lite import SameConvolution

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ihd_core.networks.network import SliceCnn


class Activations(nn.Module):
    """The last map of a CNN, its one output: mean and head follow outside of it, in single precision."""

    def __init__(self, cnn: SliceCnn) -> None:
        super().__init__()
        self.cnn = cnn

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, side, side) to (n, K, map rows, map columns)."""
        return self.cnn.activations(x)


def fixed_shapes(cnn: SliceCnn, side: int) -> tuple[Tensor, Activations]:
    """A picture of that side, and the network for such pictures on the CPU; the CNN is not changed.

    Convolutions that pad themselves by the size of what comes in are replaced by plain ones: a trace would compute
    their weights anew for every picture, and ONNX cannot say it.
    """
    example = torch.zeros(1, len(cnn.mean), side, side)
    has_same = any(isinstance(module, SameConvolution) for module in cnn.modules())
    if has_same or cnn.mean.device.type != "cpu":
        cnn = copy.deepcopy(cnn).cpu()
    if has_same:
        _replace_same(cnn, example)
    return example, Activations(cnn).eval()


def traced(network: Activations, example: Tensor) -> torch.jit.ScriptModule:
    """The network as OpenVINO's converter reads it; fewer seconds than torch.export needs."""
    with torch.no_grad(), _old_ways_allowed():
        module: torch.jit.ScriptModule = torch.jit.trace(network, example, check_trace=False)  # type: ignore[no-untyped-call]
        return module


def onnx_bytes(network: Activations, example: Tensor) -> bytes:
    """The network as an ONNX file; by torch's older exporter, since the newer one needs half a minute.

    Raises:
        ImportError: the package onnx is not installed.
    """
    written = io.BytesIO()
    with torch.no_grad(), _old_ways_allowed():
        torch.onnx.export(network, (example,), written, dynamo=False)  # type: ignore[arg-type]
    return written.getvalue()


@contextmanager
def _old_ways_allowed() -> Iterator[None]:
    """Without torch's advice to use torch.export: it takes ten times as long, and the result is checked anyway."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _replace_same(cnn: SliceCnn, example: Tensor) -> None:
    """Put plain convolutions in the places of those that pad as TensorFlow does, for pictures like the example."""
    sizes: dict[nn.Module, torch.Size] = {}
    hooks = [
        module.register_forward_pre_hook(lambda one, given: sizes.update({one: given[0].shape}))
        for module in cnn.modules()
        if isinstance(module, SameConvolution)
    ]
    with torch.no_grad():
        cnn.activations(example)
    for hook in hooks:
        hook.remove()
    for name, module in list(cnn.named_modules()):
        if isinstance(module, SameConvolution):
            parent, _, own = name.rpartition(".")
            setattr(cnn.get_submodule(parent), own, _plain(module, sizes[module]))


def _plain(same: SameConvolution, given: torch.Size) -> nn.Conv2d:
    """A convolution that does to maps of that shape what the given one does."""
    kernel, stride = int(same.kernel_size[0]), int(same.stride[0])
    rows, columns = (int(stride == 2 and size % 2 == 0) for size in given[2:])
    weight = functional.pad(same.weight.detach(), (columns, 0, rows, 0))
    plain = nn.Conv2d(
        same.in_channels,
        same.out_channels,
        (kernel + rows, kernel + columns),
        stride,
        kernel // 2,
        groups=same.groups,
        bias=False,
    )
    plain.weight = nn.Parameter(weight, requires_grad=False)
    return plain
