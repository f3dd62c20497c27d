"""Find DICOM files and read their headers, leaving the pixels on disk."""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pydicom
from pydicom import config
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.uid import CTImageStorage

from ihd_core.errors import DicomError, NotDicom
from ihd_core.scan import ScanDetails
from ihd_core.windowing import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pydicom.dataset import Dataset

_KEYWORDS = (
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "ImageType"),
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge", "InstitutionName"),
    *("StudyDate", "StudyDescription", "SeriesNumber", "SeriesDescription", "InstanceNumber"),
    *("Manufacturer", "ManufacturerModelName", "ConvolutionKernel", "KVP", "ContrastBolusAgent", "BodyPartExamined"),
    *("SliceThickness", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns"),
    *("SamplesPerPixel", "NumberOfFrames", "RescaleSlope", "RescaleIntercept", "RescaleType"),
    *("WindowCenter", "WindowWidth", "LossyImageCompression"),
)

LARGEST = 1e6
"""A number beyond this, or no number at all, is a malformed value; no position, distance or slope comes near it."""

_LOSSY_SYNTAXES = frozenset(
    f"1.2.840.10008.1.2.4.{last}" for last in ("50", "51", "53", "55", "81", "91", "93", "203", "204", "205", "112")
)


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """What one file says about its picture; empty, zero or None where it does not say or says nonsense.

    Attributes:
        position: mm, LPS, centre of the first pixel (0020,0032).
        orientation: direction along a row of pixels, then down a column, LPS (0020,0037).
        pixel_mm: distance between rows, between columns, mm (0028,0030).
        slope: HU of one step of the stored value, None where the file does not say.
        intercept: HU of stored value 0, None where the file does not say.
        frames: 1 for an ordinary slice.
    """

    path: Path
    transfer_syntax: str
    sop_class: str
    sop_uid: str
    series_uid: str
    modality: str
    image_type: tuple[str, ...]
    instance_number: int
    rows: int
    columns: int
    samples_per_pixel: int
    frames: int
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_mm: tuple[float, ...] | None
    slope: float | None
    intercept: float | None
    rescale_type: str
    body_part: str
    details: ScanDetails = field(repr=False)


