"""What a fit of the slice network makes small: the loss of the labels, of the marked cells and of the maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from ihd_core.labels import SUBTYPES
from training.fitting.loader import windowed
from training.fitting.localised import evidence, evidence_missed, evidence_outside
from training.fitting.losses import label_loss, mask_loss

if TYPE_CHECKING:
    from torch import Tensor

    from ihd_core.networks.network import SliceCnn
    from training.config import CnnConfig, LocalisedConfig
    from training.fitting.loader import Batch

PARTS = ("label_loss", "mask_loss", "outside_loss", "missed_loss")


class Objective(nn.Module):
    """The slice network, a head that marks cells, and their losses, as one module.

    The head of marks shapes the features during fitting; it is not part of the model.

    Args:
        cnn: the network.
        numbers: any_weight is read.
        localised: what lesions teach.
    """

    def __init__(self, cnn: SliceCnn, numbers: CnnConfig, localised: LocalisedConfig) -> None:
        super().__init__()
        self.cnn, self.numbers, self.localised = cnn, numbers, localised
        self.mask_head: nn.Conv2d | None = None
        if localised.mask_head:
            self.mask_head = nn.Conv2d(cnn.head.in_features, len(SUBTYPES), 1)
            nn.init.constant_(self.mask_head.bias, -4.0)  # type: ignore[arg-type]  # most cells are empty

    def forward(self, batch: Batch, precision: torch.dtype | None, epoch: int) -> tuple[Tensor, Tensor]:
        """The loss of a batch, and its parts before their weights, (PARTS,)."""
        pictures = windowed(batch.pictures).to(memory_format=torch.channels_last)
        with torch.autocast(pictures.device.type, precision or torch.bfloat16, enabled=precision is not None):
            output = self.cnn(pictures)
            marked = None if self.mask_head is None else self.mask_head(output.activations)
        logits, activations = (one if precision is None else one.float() for one in (output.logits, output.activations))
        zero = logits.new_zeros(())
        label = label_loss(logits, batch.truth, self.numbers.any_weight)
        mask, outside, missed = zero, zero, zero
        if marked is not None:
            cells = batch.cells.float() / 255
            mask = mask_loss(marked if precision is None else marked.float(), cells, batch.truth, batch.known)
        rules = self.localised
        if epoch >= rules.from_epoch and (rules.outside or rules.missed):
            maps = evidence(self.cnn.head.weight, activations)
            where = (maps, batch.lesions, batch.truth, batch.known)
            outside = evidence_outside(*where) if rules.outside else zero
            missed = evidence_missed(*where, rules.margin) if rules.missed else zero
        total = label + rules.mask_head * mask + rules.outside * outside + rules.missed * missed
        return total, torch.stack([label, mask, outside, missed]).detach()
