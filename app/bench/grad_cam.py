"""pytorch-grad-cam, to compare our heatmaps with: the library a program would otherwise use."""

from __future__ import annotations

import copy
import importlib
import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ihd_core.errors import IhdError
from ihd_core.labels import LABELS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    import numpy as np
    from numpy.typing import NDArray

    from ihd_core.networks.network import SliceCnn

_KEPT: list[torch.library.Library] = []  # a Library undoes its definitions when it is collected


class NoGradCam(IhdError):
    """pytorch-grad-cam cannot be imported here."""


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


def imported(module: str) -> ModuleType:
    """Import a module of the library, without what it and its own libraries deprecate among themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            try:
                return importlib.import_module(module)
            except RuntimeError:  # torchvision beside a CPU build of torch: two of its operators are not there
                library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
                for name in ("nms", "qnms"):
                    signature = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
                    library.define(signature)  # type: ignore[no-untyped-call]
                _KEPT.append(library)
                return importlib.import_module(module)
        except (ImportError, RuntimeError) as error:
            raise NoGradCam(f"pytorch-grad-cam cannot be imported ({error})") from error
