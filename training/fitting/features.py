"""Stage features, first half: what the slice network says of every slice, for every fold."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from ihd_core.errors import FileError
from ihd_core.files import file_errors
from ihd_core.progress import Report, silent
from training.data.pictures import open_pictures
from training.fitting.cnn import load_cnn
from training.fitting.loader import Loader, default_threads, windowed
from training.fitting.row_files import RowFiles
from training.memory import keep_freed_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from ihd_core.networks.network import SliceCnn
    from training.config import RunConfig
    from training.fitting.loader import SliceSource
    from training.run_folder import RunFolder

_BATCH = 32
"""Slices of one pass; fixed, because the last digits of a result depend on it."""


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """What the slice network says of n slices.

    Attributes:
        logits: float32 (n, labels), order of LABELS.
        pooled: float32 (n, K), the last map averaged over its cells; may be a read-only map of a file.
        peaks: float32 (n, labels), the largest evidence of any cell of a label's map, >= 0.
    """

    logits: NDArray[np.float32]
    pooled: NDArray[np.float32]
    peaks: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.logits)


def extract(run: RunFolder, *, report: Report = silent) -> None:
    """Run the CNN of every fold over every picture; goes on where an earlier sitting stopped.

    Written as embeddings/foldN/{logits,pooled,peaks}.npy, rows as in Pictures.table. In single precision with TF32
    off, whatever the CNN was fitted in, because that is how the program computes. With the transform "training" every
    slice is changed once at random, as in an epoch after the last.

    Args:
        run: with the stages cnn and prepare done.
        report: called with slices, over all folds together.

    Raises:
        FileError: a step before is missing, the disk is full, or a result is not a number.
        Cancelled: by report; what was computed is kept.
    """
    if run.is_done("embeddings"):
        return
    pictures = open_pictures(run)
    count, folds = len(pictures.table), len(run.folds())
    for fold in run.folds():
        folder, cnn = run.begin("embeddings", fold), load_cnn(run, fold)
        extract_fold(folder, cnn, pictures, run.config, fold, told=_counting(report, fold * count, folds * count))
    run.finish("embeddings")


def extract_fold(
    folder: Path, cnn: SliceCnn, pictures: SliceSource, config: RunConfig, fold: int, *, told: Callable[[int], None]
) -> None:
    """Run one CNN over every picture, as extract() does.

    Args:
        folder: to write into, or to go on in.
        cnn: in evaluation mode.
        pictures: to be read.
        config: seed, cnn and features are read.
        fold: of the chance.
        told: called with the rows that are done.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        keep_freed_memory()  # with the order of channels below three times as many slices a second
    cnn = cnn.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    columns = {"logits": cnn.head.out_features, "pooled": cnn.head.in_features, "peaks": cnn.head.out_features}
    with RowFiles(folder, len(pictures.table), columns, align=_BATCH) as rows:
        told(rows.done)
        with closing(_embedded(cnn, pictures, config, fold, first=rows.done)) as batches:
            for found in batches:
                rows.append(logits=found.logits, pooled=found.pooled, peaks=found.peaks)
                told(rows.done)


def load_embeddings(run: RunFolder, fold: int) -> Embeddings:
    """What extract() left; the pooled features stay on disk and are read where they are asked for.

    Raises:
        FileError: the stage has not been run.
    """
    folder = run.folder("embeddings", fold)
    with file_errors(folder, "cannot be read"):
        logits, peaks = np.load(folder / "logits.npy"), np.load(folder / "peaks.npy")
        return Embeddings(logits, np.load(folder / "pooled.npy", mmap_mode="r"), peaks)


@torch.inference_mode()
def embed(cnn: SliceCnn, x: Tensor, *, flip: bool = False) -> Embeddings:
    """One pass over a few slices, as the program does it.

    Args:
        cnn: in evaluation mode.
        x: (n, 3 * slices, side, side), 0..1, as SliceCnn reads it, on its device.
        flip: also over their mirror images; logits, pooled features and the maps flipped back are averaged.
    """
    logits, pooled, activations = cnn(x)
    if flip:
        mirrored = cnn(x.flip(3))
        logits, pooled = (logits + mirrored.logits) / 2, (pooled + mirrored.pooled) / 2
        activations = (activations + mirrored.activations.flip(3)) / 2
    cells = activations.shape[2] * activations.shape[3]
    evidence = torch.einsum("lk,nkrc->nlrc", cnn.head.weight, activations) / cells
    peaks = evidence.amax(dim=(2, 3)).clamp(min=0)
    return Embeddings(*(part.float().cpu().numpy() for part in (logits, pooled, peaks)))


def _embedded(
    cnn: SliceCnn, pictures: SliceSource, config: RunConfig, fold: int, *, first: int
) -> Generator[Embeddings, None, None]:
    """Batches of the table's rows in order, from a row on that is a multiple of _BATCH."""
    numbers, count = config.cnn, len(pictures.table)
    if config.features.transform == "deterministic":
        numbers = replace(numbers, augmentation="none")
    device = cnn.mean.device
    loader = Loader(pictures, numbers, threads=default_threads(1, device), is_pinned=device.type == "cuda")
    # Whole batches are asked for; what fills up the last one is cut off again.
    rows = np.resize(np.arange(count), (-(-count // _BATCH), _BATCH))
    key = (config.seed, fold, len(numbers.rates))
    for step, batch in enumerate(loader.batches(rows, key, first=first // _BATCH), first // _BATCH):
        there = range(count)[step * _BATCH : (step + 1) * _BATCH]
        x = windowed(batch.pictures[: len(there)].to(device, non_blocking=True))
        x = x.contiguous(memory_format=torch.channels_last)
        with exact_float32():
            found = embed(cnn, x, flip=config.features.flip)
        wrong = ~(np.isfinite(found.pooled).all(1) & np.isfinite(found.logits).all(1))
        if wrong.any():
            name = pictures.table.files[there[int(wrong.argmax())]]
            raise FileError(f"{name}: the CNN's features are not numbers; its fitting has failed")
        yield found


def exact_float32() -> AbstractContextManager[None]:
    """No TF32 on a GPU: its ten bits of mantissa would miss the program's numbers by more than 1e-5."""
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return flags


def _counting(report: Report, before: int, total: int) -> Callable[[int], None]:
    """Tells report of one fold's rows among those of all."""
    return lambda done: report(before + done, total)
