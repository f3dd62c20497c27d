"""`ihd bench scan`: from a folder to probabilities and heatmaps, beside the way most scripts go."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from app.bench.measured import SIDE, SLICES, inputs, measured_model, title
from app.bench.memory import peak_above_volume
from app.bench.naive import naive_input
from app.places import default_model
from ihd_core.dicom.reader import load_scan
from ihd_core.engines.engine import engine_for
from ihd_core.measure import Row, Table, at_least, at_most, interleaved, matrix_product, probe_row
from ihd_core.model_input import slabs
from ihd_core.predict import predict
from ihd_core.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from ihd_core.cnn_reading import CnnEngine
    from ihd_core.engines.engine import Engine
    from ihd_core.measure import Timings
    from ihd_core.model_file import Model
    from ihd_core.networks.network import CnnOutput
    from ihd_core.progress import Report
    from ihd_core.scan import Scan

SHIPPED_SECONDS = 2.0
"""In which the model that comes with the program should read a scan."""
FASTER = {"bf16": 50.0, "fp32": 25.0}
BESIDE_THE_CNN = 0.03
MOST_MEMORY = 2e9
NAIVE = "pydicom, float64 windows, torch fp32, pytorch-grad-cam; one slice timed and taken times their number"


def bench_scan(
    model_folder: Path, path: Path | None = None, *, backbone: str | None = None, rounds: int, report: Report = silent
) -> Table:
    """Measure whole predictions.

    Args:
        model_folder: whose model is measured; the one that comes with the program has a goal in seconds.
        path: DICOM folder of the scan; otherwise a phantom is written.
        backbone: measure one of these with the paper's sizes and random weights instead.
        rounds: how often each work is timed.
        report: called between the parts.

    Raises:
        ModelFileError: the model is refused.
        DicomError: there is no scan to be read.
        CannotPredict: the scan's slices are sagittal or coronal.
    """
    model = measured_model(model_folder, backbone)
    is_shipped = backbone is None and model_folder.resolve() == default_model().resolve()
    rows: list[Row] = []
    with _folder(path) as folder:
        scan = load_scan(folder)
        parts: tuple[Callable[[], list[Row]], ...] = (
            lambda: _whole_rows(folder, scan, model, rounds, is_shipped=is_shipped),
            lambda: _input_rows(scan, model, rounds),
            lambda: [_memory_row(model_folder, backbone)],
        )
        for done, part in enumerate(parts):
            report(done, len(parts))
            rows += part()
        report(len(parts), len(parts))
    return Table(title(scan, model, rounds), tuple(rows), f"Naive: {NAIVE}")


@contextmanager
def _folder(path: Path | None) -> Iterator[Path]:
    if path is not None:
        yield path
        return
    from ihd_core.phantom.phantom import phantom_scan
    from ihd_core.phantom.series_writer import write_series

    with TemporaryDirectory(prefix="ihd-bench-") as temporary:
        scan = phantom_scan(0, size=SIDE, slices=SLICES).scan
        write_series(Path(temporary) / "scan", scan.hu, spacing_mm=scan.spacing_mm)
        yield Path(temporary) / "scan"


def _whole_rows(folder: Path, scan: Scan, model: Model, rounds: int, *, is_shipped: bool) -> list[Row]:
    """Folder to results with each precision's fastest engine, and with torch, against the naive way."""
    engines = {kind: _engine(model, kind) for kind in FASTER}
    works: dict[str, Callable[[], object]] = {
        "probe": matrix_product(),
        "torch": lambda: predict(load_scan(folder), model),
    }
    for kind, engine in engines.items():
        if engine is not None:
            works[kind] = partial(_predicted, folder, model, engine)
    naive = _naive_works(folder, scan, model)
    timings = interleaved({**works, **naive}, rounds)
    seconds = Row("folder to probabilities and all heatmaps, torch fp32", timings.median("torch"), "s", None)
    rows = [probe_row(timings, "probe"), seconds]
    fastest = next((kind for kind in FASTER if engines[kind] is not None), None)
    own = timings.median("torch" if fastest is None else fastest)
    name = "torch fp32" if fastest is None else engines[fastest].name  # type: ignore[union-attr]
    goal = at_most(SHIPPED_SECONDS) if is_shipped else None
    rows.append(Row(f"folder to probabilities and all heatmaps, {name}", own, "s", goal))
    for kind, factor in FASTER.items():
        label = f"whole scan: naive / ours in {kind}"
        if engines[kind] is None or len(naive) < 3:
            why = "no engine of this precision agrees here" if engines[kind] is None else "pytorch-grad-cam is missing"
            rows.append(Row(label, None, "times", at_least(factor), why))
        else:
            rows.append(Row(label, _naive_ratio(timings, kind, len(slabs(scan))), "times", at_least(factor)))
    rows.append(_share_row(scan, model, engines["fp32"], rounds))
    return rows


