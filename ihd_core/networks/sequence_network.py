"""From the slice network's features to a scan: the reduction, and the BiLSTM along the slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ihd_core.labels import LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence

Probabilities = Literal["none", "input", "classifier", "both"]
"""Where the CNN's six probabilities of a slice reach the sequence network."""


class Reduction(nn.Module):
    """Pooled features to the few that the sequence network reads: (pooled - mean) @ components.T.

    Args:
        mean: (K,).
        components: (k, K): principal directions, or rows of the unit matrix for a selection; k may be 0.
    """

    mean: Tensor
    components: Tensor

    def __init__(self, mean: Tensor, components: Tensor) -> None:
        super().__init__()
        if components.ndim != 2 or mean.shape != components.shape[1:]:
            raise ValueError(
                f"mean is {tuple(mean.shape)} and components {tuple(components.shape)}, need (K,) and (k, K)"
            )
        self.register_buffer("mean", mean.to(torch.float32))
        self.register_buffer("components", components.to(torch.float32))

    @classmethod
    def selection(cls, chosen: Sequence[int], pooled_count: int) -> Reduction:
        """Keep the features with these indices as they are."""
        return cls(torch.zeros(pooled_count), torch.eye(pooled_count)[list(chosen)])

    def forward(self, pooled: Tensor) -> Tensor:
        """(..., K) to (..., k)."""
        return (pooled - self.mean) @ self.components.T


class SequenceNetwork(nn.Module):
    """A bidirectional LSTM over the slices of a scan.

    Args:
        features: reduced features of a slice, k; 0 where the LSTM reads the CNN's probabilities alone.
        hidden: units of one direction.
        layers: stacked LSTMs.
        dropout: between them, in training.
        classifier_dropout: of everything the classifier reads, in training.
        probabilities: where the CNN's six probabilities go: beside the features into the LSTM ("input"), beside the
            LSTM's output into the classifier, "both" or "none".
        deltas: the LSTM also reads how the features differ from those of the slice below and of the slice above.

    Raises:
        ValueError: the LSTM would have nothing to read, or probabilities is none of the four words.

    Source:
        Burduja et al., Sensors 2020, 20(19):5611, section 3.3; both directions reach the classifier.
    """

    def __init__(
        self,
        features: int = 120,
        hidden: int = 256,
        layers: int = 3,
        dropout: float = 0.3,
        *,
        classifier_dropout: float = 0.0,
        probabilities: Probabilities = "classifier",
        deltas: bool = False,
    ) -> None:
        super().__init__()
        if probabilities not in get_args(Probabilities):
            raise ValueError(f"probabilities is {probabilities!r}, must be one of {', '.join(get_args(Probabilities))}")
        self.deltas = deltas
        self.reads_probabilities = probabilities in ("input", "both")
        self.judges_probabilities = probabilities in ("classifier", "both")
        inputs = features * (3 if deltas else 1) + len(LABELS) * self.reads_probabilities
        if inputs == 0:
            raise ValueError("features is 0, so probabilities must be 'input' or 'both'")
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(inputs, hidden, layers, batch_first=True, dropout=between, bidirectional=True)
        self.dropout = nn.Dropout(classifier_dropout)
        self.classifier = nn.Linear(2 * hidden + len(LABELS) * self.judges_probabilities, len(LABELS))

    def forward(self, features: Tensor, cnn_probabilities: Tensor, lengths: Tensor) -> Tensor:
        """Logits of every slice of several scans.

        Args:
            features: (scans, slices, k), inferior slice first, short scans filled up at the end.
            cnn_probabilities: (scans, slices, labels).
            lengths: (scans,) integer, the true number of slices of each scan, at least 1.

        Returns:
            (scans, slices, labels); beyond a scan's length they mean nothing.
        """
        read = [features, *_differences(features, lengths)] if self.deltas else [features]
        if self.reads_probabilities:
            read.append(cnn_probabilities)
        inputs = torch.cat(read, dim=2)
        packed = pack_padded_sequence(inputs, lengths.cpu(), batch_first=True, enforce_sorted=False)
        hidden, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=features.shape[1])
        judged = torch.cat([hidden, cnn_probabilities], dim=2) if self.judges_probabilities else hidden
        logits: Tensor = self.classifier(self.dropout(judged))
        return logits

    def averaged(self, features: Tensor, cnn_probabilities: Tensor, lengths: Tensor) -> Tensor:
        """The mean of the logits of every scan read upwards and read downwards; arguments and shape as forward()."""
        upwards = self(features, cnn_probabilities, lengths)
        downwards = self(_reversed(features, lengths), _reversed(cnn_probabilities, lengths), lengths)
        mean: Tensor = (upwards + _reversed(downwards, lengths)) / 2
        return mean


def _differences(features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Features minus those of the slice below, and minus those of the slice above; 0 where a scan ends."""
    below = torch.cat([features[:, :1], features[:, :-1]], dim=1)
    above = torch.cat([features[:, 1:], features[:, -1:]], dim=1)
    place = torch.arange(features.shape[1], device=features.device)
    is_last = place == lengths.to(features.device)[:, None] - 1
    above = torch.where(is_last[:, :, None], features, above)
    return features - below, features - above


def _reversed(values: Tensor, lengths: Tensor) -> Tensor:
    """Every scan's slices in the other order, (scans, slices, ...); what fills it up stays at the end."""
    place = torch.arange(values.shape[1], device=values.device)
    last = lengths.to(values.device)[:, None] - 1
    order = torch.where(place <= last, last - place, place)
    return values.gather(1, order[:, :, None].expand_as(values))
