"""The quick way to a header and pydicom's never disagree."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from ihd_core.dicom.header_reader import HeaderReader, full_headers
from ihd_core.dicom.sources.source_files import SourceFile
from ihd_core.errors import DicomError
from ihd_core.phantom.series_writer import write_series
from tests.ihd_core.dicom.fuzz import CHANGES, EXAMPLES, changed

SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, JPEG2000Lossless]


def difference(file, *before):
    """What differs between the two headers of a file; empty where they agree or the quick way leaves it to pydicom.

    Args:
        file: the one that is compared.
        before: files that the same reader reads first.
    """
    reader = HeaderReader()
    for earlier in before:
        reader.quick(earlier)
    quick = reader.quick(file)
    if quick is None:
        return ""
    try:
        (full,) = full_headers(file)
    except DicomError as error:
        return f"quick where pydicom says: {error}"
    fields = [field.name for field in dataclasses.fields(full)]
    return "; ".join(
        f"{name}: {getattr(quick, name)!r} != {getattr(full, name)!r}" for name in fields if differs(quick, full, name)
    )


def differs(one, other, name):
    return getattr(one, name) != getattr(other, name)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A file in every transfer syntax, with sequences of both kinds of length before the pixels."""
    import numpy as np
    import pydicom
    from pydicom.dataset import Dataset

    folder = tmp_path_factory.mktemp("written")
    hu = np.random.default_rng(1).integers(-1000, 3000, (1, 32, 40)).astype(np.int16)
    files = []
    for number, syntax in enumerate(SYNTAXES):
        for undefined in (False, True):
            (path,) = write_series(folder / f"{number}{undefined}", hu, transfer_syntax=syntax)
            dataset = pydicom.dcmread(path)
            item, inner = Dataset(), Dataset()
            inner.CodeValue, inner.Rows = "T-A0100", 7  # a tag that is wanted outside of the sequence
            item.PurposeOfReferenceCodeSequence = [inner]
            item["PurposeOfReferenceCodeSequence"].is_undefined_length = undefined
            item.is_undefined_length_sequence_item = inner.is_undefined_length_sequence_item = undefined
            dataset.ReferencedImageSequence = [item]
            dataset["ReferencedImageSequence"].is_undefined_length = undefined
            dataset.save_as(path)
            files.append(path)
    return files


def test_a_plain_file_takes_the_quick_way(written):
    assert all(HeaderReader().quick(SourceFile(path)) is not None for path in written)
    assert [difference(SourceFile(path)) for path in written] == [""] * len(written)


def test_the_two_ways_agree_on_every_real_file(shared_data):
    files = [SourceFile(path) for path in sorted(shared_data.rglob("*")) if path.is_file()]
    assert {difference(file) for file in files} == {""}
    plain = [file for file in files if file.path.parts[-3] == "head_ct" or "S2010" in file.path.parts]
    assert sum(HeaderReader().quick(file) is not None for file in plain) > 100, "real scans take the quick way"


@pytest.mark.parametrize("change", [b"1.2.840.10008.1.2.\0.90", b"1.2.840.10008.1.2.4.9x"])
def test_a_transfer_syntax_that_is_no_uid_is_left_to_pydicom(tmp_path, hu, change):
    (path,) = write_series(tmp_path, hu[:1], transfer_syntax=JPEG2000Lossless)
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.4.90", change, 1))
    assert HeaderReader().quick(SourceFile(path)) is None


def test_a_header_longer_than_the_first_look_takes_the_quick_way(tmp_path, hu):
    (path,) = write_series(tmp_path, hu[:1], tags={"ImageComments": "x" * 9000, "RescaleSlope": "2"})
    assert HeaderReader().quick(SourceFile(path)).slope == 2


