"""Write a volume of known HU as a CT series, with any oddity a scanner or an archive may add."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import UID, CTImageStorage, ExplicitVRBigEndian, ExplicitVRLittleEndian, generate_uid

from ihd_core.files import file_errors, make_folder, sha256

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Tags = Mapping[str, object]
"""DICOM keyword to value. None leaves the element out; bytes are written as they are, however malformed."""

AXIAL = np.eye(3)
"""Rows run to the patient's left, columns to posterior, slices to superior."""

_UID_PREFIX = "1.2.826.0.1.3680043.10.1511."


def write_series(  # noqa: PLR0913  every oddity is one keyword, so that a test names exactly the one it is about
    folder: Path,
    hu: NDArray[np.int16],
    *,
    spacing_mm: tuple[float, float, float] = (5.0, 0.5, 0.5),
    orientation: NDArray[np.float64] = AXIAL,
    positions_mm: NDArray[np.float64] | None = None,
    series_uid: str = "",
    slice_uids: Sequence[str] = (),
    intercept: float | Sequence[float] = -1024.0,
    slope: float | Sequence[float] = 1.0,
    signed: bool = False,
    bits_stored: int = 16,
    high_bits: int = 0,
    photometric: str = "MONOCHROME2",
    padding: int | None = None,
    padded: NDArray[np.bool_] | None = None,
    transfer_syntax: str = ExplicitVRLittleEndian,
    shuffle: Sequence[int] = (),
    tags: Tags | None = None,
    tags_per_slice: Callable[[int], Tags] | Sequence[Tags] = (),
) -> list[Path]:
    """Write one CT Image Storage object a slice, named 001.dcm and so on; equal arguments write equal files.

    Args:
        folder: created if it is not there.
        hu: (slices, rows, columns), HU; slice 0 lies at positions_mm[0].
        spacing_mm: (slice, row, column), mm.
        orientation: (3, 3), LPS unit vectors along a row, down a column, and from one slice to the next.
        positions_mm: (slices, 3), LPS centre of the first pixel of every slice; by default evenly along
            orientation[2], with the volume centred on the origin.
        series_uid: by default derived from everything else.
        slice_uids: one a slice; by default derived from series_uid.
        intercept: HU of stored value 0, one for all or one a slice.
        slope: HU of one step of the stored value, one for all or one a slice.
        signed: store two's complement.
        bits_stored: 1..16; stored values must fit.
        high_bits: or-ed onto every stored value, above bits_stored, as some archives leave an overlay there.
        photometric: MONOCHROME1 changes the tag, never the stored values.
        padding: stored value announced as PixelPaddingValue.
        padded: bool, shape of hu; where the padding value is stored instead of the HU.
        transfer_syntax: UID; compressed ones need an encoder that pydicom knows.
        shuffle: file i holds slice shuffle[i], and InstanceNumber i + 1.
        tags: put into every slice, after everything else.
        tags_per_slice: the same for one slice, from its index.

    Returns:
        Path of every slice, in the order of hu.

    Raises:
        ValueError: a value of hu cannot be stored exactly with this slope, intercept and bits_stored.
        FileError: the folder cannot be written.
    """
    count = len(hu)
    order = list(shuffle) or list(range(count))
    stored = [
        _stored_values(hu[i], _of_slice(slope, i), _of_slice(intercept, i), bits_stored=bits_stored, signed=signed)
        for i in range(count)
    ]
    if padded is not None and padding is not None:
        stored = [np.where(mask, padding, values) for mask, values in zip(padded, stored, strict=True)]
    positions = _even_positions(hu.shape, spacing_mm, orientation) if positions_mm is None else positions_mm
    series_uid = series_uid or _derived_uid(hu.tobytes(), positions.tobytes(), spacing_mm, orientation.tobytes(), tags)
    make_folder(folder)
    paths = {}
    for number, index in enumerate(order, start=1):
        dataset = _ct_image(series_uid)
        dataset.SOPInstanceUID = slice_uids[index] if slice_uids else _derived_uid(series_uid, index)
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.InstanceNumber = number
        dataset.PixelSpacing = [_decimal(spacing_mm[1]), _decimal(spacing_mm[2])]
        dataset.SliceThickness = _decimal(spacing_mm[0])
        dataset.ImageOrientationPatient = [_decimal(value) for value in orientation[:2].ravel()]
        dataset.ImagePositionPatient = [_decimal(value) for value in positions[index]]
        dataset.RescaleIntercept = _decimal(_of_slice(intercept, index))
        dataset.RescaleSlope = _decimal(_of_slice(slope, index))
        dataset.PhotometricInterpretation = photometric
        _put_pixels(dataset, stored[index] | high_bits, transfer_syntax, bits_stored=bits_stored, signed=signed)
        if padding is not None:
            dataset.add_new("PixelPaddingValue", "SS" if signed else "US", padding)
        _put(dataset, tags or {})
        _put(dataset, tags_per_slice(index) if callable(tags_per_slice) else (tags_per_slice or [{}] * count)[index])
        paths[index] = folder / f"{number:03d}.dcm"
        with file_errors(paths[index]), config.disable_value_validation():
            dataset.save_as(paths[index], enforce_file_format=True)
    return [paths[index] for index in sorted(paths)]


