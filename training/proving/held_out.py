"""The phantoms on which models are judged: fixed seeds that no training uses, rendered once into a folder."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import ihd_core.phantom
from ihd_core.errors import FileError
from ihd_core.files import file_errors, make_folder, sha256, write_atomically
from ihd_core.labels import LABELS, SUBTYPES, Label
from ihd_core.phantom.lesion_record import LesionRecord
from ihd_core.progress import Report, silent
from ihd_core.scan import Scan, ScanDetails
from training.processes import Steps, in_processes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ihd_core.phantom.phantom import Phantom

FIRST_SEED = 500_000
"""Of the held-out phantoms. A training's own begin at 1,000,000 (training.data.synthetic.phantom_seed)."""
MOST_SCANS = 100_000
"""Seeds from FIRST_SEED that are kept for judging."""
SCANS = 300
"""How many judge a model, unless asked otherwise."""
SIZE = 512
"""Rows and columns, as scanners store them."""
_PARTS = frozenset(
    "seed hu spacing_mm orientation positions_mm thickness_mm uid bits truth faint lesions".split()  # noqa: SIM905
)
"""Of a file; an earlier layout may lack some."""


@dataclass(frozen=True, slots=True)
class Request:
    """A phantom to render.

    Attributes:
        seed: from FIRST_SEED up.
        thickness_mm: of its slices; None: as the seed draws it.
        size: rows and columns.
    """

    seed: int
    thickness_mm: float | None = None
    size: int = SIZE

    @property
    def name(self) -> str:
        """Of its file."""
        thickness = "" if self.thickness_mm is None else f"-{self.thickness_mm:g}mm"
        return f"{self.seed}-{self.size}{thickness}.npz"


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """A rendered phantom, as read back.

    Attributes:
        seed: of the phantom.
        scan: as if read from files.
        bits: uint8 (slices, rows, columns), bit i where SUBTYPES[i] is.
        truth: bool (slices, labels), what can be seen.
        faint: bool (slices, labels), what is there and cannot be seen; any: only where no subtype can be seen.
        lesions: facts, one for every subtype and slice that has some of it.
    """

    seed: int
    scan: Scan
    bits: NDArray[np.uint8]
    truth: NDArray[np.bool_]
    faint: NDArray[np.bool_]
    lesions: tuple[LesionRecord, ...]

    def mask(self, label: Label, index: int) -> NDArray[np.bool_]:
        """Where a label is on a slice, (rows, columns); any: all subtypes together."""
        return on_slice(self.bits, label, index)


def on_slice(bits: NDArray[np.uint8], label: Label, index: int) -> NDArray[np.bool_]:
    """Where a label is on a slice, (rows, columns), of masks kept as bits."""
    wanted = 0xFF if label is Label.ANY else 1 << SUBTYPES.index(label)
    mask: NDArray[np.bool_] = (bits[index] & np.uint8(wanted)) > 0
    return mask


def as_bits(masks: Mapping[Label, NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Masks by subtype, (slices, rows, columns), as one array: bit i where SUBTYPES[i] is."""
    bits = np.zeros(masks[SUBTYPES[0]].shape, np.uint8)
    for number, label in enumerate(SUBTYPES):
        bits |= (masks[label] > 0).astype(np.uint8) << np.uint8(number)
    return bits


def requests(scans: int, *, size: int = SIZE) -> list[Request]:
    """The first held-out phantoms, as their seeds draw them.

    Raises:
        FileError: more than are held out, or fewer than two, from which nothing can be said.
    """
    if not 2 <= scans <= MOST_SCANS:
        raise FileError(f"--scans is {scans}, must be 2 to {MOST_SCANS}")
    return [Request(FIRST_SEED + number, size=size) for number in range(scans)]


def render(
    cache: Path, wanted: Sequence[Request], *, processes: int | None = None, report: Report = silent
) -> list[Path]:
    """Render what is not there yet, and return the files in the order of the requests.

    The files lie in a folder named by a hash of the renderer's source: another phantom is never taken for this one.

    Args:
        cache: created if it is not there.
        wanted: each once.
        processes: that render; None: one a core.
        report: called with scans; may raise Cancelled.

    Raises:
        FileError: the folder cannot be written, or the renderer's source changes meanwhile.
    """
    folder = make_folder(cache / renderer())
    jobs = [(folder, one) for one in wanted]
    missing = [job for job in jobs if not (job[0] / job[1].name).exists()]
    there = len(jobs) - len(missing)
    for _ in in_processes(_render, missing, processes=processes, done=there, total=len(jobs), report=report):
        pass
    return [folder / one.name for one in wanted]


def renderer() -> str:
    """Names the phantom's source: the first digits of a hash over its modules."""
    (root,) = ihd_core.phantom.__path__
    files = sorted(Path(root).rglob("*.py"))
    return sha256("".join(sha256(file.read_bytes()) for file in files).encode())[:12]


def _render(job: tuple[Path, Request], steps: Steps) -> None:
    from ihd_core.phantom.phantom import phantom_scan

    folder, request = job
    if renderer() != folder.name:  # this process may have read newer source than the one that named the folder
        raise FileError(f"{folder}: the renderer's source has changed to {renderer()} since; run again")
    phantom = phantom_scan(request.seed, size=request.size, thickness_mm=request.thickness_mm)
    write_atomically(folder / request.name, _packed(request.seed, phantom))
    steps.done(1)


def _packed(seed: int, phantom: Phantom) -> bytes:
    scan = phantom.scan
    facts = [
        (one.label.column, one.slice_index, one.area_mm2, one.contrast_hu, one.thickness_mm, one.volume_ml)
        for one in phantom.lesions
    ]
    file = io.BytesIO()
    np.savez_compressed(
        file,
        seed=np.int64(seed),
        hu=scan.hu,
        spacing_mm=np.array(scan.spacing_mm),
        orientation=scan.orientation,
        positions_mm=scan.positions_mm,
        thickness_mm=np.float64(scan.details.thickness_mm),
        uid=np.array([scan.uid, *scan.slice_uids]),
        bits=as_bits(phantom.masks),
        truth=phantom.truth,
        faint=phantom.faint,
        lesions=np.array(facts, np.float64).reshape(-1, 6),
    )
    return file.getvalue()


def read(path: Path) -> HeldOut:
    """A rendered phantom.

    Raises:
        FileError: the file is missing or damaged.
    """
    with file_errors(path, "cannot be read"):
        try:
            with np.load(io.BytesIO(path.read_bytes())) as file:
                part = {name: file[name] for name in file.files}
        except (ValueError, EOFError, zipfile.BadZipFile) as error:
            raise FileError(f"{path}: damaged ({error}); remove it and run again") from error
    if missing := _PARTS - part.keys():
        raise FileError(f"{path}: has no {', '.join(sorted(missing))}; remove it and run again")
    uid, *slice_uids = part["uid"].tolist()
    slice_mm, row_mm, column_mm = part["spacing_mm"].tolist()
    scan = Scan(
        hu=part["hu"],
        spacing_mm=(slice_mm, row_mm, column_mm),
        orientation=part["orientation"],
        positions_mm=part["positions_mm"],
        uid=uid,
        slice_uids=tuple(slice_uids),
        source=str(path),
        details=ScanDetails(thickness_mm=float(part["thickness_mm"])),
    )
    lesions = tuple(
        LesionRecord(LABELS[int(label)], int(index), *facts) for label, index, *facts in part["lesions"].tolist()
    )
    return HeldOut(int(part["seed"]), scan, part["bits"], part["truth"], part["faint"], lesions)
