"""Read the headers of files, plain ones in a few microseconds, leaving the pixels on disk."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ihd_core.dicom import multiframe
from ihd_core.dicom.datasets import PixelPlace, read_header_dataset
from ihd_core.dicom.element_walk import NotPlain
from ihd_core.dicom.elements import DatasetElements, text, whole
from ihd_core.dicom.headers import CT_IMAGE_CLASS, Header, acquisition_of, header_of, position_of
from ihd_core.dicom.nifti.header import is_analyze, is_nifti
from ihd_core.dicom.nifti.volume import read_volume
from ihd_core.dicom.quick_elements import KEYWORDS, QuickElements, QuickReader
from ihd_core.dicom.sources.source_files import SourceFile, Stamp
from ihd_core.errors import DicomError, NotDicom

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_STARTS = (8 << 10, 256 << 10)
"""Bytes that are looked at for a plain header, first and then if it was longer."""

LARGEST_SIDE = 8192
"""Rows or columns; several times what any scanner writes."""


_OF_ONE_SLICE = frozenset(
    {"file", "stamp", "place", "sop_class", "sop_uid", "instance_number", "acquisition", "position"}
)
"""Fields of a header that HeaderReader fills for every file."""


def read_headers(file: SourceFile) -> tuple[Header, ...]:
    """As HeaderReader.read, for a single file."""
    return HeaderReader().read(file)


class HeaderReader:
    """Reads what files say about their pictures, one file after the other.

    What the slices of a series share is understood only once, so one reader for many files is faster than one for each.
    """

    def __init__(self) -> None:
        self._quick = QuickReader()
        self._of_series: dict[str, bytes] | None = None
        self._shared: dict[str, Any] = {}

    def read(self, file: SourceFile) -> tuple[Header, ...]:
        """The headers of one file, one a picture; at least one.

        Raises:
            NotDicom: the file is something else.
            DicomError: the file cannot be read, is empty or breaks off.
        """
        if is_nifti(file):
            return _nifti_headers(file)
        header = self.quick(file)
        return (header,) if header else full_headers(file)

    def quick(self, file: SourceFile) -> Header | None:
        """The header of a plain file; None where it takes pydicom to read it, or to say what is wrong.

        Where there is one it equals the only one of full_headers(file).
        """
        try:
            for count in _STARTS:
                start, stamp = file.start(count)
                found = self._quick.elements(start, stamp.size)
                if found is not None:
                    return self._header(file, stamp, found)
                if len(start) < count:
                    break
        except (OSError, NotPlain, DicomError):  # pydicom says it, with the name of the file
            return None
        return None

    def _header(self, file: SourceFile, stamp: Stamp, found: QuickElements) -> Header:
        if (found.of_series, found.transfer_syntax) != (self._of_series, self._shared.get("transfer_syntax")):
            self._of_series, self._shared = found.of_series, _shared(found)
        sop_class = text(found, "SOPClassUID") or text(found, "MediaStorageSOPClassUID")
        if sop_class in multiframe.CLASSES:
            raise NotPlain("multi-frame picture")
        return Header(
            file=file,
            sop_class=sop_class,
            sop_uid=text(found, "SOPInstanceUID") or text(found, "MediaStorageSOPInstanceUID"),
            instance_number=whole(found, "InstanceNumber"),
            acquisition=acquisition_of(found),
            position=position_of(found),
            place=None if found.pixel_bytes is None else PixelPlace(found.pixel_start, found.pixel_bytes),
            stamp=stamp,
            **self._shared,
        )


def _shared(found: QuickElements) -> dict[str, Any]:
    """The fields of a header that are not of one slice, by name.

    Raises:
        NotPlain: this takes pydicom.
    """
    elements = QuickElements(found.transfer_syntax, found.of_series, {}, 0, None)
    header = header_of(elements, SourceFile(Path()), Stamp(0, 0), None)
    is_plain = not _is_multiframe(header) and 0 < header.rows <= LARGEST_SIDE and 0 < header.columns <= LARGEST_SIDE
    if not is_plain or header.modality != "CT":
        raise NotPlain("picture")
    return {field.name: getattr(header, field.name) for field in fields(Header) if field.name not in _OF_ONE_SLICE}


def full_headers(file: SourceFile) -> tuple[Header, ...]:
    """The headers of any file, read by pydicom: one a frame, or the only one.

    Raises:
        NotDicom: the file is something else.
        DicomError: the file cannot be read, is empty, breaks off or announces what cannot be.
    """
    try:
        stamp = file.stamp()
    except OSError as error:
        raise DicomError(f"{file.name}: cannot be read ({error.strerror or error})") from error
    try:
        dataset, place = read_header_dataset(file, (*KEYWORDS, *multiframe.SEQUENCES))
    except NotDicom:
        if is_analyze(file):
            raise DicomError(f"{file.name}: ANALYZE or NIfTI in two files is not read; convert it to .nii") from None
        raise
    header = header_of(DatasetElements(dataset), file, stamp, place)
    if not (header.sop_class or dataset.preamble or any(keyword in dataset for keyword in KEYWORDS)):
        raise NotDicom(f"{file.name}: is not a DICOM file")
    # A file that ends early may end within this very UID.
    if not header.columns and CT_IMAGE_CLASS.startswith(header.sop_class) and header.modality in {"", "CT"}:
        raise DicomError(f"{file.name}: is damaged (breaks off before its image)")
    if max(header.rows, header.columns) > LARGEST_SIDE:
        size = f"{header.rows} × {header.columns} pixels"
        raise DicomError(f"{file.name}: is damaged ({size}, at most {LARGEST_SIDE} × {LARGEST_SIDE} are read)")
    if not header.transfer_syntax and not dataset.original_encoding[1]:
        header = replace(header, pixels=replace(header.pixels, is_big_endian=True))
    return _frame_headers(dataset, header) if _is_multiframe(header) else (header,)


def _is_multiframe(header: Header) -> bool:
    """Whether a CT object is made of frames, be it of a single one."""
    return header.sop_class in multiframe.CLASSES or (header.modality in {"", "CT"} and header.frames != 1)


def _nifti_headers(file: SourceFile) -> tuple[Header, ...]:
    volume = read_volume(file)
    found = (header_of(elements, file, volume.stamp, None) for elements in volume.elements())
    return tuple(replace(one, frame=index, frames=volume.slices, volume=volume) for index, one in enumerate(found))


def _frame_headers(dataset: Dataset, header: Header) -> tuple[Header, ...]:
    """The header of every frame; the object's own, without a place, where it does not describe its frames."""
    frames = multiframe.frame_elements(dataset, header.file.name)
    if not frames:
        return (replace(header, position=header.position if header.frames == 1 else None),)
    found = (header_of(elements, header.file, header.stamp, header.place) for elements in frames)
    return tuple(replace(one, frame=index, frames=len(frames), pixels=header.pixels) for index, one in enumerate(found))
