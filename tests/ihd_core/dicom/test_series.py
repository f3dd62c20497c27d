import re
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from ihd_core.dicom.ranking.table import RANKING
from ihd_core.dicom.reader import load_scan
from ihd_core.dicom.series import find_series
from ihd_core.errors import Cancelled, CannotPredict, DicomError, NoHeadCt, NotDicom
from ihd_core.model_input import placement
from ihd_core.phantom.series_writer import write_series

SAGITTAL = np.array([[0.0, 1, 0], [0, 0, -1], [-1.0, 0, 0]])
LOCALIZER = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
DOSE_SCREEN = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}


def left_out(found):
    return {entry.reason: len(entry.files) for entry in found.left_out}


def test_a_study_is_one_series_and_everything_else_is_accounted_for(tmp_path, hu):
    write_series(tmp_path / "scan", hu)
    write_series(tmp_path / "scout", hu[:2], series_uid="1.2.3", tags=LOCALIZER)
    write_series(tmp_path / "dose", hu[:3], series_uid="1.2.4", tags=DOSE_SCREEN)
    (tmp_path / "README").write_text("hello")
    found = find_series([tmp_path])
    assert [series.slice_count for series in found.series] == [5]
    assert left_out(found) == {"localizer": 2, "dose screen or secondary capture": 3, "not a DICOM file": 1}


def test_what_differs_within_ordinary_scans_splits_nothing(tmp_path, hu):
    def differing(index):
        return {
            "AcquisitionNumber": index,
            "SliceThickness": 4 + index % 2,
            "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", *(["ADD"] if index % 2 else [])],
        }

    write_series(tmp_path, hu, tags_per_slice=differing)
    assert [series.slice_count for series in find_series([tmp_path]).series] == [5]


@pytest.mark.parametrize("change", ["orientation", "matrix", "pixel spacing"])
def test_stacks_that_cannot_be_one_volume_are_split(tmp_path, hu, change):
    write_series(tmp_path / "a", hu, series_uid="1.2.3")
    options = {
        "orientation": {"orientation": SAGITTAL},
        "matrix": {},
        "pixel spacing": {"spacing_mm": (5.0, 0.4, 0.4)},
    }
    other = hu[:3, :16, :16] if change == "matrix" else hu[:3]
    write_series(tmp_path / "b", other, series_uid="1.2.3", **options[change])
    first, second = find_series([tmp_path]).series
    assert (first.uid, first.slice_count, second.slice_count) == ("1.2.3", 5, 3)
    assert re.fullmatch(r"1\.2\.3#[0-9a-f]{8}", second.uid), "what is recorded of one must not show as the other's"


@pytest.mark.parametrize(
    ("keyword", "first", "second"),
    [("ConvolutionKernel", "H60s", "H30s"), ("ContrastBolusAgent", "Ultravist", None), ("SliceThickness", 1, 5)],
)
def test_reconstructions_under_one_uid_are_never_mixed(tmp_path, hu, keyword, first, second):
    write_series(tmp_path / "a", hu, series_uid="1.2.3", shuffle=range(5), tags={keyword: first})
    write_series(tmp_path / "b", hu, series_uid="1.2.3", shuffle=range(4, -1, -1), tags={keyword: second})
    one, other = find_series([tmp_path]).series
    assert {Path(file.folder).name for file in one.files} == {"b"}
    assert {Path(file.folder).name for file in other.files} == {"a"}
    assert one.uid == "1.2.3" != other.uid


def test_a_kernel_that_changes_along_a_scan_splits_nothing(tmp_path, hu):
    write_series(tmp_path, hu, tags_per_slice=lambda index: {"ConvolutionKernel": "SOFT" if index < 3 else "STANDARD"})
    assert [series.slice_count for series in find_series([tmp_path]).series] == [5]


def test_two_series_are_ranked_and_say_why(tmp_path, hu):
    tags = {"SliceThickness": 5, "SeriesDescription": "x"}
    write_series(tmp_path / "a", hu, tags={**tags, "ConvolutionKernel": "H60s"})
    write_series(tmp_path / "b", hu, tags={**tags, "ConvolutionKernel": "H30s"})
    first, second = find_series([tmp_path]).series
    assert "soft kernel H30s" in first.reason
    assert "bone kernel H60s" in second.reason


def test_of_equals_the_one_with_more_slices_comes_first(tmp_path, hu):
    write_series(tmp_path / "a", hu[:3])
    write_series(tmp_path / "b", hu)
    assert [series.slice_count for series in find_series([tmp_path]).series] == [5, 3]


