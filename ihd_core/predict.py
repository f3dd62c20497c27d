"""Scan + model to Prediction."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.cnn_reading import REFERENCE_NAME, is_linear, read
from ihd_core.errors import CannotPredict
from ihd_core.final_logits import final_logits
from ihd_core.heatmaps.explain_result import ResultEvidence
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.model_input import SLAB_MM, neighbours_of, placement, slabs, slice_input
from ihd_core.progress import silent
from ihd_core.scan import ScanWarning, withheld_reason
from ihd_core.scan_rule import probabilities

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ihd_core.cnn_reading import CnnEngine
    from ihd_core.heatmaps.explain import Kind
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
        logits: float32 (members, labels), of every member's CNN; cnn is the sigmoid of their mean.
        features: float32 (members, k), reduced, for the sequence networks; k is 0 where there are none.
        evidence: float32 (labels, map rows, map columns), before the ReLU, the mean over members; its sum plus the mean
            of the heads' biases is the mean of the logits.
        seconds: that this slab took.
        maps: float32 (members, labels + k, map rows, map columns), what every member's logits, then its features rest
            on; see ResultEvidence. Without them the result cannot be explained, only the CNN's own reading.
        engine: name of what ran the CNNs.
    """

    slices: range
    cnn: NDArray[np.float32]
    logits: NDArray[np.float32]
    features: NDArray[np.float32]
    evidence: NDArray[np.float32]
    seconds: float = 0.0
    maps: NDArray[np.float32] | None = None
    engine: str = REFERENCE_NAME


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Probabilities of a scan and the evidence behind them, in the order of LABELS.

    Attributes:
        cnn_slices: float32 (slices, labels), 0..1, each slice on its own.
        slices: float32 (slices, labels), 0..1, the CNN's reading revised by the BiLSTM and mixed with it as the model
            says; equal to cnn_slices where the model has no BiLSTM.
        cnn_scan: float32 (labels,), the maximum over cnn_slices; equal to scan where the model has no BiLSTM.
        scan: float32 (labels,), by the model's scan rule over slices.
        evidence: float32 (slabs, labels, map rows, map columns), before the ReLU.
        slab_of_slice: int64 (slices,), which slab a slice was read in.
        placement: how the slices lie in the network's picture.
        cells: where the cells of the map look, in network pixels.
        warnings: the scan's, then what is particular to the prediction.
        model: who says so.
        seconds: of computing.
        linear_head: whether evidence is a closed form, which adds up to the CNN's logit; if not, it is the gradient of
            the logit by the pooled features, times the last map.
        result: what `slices` and `scan` rest on; None where it was not kept.
        engine: names of what ran the CNNs, with commas between where one took over from another.
        further: maps of further methods, each like evidence; further_maps() makes them, and who asks for one adds it.
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
    linear_head: bool = True
    result: ResultEvidence | None = None
    engine: str = REFERENCE_NAME
    further: dict[Kind, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for array in (self.cnn_slices, self.slices, self.cnn_scan, self.scan, self.evidence, self.slab_of_slice):
            array.flags.writeable = False

    @property
    def withheld(self) -> str:
        """Why no result may be given, one sentence; empty where one may.

        A network answers for a chest as surely as for a head. All probabilities, and the evidence, then mean nothing,
        and are not to be shown or written.
        """
        return withheld_reason(self.warnings)

    def of(self, label: Label) -> NDArray[np.float32]:
        """Probability of one label along the slices (CNN + BiLSTM where there is one), (slices,)."""
        along: NDArray[np.float32] = self.slices[:, label.column]
        return along

    def most_suspicious(self, label: Label) -> int:
        """Index of the slice where a label is most probable, as of() has it; the most inferior of equals."""
        return int(self.of(label).argmax())

    def detected(self, setting: str) -> tuple[Label, ...]:
        """Labels of the scan above their operating point, any first; none where the result is withheld."""
        if self.withheld:
            return ()
        return tuple(
            label for label in DISPLAY_ORDER if self.scan[label.column] > self.model.threshold(setting, "scan", label)
        )


def predict(
    scan: Scan, model: Model, *, batch: int = 1, engine: CnnEngine | None = None, report: Report = silent
) -> Prediction:
    """Probabilities of every label, slice by slice and for the scan, with the evidence behind them.

    Args:
        scan: an axial head CT.
        model: from load_model().
        batch: slabs that go through the CNN together; the result does not depend on it.
        engine: runs the members' CNNs, such as an Engine; by default torch does, in single precision.
        report: called once per slab, in slices.

    Raises:
        CannotPredict: the slices are sagittal or coronal, or a result is not a finite number.
    """
    results = []
    report(0, len(scan))
    for result in prediction_steps(scan, model, batch=batch, engine=engine):
        results.append(result)
        report(result.slices.stop, len(scan))
    return finish(scan, model, results)


def prediction_steps(
    scan: Scan, model: Model, *, batch: int = 1, engine: CnnEngine | None = None, from_slice: int = 0
) -> Iterator[SlabResult]:
    """The CNN's reading of a scan, slab by slab; hand all of them to finish().

    Args:
        scan: as predict() has it, and so are model, batch and engine.
        model: see scan.
        batch: see scan.
        engine: see scan.
        from_slice: its slab comes first, then the others by their distance from it; of equals the superior one. From
            slice 0 that is from inferior to superior.

    Raises:
        CannotPredict: the slices are sagittal or coronal; at the first step.
        ValueError: there is no such slice; at the first step.
    """
    arriving = pictures(scan, model.info, from_slice)
    while True:
        began = time.perf_counter()
        some = list(itertools.islice(arriving, batch))
        if not some:
            return
        found = read(np.stack([picture for _, picture in some]), model, engine.read if engine is not None else None)
        name = engine.name if engine is not None else REFERENCE_NAME
        seconds = (time.perf_counter() - began) / len(some)
        for (slab, _), cnn, logits, features, evidence, maps in zip(some, *found, strict=True):
            yield SlabResult(slab, cnn, logits, features, evidence, seconds, maps, name)


def pictures(scan: Scan, info: ModelInfo, from_slice: int = 0) -> Iterator[tuple[range, NDArray[np.float32]]]:
    """What the CNN sees, slab by slab in the order of prediction_steps(); each slab's own picture is made once.

    Yields:
        The slab, and float32 (3 * (2 * neighbours + 1), side, side), 0..1: the slab's channels, then those of its
        neighbours in the order of neighbour_offsets().

    Raises:
        CannotPredict: the slices are sagittal or coronal; at the first step.
        ValueError: there is no such slice; at the first step.
    """
    if not 0 <= from_slice < len(scan):
        raise ValueError(f"from_slice is {from_slice}, must be 0 to {len(scan) - 1}")
    place, groups = placement(scan, info.side), slabs(scan)
    wanted = [neighbours_of(index, len(groups), info.neighbours) for index in range(len(groups))]
    still_wanted = Counter(one for some in wanted for one in set(some))
    kept: dict[int, NDArray[np.float32]] = {}
    for index in _outwards(groups, from_slice):
        for one in wanted[index]:
            if one not in kept:
                kept[one] = slice_input(scan, groups[one], place, info.resize).channels
        yield groups[index], np.concatenate([kept[one] for one in wanted[index]]) if info.neighbours else kept[index]
        still_wanted.subtract(set(wanted[index]))
        kept = {one: picture for one, picture in kept.items() if still_wanted[one]}


def _outwards(groups: Sequence[range], from_slice: int) -> list[int]:
    """Indices of slabs by their distance from the one with that slice, of equals the superior one first."""
    at = next(index for index, group in enumerate(groups) if from_slice in group)
    return sorted(range(len(groups)), key=lambda index: (abs(index - at), -index))


def finish(scan: Scan, model: Model, results: Sequence[SlabResult]) -> Prediction:
    """Let the BiLSTM read along the slices, and give every slice the result of its slab.

    Args:
        scan: what the results are of.
        model: what made them.
        results: all slabs of the scan, from prediction_steps(), in any order.

    Raises:
        ValueError: a slice has no result, or two.
        CannotPredict: a result is not a finite number, which could pass for one below every operating point.
    """
    ordered = sorted(results, key=lambda result: result.slices.start)
    if [index for result in ordered for index in result.slices] != list(range(len(scan))):
        raise ValueError(f"results must cover each of {len(scan)} slices once")
    began = time.perf_counter()
    cnn = np.stack([result.cnn for result in ordered])
    evidence = np.stack([result.evidence for result in ordered])
    logits, result = _result(ordered, model)
    if not all(np.isfinite(values).all() for values in (cnn, evidence, logits)):  # an infinite logit is 0 or 1, or none
        raise CannotPredict("The model's result is not a number; nothing can be said of this scan")
    revised = probabilities(logits)
    if model.info.sequence is None:
        cnn = revised  # not its own: the last bit of a sigmoid depends on how many are computed at once
    whole = model.info.scan_rule.apply(logits)
    slab_of_slice = np.repeat(np.arange(len(ordered)), [len(result.slices) for result in ordered])
    seconds = sum(result.seconds for result in ordered) + time.perf_counter() - began
    return Prediction(
        cnn_slices=cnn[slab_of_slice],
        slices=revised[slab_of_slice],
        cnn_scan=whole.copy() if model.info.sequence is None else cnn.max(axis=0),
        scan=whole,
        evidence=evidence,
        slab_of_slice=slab_of_slice.astype(np.int64),
        placement=placement(scan, model.info.side),
        cells=model.info.cells,
        warnings=(*scan.warnings, *_own_warnings(scan, model, len(ordered))),
        model=model.info,
        seconds=seconds,
        linear_head=all(is_linear(member.cnn.head) for member in model.members),
        result=result,
        engine=", ".join(dict.fromkeys(one.engine for one in ordered)),
    )


def _result(ordered: Sequence[SlabResult], model: Model) -> tuple[NDArray[np.float32], ResultEvidence | None]:
    """The logits that count, (slabs, labels), and what they rest on, where the slabs' maps were kept."""
    import torch

    logits = np.stack([result.logits for result in ordered])
    features = np.stack([result.features for result in ordered])
    sequences = [member.sequence for member in model.members]
    with torch.inference_mode():
        given = torch.from_numpy(logits)[None], torch.from_numpy(features)[None]
        final: NDArray[np.float32] = final_logits(*given, model.info, sequences)[0].numpy()
    maps = [result.maps for result in ordered if result.maps is not None]
    if len(maps) < len(ordered):
        return final, None
    return final, ResultEvidence(logits, features, maps, final=final, info=model.info, sequences=sequences)


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
