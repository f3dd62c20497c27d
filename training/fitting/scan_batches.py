"""Scans of any length as batches for the BiLSTM, read from the embeddings when they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from ihd_core.networks.network import Reduction
    from training.data.slice_table import SliceTable
    from training.fitting.features import Embeddings

_POOL = 64
"""Batches whose scans are sorted by length together."""
_SLICES_AT_ONCE = 4096


class ScanBatch(NamedTuple):
    """A few scans, the shorter ones filled up with zeros at the end.

    Attributes:
        features: float32 (scans, slices, k), reduced.
        probabilities: float32 (scans, slices, labels), of the CNN.
        truth: float32 (scans, slices, labels); means something where the slice is labelled.
        lengths: int64 (scans,), on the CPU.
        rows: intp (scans, slices) of the table; -1 beyond a scan's end.
    """

    features: Tensor
    probabilities: Tensor
    truth: Tensor
    lengths: Tensor
    rows: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class ScanReader:
    """The scans of a table as the BiLSTM reads them. Only what is asked for is read from the disk.

    Attributes:
        embeddings: of the rows of the table.
        reduction: to the features that the BiLSTM reads.
        truth: int8 (rows, labels).
        starts: intp (scans,), first row of every scan.
        lengths: intp (scans,), rows of every scan.
    """

    embeddings: Embeddings
    reduction: Reduction
    truth: NDArray[np.int8]
    starts: NDArray[np.intp]
    lengths: NDArray[np.intp]

    @classmethod
    def of(cls, table: SliceTable, embeddings: Embeddings, reduction: Reduction) -> ScanReader:
        """All scans of a table."""
        starts = table.scan_starts()
        return cls(embeddings, reduction, table.truth, starts, np.diff(starts, append=len(table)))

    def __len__(self) -> int:
        return len(self.starts)

    def scans_with(self, rows: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Numbers of the scans that have any of these rows, bool (rows,)."""
        return np.flatnonzero(np.logical_or.reduceat(rows, self.starts)) if len(self) else np.zeros(0, np.intp)

    def batch(self, scans: NDArray[np.intp], device: torch.device) -> ScanBatch:
        """Some scans, whole, in the order asked for."""
        spans = [
            slice(start, start + count) for start, count in zip(self.starts[scans], self.lengths[scans], strict=True)
        ]
        lengths = torch.from_numpy(self.lengths[scans].astype(np.int64))
        pooled = torch.from_numpy(np.concatenate([self.embeddings.pooled[span] for span in spans]))
        of_features = self.reduction(pooled).split(lengths.tolist())
        of_cnn = [torch.sigmoid(torch.from_numpy(self.embeddings.logits[span])) for span in spans]
        of_truth = [torch.from_numpy(self.truth[span].astype(np.float32)) for span in spans]
        place = np.arange(int(lengths.max()))
        rows = np.where(place < self.lengths[scans, None], self.starts[scans, None] + place, -1)
        features, probabilities, truth = (
            pad_sequence(list(part), batch_first=True).to(device) for part in (of_features, of_cnn, of_truth)
        )
        return ScanBatch(features, probabilities, truth, lengths, rows)


def epoch_batches(
    scans: NDArray[np.intp], lengths: NDArray[np.intp], size: int, rng: np.random.Generator
) -> list[NDArray[np.intp]]:
    """Every scan once, in batches of similar length and random order.

    Scans are drawn in a random order, sorted by length within pools of 64 batches, cut into batches, and the batches
    put in a random order again. So little is filled up, and which scans meet changes from epoch to epoch.

    Args:
        scans: numbers of the scans to be seen.
        lengths: slices of every scan there is, by its number.
        size: scans of a batch; the last may have less.
        rng: where the chance comes from.
    """
    order = rng.permutation(scans)
    pools = [order[start : start + size * _POOL] for start in range(0, len(order), size * _POOL)]
    if size > 1:
        pools = [pool[np.argsort(lengths[pool], kind="stable")] for pool in pools]
    batches = [pool[start : start + size] for pool in pools for start in range(0, len(pool), size)]
    return [batches[place] for place in rng.permutation(len(batches))]


def steady_batches(scans: NDArray[np.intp], lengths: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Every scan once, long ones first, as many together as keep the slices of a batch within bounds."""
    order = scans[np.argsort(-lengths[scans], kind="stable")]
    while len(order):
        count = max(1, _SLICES_AT_ONCE // int(lengths[order[0]]))
        yield order[:count]
        order = order[count:]
