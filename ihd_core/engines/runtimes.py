"""The ways to run a CNN on this machine: torch, OpenVINO, ONNX Runtime and CUDA, each imported when asked for."""

from __future__ import annotations

import copy
import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ihd_core.cnn_reading import REFERENCE_NAME
from ihd_core.engines.proof import EXACT, INTEGER, ROUNDED, calibration_pictures, sample_pictures, validation_pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from ihd_core.engines.proof import Bounds
    from ihd_core.model_file import ModelInfo
    from ihd_core.networks.network import CnnOutput, SliceCnn

    Reader = Callable[[Tensor], CnnOutput]

__all__ = ["REFERENCE", "RUNTIMES", "Runtime", "runtime_named"]


@dataclass(frozen=True, slots=True)
class Runtime:
    """One way to run a CNN.

    Attributes:
        name: of settings, records and the command line.
        title: as people write it.
        modules: that must be installed.
        load: a CNN in evaluation mode, and the description of its model, to what reads pictures, float32 (n, channels,
            side, side) on the CPU, as the CNN's forward() does; the results are float32 on the CPU too, and may go into
            autograd. Any exception means that this machine cannot.
        suits: whether `auto` should try it for this CNN, cheaply; a wrong yes costs time, not truth.
        bounds: how far it may stray from torch fp32.
        samples: slices that it is tried on.
        own_threads: it computes in threads of its own, beside torch's.
    """

    name: str
    title: str
    modules: tuple[str, ...]
    load: Callable[[SliceCnn, ModelInfo], Reader]
    suits: Callable[[SliceCnn], bool]
    bounds: Bounds = EXACT
    samples: Callable[[ModelInfo], NDArray[np.float32]] = sample_pictures
    own_threads: bool = False

    @property
    def installed(self) -> bool:
        """Whether all its modules can be found; none is imported."""
        return all(importlib.util.find_spec(module) is not None for module in self.modules)


def runtime_named(name: str, runtimes: Sequence[Runtime]) -> Runtime:
    """The runtime of that name.

    Raises:
        ValueError: there is none.
    """
    for runtime in runtimes:
        if runtime.name == name:
            return runtime
    raise ValueError(f"engine is {name!r}, must be auto, {', '.join(runtime.name for runtime in runtimes)}")


def _torch(cnn: SliceCnn, info: ModelInfo) -> Reader:
    """The network as it is, wherever it is."""
    import torch

    device = cnn.mean.device

    def read(pictures: Tensor) -> CnnOutput:
        with torch.no_grad():
            return _at_home(cnn(pictures.to(device)))

    return read


def _torch_bf16(cnn: SliceCnn, info: ModelInfo) -> Reader:
    import torch

    device = cnn.mean.device

    def read(pictures: Tensor) -> CnnOutput:
        with torch.no_grad():
            with torch.autocast(device.type, torch.bfloat16):
                activations = cnn.activations(pictures.to(device))
            return _pooled(cnn, activations.float().cpu().numpy())

    return read


