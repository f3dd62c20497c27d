"""python -m training bench: images a second of the loader and of the network, apart and together, on this machine."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.errors import IhdError
from ihd_core.labels import LABELS, SUBTYPES
from ihd_core.measure import Row, Table, at_least, interleaved, matrix_product, probe_operations, probe_row
from ihd_core.model_input import neighbour_offsets
from training.config import RunConfig, changed
from training.data.slice_table import SliceTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from training.fitting.cnn_fit import CnnFit
    from training.fitting.loader import SliceSource

LOADER_GOAL = 1.5
"""Times as many images a second as the network takes."""
GPU_GOAL, GPU_BACKBONE, GPU_SIDE = 1400, "resnext101_32x8d", 256
"""Images a second in training on one GPU in bf16, the loader included: 50 times the paper's 36 ms an image."""
PICTURES = 512
STEPS = {"cpu": 4, "cuda": 40}
"""Of one round."""
READING = "an image is a slice with its neighbours; loader and step alone, then training: both at once"


@dataclass(frozen=True, slots=True)
class Setting:
    """What is measured.

    Attributes:
        config: seed, cnn and localised are read.
        side: of the pictures that are made.
        rounds: how often each work is timed.
        steps: of one round; 0: as STEPS.
        threads: that make batches; 0: as many as training takes.
    """

    config: RunConfig = field(default_factory=RunConfig)
    side: int = GPU_SIDE
    rounds: int = 5
    steps: int = 0
    threads: int = 0


