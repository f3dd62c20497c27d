"""Stage sequence: fit the BiLSTM on the features of whole scans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ihd_core.labels import LABELS, Label
from ihd_core.network import Reduction, SequenceNetwork
from ihd_core.progress import Report, silent
from training.evaluate import auc
from training.features import load_features, principal_components
from training.rounding import rounded

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from training.config import RunConfig
    from training.features import SliceFeatures
    from training.run_folder import RunFolder


def train_sequence(run: RunFolder, config: RunConfig, *, report: Report = silent) -> None:
    """Fit reduction and BiLSTM; leave the weights with the best validation loss in the run."""
    torch.manual_seed(config.seed)
    numbers = config.sequence
    reduction = principal_components(load_features(run, "train").pooled, numbers.features, seed=config.seed)
    reduction.load_state_dict(rounded(reduction))
    torch.save(reduction.state_dict(), run.path / "reduction.pt")
    network = SequenceNetwork(numbers.features, numbers.hidden, numbers.layers, numbers.dropout)
    optimizer = torch.optim.Adam(network.parameters(), numbers.learning_rate)
    scans = [_scan(load_features(run, "sequence"), reduction, i) for i in load_features(run, "sequence").scans()]
    validation = load_features(run, "validation")
    rng, best = np.random.default_rng(config.seed), np.inf
    for epoch in range(numbers.epochs):
        report(epoch, numbers.epochs)
        network.train()
        order = rng.permutation(len(scans))
        for start in range(0, len(order), numbers.batch):
            optimizer.zero_grad(set_to_none=True)
            _batch_loss(network, [scans[i] for i in order[start : start + numbers.batch]]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        logits = sequence_logits(network, reduction, validation)
        loss = float(_loss(torch.from_numpy(logits), torch.from_numpy(validation.truth).float()).mean())
        area = auc(validation.truth[:, Label.ANY.column], logits[:, Label.ANY.column])
        run.append_metrics("sequence", epoch=epoch, validation_loss=loss, any_slice_auc=area)
        if loss < best:
            best = loss
            torch.save(rounded(network), run.path / "sequence.pt")
    report(numbers.epochs, numbers.epochs)


def load_sequence(run: RunFolder, config: RunConfig) -> tuple[Reduction, SequenceNetwork]:
    """What train_sequence left in the run, the network in evaluation mode."""
    numbers = config.sequence
    network = SequenceNetwork(numbers.features, numbers.hidden, numbers.layers, numbers.dropout)
    network.load_state_dict(torch.load(run.path / "sequence.pt", weights_only=True))
    saved = torch.load(run.path / "reduction.pt", weights_only=True)
    return Reduction(saved["mean"], saved["components"]), network.eval().requires_grad_(False)


@torch.inference_mode()
def sequence_logits(network: SequenceNetwork, reduction: Reduction, found: SliceFeatures) -> NDArray[np.float32]:
    """Logits of the BiLSTM for every slice of a split, (slices, labels), in the order of found."""
    network.eval()
    logits = np.empty_like(found.logits)
    for indices in found.scans():
        features, probabilities, _ = _scan(found, reduction, indices)
        logits[indices] = network(features[None], probabilities[None], torch.tensor([len(indices)]))[0].numpy()
    return logits


def _scan(found: SliceFeatures, reduction: Reduction, indices: NDArray[np.intp]) -> tuple[Tensor, Tensor, Tensor]:
    """Features (slices, k), CNN probabilities (slices, labels) and truth (slices, labels) of one scan."""
    features = reduction(torch.from_numpy(found.pooled[indices]))
    probabilities = torch.sigmoid(torch.from_numpy(found.logits[indices]))
    return features, probabilities, torch.from_numpy(found.truth[indices]).float()


def _batch_loss(network: SequenceNetwork, scans: list[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """Mean loss over the slices of a few scans of different lengths."""
    lengths = torch.tensor([len(scan[0]) for scan in scans])
    features, probabilities, truth = (
        nn.utils.rnn.pad_sequence(list(part), batch_first=True) for part in zip(*scans, strict=True)
    )
    logits = network(features, probabilities, lengths)
    there = torch.arange(logits.shape[1])[None] < lengths[:, None]
    return _loss(logits[there], truth[there]).mean()


def _loss(logits: Tensor, truth: Tensor) -> Tensor:
    """The challenge's metric for every slice, (slices,): any counts twice."""
    weight = torch.ones(len(LABELS))
    weight[Label.ANY.column] = 2
    each = nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (each * weight).sum(1) / weight.sum()
