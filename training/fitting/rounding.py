"""Round weights to half precision before they are evaluated, so that what is measured is what is shipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn


def rounded(module: nn.Module) -> dict[str, Tensor]:
    """State dict of a module, float32, with every matrix and kernel rounded to what float16 can hold.

    The model folder stores such tensors as float16, which loses nothing then. Vectors (biases, batch norm) are few and
    stay exact.
    """
    return {
        name: value.to(torch.float16).to(torch.float32) if value.ndim > 1 else value.clone()
        for name, value in module.state_dict().items()
    }