def _engine(model: Model, kind: str) -> Engine | None:
    """The fastest engine of a precision that agrees; None where none but torch fp32 does."""
    from ihd_core.engines.runtimes import RUNTIMES

    for runtime in RUNTIMES:
        if kind in runtime.title and runtime.installed:
            engine = engine_for(model, runtime.name)
            if engine.name == runtime.name:
                return engine
    return None


def _predicted(folder: Path, model: Model, engine: Engine) -> object:
    scan = load_scan(folder)
    with engine.torch_beside():
        return predict(scan, model, engine=engine)


def _naive_works(folder: Path, scan: Scan, model: Model) -> dict[str, Callable[[], object]]:
    """Reading, input, and one slice with its six heatmaps; without the library only the first two."""
    import pydicom
    import torch

    from app.bench.grad_cam import six_heatmaps
    from ihd_core.heatmaps.grad_cam_library import NoGradCam

    files = sorted(path for path in folder.rglob("*") if path.is_file())

    def read() -> object:
        slices = [pydicom.dcmread(file) for file in files]
        return np.stack(
            [
                one.pixel_array.astype(np.float64) * float(one.RescaleSlope) + float(one.RescaleIntercept)
                for one in slices
            ]
        )

    works: dict[str, Callable[[], object]] = {"naive read": read, "naive input": lambda: naive_input(scan, model.info)}
    middle = torch.from_numpy(inputs(scan, model)[len(slabs(scan)) // 2][None].copy())
    with suppress(NoGradCam):
        works["naive slice"] = six_heatmaps([member.cnn for member in model.members], middle)
    return works


def _naive_ratio(timings: Timings, ours: str, slab_count: int) -> float:
    """Within each round the naive way's seconds over ours; the median."""
    seconds = timings.seconds
    naive = seconds["naive read"] + seconds["naive input"] + slab_count * seconds["naive slice"]
    return float(np.median(naive / seconds[ours]))


def _share_row(scan: Scan, model: Model, engine: Engine | None, rounds: int) -> Row:
    """Of a prediction, what is not the CNN."""
    timed = _Timed(engine if engine is not None else engine_for(model, "torch fp32"))
    shares = []
    for _ in range(rounds + 1):
        timed.seconds, began = 0.0, time.perf_counter()
        predict(scan, model, engine=timed)
        shares.append(1 - timed.seconds / (time.perf_counter() - began))
    share = float(np.median(shares[1:]))
    return Row(f"prediction with {timed.name}: share that is not the CNN", share, "share", at_most(BESIDE_THE_CNN))


class _Timed:
    """An engine whose reading is timed."""

    def __init__(self, engine: CnnEngine) -> None:
        self._engine = engine
        self.seconds = 0.0

    @property
    def name(self) -> str:
        return self._engine.name

    def read(self, member_number: int, pictures: Tensor) -> CnnOutput:
        began = time.perf_counter()
        output = self._engine.read(member_number, pictures)
        self.seconds += time.perf_counter() - began
        return output


def _input_rows(scan: Scan, model: Model, rounds: int) -> list[Row]:
    """What the network gets, against the naive way."""
    works = {"naive": lambda: naive_input(scan, model.info), "ours": lambda: inputs(scan, model)}
    timings = interleaved(works, rounds)
    error = float(abs(np.stack(inputs(scan, model)) - naive_input(scan, model.info)).max())
    return [
        Row("network input: naive / ours", timings.ratio("naive", to="ours"), "times", at_least(30)),
        Row("network input: largest difference from naive", error, "of 0..1", at_most(1e-6)),
    ]


def _memory_row(model_folder: Path, backbone: str | None) -> Row:
    name = "400 slices of 1 mm: peak memory of the process above the volume"
    try:
        return Row(name, peak_above_volume(model_folder, backbone), "bytes", at_most(MOST_MEMORY))
    except (OSError, ValueError) as error:
        return Row(name, None, "bytes", at_most(MOST_MEMORY), str(error))
