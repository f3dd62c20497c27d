"""NIfTI volumes in HU, as research sets have them, slice by slice as if they were DICOM."""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ihd_core.dicom.nifti.header import AIR_BELOW_HU, BONE_ABOVE_HU, ENDINGS, NiftiHeader, read_header
from ihd_core.dicom.pixel_data.pixels import AIR_HU, LOWEST_HU
from ihd_core.errors import DicomError
from ihd_core.orientation import in_plane_turn
from ihd_core.scan import PART, ScanWarning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from ihd_core.dicom.pixel_data.opened_files import OpenedFiles
    from ihd_core.dicom.sources.source_files import SourceFile, Stamp

MOST_OBLIQUE = 0.01
"""Cosine of the angle between rows and columns, above which the pixels are no rectangles."""


@dataclass(frozen=True, slots=True, eq=False)
class NiftiVolume:
    """One volume of a file, laid out as axial slices.

    Attributes:
        digest: SHA-256 of the file.
        order: which stored axis is the slice, the row and the column.
        flipped: whether that axis runs the other way.
        steps: float64 (3, 3), LPS, mm: from a slice to the next, from a row to the next, from a column to the next.
        origin: float64 (3,), LPS, mm: centre of the first pixel of the first slice.
    """

    file: SourceFile
    stamp: Stamp
    digest: str
    header: NiftiHeader
    order: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]
    steps: NDArray[np.float64]
    origin: NDArray[np.float64]

    @property
    def slices(self) -> int:
        """Number of slices."""
        return self.header.shape[self.order[0]]

    def elements(self) -> Iterator[SliceElements]:
        """What a DICOM file would say about every slice, inferior first."""
        row_mm, column_mm = (float(np.linalg.norm(step)) for step in self.steps[1:])
        uid = f"2.25.{int(self.digest[:32], 16)}"
        of_all = {
            "StudyInstanceUID": (f"2.25.{int(self.digest[32:], 16)}",),
            "SeriesInstanceUID": (uid,),
            "SeriesDescription": (_without_ending(self.file.own_name),),
            "Modality": ("CT",),
            "PhotometricInterpretation": ("MONOCHROME2",),
            "PixelRepresentation": (1,),
            "RescaleType": ("HU",),
            "RescaleSlope": (1.0,),
            "RescaleIntercept": (0.0,),
            "Rows": (self.header.shape[self.order[1]],),
            "Columns": (self.header.shape[self.order[2]],),
            "PixelSpacing": (row_mm, column_mm),
            "ImageOrientationPatient": (*(self.steps[2] / column_mm), *(self.steps[1] / row_mm)),
        }
        for index in range(self.slices):
            position = self.origin + index * self.steps[0]
            yield SliceElements(
                {
                    **of_all,
                    "SOPInstanceUID": (f"{uid}{PART}{index + 1}",),
                    "InstanceNumber": (index + 1,),
                    "ImagePositionPatient": tuple(position),
                }
            )

    def read_hu(self, index: int, out: NDArray[np.int16], opened: OpenedFiles) -> None:
        """Read one slice; slope and intercept applied, rounded to the nearest HU.

        Args:
            index: of the slice, inferior first.
            out: int16 (rows, columns), where to put the HU; what is no number or below LOWEST_HU becomes AIR_HU.
            opened: keeps the volume where it has to be read whole.

        Raises:
            DicomError: the file cannot be read, breaks off or has changed.
        """
        stored, header = self._stored(index, opened), self.header
        if (header.slope, header.intercept) != (1, 0):
            with np.errstate(all="ignore"):
                stored = stored.astype(np.float64) * header.slope + header.intercept
        if stored.dtype.kind == "f":
            are_numbers = np.isfinite(stored)
            if not are_numbers.all():
                opened.count(not_numbers=int(stored.size - are_numbers.sum()))
                stored = np.where(are_numbers, stored, AIR_HU)
            stored = np.rint(stored)
        if not np.can_cast(stored.dtype, np.int16):
            limits = (-32768, 32767) if stored.dtype.kind in "if" else (0, 32767)
            stored = np.clip(stored, *limits)
        np.copyto(out, stored, casting="unsafe")
        out[out < LOWEST_HU] = AIR_HU

    def _stored(self, index: int, opened: OpenedFiles) -> NDArray[Any]:
        """Stored values of one slice, (rows, columns)."""
        place = self.slices - 1 - index if self.flipped[0] else index
        if self.order[0] == 2 and not _is_packed(self.file):
            plane = np.empty(self.header.shape[1::-1], self.header.kind)
            self._fill(plane, self.header.start + place * plane.nbytes)
            values = plane if self.order[1] == 1 else plane.T
        else:
            whole = opened.kept(self.file, self._whole)
            values = whole.transpose([2 - axis for axis in self.order])[place]
        return values[:: -1 if self.flipped[1] else 1, :: -1 if self.flipped[2] else 1]

    def _whole(self) -> NDArray[Any]:
        """All stored values, (k, j, i)."""
        try:
            values = np.empty(self.header.shape[::-1], self.header.kind)
        except MemoryError as error:
            raise DicomError(
                f"{self.file.name}: {self.header.value_bytes:,} bytes of values do not fit into memory"
            ) from error
        if self.file.suffix == ".gz":
            self._inflate(values)
        else:
            self._fill(values, self.header.start)
        return values

    def _fill(self, values: NDArray[Any], offset: int) -> None:
        try:
            there, stamp = self.file.read_into(values, offset)
        except OSError as error:
            raise DicomError(f"{self.file.name}: cannot be read ({error.strerror or error})") from error
        self._check(there, values.nbytes, stamp)

    def _inflate(self, values: NDArray[Any]) -> None:
        view, there = memoryview(values.data).cast("B"), 0
        try:
            with self.file.open() as packed, gzip.GzipFile(fileobj=packed) as stream:
                stream.seek(self.header.start)
                while there < len(view) and (more := stream.readinto(view[there:])):
                    there += more
                stream.read(1)  # at the end of the file, and there only, its check sum is compared
            stamp = self.file.stamp()
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DicomError(
                f"{self.file.name}: is damaged after {there:,} of {len(view):,} bytes ({error})"
            ) from error
        except OSError as error:
            raise DicomError(f"{self.file.name}: cannot be read ({error.strerror or error})") from error
        self._check(there, len(view), stamp)

    def _check(self, there: int, announced: int, stamp: Stamp) -> None:
        if stamp != self.stamp:
            raise DicomError(f"{self.file.name}: has changed since it was found; open it again")
        if there < announced:
            raise DicomError(f"{self.file.name}: {there:,} bytes of values where {announced:,} were announced")


