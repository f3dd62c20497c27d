"""Stored values out of encoded pixel data: JPEG, JPEG-LS, JPEG 2000, RLE, deflated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom.datasets import one_line, read_dataset
from ihd_core.dicom.transfer_syntaxes import DEFLATED, IMPLICIT
from ihd_core.errors import DicomError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from ihd_core.dicom.headers import Header

JPEG = frozenset(f"1.2.840.10008.1.2.4.{last}" for last in ("50", "51", "57", "70"))
_END_OF_JPEG = b"\xff\xd9"
"""The decoder of JPEG fills a picture that breaks off with grey and says nothing."""

_DECODERS = {
    # pylibjpeg-rle panics on a damaged frame, and a panic is no Exception; pydicom's own decoder only fails.
    "1.2.840.10008.1.2.5": "pydicom",
    # Where one decoder fails on a damaged frame, gdcm fails too, and prints to the terminal.
    "1.2.840.10008.1.2.4.90": "pylibjpeg",
    "1.2.840.10008.1.2.4.91": "pylibjpeg",
    "1.2.840.10008.1.2.4.80": "pyjpegls",
    "1.2.840.10008.1.2.4.81": "pyjpegls",
}


def decoded_values(header: Header) -> NDArray[np.integer]:
    """Stored values of a slice whose pixels do not lie in the file as they are.

    Raises:
        DicomError: there are none or too few, or no decoder takes them.
    """
    from pydicom.pixels.utils import pixel_array
    from pydicom.uid import UID

    dataset = read_dataset(header.file)
    name, syntax = header.file.name, UID(header.transfer_syntax or IMPLICIT)
    if "PixelData" not in dataset:
        raise DicomError(f"{name}: no pixel data, or it breaks off before its end")
    if not syntax.is_transfer_syntax:
        raise DicomError(f"{name}: no decoder for transfer syntax {syntax}")
    if syntax == DEFLATED:
        return _inflated_values(header, dataset)
    if syntax in JPEG and not dataset.PixelData.rstrip(b"\0").endswith(_END_OF_JPEG):
        raise DicomError(f"{name}: pixel data breaks off before the end of its JPEG picture")
    try:
        raw = np.asarray(pixel_array(dataset, raw=True, decoding_plugin=_DECODERS.get(syntax, "")))
    except Exception as error:  # every decoder fails in its own way
        if isinstance(error, NotImplementedError) or "does not support" in str(error):
            raise DicomError(f"{name}: no decoder for transfer syntax {syntax.name} ({syntax})") from error
        raise DicomError(f"{name}: pixels cannot be decoded, {syntax.name} ({one_line(error)})") from error
    if raw.shape != (header.rows, header.columns) or raw.dtype.itemsize > 2:
        announced = f"{header.rows} × {header.columns} of 8 or 16 bits"
        raise DicomError(f"{name}: pixels of shape {raw.shape}, {raw.dtype} where {announced} were announced")
    return raw


def _inflated_values(header: Header, dataset: Dataset) -> NDArray[np.integer]:
    kind = f"<{'i' if header.pixels.is_signed else 'u'}{header.pixels.bits_allocated // 8}"
    there, announced = len(dataset.PixelData), header.rows * header.columns * header.pixels.bits_allocated // 8
    if header.pixels.bits_allocated not in {8, 16} or there < announced:
        raise DicomError(f"{header.file.name}: {there:,} bytes of pixel data where {announced:,} were announced")
    values = np.frombuffer(dataset.PixelData, kind, header.rows * header.columns)
    return values.reshape(header.rows, header.columns)
