"""Headers written as lines and read back, on phantoms and on real files."""

from dataclasses import fields

import numpy as np
import pytest

from ihd_core.dicom.header_reader import HeaderReader
from ihd_core.dicom.headers import Header
from ihd_core.dicom.sources.source_files import SourceFile
from ihd_core.errors import DicomError
from ihd_core.phantom.series_writer import write_series
from training.data.header_rows import HeaderLines, to_line


def assert_reads_back(root, files):
    lines, reader = HeaderLines(root), HeaderReader()
    count = 0
    for file in files:
        try:
            headers = reader.read(SourceFile(file))
        except DicomError:
            continue
        for header in headers:
            if header.volume is None:
                line = to_line(header, file.relative_to(root).as_posix())
                assert "\n" not in line
                back = lines.header(line)
                for one in fields(Header):
                    assert getattr(back, one.name) == getattr(header, one.name), (file, one.name)
                count += 1
    return count


def test_nothing_of_a_header_is_lost(tmp_path):
    hu = np.zeros((3, 4, 6), np.int16)
    tags = {"PatientName": "Döe^Jane", "WindowCenter": "40", "WindowWidth": "80", "SpecificCharacterSet": "ISO_IR 192"}
    files = write_series(tmp_path / "a", hu, tags=tags, padding=63536)
    files += write_series(tmp_path / "b", hu, tags={"ImagePositionPatient": None, "PixelSpacing": None})
    assert assert_reads_back(tmp_path, files) == 6


def test_nothing_of_real_headers_is_lost(shared_data):
    files = [file for file in sorted(shared_data.rglob("*")) if file.is_file() and file.suffix == ".dcm"]
    assert assert_reads_back(shared_data, files[:: max(1, len(files) // 150)]) > 20


def test_slices_of_a_series_share_their_details_again(tmp_path):
    files = write_series(tmp_path, np.zeros((3, 4, 6), np.int16))
    reader, lines = HeaderReader(), HeaderLines(tmp_path)
    back = [lines.header(to_line(reader.read(SourceFile(file))[0], file.name)) for file in files]
    assert len({id(header.details) for header in back}) == 1


@pytest.mark.parametrize("name", ["a b.dcm", "ä/ü.dcm", 'with"quote.dcm'])
def test_names_of_files_come_back(tmp_path, name):
    (file,) = write_series(tmp_path, np.zeros((1, 4, 6), np.int16))
    header = HeaderReader().read(SourceFile(file))[0]
    assert HeaderLines(tmp_path).header(to_line(header, name)).file.path == tmp_path / name
