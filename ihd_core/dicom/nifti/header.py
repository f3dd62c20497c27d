"""The header of a NIfTI file: what kind of values it holds, how many, and where they lie in the patient."""

from __future__ import annotations

import gzip
import logging
import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ihd_core.dicom.datasets import one_line
from ihd_core.dicom.elements import LARGEST
from ihd_core.dicom.multiframe import MOST_FRAMES
from ihd_core.errors import DicomError

if TYPE_CHECKING:
    from typing import BinaryIO

    from numpy.typing import NDArray

    from ihd_core.dicom.sources.source_files import SourceFile

ENDINGS = (".nii", ".nii.gz")

LARGEST_BYTES = 8 << 30
"""Values of one file, once inflated."""

LARGEST_START = 256 << 20
"""Bytes before the values; what others put there is skipped."""

_SIZES = frozenset({348, 540})
"""Bytes of the header in version 1 and 2, which the file begins with."""

_MM = {"mm": 1.0, "meter": 1000.0, "micron": 0.001, "unknown": 1.0}

_SMALLEST_VOXEL = 1e-9
"""Cubic millimetres; an affine that makes less of a voxel has no volume at all."""

_unheard = logging.Logger("nibabel", logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True, eq=False)
class NiftiHeader:
    """What a file says about its volume.

    Attributes:
        kind: of the stored values, with their byte order.
        shape: (i, j, k) as stored, i fastest.
        start: where in the file, once inflated, the values begin.
        slope: HU of one step of the stored value.
        intercept: HU of stored value 0.
        affine: float64 (3, 4), from stored indices (i, j, k, 1) to mm, LPS.
    """

    kind: np.dtype[Any]
    shape: tuple[int, int, int]
    start: int
    slope: float
    intercept: float
    affine: NDArray[np.float64]

    @property
    def value_bytes(self) -> int:
        """Of all values."""
        return math.prod(self.shape) * self.kind.itemsize


def is_nifti(file: SourceFile) -> bool:
    """Whether a file is called what NIfTI files are called."""
    return file.name.lower().endswith(ENDINGS)


def is_analyze(file: SourceFile) -> bool:
    """Whether a file is one of the two that hold an ANALYZE or NIfTI volume: NAME.hdr and NAME.img."""
    if file.suffix not in {".hdr", ".img"} or file.members:
        return False
    header = file.path if file.suffix == ".hdr" else file.path.with_suffix(".hdr")
    try:
        with header.open("rb") as stream:
            return _header_size(stream.read(4)) != 0
    except OSError:
        return False


def read_header(file: SourceFile) -> NiftiHeader:
    """Read the header of a file, version 1 or 2.

    Raises:
        OSError: the file cannot be read.
        DicomError: it is damaged or has no orientation, or its values are not those of one CT volume.

    Source:
        Cox et al., nifti1.h: the affine is the sform, else the qform; RAS.
    """
    with file.open() as stream:
        block = _first_bytes(file, stream)
    try:
        header, start = _parsed(file, block)
        kind, shape = _values(file, header)
        slope, intercept = header.get_slope_inter()
        if slope is None:
            slope, intercept = 1.0, 0.0
        with np.errstate(all="ignore"):  # a damaged affine is found by what comes of it
            return NiftiHeader(kind, shape, start, slope, intercept, _affine_lps(file, header))
    except DicomError:
        raise
    except Exception as error:  # a damaged header makes nibabel fail in any way there is
        raise DicomError(f"{file.name}: is damaged ({one_line(error)})") from error


def _header_size(start: bytes) -> int:
    """Bytes of a header that begins so; 0 where none does."""
    sizes = {int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big")} & _SIZES
    return sizes.pop() if sizes else 0


def _first_bytes(file: SourceFile, stream: BinaryIO) -> bytes:
    try:
        block = (gzip.GzipFile(fileobj=stream) if file.suffix == ".gz" else stream).read(max(_SIZES))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DicomError(f"{file.name}: is damaged ({one_line(error)})") from error
    if not block:
        raise DicomError(f"{file.name}: is empty (0 bytes)")
    return block


def _parsed(file: SourceFile, block: bytes) -> tuple[Any, int]:
    """The header as nibabel understands it, and where the values begin."""
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    size = _header_size(block)
    if not size:
        raise DicomError(f"{file.name}: is no NIfTI file")
    of_version = Nifti1Header if size == min(_SIZES) else Nifti2Header
    header: Any = of_version(block[:size], check=False)  # type: ignore[no-untyped-call]
    header.check_fix(logger=_unheard)
    magic, start = bytes(header["magic"])[:3], int(header["vox_offset"])
    if magic in {b"ni1", b"ni2"}:
        raise DicomError(f"{file.name}: has its values in a second file, which is not read; convert it to one .nii")
    if magic not in {b"n+1", b"n+2"} or not size <= start <= LARGEST_START:
        limit = f"at most from {LARGEST_START:,} on"
        raise DicomError(f"{file.name}: is damaged (mark {magic!r}, values from byte {start:,} on, {limit})")
    return header, start


def _values(file: SourceFile, header: Any) -> tuple[np.dtype[Any], tuple[int, int, int]]:
    """Kind and shape of the stored values."""
    kind, sides = header.get_data_dtype(), tuple(int(side) for side in header.get_data_shape())
    if kind.kind not in "iuf" or kind.itemsize > 8:
        raise DicomError(f"{file.name}: values of type {header.get_value_label('datatype')} are no HU")
    if math.prod(sides[3:]) != 1:
        raise DicomError(f"{file.name}: holds {math.prod(sides[3:])} volumes {sides}, only one is read")
    shape = (*sides, 1, 1, 1)[:3]
    if min(shape) < 1 or max(shape) > MOST_FRAMES or math.prod(shape) * kind.itemsize > LARGEST_BYTES:
        limit = f"at most {LARGEST_BYTES >> 30} GiB are read"
        raise DicomError(f"{file.name}: {' × '.join(map(str, shape))} values of {8 * kind.itemsize} bits ({limit})")
    if header.get_intent()[0] == "label":
        raise DicomError(f"{file.name}: is a map of labels, no HU")
    return kind, shape  # type: ignore[return-value]


def _affine_lps(file: SourceFile, header: Any) -> NDArray[np.float64]:
    """From stored indices (i, j, k, 1) to mm in LPS, (3, 4)."""
    from nibabel.spatialimages import HeaderDataError

    try:
        unit = header.get_xyzt_units()[0]
    except KeyError:
        unit = "unknown"
    for form in (header.get_sform, header.get_qform):
        try:
            affine, _ = form(coded=True)
        except (HeaderDataError, ValueError):
            continue
        if affine is None or not np.isfinite(affine).all():
            continue
        lps = np.array(np.diag([-1.0, -1.0, 1.0]) @ affine[:3] * _MM[unit], np.float64)
        if np.abs(lps).max() < LARGEST and abs(np.linalg.det(lps[:, :3])) > _SMALLEST_VOXEL:
            return lps
    raise DicomError(f"{file.name}: has no orientation (neither sform nor qform), and it is not guessed")
