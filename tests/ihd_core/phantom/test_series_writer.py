import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from ihd_core.phantom.series_writer import write_series


@pytest.fixture
def hu():
    return np.random.default_rng(1).integers(-1024, 3000, (3, 32, 40)).astype(np.int16)


@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEG2000Lossless,
        JPEGLSLossless,
    ],
)
@pytest.mark.parametrize("signed", [False, True])
def test_what_was_written_is_what_pydicom_reads(tmp_path, hu, syntax, signed):
    paths = write_series(tmp_path, hu, transfer_syntax=syntax, signed=signed, intercept=-1000 if signed else -1024)
    for path, expected in zip(paths, hu, strict=True):
        dataset = pydicom.dcmread(path)
        assert dataset.file_meta.TransferSyntaxUID == syntax
        assert dataset.SOPClassUID == CTImageStorage
        rescaled = dataset.pixel_array.astype(int) * int(dataset.RescaleSlope) + int(dataset.RescaleIntercept)
        assert np.array_equal(rescaled, expected)


def test_the_first_slice_is_inferior_and_the_volume_is_centred(tmp_path, hu):
    paths = write_series(tmp_path, hu, spacing_mm=(5, 0.5, 0.25))
    corners = [list(pydicom.dcmread(path).ImagePositionPatient) for path in paths]
    assert corners == [[-4.875, -7.75, -5.0], [-4.875, -7.75, 0.0], [-4.875, -7.75, 5.0]]


def test_a_shuffled_series_keeps_its_positions_and_lies_about_instance_numbers(tmp_path, hu):
    paths = write_series(tmp_path, hu, shuffle=[2, 0, 1])
    assert [path.name for path in paths] == ["002.dcm", "003.dcm", "001.dcm"]
    assert [pydicom.dcmread(path).InstanceNumber for path in paths] == [2, 3, 1]


def test_equal_arguments_write_equal_files(tmp_path, hu):
    first = write_series(tmp_path / "a", hu)
    second = write_series(tmp_path / "b", hu)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_tag_is_replaced_left_out_or_written_malformed(tmp_path, hu):
    (path, *_) = write_series(
        tmp_path,
        hu,
        tags={"PatientID": "A", "Modality": None, "SliceThickness": b"5,0"},
        tags_per_slice=lambda index: {"AcquisitionNumber": index},
    )
    dataset = pydicom.dcmread(path)
    assert dataset.PatientID == "A"
    assert "Modality" not in dataset
    assert b"5,0 " in path.read_bytes()
    assert dataset.AcquisitionNumber == 0


def test_hu_that_cannot_be_stored_are_refused(tmp_path, hu):
    with pytest.raises(ValueError, match="outside 0 to 4095"):
        write_series(tmp_path, hu + 2000, bits_stored=12)
    with pytest.raises(ValueError, match="exactly"):
        write_series(tmp_path, hu, slope=2)
