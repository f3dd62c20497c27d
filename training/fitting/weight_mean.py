"""The running mean of a network's weights over the steps of its fit."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn


class WeightMean:
    """An exponential mean of weights and batch norm statistics; calmer than the last weights, and as cheap.

    At the beginning, when few steps have been seen, it keeps less of them.

    Args:
        network: whose weights change.
        kept: share that the mean keeps at every step; 0: there is no mean.

    Attributes:
        values: the mean of every floating tensor of the state dict, in its order; empty without a mean.

    Source:
        Polyak & Juditsky, SIAM J. Control Optim. 30(4), 1992, in the exponential form.
    """

    def __init__(self, network: nn.Module, kept: float) -> None:
        self._network, self._kept = network, kept
        self.values: list[Tensor] = [one.clone() for one in self._current()] if kept else []

    def add(self, steps: int) -> None:
        """Take the weights as they are into the mean.

        Args:
            steps: that were taken in before.
        """
        if self.values:
            kept = min(self._kept, (1 + steps) / (10 + steps))
            torch._foreach_lerp_(self.values, self._current(), 1 - kept)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the network have the mean, and afterwards its own weights again."""
        if not self.values:
            yield
            return
        current = self._current()
        own = [one.clone() for one in current]
        torch._foreach_copy_(current, self.values)
        try:
            yield
        finally:
            torch._foreach_copy_(current, own)

    def _current(self) -> list[Tensor]:
        return [one for one in self._network.state_dict().values() if one.is_floating_point()]
