"""Read a file with pydicom, whatever it turns out to be."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ihd_core.dicom.transfer_syntaxes import IMPLICIT, NATIVE
from ihd_core.errors import DicomError, NotDicom

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from pydicom.dataset import Dataset

    from ihd_core.dicom.source_files import SourceFile


class PixelPlace(NamedTuple):
    """Where in a file the value of Pixel Data lies, and how many bytes it has."""

    start: int
    length: int


def read_dataset(file: SourceFile) -> Dataset:
    """Read one file with its pixels.

    Raises:
        NotDicom: the file is something else.
        DicomError: the file cannot be read, is empty or breaks off.
    """
    import pydicom

    with _opened(file) as opened:
        dataset = pydicom.dcmread(opened.stream, force=opened.looks_like_dicom)
        dataset.get("PixelData")  # parsed here, where a failure is understood
        return dataset


def read_header_dataset(file: SourceFile, keywords: Sequence[str]) -> tuple[Dataset, PixelPlace | None]:
    """Read some elements of one file up to its pixels, and say where these lie.

    Returns:
        The elements; and the place of the pixels, None unless they lie in the file as they are.

    Raises:
        NotDicom: the file is something else.
        DicomError: the file cannot be read, is empty or breaks off.
    """
    import pydicom

    with _opened(file) as opened:
        dataset = pydicom.dcmread(
            opened.stream, force=opened.looks_like_dicom, stop_before_pixels=True, specific_tags=list(keywords)
        )
        is_native = str(dataset.file_meta.get("TransferSyntaxUID", IMPLICIT)) in NATIVE
        return dataset, _pixel_place(opened.stream, dataset) if is_native else None


def one_line(error: BaseException) -> str:
    """What a foreign exception says, fit for the end of our own line."""
    lines = str(error).strip().splitlines()
    return lines[0][:100].rstrip(":. ") if lines else type(error).__name__


@dataclass(frozen=True, slots=True)
class _Opened:
    stream: BinaryIO
    looks_like_dicom: bool


@contextmanager
def _opened(file: SourceFile) -> Iterator[_Opened]:
    """Open a file for pydicom, and turn whatever fails in the block into an error that names the file."""
    from pydicom.errors import InvalidDicomError

    _silence_pydicom()
    try:
        with file.open() as stream:
            start = stream.read(132)
            if not start:
                raise DicomError(f"{file.name}: is empty (0 bytes)")
            stream.seek(0)
            yield _Opened(stream, _looks_like_dicom(start))
    except OSError as error:
        raise DicomError(f"{file.name}: cannot be read ({error.strerror or error})") from error
    except InvalidDicomError as error:
        raise NotDicom(f"{file.name}: is not a DICOM file") from error
    except DicomError:
        raise
    except Exception as error:  # a damaged file makes pydicom fail in any way there is
        raise DicomError(f"{file.name}: is damaged ({one_line(error)})") from error


def _silence_pydicom() -> None:
    """Keep pydicom and its decoders from warning and logging beside the rules of this package.

    What pydicom remarks on values is either nothing to a reader or one of our own warnings. Called before every file:
    a filter is cheap, and whoever reset the filters in between, as a test does, would miss it otherwise.
    """
    from pydicom import config

    config.settings.reading_validation_mode = config.IGNORE
    warnings.filterwarnings("ignore", module=r"(pydicom|openjpeg|pylibjpeg|rle|jpeg_ls)\b")
    for name in ("pydicom", "openjpeg", "pylibjpeg"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _looks_like_dicom(start: bytes) -> bool:
    """Whether a file without the DICM mark begins with an element of group 2 or 8, in either byte order."""
    return start[128:132] == b"DICM" or start[:2] in {b"\x02\x00", b"\x08\x00", b"\x00\x08"}


def _pixel_place(stream: BinaryIO, dataset: Dataset) -> PixelPlace | None:
    """Where the value of Pixel Data lies in a file that pydicom has read up to it."""
    is_implicit, is_little_endian = dataset.original_encoding
    order: str = "little" if is_little_endian else "big"
    start = stream.tell()
    head = stream.read(12)
    if head[:4] != (b"\xe0\x7f\x10\x00" if is_little_endian else b"\x7f\xe0\x00\x10"):
        return None
    length = int.from_bytes(head[4:8] if is_implicit else head[8:12], order)  # type: ignore[arg-type]
    if not is_implicit and head[4:6] not in {b"OB", b"OW", b"UN"}:
        return None
    return None if length == 0xFFFFFFFF else PixelPlace(start + (8 if is_implicit else 12), length)
