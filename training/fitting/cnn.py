"""Stage cnn: fit the slice network of every fold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from ihd_core.errors import FileError
from ihd_core.files import file_errors
from ihd_core.labels import LABELS, Label
from ihd_core.networks.network import cell_geometry
from ihd_core.progress import Report, silent
from training.fitting.cnn_fit import CnnFit, autocast_type, save_whole
from training.fitting.curves import draw_curves
from training.fitting.distributed import joined
from training.fitting.loader import Loader, default_threads, windowed
from training.fitting.localised import MapCells
from training.fitting.objective import Objective
from training.fitting.rounding import rounded
from training.fitting.start import begin_with, described_start, new_cnn
from training.fitting.stop_signals import stop_signals
from training.memory import keep_freed_memory
from training.metrics import auc, weighted_log_loss
from training.run_folder import append_row

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from numpy.typing import NDArray

    from ihd_core.networks.network import SliceCnn
    from training.config import CnnConfig, RunConfig
    from training.fitting.distributed import Processes
    from training.fitting.loader import SliceSource
    from training.run_folder import RunFolder

VALIDATION_SLICES = 20_000
"""At most so many are looked at after every epoch."""
SOME = 4
"""Purpose of chance: which slices are looked at after an epoch."""


def train_cnn(run: RunFolder, *, report: Report = silent) -> None:
    """Fit the slice network of every fold; a fold that is done is kept, one that was stopped goes on.

    Started by torchrun, all its processes fit each network together; see distributed.py.

    Args:
        run: with the steps split and slices.
        report: gets slices.

    Raises:
        Cancelled: stopped by report or a signal, at the next step; run again to go on.
        ConfigError: the numbers do not fit the data or this machine.
        FileError: a step before this one is missing, or the disk is full.
    """
    from training.data.pictures import open_pictures
    from training.data.split import ROLES, roles

    if run.is_done("cnn"):
        return
    pictures = open_pictures(run)
    with joined() as processes, stop_signals() as stop:
        if run.config.cnn.start and processes.is_first:
            run.note(described_start(run.config.cnn))
        for fold in run.folds():
            folder = run.begin("cnn", fold)
            role = roles(run, pictures.table, fold)
            fitted, judged = (np.flatnonzero(role == ROLES.index(name)) for name in ("train", "validation"))
            if processes.is_first:
                kind = autocast_type(run.config.cnn.precision, processes.device) or torch.float32
                run.note(
                    f"cnn: fold {fold}: {len(fitted):,} slices to fit, {len(judged):,} to judge by; {processes.device},"
                    f" {str(kind).removeprefix('torch.')}, processes: {processes.count}"
                )
            fold_report = _part(report, fold, len(run.folds()))
            fit_fold(
                folder, pictures, (fitted, judged), run.config, fold, processes=processes, report=fold_report, stop=stop
            )
        processes.wait()
        if processes.is_first:
            run.finish("cnn")


def load_cnn(run: RunFolder, fold: int) -> SliceCnn:
    """The network of a fold, on the CPU, in evaluation mode, without gradients.

    Raises:
        FileError: it has not been fitted.
    """
    return read_cnn(run.config.cnn, run.folder("cnn", fold))


def read_cnn(numbers: CnnConfig, folder: Path) -> SliceCnn:
    """What fit_fold() left in a folder: on the CPU, in evaluation mode, without gradients.

    Raises:
        FileError: it cannot be read.
    """
    cnn = new_cnn(numbers)
    path = folder / "weights.pt"
    with file_errors(path, "cannot be read"):
        cnn.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return cnn.eval().requires_grad_(False)


def fit_fold(
    folder: Path,
    source: SliceSource,
    rows: tuple[NDArray[np.intp], NDArray[np.intp]],
    config: RunConfig,
    fold: int,
    *,
    processes: Processes,
    report: Report = silent,
    stop: threading.Event,
) -> None:
    """Fit one network and write weights.pt, metrics.csv and curves.png; checkpoint.pt is there until then.

    Args:
        folder: of the fold.
        source: of the pictures.
        rows: to fit, and to judge by after every epoch.
        config: seed, cnn and localised are read.
        fold: number of it.
        processes: that fit together.
        report: gets slices.
        stop: set by somebody who wants it to stop.
    """
    weights = folder / "weights.pt"
    fitted = rows[0][source.table.has_labels()[rows[0]]]
    judged = _some(rows[1][source.table.is_labelled()[rows[1]]], config.seed, fold)
    if weights.exists():
        return
    if not len(fitted):
        raise FileError(f"{folder}: no slice of which a label is known is to be fitted; see the stages index and split")
    numbers = config.cnn
    fit = new_fit(config, source, fitted, fold, processes=processes, checkpoint=folder / "checkpoint.pt")
    cnn, loader = fit.objective.cnn, fit.loader
    total = len(numbers.rates) * fit.steps * numbers.batch

    def judge_now() -> dict[str, float]:
        with fit.averaged():
            return judge(cnn, loader, judged, numbers.precision, processes)

    fit.run(
        judge_now,
        lambda rows: _write_metrics(folder, rows),
        lambda done: report(done * numbers.batch, total),
        stop,
    )
    if processes.is_first:
        with fit.mean.in_place():
            found = rounded(cnn) if numbers.half else cnn.state_dict()
            save_whole(weights, {name: value.cpu() for name, value in found.items()})
        (folder / "checkpoint.pt").unlink(missing_ok=True)
        report(total, total)
    processes.wait()


def new_fit(
    config: RunConfig,
    source: SliceSource,
    rows: NDArray[np.intp],
    fold: int,
    *,
    processes: Processes,
    checkpoint: Path,
    threads: int = 0,
) -> CnnFit:
    """A fit that is about to begin, or to go on from its checkpoint.

    Args:
        config: seed, cnn and localised are read.
        source: of the pictures.
        rows: to fit.
        fold: number of it.
        processes: that fit together.
        checkpoint: may be there.
        threads: that make batches; 0: as default_threads() says.
    """
    numbers, rules, device = config.cnn, config.localised, processes.device
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
    else:
        keep_freed_memory()
    cnn = begin_with(config, fold)
    to_map = None
    if rules.mask_head or rules.outside or rules.missed:
        to_map = MapCells.of(cell_geometry(cnn.eval(), source.side), source.side)
    objective = Objective(cnn, numbers, rules)
    objective.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    threads = threads or default_threads(processes.local_count, device)
    loader = Loader(source, numbers, to_map, threads, device.type == "cuda")
    return CnnFit(objective, loader, rows, key=(config.seed, fold), processes=processes, checkpoint=checkpoint)


def judge(
    cnn: SliceCnn, loader: Loader, rows: NDArray[np.intp], precision: str, processes: Processes
) -> dict[str, float]:
    """The challenge's loss on some slices, and the area under the ROC curve for any; nothing without slices."""
    if not len(rows):
        return {}
    found = logits_of(cnn, loader, rows, precision, processes)
    truth, column = loader.source.table.truth[rows] == 1, Label.ANY.column
    return {
        "validation_loss": weighted_log_loss(truth, found),
        "validation_auc_any": auc(truth[:, column], found[:, column]),
    }


