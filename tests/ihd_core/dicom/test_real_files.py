"""The reader on files that scanners wrote; dcm2niix says what their HU are."""

import subprocess

import numpy as np
import pydicom
import pytest

from ihd_core.dicom.inspection import inspect
from ihd_core.dicom.pixel_data.pixels import AIR_HU, read_hu
from ihd_core.dicom.reader import load_scan
from ihd_core.errors import DicomError, NoHeadCt
from tests.ihd_core.dicom.header_of import header_of

GE = "head_ct/ge_hispeed_tilt"
PHILIPS = "head_ct/philips_ingenuity_phantom/S21570/S2010"
PHILIPS_TILT = "head_ct/philips_ingenuity_phantom/S21610/S2010"


def nifti_hu(path):
    """Voxels of an uncompressed little-endian NIfTI-1 file, (slices, rows, columns) with the rows as in DICOM."""
    content = path.read_bytes()
    columns, rows, slices = np.frombuffer(content, "<i2", 3, 42)
    slope, intercept = np.frombuffer(content, "<f4", 2, 112)
    (offset,) = np.frombuffer(content, "<f4", 1, 108)
    kind = {4: "<i2", 512: "<u2"}[int(np.frombuffer(content, "<i2", 1, 70)[0])]
    stored = np.frombuffer(content, kind, offset=int(offset)).reshape(slices, rows, columns)
    return stored[:, ::-1].astype(int) * int(slope) + int(intercept)


@pytest.mark.parametrize(("folder", "padding"), [(GE, -1500), (PHILIPS, None), (PHILIPS_TILT, None)])
def test_hu_are_those_of_dcm2niix(shared_data, need_tool, tmp_path, folder, padding):
    program = need_tool("dcm2niix")
    command = [program, "-z", "n", "-b", "n", "-f", "out", "-o", str(tmp_path), str(shared_data / folder)]
    subprocess.run(command, check=True, capture_output=True)
    expected = nifti_hu(tmp_path / "out.nii")
    hu = load_scan(shared_data / folder).hu
    is_padding = expected == padding
    assert np.array_equal(hu[~is_padding], expected[~is_padding])
    assert (hu[is_padding] == AIR_HU).all()
    assert is_padding.any() == (padding is not None)


@pytest.mark.parametrize(
    ("folder", "slices", "warnings"),
    [
        (GE, 28, {"gantry-tilt": {"degrees": 18.5}, "uneven-spacing": {"smallest_mm": 1.08, "largest_mm": 7.0}}),
        (PHILIPS, 28, {}),
        (PHILIPS_TILT, 54, {"gantry-tilt": {"degrees": 18.5}}),
        ("geometry_failures/gantrytilting/001", 4, {"gantry-tilt": {"degrees": 14.0}}),
        ("geometry_failures/sliceincrement/001", 4, {"missing-slices": {"after_index": 2, "missing": 1}}),
        (
            "geometry_failures/sliceincrement/002",
            4,
            {"missing-slices": {"after_index": 2, "missing": 1}, "gantry-tilt": {"degrees": 15.5}},
        ),
        ("geometry_failures/notavolume/001", 1, {"single-slice": {}, "duplicate-slices": {"left_out": 3}}),
    ],
)
def test_every_slice_is_where_its_file_says_and_the_warnings_fit(shared_data, folder, slices, warnings):
    scan = load_scan(shared_data / folder)
    positions = {
        dataset.SOPInstanceUID: dataset
        for dataset in (
            pydicom.dcmread(path, stop_before_pixels=True)
            for path in (shared_data / folder).iterdir()
            if path.name != "DIRFILE"
        )
    }
    assert len(scan) == slices
    for uid, position in zip(scan.slice_uids, scan.positions_mm, strict=True):
        dataset = positions[uid]
        assert np.allclose(position, dataset.ImagePositionPatient, atol=0.01)
        assert np.allclose(scan.orientation[:2].ravel(), dataset.ImageOrientationPatient, atol=1e-4)
        assert scan.spacing_mm[1:] == pytest.approx(dataset.PixelSpacing, abs=1e-4)
    assert (np.diff(scan.heights_mm) > 0).all()
    assert (np.diff(scan.positions_mm[:, 2]) > 0).all(), "inferior first"
    found = {warning.code: warning.values for warning in scan.warnings}
    assert found.keys() == warnings.keys()
    for code, values in warnings.items():
        assert {name: found[code][name] for name in values} == pytest.approx(values, abs=0.05)


def test_the_tilted_human_head_lists_its_distances(shared_data):
    texts = {warning.code: warning.text for warning in load_scan(shared_data / GE).warnings}
    assert texts["uneven-spacing"].endswith("13 × 4.0 mm, 1 × 1.1 mm, 13 × 7.0 mm")
    assert "+18.5°" in texts["gantry-tilt"]


def test_a_whole_study_leaves_out_localizer_dose_screens_and_directories(shared_data):
    inspection = inspect([shared_data / "head_ct/philips_ingenuity_phantom/S21570"])
    assert [(series.description, series.slice_count) for series in inspection.found.series] == [("STD BRAIN 5MM", 28)]
    counts = {entry.reason: len(entry.files) for entry in inspection.found.left_out}
    assert counts == {"directory of a disc": 3, "localizer": 1, "dose screen or secondary capture": 6}


@pytest.mark.parametrize(
    ("syntax", "largest_difference"),
    [
        *[
            (f"1.2.840.10008.1.2{end}", 0)
            for end in ("", ".1", ".2", ".1.99", ".5", ".4.57", ".4.70", ".4.80", ".4.90")
        ],
        *[("1.2.840.10008.1.2.4.81", 1), ("1.2.840.10008.1.2.4.91", 5), ("1.2.840.10008.1.2.4.50", 64)],
        *[(f"1.2.840.10008.1.2.4.{last}", 36) for last in ("51", "53", "55")],
    ],
)
def test_a_transfer_syntax_gives_the_pixels_of_the_original(shared_data, syntax, largest_difference):
    folder = shared_data / "transfer_syntaxes"
    original = read_hu(header_of(folder / "CTImage.dcm"))
    (path,) = folder.glob(f"*TransferSyntax_{syntax}.dcm")
    header = header_of(path)
    difference = np.abs(read_hu(header).astype(int) - original)
    assert difference.max() <= largest_difference
    assert header.details.lossy == (largest_difference > 0)


@pytest.mark.parametrize(
    "name", ["enhanced_ct/eCT_Supplemental.dcm", "transfer_syntaxes/CT0012.fragmented_no_bot_jpeg_baseline.51.dcm"]
)
def test_a_multi_frame_object_is_refused_as_what_it_is(shared_data, name):
    with pytest.raises(NoHeadCt, match=r"no CT slices that can be shown, found perfusion map"):
        load_scan(shared_data / name)


@pytest.mark.parametrize("syntax", ["50", "57", "70"])
def test_a_jpeg_picture_cut_inside_its_fragment_is_refused(shared_data, tmp_path, syntax):
    (path,) = (shared_data / "transfer_syntaxes").glob(f"CTImage*.4.{syntax}.dcm")
    dataset = pydicom.dcmread(path)
    (frame,) = pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData = pydicom.encaps.encapsulate([frame[: len(frame) // 2]])
    dataset.save_as(tmp_path / "07.dcm")
    with pytest.raises(DicomError, match=r"^07\.dcm: pixel data breaks off before the end of its JPEG picture$"):
        load_scan(tmp_path / "07.dcm")
