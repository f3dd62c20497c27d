"""What the result that the reader is shown rests on: its gradient through the BiLSTM, slab by slab."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.errors import CannotPredict
from ihd_core.final_logits import final_logits
from ihd_core.labels import LABELS
from ihd_core.scan_rule import HIGHEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from ihd_core.model_info import ModelInfo
    from ihd_core.networks.sequence_network import SequenceNetwork
    from ihd_core.scan_rule import ScanRule

RANKED = 5
"""Of how many slabs, the most suspicious ones, evidence is measured for its scale; in a smaller scan of all."""


class ResultEvidence:
    """Evidence for the logits that the reader is shown, of a slice or of the scan; computed when asked for, then kept.

    Such a logit S hangs on the pooled features of every slab t: through the reduced features z_t and the CNN's logits
    l_t, which the BiLSTM reads as probabilities p_t. Its gradient by the pooled features is
    P.T @ dS/dz_t + W.T @ dS/dl_t, with P the reduction, W the CNN's head and dS/dl_t = dS/dp_t * p_t * (1 - p_t) plus
    the CNN's own share of S. Times the last map, over its cells, that is Grad-CAM of S. P and W times the last map, the
    maps of what the BiLSTM reads, are therefore all that is kept of a slab, and the gradient is needed only back to
    what the BiLSTM reads. All labels are computed at once.

    Evidence is before the ReLU and in units of the shown logit per cell. Where members are averaged, so are their maps.
    Maps may be asked for by several threads.

    Args:
        logits: float32 (slabs, members, labels), of every member's CNN.
        features: float32 (slabs, members, k), reduced.
        maps: of every slab float32 (members, labels + k, map rows, map columns): what the CNN's logits, then the
            reduced features rest on; over the cells each adds up to its logit or feature less a constant, where the
            CNN's head is linear. These are 4 * members * (labels + k) * cells bytes a slab: 32 kB for the paper's
            model, 13 MB for 400 slabs.
        final: float32 (slabs, labels), the shown logits.
        info: of the model.
        sequences: each member's BiLSTM.

    Source:
        Selvaraju et al., Grad-CAM, ICCV 2017, eq. 1 and 2, with S for the class score.
    """

    def __init__(
        self,
        logits: NDArray[np.float32],
        features: NDArray[np.float32],
        maps: Sequence[NDArray[np.float32]],
        *,
        final: NDArray[np.float32],
        info: ModelInfo,
        sequences: Sequence[SequenceNetwork | None],
    ) -> None:
        self._logits, self._features, self._maps = logits, features, tuple(maps)
        self._final, self._info, self._sequences = final, info, tuple(sequences)
        self._of_slabs: dict[int, NDArray[np.float32]] = {}
        self._last: tuple[int, NDArray[np.float32]] | None = None

    @property
    def scan_slabs(self) -> tuple[int | None, ...]:
        """By label, the slab whose logit is the scan's; None for a rule that weighs several slices."""
        if self._info.scan_rule.kind != "maximum":
            return (None,) * len(LABELS)
        return tuple(int(slab) for slab in self._final.argmax(axis=0))

    def of_slab(self, slab: int) -> NDArray[np.float32]:
        """A slab's own part in its shown logits: float32 (labels, map rows, map columns)."""
        if slab not in self._of_slabs:
            self._of_slabs[slab] = self.of_slab_at(slab, slab)
        return self._of_slabs[slab]

    def of_slab_at(self, slab: int, at: int) -> NDArray[np.float32]:
        """What the shown logits of one slab rest on at another: float32 (labels, map rows, map columns)."""
        last = self._last
        if last is None or last[0] != slab:
            wanted = np.zeros(self._final.shape, np.float32)
            wanted[slab] = 1
            self._last = last = (slab, self._derivatives(wanted))
        return self._map(last[1], at)

    def of_scan_at(self, at: int) -> NDArray[np.float32]:
        """What the scan's logits rest on at a slab: float32 (labels, map rows, map columns)."""
        return self._map(self._by_scan, at)

    @cached_property
    def _by_scan(self) -> NDArray[np.float32]:
        return self._derivatives(scan_shares(self._info.scan_rule, self._final))

    @cached_property
    def scan_peaks(self) -> NDArray[np.float32]:
        """The largest evidence for the scan's logits on any slab, (labels,), >= 0."""
        peaks = np.stack([self.of_scan_at(at).max(axis=(1, 2)) for at in range(len(self._maps))])
        largest: NDArray[np.float32] = np.maximum(peaks.max(axis=0), 0)
        return largest

    @cached_property
    def slice_peaks(self) -> NDArray[np.float32]:
        """The largest evidence for a slab's shown logit on itself: median over the RANKED highest logits, (labels,)."""
        median: NDArray[np.float32] = np.median([self._own_peaks(slabs) for slabs in self._ranked()], axis=0)
        return median

    def _ranked(self) -> NDArray[np.int64]:
        """Slabs by falling logit, (at most RANKED, labels); the most inferior of equals first."""
        return np.argsort(-self._final, axis=0, kind="stable")[:RANKED]

    def _own_peaks(self, slabs: NDArray[np.int64]) -> NDArray[np.float32]:
        """The largest evidence of each label for the logit of a slab of its own on that slab, (labels,), >= 0."""
        wanted, labels = np.zeros(self._final.shape, np.float32), np.arange(len(LABELS))
        wanted[slabs, labels] = 1
        derivatives = self._derivatives(wanted)
        peaks = [self._map(derivatives, int(slab))[label].max() for label, slab in zip(labels, slabs, strict=True)]
        return np.maximum(peaks, 0)

    def _map(self, derivatives: NDArray[np.float32], at: int) -> NDArray[np.float32]:
        """Sum over members and what the BiLSTM reads; read-only."""
        evidence: NDArray[np.float32] = np.tensordot(derivatives[at], self._maps[at], axes=2)
        evidence.flags.writeable = False
        return evidence

    def _derivatives(self, wanted: NDArray[np.float32]) -> NDArray[np.float32]:
        """How a weighted sum of each label's shown logits changes with what the BiLSTM reads.

        Args:
            wanted: (slabs, labels), the weights.

        Returns:
            float32 (slabs, labels, members, labels + k): by the CNN's logits, then by the reduced features.

        Raises:
            CannotPredict: one is not a finite number.
        """
        import torch

        with torch.inference_mode(mode=False), torch.enable_grad():
            given = [_one_scan_a_label(values) for values in (self._logits, self._features)]
            final = final_logits(given[0], given[1], self._info, [_on_cpu(one) for one in self._sequences])
            own = final.diagonal(dim1=0, dim2=2)  # scan number c answers for label number c
            total = (own * torch.from_numpy(wanted)).sum()
            gradients = torch.autograd.grad(total, given, allow_unused=True, materialize_grads=True)
        derivatives: NDArray[np.float32] = torch.cat(gradients, dim=3).transpose(0, 1).contiguous().numpy()
        if not np.isfinite(derivatives).all():
            raise CannotPredict("The gradient of the model's result is not a number; no heatmap of it can be drawn")
        return derivatives


