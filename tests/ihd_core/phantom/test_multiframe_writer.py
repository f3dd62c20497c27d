import subprocess

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.uid import EnhancedCTImageStorage, JPEG2000Lossless, LegacyConvertedEnhancedCTImageStorage, RLELossless

from ihd_core.phantom.multiframe_writer import write_multiframe
from ihd_core.phantom.series_writer import write_series

ORDER = [3, 0, 2, 1]


@pytest.fixture
def hu():
    """int16 (4, 32, 40), -1000 to 2999 HU."""
    return np.random.default_rng(1).integers(-1000, 3000, (4, 32, 40)).astype(np.int16)


def test_every_frame_says_where_it_lies_and_how_its_values_become_hu(tmp_path, hu):
    slices = write_series(tmp_path / "slices", hu, intercept=[-1000, -1010, -1020, -1024], spacing_mm=(2.5, 0.5, 0.25))
    dataset = pydicom.dcmread(write_multiframe(tmp_path / "frames.dcm", [slices[i] for i in ORDER]))
    assert dataset.SOPClassUID == dataset.file_meta.MediaStorageSOPClassUID == EnhancedCTImageStorage
    assert dataset.NumberOfFrames == 4
    assert "RescaleIntercept" not in dataset
    assert "ImagePositionPatient" not in dataset
    (shared,) = dataset.SharedFunctionalGroupsSequence
    assert shared.PixelMeasuresSequence[0].PixelSpacing == [0.5, 0.25]
    assert shared.PlaneOrientationSequence[0].ImageOrientationPatient == [1, 0, 0, 0, 1, 0]
    for own, values, index in zip(dataset.PerFrameFunctionalGroupsSequence, dataset.pixel_array, ORDER, strict=True):
        assert own.PlanePositionSequence[0].ImagePositionPatient[2] == (index - 1.5) * 2.5
        assert np.array_equal(values + own.PixelValueTransformationSequence[0].RescaleIntercept, hu[index])


def test_a_legacy_object_keeps_kernel_and_voltage_unassigned(tmp_path, hu):
    slices = write_series(tmp_path / "slices", hu, tags={"ConvolutionKernel": "H30s"})
    dataset = pydicom.dcmread(write_multiframe(tmp_path / "frames.dcm", slices, legacy=True))
    assert dataset.SOPClassUID == LegacyConvertedEnhancedCTImageStorage
    (unassigned,) = dataset.SharedFunctionalGroupsSequence[0].UnassignedSharedConvertedAttributesSequence
    assert (unassigned.ConvolutionKernel, unassigned.KVP) == ("H30s", 120)


@pytest.mark.parametrize(
    ("table", "fragments", "basic", "extended"),
    [("basic", 1, 4, 0), ("extended", 1, 0, 4), ("", 1, 0, 0), ("basic", 2, 4, 0)],
)
def test_compressed_frames_have_the_offset_table_asked_for(tmp_path, hu, table, fragments, basic, extended):
    path = write_multiframe(
        tmp_path / "frames.dcm",
        write_series(tmp_path / "slices", hu),
        transfer_syntax=JPEG2000Lossless,
        offset_table=table,
        fragments=fragments,
    )
    dataset = pydicom.dcmread(path)
    pixels = dataset.PixelData
    assert len(pydicom.encaps.parse_basic_offsets(pixels)) == basic
    assert len(dataset.get("ExtendedOffsetTable", b"")) == 8 * extended
    assert len(list(pydicom.encaps.generate_fragments(pixels))) == 4 * fragments + 1, "with the table"
    assert np.array_equal(dataset.pixel_array.astype(int) - 1024, hu)


def test_equal_arguments_write_equal_files(tmp_path, hu):
    slices = write_series(tmp_path / "slices", hu)
    one, two = (write_multiframe(tmp_path / name, slices, transfer_syntax=RLELossless) for name in ("1", "2"))
    assert one.read_bytes() == two.read_bytes()


def test_another_program_reads_the_same_volume(tmp_path, hu, need_tool):
    slices = write_series(tmp_path / "slices", hu, spacing_mm=(2.5, 0.5, 0.25))
    (tmp_path / "object").mkdir()
    write_multiframe(tmp_path / "object" / "frames.dcm", slices)
    command = [need_tool("dcm2niix"), "-b", "n", "-z", "n", "-f", "head", "-o", str(tmp_path), str(tmp_path / "object")]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = tmp_path.glob("head*.nii")
    read = nibabel.load(path)
    assert np.allclose(read.header.get_zooms(), (0.25, 0.5, 2.5))
    found = nibabel.as_closest_canonical(read)
    # RAS to rows to the left, columns to posterior.
    assert np.array_equal(np.asarray(found.dataobj)[::-1, ::-1].transpose(2, 1, 0), hu)
