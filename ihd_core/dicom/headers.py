"""Read what files say about their pictures, leaving the pixels on disk."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ihd_core.dicom import multiframe
from ihd_core.dicom.datasets import PixelPlace, read_header_dataset
from ihd_core.dicom.element_walk import NotPlain
from ihd_core.dicom.elements import DatasetElements, Elements, number, numbers, text, whole
from ihd_core.dicom.nifti.header import is_analyze, is_nifti
from ihd_core.dicom.nifti.volume import NiftiVolume, read_volume
from ihd_core.dicom.quick_elements import KEYWORDS, QuickElements, QuickReader
from ihd_core.dicom.sources.source_files import SourceFile, Stamp
from ihd_core.dicom.transfer_syntaxes import BIG_ENDIAN, is_lossy
from ihd_core.errors import DicomError, NotDicom
from ihd_core.scan import ScanDetails
from ihd_core.windowing import Window

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_STARTS = (8 << 10, 256 << 10)
"""Bytes that are looked at for a plain header, first and then if it was longer."""

CT_IMAGE_CLASS = "1.2.840.10008.5.1.4.1.1.2"

LARGEST_SIDE = 8192
"""Rows or columns; several times what any scanner writes."""


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How the stored values of a picture are to be read, DICOM PS3.3 C.7.6.3.

    Attributes:
        is_signed: two's complement (0028,0103); None where the file does not say, or says neither 0
            nor 1; which counts as unsigned.
        padding: PixelPaddingValue (0028,0120) with the sign of the pixels; None where there is none.
        padding_limit: PixelPaddingRangeLimit (0028,0121), likewise.
    """

    bits_allocated: int = 16
    bits_stored: int = 16
    high_bit: int = 15
    is_signed: bool | None = False
    is_big_endian: bool = False
    padding: int | None = None
    padding_limit: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """What one file says about one picture; empty, zero or None where it does not say or says nonsense.

    Attributes:
        file: where the picture is.
        frame: its index in the file; 0 for an ordinary slice.
        sop_uid: SOPInstanceUID; of one frame of several followed by PART and the number of the frame, from 1.
        frames: pictures in the file; 1 for an ordinary slice.
        acquisition: AcquisitionNumber (0020,0012) and AcquisitionTime (0008,0032).
        frame_of_reference: FrameOfReferenceUID (0020,0052), what positions are measured against.
        position: mm, LPS, centre of the first pixel (0020,0032).
        orientation: direction along a row of pixels, then down a column, LPS (0020,0037).
        pixel_mm: distance between rows, between columns, mm (0028,0030).
        slope: HU of one step of the stored value, None where the file does not say.
        intercept: HU of stored value 0, None where the file does not say.
        pixels: how the stored values are to be read.
        place: where in the file the values of all frames lie as they are; None where they are encoded.
        stamp: what the file was when the header was read.
        volume: of which the picture is a slice, in a NIfTI file; None in a DICOM file.
    """

    file: SourceFile
    frame: int
    frames: int
    transfer_syntax: str
    sop_class: str
    sop_uid: str
    series_uid: str
    modality: str
    image_type: tuple[str, ...]
    instance_number: int
    acquisition: tuple[int, str]
    frame_of_reference: str
    rows: int
    columns: int
    samples_per_pixel: int
    photometric: str
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_mm: tuple[float, ...] | None
    slope: float | None
    intercept: float | None
    rescale_type: str
    body_part: str
    pixels: PixelFormat
    place: PixelPlace | None
    stamp: Stamp
    details: ScanDetails = field(repr=False)
    volume: NiftiVolume | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Of the file, with the number of the frame where there are several; for messages."""
        return self.file.name if self.frames == 1 else f"{self.file.name} frame {self.frame + 1}"


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
            acquisition=_acquisition(found),
            position=_position(found),
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
    header = _header(elements, SourceFile(Path()), Stamp(0, 0), None)
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
    header = _header(DatasetElements(dataset), file, stamp, place)
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
    found = (_header(elements, file, volume.stamp, None) for elements in volume.elements())
    return tuple(replace(one, frame=index, frames=volume.slices, volume=volume) for index, one in enumerate(found))


def _frame_headers(dataset: Dataset, header: Header) -> tuple[Header, ...]:
    """The header of every frame; the object's own, without a place, where it does not describe its frames."""
    frames = multiframe.frame_elements(dataset, header.file.name)
    if not frames:
        return (replace(header, position=header.position if header.frames == 1 else None),)
    found = (_header(elements, header.file, header.stamp, header.place) for elements in frames)
    return tuple(replace(one, frame=index, frames=len(frames), pixels=header.pixels) for index, one in enumerate(found))


