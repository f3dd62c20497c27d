"""Stage synthetic: phantoms as files in exactly the format of the RSNA 2019 set, with its labels and its faults."""

from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ihd_core.errors import FileError
from ihd_core.files import file_errors, make_folder, sha256, write_atomically
from ihd_core.labels import LABELS, SUBTYPES
from ihd_core.progress import Report, silent
from training.data.slice_table import UNKNOWN
from training.data.sources import Sources
from training.processes import Steps, in_processes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from ihd_core.scan import Scan
    from training.config import SyntheticConfig
    from training.run_folder import RunFolder

SETS = ("stage_2_train", "stage_2_test")
"""Folders of the labelled and the unlabelled files."""

LABELS_FILE, SAMPLE_FILE, MASKS = "stage_2_train.csv", "stage_2_sample_submission.csv", "masks"

_SCANS_OF_A_SET = 1_000_000
_REPEATED_SLICES = 4
"""Slices whose six rows stand twice in the table of labels, as in the original."""
_SECOND_SCAN = 0.15
"""Share of scans that are the second of the patient before."""
_LEAST_SIZE = 32
"""What phantom_scan() draws."""
SPARSE_MM = 15.0
"""Distance of the slices of a sparse scan: three or more of a usual one."""
_LOWEST_WRAPPED, _VALUES_OF_12_BITS = -1000, 4096


@dataclass(frozen=True, slots=True)
class _Storage:
    """How the files of a scan hold HU."""

    bits_stored: int
    signed: bool
    intercept: int
    window: tuple[str, str]
    wraps: bool = False


_STORAGES = (
    *[_Storage(16, True, -1024, ("30", "80"))] * 6,
    _Storage(16, True, 0, ("40", "150")),
    *[_Storage(12, False, -1024, ("00036\\00036", "00080\\00080"))] * 2,
    _Storage(12, False, 0, ("40", "80"), wraps=True),
)
"""Of every ten scans. The last has the fault that the reader repairs: HU modulo 4096, though the intercept is 0."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One scan to be written.

    Attributes:
        number: of the scan in its set.
        patient: number of its patient in its set.
        apart_mm: distance of the slices that are drawn; None: all of them.
    """

    folder: Path
    seed: int
    set_number: int
    number: int
    patient: int
    size: int
    apart_mm: float | None

    @property
    def part(self) -> Path:
        """Says that the scan is there, and its labels."""
        return self.folder / "parts" / f"{SETS[self.set_number]}-{self.number:06d}.json"


def phantom_seed(run_seed: int, set_number: int, number: int) -> int:
    """Seed of one phantom: no two sets and no two runs of other seeds share one, nor one below 1,000,000."""
    return (run_seed * len(SETS) + set_number + 1) * _SCANS_OF_A_SET + number


def write_synthetic(run: RunFolder, *, processes: int | None = None, report: Report = silent) -> None:
    """Write the phantoms of a run; what an interrupted sitting wrote is kept.

    The folder of the step then holds the files stage_2_train/ID_*.dcm and stage_2_test/ID_*.dcm, the labels and the
    sample submission in long form, and masks/ID_*.png: 8 bit, bit i where SUBTYPES[i] is, only of slices with one. A
    label of blood that is there and too faint to be seen has no value: it is left out of loss and metrics.

    Args:
        run: what it asks for is in config.synthetic.
        processes: that render; None: one a core.
        report: called with scans; may raise Cancelled.

    Raises:
        FileError: the numbers make no phantoms, the folder cannot be written, or the disk is full.
    """
    if run.is_done("synthetic"):
        return
    config = run.config.synthetic
    _refuse_impossible(config)
    folder = run.begin("synthetic")
    for name in (*SETS, MASKS, "parts"):
        make_folder(folder / name)
    jobs = [
        _Job(folder, run.config.seed, set_number, number, patient, config.size, None)
        for set_number, count in enumerate((config.scans, config.unlabelled))
        for number, patient in enumerate(_patients(run.config.seed, set_number, count))
    ]
    further = range(config.scans, config.scans + config.sparse)
    jobs += [_Job(folder, run.config.seed, 0, number, number, config.size, SPARSE_MM) for number in further]
    missing = [job for job in jobs if not job.part.exists()]
    there = len(jobs) - len(missing)
    for _ in in_processes(_write_scan, missing, processes=processes, done=there, total=len(jobs), report=report):
        pass
    _write_tables(folder, jobs, run.config.seed)
    shutil.rmtree(folder / "parts", ignore_errors=True)
    run.finish("synthetic", scans=config.scans, unlabelled=config.unlabelled, sparse=config.sparse)


def sources_of(run: RunFolder) -> Sources:
    """Where the phantoms of a run are, for the stage index.

    Raises:
        FileError: they have not been written.
    """
    folder = run.folder("synthetic")
    images = tuple(folder / name for name in SETS)
    return Sources("rsna", images, folder / LABELS_FILE, masks=folder / MASKS, sample_submission=folder / SAMPLE_FILE)


def _refuse_impossible(config: SyntheticConfig) -> None:
    for name, least in (("scans", 1), ("unlabelled", 0), ("sparse", 0), ("size", _LEAST_SIZE)):
        if (value := getattr(config, name)) < least:
            raise FileError(f"synthetic.{name} is {value}, must be at least {least}; the preset demo has phantoms")


