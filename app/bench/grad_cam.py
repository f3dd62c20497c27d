"""pytorch-grad-cam, to compare our heatmaps with: the library a program would otherwise use."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from torch import Tensor, nn

from ihd_core.heatmaps.grad_cam_library import imported
from ihd_core.labels import LABELS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ihd_core.networks.network import SliceCnn


def six_heatmaps(cnns: Sequence[SliceCnn], x: Tensor) -> Callable[[], list[NDArray[np.float32]]]:
    """A work that has the library explain one slice, used as its manual says: one call a label and network.

    Args:
        cnns: are copied; the copies can be trained, as networks are unless somebody sees to it.
        x: (1, channels, side, side), 0..1.

    Raises:
        NoGradCam: with the reason.
    """
    grad_cam = imported("pytorch_grad_cam").GradCAM
    target = imported("pytorch_grad_cam.utils.model_targets").ClassifierOutputTarget
    networks = [_Logits(copy.deepcopy(cnn).requires_grad_()) for cnn in cnns]
    explained = [grad_cam(model=network, target_layers=[network.last]) for network in networks]
    return lambda: [
        explain(input_tensor=x, targets=[target(label.column)]) for explain in explained for label in LABELS
    ]


class _Logits(nn.Module):
    """The CNN as the library wants it: with a layer whose output is the last map."""

    def __init__(self, cnn: SliceCnn) -> None:
        super().__init__()
        self.cnn = cnn
        self.last = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.cnn.head(self.last(self.cnn.activations(x)).mean((2, 3)))
        return logits