def _header(elements: Elements, file: SourceFile, stamp: Stamp, place: PixelPlace | None) -> Header:
    return Header(
        file=file,
        frame=0,
        frames=_frames(elements, file),
        transfer_syntax=elements.transfer_syntax,
        sop_class=text(elements, "SOPClassUID") or text(elements, "MediaStorageSOPClassUID"),
        sop_uid=text(elements, "SOPInstanceUID") or text(elements, "MediaStorageSOPInstanceUID"),
        series_uid=text(elements, "SeriesInstanceUID"),
        modality=text(elements, "Modality").upper(),
        image_type=tuple(part.strip().upper() for part in elements.texts("ImageType")),
        instance_number=whole(elements, "InstanceNumber"),
        acquisition=_acquisition(elements),
        frame_of_reference=text(elements, "FrameOfReferenceUID"),
        rows=whole(elements, "Rows"),
        columns=whole(elements, "Columns"),
        samples_per_pixel=whole(elements, "SamplesPerPixel") or 1,
        photometric=text(elements, "PhotometricInterpretation").upper(),
        position=_position(elements),
        orientation=numbers(elements, "ImageOrientationPatient", 6) or numbers(elements, "ImageOrientation", 6),
        pixel_mm=numbers(elements, "PixelSpacing", 2),
        slope=_rescale(elements, "RescaleSlope", file),
        intercept=_rescale(elements, "RescaleIntercept", file),
        rescale_type=text(elements, "RescaleType").upper(),
        body_part=text(elements, "BodyPartExamined").upper(),
        pixels=_pixel_format(elements),
        place=place,
        stamp=stamp,
        details=_details(elements),
    )


def _frames(elements: Elements, file: SourceFile) -> int:
    """Number of pictures in the file, 1 where it does not say.

    Raises:
        DicomError: it says so of a CT object and the number is absurd.
    """
    announced, found = text(elements, "NumberOfFrames"), number(elements, "NumberOfFrames")
    is_absurd = announced and (found is None or not 0 <= found <= multiframe.MOST_FRAMES)
    if is_absurd and text(elements, "Modality").upper() in {"", "CT"}:
        limit = f"1 to {multiframe.MOST_FRAMES:,} are read"
        raise DicomError(f"{file.name}: is damaged (NumberOfFrames {announced[:30]}, {limit})")
    return int(found or 1)


def _rescale(elements: Elements, keyword: str, file: SourceFile) -> float | None:
    """Slope or intercept; None where the file has none.

    Raises:
        DicomError: there is one and it cannot be understood: without it the HU would be wrong, not unknown.
    """
    value = text(elements, keyword)
    if not value:
        return None
    found = numbers(elements, keyword, 1)
    if found is None:
        raise DicomError(f"{file.name}: is damaged ({keyword} {value[:30]!r} is no number)")
    return found[0]


def _acquisition(elements: Elements) -> tuple[int, str]:
    return whole(elements, "AcquisitionNumber"), text(elements, "AcquisitionTime")


def _position(elements: Elements) -> tuple[float, ...] | None:
    """Image Position (Patient); in files older than DICOM 3.0 the retired Image Position (0020,0030)."""
    return numbers(elements, "ImagePositionPatient", 3) or numbers(elements, "ImagePosition", 3)


def _pixel_format(elements: Elements) -> PixelFormat:
    said = number(elements, "PixelRepresentation")
    representation = said if said in {0, 1} else None
    bits = whole(elements, "BitsStored", 16)

    def as_stored(keyword: str) -> int | None:
        announced = number(elements, keyword)
        if announced is None:
            return None
        # Some scanners announce a negative value as unsigned, 63536 for -2000, and some the other way round.
        value = int(announced) & 0xFFFF
        return value - ((value & 0x8000) << 1) if representation == 1 else value

    return PixelFormat(
        bits_allocated=whole(elements, "BitsAllocated", 16),
        bits_stored=bits,
        high_bit=whole(elements, "HighBit", bits - 1),
        is_signed=None if representation is None else representation == 1,
        is_big_endian=elements.transfer_syntax == BIG_ENDIAN,
        padding=as_stored("PixelPaddingValue"),
        padding_limit=as_stored("PixelPaddingRangeLimit"),
    )


def _details(elements: Elements) -> ScanDetails:
    center, width = number(elements, "WindowCenter"), number(elements, "WindowWidth") or 0
    maker, model = text(elements, "Manufacturer"), text(elements, "ManufacturerModelName")
    return ScanDetails(
        patient_name=text(elements, "PatientName"),
        patient_id=text(elements, "PatientID"),
        patient_birth_date=text(elements, "PatientBirthDate"),
        patient_sex=text(elements, "PatientSex"),
        patient_age=text(elements, "PatientAge"),
        study_uid=text(elements, "StudyInstanceUID"),
        study_date=text(elements, "StudyDate"),
        study_description=text(elements, "StudyDescription"),
        series_number=text(elements, "SeriesNumber"),
        series_description=text(elements, "SeriesDescription"),
        institution=text(elements, "InstitutionName"),
        scanner=f"{maker} {model}".strip(),
        kernel=text(elements, "ConvolutionKernel"),
        thickness_mm=number(elements, "SliceThickness") or 0.0,
        kvp=number(elements, "KVP") or 0.0,
        contrast_agent=text(elements, "ContrastBolusAgent"),
        lossy=text(elements, "LossyImageCompression") == "01" or is_lossy(elements.transfer_syntax),
        default_window=Window(center, width, "file") if center is not None and width >= 2 else None,
    )
