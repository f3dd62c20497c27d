"""Read a file with pydicom, whatever it turns out to be."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ihd_core.dicom.inflating_file import InflatingFile
from ihd_core.dicom.transfer_syntaxes import DEFLATED, EXPLICIT, IMPLICIT, NATIVE
from ihd_core.errors import DicomError, NotDicom

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, BinaryIO

    from pydicom.dataset import Dataset

    from ihd_core.dicom.sources.source_files import SourceFile

LARGEST_HEADER = 64 << 20
"""Bytes of a deflated file that are inflated in search of its pixels."""

LARGEST_INFLATED = 1 << 30
"""Bytes of pixels of a deflated file."""

UNDEFINED = 0xFFFFFFFF
"""Length of a value that ends with a delimiter."""

_LONGEST_META = 64 << 10


class PixelPlace(NamedTuple):
    """Where in a file the value of Pixel Data lies, and how many bytes it has."""

    start: int
    length: int


class PixelElement(NamedTuple):
    """A file read up to its pixels.

    Attributes:
        dataset: the wanted elements.
        place: of the value of Pixel Data, whose length may be UNDEFINED; None where there is none.
        stream: to read it from, inflated where the file is deflated.
    """

    dataset: Dataset
    place: PixelPlace | None
    stream: BinaryIO


def read_header_dataset(file: SourceFile, keywords: Sequence[str]) -> tuple[Dataset, PixelPlace | None]:
    """Read some elements of one file up to its pixels, and say where these lie.

    Returns:
        The elements; and the place of the pixels, None unless they lie in the file as they are.

    Raises:
        NotDicom: the file is something else.
        DicomError: the file cannot be read, is empty or breaks off.
    """
    with pixel_element(file, keywords) as (dataset, place, _):
        is_native = str(dataset.file_meta.get("TransferSyntaxUID", IMPLICIT)) in NATIVE
        return dataset, place if is_native and place is not None and place.length != UNDEFINED else None


@contextmanager
def pixel_element(file: SourceFile, keywords: Sequence[str]) -> Iterator[PixelElement]:
    """Read some elements of one file up to its pixels, and keep it open to read these.

    A deflated file is inflated as far as it is read, and at most up to LARGEST_HEADER before the pixels and
    LARGEST_INFLATED behind; pydicom would go on until the memory is full.

    Raises:
        NotDicom: the file is something else.
        DicomError: the file cannot be read, is empty or breaks off; also for whatever fails while it is open.
    """
    with _opened(file) as opened:
        dataset = opened.dataset(stop_before_pixels=True, specific_tags=list(keywords))
        place = _pixel_place(opened.stream, dataset)
        if place is not None and isinstance(opened.stream, InflatingFile):
            opened.stream.most = place.start + LARGEST_INFLATED
        yield PixelElement(dataset, place, opened.stream)


def one_line(error: BaseException) -> str:
    """What a foreign exception says, fit for the end of our own line."""
    lines = str(error).strip().splitlines()
    return lines[0][:100].rstrip(":. ") if lines else type(error).__name__


@dataclass(frozen=True, slots=True)
class _Opened:
    stream: BinaryIO
    looks_like_dicom: bool
    is_deflated: bool

    def dataset(self, **options: Any) -> Dataset:
        import pydicom
        from pydicom.uid import DeflatedExplicitVRLittleEndian

        dataset = pydicom.dcmread(self.stream, force=self.looks_like_dicom, **options)
        if self.is_deflated:
            dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        return dataset


@contextmanager
def _opened(file: SourceFile) -> Iterator[_Opened]:
    """Open a file for pydicom, and turn whatever fails in the block into an error that names the file."""
    from pydicom.errors import InvalidDicomError

    _silence_pydicom()
    try:
        with file.open() as stream:
            start = stream.read(_LONGEST_META)
            if not start:
                raise DicomError(f"{file.name}: is empty (0 bytes)")
            end = _end_of_deflated_meta(start)
            stream.seek(0 if end is None else end)
            readable = stream if end is None else _inflating(stream, start[:end], file.name)
            yield _Opened(readable, _looks_like_dicom(start), end is not None)
    except OSError as error:
        raise DicomError(f"{file.name}: cannot be read ({error.strerror or error})") from error
    except InvalidDicomError as error:
        raise NotDicom(f"{file.name}: is not a DICOM file") from error
    except DicomError:
        raise
    except Exception as error:  # a damaged file makes pydicom fail in any way there is
        raise DicomError(f"{file.name}: is damaged ({one_line(error)})") from error


def _silence_pydicom() -> None:
    """Keep pydicom from warning and logging beside the rules of this package.

    What pydicom remarks on values is either nothing to a reader or one of our own warnings. Called before every file:
    a filter is cheap, and whoever reset the filters in between, as a test does, would miss it otherwise.
    """
    from pydicom import config

    config.settings.reading_validation_mode = config.IGNORE
    warnings.filterwarnings("ignore", module=r"pydicom\b")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)


def _looks_like_dicom(start: bytes) -> bool:
    """Whether a file without the DICM mark begins with an element of group 2 or 8, in either byte order."""
    return start[128:132] == b"DICM" or start[:2] in {b"\x02\x00", b"\x08\x00", b"\x00\x08"}


def _end_of_deflated_meta(start: bytes) -> int | None:
    """Where the meta information of a file ends if it announces that the rest is deflated."""
    position = 132 if start[128:132] == b"DICM" else 0
    is_deflated = False
    while start[position : position + 2] == b"\x02\x00" and position + 12 <= len(start):
        kind, length = start[position + 4 : position + 6], int.from_bytes(start[position + 6 : position + 8], "little")
        value = position + 8
        if kind in {b"OB", b"OW", b"UN", b"SQ", b"UT", b"UC", b"UR"}:
            value, length = position + 12, int.from_bytes(start[position + 8 : position + 12], "little")
        if start[position + 2 : position + 4] == b"\x10\x00":
            is_deflated = start[value : value + length].rstrip(b"\0 ") == DEFLATED.encode()
        position = value + length
    return position if is_deflated and position < len(start) else None


def _inflating(stream: BinaryIO, meta: bytes, name: str) -> BinaryIO:
    """The file as if it had not been deflated; stream is where its deflated data begin."""
    plain_meta = meta.replace(DEFLATED.encode(), EXPLICIT.encode().ljust(len(DEFLATED), b"\0"))
    return InflatingFile(stream, plain_meta, name, LARGEST_HEADER)  # type: ignore[return-value]


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
    return PixelPlace(start + (8 if is_implicit else 12), length)
