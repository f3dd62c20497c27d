"""Prediction to Heatmap, on the pixels of the original slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ihd_core.labels import Label
    from ihd_core.predict import Prediction

METHOD = "grad-cam-cnn"
"""Recorded with every rating: Grad-CAM of the CNN's logit, in closed form."""


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """Where the CNN found evidence for a label on one slice.

    With global average pooling and a linear head, Grad-CAM is relu(sum over k of weight[label, k] * activation[k]) /
    (map rows * map columns): no gradient has to be computed. Before the ReLU, the map's sum and the head's bias are the
    label's logit. Where a model averages several networks, or pictures and their mirror images, so is the map averaged
    before the ReLU, and the same holds for the mean logit and the mean bias.

    Attributes:
        values: float32 (map rows, map columns), >= 0, not scaled.
        label: what it is evidence for.
        slice_index: 0 = most inferior.
        to_slice: float64 (2, 3), takes (map row, map column, 1) to (row, column) of the stored slice: each cell where
            it looks, not where enlarging the map would draw it.
        shape: (rows, columns) of the stored slice.

    Source:
        Selvaraju et al., Grad-CAM, ICCV 2017, eq. 1 and 2; Zhou et al., CVPR 2016.
    """

    values: NDArray[np.float32]
    label: Label
    slice_index: int
    to_slice: NDArray[np.float64]
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        self.values.flags.writeable = False
        self.to_slice.flags.writeable = False


def heatmap(prediction: Prediction, label: Label, slice_index: int) -> Heatmap:
    """The evidence for a label on one slice; slices of one slab share theirs."""
    evidence = prediction.evidence[prediction.slab_of_slice[slice_index], label.column]
    place, cells = prediction.placement, prediction.cells
    across = cells.offset
    if prediction.model.flip:  # the mirrored cells look from the other edge; the mean looks midway between the two
        across = (place.side - 1 - cells.stride * (evidence.shape[1] - 1)) / 2
    to_network = np.array([[cells.stride, 0, cells.offset], [0, cells.stride, across], [0, 0, 1]])
    return Heatmap(np.maximum(evidence, 0), label, slice_index, place.to_slice @ to_network, place.shape)


def full_scale(prediction: Prediction, label: Label) -> float:
    """The evidence painted at full colour: the model's, so one for all slices of all scans."""
    return prediction.model.full_scale[label]


def on_slice(shown: Heatmap) -> NDArray[np.float32]:
    """A heatmap on the pixels of the stored slice.

    Returns:
        float32 (rows, columns), >= 0, not scaled; bilinear between the centres of the cells, constant beyond the
        outermost ones.

    Raises:
        ValueError: the map lies askew on the slice.
    """
    to_slice, values = shown.to_slice, shown.values
    if to_slice[0, 0] == 0 and to_slice[1, 1] == 0:  # map columns run along the slice's rows
        to_slice, values = to_slice[:, [1, 0, 2]], values.T
    if to_slice[0, 1] != 0 or to_slice[1, 0] != 0:
        raise ValueError(f"to_slice is {shown.to_slice.tolist()}, must be parallel to the slice's rows and columns")
    down = _between(shown.shape[0], len(values), float(to_slice[0, 0]), float(to_slice[0, 2]))
    across = _between(shown.shape[1], values.shape[1], float(to_slice[1, 1]), float(to_slice[1, 2]))
    return np.asarray(down @ values @ across.T, np.float32)


def _between(pixels: int, cells: int, step: float, start: float) -> NDArray[np.float32]:
    """Linear interpolation between cells at start + step * cell, as weights (pixels, cells); each row sums to 1."""
    where = np.clip((np.arange(pixels) - start) / step, 0, cells - 1)
    distance = np.abs(where[:, None] - np.arange(cells))
    return np.asarray(np.maximum(1 - distance, 0), np.float32)
