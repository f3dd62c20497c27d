"""The CNNs and the BiLSTM, as torch modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ihd_core.labels import LABELS
from ihd_core.model_input import Cells

if TYPE_CHECKING:
    from collections.abc import Sequence

PAPER_MEAN = (0.1738, 0.1433, 0.1970)
PAPER_DEVIATION = (0.3161, 0.2850, 0.3111)
"""Per channel, of windowed slices 0..1; Burduja et al., Sensors 2020, 20(19):5611, section 3.1."""


@dataclass(frozen=True, slots=True)
class Backbone:
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


BACKBONES = {
    "small": Backbone((24, 4, 1), max_pool=False, bottleneck=False, depths=(1, 2, 2), widths=(32, 64, 224)),
    "resnext50_32x4d": Backbone((64, 7, 3), True, True, (3, 4, 6, 3), (256, 512, 1024, 2048), 32, 4),
    "resnext101_32x8d": Backbone((64, 7, 3), True, True, (3, 4, 23, 3), (256, 512, 1024, 2048), 32, 8),
}
"""By name. The ResNeXts take torchvision's checkpoints; "small" is made for two CPU cores."""


class CnnOutput(NamedTuple):
    """What the CNN says of n slices.

    Attributes:
        logits: (n, labels), order of LABELS.
        pooled: (n, K), the last map averaged over its cells.
        activations: (n, K, map rows, map columns), the last map.
    """

    logits: Tensor
    pooled: Tensor
    activations: Tensor


class SliceCnn(nn.Module):
    """A residual CNN with global average pooling and a linear head of six labels.

    The ResNeXts have torchvision's state-dict names. In "small" every convolution that halves the picture has an even
    kernel, so that its cells cover the picture symmetrically: cell i is centred on input pixel 16 i + 7.5. In the
    ResNeXts, with odd kernels, it is 32 i.

    Args:
        backbone: a key of BACKBONES.
        mean: per channel, subtracted from the input.
        deviation: per channel, divides it after that.

    Source:
        Xie et al., Aggregated Residual Transformations for Deep Neural Networks, CVPR 2017, with the stride in the
        3 x 3 convolution. Initial weights: He et al., ICCV 2015, fan out.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        backbone: str,
        mean: Sequence[float] = PAPER_MEAN,
        deviation: Sequence[float] = PAPER_DEVIATION,
    ) -> None:
        super().__init__()
        if backbone not in BACKBONES:
            raise ValueError(f"backbone is {backbone!r}, must be one of {', '.join(BACKBONES)}")
        self.backbone = backbone
        shape = BACKBONES[backbone]
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None], persistent=False)
        channels, kernel, padding = shape.stem
        self.conv1 = nn.Conv2d(3, channels, kernel, stride=2, padding=padding, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1) if shape.max_pool else nn.Identity()
        self._stages = [f"layer{stage + 1}" for stage in range(len(shape.depths))]
        for stage, name in enumerate(self._stages):
            setattr(self, name, _stage(shape, stage, channels))
            channels = shape.widths[stage]
        self.fc = nn.Linear(channels, len(LABELS))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @property
    def head(self) -> nn.Linear:
        """The linear head: weight (labels, K), bias (labels,)."""
        return self.fc

    def activations(self, x: Tensor) -> Tensor:
        """The last map of n slices.

        Args:
            x: (n, 3, side, side), 0..1 as in SliceInput; side a multiple of the map's stride.

        Returns:
            (n, K, map rows, map columns), >= 0.
        """
        x = (x - self.mean) / self.deviation
        x = self.pool(torch.relu(self.bn1(self.conv1(x))))
        for name in self._stages:
            x = getattr(self, name)(x)
        return x

    def forward(self, x: Tensor) -> CnnOutput:
        """Logits, pooled features and last map of n slices, (n, 3, side, side), 0..1."""
        activations = self.activations(x)
        pooled = activations.mean((2, 3))
        return CnnOutput(self.fc(pooled), pooled, activations)


class _Bottleneck(nn.Module):
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
        around = x if self.downsample is None else self.downsample(x)
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return torch.relu(self.bn3(self.conv3(x)) + around)


class _Basic(nn.Module):
    """Two 3 x 3 convolutions and the way around, at one size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        inside = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(inside + x)


