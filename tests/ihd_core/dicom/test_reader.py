import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from ihd_core.dicom.reader import ScanReader, load_scan
from ihd_core.dicom.series import find_series
from ihd_core.errors import Cancelled, DicomError
from ihd_core.phantom.multiframe_writer import write_multiframe
from ihd_core.phantom.series_writer import write_series


def truncate(path, missing=100):
    path.write_bytes(path.read_bytes()[:-missing])


def codes(scan):
    return [warning.code for warning in scan.warnings]


@pytest.mark.parametrize("intercept", [0, -1000, -1024])
@pytest.mark.parametrize("file_order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [3, 0, 4, 1, 2]])
def test_a_series_loads_to_the_hu_it_was_written_with(tmp_path, hu, intercept, file_order):
    write_series(tmp_path, hu, intercept=intercept, signed=True, shuffle=file_order)
    scan = load_scan(tmp_path)
    assert scan.hu.dtype == np.int16
    assert np.array_equal(scan.hu, hu)
    assert scan.warnings == ()


def test_the_scan_knows_where_it_is_and_what_it_is(tmp_path, hu):
    write_series(
        tmp_path, hu, spacing_mm=(5, 0.5, 0.25), series_uid="1.2.3", slice_uids=[f"1.2.3.{i}" for i in range(5)]
    )
    scan = load_scan(tmp_path)
    assert scan.spacing_mm == (5, 0.5, 0.25)
    assert np.array_equal(scan.orientation, np.eye(3))
    assert scan.positions_mm.tolist() == [[-4.875, -7.75, z] for z in (-10, -5, 0, 5, 10)]
    assert (scan.uid, scan.slice_uids) == ("1.2.3", ("1.2.3.0", "1.2.3.1", "1.2.3.2", "1.2.3.3", "1.2.3.4"))
    assert scan.source == str(tmp_path)
    assert scan.details.patient_id == "PHANTOM"
    assert not scan.hu.flags.writeable


def test_one_truncated_slice_is_left_out_and_the_hole_is_reported(tmp_path, hu):
    paths = write_series(tmp_path, hu)
    truncate(paths[3])
    scan = load_scan(tmp_path)
    assert np.array_equal(scan.hu, hu[[0, 1, 2, 4]])
    assert len(scan.slice_uids) == len(scan.positions_mm) == 4
    assert codes(scan) == ["unreadable-slice", "missing-slices"]
    assert "004.dcm: 2,460 bytes of pixel data where 2,560 were announced" in scan.warnings[0].text
    assert scan.warnings[1].values["after_index"] == 2


def test_a_whole_copy_stands_in_for_a_truncated_slice(tmp_path, hu):
    paths = write_series(tmp_path, hu, series_uid="1.2.3")
    copy = tmp_path / "copy of 004.dcm"
    copy.write_bytes(paths[3].read_bytes())
    truncate(paths[3])
    scan = load_scan(tmp_path)
    assert np.array_equal(scan.hu, hu)
    assert codes(scan) == ["copy-shown"]
    text = scan.warnings[0].text
    assert text.startswith("Slice 4 is shown from its copy copy of 004.dcm, for its own file cannot be read: 004.dcm: ")
    assert scan.warnings[0].values == {"slice_index": 3}


def test_a_copy_with_loss_that_stands_in_for_a_damaged_slice_is_said_to_have_lost(tmp_path, hu):
    own = write_series(tmp_path / "a", hu, series_uid="1.2.3")
    write_series(tmp_path / "b", hu, series_uid="1.2.3", tags={"LossyImageCompression": "01"})
    truncate(own[2])
    scan = load_scan(tmp_path)
    assert len(scan) == 5
    assert scan.details.lossy
    assert codes(scan) == ["copy-shown", "lossy-compression"]


@pytest.mark.parametrize(
    "other",
    [{"AcquisitionNumber": 2}, {"ConvolutionKernel": "H60s"}, {"ContrastBolusAgent": "X"}, {"InstanceNumber": 8}],
)
def test_another_picture_of_the_same_place_does_not_stand_in_for_a_damaged_slice(tmp_path, hu, other):
    same = {"AcquisitionNumber": 1, "AcquisitionTime": "100000", "ConvolutionKernel": "H30s"}
    own = write_series(tmp_path / "a", hu, series_uid="1.2.3", tags=same)
    two = {"series_uid": "1.2.3", "slice_uids": ["1.2.7", "1.2.8"]}
    places = np.array([[-9.75, -7.75, z] for z in (-10, -5)])
    write_series(tmp_path / "b", hu[3:], positions_mm=places, tags={**same, **other}, **two)
    truncate(own[1])
    scan = load_scan(tmp_path)
    assert np.array_equal(scan.hu, hu[[0, 2, 3, 4]])
    assert codes(scan)[0] == "unreadable-slice"
    assert "002.dcm: " in scan.warnings[0].text


def test_the_same_picture_stored_again_under_another_uid_stands_in(tmp_path, hu):
    same = {"AcquisitionNumber": 1, "AcquisitionTime": "100000", "ConvolutionKernel": "H30s"}
    own = write_series(tmp_path / "a", hu, series_uid="1.2.3", tags=same)
    places = np.array([[-9.75, -7.75, z] for z in (-10, -5)])
    write_series(
        tmp_path / "b", hu[:2], positions_mm=places, tags=same, series_uid="1.2.3", slice_uids=["1.2.7", "1.2.8"]
    )
    truncate(own[1])
    scan = load_scan(tmp_path)
    assert np.array_equal(scan.hu, hu)
    assert codes(scan)[0] == "copy-shown"


@pytest.mark.parametrize("length", [0, 300])
def test_a_slice_damaged_in_its_header_is_reported_too(tmp_path, hu, length):
    paths = write_series(tmp_path, hu)
    paths[2].write_bytes(paths[2].read_bytes()[:length])
    scan = load_scan(tmp_path)
    assert codes(scan)[0] == "unreadable-slice"
    assert "003.dcm: is " in scan.warnings[0].text


@pytest.mark.parametrize(
    "lost",
    [{"ImagePositionPatient": None}, {"PixelSpacing": [0, 0]}, {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}],
)
def test_the_last_slice_of_a_series_does_not_vanish_because_its_place_is_unknown(tmp_path, hu, lost):
    write_series(tmp_path, hu, tags_per_slice=lambda index: lost if index == 4 else {})
    scan = load_scan(tmp_path)
    assert len(scan) == 4
    assert codes(scan) == ["unreadable-slice"]
    assert "005.dcm: " in scan.warnings[0].text


def test_a_truncated_slice_opened_alone_is_an_error(tmp_path, hu):
    paths = write_series(tmp_path, hu)
    truncate(paths[3])
    with pytest.raises(DicomError, match=r"^004\.dcm: 2,460 bytes of pixel data where 2,560 were announced$"):
        load_scan(paths[3])


def test_a_series_of_which_nothing_can_be_read_is_an_error(tmp_path, hu):
    for path in write_series(tmp_path, hu):
        truncate(path)
    with pytest.raises(DicomError, match=r"bytes of pixel data"):
        load_scan(tmp_path)


def test_the_first_slice_is_shown_before_the_rest_is_read(tmp_path, hu):
    paths = write_series(tmp_path, hu)
    previews = []

    def first(preview):
        previews.append(preview)
        for path in paths:
            truncate(path)

    scan = load_scan(tmp_path, first=first)
    (preview,) = previews
    assert (preview.slice_index, preview.slice_count) == (2, 5)
    assert np.array_equal(preview.scan.hu, hu[2:3])
    assert np.array_equal(preview.scan.positions_mm, [[-9.75, -7.75, 0]])
    assert preview.scan.spacing_mm == (5, 0.5, 0.5)
    assert np.array_equal(scan.hu, hu[2:3]), "the others were truncated after the first was shown"


def test_slices_come_from_the_wanted_one_outwards(tmp_path, hu):
    write_series(tmp_path, hu)
    reader = ScanReader(find_series([tmp_path]).series[0])
    read = list(reader.slices(start=1))
    assert [index for index, _ in read] == [1, 0, 2, 3, 4]
    assert all(np.array_equal(pixels, hu[index]) for index, pixels in read)
    assert np.array_equal(reader.scan().hu, hu)


def test_reading_goes_on_from_another_slice_without_reading_twice(tmp_path, hu):
    write_series(tmp_path, hu)
    reader = ScanReader(find_series([tmp_path]).series[0])
    started = reader.slices()
    assert next(started)[0] == 2
    assert [index for index, _ in reader.slices(start=4)] == [4, 3, 1, 0]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
def test_slices_come_in_the_wanted_order_also_from_several_threads(tmp_path, hu, syntax):
    many = np.concatenate([hu] * 6)
    paths = write_series(tmp_path, many, transfer_syntax=syntax)
    truncate(paths[16])
    reader = ScanReader(find_series([tmp_path]).series[0])
    indices = [index for index, _ in reader.slices(start=20)]
    assert indices == [i for i in sorted(range(30), key=lambda i: (abs(i - 20), i)) if i != 16]
    assert np.array_equal(reader.scan().hu, np.delete(many, 16, axis=0))


def test_decoding_can_be_stopped_between_slices(tmp_path, hu):
    write_series(tmp_path, np.concatenate([hu] * 6), transfer_syntax=RLELossless)
    reader = ScanReader(find_series([tmp_path]).series[0])
    steps = reader.slices()
    first = [next(steps)[0], next(steps)[0]]
    steps.close()  # a thread that goes on would be found by the tests' own check
    rest = [index for index, _ in reader.slices()]
    assert sorted([*first, *rest]) == list(range(30))


@pytest.mark.parametrize(("syntax", "side", "times"), [(ExplicitVRLittleEndian, 256, 15), (RLELossless, 512, 12)])
def test_slices_are_turned_into_hu_once_whoever_asks_for_them(tmp_path, syntax, side, times):
    # Padding and intercept: what is turned into HU a second time, or by two at a time, has other HU.
    rows = np.random.default_rng(2).integers(-1000, 2000, (12, side, 1)).astype(np.int16)
    hu = np.repeat(rows, side, axis=2)
    padded = np.zeros(hu.shape, bool)
    padded[:, : side // 2] = True
    write_series(tmp_path, hu, signed=True, padding=-2000, padded=padded, transfer_syntax=syntax)
    series = find_series([tmp_path]).series[0]
    expected = np.where(padded, -1024, hu)
    for _ in range(times):
        reader = ScanReader(series)
        started = reader.slices()
        seen = [next(started), next(started)]
        with ThreadPoolExecutor(3) as pool:
            for slices in pool.map(lambda start, of=reader: list(of.slices(start)), (7, 7, 8)):
                seen += slices
        started.close()
        assert all(np.array_equal(pixels, expected[index]) for index, pixels in seen)
        assert np.array_equal(reader.scan().hu, expected)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
@pytest.mark.parametrize("given", [0, 1, 3])
def test_a_scan_is_whole_however_few_slices_were_asked_for(tmp_path, hu, given, syntax):
    write_series(tmp_path, hu, transfer_syntax=syntax)
    reader = ScanReader(find_series([tmp_path]).series[0])
    slices = reader.slices()
    for _ in range(given):
        next(slices)
    slices.close()
    assert np.array_equal(reader.scan().hu, hu)


def test_a_preview_of_a_slice_that_nobody_asked_for_reads_it_or_says_why_not(tmp_path, hu):
    truncate(write_series(tmp_path, hu)[3])
    reader = ScanReader(find_series([tmp_path]).series[0])
    assert np.array_equal(reader.preview(1).scan.hu, hu[1:2])
    with pytest.raises(DicomError, match=r"^004\.dcm: "):
        reader.preview(3)


def test_loading_reports_every_slice_and_can_be_stopped(tmp_path, hu):
    write_series(tmp_path, hu)
    calls = []
    load_scan(tmp_path, report=lambda done, total: calls.append((done, total)))
    assert calls == [(0, 5), (1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]

    def stop(done, total):
        if done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        load_scan(tmp_path, report=stop)


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"LossyImageCompression": "01"}, "lossy-compression"),
        ({"RescaleSlope": None, "RescaleIntercept": None}, "no-rescale"),
    ],
)
def test_what_a_reader_must_know_of_the_values_is_a_warning(tmp_path, hu, tags, code):
    write_series(tmp_path, hu, tags=tags)
    assert codes(load_scan(tmp_path)) == [code]


