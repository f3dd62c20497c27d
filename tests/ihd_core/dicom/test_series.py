import re
from pathlib import Path
from shutil import copy
from zipfile import ZipFile

import numpy as np
import pytest
from pydicom import dcmread

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


def test_the_uid_of_a_further_stack_stays_when_a_slice_of_it_is_gone(tmp_path, hu):
    write_series(tmp_path / "a", hu, series_uid="1.2.3")
    paths = write_series(tmp_path / "b", hu[:3], series_uid="1.2.3", spacing_mm=(5.0, 0.4, 0.4))
    before = [series.uid for series in find_series([tmp_path]).series]
    paths[0].unlink()
    assert [series.uid for series in find_series([tmp_path]).series] == before


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


def test_slices_without_a_series_uid_get_one_that_stays(tmp_path, hu):
    write_series(tmp_path, hu, tags={"SeriesInstanceUID": None})
    first, second = find_series([tmp_path]).series[0], find_series([tmp_path]).series[0]
    assert first.uid == second.uid
    assert first.uid.startswith("2.25.")


NAMELESS = {"SeriesInstanceUID": None, "SOPInstanceUID": None, "StudyInstanceUID": None}


def write_nameless(folder, hu, positions_mm=None, **tags):
    """Slices without any UID, as some anonymisers leave them."""
    paths = write_series(folder, hu, positions_mm=positions_mm, tags={**NAMELESS, **tags})
    for path in paths:
        dataset = dcmread(path)
        dataset.file_meta.MediaStorageSOPInstanceUID = ""
        dataset.save_as(path)
    return paths


@pytest.mark.parametrize(
    "differing",
    [
        *({"PatientID": ("A", "B")}, {"PatientName": ("DOE^A", "DOE^B")}, {"StudyDate": ("20200101", "20210101")}),
        *({"SeriesNumber": (1, 2)}, {"SeriesDescription": ("x", "y")}),
    ],
    ids=lambda differing: next(iter(differing)),
)
def test_series_without_any_uid_are_told_apart_by_what_their_files_say(tmp_path, hu, differing):
    ((keyword, values),) = differing.items()
    for name, value in zip("ab", values, strict=True):
        write_nameless(tmp_path / name, hu, **{keyword: value})
    first, second = find_series([tmp_path]).series
    assert (first.slice_count, second.slice_count) == (5, 5)
    assert first.uid != second.uid
    assert set(load_scan(first).slice_uids).isdisjoint(load_scan(second).slice_uids)


def test_series_that_say_nothing_at_all_are_told_apart_by_their_content(tmp_path, hu):
    nothing = dict.fromkeys(("PatientID", "PatientName", "SeriesNumber"))
    for name, shift in (("a", 0), ("b", 1)):
        write_nameless(tmp_path / name, hu + shift, **nothing)
    apart = [find_series([tmp_path / name]).series[0].uid for name in "ab"]
    assert len(set(apart)) == 2
    assert {series.uid for series in find_series([tmp_path]).series} == set(apart)


def test_a_series_without_a_uid_keeps_its_own_wherever_it_lies(tmp_path, hu):
    paths = write_nameless(tmp_path / "a", hu)
    (tmp_path / "b").mkdir()
    with ZipFile(tmp_path / "c.zip", "w") as archive:
        for number, path in enumerate(reversed(paths)):
            copy(path, tmp_path / "b" / f"IM{number}")
            archive.write(path, f"deep/{number}.dcm")
    uids = {find_series([tmp_path / name]).series[0].uid for name in ("a", "b", "c.zip")}
    assert len(uids) == 1
    slices = {load_scan(tmp_path / name).slice_uids for name in ("a", "b", "c.zip")}
    assert len(slices) == 1


def test_a_series_without_a_uid_is_one_though_it_lies_in_several_folders(tmp_path, hu):
    paths = write_nameless(tmp_path / "a", hu)
    (tmp_path / "b").mkdir()
    for path in paths[::2]:
        path.rename(tmp_path / "b" / path.name)
    assert [series.slice_count for series in find_series([tmp_path]).series] == [5]