def _stage(shape: Backbone, stage: int, inputs: int) -> nn.Sequential:
    """Blocks of one size; all but the first ResNeXt stage begin by halving the picture."""
    outputs, depth = shape.widths[stage], shape.depths[stage]
    if not shape.bottleneck:
        halve = [nn.Conv2d(inputs, outputs, 2, stride=2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        return nn.Sequential(*halve, *(_Basic(outputs) for _ in range(depth)))
    middle = shape.groups * shape.group_width * 2**stage
    first = _Bottleneck(inputs, middle, outputs, 1 if stage == 0 else 2, shape.groups)
    return nn.Sequential(first, *(_Bottleneck(outputs, middle, outputs, 1, shape.groups) for _ in range(depth - 1)))


class Reduction(nn.Module):
    """Pooled features to the few that the sequence network reads: (pooled - mean) @ components.T.

    Args:
        mean: (K,).
        components: (k, K): principal directions, or rows of the unit matrix for a selection.
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
    """A bidirectional LSTM over the slices of a scan; its classifier also sees the CNN's six probabilities.

    Args:
        features: reduced features of a slice, k.
        hidden: units of one direction.
        layers: stacked LSTMs.
        dropout: between them, in training.

    Source:
        Burduja et al., Sensors 2020, 20(19):5611, section 3.3; both directions reach the classifier.
    """

    def __init__(self, features: int = 120, hidden: int = 256, layers: int = 3, dropout: float = 0.3) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(features, hidden, layers, batch_first=True, dropout=between, bidirectional=True)
        self.classifier = nn.Linear(2 * hidden + len(LABELS), len(LABELS))

    def forward(self, features: Tensor, cnn_probabilities: Tensor, lengths: Tensor) -> Tensor:
        """Logits of every slice of several scans.

        Args:
            features: (scans, slices, k), inferior slice first, short scans filled up at the end.
            cnn_probabilities: (scans, slices, labels).
            lengths: (scans,) integer, the true number of slices of each scan.

        Returns:
            (scans, slices, labels); beyond a scan's length they mean nothing.
        """
        packed = pack_padded_sequence(features, lengths.cpu(), batch_first=True, enforce_sorted=False)
        hidden, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=features.shape[1])
        logits: Tensor = self.classifier(torch.cat([hidden, cnn_probabilities], dim=2))
        return logits


def cell_geometry(cnn: SliceCnn, side: int, *, inputs: int = 4, seed: int = 0) -> Cells:
    """Measure where the cells of the last map look.

    The centre of a cell is the centroid of |d activation / d input|, the activation being summed over its channels,
    averaged over noise pictures and over the cells in the middle of the map; those at the border see the edge.

    Args:
        cnn: in evaluation mode.
        side: of the pictures to measure with; at least eight cells are taken.
        inputs: how many noise pictures.
        seed: of the noise.
    """
    stride = BACKBONES[cnn.backbone].stride
    side = max(side, 8 * stride)
    noise = torch.rand(inputs, 3, side, side, generator=torch.Generator().manual_seed(seed)).to(cnn.mean.device)
    pixels = torch.arange(side, dtype=torch.float64, device=noise.device)
    offsets = []
    with torch.enable_grad():
        evidence = cnn.activations(noise.requires_grad_()).sum((0, 1))
        middle = len(evidence) // 2
        for cell in (middle - 1, middle):
            (gradient,) = torch.autograd.grad(evidence[cell, cell], noise, retain_graph=True)
            for other_axes in ((0, 1, 3), (0, 1, 2)):
                profile = gradient.abs().to(torch.float64).sum(other_axes)
                offsets.append(float(profile @ pixels / profile.sum()) - stride * cell)
    return Cells(offset=sum(offsets) / len(offsets), stride=float(stride))