def scan_shares(rule: ScanRule, final: NDArray[np.float32]) -> NDArray[np.float32]:
    """How a scan's logits change with those of its slabs.

    Args:
        rule: of the model.
        final: (slabs, labels), the shown logits.

    Returns:
        float32 (slabs, labels); of a maximum 1 for the slab that attains it, the most inferior of equals, and 0 for all
        others.
    """
    falling = np.argsort(-final, axis=0, kind="stable")
    shares = np.zeros(final.shape, np.float32)
    for label in LABELS:
        column, order = label.column, falling[:, label.column]
        if rule.kind == "maximum":
            shares[order[0], column] = 1
            continue
        _, largest, few, all_of_them = rule.weights[label]
        shares[:, column] = all_of_them / len(order)
        shares[order[:HIGHEST], column] += few / len(order[:HIGHEST])
        shares[order[0], column] += largest
    return shares


def _one_scan_a_label(values: NDArray[np.float32]) -> Tensor:
    """(slabs, members, count) to (labels, slabs, members, count), of which gradients can be asked for."""
    import torch

    return torch.tensor(values).repeat(len(LABELS), 1, 1, 1).requires_grad_()


def _on_cpu(sequence: SequenceNetwork | None) -> SequenceNetwork | None:
    """Where a network in evaluation mode has gradients: cuDNN wants training mode for them."""
    if sequence is None or sequence.classifier.weight.device.type == "cpu":
        return sequence
    return copy.deepcopy(sequence).cpu()