def _ct_image(series_uid: str) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.SeriesInstanceUID = series_uid
    dataset.StudyInstanceUID = _derived_uid(series_uid, "study")
    dataset.FrameOfReferenceUID = _derived_uid(series_uid, "frame of reference")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Modality = "CT"
    dataset.PatientName = "PHANTOM"
    dataset.PatientID = "PHANTOM"
    dataset.BodyPartExamined = "HEAD"
    dataset.SeriesNumber = 2
    dataset.KVP = "120"
    for keyword in (
        *("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID"),
        *("PatientBirthDate", "PatientSex", "Manufacturer", "PositionReferenceIndicator", "AcquisitionNumber"),
    ):
        setattr(dataset, keyword, None)
    return dataset


def _put_pixels(
    dataset: Dataset, stored: NDArray[np.int64], transfer_syntax: str, *, bits_stored: int, signed: bool
) -> None:
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel = 1
    dataset.BitsAllocated = 16
    dataset.BitsStored = bits_stored
    dataset.HighBit = bits_stored - 1
    dataset.PixelRepresentation = int(signed)
    dataset.RescaleType = "HU"
    order = ">" if transfer_syntax == ExplicitVRBigEndian else "<"
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.add_new("PixelData", "OW", (stored & 0xFFFF).astype(f"{order}u2").tobytes())
    if UID(transfer_syntax).is_encapsulated:
        dataset.compress(transfer_syntax, generate_instance_uid=False)
    else:
        dataset.file_meta.TransferSyntaxUID = UID(transfer_syntax)


def _put(dataset: Dataset, tags: Tags) -> None:
    for keyword, value in tags.items():
        tag = tag_for_keyword(keyword)
        if tag is None:
            raise ValueError(f"{keyword} is no DICOM keyword")
        if value is None:
            dataset.pop(tag, None)
        elif isinstance(value, bytes) and dictionary_VR(tag) not in {"OB", "OW", "UN"}:
            padded = value + b" " * (len(value) % 2)
            dataset[tag] = RawDataElement(Tag(tag), dictionary_VR(tag), len(padded), padded, 0, False, True)
        else:
            with config.disable_value_validation():
                setattr(dataset, keyword, value)


def _stored_values(
    hu: NDArray[np.int16], slope: float, intercept: float, *, bits_stored: int, signed: bool
) -> NDArray[np.int64]:
    stored = np.round((hu - intercept) / slope).astype(np.int64)
    low, high = (-(1 << (bits_stored - 1)), (1 << (bits_stored - 1)) - 1) if signed else (0, (1 << bits_stored) - 1)
    if not np.array_equal(np.round(stored * slope + intercept), hu):
        raise ValueError(f"hu cannot be stored exactly with slope {slope:g} and intercept {intercept:g}")
    if stored.min() < low or stored.max() > high:
        raise ValueError(f"stored values {stored.min()} to {stored.max()} are outside {low} to {high}")
    return stored & ((1 << bits_stored) - 1)


def _even_positions(
    shape: tuple[int, ...], spacing_mm: tuple[float, float, float], orientation: NDArray[np.float64]
) -> NDArray[np.float64]:
    slices, rows, columns = shape
    corner = -(columns - 1) / 2 * spacing_mm[2] * orientation[0] - (rows - 1) / 2 * spacing_mm[1] * orientation[1]
    along = (np.arange(slices) - (slices - 1) / 2) * spacing_mm[0]
    return np.asarray(corner + along[:, None] * orientation[2], np.float64)


def _of_slice(value: float | Sequence[float], index: int) -> float:
    return value[index] if isinstance(value, Sequence) else value


def _decimal(value: float) -> str:
    """The nearest Decimal String; DICOM allows 16 characters."""
    for digits in range(15, 5, -1):
        text = f"{value:.{digits}g}"
        if len(text) <= 16:
            return text
    raise ValueError(f"{value} has no Decimal String")


def _derived_uid(*sources: object) -> str:
    return str(generate_uid(_UID_PREFIX, [sha256(repr(sources).encode())]))
