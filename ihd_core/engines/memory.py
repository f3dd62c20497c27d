"""What engines have proved on this machine, kept so that it need not be proved at every start."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import math
import platform
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ihd_core.engines.engine import AUTO, Engine, engine_for
from ihd_core.engines.proof import Distance
from ihd_core.errors import FileError
from ihd_core.files import make_folder, sha256, write_atomically

if TYPE_CHECKING:
    from ihd_core.model_file import Model

_log = logging.getLogger(__name__)

_PACKAGES = ("torch", "openvino", "onnxruntime", "onnx", "numpy", "ihd-review")
_MOST = 200
"""Of models and machines in one file; the oldest goes first."""


def remembered_engine(model: Model, wanted: str = AUTO, *, memory: Path) -> Engine:
    """The engine for a model as engine_for() finds it, without trying what was tried here before.

    What was found is kept for the model, the versions of the runtimes and the CPU: with any other it is found anew. A
    memory that is damaged, or cannot be written, costs time and nothing else.

    Args:
        model: from load_model().
        wanted: one of ENGINES.
        memory: the file.

    Raises:
        CannotPredict: weights or results are no finite numbers.
        ValueError: there is no engine of that name.
    """
    kept, key = _read(memory), _key(model)
    known = dict(kept.get(key, {}))
    before = dict(known)
    engine = engine_for(model, wanted, known=known)
    if known != before:
        kept.pop(key, None)
        kept[key] = known
        _write(memory, kept)
    return engine


def _key(model: Model) -> str:
    versions = []
    for package in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{package} {importlib.metadata.version(package)}")
    return sha256("\n".join([model.info.sha256, *versions, _processor()]).encode())


def _processor() -> str:
    """Name and abilities of the CPU, on which its rounding depends."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
    return f"{platform.machine()} {platform.processor()}"


def _read(memory: Path) -> dict[str, dict[str, Distance]]:
    try:
        content = json.loads(memory.read_text(encoding="utf-8"))
        return {
            str(key): {str(name): _distance(*pair) for name, pair in runtimes.items()}
            for key, runtimes in content.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        _log.info("%s: not understood, engines prove themselves anew (%s)", memory, error)
        return {}


def _distance(probability: float, heatmap: float) -> Distance:
    if not (math.isfinite(probability) and math.isfinite(heatmap) and min(probability, heatmap) >= 0):
        raise ValueError(f"distances {probability}, {heatmap} must be finite and at least 0")
    return Distance(float(probability), float(heatmap))


def _write(memory: Path, kept: dict[str, dict[str, Distance]]) -> None:
    newest = list(kept.items())[-_MOST:]
    content = {
        key: {name: [one.probability, one.heatmap] for name, one in known.items() if _distance_is_kept(one)}
        for key, known in newest
    }
    try:
        make_folder(memory.parent)
        write_atomically(memory, json.dumps(content, indent=1).encode())
    except FileError as error:
        _log.info("%s", error)


def _distance_is_kept(distance: Distance) -> bool:
    """What gave no finite numbers is tried again."""
    return math.isfinite(distance.probability) and math.isfinite(distance.heatmap)
