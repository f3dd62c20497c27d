"""`ihd bench explain`: what heatmaps cost beside the forward pass, and how far the closed form is from autograd."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.bench.measured import endless_steps, inputs, measured_model, measured_scan, title
from ihd_core.labels import LABELS
from ihd_core.measure import Row, Table, at_least, at_most, interleaved, matrix_product, probe_row
from ihd_core.model_input import slabs
from ihd_core.predict import pictures, predict
from ihd_core.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from ihd_core.model_file import Member, Model
    from ihd_core.predict import Prediction
    from ihd_core.progress import Report
    from ihd_core.scan import Scan


def bench_explain(
    model_folder: Path, path: Path | None = None, *, backbone: str | None = None, rounds: int, report: Report = silent
) -> Table:
    """Measure the heatmaps of a model on a scan; torch runs everything.

    Args:
        model_folder: whose model is measured.
        path: DICOM files of the scan; otherwise a phantom is made.
        backbone: measure one of these with the paper's sizes and random weights instead.
        rounds: how often each work is timed.
        report: called between the parts.

    Raises:
        ModelFileError: the model is refused.
        DicomError: there is no scan to be read.
        CannotPredict: the scan's slices are sagittal or coronal.
    """
    model, scan = measured_model(model_folder, backbone), measured_scan(path)
    parts: tuple[Callable[[], list[Row]], ...] = (
        lambda: [_evidence_row(scan, model, rounds)],
        lambda: [_grad_cam_row(scan, model, rounds)],
        lambda: [_autograd_row(scan, model)],
        lambda: _result_rows(scan, model, rounds),
    )
    timings = interleaved({"probe": matrix_product()}, rounds)
    rows: list[Row] = [probe_row(timings, "probe")]
    for done, part in enumerate(parts):
        report(done, len(parts))
        rows += part()
    report(len(parts), len(parts))
    return Table(title(scan, model, rounds), tuple(rows))


def _evidence_row(scan: Scan, model: Model, rounds: int) -> Row:
    """Slab after slab, with evidence and without in turns: a few per cent show only in many short comparisons."""
    steps, passes = endless_steps(scan, model), _endless_passes(scan, model)
    works = {"with": lambda: next(steps), "without": lambda: next(passes)}
    timings = interleaved(works, rounds * len(slabs(scan)))
    return Row("forward pass with evidence / without", timings.ratio("with", to="without"), "times", at_most(1.05))


def _grad_cam_row(scan: Scan, model: Model, rounds: int) -> Row:
    """Six heatmaps, forward pass and all, against the library; one slice is short, so three times a round."""
    import torch

    from app.bench.grad_cam import six_heatmaps
    from ihd_core.heatmaps.grad_cam_library import NoGradCam

    name, goal = "six heatmaps of a slice: pytorch-grad-cam / ours", at_least(20)
    middle = inputs(scan, model)[len(slabs(scan)) // 2]
    steps = endless_steps(scan, model)
    try:
        library = six_heatmaps([member.cnn for member in model.members], torch.from_numpy(middle[None].copy()))
    except NoGradCam as error:
        return Row(name, None, "times", goal, str(error))
    timings = interleaved({"library": library, "ours": lambda: np.maximum(next(steps), 0)}, 3 * rounds)
    return Row(name, timings.ratio("library", to="ours"), "times", goal)


def _autograd_row(scan: Scan, model: Model) -> Row:
    error = heatmap_error(scan, model)
    return Row("six heatmaps: largest difference from autograd", error, "logit", at_most(1e-5))


def _result_rows(scan: Scan, model: Model, rounds: int) -> list[Row]:
    """Heatmaps of the scan's six logits on every slab, through the BiLSTM, against autograd back to the last maps."""
    name = "six heatmaps of the scan's result: autograd back to the last maps / ours"
    difference = "six heatmaps of the scan's result: largest difference from autograd, share of the peak"
    if model.info.sequence is None or len(model.members) > 1 or model.info.flip:
        why = "the model has no BiLSTM, or averages"
        return [Row(name, None, "times", None, why), Row(difference, None, "share", at_most(1e-3), why)]
    prediction = predict(scan, model)
    last = _last_maps(scan, model)
    works = {"autograd": lambda: _result_by_autograd(last, model), "ours": lambda: _result_maps(prediction)}
    timings = interleaved(works, rounds)
    defined, ours = works["autograd"](), works["ours"]()
    error = float(np.abs(defined - ours).max() / np.abs(defined).max())
    return [
        Row(name, timings.ratio("autograd", to="ours"), "times"),
        Row(difference, error, "share", at_most(1e-3)),
    ]


