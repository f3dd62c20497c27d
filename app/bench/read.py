"""`ihd bench read`: how fast a series becomes a scan, against other readers in turns, and whether they agree."""

from __future__ import annotations

import os
import shutil
import subprocess
import tracemalloc
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom.reader import ScanReader, load_scan
from ihd_core.dicom.series import Series, find_series
from ihd_core.measure import Row, Table, at_least, at_most, interleaved, matrix_product, probe_row
from ihd_core.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from ihd_core.measure import Goal
    from ihd_core.progress import Report

    Work = Callable[[], object]

SLICES, SIDE = (35, 400), 512
"""Of the series that are made where no folder is given."""

MANY = 100
"""From so many slices on the goal is the higher one."""
PYDICOM_GOALS = {False: 15, True: 20}
"""Times as fast as pydicom, for few and for many uncompressed slices."""
OTHERS_GOAL = 5
MOST_MEMORY = 1.2
READING = "X / ours: how many times as long X takes; dcm2niix with its start"


@dataclass(frozen=True, slots=True)
class _Comparator:
    """Another reader.

    Attributes:
        make: a work that reads the files.
        absent: why it cannot be measured here; empty if it can.
    """

    name: str
    make: Callable[[Sequence[Path], Path], Work]
    absent: Callable[[], str]


def bench_read(path: Path | None = None, *, rounds: int, report: Report = silent) -> Table:
    """Measure the reading of a series.

    Args:
        path: folder of the series; otherwise series are made, and deleted at the end.
        rounds: how often each work is timed.
        report: called between the parts.

    Raises:
        DicomError: there is no scan to be read.
    """
    rows: list[Row] = []
    with _folders(path) as folders:
        for done, folder in enumerate(folders):
            report(done, len(folders))
            rows += _rows(folder, rounds, with_probe=not rows)
    report(len(folders), len(folders))
    made = "made for this" if path is None else f"from {path}"
    title = (
        f"Series {made}, {os.cpu_count()} processors, median of {rounds} interleaved rounds; files in the disk cache"
    )
    return Table(title, tuple(rows), READING)


@contextmanager
def _folders(path: Path | None) -> Iterator[list[Path]]:
    if path is not None:
        yield [path]
        return
    from ihd_core.phantom.series_writer import write_series

    with TemporaryDirectory(prefix="ihd-bench-") as temporary:
        folders = []
        for count in SLICES:
            folder = Path(temporary) / str(count)
            hu = np.random.default_rng(count).integers(-1024, 2000, (count, SIDE, SIDE)).astype(np.int16)
            write_series(folder, hu, spacing_mm=(1.0, 0.45, 0.45))
            folders.append(folder)
        yield folders


def _rows(folder: Path, rounds: int, *, with_probe: bool) -> list[Row]:
    """Everything about one series."""
    series = find_series([folder]).series[0]
    files = [file.path for file in series.files]
    count = series.slice_count
    is_plain = all(header.place is not None for header in series.stack.headers)
    goals: dict[str, Goal | None] = {"pydicom": at_least(PYDICOM_GOALS[count >= MANY]) if is_plain else None}
    with TemporaryDirectory(prefix="ihd-bench-") as temporary:
        present = {c.name: c.make(files, Path(temporary)) for c in COMPARATORS if not c.absent()}
        ours: dict[str, Work] = {"ours": lambda: load_scan(folder), "first": lambda: _first_slice(folder)}
        if is_plain:
            ours["reads alone"] = lambda: _reads_alone(series)
        # The probe stands between what dcm2niix has written, which goes on to the disk for a while, and our next turn.
        timings = interleaved({**ours, **present, "probe": matrix_product()}, rounds)
    rows = [probe_row(timings, "probe")] if with_probe else []
    rows.append(Row(f"{count} slices: folder to scan", 1000 * timings.median("ours"), "ms"))
    rows.append(
        Row(f"{count} slices: first slice / whole scan", timings.ratio("first", to="ours"), "times", at_most(1))
    )
    if is_plain:
        rows.append(Row(f"{count} slices: ours / reads alone", timings.ratio("ours", to="reads alone"), "times"))
    for comparator in COMPARATORS:
        name, goal = comparator.name, goals.get(comparator.name, at_least(OTHERS_GOAL) if is_plain else None)
        value = timings.ratio(name, to="ours") if name in present else None
        rows.append(Row(f"{count} slices: {name} / ours", value, "times", goal, comparator.absent()))
    rows.append(Row(f"{count} slices: peak memory / int16 volume", _peak_memory(series), "times", at_most(MOST_MEMORY)))
    difference = largest_difference(series)
    rows.append(Row(f"{count} slices: largest difference from pydicom", difference, "HU", at_most(0)))
    return rows