def _cuda(cnn: SliceCnn, info: ModelInfo) -> Reader:
    """On the first graphics card, in single precision throughout."""
    import torch

    there = copy.deepcopy(cnn).to("cuda")

    def read(pictures: Tensor) -> CnnOutput:
        with torch.no_grad(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return _at_home(there(pictures.to("cuda")))

    return read


def _openvino(hint: str) -> Callable[[SliceCnn, ModelInfo], Reader]:
    """OpenVINO in a precision; it takes bf16 by itself where the CPU has it, so the hint is always given."""

    def load(cnn: SliceCnn, info: ModelInfo) -> Reader:
        from ihd_core.engines.export import fixed_shapes, traced

        openvino = _import_openvino()
        example, network = fixed_shapes(cnn, info.side)
        model = openvino.convert_model(traced(network, example), example_input=example, input=[tuple(example.shape)])
        compiled = _core(openvino).compile_model(
            model, "CPU", {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
        )
        request = compiled.create_infer_request()
        return _one_by_one(cnn, lambda picture: request.infer([picture])[0])

    return load


def _onnxruntime(cnn: SliceCnn, info: ModelInfo) -> Reader:
    from ihd_core.engines.export import fixed_shapes, onnx_bytes

    example, network = fixed_shapes(cnn, info.side)
    return _in_onnxruntime(cnn, onnx_bytes(network, example))


def _onnxruntime_int8(cnn: SliceCnn, info: ModelInfo) -> Reader:
    from ihd_core.engines.export import fixed_shapes, onnx_bytes
    from ihd_core.engines.int8 import int8_bytes

    example, network = fixed_shapes(cnn, info.side)
    return _in_onnxruntime(cnn, int8_bytes(onnx_bytes(network, example), calibration_pictures(info)))


def _in_onnxruntime(cnn: SliceCnn, network: bytes) -> Reader:
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads leave the cores to torch
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return _one_by_one(cnn, lambda picture: session.run(None, {name: picture})[0])


def _one_by_one(cnn: SliceCnn, activations: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Reader:
    """Read n pictures one after the other: these runtimes gain nothing from more at once."""

    def read(pictures: Tensor) -> CnnOutput:
        each = pictures.contiguous().numpy()
        return _pooled(cnn, np.concatenate([activations(each[one : one + 1]) for one in range(len(each))]))

    return read


def _pooled(cnn: SliceCnn, activations: NDArray[np.float32]) -> CnnOutput:
    """Mean and head in single precision after any runtime, so that a heatmap's sum and the bias are the logit.

    In numpy: torch's threads would compete with the runtime's for the cores.
    """
    import torch

    from ihd_core.networks.network import CnnOutput

    pooled = activations.mean(axis=(2, 3), dtype=np.float32)
    weight, bias = (part.detach().cpu().numpy() for part in (cnn.head.weight, cnn.head.bias))
    return CnnOutput(*(torch.from_numpy(part) for part in (pooled @ weight.T + bias, pooled, activations)))


def _at_home(output: CnnOutput) -> CnnOutput:
    return type(output)(*(tensor.float().cpu() for tensor in output))


def _import_openvino() -> Any:
    """OpenVINO without its telemetry.

    On import it reports to its makers over the network unless the user has forbidden it. A module that is None cannot
    be imported, and OpenVINO then takes a stub that does nothing.
    """
    import sys

    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino


_CORES: dict[str, Any] = {}


def _core(openvino: Any) -> Any:
    """One for the process: each has thread pools of its own."""
    return _CORES.setdefault("core", openvino.Core())


def _bf16_suits_openvino(cnn: SliceCnn) -> bool:
    """Where the CPU computes with bf16 itself; elsewhere it is imitated, slower than fp32."""
    return "BF16" in _core(_import_openvino()).get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _bf16_suits_torch(cnn: SliceCnn) -> bool:
    """Where the CPU computes with bf16 itself and no convolution is depthwise: torch has only slow ones of these."""
    from torch import cpu, nn

    has = cpu.get_capabilities() if hasattr(cpu, "get_capabilities") else {}
    depthwise = any(
        isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1 for module in cnn.modules()
    )
    return bool(has.get("avx512_bf16") or has.get("amx_bf16")) and not depthwise


def _has_cuda(cnn: SliceCnn) -> bool:
    import torch

    return torch.cuda.is_available()


def _always(cnn: SliceCnn) -> bool:
    return True


def _only_by_name(cnn: SliceCnn) -> bool:
    return False


REFERENCE = Runtime(REFERENCE_NAME, REFERENCE_NAME, (), _torch, _always)
"""What all others are measured by."""

RUNTIMES: tuple[Runtime, ...] = (
    Runtime("cuda", "CUDA fp32", (), _cuda, _has_cuda),
    Runtime(
        "openvino bf16",
        "OpenVINO bf16",
        ("openvino",),
        _openvino("bf16"),
        _bf16_suits_openvino,
        bounds=ROUNDED,
        own_threads=True,
    ),
    Runtime("torch bf16", "torch bf16", (), _torch_bf16, _bf16_suits_torch, bounds=ROUNDED),
    Runtime("openvino fp32", "OpenVINO fp32", ("openvino",), _openvino("f32"), _always, own_threads=True),
    Runtime("onnxruntime fp32", "ONNX Runtime fp32", ("onnxruntime", "onnx"), _onnxruntime, _always, own_threads=True),
    Runtime(
        "onnxruntime int8",
        "ONNX Runtime int8",
        ("onnxruntime", "onnx"),
        _onnxruntime_int8,
        _only_by_name,
        bounds=INTEGER,
        samples=validation_pictures,
        own_threads=True,
    ),
    REFERENCE,
)
"""In the order in which `auto` tries them: fastest first, as measured on ResNeXt-101 and EfficientNet-Lite0. It is not
timed anew on each machine, so that a scan is read by the same engine today and tomorrow."""