def logits_of(
    cnn: SliceCnn, loader: Loader, rows: NDArray[np.intp], precision: str, processes: Processes
) -> NDArray[np.float32]:
    """What a network says of some slices, unchanged: (rows, labels); all processes must call.

    Args:
        cnn: on the processes' device; it is left in evaluation mode.
        loader: of the slices.
        rows: of the loader's table, at least one.
        precision: as CnnConfig.precision.
        processes: that share the work.
    """
    device, kind = processes.device, autocast_type(precision, processes.device)
    cnn.eval()
    plain = replace(loader, numbers=replace(loader.numbers, augmentation="none"), to_map=None)
    batch = loader.numbers.batch
    steps = -(-len(rows) // batch)
    padded = np.resize(rows, (steps, batch))
    share = processes.share(batch)
    logits = torch.zeros(steps, batch, len(LABELS), device=device)
    with torch.inference_mode(), torch.autocast(device.type, kind or torch.bfloat16, enabled=kind is not None):
        for step, one in enumerate(plain.batches(padded, (), share=share)):
            pictures = windowed(one.pictures.to(device, non_blocking=True)).to(memory_format=torch.channels_last)
            logits[step, share] = cnn(pictures).logits.float()
    found: NDArray[np.float32] = processes.total(logits).flatten(0, 1)[: len(rows)].cpu().numpy()
    return found


def _write_metrics(folder: Path, rows: list[dict[str, float]]) -> None:
    """The table of all epochs so far: rewritten, because a sitting that was killed may have left a row of its own."""
    path = folder / "metrics.csv"
    with file_errors(path):
        path.unlink(missing_ok=True)
    for row in rows:
        append_row(path, row)
    draw_curves(path, folder / "curves.png")


def _some(rows: NDArray[np.intp], seed: int, fold: int) -> NDArray[np.intp]:
    """The slices that are looked at after every epoch."""
    if len(rows) <= VALIDATION_SLICES:
        return rows
    rng = np.random.default_rng([SOME, seed, fold])
    return np.sort(rng.choice(rows, VALIDATION_SLICES, replace=False))


def _part(report: Report, fold: int, folds: int) -> Report:
    """Progress within one fold as progress of all."""

    def within(done: int, total: int) -> None:
        report(fold * total + done, folds * total)

    return within
