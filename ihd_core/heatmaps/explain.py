"""Prediction to Heatmap, on the pixels of the original slice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.heatmaps.explain_result import RANKED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ihd_core.heatmaps.explain_result import ResultEvidence
    from ihd_core.labels import Label
    from ihd_core.predict import Prediction
    from ihd_core.scan import Scan


class Kind(StrEnum):
    """Of what a heatmap shows the evidence; the value is recorded with every rating.

    CNN: of the CNN's logit of the slice, each slice on its own. RESULT_SLICE: of the slice's logit as the reader is
    shown it, after the BiLSTM; it hangs on every slice, and the slice's own part is what the slice shows. RESULT_SCAN:
    of the scan's logit, which every slice may have a part in. The others are further methods on the CNN's logit, by
    pytorch-grad-cam.
    """

    CNN = "grad-cam-cnn"
    RESULT_SLICE = "grad-cam-result-slice"
    RESULT_SCAN = "grad-cam-result-scan"
    HIRES_CAM = "hirescam-cnn"
    GRAD_CAM_PLUS_PLUS = "grad-cam-plus-plus-cnn"
    LAYER_CAM = "layercam-cnn"
    EIGEN_CAM = "eigencam-cnn"

    @property
    def full_name(self) -> str:
        """For people, as "Grad-CAM of the CNN"."""
        return _FULL_NAMES[self]


_FULL_NAMES = {
    Kind.CNN: "Grad-CAM of the CNN",
    Kind.RESULT_SLICE: "Grad-CAM of the slice's result",
    Kind.RESULT_SCAN: "Grad-CAM of the scan's result",
    Kind.HIRES_CAM: "HiResCAM of the CNN",
    Kind.GRAD_CAM_PLUS_PLUS: "Grad-CAM++ of the CNN",
    Kind.LAYER_CAM: "LayerCAM of the CNN",
    Kind.EIGEN_CAM: "EigenCAM of the CNN",
}
RESULTS = Kind.RESULT_SLICE, Kind.RESULT_SCAN
OWN = Kind.CNN, *RESULTS
FURTHER = Kind.HIRES_CAM, Kind.GRAD_CAM_PLUS_PLUS, Kind.LAYER_CAM, Kind.EIGEN_CAM


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """Where on one slice there is evidence for a label.

    Grad-CAM: relu(sum over k of gradient[k] * activation[k]) / (map rows * map columns), the gradient being that of the
    explained logit by the k-th pooled feature of the slice. Of the CNN's own logit, with a linear head, it is
    weight[label, k]: no gradient has to be computed, and before the ReLU the map's sum and the head's bias are the
    logit. Where a model averages several networks, or pictures and their mirror images, so is the map averaged before
    the ReLU, and the same holds for the mean logit and the mean bias. Through a BiLSTM or a head that is not linear it
    does not: there the map says how the logit would begin to change.

    Attributes:
        values: float32 (map rows, map columns), >= 0, not scaled: units of the explained logit per cell.
        label: what it is evidence for.
        slice_index: 0 = most inferior.
        to_slice: float64 (2, 3), takes (map row, map column, 1) to (row, column) of the stored slice: each cell where
            it looks, not where enlarging the map would draw it.
        shape: (rows, columns) of the stored slice.
        kind: whose logit it explains.
        explains: the slice with that logit. Of a scan whose rule is the maximum, the slice that attains it (of thin
            slices read together, the most inferior); None where the rule weighs several slices.
        adds_up: whether it is a closed form: before the ReLU, the maps of the explained logit on all slabs add up to it
            less a constant.

    Source:
        Selvaraju et al., Grad-CAM, ICCV 2017, eq. 1 and 2; Zhou et al., CVPR 2016.
    """

    values: NDArray[np.float32]
    label: Label
    slice_index: int
    to_slice: NDArray[np.float64]
    shape: tuple[int, int]
    kind: Kind = Kind.CNN
    explains: int | None = None
    adds_up: bool = True

    def __post_init__(self) -> None:
        self.values.flags.writeable = False
        self.to_slice.flags.writeable = False


def heatmap(
    prediction: Prediction,
    label: Label,
    slice_index: int,
    kind: Kind = Kind.CNN,
    *,
    explains: int | None = None,
) -> Heatmap:
    """The evidence for a label on one slice; slices of one slab share theirs.

    Of a result it takes a backward pass through the BiLSTM when a slice, or the scan, is first asked for; the other
    labels then come at no cost.

    Args:
        prediction: of the scan.
        label: one of six.
        slice_index: where the evidence is looked for.
        kind: for what logit.
        explains: for RESULT_SLICE, the slice with that logit, if it is another one.

    Raises:
        ValueError: explains with another kind, a prediction that did not keep what its result rests on, or has not been
            given the maps of a further method.
        CannotPredict: a gradient of the result is not a finite number.
    """
    if explains is not None and kind is not Kind.RESULT_SLICE:
        raise ValueError(f"explains is {explains}, must be None for {kind}")
    evidence = _evidence(prediction, slice_index, kind, explains)[label.column]
    return Heatmap(
        np.maximum(evidence, 0),
        label,
        slice_index,
        _cells_to_slice(prediction, evidence.shape[1]),
        prediction.placement.shape,
        kind,
        _explained(prediction, label, slice_index, kind) if explains is None else explains,
        prediction.linear_head and (kind is Kind.CNN or (kind in RESULTS and prediction.model.sequence is None)),
    )


def _evidence(prediction: Prediction, slice_index: int, kind: Kind, explains: int | None) -> NDArray[np.float32]:
    """Before the ReLU, (labels, map rows, map columns)."""
    at = int(prediction.slab_of_slice[slice_index])
    if kind is Kind.CNN:
        own: NDArray[np.float32] = prediction.evidence[at]
        return own
    if kind in FURTHER:
        further: NDArray[np.float32] = _further(prediction, kind)[at]
        return further
    result = _result(prediction)
    if kind is Kind.RESULT_SCAN:
        return result.of_scan_at(at)
    of = at if explains is None else int(prediction.slab_of_slice[explains])
    return result.of_slab(at) if of == at else result.of_slab_at(of, at)


def _explained(prediction: Prediction, label: Label, slice_index: int, kind: Kind) -> int | None:
    """The slice whose logit is explained; None for several."""
    if kind is not Kind.RESULT_SCAN:
        return slice_index
    slab = _result(prediction).scan_slabs[label.column]
    return None if slab is None else int(np.searchsorted(prediction.slab_of_slice, slab))


def _further(prediction: Prediction, kind: Kind) -> NDArray[np.float32]:
    if kind not in prediction.further:
        raise ValueError(f"the prediction has no maps of {kind}")
    maps: NDArray[np.float32] = prediction.further[kind]
    return maps


def _result(prediction: Prediction) -> ResultEvidence:
    if prediction.result is None:
        raise ValueError("the prediction did not keep what its result rests on")
    return prediction.result


def _cells_to_slice(prediction: Prediction, columns: int) -> NDArray[np.float64]:
    """(map row, map column, 1) to (row, column) of the stored slice."""
    place, cells = prediction.placement, prediction.cells
    across = cells.offset
    if prediction.model.flip:  # the mirrored cells look from the other edge; the mean looks midway between the two
        across = (place.side - 1 - cells.stride * (columns - 1)) / 2
    to_network = np.array([[cells.stride, 0, cells.offset], [0, cells.stride, across], [0, 0, 1]])
    to_slice: NDArray[np.float64] = place.to_slice @ to_network
    return to_slice


def full_scale(prediction: Prediction, label: Label, kind: Kind = Kind.CNN) -> float:
    """The evidence painted at full colour: one for all slices of a scan, in units of the explained logit per cell.

    Of the CNN's logit by Grad-CAM or HiResCAM it is the model's, one for all scans. A result's is the scan's own. Its
    evidence is in the same unit, but a BiLSTM passes little on where it is sure, and much where it wavers: on the
    model's scale, what is surest would be the palest. Of a slice's result it is therefore the median, over the label's
    five most suspicious slabs, of the largest evidence on each; of the scan's result, the largest evidence on any
    slice. Such a map says on what a result rests, not how much there is: it is as bright for a label that is absent,
    and not to be painted for one that is not detected. Without a BiLSTM it is the model's scale for every kind but a
    fitted scan's. The other methods' units are their own, and their scale is found as that of a slice's result.

    Raises:
        ValueError: the prediction did not keep what its result rests on, or has no maps of this method.
        CannotPredict: a gradient of the result is not a finite number.
    """
    model = prediction.model
    is_the_cnns = kind is Kind.RESULT_SLICE or model.scan_rule.kind == "maximum"
    if kind in (Kind.CNN, Kind.HIRES_CAM) or (kind in RESULTS and model.sequence is None and is_the_cnns):
        return model.full_scale[label]
    if kind in FURTHER:
        return _own_scale(_further(prediction, kind), prediction, label) or model.full_scale[label]
    result = _result(prediction)
    peaks = result.scan_peaks if kind is Kind.RESULT_SCAN else result.slice_peaks
    return float(peaks[label.column]) or model.full_scale[label]


def _own_scale(maps: NDArray[np.float32], prediction: Prediction, label: Label) -> float:
    """The median, over the label's five most suspicious slabs, of the largest value on each."""
    suspicion = np.maximum.reduceat(prediction.of(label), np.unique(prediction.slab_of_slice, return_index=True)[1])
    ranked = np.argsort(-suspicion, kind="stable")[:RANKED]
    return float(np.maximum(np.median(maps[ranked, label.column].max(axis=(1, 2))), 0))


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether the CNN and a result rest on the same places of a slice, whatever their strengths.

    Attributes:
        overlap: 0..1, the share of the evidence that both maps have in the same cells, when each adds up to 1; 1 where
            neither has any.
        peaks_mm: from the cell with the most evidence in one map to that of the other; None where a map has none.
    """

    overlap: float
    peaks_mm: float | None

    @property
    def disagree(self) -> bool:
        """Whether the reader is to be told: more than half of what either map shows, the other has elsewhere."""
        return self.overlap < LEAST_OVERLAP


LEAST_OVERLAP = 0.5
"""Below it two maps of a slice disagree.

