import gc
import shutil
import warnings

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.fileset import FileSet

from ihd_core.dicom.reader import load_scan
from ihd_core.dicom.sources.source_files import files_at
from ihd_core.errors import DicomError
from ihd_core.phantom.series_writer import write_series


def problems(found):
    return {problem.file.name: problem.reason for problem in found.problems}


@pytest.fixture
def disc(tmp_path, hu):
    """A disc as pydicom writes it: a DICOMDIR and its files, PT000000/ST000000/SE000000/IM000000 and so on."""
    write_series(tmp_path / "study", hu)
    files = FileSet()
    for path in sorted((tmp_path / "study").iterdir()):
        slice_ = dcmread(path)
        slice_.StudyDate, slice_.StudyTime, slice_.StudyID = "20200101", "120000", "1"
        files.add(slice_)
    files.write(tmp_path / "disc")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # of the folder that pydicom keeps beside it
        del files
        gc.collect()
    shutil.rmtree(tmp_path / "study")
    return tmp_path / "disc"


@pytest.fixture
def refer(disc):
    """refer(index, "A\\\\B") lets a record of an image name another file."""

    def change(index, file_id):
        directory = dcmread(disc / "DICOMDIR")
        images = [record for record in directory.DirectoryRecordSequence if "ReferencedFileID" in record]
        images[index].ReferencedFileID = file_id
        directory.save_as(disc / "DICOMDIR")

    return change


def images_of(disc):
    return sorted(path for path in disc.rglob("*") if path.is_file() and path.name != "DICOMDIR")


def test_a_disc_directory_opens_the_scan_that_its_folder_holds(disc, hu):
    for path in (disc / "DICOMDIR", disc):
        scan = load_scan(path)
        np.testing.assert_array_equal(scan.hu, hu)
        assert scan.warnings == ()
    assert load_scan(disc / "DICOMDIR").uid == load_scan(disc).uid


def test_only_the_files_that_it_names_are_opened(disc):
    (disc / "other.dcm").write_bytes(b"x")
    assert [file.path for file in files_at([disc / "DICOMDIR"]).files] == images_of(disc)[:-1]
    assert images_of(disc)[-1].name == "other.dcm"


@pytest.mark.parametrize("name", ["dicomdir", "DICOMDIR;1", "DicomDir.", "disc.dcm"])
def test_it_is_known_by_its_name_in_any_spelling_and_by_its_content(disc, name):
    (disc / "DICOMDIR").rename(disc / name)
    assert len(files_at([disc / name]).files) == 5


@pytest.mark.parametrize("spelled", [str.lower, str.title, lambda name: f"{name.lower()};1", lambda name: f"{name}."])
def test_files_are_found_however_a_copy_spells_them(disc, spelled):
    for path in sorted(disc.rglob("*"), key=lambda path: -len(path.parts)):
        if path.name != "DICOMDIR":
            path.rename(path.with_name(spelled(path.name)))
    found = files_at([disc / "DICOMDIR"])
    assert [file.path for file in found.files] == images_of(disc)
    assert not found.problems


def test_a_name_as_it_stands_goes_before_one_that_is_nearly_it(disc):
    exact = images_of(disc)[0]
    exact.with_name(exact.name.lower()).write_bytes(b"other")
    if exact.read_bytes() == b"other":
        pytest.skip("this disk does not tell upper from lower case")
    assert exact in {file.path for file in files_at([disc / "DICOMDIR"]).files}


def test_files_that_are_not_there_are_named_and_cost_nothing_else(disc, hu):
    missing = images_of(disc)[2]
    missing.unlink()
    found = files_at([disc / "DICOMDIR"])
    assert problems(found) == {missing.name: "named by DICOMDIR, not there"}
    assert len(load_scan(disc / "DICOMDIR").hu) == 4


@pytest.mark.parametrize(
    "file_id", [["..", "OUT"], ["A", "..", "..", "OUT"], ["", "OUT"], ["/etc/OUT"], ["C:", "OUT"], ["../OUT"]]
)
def test_names_that_lead_out_of_its_folder_are_refused(disc, refer, file_id):
    shutil.copy(images_of(disc)[0], disc.parent / "OUT")
    refer(0, file_id)
    found = files_at([disc / "DICOMDIR"])
    assert len(found.files) == 4
    assert list(problems(found).values()) == ["named by DICOMDIR, but leads out of its folder"]


def test_a_whole_path_in_one_part_and_a_folder_in_place_of_a_file(disc, refer):
    first = images_of(disc)[0].relative_to(disc)
    refer(0, first.as_posix())
    refer(1, list(first.parts[:-1]))
    found = files_at([disc / "DICOMDIR"])
    assert found.files[0].path == disc / first
    assert problems(found) == {first.parts[-2]: "named by DICOMDIR, but is no file"}


def test_two_records_of_one_file_open_it_once(disc, refer):
    refer(1, list(images_of(disc)[0].relative_to(disc).parts))
    assert len(files_at([disc / "DICOMDIR"]).files) == 4


def test_a_record_that_is_not_in_use_is_passed_over(disc):
    directory = dcmread(disc / "DICOMDIR")
    directory.DirectoryRecordSequence[-1].RecordInUseFlag = 0
    directory.save_as(disc / "DICOMDIR")
    found = files_at([disc / "DICOMDIR"])
    assert (len(found.files), found.problems) == (4, ())


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "no records", "no files"])
def test_a_damaged_one_is_refused_with_one_line(disc, damage):
    path = disc / "DICOMDIR"
    whole = path.read_bytes()
    if damage in {"no records", "no files"}:
        directory = dcmread(path)
        if damage == "no records":
            del directory.DirectoryRecordSequence
        else:
            directory.DirectoryRecordSequence = directory.DirectoryRecordSequence[:1]
        directory.save_as(path)
    else:
        path.write_bytes({"empty": b"", "text": b"not DICOM" * 50, "cut": whole[: len(whole) // 2]}[damage])
    expected = {"empty": "is empty", "text": "is not a DICOM file", "no files": "names no files"}
    with pytest.raises(DicomError, match=rf"^DICOMDIR: {expected.get(damage, 'is damaged')}[^\n]*$"):
        files_at([path])
    found = files_at([images_of(disc)[0], path])
    assert (len(found.files), len(found.problems)) == (1, 1), "the other file is opened"


def test_one_that_is_cut_never_passes_for_a_shorter_one(disc):
    path = disc / "DICOMDIR"
    whole = path.read_bytes()
    for place in range(0, len(whole), 11):
        path.write_bytes(whole[:place])
        with pytest.raises(DicomError, match=r"^DICOMDIR: "):
            files_at([path])