def _result_maps(prediction: Prediction) -> NDArray[np.float32]:
    """(slabs, labels, map rows, map columns), computed anew."""
    if prediction.result is None:
        raise ValueError("the prediction did not keep what its result rests on")
    vars(prediction.result).pop("_by_scan", None)
    return np.stack([prediction.result.of_scan_at(at) for at in range(len(prediction.evidence))])


def _last_maps(scan: Scan, model: Model) -> Tensor:
    """The last map of every slab, (slabs, K, rows, columns)."""
    import torch

    with torch.no_grad():
        return torch.cat(
            [model.members[0].cnn.activations(torch.from_numpy(x[None].copy())) for x in inputs(scan, model)]
        )


def _result_by_autograd(last: Tensor, model: Model) -> NDArray[np.float32]:
    """Grad-CAM of the scan's logits as it is defined: the gradient by every last map, averaged, times the map."""
    import torch

    from ihd_core.final_logits import final_logits
    from ihd_core.heatmaps.explain_result import scan_shares

    member = model.members[0]
    if member.reduction is None:
        raise ValueError("the model reduces nothing")
    given = last.clone().requires_grad_()
    pooled = given.mean((2, 3))
    logits, features = member.cnn.head(pooled)[:, None], member.reduction(pooled)[:, None]
    final = final_logits(logits[None], features[None], model.info, [member.sequence])[0]
    shares = torch.from_numpy(scan_shares(model.info.scan_rule, final.detach().numpy()))
    maps = []
    for label in LABELS:
        total = (final[:, label.column] * shares[:, label.column]).sum()
        (gradient,) = torch.autograd.grad(total, given, retain_graph=True)
        maps.append((gradient.mean((2, 3), keepdim=True) * given).sum(1).detach().numpy())
    return np.stack(maps, 1)


def _endless_passes(scan: Scan, model: Model) -> Iterator[NDArray[np.float32]]:
    """Logits of slab after slab and nothing else, over and over."""
    import torch

    while True:
        for _, picture in pictures(scan, model.info):
            with torch.inference_mode():
                x = torch.from_numpy(picture[None].copy())
                read = (x, x.flip(3)) if model.info.flip else (x,)
                logits = np.stack([member.cnn(one).logits.numpy() for member in model.members for one in read])
            yield logits


def heatmap_error(scan: Scan, model: Model) -> float:
    """Largest difference between the closed form and Grad-CAM as it is defined, by autograd, over slabs and labels."""
    import torch

    errors = []
    for picture, evidence in zip(inputs(scan, model), predict(scan, model).evidence, strict=True):
        x = torch.from_numpy(picture.copy())[None]
        defined = np.mean([_by_autograd(member, x, flip=model.info.flip) for member in model.members], axis=0)
        errors.append(float(abs(np.maximum(defined, 0) - np.maximum(evidence, 0)).max()))
    return max(errors)


def _by_autograd(member: Member, x: Tensor, *, flip: bool) -> NDArray[np.float32]:
    """Mean gradient of every label's logit by the last map, times the map, (labels, map rows, map columns)."""
    import torch

    with torch.no_grad():
        last = member.cnn.activations(x)
        if flip:
            last = (last + member.cnn.activations(x.flip(3)).flip(3)) / 2
    last.requires_grad_()
    logits = member.cnn.head(last.mean((2, 3)))[0]
    maps = []
    for label in LABELS:
        (gradient,) = torch.autograd.grad(logits[label.column], last, retain_graph=True)
        maps.append((gradient.mean((2, 3), keepdim=True) * last).sum(1)[0].detach().numpy())
    return np.stack(maps)
