"""From what the CNNs say of every slab to the logits that count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ihd_core.labels import LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from ihd_core.model_info import ModelInfo
    from ihd_core.networks.sequence_network import SequenceNetwork


def final_logits(
    logits: Tensor, features: Tensor, info: ModelInfo, sequences: Sequence[SequenceNetwork | None]
) -> Tensor:
    """The members' mean, CNN and BiLSTM mixed label by label; gradients pass through where they are enabled.

    Args:
        logits: (scans, slabs, members, labels), of every member's CNN, on the CPU.
        features: (scans, slabs, members, k), reduced, on the CPU.
        info: of the model.
        sequences: each member's BiLSTM.

    Returns:
        (scans, slabs, labels), on the CPU; before the sigmoid they are the probabilities that the reader is shown.

    Raises:
        ValueError: a member has no BiLSTM, but the model's description has.
    """
    import torch

    cnn = mean_of(logits.unbind(2))
    if info.sequence is None:
        return cnn
    lengths = torch.full((len(logits),), logits.shape[1])
    revised = []
    for number, sequence in enumerate(sequences):
        if sequence is None:
            raise ValueError(f"member {number} has no BiLSTM, but the model's description has")
        device = sequence.classifier.weight.device
        own = torch.sigmoid(logits[:, :, number].contiguous())
        along = sequence.averaged if info.reversal else sequence
        revised.append(along(features[:, :, number].to(device), own.to(device), lengths).float().cpu())
    shares = torch.tensor([info.blend.get(label, 0.0) for label in LABELS])
    final = mean_of(revised)
    return shares * cnn + (1 - shares) * final if bool(shares.any()) else final


def mean_of(values: Sequence[Tensor]) -> Tensor:
    """The mean of tensors of one shape; of one tensor itself."""
    import torch

    return values[0] if len(values) == 1 else torch.stack(tuple(values)).mean(0)
