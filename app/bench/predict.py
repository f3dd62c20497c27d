"""`ihd bench predict`: how fast a scan is read and explained, and how far the fast ways are from the plain ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import cv2
import numpy as np

from app.places import default_model
from ihd_core.labels import LABELS
from ihd_core.measure import Row, Table, at_least, at_most, interleaved, matrix_product, probe_row
from ihd_core.model_input import AIR, CHANNELS, neighbours_of, placement, slabs
from ihd_core.predict import pictures, predict, prediction_steps
from ihd_core.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from ihd_core.measure import Goal
    from ihd_core.model_file import Member, Model, ModelInfo
    from ihd_core.model_input import Placement
    from ihd_core.progress import Report
    from ihd_core.scan import Scan

SLICES, SIDE = 35, 512
"""Of the phantom that is measured where no scan is given."""
SHIPPED_SECONDS = 3.0
"""In which the model that comes with the program should read a scan."""


def bench_predict(model_folder: Path, path: Path | None = None, *, rounds: int, report: Report = silent) -> Table:
    """Measure a model on a scan.

    Args:
        model_folder: whose model is measured; the one that comes with the program has a goal in seconds.
        path: DICOM files of the scan; otherwise a phantom is made.
        rounds: how often each work is timed.
        report: called between the parts.

    Raises:
        ModelFileError: the model is refused.
        DicomError: there is no scan to be read.
        CannotPredict: the scan's slices are sagittal or coronal.
    """
    from ihd_core.model_file import load_model

    model, scan = load_model(model_folder), _scan(path)
    is_shipped = model_folder.resolve() == default_model().resolve()
    parts: tuple[Callable[[], list[Row]], ...] = (
        lambda: _scan_rows(scan, model, rounds, at_most(SHIPPED_SECONDS) if is_shipped else None),
        lambda: _input_rows(scan, model, rounds),
        lambda: [_evidence_row(scan, model, rounds)],
        lambda: [_grad_cam_row(scan, model, rounds)],
        lambda: [_autograd_row(scan, model)],
    )
    rows: list[Row] = []
    for done, part in enumerate(parts):
        report(done, len(parts))
        rows += part()
    report(len(parts), len(parts))
    return Table(_title(scan, model, rounds), tuple(rows))


def _scan(path: Path | None) -> Scan:
    """What is measured."""
    if path is None:
        from ihd_core.phantom.phantom import phantom_scan

        return phantom_scan(0, size=SIDE, slices=SLICES).scan
    from ihd_core.dicom.reader import load_scan

    return load_scan(path)


def _title(scan: Scan, model: Model, rounds: int) -> str:
    import torch

    slices, rows, columns = scan.hu.shape
    return (
        f"{slices} slices of {rows} x {columns}, model {model.info.name} ({model.info.backbone} at {model.info.side}), "
        f"{torch.get_num_threads()} threads on {os.cpu_count()} processors, median of {rounds} interleaved rounds"
    )


def _scan_rows(scan: Scan, model: Model, rounds: int, goal: Goal | None) -> list[Row]:
    """A whole prediction, with the probe beside it."""
    timings = interleaved({"probe": matrix_product(), "scan": lambda: predict(scan, model)}, rounds)
    seconds = Row("scan to probabilities and all heatmaps", timings.median("scan"), "s", goal)
    return [probe_row(timings, "probe"), seconds]


def _input_rows(scan: Scan, model: Model, rounds: int) -> list[Row]:
    """What the network gets, against the naive way."""
    works = {"naive": lambda: naive_input(scan, model.info), "ours": lambda: _inputs(scan, model)}
    timings = interleaved(works, rounds)
    error = float(abs(np.stack(_inputs(scan, model)) - naive_input(scan, model.info)).max())
    return [
        Row("network input: naive / ours", timings.ratio("naive", to="ours"), "times", at_least(30)),
        Row("network input: largest difference from naive", error, "of 0..1", at_most(1e-6)),
    ]


def _evidence_row(scan: Scan, model: Model, rounds: int) -> Row:
    """Slab after slab, with evidence and without in turns: a few per cent show only in many short comparisons."""
    steps, passes = _endless_steps(scan, model), _endless_passes(scan, model)
    works = {"with": lambda: next(steps), "without": lambda: next(passes)}
    timings = interleaved(works, rounds * len(slabs(scan)))
    return Row("forward pass with evidence / without", timings.ratio("with", to="without"), "times", at_most(1.05))


def _grad_cam_row(scan: Scan, model: Model, rounds: int) -> Row:
    """Six heatmaps, forward pass and all, against the library; one slice is short, so three times a round."""
    import torch

    from app.bench.grad_cam import six_heatmaps
    from ihd_core.heatmaps.grad_cam_library import NoGradCam

    name, goal = "six heatmaps of a slice: pytorch-grad-cam / ours", at_least(20)
    middle = _inputs(scan, model)[len(slabs(scan)) // 2]
    steps = _endless_steps(scan, model)
    try:
        library = six_heatmaps([member.cnn for member in model.members], torch.from_numpy(middle[None].copy()))
    except NoGradCam as error:
        return Row(name, None, "times", goal, str(error))
    timings = interleaved({"library": library, "ours": lambda: np.maximum(next(steps), 0)}, 3 * rounds)
    return Row(name, timings.ratio("library", to="ours"), "times", goal)


def _autograd_row(scan: Scan, model: Model) -> Row:
    error = heatmap_error(scan, model)
    return Row("six heatmaps: largest difference from autograd", error, "logit", at_most(1e-5))


def _endless_steps(scan: Scan, model: Model) -> Iterator[NDArray[np.float32]]:
    """Evidence of slab after slab, as a prediction computes it, over and over."""
    while True:
        yield from (result.evidence for result in prediction_steps(scan, model))


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


def _inputs(scan: Scan, model: Model) -> list[NDArray[np.float32]]:
    """Every slab as the network gets it."""
    return [picture for _, picture in pictures(scan, model.info)]


def naive_input(scan: Scan, info: ModelInfo) -> NDArray[np.float64]:
    """What the network gets, written to be read rather than to be fast: whole scan, double precision, step by step.

    Args:
        scan: axial.
        info: of the network.

    Returns:
        (slabs, channels, side, side), 0..1.
    """
    place = placement(scan, info.side)
    hu = np.stack([scan.hu[slab.start : slab.stop].mean(axis=0, dtype=np.float64) for slab in slabs(scan)])
    hu = _naive_square(np.ascontiguousarray(place.turn.apply(hu)), place)
    if info.resize == "hu":
        views = np.stack(_windowed(np.rint(_naive_small(hu, info.side))))
    else:
        views = np.stack([_naive_small(view, info.side) for view in _windowed(hu)])
    together = [neighbours_of(index, len(hu), info.neighbours) for index in range(len(hu))]
    return np.stack([np.concatenate([views[:, one] for one in some]) for some in together])


def _windowed(hu: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The three windows one after the other, each (slabs, rows, columns)."""
    views = []
    for window in CHANNELS:
        low, high = window.center - window.width / 2, window.center + window.width / 2
        views.append((np.clip(hu, low, high) - low) / (high - low))
    return views


def _naive_small(pictures: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Square pictures at the network's size, one by one."""
    how = cv2.INTER_AREA if pictures.shape[1] > side else cv2.INTER_LINEAR
    small = [cv2.resize(picture, (side, side), interpolation=how) for picture in pictures]
    return np.asarray(small, np.float64)


def _naive_square(hu: NDArray[np.float64], place: Placement) -> NDArray[np.float64]:
    """Slices with square pixels, and air where rows or columns are missing, (slabs, longest, longest)."""
    rows, columns = place.square
    if hu.shape[1:] != place.square:
        flat = [cv2.resize(one, (columns, rows), interpolation=cv2.INTER_LINEAR) for one in hu]
        hu = np.asarray(flat, np.float64)
    if rows == columns:
        return hu
    top, left = place.padding
    longest = max(rows, columns)
    around = ((0, 0), (top, longest - rows - top), (left, longest - columns - left))
    return np.pad(hu, around, constant_values=AIR)


def heatmap_error(scan: Scan, model: Model) -> float:
    """Largest difference between the closed form and Grad-CAM as it is defined, by autograd, over slabs and labels."""
    import torch

    errors = []
    for picture, evidence in zip(_inputs(scan, model), predict(scan, model).evidence, strict=True):
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
