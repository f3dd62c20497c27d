"""torchvision and pytorch-grad-cam as oracles, also beside a CPU build of torch, whose torchvision lacks operators."""

from __future__ import annotations

import importlib
import warnings

import torch

_KEPT = []  # a torch Library undoes its definitions when it is collected


def oracle(module):
    """Import "torchvision.models" or "pytorch_grad_cam"; what they deprecate among themselves is not our business."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(module)
        except RuntimeError:
            library = torch.library.Library("torchvision", "FRAGMENT")
            for operator in ("nms", "qnms"):
                library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            _KEPT.append(library)
            return importlib.import_module(module)
