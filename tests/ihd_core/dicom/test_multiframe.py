import numpy as np
import pydicom
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from ihd_core.dicom.header_reader import full_headers
from ihd_core.dicom.pixel_data.encapsulation import encoded_frame
from ihd_core.dicom.pixel_data.pixels import read_hu
from ihd_core.dicom.reader import ScanReader, load_scan
from ihd_core.dicom.series import find_series
from ihd_core.dicom.sources.source_files import SourceFile
from ihd_core.errors import DicomError, NoHeadCt
from ihd_core.phantom.multiframe_writer import write_multiframe
from ihd_core.phantom.series_writer import write_series

ORDER = [3, 0, 4, 1, 2]
TABLES = ("basic", "extended", "")
SHARED, OWN = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"


def codes(scan):
    return [warning.code for warning in scan.warnings]


def item(**values):
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def changed(path, change):
    """The file after change(dataset)."""
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)
    return path


def tilted_positions():
    """Slices of 18.5 degrees gantry tilt, stacked along the table."""
    return np.array([[-9.75, -7.75, 0]]) + np.arange(5)[:, None] * np.array([[0, 0, 5.0]])


TILT = np.radians(18.5)
TILTED = np.array([[1, 0, 0], [0, np.cos(TILT), -np.sin(TILT)], [0, np.sin(TILT), np.cos(TILT)]])


@pytest.mark.parametrize(
    ("oddity", "legacy"),
    [
        ({}, False),
        ({}, True),
        ({"signed": True}, False),
        ({"intercept": [-1000, -1024, -1001, -1003, -1020]}, False),
        ({"intercept": [-1000, -1024, -1001, -1003, -1020]}, True),
        ({"slope": [1, 0.5, 1, 0.25, 0.5]}, False),
        ({"orientation": TILTED, "positions_mm": tilted_positions()}, False),
        ({"orientation": np.diag([-1.0, 1, 1])}, False),
        ({"spacing_mm": (2.5, 0.4, 0.45)}, False),
        ({"transfer_syntax": ExplicitVRBigEndian}, False),
        ({"transfer_syntax": ExplicitVRBigEndian}, True),
        ({"transfer_syntax": ImplicitVRLittleEndian}, False),
        ({"tags": {"ConvolutionKernel": "H30s", "WindowCenter": "35", "WindowWidth": "90", "KVP": "100"}}, False),
        ({"tags": {"ConvolutionKernel": "H30s", "WindowCenter": "35", "WindowWidth": "90", "KVP": "100"}}, True),
        ({"tags_per_slice": [{"AcquisitionNumber": number} for number in (1, 1, 2, 2, 3)]}, False),
        ({"tags_per_slice": [{"AcquisitionNumber": number} for number in (1, 1, 2, 2, 3)]}, True),
    ],
)
def test_frames_are_read_as_the_slices_they_were_made_of(tmp_path, hu, oddity, legacy):
    slices = write_series(tmp_path / "slices", hu, **oddity)
    write_multiframe(tmp_path / "frames.dcm", [slices[i] for i in ORDER], legacy=legacy)
    expected, scan = load_scan(tmp_path / "slices"), load_scan(tmp_path / "frames.dcm")
    assert np.array_equal(scan.hu, hu)
    assert np.array_equal(scan.positions_mm, expected.positions_mm)
    assert np.array_equal(scan.orientation, expected.orientation)
    assert scan.spacing_mm == expected.spacing_mm
    assert scan.details == expected.details
    assert codes(scan) == codes(expected)


@pytest.mark.parametrize(
    ("syntax", "table", "fragments"),
    [
        *[(syntax, table, 1) for syntax in (RLELossless, JPEG2000Lossless, JPEGLSLossless) for table in TABLES],
        # A run-length encoded frame is always one fragment, PS3.5 annex G.
        *[(syntax, table, 3) for syntax in (JPEG2000Lossless, JPEGLSLossless) for table in ("basic", "")],
    ],
)
def test_compressed_frames_are_found_with_and_without_offset_table(tmp_path, hu, syntax, table, fragments):
    slices = write_series(tmp_path / "slices", hu)
    write_multiframe(
        tmp_path / "frames.dcm",
        [slices[i] for i in ORDER],
        transfer_syntax=syntax,
        offset_table=table,
        fragments=fragments,
    )
    assert np.array_equal(load_scan(tmp_path / "frames.dcm").hu, hu)


def test_deflated_frames_are_read(tmp_path, hu):
    path = write_multiframe(tmp_path / "frames.dcm", write_series(tmp_path / "slices", hu))
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(path)
    assert np.array_equal(load_scan(path).hu, hu)


