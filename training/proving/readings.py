"""What a model, and the threshold detector, say of the held-out phantoms; read scan by scan in processes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.files import file_errors
from ihd_core.heatmaps.explain import FURTHER
from ihd_core.labels import LABELS, Label
from ihd_core.progress import Report, silent
from training.processes import Steps, in_processes
from training.proving.detector import blob_scores
from training.proving.held_out import read
from training.proving.maps import Slab, maps_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ihd_core.brain_mask import BrainMask
    from ihd_core.model_file import Model
    from ihd_core.phantom.lesion_record import LesionRecord
    from ihd_core.predict import Prediction
    from ihd_core.scan import Scan
    from training.proving.held_out import HeldOut
    from training.proving.maps import MapOf


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One phantom as the model and the detector read it; labels in the order of LABELS.

    Attributes:
        seed: of the phantom.
        slices: float32 (slices, labels), probabilities.
        scan: float32 (labels,), probabilities.
        truth: bool (slices, labels), what can be seen.
        faint: bool (slices, labels), what is there and cannot be seen.
        area_mm2: float64 (slices, labels), of what can be seen; any: of all subtypes together.
        blobs: float64 (slices, detector.SCORES).
        lesions: facts, one for every subtype and slice that has some of it.
        maps: of every slab with something to see, see maps_of().
        seconds: that the prediction took.
        warnings: codes of those that come with the prediction, each once.
        withheld: whether the program gives no result for the scan as a whole.
    """

    seed: int
    slices: NDArray[np.float32]
    scan: NDArray[np.float32]
    truth: NDArray[np.bool_]
    faint: NDArray[np.bool_]
    area_mm2: NDArray[np.float64]
    blobs: NDArray[np.float64]
    lesions: tuple[LesionRecord, ...]
    maps: tuple[MapOf, ...]
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    withheld: bool = False


def read_all(
    model: Path, files: Sequence[Path], *, further: int = 0, processes: int | None = None, report: Report = silent
) -> list[Reading]:
    """Read rendered phantoms with a model.

    Args:
        model: folder of the model.
        files: of held_out.render().
        further: of the files, how many are also explained by the methods of pytorch-grad-cam, which take long.
        processes: that read; None: one a core.
        report: called with scans; may raise Cancelled.

    Returns:
        In the order of their seeds.

    Raises:
        ModelFileError: the folder holds no model of this program.
        FileError: a phantom cannot be read.
        CannotPredict: a result is not a finite number.
        NoGradCam: pytorch-grad-cam is wanted and is not installed.
    """
    jobs = [(model, file, number < further) for number, file in enumerate(files)]
    found = list(in_processes(_read, jobs, processes=processes, total=len(jobs), report=report))
    return sorted(found, key=lambda one: one.seed)


def predict_all(
    model: Path, files: Sequence[Path], *, processes: int | None = None, report: Report = silent
) -> dict[Path, NDArray[np.float32]]:
    """Probabilities of whole scans, (labels,), by file; as read_all() without the rest."""
    jobs = [(model, file) for file in files]
    return dict(in_processes(_predict, jobs, processes=processes, total=len(jobs), report=report))


def model_of(folder: Path) -> Model:
    """The model of a folder, read once in every process while its files stay as they are."""
    return _model(folder, state_of(folder))


def state_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, time of change and size of the files of a folder: what is kept of them in memory is kept under this."""
    with file_errors(folder, "cannot be read"):
        files = sorted(folder.iterdir())
        return tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files)


@lru_cache(maxsize=1)
def _model(folder: Path, _state: tuple[tuple[str, int, int], ...]) -> Model:
    from ihd_core.model_file import load_model

    return load_model(folder)


def _predict(job: tuple[Path, Path], steps: Steps) -> tuple[Path, NDArray[np.float32]]:
    from ihd_core.predict import predict

    model, file = job
    found = predict(read(file).scan, model_of(model))
    steps.done(1)
    return file, found.scan


def _read(job: tuple[Path, Path, bool], steps: Steps) -> Reading:
    from ihd_core.brain_mask import brain_mask
    from ihd_core.heatmaps.further_methods import further_maps
    from ihd_core.predict import predict
    from ihd_core.scan_checks import examined

    model, file, further = job
    phantom = read(file)
    prediction = predict(examined(phantom.scan), model_of(model))
    for kind in FURTHER if further else ():
        prediction.further[kind] = further_maps(phantom.scan, model_of(model), kind)
    brain = brain_mask(phantom.scan)
    found = Reading(
        phantom.seed,
        prediction.slices,
        prediction.scan,
        phantom.truth,
        phantom.faint,
        areas(phantom.lesions, len(phantom.scan)),
        detector_scores(phantom.scan, brain),
        phantom.lesions,
        tuple(_maps(phantom, prediction, brain)),
        prediction.seconds,
        tuple(dict.fromkeys(warning.code for warning in prediction.warnings)),
        bool(prediction.withheld),
    )
    steps.done(1)
    return found


def areas(lesions: Sequence[LesionRecord], slices: int) -> NDArray[np.float64]:
    """Area that can be seen, (slices, labels), mm2; any: of all subtypes together."""
    found = np.zeros((slices, len(LABELS)))
    for one in lesions:
        found[one.slice_index, one.label.column] += one.area_mm2
        found[one.slice_index, Label.ANY.column] += one.area_mm2
    return found


def detector_scores(scan: Scan, brain: BrainMask) -> NDArray[np.float64]:
    """What the threshold detector says of every slice, (slices, detector.SCORES)."""
    spacing = scan.spacing_mm[1:]
    return np.array([blob_scores(scan.hu[index], brain.on_slice(index), spacing) for index in range(len(scan))])


def _maps(phantom: HeldOut, prediction: Prediction, brain: BrainMask) -> Iterator[MapOf]:
    for slab in range(len(prediction.evidence)):
        slices = np.flatnonzero(prediction.slab_of_slice == slab).tolist()
        seen = [index for index in slices if phantom.truth[index].any()]
        if not seen:
            continue
        inside = np.any([brain.on_slice(index) for index in slices], axis=0)
        lesions = {
            label: np.any([phantom.mask(label, index) for index in slices], axis=0)
            for label in LABELS
            if phantom.truth[slices, label.column].any()
        }
        yield from maps_of(phantom.scan, prediction, Slab(seen[0], lesions, inside))
