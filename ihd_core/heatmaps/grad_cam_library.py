"""pytorch-grad-cam, the library for other methods than ours; an extra that need not be there."""

from __future__ import annotations

import importlib
import warnings
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ihd_core.errors import IhdError

if TYPE_CHECKING:
    from types import ModuleType

    import torch

_KEPT: list[torch.library.Library] = []  # a Library undoes its definitions when it is collected
_NEEDED = {"pytorch_grad_cam": "grad-cam", "torchvision": "torchvision"}


class NoGradCam(IhdError):
    """pytorch-grad-cam cannot be imported here."""


@cache
def missing() -> str:
    """Names of the packages that the library needs and that are not installed; empty where none is. Imports nothing.

    Looked up once: the menus ask for it whenever something on the screen changes.
    """
    return ", ".join(package for module, package in _NEEDED.items() if find_spec(module) is None)


def imported(module: str) -> ModuleType:
    """Import a module of the library, without what it and its own libraries deprecate among themselves.

    Raises:
        NoGradCam: with the reason.
    """
    import torch

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
