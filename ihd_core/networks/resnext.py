"""Residual CNNs: ResNeXt in torchvision's state-dict names, and small ones for a computer without a graphics card."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class ResidualShape:
    """The shape of a residual CNN.

    Attributes:
        stem: output channels, kernel and padding of the first convolution, which halves the picture.
        max_pool: whether a 3 x 3 maximum then halves it again.
        bottleneck: 1 x 1, grouped 3 x 3, 1 x 1 blocks (ResNeXt) instead of two 3 x 3 convolutions.
        depths: blocks per stage.
        widths: output channels per stage.
        groups: of the bottlenecks' 3 x 3 convolutions.
        group_width: channels of one group in the first stage.
    """

    stem: tuple[int, int, int]
    max_pool: bool
    bottleneck: bool
    depths: tuple[int, ...]
    widths: tuple[int, ...]
    groups: int = 1
    group_width: int = 0

    @property
    def stride(self) -> int:
        """Input pixels from one cell of the last map to the next; a picture's side must be a multiple."""
        halvings = 1 + int(self.max_pool) + len(self.depths) - int(self.bottleneck)
        return int(2**halvings)

    @property
    def pooled_count(self) -> int:
        """Channels of the last map, K."""
        return self.widths[-1]

    @property
    def first_weight(self) -> str:
        """State-dict name of the kernel that reads the picture."""
        return "conv1.weight"

    def parts(self, channels: int) -> dict[str, nn.Module]:
        """What a picture of that many channels passes through, in order, under torchvision's names."""
        width, kernel, padding = self.stem
        parts: dict[str, nn.Module] = {
            "conv1": nn.Conv2d(channels, width, kernel, stride=2, padding=padding, bias=False),
            "bn1": nn.BatchNorm2d(width),
            "relu": nn.ReLU(),
            "pool": nn.MaxPool2d(3, stride=2, padding=1) if self.max_pool else nn.Identity(),
        }
        for stage, outputs in enumerate(self.widths):
            parts[f"layer{stage + 1}"] = _stage(self, stage, width)
            width = outputs
        return parts


class Bottleneck(nn.Module):
    """ResNeXt's block: 1 x 1, grouped 3 x 3 (with the stride), 1 x 1, and the way around."""

    def __init__(self, inputs: int, middle: int, outputs: int, stride: int, groups: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, middle, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride=stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))
            if stride != 1 or inputs != outputs
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, rows, columns) to (n, outputs, rows / stride, columns / stride)."""
        around = x if self.downsample is None else self.downsample(x)
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return torch.relu(self.bn3(self.conv3(x)) + around)


class Basic(nn.Module):
    """Two 3 x 3 convolutions and the way around, at one size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, rows, columns) to the same."""
        inside = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(inside + x)


def _stage(shape: ResidualShape, stage: int, inputs: int) -> nn.Sequential:
    """Blocks of one size; all but the first ResNeXt stage begin by halving the picture."""
    outputs, depth = shape.widths[stage], shape.depths[stage]
    if not shape.bottleneck:
        halve = [nn.Conv2d(inputs, outputs, 2, stride=2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        return nn.Sequential(*halve, *(Basic(outputs) for _ in range(depth)))
    middle = shape.groups * shape.group_width * 2**stage
    first = Bottleneck(inputs, middle, outputs, 1 if stage == 0 else 2, shape.groups)
    return nn.Sequential(first, *(Bottleneck(outputs, middle, outputs, 1, shape.groups) for _ in range(depth - 1)))