@pytest.mark.parametrize(
    "tags",
    [
        {"PatientName": "Müller^Jürgen", "SpecificCharacterSet": "ISO_IR 100"},
        {"PatientName": "Ёлкин^Пётр", "SpecificCharacterSet": "ISO_IR 192", "SeriesDescription": "Голова"},
        {"PatientName": "Ёлкин^Пётр", "SpecificCharacterSet": "ISO_IR 144"},
        {"PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう", "SpecificCharacterSet": ["", "ISO 2022 IR 87"]},
        {"PatientName": b"M\xfcller", "SpecificCharacterSet": None},
        {"ConvolutionKernel": ["Hr40f", "3"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"]},
        {"PixelPaddingValue": b"\x30\xf8", "PixelPaddingRangeLimit": b"\x00\x80"},
        {"WindowCenter": ["40", "80"], "WindowWidth": ["80", "200"]},
        {"RescaleSlope": b"1,0", "RescaleIntercept": b"-1.024e3"},
        {"RescaleSlope": b"1.0\0", "SliceThickness": b"+5."},
        {"InstanceNumber": b"007", "SeriesNumber": b"2.0", "AcquisitionNumber": b" 1 "},
        {"ImagePositionPatient": b"1\\2", "ImageOrientationPatient": b"1\\0\\0\\0\\1\\x"},
        {"ImagePositionPatient": None, "ImagePosition": [1, 2, 3]},
        {"SliceThickness": b"nan", "KVP": b"inf"},
        {"SeriesInstanceUID": b"1.2..03.a", "SOPInstanceUID": b"1.2.3\0"},
        {"SeriesInstanceUID": b"1.2.3\\\t4", "FrameOfReferenceUID": b" 1.2.3 "},
        {"Modality": b"ct", "ContrastBolusAgent": b"  "},
        {"SOPClassUID": None, "PatientAge": b"045Y\0"},
    ],
)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_the_two_ways_agree_on_odd_values(tmp_path, hu, tags, syntax):
    (path,) = write_series(tmp_path, hu[:1], tags=tags, transfer_syntax=syntax)
    assert difference(SourceFile(path)) == ""


def test_one_reader_for_all_real_files_agrees_too(shared_data):
    reader = HeaderReader()
    for path in sorted(path for path in shared_data.rglob("*") if path.is_file()):
        quick = reader.quick(SourceFile(path))
        if quick is not None:
            (full,) = full_headers(SourceFile(path))
            assert [field.name for field in dataclasses.fields(full) if differs(quick, full, field.name)] == [], path


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_neighbours_that_differ_in_any_way_are_read_as_they_are(tmp_path, hu, syntax):
    """One after the other through one reader: what was the same so far may differ, be missing, or be new."""
    tags = [
        {},
        {},
        {"KVP": 100},
        {"KVP": 120, "ConvolutionKernel": "H30s"},
        {"ConvolutionKernel": None, "WindowCenter": 40, "WindowWidth": 80},
        {"PatientName": "OTHER", "RescaleIntercept": -1000},
        {"SOPClassUID": None, "SeriesInstanceUID": "1.2.4"},
        {"ImagePositionPatient": None},
        {},
    ]
    files = []
    for number, of_file in enumerate(tags):
        options = {"transfer_syntax": syntax, "series_uid": "1.2.3", "tags": of_file}
        (path,) = write_series(tmp_path / str(number), hu[:1], **options)
        files.append(SourceFile(path))
    for number in range(len(files)):
        assert difference(files[number], *files[:number]) == "", number


@given(number=st.integers(0, 2 * len(SYNTAXES) - 1), before=st.integers(0, 2), changes=CHANGES)
@settings(max_examples=EXAMPLES)
def test_the_two_ways_agree_on_damaged_headers(written, number, before, changes):
    """Alone, or after so many whole slices of the same series."""
    path = Path(written[number])
    damaged = path.with_suffix(".damaged")
    damaged.write_bytes(changed(path.read_bytes(), changes, within=1200))
    assert difference(SourceFile(damaged), *[SourceFile(path)] * before) == ""
