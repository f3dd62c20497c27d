"""Batches of changed slices, made by threads that keep ahead of the network."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import cv2
import numpy as np
import torch

from ihd_core.labels import LABELS, SUBTYPES, Label
from ihd_core.model_input import CHANNELS
from training.fitting.augment import change_cells, change_channels, change_hu, drawn
from training.fitting.localised import lesions

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray
    from torch import Tensor

    from training.config import CnnConfig
    from training.data.slice_table import SliceTable
    from training.fitting.localised import MapCells

ORDER, CHANGES = 1, 2
"""Purposes of chance: which slices an epoch shows, and how each is changed."""


class SliceSource(Protocol):
    """Pictures to draw from; see pictures.Pictures."""

    @property
    def table(self) -> SliceTable:
        """One row a picture."""

    @property
    def side(self) -> int:
        """Rows and columns of a picture."""

    def hu(self, row: int) -> NDArray[np.int16]:
        """A picture, (side, side)."""

    def cells(self, row: int) -> NDArray[np.uint8] | None:
        """Its lesions, (subtypes, cells, cells), 255 = a whole cell; None: not known."""

    def neighbour_rows(self, count: int) -> NDArray[np.intp]:
        """Rows that every picture is shown with, (pictures, 2 * count + 1), its own first."""


class Batch(NamedTuple):
    """What the network is shown, and what it should say of it.

    Attributes:
        pictures: int16 (n, slices, side, side) in HU, to be windowed by windowed(); or float32 channels (n, 3 * slices,
            side, side) where they were changed after normalisation.
        truth: float32 (n, labels), 1, 0 or UNKNOWN.
        lesions: int64 (n, labels, map rows, map columns), as localised.lesions(); all 0 without a map.
        cells: uint8 (n, subtypes, map rows, map columns), 255 = all of a cell is hemorrhage.
        known: bool (n,): whether lesions and cells are.
    """

    pictures: Tensor
    truth: Tensor
    lesions: Tensor
    cells: Tensor
    known: Tensor

    def to(self, device: torch.device) -> Batch:
        """On a device; from pinned memory without waiting for the copy."""
        return Batch(*(one.to(device, non_blocking=True) for one in self))


def windowed(pictures: Tensor) -> Tensor:
    """Channels that the network takes: model_input.channels() of every slice, one after the other.

    Windows are taken where the network is: a slice travels there as int16, a sixth of the bytes of its channels.

    Args:
        pictures: as in Batch.

    Returns:
        float32 (n, 3 * slices, side, side), 0..1.
    """
    if pictures.is_floating_point():
        return pictures
    low = torch.tensor([one.center - one.width / 2 for one in CHANNELS], device=pictures.device)
    width = torch.tensor([one.width for one in CHANNELS], device=pictures.device)
    views = pictures[:, :, None].to(torch.float32) - low[:, None, None]
    return views.div_(width[:, None, None]).clamp_(0, 1).flatten(1, 2)


def epoch_rows(rows: NDArray[np.intp], table: SliceTable, numbers: CnnConfig, key: Sequence[int]) -> NDArray[np.intp]:
    """Which slices the steps of an epoch show.

    Every slice once in a random order, the last step filled up from the beginning of it; or as many as asked for, drawn
    with replacement, those with hemorrhage more often, and those with a rare subtype most often.

    Args:
        rows: of the table, that are fitted.
        table: its truth says which have hemorrhage.
        numbers: batch, slices_per_epoch, positive_weight and rare_weight are read.
        key: of the chance: seed, fold, epoch.

    Returns:
        (steps, batch).
    """
    rng = np.random.default_rng([ORDER, *key])
    if numbers.slices_per_epoch:
        bleeds = table.truth[rows] == 1
        subtypes = bleeds[:, [one.column for one in SUBTYPES]]
        counts = subtypes.sum(axis=0)
        rarity = (counts.max(initial=1) / np.maximum(counts, 1)) ** numbers.rare_weight
        chance = np.where(bleeds[:, Label.ANY.column], numbers.positive_weight, 1.0)
        chance *= np.where(subtypes, rarity, 1.0).max(axis=1)
        order = rng.choice(rows, numbers.slices_per_epoch, p=chance / chance.sum())
    else:
        order = rng.permutation(rows)
    steps = -(-len(order) // numbers.batch)
    return np.resize(order, (steps, numbers.batch))


@dataclass(frozen=True, slots=True)
class Loader:
    """Makes batches in the background.

    Threads are enough: OpenCV and NumPy let others work while they do, and what Python does for a slice is short. What
    is drawn for a slice depends on its place in the epoch alone, neither on threads nor on processes.

    Attributes:
        source: of the pictures.
        numbers: neighbours and what is said of augmentation are read.
        to_map: from stored cells to the network's map; None: lesions are not asked for.
        threads: that make batches, each a whole one.
        is_pinned: batches lie in memory that a GPU can copy from while it computes.
    """

    source: SliceSource
    numbers: CnnConfig
    to_map: MapCells | None = None
    threads: int = 2
    is_pinned: bool = False

    def batches(
        self, rows: NDArray[np.intp], key: Sequence[int], *, share: slice = slice(None), first: int = 0
    ) -> Generator[Batch]:
        """The batches of an epoch, in order.

        Args:
            rows: (steps, batch), from epoch_rows().
            key: of the chance: seed, fold, epoch.
            share: of every batch, which this process makes.
            first: step to begin with.
        """
        neighbours = self.source.neighbour_rows(self.numbers.neighbours)
        waiting: deque[Future[Batch]] = deque()
        # OpenCV's own threads would fight with these.
        before = cv2.getNumThreads()
        cv2.setNumThreads(1)
        pool = ThreadPoolExecutor(self.threads, "loader")
        try:
            for step in range(first, len(rows)):
                waiting.append(pool.submit(self._batch, rows, neighbours, key, step, share))
                if len(waiting) > 2 * self.threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
            cv2.setNumThreads(before)

    def _batch(
        self, rows: NDArray[np.intp], neighbours: NDArray[np.intp], key: Sequence[int], step: int, share: slice
    ) -> Batch:
        places = range(step * rows.shape[1], (step + 1) * rows.shape[1])[share]
        chosen = rows[step, share]
        batch = self._empty(len(chosen), neighbours.shape[1])
        batch.truth.numpy()[:] = self.source.table.truth[chosen]
        for out, (place, row) in enumerate(zip(places, chosen, strict=True)):
            rng = np.random.default_rng([CHANGES, *key, place])
            change = drawn(rng, self.numbers)
            slices = [self.source.hu(int(one)) for one in neighbours[row]]
            picture = batch.pictures[out].numpy()
            if self.numbers.augmentation == "after":
                mean, deviation = self.numbers.mean, self.numbers.deviation
                change_channels(slices, change, picture, mean=mean, deviation=deviation)
            elif self.numbers.augmentation == "before":
                change_hu(slices, change, rng, picture)
            else:
                np.stack(slices, out=picture)
            cells = self.source.cells(int(row)) if self.to_map else None
            if self.to_map is not None and cells is not None:
                batch.known[out] = True
                if cells.any():
                    moved = self.to_map(change_cells(cells, change))
                    batch.cells[out].numpy()[:] = moved
                    batch.lesions[out].numpy()[:] = lesions(moved)
        return batch

    def _empty(self, count: int, slices: int) -> Batch:
        side = self.source.side
        size = len(self.to_map.chosen) if self.to_map is not None else 0
        options: dict[str, Any] = {"pin_memory": self.is_pinned}
        if self.numbers.augmentation == "after":
            pictures = torch.empty(count, len(CHANNELS) * slices, side, side, **options)
        else:
            pictures = torch.empty(count, slices, side, side, dtype=torch.int16, **options)
        return Batch(
            pictures,
            torch.empty(count, len(LABELS), **options),
            torch.zeros(count, len(LABELS), size, size, dtype=torch.int64, **options),
            torch.zeros(count, len(SUBTYPES), size, size, dtype=torch.uint8, **options),
            torch.zeros(count, dtype=torch.bool, **options),
        )


def default_threads(processes: int, device: torch.device) -> int:
    """How many threads make batches in each of the processes of this machine.

    Beside a GPU all cores are theirs; on a CPU two are enough, because the network needs the cores more.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(16, cores // processes)) if device.type == "cuda" else 2