def _patients(seed: int, set_number: int, scans: int) -> list[int]:
    """Number of the patient of every scan; some have two."""
    rng = np.random.default_rng([seed, 11, set_number])
    is_second = rng.random(scans) < _SECOND_SCAN
    patients: list[int] = []
    for index in range(scans):
        has_one = index > 0 and (index < 2 or patients[-1] != patients[-2])
        patients.append(patients[-1] if is_second[index] and has_one else index)
    return patients


def _write_scan(job: _Job, steps: Steps) -> None:
    """Render one scan and write its files; its labels last, which say that it is whole."""
    from ihd_core.phantom.phantom import phantom_scan

    phantom = phantom_scan(phantom_seed(job.seed, job.set_number, job.number), size=job.size, apart_mm=job.apart_mm)
    ids = [_hex_id(9, job, "slice", index) for index in range(len(phantom.scan))]
    storage = _storage(job)
    for index, name in enumerate(ids):
        path = job.folder / SETS[job.set_number] / f"{name}.dcm"
        _write_file(path, _stored(phantom.scan.hu[index], storage), _elements(job, storage, phantom.scan, index))
        bits = sum((phantom.masks[label][index] > 0).astype(np.uint8) << i for i, label in enumerate(SUBTYPES))
        if job.set_number == 0 and np.any(bits):
            write_atomically(job.folder / MASKS / f"{name}.png", cv2.imencode(".png", bits)[1].tobytes())
    truth = np.where(phantom.faint & ~phantom.truth, UNKNOWN, phantom.truth.astype(np.int8))
    rows = [[name, truth[index].tolist()] for index, name in enumerate(ids)]
    write_atomically(job.part, json.dumps(rows).encode())
    steps.done(1)


def _storage(job: _Job) -> _Storage:
    """Each ten scans that follow each other have all ways, in an order of the run's own."""
    order = np.random.default_rng([job.seed, 12, job.set_number]).permutation(len(_STORAGES))
    return _STORAGES[int(order[job.number % len(_STORAGES)])]


def _stored(hu: NDArray[np.int16], storage: _Storage) -> NDArray[np.uint16]:
    """The 16 bits of every pixel; 12 bits hold no less than -1024 or, where they wrap, -1000 HU."""
    values = hu.astype(np.int32)
    if storage.wraps:
        values = np.maximum(values, _LOWEST_WRAPPED) % _VALUES_OF_12_BITS
    else:
        values -= storage.intercept
    if not storage.signed:
        values = np.clip(values, 0, _VALUES_OF_12_BITS - 1)
    stored: NDArray[np.uint16] = (values & 0xFFFF).astype("<u2")
    return stored


def _elements(job: _Job, storage: _Storage, scan: Scan, index: int) -> dict[str, Any]:
    """What the header of an original says, and nothing else."""
    return {
        "SOPInstanceUID": _hex_id(9, job, "slice", index),
        "Modality": "CT",
        "PatientID": _hex_id(8, job, "patient", job.patient),
        "StudyInstanceUID": _hex_id(10, job, "study", job.number),
        "SeriesInstanceUID": _hex_id(10, job, "series", job.number),
        "StudyID": "",
        "ImagePositionPatient": [f"{value:.6f}" for value in scan.positions_mm[index]],
        "ImageOrientationPatient": [f"{value:.6f}" for value in scan.orientation[:2].ravel()],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": scan.hu.shape[1],
        "Columns": scan.hu.shape[2],
        "PixelSpacing": [f"{value:.6f}" for value in scan.spacing_mm[1:]],
        "BitsAllocated": 16,
        "BitsStored": storage.bits_stored,
        "HighBit": storage.bits_stored - 1,
        "PixelRepresentation": int(storage.signed),
        "WindowCenter": storage.window[0].split("\\"),
        "WindowWidth": storage.window[1].split("\\"),
        "RescaleIntercept": str(storage.intercept),
        "RescaleSlope": "1",
    }


def _write_file(path: Path, stored: NDArray[np.uint16], elements: Mapping[str, Any]) -> None:
    from pydicom import config
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian

    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID = CTImageStorage
    image.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    with file_errors(path), config.disable_value_validation():
        for keyword, value in elements.items():
            setattr(image, keyword, value)
        image.add_new("PixelData", "OW", stored.tobytes())
        image.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=True)


def _hex_id(digits: int, job: _Job, kind: str, number: int) -> str:
    """A name as the set has them."""
    of = [job.seed, job.set_number, job.number if kind == "slice" else None, kind, number]
    return f"ID_{sha256(json.dumps(of).encode())[:digits]}"


def _write_tables(folder: Path, jobs: list[_Job], seed: int) -> None:
    """The labels and the sample submission, slices in an order that tells nothing, six rows each."""
    for set_number, name in enumerate((LABELS_FILE, SAMPLE_FILE)):
        rng = np.random.default_rng([seed, 13, set_number])
        slices = [row for job in jobs if job.set_number == set_number for row in json.loads(job.part.read_bytes())]
        order = list(rng.permutation(len(slices)))
        if set_number == 0:
            for index in rng.choice(len(slices), min(_REPEATED_SLICES, len(slices)), replace=False):
                order.insert(int(rng.integers(len(order) + 1)), index)
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["ID", "Label"])
        for index in order:
            slice_id, truth = slices[index]
            known = ["" if value == UNKNOWN else value for value in truth]
            values = known if set_number == 0 else [0.5] * len(LABELS)
            rows.writerows([f"{slice_id}_{label}", value] for label, value in zip(LABELS, values, strict=True))
        write_atomically(folder / name, text.getvalue().encode())
