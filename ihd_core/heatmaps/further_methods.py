"""Other methods than Grad-CAM, by pytorch-grad-cam, on the CNN's last map."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from ihd_core.errors import CannotPredict
from ihd_core.heatmaps.explain import FURTHER, Kind
from ihd_core.heatmaps.grad_cam_library import imported
from ihd_core.labels import LABELS
from ihd_core.predict import pictures
from ihd_core.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from ihd_core.model_file import Member, Model
    from ihd_core.progress import Report
    from ihd_core.scan import Scan

    Maps = NDArray[np.float32]

_CLASSES = {
    Kind.HIRES_CAM: "HiResCAM",
    Kind.GRAD_CAM_PLUS_PLUS: "GradCAMPlusPlus",
    Kind.LAYER_CAM: "LayerCAM",
    Kind.EIGEN_CAM: "EigenCAM",
}


def further_maps(scan: Scan, model: Model, kind: Kind, *, report: Report = silent) -> Maps:
    """Maps of one method for every slab and label, as the library makes them before it scales each to its own maximum.

    The CNNs read the scan again: their maps with all channels are too large to be kept. Of several networks, or
    pictures and their mirror images, the mean is taken as predict() takes it.

    Args:
        scan: an axial head CT.
        model: from load_model().
        kind: one of FURTHER. HiResCAM is Grad-CAM where the head is linear. EigenCAM does not know labels. The sign of
            a singular vector being arbitrary, its map is turned so that it grows with the length of the activations;
            the library leaves it as it comes, and any slice may be inverted.
        report: called once per slab, in slices.

    Returns:
        float32 (slabs, labels, map rows, map columns), for Prediction.further.

    Raises:
        NoGradCam: the library is not there.
        CannotPredict: the slices are sagittal or coronal, or a map is not a finite number.
        ValueError: kind is none of FURTHER.
    """
    if kind not in FURTHER:
        raise ValueError(f"kind is {kind}, must be one of {', '.join(FURTHER)}")
    drawers = [_drawer(member, kind) for member in model.members]
    maps = []
    report(0, len(scan))
    for slab, picture in pictures(scan, model.info):
        each = [
            draw(_activations(member, picture, flip=model.info.flip))
            for member, draw in zip(model.members, drawers, strict=True)
        ]
        maps.append(np.mean(each, axis=0, dtype=np.float32))
        report(slab.stop, len(scan))
    found: Maps = np.stack(maps)
    if not np.isfinite(found).all():
        raise CannotPredict(f"{kind.full_name}: a map is not a number; nothing can be drawn")
    return found


def _activations(member: Member, picture: NDArray[np.float32], *, flip: bool) -> Tensor:
    import torch

    with torch.no_grad():
        x = torch.from_numpy(picture[None].copy()).to(member.cnn.mean.device)
        activations = member.cnn.activations(x)
        if flip:
            activations = (activations + member.cnn.activations(x.flip(3)).flip(3)) / 2
    return activations


def _drawer(member: Member, kind: Kind) -> Callable[[Tensor], Maps]:
    """A function from a last map (1, K, rows, columns) to the maps of all labels, (labels, rows, columns).

    The library is handed what comes after the last map as if it were the whole network: the CNN then runs once.
    """
    from torch import nn

    class Rest(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = copy.deepcopy(member.cnn.head).requires_grad_()  # the hooks must not stay on the model's own
            self.last = nn.Identity()

        def forward(self, activations: Tensor) -> Tensor:
            logits: Tensor = self.head(self.last(activations).mean((2, 3)))
            return logits

    target = imported("pytorch_grad_cam.utils.model_targets").ClassifierOutputTarget
    rest = Rest()
    method: Any = getattr(imported("pytorch_grad_cam"), _CLASSES[kind])
    cam = method(model=rest, target_layers=[rest.last])
    unscaled: list[Maps] = []
    make = cam.get_cam_image

    def keep(*given: Any, **named: Any) -> Any:
        unscaled.append(make(*given, **named))
        return unscaled[-1]

    cam.get_cam_image = keep

    def draw(activations: Tensor) -> Maps:
        import torch

        unscaled.clear()
        with torch.inference_mode(mode=False), torch.enable_grad():
            given = activations.clone().requires_grad_()
            for label in LABELS[:1] if kind is Kind.EIGEN_CAM else LABELS:
                cam(input_tensor=given, targets=[target(label.column)])
        maps = np.concatenate(unscaled).astype(np.float32)
        if kind is Kind.EIGEN_CAM:
            length = activations.square().sum(1).sqrt().cpu().numpy()
            maps = maps * np.where(((length - length.mean()) * maps).sum() < 0, -1, 1).astype(np.float32)
        return np.broadcast_to(maps, (len(LABELS), *maps.shape[1:]))

    return draw