@pytest.mark.parametrize("legacy", [False, True])
def test_an_object_of_one_frame_is_a_slice(tmp_path, hu, legacy):
    slices = write_series(tmp_path / "slices", hu)
    (tmp_path / "frames").mkdir()
    for index, path in enumerate(slices):
        write_multiframe(tmp_path / "frames" / f"{index}.dcm", [path], legacy=legacy)
    scan, expected = load_scan(tmp_path / "frames"), load_scan(tmp_path / "slices")
    assert np.array_equal(scan.hu, hu)
    assert np.array_equal(scan.positions_mm, expected.positions_mm)
    assert scan.slice_uids == expected.slice_uids
    assert scan.warnings == ()


def test_the_uid_of_a_slice_names_object_and_frame(tmp_path, hu):
    slices = write_series(tmp_path / "slices", hu)
    path = write_multiframe(tmp_path / "frames.dcm", [slices[i] for i in ORDER])
    uid = str(pydicom.dcmread(path).SOPInstanceUID)
    scan = load_scan(path)
    assert scan.slice_uids == tuple(f"{uid}#{ORDER.index(i) + 1}" for i in range(5))
    assert scan.warnings == ()


def test_an_object_without_uid_names_its_slices_by_their_place(tmp_path, hu):
    path = write_multiframe(
        tmp_path / "frames.dcm", write_series(tmp_path / "slices", hu), tags={"SOPInstanceUID": None}
    )
    dataset = pydicom.dcmread(path)
    dataset.file_meta.MediaStorageSOPInstanceUID = ""
    dataset.save_as(path, enforce_file_format=False)
    scan = load_scan(path)
    assert codes(scan) == ["slice-uids"]
    assert len(set(scan.slice_uids)) == 5


def test_frames_of_several_objects_are_one_scan(tmp_path, hu):
    slices = write_series(tmp_path / "slices", hu)
    (tmp_path / "objects").mkdir()
    write_multiframe(tmp_path / "objects" / "1.dcm", [slices[i] for i in (4, 0, 2)])
    write_multiframe(tmp_path / "objects" / "2.dcm", [slices[i] for i in (3, 1)])
    scan = load_scan(tmp_path / "objects")
    assert np.array_equal(scan.hu, hu)
    assert scan.warnings == ()
    assert len(set(scan.slice_uids)) == 5


