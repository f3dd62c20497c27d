"""The header of a NIfTI file: what kind of values it holds, how many, and where they lie in the patient."""

from __future__ import annotations

import gzip
import logging
import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ihd_core.dicom.multiframe import MOST_FRAMES
from ihd_core.errors import DicomError

if TYPE_CHECKING:
    from typing import BinaryIO

    from numpy.typing import NDArray

    from ihd_core.dicom.source_files import SourceFile

ENDINGS = (".nii", ".nii.gz")

LARGEST_BYTES = 8 << 30
"""Values of one file, once inflated."""

_SIZES = frozenset({348, 540})
"""Bytes of the header in version 1 and 2, which the file begins with."""

_MM = {"mm": 1.0, "meter": 1000.0, "micron": 0.001, "unknown": 1.0}

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
        header, start = _parsed(file, stream)
    kind, shape = _values(file, header)
    slope, intercept = _scaling(file, header)
    return NiftiHeader(kind, shape, start, slope, intercept, _affine_lps(file, header))


def _header_size(start: bytes) -> int:
    """Bytes of a header that begins so; 0 where none does."""
    sizes = {int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big")} & _SIZES
    return sizes.pop() if sizes else 0


def _parsed(file: SourceFile, stream: BinaryIO) -> tuple[Any, int]:
    """The header as nibabel understands it, and where the values begin."""
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    try:
        block = (gzip.GzipFile(fileobj=stream) if file.suffix == ".gz" else stream).read(540)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DicomError(f"{file.name}: is damaged ({error})") from error
    size = _header_size(block)
    if not block or not size:
        raise DicomError(f"{file.name}: is {'no NIfTI file' if block else 'empty (0 bytes)'}")
    of_version = Nifti1Header if size == 348 else Nifti2Header
    try:
        header = of_version(block[:size], check=False)  # type: ignore[no-untyped-call]
        header.check_fix(logger=_unheard)  # type: ignore[no-untyped-call]
    except (HeaderDataError, WrapStructError, ValueError, KeyError) as error:
        raise DicomError(f"{file.name}: is damaged ({error})") from error
    magic = bytes(header["magic"])[:3]
    if magic in {b"ni1", b"ni2"}:
        raise DicomError(
            f"{file.name}: keeps its values in a second file (.img), which is not read; convert it to .nii"
        )
    start = int(header["vox_offset"])
    if magic not in {b"n+1", b"n+2"} or start < size:
        raise DicomError(f"{file.name}: is damaged (mark {magic!r}, values from byte {start:,} on)")
    return header, start


def _values(file: SourceFile, header: Any) -> tuple[np.dtype[Any], tuple[int, int, int]]:
    """Kind and shape of the stored values."""
    from nibabel.spatialimages import HeaderDataError

    try:
        kind, sides = header.get_data_dtype(), tuple(int(side) for side in header.get_data_shape())
    except (HeaderDataError, KeyError, ValueError) as error:
        raise DicomError(f"{file.name}: is damaged ({error})") from error
    if kind.kind not in "iuf" or kind.itemsize > 8:
        raise DicomError(f"{file.name}: values of type {header.get_value_label('datatype')} are no HU")
    if math.prod(sides[3:]) != 1:
        raise DicomError(f"{file.name}: holds {math.prod(sides[3:])} volumes ({sides}), only one is read")
    shape = (*sides, 1, 1, 1)[:3]
    if min(shape) < 1 or max(shape) > MOST_FRAMES or math.prod(shape) * kind.itemsize > LARGEST_BYTES:
        limit = f"at most {LARGEST_BYTES >> 30} GiB are read"
        raise DicomError(f"{file.name}: {' × '.join(map(str, shape))} values of {8 * kind.itemsize} bits ({limit})")
    if header.get_intent()[0] == "label":
        raise DicomError(f"{file.name}: is a map of labels, no HU")
    return kind, shape  # type: ignore[return-value]


def _scaling(file: SourceFile, header: Any) -> tuple[float, float]:
    from nibabel.spatialimages import HeaderDataError

    try:
        slope, intercept = header.get_slope_inter()
    except HeaderDataError as error:
        raise DicomError(f"{file.name}: is damaged ({error})") from error
    return (1.0, 0.0) if slope is None else (slope, intercept)


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
        if affine is not None and np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > 1e-12:
            return np.array(np.diag([-1.0, -1.0, 1.0]) @ affine[:3] * _MM[unit], np.float64)
    raise DicomError(f"{file.name}: has no orientation (neither sform nor qform), and it is not guessed")