class SliceElements:
    """What a DICOM file would say about one slice."""

    transfer_syntax = ""

    def __init__(self, said: Mapping[str, tuple[str | float, ...]]) -> None:
        self._said = said

    def texts(self, keyword: str) -> tuple[str, ...]:
        """As Elements.texts."""
        return tuple(str(value) for value in self._said.get(keyword, ()))

    def numbers(self, keyword: str) -> tuple[float, ...] | None:
        """As Elements.numbers."""
        return tuple(float(v) for v in self._said.get(keyword, ()) if not isinstance(v, str)) or None


def read_volume(file: SourceFile) -> NiftiVolume:
    """Read what a NIfTI file says about its volume, leaving the values on disk.

    The slices lie along the stored axis nearest to superior, inferior first. Rows and columns are turned and flipped,
    never resampled, so that the patient's right is on the image's left and anterior up as nearly as can be.

    Raises:
        DicomError: the file is damaged or has no orientation, or its values are not those of one CT volume.
    """
    try:
        stamp = file.stamp()
        header = read_header(file)
        with file.open() as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    except OSError as error:
        raise DicomError(f"{file.name}: cannot be read ({error.strerror or error})") from error
    there = stamp.size - header.start
    if not _is_packed(file) and there < header.value_bytes:
        raise DicomError(f"{file.name}: {max(0, there):,} bytes of values where {header.value_bytes:,} were announced")
    order, flipped = _layout(file, header.affine)
    first = [header.shape[axis] - 1 if flipped[order.index(axis)] else 0 for axis in range(3)]
    steps = header.affine[:, list(order)].T * np.where(flipped, -1.0, 1.0)[:, None]
    return NiftiVolume(file, stamp, digest, header, order, flipped, steps, header.affine @ [*first, 1])


def value_findings(hu: NDArray[np.int16], not_numbers: int) -> tuple[list[ScanWarning], str]:
    """What there is to say about values of which nothing but the file's name says that they are HU.

    Args:
        hu: int16, all slices that were read.
        not_numbers: values that were no number.

    Returns:
        What a reader must know; and why the network does not get the scan, empty if it may.
    """
    warnings = []
    refusal = ""
    lowest, highest = int(hu.min()), int(hu.max())
    if lowest > AIR_BELOW_HU or highest < BONE_ABOVE_HU:
        text = f"Values may not be HU: {lowest} to {highest}, where a head CT has air at -1000 and bone above 300"
        refusal = f"The values, {lowest} to {highest}, are not those of a head CT with air and bone"
        warnings.append(ScanWarning("values-may-not-be-hu", text, {"lowest": lowest, "highest": highest}))
    if not_numbers:
        text = f"{not_numbers:,} values are no numbers; they are shown as air"
        warnings.append(ScanWarning("not-a-number", text, {"values": not_numbers}))
    return warnings, refusal


def _is_packed(file: SourceFile) -> bool:
    """Whether a slice in the middle cannot be had without all before it."""
    return file.suffix == ".gz" or bool(file.members)


def _without_ending(name: str) -> str:
    return next(name[: -len(ending)] for ending in ENDINGS if name.lower().endswith(ending))


def _layout(file: SourceFile, affine: NDArray[np.float64]) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """Which stored axis is slice, row and column, and which of them run the other way."""
    units = affine[:, :3] / np.linalg.norm(affine[:, :3], axis=0)
    slice_axis = int(np.argmax(np.abs(units[2])))
    column_axis, row_axis = (axis for axis in range(3) if axis != slice_axis)
    cosine = float(units[:, row_axis] @ units[:, column_axis])
    if abs(cosine) > MOST_OBLIQUE:
        angle = math.degrees(math.acos(cosine))
        raise DicomError(f"{file.name}: rows and columns meet at {angle:.1f}°, only 90° can be shown")
    along_row, down_column = units[:, column_axis], units[:, row_axis]
    normal = np.cross(along_row, down_column)
    if abs(normal[2]) < max(abs(normal[:2])):
        raise DicomError(f"{file.name}: its axes are sheared so far that it has no axial slices")
    turn = in_plane_turn(np.stack([along_row, down_column, normal * np.sign(normal[2])]))
    if turn.transpose:
        row_axis, column_axis = column_axis, row_axis
    flip_slices = float(units[:, slice_axis] @ normal * np.sign(normal[2])) < 0
    return (slice_axis, row_axis, column_axis), (flip_slices, turn.flip_rows, turn.flip_columns)
