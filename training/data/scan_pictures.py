"""Read the files of a scan as the program does, and lay what its network reads into the network's picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom.pixel_data.pixels import read_hu
from ihd_core.dicom.reader import ScanReader
from ihd_core.dicom.series import find_series
from ihd_core.errors import CannotPredict, DicomError
from ihd_core.model_input import placement, slabs, small_hu

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ihd_core.dicom.headers import Header
    from ihd_core.dicom.series import Series
    from ihd_core.model_input import Placement


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One slice, or neighbouring thin slices averaged.

    Attributes:
        files: of its slices, inferior first; without those that cannot be read.
        hu: int16 (side, side), from small_hu().
        place: how the stored slices lie in it.
    """

    files: tuple[Path, ...]
    hu: NDArray[np.int16]
    place: Placement


@dataclass(slots=True)
class ScanPictures:
    """What the files of a scan gave.

    Attributes:
        pictures: each file is in one of them, or has a reason.
        reasons: by file, why there is no picture of it.
    """

    pictures: list[Picture] = field(default_factory=list)
    reasons: dict[Path, str] = field(default_factory=dict)


def scan_pictures(files: Sequence[Path], side: int) -> ScanPictures:
    """Read a scan: repaired, ordered, turned and, where its slices are thin, averaged as the program does it.

    A slice whose file cannot be read is in no picture, also where the program would show a copy of it.

    Args:
        files: of one slice each.
        side: rows and columns of a picture.

    Returns:
        A picture or a reason for every file; pictures of one series inferior first.
    """
    found = ScanPictures(reasons={file: "does not exist any more" for file in files if not file.is_file()})
    there = [file for file in files if file not in found.reasons]
    if not there:
        return found
    try:
        inside = find_series(there)
    except DicomError as error:
        found.reasons.update(dict.fromkeys(there, str(error)))
        return found
    for entry in inside.left_out:
        found.reasons.update({file.path: entry.reason for file in entry.files})
    for series in inside.series:
        _read(series, side, found)
    shown = {file for picture in found.pictures for file in picture.files}
    for file in there:
        if file not in shown:
            found.reasons.setdefault(file, "lies where another slice of the scan does")
    return found


def _read(series: Series, side: int, found: ScanPictures) -> None:
    """Read one series; what cannot be read gets a reason."""
    headers = series.stack.headers
    reader = ScanReader(series)
    try:
        indices = sorted(index for index, _ in reader.slices())
        scan = reader.scan()
        place = placement(scan, side)
    except (DicomError, CannotPredict) as error:
        found.reasons.update({header.file.path: _why_unreadable(header) or str(error) for header in headers})
        return
    is_good = np.ones(len(indices), bool)
    for number, index in enumerate(indices):
        if series.stack.others_at(index) and (reason := _why_unreadable(headers[index])):
            found.reasons[headers[index].file.path] = reason
            is_good[number] = False
    for slab in slabs(scan):
        good = [number for number in slab if is_good[number]]
        if good:
            hu = scan.hu[good[0]] if len(good) == 1 else scan.hu[good].mean(axis=0, dtype=np.float32)
            files = tuple(headers[indices[number]].file.path for number in good)
            found.pictures.append(Picture(files, small_hu(hu, place), place))
    for index in set(range(len(headers))).difference(indices):
        header = headers[index]
        found.reasons[header.file.path] = _why_unreadable(header) or "no HU while the other slices of the scan have"


def _why_unreadable(header: Header) -> str:
    """The reader's reason for one slice by itself; empty where its pixels can be read."""
    try:
        read_hu(header)
    except DicomError as error:
        return str(error)
    return ""
