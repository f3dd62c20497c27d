"""`ihd bench model`: how fast each engine runs a model's CNN here, and how far it is from torch in single precision."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from app.bench.measured import measured_model
from ihd_core.engines.engine import engine_for
from ihd_core.engines.proof import ROUNDED, sample_pictures
from ihd_core.engines.runtimes import REFERENCE, RUNTIMES
from ihd_core.measure import Row, Table, at_least, at_most, interleaved, matrix_product, probe_operations, probe_row
from ihd_core.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from ihd_core.engines.engine import Engine
    from ihd_core.engines.runtimes import Runtime
    from ihd_core.measure import Timings
    from ihd_core.model_file import Model
    from ihd_core.progress import Report

FASTER = {"openvino bf16": 2.4, "torch bf16": 2.4, "openvino fp32": 1.1, "onnxruntime fp32": 1.2}
"""How many times as fast as torch fp32 an engine should be, one slice at a time."""
OF_THE_PROBE = 0.9
PROBES = {"float32": "probe", "bfloat16": "probe bf16"}


def bench_model(model_folder: Path, *, backbone: str | None = None, rounds: int, report: Report = silent) -> Table:
    """Measure the engines on the first member's CNN, one slice at a time.

    Args:
        model_folder: whose model is measured.
        backbone: measure one of these with the paper's sizes and random weights instead.
        rounds: how often each engine is timed.
        report: called between the parts.

    Raises:
        ModelFileError: the model is refused.
    """
    import torch

    model = measured_model(model_folder, backbone)
    samples = sample_pictures(model.info)
    one = torch.from_numpy(samples[:1].copy())
    engines: dict[str, Engine] = {}
    for done, runtime in enumerate(RUNTIMES):
        report(done, len(RUNTIMES) + 1)
        engines[runtime.name] = engine_for(model, runtime.name)
    running = {name: engine for name, engine in engines.items() if engine.name == name}
    works: dict[str, Callable[[], object]] = {name: partial(engine.read, 0, one) for name, engine in running.items()}
    works |= {name: matrix_product(kind=kind) for kind, name in PROBES.items()}
    timings = interleaved(works, rounds)
    report(len(RUNTIMES) + 1, len(RUNTIMES) + 1)
    rows = [probe_row(timings, name, kind) for kind, name in PROBES.items()]
    rows.append(Row("torch fp32: a slice", 1000 * timings.median(REFERENCE.name), "ms"))
    operations = _operations(model, one)
    for runtime in RUNTIMES:
        if runtime is not REFERENCE:
            why = "" if runtime.name in running else _why_not(engines[runtime.name])
            rows += _rows(runtime.name, timings, why, operations if runtime.bounds is ROUNDED else 0.0)
            rows.append(_distance_row(runtime, model, running))
    title = (
        f"One slice at a time, model {model.info.name} ({model.info.backbone} at {model.info.side}), "
        f"{torch.get_num_threads()} threads, median of {rounds} interleaved rounds"
    )
    return Table(title, tuple(rows))


def _rows(name: str, timings: Timings, why: str, operations: float) -> list[Row]:
    goal = at_least(FASTER[name]) if name in FASTER else None
    speed = Row(
        f"{name}: torch fp32 / {name}", None if why else timings.ratio(REFERENCE.name, to=name), "times", goal, why
    )
    if not operations:
        return [speed]
    share: float | None = None
    if not why:
        share = operations / timings.median(name) / (probe_operations() / timings.median(PROBES["bfloat16"]))
    return [
        speed,
        Row(f"{name}: operations a second / those of the probe", share, "share", at_least(OF_THE_PROBE), why),
    ]


def _distance_row(runtime: Runtime, model: Model, running: dict[str, Engine]) -> Row:
    """How far probabilities on the slices that it is tried on are from those of torch in single precision."""
    import torch

    name = runtime.name
    label, goal = f"{name}: largest difference in probability", at_most(runtime.bounds.probability)
    if name not in running:
        return Row(label, None, "of 0..1", goal, "the engine does not run here")
    x = torch.from_numpy(runtime.samples(model.info))
    ours, theirs = (torch.sigmoid(running[one].read(0, x).logits) for one in (name, REFERENCE.name))
    return Row(label, float((ours - theirs).abs().max()), "of 0..1", goal)


def _why_not(engine: Engine) -> str:
    return engine.refused[0] if engine.refused else "not used"


def _operations(model: Model, x: Tensor) -> float:
    """Multiplications and additions of the CNN on x, as torch counts them."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.members[0].cnn(x)
    return float(counter.get_total_flops())