Both are made of the same cells, so that neither smoothing nor misplacement parts them, and a common factor does not
count. Below one half, most of the evidence of each lies where the other has none or less: a reader who has judged one
map has not judged the other. With the shipped model on 300 phantoms, the CNN's peak for any lay on or beside a lesion
in 999 of 1,128 slices where the maps agreed by this bound, and in 30 of 226 where they did not (docs/heatmaps.md).
"""


def agreement(
    scan: Scan, prediction: Prediction, label: Label, slice_index: int, kind: Kind = Kind.RESULT_SLICE
) -> Agreement:
    """Compare the CNN's map of a slice with that of a result.

    Args:
        scan: what was predicted.
        prediction: of this scan.
        label: one of six.
        slice_index: 0 = most inferior.
        kind: of the result.

    Raises:
        ValueError: the prediction did not keep what its result rests on.
        CannotPredict: a gradient of the result is not a finite number.
    """
    maps = [heatmap(prediction, label, slice_index, one) for one in (Kind.CNN, kind)]
    cnn, result = (one.values.astype(np.float64) for one in maps)
    there, here = (peak(one) for one in maps)
    if there is None or here is None:
        return Agreement(float(there is None and here is None), None)
    overlap = float(np.minimum(cnn / cnn.sum(), result / result.sum()).sum())
    apart = np.subtract(there, here) * scan.spacing_mm[1:]
    return Agreement(overlap, float(np.hypot(*apart)))


def peak(shown: Heatmap) -> tuple[float, float] | None:
    """(row, column) on the slice where the cell with the most evidence looks; None where there is no evidence."""
    if shown.values.max(initial=0) <= 0:
        return None
    row, column = np.unravel_index(int(shown.values.argmax()), shown.values.shape)
    at = shown.to_slice @ np.array([row, column, 1.0])
    return float(at[0]), float(at[1])


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