def test_stacks_of_two_orientations_are_two_series(tmp_path, hu):
    axial = write_series(tmp_path / "axial", hu, series_uid="1.2.3")
    coronal = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    other = write_series(tmp_path / "coronal", hu[::-1], series_uid="1.2.3", orientation=coronal)
    path = write_multiframe(
        tmp_path / "frames.dcm", [*axial, *other], frame_content=[{"StackID": str(1 + i // 5)} for i in range(10)]
    )
    first, second = find_series([path]).series
    assert np.array_equal(load_scan(first).hu, hu)
    assert np.array_equal(load_scan(second).hu, hu[::-1])
    assert (first.refusal, second.stack.plane) == ("", "coronal")


def test_interleaved_stacks_are_two_series(tmp_path, hu):
    one = write_series(tmp_path / "one", hu, series_uid="1.2.3")
    moved = np.array([[-9.75, -7.75, z + 2.0] for z in (-10, -5, 0, 5, 10)])
    two = write_series(tmp_path / "two", hu + 1, series_uid="1.2.3", positions_mm=moved)
    mixed = [file for pair in zip(one, two, strict=True) for file in pair]
    path = write_multiframe(tmp_path / "frames.dcm", mixed, frame_content=[{"StackID": "AB"[i % 2]} for i in range(10)])
    found = find_series([path]).series
    assert sorted(series.part for series in found) == ["acquisition 1", "acquisition 2"]
    by_part = {series.part: load_scan(series).hu for series in found}
    assert np.array_equal(by_part["acquisition 1"], hu)
    assert np.array_equal(by_part["acquisition 2"], hu + 1)


@pytest.mark.parametrize("content", [{}, {"StackID": "1"}])
def test_two_temporal_positions_are_never_mixed(tmp_path, hu, content):
    early = write_series(tmp_path / "early", hu, series_uid="1.2.3")
    late = write_series(tmp_path / "late", hu + 1, series_uid="1.2.3")
    mixed = [file for pair in zip(late, early, strict=True) for file in pair]
    contents = [{**content, "TemporalPositionIndex": 2 - i % 2} for i in range(10)]
    found = find_series([write_multiframe(tmp_path / "frames.dcm", mixed, frame_content=contents)]).series
    by_part = {series.part: load_scan(series).hu for series in found}
    assert np.array_equal(by_part[""], hu)
    assert np.array_equal(by_part["pass 2 over the same positions"], hu + 1)


def test_a_long_series_in_time_shows_its_first_volume(tmp_path, hu):
    volumes = [write_series(tmp_path / str(time), hu + time, series_uid="1.2.3") for time in range(6)]
    contents = [{"TemporalPositionIndex": 6 - time} for time in range(6) for _ in range(5)]
    files = [file for volume in volumes for file in volume]
    path = write_multiframe(tmp_path / "frames.dcm", files, frame_content=contents)
    scan = load_scan(path)
    assert np.array_equal(scan.hu, hu + 5), "temporal position 1"
    assert "duplicate-slices" in codes(scan)


@pytest.mark.parametrize("lost", ["PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence"])
def test_frames_without_a_place_are_refused_by_name(tmp_path, hu, lost):
    path = write_multiframe(tmp_path / "frames.dcm", write_series(tmp_path / "slices", hu), without=[lost])
    with pytest.raises(NoHeadCt, match=r"found multi-frame picture without a place for each frame$"):
        load_scan(path)


@pytest.mark.parametrize("lost", [OWN, SHARED])
def test_an_object_without_functional_groups_is_refused_by_name(tmp_path, hu, lost):
    path = write_multiframe(tmp_path / "frames.dcm", write_series(tmp_path / "slices", hu), tags={lost: None})
    with pytest.raises(NoHeadCt, match=r"found multi-frame picture without a place for each frame$"):
        load_scan(path)


def test_a_place_of_the_whole_object_is_none_of_its_frames(tmp_path, hu):
    path = write_multiframe(
        tmp_path / "frames.dcm",
        write_series(tmp_path / "slices", hu),
        without=["PlanePositionSequence"],
        tags={"ImagePositionPatient": [0, 0, 0]},
    )
    assert [header.position for header in full_headers(SourceFile(path))] == [None] * 5


def test_a_frame_without_position_is_missed_and_named(tmp_path, hu):
    path = write_multiframe(tmp_path / "frames.dcm", write_series(tmp_path / "slices", hu))
    changed(path, lambda ds: delattr(ds.PerFrameFunctionalGroupsSequence[3], "PlanePositionSequence"))
    scan = load_scan(path)
    assert np.array_equal(scan.hu, hu[[0, 1, 2, 4]])
    assert codes(scan) == ["unreadable-slice", "missing-slices"]


@pytest.mark.parametrize("malformed", [b"1\\2 ", b"one\\2\\3 ", b"1\\2\\3\\4 "])
def test_a_malformed_position_is_not_replaced_by_a_shared_one(tmp_path, hu, malformed):
    path = write_multiframe(
        tmp_path / "frames.dcm",
        write_series(tmp_path / "slices", hu),
        shared={"PlanePositionSequence": [item(ImagePositionPatient=[1, 2, 3])]},
    )
    content, good = path.read_bytes(), b"-9.75\\-7.75\\5 "
    assert content.count(good) == 1
    path.write_bytes(content.replace(good, malformed.ljust(len(good))))
    positions = [header.position for header in full_headers(SourceFile(path))]
    assert positions[3] is None
    assert positions[2] == (-9.75, -7.75, 0)


def test_a_frame_goes_before_what_is_shared_and_that_before_the_object(tmp_path, hu):
    path = write_multiframe(
        tmp_path / "frames.dcm", write_series(tmp_path / "slices", hu), without=["CTXRayDetailsSequence"]
    )

    def three_voltages(dataset):
        dataset.KVP = 140
        dataset.SharedFunctionalGroupsSequence[0].CTXRayDetailsSequence = [item(KVP=120)]
        dataset.PerFrameFunctionalGroupsSequence[1].CTXRayDetailsSequence = [item(KVP=80)]

    changed(path, three_voltages)
    assert [header.details.kvp for header in full_headers(SourceFile(path))] == [120, 80, 120, 120, 120]
    changed(path, lambda ds: delattr(ds.SharedFunctionalGroupsSequence[0], "CTXRayDetailsSequence"))
    assert [header.details.kvp for header in full_headers(SourceFile(path))] == [140, 80, 140, 140, 140]


@pytest.mark.parametrize(
    ("administered", "detected", "expected"),
    [("YES", "NO", "Iohexol"), ("NO", "NO", ""), ("NO", "YES", "Iohexol"), (None, None, "Iohexol")],
)
def test_a_contrast_agent_is_named_for_the_frames_that_have_it(tmp_path, hu, administered, detected, expected):
    agent = item(CodeValue="C-B0322", CodingSchemeDesignator="SRT", CodeMeaning="Iohexol", ContrastBolusAgentNumber=1)
    usage = item(
        ContrastBolusAgentNumber=1, ContrastBolusAgentAdministered=administered, ContrastBolusAgentDetected=detected
    )
    path = write_multiframe(
        tmp_path / "frames.dcm",
        write_series(tmp_path / "slices", hu),
        shared={"ContrastBolusUsageSequence": [usage]} if administered else {},
        tags={"ContrastBolusAgentSequence": [agent]},
    )
    assert {header.details.contrast_agent for header in full_headers(SourceFile(path))} == {expected}


def test_the_anatomy_of_a_frame_is_its_body_part(tmp_path, hu):
    region = item(CodeValue="T-D1100", CodingSchemeDesignator="SRT", CodeMeaning="Head")
    path = write_multiframe(
        tmp_path / "frames.dcm",
        write_series(tmp_path / "slices", hu, tags={"BodyPartExamined": "CHEST"}),
        shared={"FrameAnatomySequence": [item(AnatomicRegionSequence=[region])]},
    )
    assert {header.body_part for header in full_headers(SourceFile(path))} == {"HEAD"}


@pytest.mark.parametrize(
    ("announced", "message"),
    [
        (2_000_000_000, "frames.dcm: is damaged (NumberOfFrames 2000000000, 1 to 20,000 are read)"),
        (20_001, "frames.dcm: is damaged (NumberOfFrames 20001, 1 to 20,000 are read)"),
        (-1, "frames.dcm: is damaged (NumberOfFrames -1, 1 to 20,000 are read)"),
        (4, "frames.dcm: is damaged (announces 4 frames and describes 5)"),
        (6, "frames.dcm: is damaged (announces 6 frames and describes 5)"),
        (None, "frames.dcm: is damaged (announces 0 frames and describes 5)"),
    ],
)
def test_a_wrong_number_of_frames_is_refused(tmp_path, hu, announced, message):
    path = write_multiframe(
        tmp_path / "frames.dcm", write_series(tmp_path / "slices", hu), tags={"NumberOfFrames": announced}
    )
    with pytest.raises(DicomError) as caught:
        load_scan(path)
    assert str(caught.value) == message


@pytest.mark.parametrize("announced", [2_000_000_000, 20_001, -1])
def test_an_absurd_number_of_frames_is_refused_in_an_ordinary_slice_too(tmp_path, hu, announced):
    (path,) = write_series(tmp_path, hu[:1], tags={"NumberOfFrames": announced})
    with pytest.raises(
        DicomError, match=rf"^001.dcm: is damaged \(NumberOfFrames {announced}, 1 to 20,000 are read\)$"
    ):
        load_scan(path)


def test_frames_beyond_the_end_of_the_pixels_are_missed_one_by_one(tmp_path, hu):
    path = write_multiframe(tmp_path / "frames.dcm", write_series(tmp_path / "slices", hu))
    path.write_bytes(path.read_bytes()[:-2000])
    scan = load_scan(path)
    assert np.array_equal(scan.hu, hu[:4])
    assert "frames.dcm frame 5: 560 bytes of pixel data where 2,560 were announced" in scan.warnings[0].text


@pytest.mark.parametrize(("syntax", "table"), [(RLELossless, "basic"), (RLELossless, ""), (JPEG2000Lossless, "")])
def test_compressed_frames_beyond_the_end_of_the_file_are_missed_one_by_one(tmp_path, hu, syntax, table):
    slices = write_series(tmp_path / "slices", hu)
    path = write_multiframe(tmp_path / "frames.dcm", slices, transfer_syntax=syntax, offset_table=table)
    path.write_bytes(path.read_bytes()[:-4000])
    scan = load_scan(path)
    assert 2 <= len(scan) < 5
    assert np.array_equal(scan.hu, hu[: len(scan)])
    lost = [warning.text for warning in scan.warnings if warning.code == "unreadable-slice"]
    assert len(lost) == 5 - len(scan)
    assert "frames.dcm frame 5: pixel data breaks off before this frame" in lost[-1]


def test_a_deflated_object_is_inflated_once(tmp_path, hu, monkeypatch):
    path = write_multiframe(tmp_path / "frames.dcm", write_series(tmp_path / "slices", hu))
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(path)
    reader = ScanReader(find_series([path]).series[0])
    opened = []
    original = SourceFile.open
    monkeypatch.setattr(SourceFile, "open", lambda file: opened.append(file) or original(file))
    assert len(list(reader.slices())) == 5
    assert len(opened) == 1


def test_pixels_announced_for_too_few_frames_are_missed_one_by_one(tmp_path, hu):
    path = write_multiframe(tmp_path / "frames.dcm", write_series(tmp_path / "slices", hu))

    def drop_two(dataset):
        dataset.PixelData = dataset.PixelData[: 3 * 2560]

    scan = load_scan(changed(path, drop_two))
    assert np.array_equal(scan.hu, hu[:3])
    assert codes(scan) == ["unreadable-slice", "unreadable-slice"]


@pytest.mark.parametrize("cut", range(0, 4000, 331))
def test_an_object_that_breaks_off_is_refused_or_read_in_part(tmp_path, hu, cut):
    path = write_multiframe(tmp_path / "frames.dcm", write_series(tmp_path / "slices", hu))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DicomError) as caught:
        load_scan(path)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory):
    """Three frames of 8 x 8 pixels, as bytes."""
    folder = tmp_path_factory.mktemp("whole")
    hu = np.random.default_rng(1).integers(-1000, 3000, (3, 8, 8)).astype(np.int16)
    return write_multiframe(folder / "frames.dcm", write_series(folder / "slices", hu)).read_bytes()


@given(changes=st.lists(st.tuples(st.integers(132, 4000), st.integers(0, 255)), min_size=1, max_size=4))
@example(changes=[(495, 0)])  # a value representation that there is not, in an element without a value
def test_no_damage_gives_more_than_one_line_or_more_slices(tmp_path_factory, whole_file, changes):
    path = tmp_path_factory.mktemp("damaged") / "frames.dcm"
    content = bytearray(whole_file)
    for position, value in changes:
        content[position % len(content)] = value
    path.write_bytes(content)
    refusals = []
    try:
        scan = load_scan(path)
    except DicomError as error:
        refusals.append(str(error))
    else:
        assert len(scan.hu) <= 3
    for refusal in refusals:
        assert "\n" not in refusal


@pytest.mark.parametrize(
    "name", ["enhanced_ct/eCT_Supplemental.dcm", "transfer_syntaxes/CT0012.fragmented_no_bot_jpeg_baseline.51.dcm"]
)
def test_a_real_object_says_of_its_frames_what_pydicom_reads(shared_data, name):
    path = shared_data / name
    dataset, headers = pydicom.dcmread(path), full_headers(SourceFile(path))
    shared = dataset.SharedFunctionalGroupsSequence[0]
    assert len(headers) == 2
    for header, own in zip(headers, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        assert header.position == tuple(own.PlanePositionSequence[0].ImagePositionPatient)
        assert header.orientation == tuple(shared.PlaneOrientationSequence[0].ImageOrientationPatient)
        assert header.orientation == (-1, 0, 0, 0, 1, 0)
        assert header.pixel_mm == tuple(shared.PixelMeasuresSequence[0].PixelSpacing)
        assert header.details.thickness_mm == shared.PixelMeasuresSequence[0].SliceThickness
        assert header.slope == shared.PixelValueTransformationSequence[0].RescaleSlope
        assert header.intercept == shared.PixelValueTransformationSequence[0].RescaleIntercept
        assert header.rescale_type == "US"
        assert header.image_type == ("DERIVED", "PRIMARY", "PERFUSION", "RCBF")
        assert header.details.contrast_agent == "Iohexol"
        assert header.body_part == "BRAIN"


def test_the_frames_of_a_real_object_have_the_values_that_pydicom_reads(shared_data):
    path = shared_data / "enhanced_ct" / "eCT_Supplemental.dcm"
    stored = pydicom.dcmread(path).pixel_array
    for header, values in zip(full_headers(SourceFile(path)), stored, strict=True):
        # Stored 0 is -1024 HU and stays; nothing in this file is below the lowest HU there is.
        assert np.array_equal(read_hu(header), np.clip(values.astype(int) - 1024, -32768, 32767))


def test_the_fragments_of_a_real_object_without_offset_table_are_told_apart(shared_data):
    path = shared_data / "transfer_syntaxes" / "CT0012.fragmented_no_bot_jpeg_baseline.51.dcm"
    expected = list(pydicom.encaps.generate_frames(pydicom.dcmread(path).PixelData, number_of_frames=2))
    assert [encoded_frame(header) for header in full_headers(SourceFile(path))] == expected
