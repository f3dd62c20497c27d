"""What a file says about one picture, made of its elements."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ihd_core.dicom import multiframe
from ihd_core.dicom.elements import Elements, number, numbers, text, whole
from ihd_core.dicom.transfer_syntaxes import BIG_ENDIAN, is_lossy
from ihd_core.errors import DicomError
from ihd_core.scan import ScanDetails
from ihd_core.windowing import Window

if TYPE_CHECKING:
    from ihd_core.dicom.datasets import PixelPlace
    from ihd_core.dicom.nifti.volume import NiftiVolume
    from ihd_core.dicom.sources.source_files import SourceFile, Stamp

CT_IMAGE_CLASS = "1.2.840.10008.5.1.4.1.1.2"


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


def header_of(elements: Elements, file: SourceFile, stamp: Stamp, place: PixelPlace | None) -> Header:
    """Make a header of what a file, or a frame of one, says.

    Raises:
        DicomError: its number of frames is absurd, or a slope or intercept is no number.
    """
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
        acquisition=acquisition_of(elements),
        frame_of_reference=text(elements, "FrameOfReferenceUID"),
        rows=whole(elements, "Rows"),
        columns=whole(elements, "Columns"),
        samples_per_pixel=whole(elements, "SamplesPerPixel") or 1,
        photometric=text(elements, "PhotometricInterpretation").upper(),
        position=position_of(elements),
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


def acquisition_of(elements: Elements) -> tuple[int, str]:
    """AcquisitionNumber, 0 where there is none, and AcquisitionTime."""
    return whole(elements, "AcquisitionNumber"), text(elements, "AcquisitionTime")


def position_of(elements: Elements) -> tuple[float, ...] | None:
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
