"""Read the files of a scan as the program does, and lay every slice into the network's picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ihd_core.dicom.pixel_data.pixels import read_hu
from ihd_core.dicom.reader import ScanReader
from ihd_core.dicom.series import find_series
from ihd_core.errors import CannotPredict, DicomError
from ihd_core.model_input import placement, small_hu

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ihd_core.dicom.headers import Header
    from ihd_core.dicom.series import Series
    from ihd_core.model_input import Placement


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One slice.

    Attributes:
        hu: int16 (side, side), from small_hu().
        place: how the stored slice lies in it.
    """

    hu: NDArray[np.int16]
    place: Placement


@dataclass(slots=True)
class ScanPictures:
    """What the files of a scan gave.

    Attributes:
        pictures: by file.
        reasons: by file, why there is no picture of it.
    """

    pictures: dict[Path, Picture] = field(default_factory=dict)
    reasons: dict[Path, str] = field(default_factory=dict)


def scan_pictures(files: Sequence[Path], side: int) -> ScanPictures:
    """Read a scan: repaired, ordered and turned as the program does it, each slice by itself.

    A slice whose file cannot be read has no picture, also where the program would show a copy of it.

    Args:
        files: of one slice each.
        side: rows and columns of a picture.

    Returns:
        A picture or a reason for every file.
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
    for file in there:
        if file not in found.pictures:
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
    for number, index in enumerate(indices):
        header = headers[index]
        if series.stack.others_at(index) and (reason := _why_unreadable(header)):
            found.reasons[header.file.path] = reason
        else:
            found.pictures[header.file.path] = Picture(small_hu(scan.hu[number], place), place)
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