def test_lossy_compression_of_one_slice_is_said_for_the_scan(tmp_path, hu):
    write_series(tmp_path, hu, tags_per_slice=lambda index: {"LossyImageCompression": "01" if index == 4 else "00"})
    scan = load_scan(tmp_path)
    assert scan.details.lossy
    assert scan.warnings[0].values == {"slices": 1}


def test_a_scan_can_be_made_without_pydicom():
    code = "import sys, ihd_core.scan; assert 'pydicom' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("uid", [None, "1.2.3.4"])
def test_slices_without_a_uid_of_their_own_are_told_apart_and_stay_so(tmp_path, hu, uid):
    for path in write_series(tmp_path, hu, series_uid="1.2.3"):
        dataset = pydicom.dcmread(path)
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
        dataset.save_as(path, enforce_file_format=False)
    scan = load_scan(tmp_path)
    assert len(set(scan.slice_uids)) == 5, "a rating of one slice must not show on another"
    assert all(name.startswith("2.25.") for name in scan.slice_uids)
    assert codes(scan) == ["slice-uids"]
    truncate(tmp_path / "001.dcm")
    assert load_scan(tmp_path).slice_uids == scan.slice_uids[1:]


def test_a_volume_that_fits_no_memory_is_refused_in_one_line(tmp_path, hu):
    write_series(tmp_path, hu)
    series = find_series([tmp_path]).series[0]
    many = replace(series, stack=replace(series.stack, headers=series.stack.headers * 800_000))
    limit = r"\(at most 8 GiB are read\)"
    with pytest.raises(DicomError, match=rf"^001\.dcm: 4000000 × 32 × 40 pixels .* do not fit into memory {limit}$"):
        ScanReader(many)


def test_a_frame_that_cannot_be_read_is_named(tmp_path, hu):
    absent = {"RescaleSlope": None, "RescaleIntercept": None}
    slices = write_series(tmp_path / "slices", hu, tags_per_slice=lambda i: absent if i == 2 else {})
    scan = load_scan(write_multiframe(tmp_path / "frames.dcm", slices))
    assert np.array_equal(scan.hu, hu[[0, 1, 3, 4]])
    assert "frames.dcm frame 3: no rescale slope" in scan.warnings[0].text
