"""The header of a NIfTI file: what kind of values it holds, how many, and where they lie in the patient."""

from __future__ import annotations

import gzip
import logging
import math
import re
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

AIR_BELOW_HU, BONE_ABOVE_HU = -500, 300
"""A head CT in HU has values on both sides: air around it, and a skull."""

_MASK_DISPLAYS = {(0.0, 1.0), (0.0, 255.0)}
_MASK_NAME = re.compile(r"(?<![a-z])(masks?|labels?|labelmap|seg|segmentations?|rois?|annotations?)(?![a-z])")

_SAME_SIDES = 0.5
"""Cosine of the angle between the sagittal axes of two affines, below which left and right are not the same in both."""

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
        doubt: why the values are hardly HU, as of a mask; empty where the header gives no reason for it.
    """

    kind: np.dtype[Any]
    shape: tuple[int, int, int]
    start: int
    slope: float
    intercept: float
    affine: NDArray[np.float64]
    doubt: str = ""

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
            affine = _affine_lps(file, header)
        return NiftiHeader(kind, shape, start, slope, intercept, affine, _doubt(file, header, kind, slope, intercept))
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


def _doubt(file: SourceFile, header: Any, kind: np.dtype[Any], slope: float, intercept: float) -> str:
    """Why the values are hardly HU, from all that is known before they are read."""
    if kind.kind in "iu" and kind.itemsize == 1:
        limits = np.iinfo(kind)
        ends = sorted((int(limits.min) * slope + intercept, int(limits.max) * slope + intercept))
        if ends[0] > AIR_BELOW_HU or ends[1] < BONE_ABOVE_HU:
            return f"values of 8 bits, {ends[0]:g} to {ends[1]:g}, are no HU"
    shown = float(header["cal_min"]), float(header["cal_max"])
    if shown in _MASK_DISPLAYS:
        return f"is to be shown from {shown[0]:g} to {shown[1]:g}, as masks are"
    intent = str(header.get_intent()[0])
    if intent != "none":
        return f"holds {intent}"
    named = _MASK_NAME.search(file.own_name.lower())
    return f"is called {named[0]}" if named else ""


def _affine_lps(file: SourceFile, header: Any) -> NDArray[np.float64]:
    """From stored indices (i, j, k, 1) to mm in LPS, (3, 4)."""
    from nibabel.spatialimages import HeaderDataError

    try:
        unit = header.get_xyzt_units()[0]
    except KeyError:
        unit = "unknown"
    found = []
    for form in (header.get_sform, header.get_qform):
        try:
            affine, _ = form(coded=True)
        except (HeaderDataError, ValueError):
            continue
        if affine is None or not np.isfinite(affine).all():
            continue
        lps = np.array(np.diag([-1.0, -1.0, 1.0]) @ affine[:3] * _MM[unit], np.float64)
        if np.abs(lps).max() < LARGEST and abs(np.linalg.det(lps[:, :3])) > _SMALLEST_VOXEL:
            found.append(lps)
    if not found:
        raise DicomError(f"{file.name}: has no orientation (neither sform nor qform), and it is not guessed")
    if len(found) == 2 and _sides_differ(*found):
        raise DicomError(f"{file.name}: sform and qform name different sides, left in one is right in the other")
    return found[0]


def _sides_differ(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether an index that grows towards the left by one affine does not by the other, or one of them mirrors."""
    if np.linalg.det(one[:, :3]) * np.linalg.det(other[:, :3]) < 0:
        return True
    to_left = [affine[0, :3] / np.linalg.norm(affine[:, :3], axis=0) for affine in (one, other)]
    cosine = to_left[0] @ to_left[1] / (np.linalg.norm(to_left[0]) * np.linalg.norm(to_left[1]))
    return bool(cosine < _SAME_SIDES)
