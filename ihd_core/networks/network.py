"""The CNN that reads a slice: a backbone, the mean of its last map and a linear head; and where its cells look."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from ihd_core.labels import LABELS
from ihd_core.model_input import CHANNELS, PAPER_DEVIATION, PAPER_MEAN, Cells
from ihd_core.networks.efficientnet import EfficientNetShape, InvertedBottleneck
from ihd_core.networks.efficientnet_lite import JoinedStages, LiteBlock, LiteShape
from ihd_core.networks.resnext import Basic, Bottleneck, ResidualShape
from ihd_core.networks.sequence_network import Reduction, SequenceNetwork

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BACKBONES",
    "PAPER_DEVIATION",
    "PAPER_MEAN",
    "CnnOutput",
    "Reduction",
    "SequenceNetwork",
    "SliceCnn",
    "cell_geometry",
]

BACKBONES: dict[str, ResidualShape | EfficientNetShape | LiteShape] = {
    "tiny": ResidualShape((16, 4, 1), max_pool=False, bottleneck=False, depths=(1, 1, 1), widths=(24, 48, 160)),
    "small": ResidualShape((24, 4, 1), max_pool=False, bottleneck=False, depths=(1, 2, 2), widths=(32, 64, 224)),
    "resnext50_32x4d": ResidualShape((64, 7, 3), True, True, (3, 4, 6, 3), (256, 512, 1024, 2048), 32, 4),
    "resnext101_32x8d": ResidualShape((64, 7, 3), True, True, (3, 4, 23, 3), (256, 512, 1024, 2048), 32, 8),
    "efficientnet_b4": EfficientNetShape(width=1.4, depth=1.8),
    "lite0": LiteShape(pooled_count=256),
}
"""By name. Those with torchvision's names take its checkpoints; "small" and "tiny" are made for two CPU cores, "lite0"
for two CPU cores and starting weights."""

_BLOCKS = (Bottleneck, Basic, InvertedBottleneck, LiteBlock, JoinedStages)


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
    """A backbone with global average pooling and a linear head of six labels.

    All but "small", "tiny" and "lite0" have torchvision's state-dict names, the head being "fc" everywhere. In the
    first two, every convolution that halves the picture has an even kernel, so that its cells cover the picture
    symmetrically: cell i is centred on input pixel 16 i + 7.5, as in "lite0". In the others, with odd kernels, it is
    32 i.

    Args:
        backbone: a key of BACKBONES.
        mean: per channel of a slice, subtracted from the input.
        deviation: per channel of a slice, divides it after that.
        neighbours: slices on either side that are given as further channels.

    Attributes:
        checkpointing: keep only what goes into each block, and compute the block again in the backward pass: less
            memory for more time, the same gradients.

    Source:
        Xie et al., Aggregated Residual Transformations for Deep Neural Networks, CVPR 2017, with the stride in the
        3 x 3 convolution; Tan & Le, EfficientNet, ICML 2019. Initial weights: He et al., ICCV 2015, fan out.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        backbone: str,
        mean: Sequence[float] = PAPER_MEAN,
        deviation: Sequence[float] = PAPER_DEVIATION,
        neighbours: int = 0,
    ) -> None:
        super().__init__()
        if backbone not in BACKBONES:
            raise ValueError(f"backbone is {backbone!r}, must be one of {', '.join(BACKBONES)}")
        if neighbours < 0:
            raise ValueError(f"neighbours is {neighbours}, must be 0 or more")
        self.backbone = backbone
        self.neighbours = neighbours
        self.checkpointing = False
        shape = BACKBONES[backbone]
        slices = 2 * neighbours + 1
        self.register_buffer("mean", torch.tensor(mean).repeat(slices)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation).repeat(slices)[:, None, None], persistent=False)
        parts = shape.parts(slices * len(CHANNELS))
        self._parts = tuple(parts)
        for name, part in parts.items():
            self.add_module(name, part)
        self.fc = nn.Linear(shape.pooled_count, len(LABELS))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    @property
    def head(self) -> nn.Linear:
        """The linear head: weight (labels, K), bias (labels,)."""
        return self.fc

    def activations(self, x: Tensor) -> Tensor:
        """The last map of n slices.

        Args:
            x: (n, 3 * (2 * neighbours + 1), side, side), 0..1: the channels of SliceInput of the slice itself, of the
                one below, of the one above, of the second below and so on; side a multiple of the map's stride.

        Returns:
            (n, K, map rows, map columns), >= 0; of an EfficientNet also a little below.
        """
        x = (x - self.mean) / self.deviation
        for name in self._parts:
            x = self._through(self.get_submodule(name), x)
        return x

    def forward(self, x: Tensor) -> CnnOutput:
        """Logits, pooled features and last map of n slices; x as in activations()."""
        activations = self.activations(x)
        pooled = activations.mean((2, 3))
        return CnnOutput(self.fc(pooled), pooled, activations)

    def _through(self, part: nn.Module, x: Tensor) -> Tensor:
        """Run a part, block by block where they are to be computed again."""
        if self.checkpointing and torch.is_grad_enabled():
            if isinstance(part, nn.Sequential):
                for inner in part:
                    x = self._through(inner, x)
                return x
            if isinstance(part, _BLOCKS):
                recomputed: Tensor = checkpoint(
                    part, x, use_reentrant=False, context_fn=lambda: (nullcontext(), _StatisticsKept(part))
                )
                return recomputed
        plain: Tensor = part(x)
        return plain


class _StatisticsKept:
    """A block in which batch norms use the batch's statistics without counting the batch a second time."""

    def __init__(self, part: nn.Module) -> None:
        self._norms = [module for module in part.modules() if isinstance(module, _BatchNorm)]

    def __enter__(self) -> None:
        self._kept = [(norm.momentum, norm.num_batches_tracked) for norm in self._norms]
        for norm in self._norms:
            norm.momentum = 0.0
            norm.num_batches_tracked = torch.zeros((), dtype=torch.long)

    def __exit__(self, *_: object) -> None:
        for norm, (momentum, count) in zip(self._norms, self._kept, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count


def cell_geometry(cnn: SliceCnn, side: int, *, inputs: int = 4, seed: int = 0) -> Cells:
    """Find where the cells of the last map look.

    Of a residual network it is measured. The centre of a cell is the centroid of |d activation / d input|, the
    activation being summed over its channels, averaged over noise pictures and over the cells in the middle of the map;
    those at the border see the edge. A cell of an EfficientNet depends on the whole picture, through its gates and many
    wide kernels, so that such a centroid is drawn to the middle of the picture: there it is reckoned. All kernels are
    odd and padded by (kernel - 1) / 2, so cell i is centred on pixel stride * i.

    Of EfficientNet-Lite0 neither is of use: its cells see most of the picture, and its published weights have learnt to
    look further up and left than its padding says, to within two pixels of the middle of a cell's 16. That middle is
    taken, and is what masks teach.

    Args:
        cnn: in evaluation mode.
        side: of the pictures to measure with; at least eight cells are taken.
        inputs: how many noise pictures.
        seed: of the noise.
    """
    shape = BACKBONES[cnn.backbone]
    stride = shape.stride
    if isinstance(shape, EfficientNetShape):
        return Cells(offset=0.0, stride=float(stride))
    if isinstance(shape, LiteShape):
        return Cells(offset=(stride - 1) / 2, stride=float(stride))
    side = max(side, 8 * stride)
    channels = len(cnn.mean)
    noise = torch.rand(inputs, channels, side, side, generator=torch.Generator().manual_seed(seed)).to(cnn.mean.device)
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
