"""EfficientNet, in torchvision's state-dict names."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class _Stage(NamedTuple):
    """Blocks of one size: of B0, before scaling."""

    expand: int
    kernel: int
    stride: int
    outputs: int
    depth: int


_B0 = (
    _Stage(1, 3, 1, 16, 1),
    _Stage(6, 3, 2, 24, 2),
    _Stage(6, 5, 2, 40, 2),
    _Stage(6, 3, 2, 80, 3),
    _Stage(6, 5, 1, 112, 3),
    _Stage(6, 5, 2, 192, 4),
    _Stage(6, 3, 1, 320, 1),
)
_STEM = 32
_LAST = 4
"""The last 1 x 1 convolution widens the map by this."""


@dataclass(frozen=True, slots=True)
class EfficientNetShape:
    """How much wider and deeper than B0.

    Attributes:
        width: factor of every number of channels, rounded to a multiple of 8.
        depth: factor of every number of blocks, rounded up.

    Source:
        Tan & Le, EfficientNet, ICML 2019, table 1 and section 5.
    """

    width: float
    depth: float

    @property
    def stride(self) -> int:
        """Input pixels from one cell of the last map to the next; a picture's side must be a multiple."""
        return 2 * math.prod(stage.stride for stage in _B0)

    @property
    def pooled_count(self) -> int:
        """Channels of the last map, K."""
        return _LAST * self._scaled(_B0[-1].outputs)

    @property
    def first_weight(self) -> str:
        """State-dict name of the kernel that reads the picture."""
        return "features.0.0.weight"

    def parts(self, channels: int) -> dict[str, nn.Module]:
        """What a picture of that many channels passes through, under torchvision's name."""
        width = self._scaled(_STEM)
        stages: list[nn.Module] = [_convolution(channels, width, 3, stride=2)]
        for stage in _B0:
            blocks = []
            outputs = self._scaled(stage.outputs)
            for index in range(math.ceil(stage.depth * self.depth)):
                stride = stage.stride if index == 0 else 1
                blocks.append(InvertedBottleneck(width, outputs, stage.expand, stage.kernel, stride))
                width = outputs
            stages.append(nn.Sequential(*blocks))
        stages.append(_convolution(width, self.pooled_count, 1))
        return {"features": nn.Sequential(*stages)}

    def _scaled(self, channels: int) -> int:
        """The nearest multiple of 8, but never less than 9 tenths of the product."""
        wanted = channels * self.width
        rounded = max(8, int(wanted + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * wanted else rounded


class SqueezeExcitation(nn.Module):
    """Weighs every channel by a gate 0..1 that depends on the whole map."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, rows, columns) to the same."""
        gate: Tensor = self.fc2(functional.silu(self.fc1(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(gate)


class InvertedBottleneck(nn.Module):
    """MBConv: 1 x 1 to more channels, a convolution of every channel alone, gates, 1 x 1 to fewer, the way around."""

    def __init__(self, inputs: int, outputs: int, expand: int, kernel: int, stride: int) -> None:
        super().__init__()
        middle = inputs * expand
        steps: list[nn.Module] = [] if expand == 1 else [_convolution(inputs, middle, 1)]
        steps += [
            _convolution(middle, middle, kernel, stride=stride, groups=middle),
            SqueezeExcitation(middle, max(1, inputs // 4)),
            nn.Sequential(nn.Conv2d(middle, outputs, 1, bias=False), nn.BatchNorm2d(outputs)),
        ]
        self.block = nn.Sequential(*steps)
        self._around = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, rows, columns) to (n, outputs, rows / stride, columns / stride)."""
        inside: Tensor = self.block(x)
        return inside + x if self._around else inside


def _convolution(inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> nn.Sequential:
    padding = (kernel - 1) // 2
    convolution = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.SiLU())