@pytest.mark.parametrize("keyword", ["PatientID", "PatientName", "PatientBirthDate"])
def test_two_patients_under_one_uid_are_shown_apart_and_refused_for_prediction(tmp_path, hu, keyword):
    values = {"PatientID": ("A1", "B2"), "PatientName": ("DOE^A", "DOE^B"), "PatientBirthDate": ("19500101", "1960")}
    write_series(tmp_path, hu, tags_per_slice=lambda index: {keyword: values[keyword][index // 3]})
    first, second = find_series([tmp_path]).series
    assert (first.slice_count, second.slice_count) == (3, 2)
    assert first.part.casefold() == f"{keyword} {values[keyword][0]}".casefold()
    assert first.uid != second.uid
    for series in (first, second):
        both = f"{keyword} {values[keyword][0]} and {values[keyword][1]}"
        assert both.casefold() in series.refusal.casefold()
        with pytest.raises(CannotPredict, match="two patients"):
            placement(load_scan(series), 256)


def test_one_name_written_in_two_ways_is_one_patient(tmp_path, hu):
    write_series(tmp_path, hu, tags_per_slice=lambda index: {"PatientName": ["Doe^Jane", "DOE^JANE^^", ""][index % 3]})
    assert find_series([tmp_path]).series[0].slice_count == 5


def test_two_patients_do_not_cost_the_other_series(tmp_path, hu):
    write_series(tmp_path / "a", hu, series_uid="1.2.3", tags_per_slice=lambda index: {"PatientID": f"P{index}"})
    write_series(tmp_path / "b", hu[:3])
    found = find_series([tmp_path])
    assert [series.slice_count for series in found.series if not series.refusal] == [3]
    assert left_out(found) == {}
    assert {series.part for series in found.series} == {"", *(f"PatientID P{index}" for index in range(5))}


def test_a_single_sagittal_image_is_taken_for_a_localizer(tmp_path, hu):
    write_series(tmp_path / "a", hu)
    write_series(tmp_path / "b", hu[:1], orientation=SAGITTAL)
    assert left_out(find_series([tmp_path])) == {"single sagittal image, as localizers are": 1}


def test_localizers_only_are_no_head_ct_and_said_so(tmp_path, hu):
    write_series(tmp_path, hu[:2], tags=LOCALIZER)
    with pytest.raises(NoHeadCt, match=r"no CT slices that can be shown, found 2 × localizer$"):
        find_series([tmp_path])


def test_an_empty_folder_says_so(tmp_path):
    with pytest.raises(NoHeadCt, match=r"holds no files$"):
        find_series([tmp_path])


def test_a_path_that_does_not_exist_says_so(tmp_path):
    with pytest.raises(DicomError, match=r"does not exist$"):
        find_series([tmp_path / "gone"])


def test_a_text_file_opened_alone_is_not_dicom(tmp_path):
    (tmp_path / "notes.dcm").write_text("hello")
    with pytest.raises(NotDicom, match=r"^notes\.dcm: is not a DICOM file$"):
        find_series([tmp_path / "notes.dcm"])


def test_a_broken_orientation_is_left_out_with_its_reason(tmp_path, hu):
    write_series(tmp_path, hu, tags={"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]})
    with pytest.raises(NoHeadCt, match="5 × the orientation is not two perpendicular unit vectors"):
        find_series([tmp_path])


def test_files_and_folders_given_together_become_one_series(tmp_path, hu):
    paths = write_series(tmp_path, hu)
    (tmp_path / "more").mkdir()
    paths[0].rename(tmp_path / "more" / "x")
    assert find_series([*paths[1:], tmp_path / "more"]).series[0].slice_count == 5


def test_a_file_is_read_once_however_it_is_spelled(tmp_path, hu, monkeypatch):
    write_series(tmp_path / "a", hu)
    monkeypatch.chdir(tmp_path)
    assert find_series([tmp_path / "a", Path("a"), Path("a/../a/001.dcm")]).series[0].stack.repeated == ()


def test_the_headers_can_be_stopped(tmp_path, hu):
    write_series(tmp_path, hu)

    def stop(done, total):
        if (done, total) == (2, 5):
            raise Cancelled

    with pytest.raises(Cancelled):
        find_series([tmp_path], report=stop)


def test_an_archive_without_its_ending_is_looked_into(tmp_path, hu):
    write_series(tmp_path / "scan", hu, series_uid="1.2.3")
    with ZipFile(tmp_path / "EXPORT", "w") as archive:
        for path in sorted((tmp_path / "scan").iterdir()):
            archive.write(path, path.name)
            path.unlink()
    (series,) = find_series([tmp_path]).series
    assert (series.uid, series.slice_count) == ("1.2.3", 5)


def test_the_order_of_judgements_is_that_of_the_table(tmp_path, hu):
    write_series(tmp_path, hu)
    (series,) = find_series([tmp_path]).series
    assert [row.name for row in series.judgements] == [row.name for row in RANKING]
    assert series.score == sum(row.points for row in series.judgements)


def test_copies_of_files_are_no_images_over_time(tmp_path, hu):
    """A folder, its ZIP and a copy of it, opened together: the soft kernel is chosen before the bone kernel."""
    uids = [f"1.2.3.4.{index}" for index in range(len(hu))]
    for copy in "abc":
        write_series(tmp_path / copy, hu, series_uid="1.2.3", slice_uids=uids, tags={"ConvolutionKernel": "H30s"})
    write_series(tmp_path / "bone", hu, series_uid="1.2.4", tags={"ConvolutionKernel": "H60s"})
    found = find_series([tmp_path])
    assert [series.uid for series in found.series] == ["1.2.3", "1.2.4"]
    assert "over time" not in found.series[0].reason
    assert left_out(found) == {"copy of another file": 2 * len(hu)}
    assert load_scan(found.series[0]).warnings == ()


def test_slices_of_two_scans_that_nothing_tells_apart_are_not_predicted(tmp_path):
    heights = np.sort(np.concatenate([np.arange(0, 100, 5.0), np.arange(1, 100, 5.0)]))
    positions = np.array([[0.0, 0, height] for height in heights])
    write_series(tmp_path, np.zeros((len(heights), 8, 8), np.int16), positions_mm=positions)
    (series,) = find_series([tmp_path]).series
    assert "slices of two scans seem to be mixed" in series.refusal
    with pytest.raises(CannotPredict, match="mixed"):
        placement(load_scan(series), 256)
