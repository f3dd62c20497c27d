import re
from shutil import copy
from zipfile import ZipFile

import numpy as np
import pytest
from pydicom import dcmread

from ihd_core.dicom.reader import load_scan
from ihd_core.dicom.series import find_series
from ihd_core.phantom.series_writer import write_series

NAMELESS = {"SeriesInstanceUID": None, "SOPInstanceUID": None, "StudyInstanceUID": None}


def write_nameless(folder, hu, positions_mm=None, **tags):
    """Slices without any UID, as some anonymisers leave them."""
    paths = write_series(folder, hu, positions_mm=positions_mm, tags={**NAMELESS, **tags})
    for path in paths:
        dataset = dcmread(path)
        dataset.file_meta.MediaStorageSOPInstanceUID = ""
        dataset.save_as(path)
    return paths


def test_the_uid_of_a_further_stack_stays_when_a_slice_of_it_is_gone(tmp_path, hu):
    write_series(tmp_path / "a", hu, series_uid="1.2.3")
    paths = write_series(tmp_path / "b", hu[:3], series_uid="1.2.3", spacing_mm=(5.0, 0.4, 0.4))
    before = [series.uid for series in find_series([tmp_path]).series]
    paths[0].unlink()
    assert [series.uid for series in find_series([tmp_path]).series] == before


def test_slices_without_a_series_uid_get_one_that_stays(tmp_path, hu):
    write_series(tmp_path, hu, tags={"SeriesInstanceUID": None})
    first, second = find_series([tmp_path]).series[0], find_series([tmp_path]).series[0]
    assert first.uid == second.uid
    assert first.uid.startswith("2.25.")


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