def files_under(paths: Iterable[Path]) -> list[Path]:
    """Every file of the given files and folders, each once however it is spelled, folders in alphabetical order.

    Links to folders are not followed, so a loop of them ends.

    Raises:
        DicomError: a path does not exist, or a folder cannot be listed.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if not path.exists():
            raise DicomError(f"{path}: does not exist")
        for file in _walk(path) if path.is_dir() else [path]:
            found.setdefault(os.path.abspath(file), file)
    return list(found.values())


def _walk(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise DicomError(f"{error.filename}: cannot be read ({error.strerror})") from error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        for name in sorted(names):
            yield folder.__class__(parent, name)


def _silence_pydicom() -> None:
    """Keep pydicom and its decoders from warning and logging beside the rules of this package.

    What pydicom remarks on values is either nothing to a reader or one of our own warnings. Called before every file:
    a filter is cheap, and whoever reset the filters in between, as a test does, would miss it otherwise.
    """
    config.settings.reading_validation_mode = config.IGNORE
    warnings.filterwarnings("ignore", module=r"(pydicom|openjpeg|pylibjpeg|rle|jpeg_ls)\b")
    for name in ("pydicom", "openjpeg", "pylibjpeg"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def read_dataset(path: Path, *, pixels: bool) -> Dataset:
    """Read one file with or without its pixels.

    Raises:
        NotDicom: the file is something else.
        DicomError: the file cannot be read, is empty or breaks off.
    """
    _silence_pydicom()
    try:
        with path.open("rb") as file:
            start = file.read(132)
            if not start:
                raise DicomError(f"{path.name}: is empty (0 bytes)")
            file.seek(0)
            if pixels:
                dataset = pydicom.dcmread(file, force=_looks_like_dicom(start))
                dataset.get("PixelData")  # parsed here, where a failure is understood
                return dataset
            return pydicom.dcmread(
                file, force=_looks_like_dicom(start), stop_before_pixels=True, specific_tags=list(_KEYWORDS)
            )
    except OSError as error:
        raise DicomError(f"{path.name}: cannot be read ({error.strerror or error})") from error
    except InvalidDicomError as error:
        raise NotDicom(f"{path.name}: is not a DICOM file") from error
    except DicomError:
        raise
    except Exception as error:  # a damaged file makes pydicom fail in any way there is
        raise DicomError(f"{path.name}: is damaged ({one_line(error)})") from error


def _looks_like_dicom(start: bytes) -> bool:
    """Whether a file without the DICM mark begins with an element of group 2 or 8, in either byte order."""
    return start[128:132] == b"DICM" or start[:2] in {b"\x02\x00", b"\x08\x00", b"\x00\x08"}


def one_line(error: Exception) -> str:
    """What a foreign exception says, fit for the end of our own line."""
    lines = str(error).strip().splitlines()
    return lines[0][:100].rstrip(":. ") if lines else type(error).__name__


def read_header(path: Path) -> Header:
    """Read what one file says about its picture.

    Raises:
        NotDicom: the file is something else.
        DicomError: the file cannot be read, is empty or breaks off.
    """
    dataset = read_dataset(path, pixels=False)
    meta = dataset.file_meta
    sop_class = _text(dataset, "SOPClassUID") or _text(meta, "MediaStorageSOPClassUID")
    if not sop_class and not any(keyword in dataset for keyword in _KEYWORDS) and not dataset.preamble:
        raise NotDicom(f"{path.name}: is not a DICOM file")
    # A file that ends early may end within this very UID.
    if "Columns" not in dataset and CTImageStorage.startswith(sop_class) and _text(dataset, "Modality") in {"", "CT"}:
        raise DicomError(f"{path.name}: is damaged (breaks off before its image)")
    return Header(
        path=path,
        transfer_syntax=_text(meta, "TransferSyntaxUID"),
        sop_class=sop_class,
        sop_uid=_text(dataset, "SOPInstanceUID") or _text(meta, "MediaStorageSOPInstanceUID"),
        series_uid=_text(dataset, "SeriesInstanceUID"),
        modality=_text(dataset, "Modality").upper(),
        image_type=tuple(str(part).strip().upper() for part in _parts(dataset, "ImageType")),
        instance_number=whole(dataset, "InstanceNumber"),
        rows=whole(dataset, "Rows"),
        columns=whole(dataset, "Columns"),
        samples_per_pixel=whole(dataset, "SamplesPerPixel") or 1,
        frames=whole(dataset, "NumberOfFrames") or 1,
        position=_numbers(dataset, "ImagePositionPatient", 3),
        orientation=_numbers(dataset, "ImageOrientationPatient", 6),
        pixel_mm=_numbers(dataset, "PixelSpacing", 2),
        slope=number(dataset, "RescaleSlope"),
        intercept=number(dataset, "RescaleIntercept"),
        rescale_type=_text(dataset, "RescaleType").upper(),
        body_part=_text(dataset, "BodyPartExamined").upper(),
        details=_details(dataset),
    )


def _details(dataset: Dataset) -> ScanDetails:
    center, width = number(dataset, "WindowCenter"), number(dataset, "WindowWidth") or 0
    maker, model = _text(dataset, "Manufacturer"), _text(dataset, "ManufacturerModelName")
    return ScanDetails(
        patient_name=_text(dataset, "PatientName"),
        patient_id=_text(dataset, "PatientID"),
        patient_birth_date=_text(dataset, "PatientBirthDate"),
        patient_sex=_text(dataset, "PatientSex"),
        patient_age=_text(dataset, "PatientAge"),
        study_uid=_text(dataset, "StudyInstanceUID"),
        study_date=_text(dataset, "StudyDate"),
        study_description=_text(dataset, "StudyDescription"),
        series_number=_text(dataset, "SeriesNumber"),
        series_description=_text(dataset, "SeriesDescription"),
        institution=_text(dataset, "InstitutionName"),
        scanner=f"{maker} {model}".strip(),
        kernel=_text(dataset, "ConvolutionKernel"),
        thickness_mm=number(dataset, "SliceThickness") or 0.0,
        kvp=number(dataset, "KVP") or 0.0,
        contrast_agent=_text(dataset, "ContrastBolusAgent"),
        lossy=_text(dataset, "LossyImageCompression") == "01"
        or _text(dataset.file_meta, "TransferSyntaxUID") in _LOSSY_SYNTAXES,
        default_window=Window(center, width, "file") if center is not None and width >= 2 else None,
    )


def _value(dataset: Dataset, keyword: str) -> object:
    try:
        return dataset.get(keyword)
    except Exception:  # a malformed value raises whatever its conversion raised; it counts as absent
        return None


def _parts(dataset: Dataset, keyword: str) -> list[Any]:
    """The values of an element, however many there are."""
    value = _value(dataset, keyword)
    if value is None:
        return []
    return list(value) if isinstance(value, (list, MultiValue)) else [value]


def _text(dataset: Dataset, keyword: str) -> str:
    text = " ".join(str(part) for part in _parts(dataset, keyword))
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def _numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    try:
        numbers = tuple(float(part) for part in _parts(dataset, keyword))
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if len(numbers) == count and all(abs(number) < LARGEST for number in numbers) else None


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first of an element's numbers, as windows come in pairs; None where absent or malformed."""
    try:
        first = float(_parts(dataset, keyword)[0])
    except (IndexError, TypeError, ValueError, OverflowError):
        return None
    return first if abs(first) < LARGEST else None


def whole(dataset: Dataset, keyword: str, default: int = 0) -> int:
    """A whole number of a file, or the default where the file has none or a malformed one."""
    found = number(dataset, keyword)
    return default if found is None else int(found)
