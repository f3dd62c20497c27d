"""Scan + model to Prediction."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.errors import CannotPredict
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.model_input import SLAB_MM, placement, slabs, slice_input
from ihd_core.progress import silent
from ihd_core.scan import ScanWarning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ihd_core.model_file import Model, ModelInfo
    from ihd_core.model_input import Cells, Placement
    from ihd_core.progress import Report
    from ihd_core.scan import Scan


@dataclass(frozen=True, slots=True, eq=False)
class SlabResult:
    """What the CNN says of one slab: one slice, or neighbouring thin slices averaged.

    Attributes:
        slices: slice indices of the slab.
        cnn: float32 (labels,), probabilities.
        features: float32 (k,), reduced, for the sequence network.
        evidence: float32 (labels, map rows, map columns), before the ReLU; its sum plus the head's bias is the logit.
        seconds: that this slab took.
    """

    slices: range
    cnn: NDArray[np.float32]
    features: NDArray[np.float32]
    evidence: NDArray[np.float32]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Probabilities of a scan and the evidence behind them, in the order of LABELS.

    Attributes:
        cnn_slices: float32 (slices, labels), 0..1, each slice on its own.
        slices: float32 (slices, labels), 0..1, the CNN's reading revised by the BiLSTM.
        cnn_scan: float32 (labels,), the maximum over cnn_slices.
        scan: float32 (labels,), by the model's scan rule over slices.
        evidence: float32 (slabs, labels, map rows, map columns), before the ReLU.
        slab_of_slice: int64 (slices,), which slab a slice was read in.
        placement: how the slices lie in the network's picture.
        cells: where the cells of the map look, in network pixels.
        warnings: the scan's, then what is particular to the prediction.
        model: who says so.
        seconds: of computing.
    """

    cnn_slices: NDArray[np.float32]
    slices: NDArray[np.float32]
    cnn_scan: NDArray[np.float32]
    scan: NDArray[np.float32]
    evidence: NDArray[np.float32]
    slab_of_slice: NDArray[np.int64]
    placement: Placement
    cells: Cells
    warnings: tuple[ScanWarning, ...]
    model: ModelInfo
    seconds: float

    def __post_init__(self) -> None:
        for array in (self.cnn_slices, self.slices, self.cnn_scan, self.scan, self.evidence, self.slab_of_slice):
            array.flags.writeable = False

    def of(self, label: Label) -> NDArray[np.float32]:
        """Probability of one label along the slices (CNN + BiLSTM), (slices,)."""
        along: NDArray[np.float32] = self.slices[:, label.column]
        return along

    def most_suspicious(self, label: Label) -> int:
        """Index of the slice where a label is most probable (CNN + BiLSTM); the most inferior of equals."""
        return int(self.of(label).argmax())

    def detected(self, setting: str) -> tuple[Label, ...]:
        """Labels of the scan above their operating point, any first."""
        return tuple(
            label for label in DISPLAY_ORDER if self.scan[label.column] > self.model.threshold(setting, "scan", label)
        )


def predict(scan: Scan, model: Model, *, batch: int = 1, report: Report = silent) -> Prediction:
    """Probabilities of every label, slice by slice and for the scan, with the evidence behind them.

    Args:
        scan: an axial head CT.
        model: from load_model().
        batch: slabs that go through the CNN together; the result does not depend on it.
        report: called once per slab, in slices.

    Raises:
        CannotPredict: the slices are sagittal or coronal, or a probability is not a number.
    """
    results = []
    report(0, len(scan))
    for result in prediction_steps(scan, model, batch=batch):
        results.append(result)
        report(result.slices.stop, len(scan))
    return finish(scan, model, results)


def prediction_steps(scan: Scan, model: Model, *, batch: int = 1) -> Iterator[SlabResult]:
    """The CNN's reading of a scan, slab by slab from inferior to superior; hand all of them to finish().

    Raises:
        CannotPredict: the slices are sagittal or coronal; at the first step.
    """
    place = placement(scan, model.info.side)
    groups = slabs(scan)
    for start in range(0, len(groups), batch):
        some = groups[start : start + batch]
        began = time.perf_counter()
        read = _read(np.stack([slice_input(scan, slab, place).channels for slab in some]), model)
        seconds = (time.perf_counter() - began) / len(some)
        for slab, cnn, features, evidence in zip(some, *read, strict=True):
            yield SlabResult(slab, cnn, features, evidence, seconds)


