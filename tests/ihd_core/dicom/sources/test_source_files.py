import os
import socket

import pytest

from ihd_core.dicom.sources import archives
from ihd_core.dicom.sources.source_files import SourceFile, files_at
from ihd_core.errors import DicomError


def names(found, folder):
    return [file.path.relative_to(folder).as_posix() for file in found.files]


def problems(found):
    return {problem.file.name: problem.reason for problem in found.problems}


def make(folder, *files):
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_files_are_found_in_folders_however_deep_and_each_once(tmp_path):
    make(tmp_path, "b/c/2", "b/1", "a")
    assert names(files_at([tmp_path, tmp_path / "a"]), tmp_path) == ["a", "b/1", "b/c/2"]


@pytest.mark.parametrize("again", ["b", "b/1", "b/../b/1", "../{}/b", "link", "b/link"])
def test_a_file_is_found_once_however_it_is_spelled_or_linked(tmp_path, again):
    make(tmp_path, "b/1")
    (tmp_path / "link").symlink_to(tmp_path / "b", target_is_directory=True)
    (tmp_path / "b" / "link").symlink_to(tmp_path / "b" / "1")
    assert len(files_at([tmp_path / "b" / "1", tmp_path / again.format(tmp_path.name)]).files) == 1


def test_paths_are_taken_in_the_order_in_which_they_are_given(tmp_path):
    make(tmp_path, "a/1", "b/2", "3")
    assert names(files_at([tmp_path / "b", tmp_path / "3", tmp_path / "a"]), tmp_path) == ["b/2", "3", "a/1"]


def test_a_loop_of_links_ends(tmp_path):
    make(tmp_path, "a")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert [file.name for file in files_at([tmp_path]).files] == ["a"]


def test_a_loop_through_two_folders_ends(tmp_path):
    make(tmp_path, "a/1", "b/2")
    (tmp_path / "a" / "b").symlink_to(tmp_path / "b", target_is_directory=True)
    (tmp_path / "b" / "a").symlink_to(tmp_path / "a", target_is_directory=True)
    found = files_at([tmp_path / "a"])
    assert sorted(file.name for file in found.files) == ["1", "2"], "a linked folder is looked into once"
    assert not found.problems


def test_links_that_lead_nowhere_are_named_and_cost_nothing_else(tmp_path):
    make(tmp_path, "a")
    (tmp_path / "lost").symlink_to(tmp_path / "gone")
    (tmp_path / "self").symlink_to("self")
    found = files_at([tmp_path])
    assert names(found, tmp_path) == ["a"]
    assert problems(found)["lost"] == "is a link that leads nowhere"
    assert problems(found)["self"].startswith("cannot be read (")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names on this system")
def test_pipes_and_sockets_are_named_and_not_opened(tmp_path, monkeypatch):
    make(tmp_path, "a")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # the name of a socket may have no more than about 100 bytes
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        found = files_at([tmp_path])
    assert names(found, tmp_path) == ["a"]
    assert problems(found) == {"pipe": "is a pipe, not a file", "socket": "is a socket, not a file"}
    with pytest.raises(DicomError, match=r"^pipe: is a pipe, not a file$"):
        files_at([tmp_path / "pipe"])


def test_a_folder_that_cannot_be_listed_is_named_and_costs_nothing_else(tmp_path, monkeypatch):
    make(tmp_path, "a", "closed/1", "open/2")
    scandir = os.scandir

    def refuse(path):
        if os.path.basename(path) == "closed":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = files_at([tmp_path])
    assert names(found, tmp_path) == ["a", "open/2"]
    assert problems(found) == {"closed": "cannot be read (Permission denied)"}
    with pytest.raises(DicomError, match=r"closed: cannot be read \(Permission denied\)$"):
        files_at([tmp_path / "closed"])


def test_a_path_that_does_not_exist_is_named(tmp_path):
    make(tmp_path, "file")
    for path in (tmp_path / "gone", tmp_path / "file" / "gone"):
        with pytest.raises(DicomError, match="gone: does not exist"):
            files_at([path])


def test_more_files_than_the_limit_are_refused_before_all_are_listed(tmp_path, monkeypatch):
    make(tmp_path, *(f"{i % 3}/{i}" for i in range(20)))
    monkeypatch.setattr(archives, "MOST_FILES", 23)
    assert len(files_at([tmp_path]).files) == 20, "3 folders and 20 files are the limit"
    monkeypatch.setattr(archives, "MOST_FILES", 22)
    with pytest.raises(DicomError) as error:
        files_at([tmp_path])
    assert str(error.value).startswith(f"{tmp_path}: holds more than 22 files")
    monkeypatch.setattr(archives, "MOST_FILES", 13)
    with pytest.raises(DicomError, match="1: holds more than 13 files"):
        files_at([tmp_path / "0", tmp_path / "1", tmp_path / "gone"])


@pytest.mark.soak
def test_100_001_files_are_refused_and_one_less_is_not(tmp_path):
    for i in range(100_000):
        (tmp_path / str(i)).touch()
    assert len(files_at([tmp_path]).files) == 100_000
    (tmp_path / "one more").touch()
    with pytest.raises(DicomError, match="holds more than 100,000 files"):
        files_at([tmp_path])


@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
def test_names_that_are_no_text_are_read_and_shown_with_escapes(tmp_path):
    with open(os.fsencode(tmp_path) + b"/M\xfcller\n1", "wb") as file:
        file.write(b"content")
    (found,) = files_at([tmp_path]).files
    assert found.start(100)[0] == b"content"
    assert found.name == "M\\xfcller\\n1"
    assert str(found) == f"{tmp_path}/M\\xfcller\\n1"


def test_folders_deeper_than_a_path_may_be_long_cost_nothing_else(tmp_path):
    make(tmp_path, "a")
    here = os.getcwd()
    try:
        os.chdir(tmp_path)
        for _ in range(30):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
    finally:
        os.chdir(here)
    found = files_at([tmp_path])
    assert names(found, tmp_path) == ["a"]
    assert all(problem.reason.startswith("cannot be read (") for problem in found.problems)


def test_a_file_in_an_archive_is_called_by_its_way_there(tmp_path):
    file = SourceFile(tmp_path / "study.zip", ("inner.ZIP", "CT/IM0001.DCM"))
    assert file.name == "study.zip/inner.ZIP/CT/IM0001.DCM"
    assert str(file) == f"{tmp_path}/study.zip/inner.ZIP/CT/IM0001.DCM"
    assert (file.own_name, file.suffix) == ("IM0001.DCM", ".dcm")
    assert file.folder == f"{tmp_path}/study.zip/inner.ZIP/CT"
