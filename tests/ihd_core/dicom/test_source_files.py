import pytest

from ihd_core.dicom.source_files import files_at
from ihd_core.errors import DicomError


def test_files_are_found_in_folders_however_deep_and_each_once(tmp_path):
    (tmp_path / "b" / "c").mkdir(parents=True)
    for name in ("b/c/2", "b/1", "a"):
        (tmp_path / name).write_bytes(b"x")
    assert [str(file.path.relative_to(tmp_path)) for file in files_at([tmp_path, tmp_path / "a"]).files] == [
        "a",
        "b/1",
        "b/c/2",
    ]


def test_a_loop_of_links_ends(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert [file.name for file in files_at([tmp_path]).files] == ["a"]


def test_a_path_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(DicomError, match="gone: does not exist"):
        files_at([tmp_path / "gone"])