def finish(scan: Scan, model: Model, results: Sequence[SlabResult]) -> Prediction:
    """Let the BiLSTM read along the slices, and give every slice the result of its slab.

    Args:
        scan: what the results are of.
        model: what made them.
        results: all slabs of the scan, from prediction_steps(), in any order.

    Raises:
        ValueError: a slice has no result, or two.
        CannotPredict: a probability is not a number, which would pass for one below every operating point.
    """
    ordered = sorted(results, key=lambda result: result.slices.start)
    if [index for result in ordered for index in result.slices] != list(range(len(scan))):
        raise ValueError(f"results must cover each of {len(scan)} slices once")
    began = time.perf_counter()
    cnn = np.stack([result.cnn for result in ordered])
    revised = _revised(np.stack([result.features for result in ordered]), cnn, model)
    if not (np.isfinite(cnn).all() and np.isfinite(revised).all()):
        raise CannotPredict("The model's result is not a number; nothing can be said of this scan")
    slab_of_slice = np.repeat(np.arange(len(ordered)), [len(result.slices) for result in ordered])
    seconds = sum(result.seconds for result in ordered) + time.perf_counter() - began
    return Prediction(
        cnn_slices=cnn[slab_of_slice],
        slices=revised[slab_of_slice],
        cnn_scan=cnn.max(axis=0),
        scan=revised.max(axis=0),
        evidence=np.stack([result.evidence for result in ordered]),
        slab_of_slice=slab_of_slice.astype(np.int64),
        placement=placement(scan, model.info.side),
        cells=model.info.cells,
        warnings=(*scan.warnings, *_own_warnings(scan, model, len(ordered))),
        model=model.info,
        seconds=seconds,
    )


def _read(
    pictures: NDArray[np.float32], model: Model
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """One pass of the CNN: probabilities (n, labels), features (n, k), evidence (n, labels, map rows, map columns)."""
    import torch

    with torch.inference_mode():
        out = model.cnn(torch.from_numpy(pictures).to(model.cnn.mean.device))
        rows, columns = out.activations.shape[2:]
        evidence = torch.einsum("lk,nkrc->nlrc", model.cnn.head.weight, out.activations) / (rows * columns)
        read = torch.sigmoid(out.logits), model.reduction(out.pooled), evidence
        probabilities, features, evidence = (tensor.float().cpu().numpy() for tensor in read)
    return probabilities, features, evidence


def _revised(features: NDArray[np.float32], cnn: NDArray[np.float32], model: Model) -> NDArray[np.float32]:
    """Probabilities by the BiLSTM, (slabs, labels)."""
    import torch

    with torch.inference_mode():
        device = model.cnn.mean.device
        slices = torch.from_numpy(features)[None].to(device), torch.from_numpy(cnn)[None].to(device)
        logits = model.sequence(*slices, torch.tensor([len(features)]))
        revised: NDArray[np.float32] = torch.sigmoid(logits)[0].float().cpu().numpy()
    return revised


def _own_warnings(scan: Scan, model: Model, slab_count: int) -> list[ScanWarning]:
    """What a reader must know about this prediction beyond the scan's own warnings."""
    warnings = []
    if slab_count < len(scan):
        text = (
            f"{len(scan)} slices of {scan.spacing_mm[0]:.1f} mm were averaged to {slab_count} of about {SLAB_MM:g} mm "
            "for the model"
        )
        values = {"slices": float(len(scan)), "averaged": float(slab_count)}
        warnings.append(ScanWarning("slices-averaged", text, values))
    role = model.info.training.role_of(scan.details.patient_id, scan.series_uid)
    if role:
        text = f"The model was made with this patient or series ({role} data): its result here proves nothing"
        warnings.append(ScanWarning("seen-in-training", text))
    return warnings
