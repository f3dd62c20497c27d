"""What the slice network is fitted to: six labels, and the cells with hemorrhage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from ihd_core.labels import LABELS, Label

if TYPE_CHECKING:
    from torch import Tensor

CELL_WEIGHT = 15.0
"""How much more a cell full of hemorrhage weighs than an empty one: few are."""


def label_loss(logits: Tensor, truth: Tensor, any_weight: float) -> Tensor:
    """Cross-entropy of the six labels, a weighted mean over slices and labels.

    With 1 all labels are alike; with 2 it is the challenge's metric, (2 any + the sum of the five) / 7. A label that is
    not known counts as one and adds nothing, so that parts of a batch may be averaged.

    Args:
        logits: (n, labels).
        truth: (n, labels), 0 or 1; below 0 where it is not known.
        any_weight: of the label any; the others weigh 1.

    Source:
        Burduja et al., Sensors 2020, 20(19):5611, equation 1, as a mean.
    """
    weight = torch.ones(len(LABELS), device=logits.device)
    weight[Label.ANY.column] = any_weight
    each = functional.binary_cross_entropy_with_logits(logits, truth.clamp(min=0), reduction="none") * (truth >= 0)
    return (each * weight).sum(1).mean() / weight.sum()


def mask_loss(marked: Tensor, cells: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy of the cells with hemorrhage, averaged over slices, subtypes and cells.

    Cells with hemorrhage weigh more, by their share of it up to a quarter; slices whose lesions are unknown, and
    labels that are, count as such and add nothing, so that parts of a batch may be averaged.

    Args:
        marked: (n, subtypes, rows, columns), logits.
        cells: the same shape, share of a cell that is hemorrhage, 0..1.
        truth: (n, labels), of the slice; below 0 where it is not known, as of blood too faint to be seen.
        known: (n,) bool.
    """
    target = (cells * 4).clamp(0, 1)
    each = functional.binary_cross_entropy_with_logits(marked, target, reduction="none")
    weighted = (each * (1 + CELL_WEIGHT * target)).mean((2, 3)) * (truth[:, : marked.shape[1]] >= 0)
    return weighted.mean(1).mul(known).mean()
