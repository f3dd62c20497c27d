"""Lesions as a second teacher: evidence belongs on them, and each should bring some."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch.nn import functional

from ihd_core.labels import LABELS
from training.data.masks import CELL

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from ihd_core.model_input import Cells


@dataclass(frozen=True, slots=True, eq=False)
class MapCells:
    """Which stored cells each cell of a network's map looks at: those nearest to its centre.

    Attributes:
        chosen: intp (map cells along a side, n): numbers of stored cells; where fewer than n are nearest to it, one of
            them is repeated.
    """

    chosen: NDArray[np.intp]

    @classmethod
    def of(cls, look: Cells, side: int) -> MapCells:
        """For a network whose cells look there, on pictures of this side."""
        middles = CELL * np.arange(side // CELL) + (CELL - 1) / 2
        size = round(side / look.stride)
        nearest = np.clip(np.rint((middles - look.offset) / look.stride), 0, size - 1).astype(np.intp)
        groups = [np.flatnonzero(nearest == cell) for cell in range(size)]
        for cell, group in enumerate(groups):
            if not len(group):
                groups[cell] = np.array([np.argmin(np.abs(middles - look.offset - look.stride * cell))])
        longest = max(map(len, groups))
        return cls(np.stack([np.resize(group, longest) for group in groups]).astype(np.intp))

    def __call__(self, cells: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The largest share among the stored cells of every map cell: (..., rows, columns) to the map's."""
        rows = cells[..., self.chosen, :].max(axis=-2)
        largest: NDArray[np.uint8] = rows[..., self.chosen].max(axis=-1)
        return largest


def with_any(cells: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cells of the subtypes (subtypes, rows, columns) joined by those of any, in the order of LABELS."""
    return np.concatenate([cells, cells.max(axis=0, keepdims=True)])


def lesions(cells: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number the lesions of every label on one slice: its connected cells, corners included.

    Args:
        cells: (subtypes, rows, columns), above 0 where there is hemorrhage.

    Returns:
        (labels, rows, columns): 0 where there is none, else 1, 2, ... anew for every label.
    """
    numbers = np.zeros((len(LABELS), *cells.shape[1:]), np.int64)
    for label, marked in enumerate(with_any(cells) > 0):
        if marked.any():
            numbers[label] = cv2.connectedComponents(marked.view(np.uint8), connectivity=8)[1]
    return numbers


def evidence(weight: Tensor, activations: Tensor) -> Tensor:
    """The closed-form maps of all labels, in units of the logit; their sum and the bias are the logits.

    Args:
        weight: (labels, K), of the linear head.
        activations: (n, K, rows, columns).

    Returns:
        (n, labels, rows, columns).
    """
    return torch.einsum("lk,nkrc->nlrc", weight, activations) / (activations.shape[2] * activations.shape[3])


def evidence_outside(maps: Tensor, numbers: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Positive evidence more than one cell away from the lesions of its label, averaged over slices and labels.

    A label that is true where no lesion of it is marked takes no part: nobody knows where it is. Nor does one of which
    nobody knows whether it is there.

    Args:
        maps: (n, labels, rows, columns), from evidence().
        numbers: the same shape, from lesions().
        truth: (n, labels), 0 or 1; below 0 where it is not known.
        known: (n,) bool: whether the slice's lesions are known.

    Returns:
        Units of the logit.
    """
    near = functional.max_pool2d((numbers > 0).to(maps.dtype), 3, stride=1, padding=1)
    beside = (maps.clamp(min=0) * (1 - near)).sum((2, 3))
    judged = known[:, None] & (truth >= 0) & ~((truth > 0) & ~(numbers > 0).any(3).any(2))
    return (beside * judged).mean()


def evidence_missed(maps: Tensor, numbers: Tensor, truth: Tensor, known: Tensor, margin: float) -> Tensor:
    """By how much the evidence on each lesion falls short of a margin, averaged over slices and labels.

    What the lesions of one label on one slice lack is summed; only lesions of labels that are true there count.

    Args:
        maps: (n, labels, rows, columns).
        numbers: (n, labels, rows, columns).
        truth: (n, labels).
        known: (n,).
        margin: what a lesion should bring, units of the logit.
    """
    count = int(numbers.max())
    if count == 0:
        return maps.sum() * 0
    slices, labels = maps.shape[:2]
    each = maps.new_zeros(slices, labels, count + 1).scatter_add(2, numbers.flatten(2), maps.flatten(2))
    is_there = torch.arange(1, count + 1, device=maps.device) <= numbers.amax((2, 3))[..., None]
    judged = is_there & (truth > 0)[..., None] & known[:, None, None]
    return (functional.relu(margin - each[..., 1:]) * judged).sum() / (slices * labels)