def _first_slice(folder: Path) -> NDArray[np.int16]:
    """From a folder to the slice that is shown before the rest is read."""
    _, hu = next(ScanReader(find_series([folder]).series[0]).slices())
    return hu


def _reads_alone(series: Series) -> NDArray[np.int16]:
    """What nothing can be faster than: every file opened and its pixels read into one new array, unseen."""
    first = series.stack.headers[0]
    volume = np.empty((series.slice_count, first.rows, first.columns), np.int16)
    for values, header in zip(volume, series.stack.headers, strict=True):
        if header.place is not None:
            header.file.read_into(values, header.place.start)
    return volume


def _peak_memory(series: Series) -> float:
    """Largest memory in use while a scan is read, as a share of its HU."""
    tracemalloc.start()
    try:
        scan = load_scan(series)
        return tracemalloc.get_traced_memory()[1] / scan.hu.nbytes
    finally:
        tracemalloc.stop()


def largest_difference(series: Series) -> float:
    """Between our HU and those of pydicom, wherever the file announces no padding and it is no air beyond the scanner.

    Args:
        series: of single-frame files.
    """
    import pydicom

    from ihd_core.dicom.pixel_data.pixels import LOWEST_HU

    largest = 0.0
    hu = load_scan(series, repair=False).hu
    for ours, header in zip(hu, series.stack.headers, strict=True):
        with header.file.open() as file:
            dataset = pydicom.dcmread(file)
        theirs = _pydicom_hu(dataset)
        told = ~np.isin(dataset.pixel_array, [dataset.get("PixelPaddingValue", [])]) & (theirs >= LOWEST_HU)
        largest = max(largest, float(abs(np.rint(theirs) - ours)[told].max(initial=0)))
    return largest


def _pydicom_hu(dataset: object) -> NDArray[np.float64]:
    slope, intercept = float(getattr(dataset, "RescaleSlope", 1)), float(getattr(dataset, "RescaleIntercept", 0))
    hu: NDArray[np.float64] = dataset.pixel_array.astype(np.float64) * slope + intercept  # type: ignore[attr-defined]
    return hu


def _with_pydicom(files: Sequence[Path], _: Path) -> Work:
    """What most scripts do: file by file, in double precision, then a stack."""
    import pydicom

    return lambda: np.stack([_pydicom_hu(pydicom.dcmread(file)) for file in files])


def _with_gdcm(files: Sequence[Path], _: Path) -> Work:
    import gdcm

    def read(file: Path) -> NDArray[np.int16]:
        reader = gdcm.ImageReader()
        reader.SetFileName(str(file))
        reader.Read()
        image = reader.GetImage()
        pixel_format = image.GetPixelFormat()
        kind = "i" if pixel_format.GetPixelRepresentation() else "u"
        stored = np.frombuffer(
            image.GetBuffer().encode("utf-8", "surrogateescape"), f"{kind}{pixel_format.GetBitsAllocated() // 8}"
        )
        hu: NDArray[np.int16] = (stored * image.GetSlope() + image.GetIntercept()).astype(np.int16)
        return hu.reshape(image.GetDimension(1), image.GetDimension(0))

    return lambda: np.stack([read(file) for file in files])


def _with_dcm2niix(files: Sequence[Path], temporary: Path) -> Work:
    """Its whole process, which writes an uncompressed file; there is no other way to call it."""
    folder = temporary / "series"
    folder.mkdir()
    for number, file in enumerate(files):
        (folder / f"{number:05d}.dcm").symlink_to(file.resolve())
    command = ["dcm2niix", "-z", "n", "-b", "n", "-w", "1", "-f", "out", "-o", str(temporary), str(folder)]
    return lambda: subprocess.run(command, check=True, capture_output=True)


def _with_simpleitk(files: Sequence[Path], _: Path) -> Work:
    import SimpleITK

    names = [str(file) for file in files]
    return lambda: SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(names))


def _not_importable(name: str) -> str:
    from importlib.util import find_spec

    return "" if find_spec(name) else f"{name} is not installed"


COMPARATORS = (
    _Comparator("pydicom", _with_pydicom, lambda: ""),
    _Comparator("GDCM", _with_gdcm, lambda: _not_importable("gdcm")),
    _Comparator("dcm2niix", _with_dcm2niix, lambda: "" if shutil.which("dcm2niix") else "dcm2niix is not installed"),
    _Comparator("SimpleITK", _with_simpleitk, lambda: _not_importable("SimpleITK")),
)
