import os

import pytest

from ihd_core.errors import DicomError, NotDicom
from ihd_core.phantom.series_writer import write_series
from tests.ihd_core.dicom.header_of import header_of


def test_a_text_file_named_dcm_is_not_dicom(tmp_path):
    path = tmp_path / "notes.dcm"
    path.write_text("Looks like a slice, is a shopping list.\n" * 100)
    with pytest.raises(NotDicom, match=r"^notes.dcm: is not a DICOM file$"):
        header_of(path)


def test_an_empty_file_says_so(tmp_path):
    (tmp_path / "07.dcm").touch()
    with pytest.raises(DicomError, match=r"^07.dcm: is empty \(0 bytes\)$"):
        header_of(tmp_path / "07.dcm")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_gives_the_systems_reason(tmp_path, hu):
    (path,) = write_series(tmp_path, hu[:1])
    path.chmod(0)
    with pytest.raises(DicomError, match="Permission denied"):
        header_of(path)


def test_a_dangling_link_gives_the_systems_reason(tmp_path):
    (tmp_path / "07.dcm").symlink_to(tmp_path / "gone")
    with pytest.raises(DicomError, match=r"^07.dcm: cannot be read \(No such file or directory\)$"):
        header_of(tmp_path / "07.dcm")


@pytest.mark.parametrize("length", [140, 200, 300, 360, 400, 700])
def test_a_header_that_breaks_off_is_damaged(tmp_path, hu, length):
    (path,) = write_series(tmp_path, hu[:1])
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DicomError, match=r"^001.dcm: is damaged"):
        header_of(path)


def test_a_file_without_preamble_is_read(tmp_path, hu):
    (path,) = write_series(tmp_path, hu[:1], tags={"SeriesDescription": "no preamble"})
    path.write_bytes(path.read_bytes()[132:])
    assert header_of(path).details.series_description == "no preamble"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"5", 5.0),
        (b" 5.0 ", 5.0),
        (b"5e0", 5.0),
        (b"+5.", 5.0),
        (b"5,0", 0.0),
        (b"abc", 0.0),
        (b"nan", 0.0),
        (b"1e99", 0.0),
        (b"", 0.0),
        (b"5\\6", 5.0),
        (None, 0.0),
    ],
)
def test_a_malformed_decimal_counts_as_absent(tmp_path, hu, value, expected):
    (path,) = write_series(tmp_path, hu[:1], tags={"SliceThickness": value})
    assert header_of(path).details.thickness_mm == expected


@pytest.mark.parametrize("value", [b"1\\2", b"1\\2\\x", b"1\\2\\nan", b"", None])
def test_a_position_that_is_not_three_numbers_counts_as_absent(tmp_path, hu, value):
    (path,) = write_series(tmp_path, hu[:1], tags={"ImagePositionPatient": value})
    assert header_of(path).position is None


def test_the_corners_of_the_picture_know_the_patient_and_the_scanner(tmp_path, hu):
    tags = {
        "PatientName": "DOE^JANE",
        "PatientID": "42",
        "PatientAge": "077Y",
        "PatientSex": "F",
        "StudyDate": "20260102",
        "Manufacturer": "MAKER",
        "ManufacturerModelName": "MODEL",
        "ConvolutionKernel": ["J40s", "3"],
        "WindowCenter": [40, 80],
        "WindowWidth": [80, 200],
        "ContrastBolusAgent": "Iodine",
    }
    (path,) = write_series(tmp_path, hu[:1], tags=tags)
    details = header_of(path).details
    assert (details.patient_name, details.patient_id, details.patient_age, details.patient_sex) == (
        *("DOE^JANE", "42"),
        *("077Y", "F"),
    )
    assert (details.scanner, details.kernel, details.kvp) == ("MAKER MODEL", "J40s 3", 120.0)
    assert (details.default_window.center, details.default_window.width) == (40, 80)
    assert details.contrast_agent == "Iodine"
    assert not details.lossy


def test_an_unknown_character_set_is_no_reason_to_fail(tmp_path, hu):
    (path,) = write_series(tmp_path, hu[:1], tags={"SpecificCharacterSet": "ISO_IR 100", "PatientName": "DÖE"})
    path.write_bytes(path.read_bytes().replace(b"ISO_IR 100", b"ISO_IR 999"))
    assert header_of(path).details.patient_name.startswith("D")


@pytest.mark.parametrize("keyword", ["RescaleSlope", "RescaleIntercept"])
@pytest.mark.parametrize("value", [b"-\x00024", b"one", b"1,0", b"1\\2", b"nan", b"1e9"])
def test_a_slope_or_intercept_that_is_no_number_is_refused_not_left_out(tmp_path, hu, keyword, value):
    """Without it the HU of this slice would be wrong, and look like those of the others."""
    (path,) = write_series(tmp_path, hu[:1], tags={keyword: value})
    with pytest.raises(DicomError, match=rf"^001\.dcm: is damaged \({keyword} .* is no number\)$"):
        header_of(path)
