"""How well the CNN's maps keep to lesions and skull: recall lesion by lesion, and the share of evidence outside."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.brain_mask import brain_mask
from ihd_core.labels import LABELS, Label
from ihd_core.progress import Report, silent
from ihd_core.scan import Scan
from training.data.masks import CELL
from training.fitting.localised import MapCells, lesions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ihd_core.networks.network import SliceCnn
    from training.config import RunConfig
    from training.fitting.loader import SliceSource
    from training.run_folder import RunFolder

FULL_SCALE = 0.95
"""Quantile of the maps' peaks on slices where the label is true: about what the program paints in full colour."""
FLOOR = 0.2
"""Share of it below which the program paints nothing; such a peak finds no lesion."""
FIELD_MM = 240.0
"""Side of a picture, taken for the skull's search; prepared slices do not keep it, and heads fill their pictures."""
MOST_SCANS = 300
SCANS = 5
"""Purpose of chance: which scans are looked at, where there are more."""


@dataclass(frozen=True, slots=True, eq=False)
class MapQuality:
    """Counts over slices; all arrays are (labels,), in the order of LABELS.

    Attributes:
        lesions: connected lesions, on each slice anew, of labels that are true there.
        found: of these, those with a peak of the label's map above the floor on one of their cells.
        evidence: positive evidence on slices of heads in which the skull was found, units of the logit.
        outside: of this, on cells that hold nothing inside the skull.
    """

    lesions: NDArray[np.int64]
    found: NDArray[np.int64]
    evidence: NDArray[np.float64]
    outside: NDArray[np.float64]

    def recall(self, label: Label) -> float:
        """Share of the lesions that were found; nan without any."""
        column = label.column
        return float(self.found[column] / self.lesions[column]) if self.lesions[column] else float("nan")

    def share_outside(self, label: Label) -> float:
        """Share of the positive evidence that lies outside the skull; nan without any."""
        column = label.column
        return float(self.outside[column] / self.evidence[column]) if self.evidence[column] else float("nan")

    def __add__(self, other: MapQuality) -> MapQuality:
        return MapQuality(
            self.lesions + other.lesions,
            self.found + other.found,
            self.evidence + other.evidence,
            self.outside + other.outside,
        )


def map_quality(run: RunFolder, role: str, *, report: Report = silent) -> MapQuality:
    """Judge the maps of every fold's CNN on scans of one role; counts of the folds are added.

    Args:
        run: with the step cnn.
        role: "validation" or "test", one of split.ROLES.
        report: gets slices.

    Raises:
        FileError: the CNN has not been fitted.
    """
    from training.data.pictures import open_pictures
    from training.data.split import ROLES, roles
    from training.fitting.cnn import load_cnn

    pictures, total = open_pictures(run), no_maps()
    folds = len(run.folds())
    for fold in run.folds():
        rows = np.flatnonzero(roles(run, pictures.table, fold) == ROLES.index(role))

        def part(done: int, count: int, fold: int = fold) -> None:
            report(fold * count + done, folds * count)

        total += quality_on(load_cnn(run, fold), pictures, rows, run.config, report=part)
    return total


def no_maps() -> MapQuality:
    """Nothing judged yet."""
    count = len(LABELS)
    return MapQuality(np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count), np.zeros(count))


def quality_on(
    cnn: SliceCnn, source: SliceSource, rows: NDArray[np.intp], config: RunConfig, *, report: Report = silent
) -> MapQuality:
    """Judge the maps of one CNN.

    Args:
        cnn: in evaluation mode, on any device.
        source: of the pictures.
        rows: whole scans of the source's table; of more than MOST_SCANS some are drawn.
        config: seed and cnn are read.
        report: gets slices.
    """
    from ihd_core.networks.network import cell_geometry

    rows = _some_scans(source, rows, config.seed)
    if not len(rows):
        return no_maps()
    to_map = MapCells.of(cell_geometry(cnn, source.side), source.side)
    maps = _maps(cnn, source, rows, config, report)
    truth, known = source.table.truth[rows] == 1, [source.cells(int(row)) for row in rows]
    numbers = [None if cells is None else lesions(to_map(cells)) for cells in known]
    return judged(maps, truth, numbers, _inside(source, rows, to_map))