@pytest.mark.parametrize("shift_mm", [0.0, 2.5])
def test_two_patients_of_the_same_name_are_not_mixed_where_no_uid_tells_them_apart(tmp_path, hu, shift_mm):
    """As where every patient was made ANONYMOUS; half a distance off, the slices of one lie between the other's."""
    heights = np.array([[0, 0, 5.0 * index] for index in range(5)])
    write_nameless(tmp_path / "a", hu, positions_mm=heights)
    write_nameless(tmp_path / "b", hu // 2, positions_mm=heights + np.array([0, 0, shift_mm]))
    scans = [load_scan(series) for series in find_series([tmp_path]).series]
    assert sorted(scan.hu.max() for scan in scans) == [hu.max() // 2, hu.max()]
    assert [len(scan) for scan in scans] == [5, 5]
    assert all("duplicate-slices" not in [warning.code for warning in scan.warnings] for scan in scans)


def test_slices_that_name_no_patient_are_one_series_within_their_folder_only(tmp_path, hu):
    for name in "ab":
        write_nameless(tmp_path / name, hu, PatientID=None, PatientName=None)
    assert [series.slice_count for series in find_series([tmp_path]).series] == [5, 5]


def test_stacks_of_one_uid_have_uids_of_their_own_however_alike_they_are(tmp_path, hu):
    for number, spacing in enumerate((0.4861, 0.4872, 0.4883)):
        write_series(tmp_path / str(number), hu, series_uid="1.2.3", spacing_mm=(5.0, spacing, spacing))
    uids = [series.uid for series in find_series([tmp_path]).series]
    assert len(set(uids)) == 3
    assert uids[0] == "1.2.3"
    assert all(re.fullmatch(r"1\.2\.3#[0-9a-f]{8}", uid) for uid in uids[1:])


def test_copies_of_a_series_that_says_nothing_have_uids_of_their_own(tmp_path, hu):
    for name in "ab":
        write_nameless(tmp_path / name, hu, PatientID=None, PatientName=None)
    uids = [series.uid for series in find_series([tmp_path]).series]
    assert sorted(uids)[1] == f"{min(uids)}-2"
    assert [series.uid for series in find_series([tmp_path]).series] == uids


@pytest.mark.parametrize("gone", [0, 2, 4])
def test_the_uid_of_a_further_stack_does_not_hang_on_one_slice(tmp_path, hu, gone):
    write_series(tmp_path / "a", np.repeat(hu, 2, axis=0), series_uid="1.2.3")

    def odd(index):
        return {"ConvolutionKernel": "X" if index == 0 else "Y", "SliceThickness": 1 if index == 4 else 5}

    paths = write_series(tmp_path / "b", hu, series_uid="1.2.3", spacing_mm=(5.0, 0.4, 0.4), tags_per_slice=odd)
    before = [series.uid for series in find_series([tmp_path]).series]
    paths[gone].unlink()
    assert [series.uid for series in find_series([tmp_path]).series] == before


def test_what_macos_adds_is_left_out_quietly(tmp_path, hu):
    write_series(tmp_path / "scan", hu)
    metadata = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(200)
    for name in ("._001.dcm", "._002.dcm", "._head.nii"):
        (tmp_path / "scan" / name).write_bytes(metadata)
    with ZipFile(tmp_path / "scan.zip", "w") as archive:
        for path in sorted((tmp_path / "scan").glob("0*")):
            archive.write(path, f"scan/{path.name}")
            archive.writestr(f"__MACOSX/scan/._{path.name}", metadata[:40])
        archive.writestr("__MACOSX/scan/._.dcm", b"")
    for name, count in (("scan", 3), ("scan.zip", 6)):
        found = find_series([tmp_path / name])
        assert left_out(found) == {"macOS metadata": count}
        assert not any(entry.damaged for entry in found.left_out)
        assert found.series[0].damaged == ()


@pytest.mark.parametrize(
    ("slices", "empty", "is_lost"),
    [
        ("IM000{}", "IM0009", True),
        ("IM000{}", "readme", False),
        ("IM000{}", "README", False),
        ("1.2.84.{}", "1.2.84.9", True),
        ("1.2.84.{}", "readme.txt", False),
        ("A0F{}C", "B12EF", True),
        ("{}.dcm", "9.dcm", True),
        ("{}.dcm", "readme", False),
        ("{}.bin", "x.bin", True),
    ],
)
def test_an_empty_file_is_a_lost_slice_if_it_is_called_as_slices_are(tmp_path, hu, slices, empty, is_lost):
    for number, path in enumerate(write_series(tmp_path, hu)):
        path.rename(tmp_path / slices.format(number))
    (tmp_path / empty).touch()
    found = find_series([tmp_path])
    assert found.series[0].damaged == ((f"{empty}: is empty (0 bytes)",) if is_lost else ())
    assert [entry.damaged for entry in found.left_out] == [is_lost]


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"Modality": "OT"}, "OT, not CT"),
        ({"RescaleType": "MGML"}, "values that are not HU"),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "dose screen or secondary capture"),
    ],
)
@pytest.mark.parametrize("which", [0, 4])
def test_an_end_of_a_scan_that_is_left_out_for_what_it_says_is_named(tmp_path, hu, tags, reason, which):
    write_series(tmp_path, hu, series_uid="1.2.3", tags_per_slice=lambda index: tags if index == which else {})
    (warning,) = load_scan(tmp_path).warnings
    assert warning.code == "left-out-images"
    assert warning.text == f"Left out of this series: {which + 1:03d}.dcm ({reason})"
    assert dict(warning.values) == {"files": 1}


