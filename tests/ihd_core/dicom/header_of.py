"""The header of a file that holds one picture."""

from pathlib import Path

from ihd_core.dicom.header_reader import read_headers
from ihd_core.dicom.headers import Header
from ihd_core.dicom.sources.source_files import SourceFile


def header_of(path: Path) -> Header:
    (header,) = read_headers(SourceFile(path))
    return header
