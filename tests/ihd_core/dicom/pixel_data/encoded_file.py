"""Write a slice around a picture that is encoded already, whole or not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pydicom
from pydicom.encaps import encapsulate

from ihd_core.phantom.series_writer import write_series
from tests.ihd_core.dicom.header_of import header_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ihd_core.dicom.headers import Header

ITEM, DELIMITER = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"


def items(*values: bytes) -> bytes:
    """The values as items, the first of them the offset table; without the end that pydicom adds."""
    return b"".join(ITEM + len(value).to_bytes(4, "little") + value for value in values)


def write_encoded(
    folder: Path,
    frames: Sequence[bytes] | bytes,
    syntax: str,
    *,
    rows: int,
    columns: int,
    bits: int = 16,
    allocated: int = 16,
    signed: bool = False,
) -> Path:
    """A slice with slope 1 and intercept 0; frames are encapsulated, and bytes become Pixel Data as they are."""
    (path,) = write_series(folder, np.zeros((1, 4, 4), np.int16), intercept=0)
    dataset = pydicom.dcmread(path)
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, bits, bits - 1
    dataset.PixelRepresentation = int(signed)
    dataset.file_meta.TransferSyntaxUID = syntax
    # pydicom would pad what is odd and refuse what is wrong.
    dataset.PixelData = place = items(b"", b"the place of the pixels.")
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)
    content = path.read_bytes()
    assert content.endswith(place + DELIMITER)
    path.write_bytes(content.replace(place, frames if isinstance(frames, bytes) else encapsulate(list(frames))))
    return path


def frame_header(path: Path, frame: int, frames: int) -> Header:
    """The header of one frame of a file, whatever kind of object the file is."""
    return replace(header_of(path), frame=frame, frames=frames)