def judged(
    maps: NDArray[np.float32],
    truth: NDArray[np.bool_],
    numbers: Sequence[NDArray[np.int64] | None],
    inside: Sequence[NDArray[np.bool_] | None],
) -> MapQuality:
    """Judge maps against lesions and skull.

    Args:
        maps: (slices, labels, rows, columns), in units of the logit, before the ReLU.
        truth: (slices, labels).
        numbers: of every slice, from localised.lesions(); None where they are not known.
        inside: of every slice, cells that hold something inside the skull, (rows, columns); None where no skull was
            found in the scan.
    """
    positive = np.maximum(maps, 0)
    floors = _floors(positive, truth)
    total = no_maps()
    for found_map, true, lesion, within in zip(positive, truth, numbers, inside, strict=True):
        if within is not None:
            total.evidence[:] += found_map.sum((1, 2))
            total.outside[:] += np.where(within, 0, found_map).sum((1, 2))
        if lesion is None:
            continue
        for label in np.flatnonzero(true):
            hit = lesion[label][_peaks(found_map[label], floors[label])]
            total.lesions[label] += lesion[label].max()
            total.found[label] += len(np.unique(hit[hit > 0]))
    return total


def _floors(positive: NDArray[np.float32], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Evidence from which on a peak counts, by label."""
    peaks = positive.max((2, 3))
    of_label = [peaks[true, label] for label, true in enumerate(truth.T)]
    return np.array([FLOOR * np.quantile(one, FULL_SCALE) if len(one) else np.inf for one in of_label])


def _peaks(positive: NDArray[np.float32], floor: float) -> NDArray[np.bool_]:
    """Cells above the floor that no neighbour exceeds, corners included."""
    highest = cv2.dilate(np.ascontiguousarray(positive), np.ones((3, 3), np.uint8))
    peaks: NDArray[np.bool_] = (positive >= highest) & (positive > 0) & (positive >= floor)
    return peaks


def _maps(
    cnn: SliceCnn, source: SliceSource, rows: NDArray[np.intp], config: RunConfig, report: Report
) -> NDArray[np.float32]:
    """Closed-form maps of some pictures, (slices, labels, rows, columns)."""
    import torch

    from training.fitting.loader import Loader, default_threads, windowed
    from training.fitting.localised import evidence

    batch, device = config.cnn.batch, cnn.mean.device
    numbers = replace(config.cnn, augmentation="none")
    loader = Loader(source, numbers, threads=default_threads(1, device), is_pinned=device.type == "cuda")
    found: list[NDArray[np.float32]] = []
    with torch.inference_mode():
        for one in loader.batches(np.resize(rows, (-(-len(rows) // batch), batch)), ()):
            report(len(found) * batch, len(rows))
            activations = cnn(windowed(one.pictures.to(device))).activations
            found.append(evidence(cnn.head.weight, activations).float().cpu().numpy())
    report(len(rows), len(rows))
    return np.concatenate(found)[: len(rows)]


def _inside(source: SliceSource, rows: NDArray[np.intp], to_map: MapCells) -> list[NDArray[np.bool_] | None]:
    """Cells of every slice that hold something inside the skull; None for scans in which no skull was found."""
    found: list[NDArray[np.bool_] | None] = []
    scan_of_row, heights = source.table.scan_of_row()[rows], source.table.heights_mm[rows]
    for number in dict.fromkeys(scan_of_row.tolist()):
        chosen = np.flatnonzero(scan_of_row == number)
        scan = _as_scan(np.stack([source.hu(int(row)) for row in rows[chosen]]), heights[chosen])
        mask = brain_mask(scan)
        size = source.side // CELL
        for index in range(len(scan)):
            cells = np.zeros((size, size), np.uint8)
            mask.on_slice(index).reshape(size, CELL, size, CELL).any(axis=(1, 3), out=cells.view(np.bool_))
            found.append(to_map(cells) > 0 if mask.inside.any() else None)
    return found


def _as_scan(hu: NDArray[np.int16], heights_mm: NDArray[np.float64]) -> Scan:
    """Pictures of a scan as a scan."""
    gaps = np.diff(heights_mm)
    pixel_mm = FIELD_MM / hu.shape[1]
    positions = np.zeros((len(hu), 3))
    positions[:, 2] = heights_mm
    spacing_mm = (float(np.median(gaps)) if len(gaps) else 0.0, pixel_mm, pixel_mm)
    return Scan(hu, spacing_mm, np.eye(3), positions, "", tuple(map(str, range(len(hu)))))


def _some_scans(source: SliceSource, rows: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """The rows of at most MOST_SCANS scans, in order."""
    scan_of_row = source.table.scan_of_row()[rows]
    scans = np.unique(scan_of_row)
    if len(scans) > MOST_SCANS:
        scans = np.random.default_rng([SCANS, seed]).choice(scans, MOST_SCANS, replace=False)
    return rows[np.isin(scan_of_row, scans)]