class MadePictures:
    """Noise in place of prepared slices, mapped into memory from a file as they are.

    Args:
        folder: holds the file.
        side: rows and columns.
        count: of pictures, one scan.
    """

    def __init__(self, folder: Path, side: int, count: int = PICTURES) -> None:
        rng = np.random.default_rng(0)
        self.side = side
        path = folder / "pictures.npy"
        np.save(path, rng.integers(-1024, 2000, (count, side, side), np.int16))
        self._pictures: NDArray[np.int16] = np.load(path, mmap_mode="r")
        names, truth = np.full(count, "made"), rng.integers(0, 2, (count, len(LABELS)), np.int8)
        heights = np.arange(count, dtype=np.float64)
        self.table = SliceTable(names, names, names, names, names, names, heights, truth, truth)

    def hu(self, row: int) -> NDArray[np.int16]:
        """A picture, (side, side)."""
        picture: NDArray[np.int16] = self._pictures[row]
        return picture

    def cells(self, row: int) -> NDArray[np.uint8]:
        """A lesion in one cell of every subtype, (subtypes, side / 16, side / 16)."""
        cells = np.zeros((len(SUBTYPES), self.side // 16, self.side // 16), np.uint8)
        cells[:, row % len(cells[0]), row % len(cells[0])] = 255
        return cells

    def neighbour_rows(self, count: int) -> NDArray[np.intp]:
        """Rows of every picture and its neighbours, (pictures, 2 * count + 1)."""
        wanted = np.arange(len(self.table))[:, None] + np.array(neighbour_offsets(count), np.intp)
        return np.clip(wanted, 0, len(self.table) - 1)


def bench(setting: Setting, source: SliceSource | None = None) -> Table:
    """Measure loader and step in turns.

    Args:
        setting: what is measured.
        source: pictures to load; None: MadePictures.

    Raises:
        ConfigError: the numbers are not ones that this machine can fit with.
    """
    from training.fitting.cnn import new_fit
    from training.fitting.cnn_fit import set_training
    from training.fitting.distributed import joined

    numbers = setting.config.cnn
    with joined() as processes, TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        pictures = source or MadePictures(Path(folder), setting.side)
        fit = new_fit(
            setting.config,
            pictures,
            np.arange(len(pictures.table)),
            0,
            processes=processes,
            checkpoint=Path(folder) / "checkpoint.pt",
            threads=setting.threads,
        )
        set_training(fit.objective, is_frozen=numbers.freeze_batch_norm)
        works, images = _works(fit, setting.steps or STEPS[processes.device.type])
        kind = "float32" if fit.precision is None else str(fit.precision).removeprefix("torch.")
        timings = interleaved({**works, "probe": matrix_product(str(processes.device), kind)}, setting.rounds)
        speed = {name: count / timings.median(name) for name, count in images.items()}
        ratio = timings.ratio("step", "loader") * images["loader"] / images["step"]
        per_s = probe_operations() / timings.median("probe")
        share = _operations(fit) * speed["training"] / per_s
        is_gpu = processes.device.type == "cuda"
        rows = (
            Row("loader", speed["loader"], "images/s"),
            Row("step", speed["step"], "images/s"),
            Row("training", speed["training"], "images/s"),
            Row("training, an image", 1000 / speed["training"], "ms"),
            Row("loader / step", ratio, "times", at_least(LOADER_GOAL)),
            probe_row(timings, "probe", kind),
            Row("training / matrix product", share, "times"),
            _gpu_row(setting, pictures.side, kind, speed["training"] if is_gpu else None),
        )
        return Table(_title(setting, fit, pictures.side, kind), rows, READING)


def main(arguments: list[str] | None = None) -> int:
    """The command: 0 done, whether or not goals are met; 2 the call is at fault."""
    options = _parser().parse_args(arguments)
    try:
        changes = [f"cnn.{name}={getattr(options, name)}" for name in ("backbone", "batch", "precision", "neighbours")]
        config = changed(changed(RunConfig(), changes), options.set)
        setting = Setting(config, options.side, options.rounds, options.steps, options.threads)
        table = bench(setting, _pictures(options.run))
    except IhdError as error:
        print(f"training: {error}", file=sys.stderr)
        return 2
    print(json.dumps(table.as_json(), indent=2) if options.json else table.as_text())
    return 0


def _works(fit: CnnFit, steps: int) -> tuple[dict[str, Callable[[], object]], dict[str, int]]:
    """What is timed, and how many images each takes."""
    import torch

    from training.fitting.loader import epoch_rows

    numbers, loader, device = fit.objective.numbers, fit.loader, fit.processes.device
    share = fit.processes.share(numbers.batch)
    every_thread = max(steps, 4 * loader.threads)
    order = epoch_rows(fit.rows, loader.source.table, numbers, (0,))
    order = np.resize(order, (every_thread, numbers.batch))
    batch = next(batches := loader.batches(order, (0,), share=share)).to(device)
    batches.close()

    def load() -> None:
        for _ in loader.batches(order, (0,), share=share):
            pass

    def done() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()

    def step() -> None:
        for _ in range(steps):
            fit.step(batch)
        done()

    def train() -> None:
        for one in loader.batches(order[:steps], (0,), share=share):
            fit.step(one.to(device))
        done()

    count = steps * numbers.batch
    return (
        {"loader": load, "step": step, "training": train},
        {"loader": every_thread * numbers.batch, "step": count, "training": count},
    )


def _operations(fit: CnnFit) -> float:
    """Multiplications and additions of one image, forwards and backwards."""
    from torch.utils.flop_counter import FlopCounterMode

    rows = fit.rows[:2][None]
    (batch,) = fit.loader.batches(rows, (0,))
    with FlopCounterMode(display=False) as counter:
        total, _ = fit.objective(batch.to(fit.processes.device), fit.precision, 0)
        total.backward()
    return float(counter.get_total_flops()) / rows.size


def _gpu_row(setting: Setting, side: int, kind: str, speed: float | None) -> Row:
    """The goal on a GPU, or why it was not tried."""
    name = f"training on a GPU, {GPU_BACKBONE}, bf16, {GPU_SIDE} x {GPU_SIDE}"
    reason = "" if speed is not None else "torch finds no GPU here"
    if not reason and (setting.config.cnn.backbone, side, kind) != (GPU_BACKBONE, GPU_SIDE, "bfloat16"):
        reason, speed = "another network, size or precision was measured", None
    return Row(name, speed, "images/s", at_least(GPU_GOAL), reason)


def _title(setting: Setting, fit: CnnFit, side: int, kind: str) -> str:
    import torch

    numbers, device = setting.config.cnn, fit.processes.device
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    return (
        f"{numbers.backbone}, {side} x {side}, batches of {numbers.batch}, neighbours {numbers.neighbours}, {kind},"
        f" {where}, {os.cpu_count()} cores, {fit.loader.threads} of them load;"
        f" medians of {setting.rounds} rounds in turns"
    )


def _pictures(run: Path | None) -> SliceSource | None:
    if run is None:
        return None
    from training.data.pictures import open_pictures
    from training.run_folder import RunFolder

    return open_pictures(RunFolder(run))


def _parser() -> argparse.ArgumentParser:
    numbers = RunConfig().cnn
    parser = argparse.ArgumentParser("python -m training bench", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument("--backbone", default=numbers.backbone, help=f"default {numbers.backbone}")
    parser.add_argument("--side", type=int, default=GPU_SIDE, help=f"of made pictures, default {GPU_SIDE}")
    parser.add_argument("--run", type=Path, help="load the prepared slices of this run instead of made ones")
    parser.add_argument("--batch", type=int, default=numbers.batch, help=f"default {numbers.batch}")
    parser.add_argument("--precision", default=numbers.precision, help="auto (default), fp32, bf16 or fp16")
    parser.add_argument("--neighbours", type=int, default=numbers.neighbours, help="slices on either side, default 0")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.NAME=VALUE", help="another number")
    parser.add_argument("--rounds", type=int, default=5, help="default 5; quote nothing from fewer")
    parser.add_argument("--steps", type=int, default=0, help="of one round; default 4, with a GPU 40")
    parser.add_argument("--threads", type=int, default=0, help="that load; default as in training")
    parser.add_argument("--json", action="store_true", help="a list of name, value, unit, goal, met")
    return parser