def test_what_lies_otherwise_or_in_another_series_is_not_missed(tmp_path, hu):
    write_series(tmp_path / "a", hu, series_uid="1.2.3")
    write_series(tmp_path / "b", hu[:1], series_uid="1.2.3", orientation=SAGITTAL, tags=LOCALIZER)
    write_series(tmp_path / "c", hu[:1, :16], series_uid="1.2.3", tags={"Modality": "OT"})
    write_series(tmp_path / "d", hu[:1], series_uid="1.2.4", tags={"Modality": "OT"})
    assert load_scan(tmp_path).warnings == ()


def test_the_headers_can_be_stopped(tmp_path, hu):
    write_series(tmp_path, hu)

    def stop(done, total):
        if (done, total) == (2, 5):
            raise Cancelled

    with pytest.raises(Cancelled):
        find_series([tmp_path], report=stop)


def test_a_damaged_file_is_missed_only_in_its_own_series(tmp_path, hu):
    """In one flat folder, as archives export studies."""
    for number, name in enumerate("ab"):
        for path in write_series(tmp_path / name, hu, series_uid=f"1.2.3.{number}"):
            path.rename(tmp_path / f"{name}{path.name}")
    damaged = tmp_path / "b003.dcm"
    content = damaged.read_bytes()
    damaged.write_bytes(content[: content.index(b"1.2.3.1") + 30])
    lost = {series.uid: series.damaged for series in find_series([tmp_path]).series}
    assert lost["1.2.3.0"] == ()
    (reason,) = lost["1.2.3.1"]
    assert reason.startswith("b003.dcm: is damaged")


def test_a_damaged_file_of_unknown_series_may_be_of_any_beside_it(tmp_path, hu):
    for number, name in enumerate("ab"):
        for path in write_series(tmp_path / name, hu, series_uid=f"1.2.3.{number}"):
            path.rename(tmp_path / f"{name}{path.name}")
    (tmp_path / "c.dcm").touch()
    assert [len(series.damaged) for series in find_series([tmp_path]).series] == [1, 1]


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
