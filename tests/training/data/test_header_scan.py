"""Headers of all files below folders: nothing that breaks off is a slice, and nothing is opened that would hang."""

import os

import numpy as np
import pytest
from pydicom.uid import RLELossless

from ihd_core.dicom.header_reader import read_headers
from ihd_core.dicom.pixel_data.pixels import read_hu
from ihd_core.dicom.sources.source_files import SourceFile
from ihd_core.errors import DicomError, FileError
from ihd_core.phantom.series_writer import write_series
from training.data.header_rows import HeaderLines
from training.data.header_scan import files_below, scan_headers


def phantom(count=1):
    """Values that compress neither to nothing nor badly."""
    return np.random.default_rng(1).integers(0, 9, (count, 12, 10)).astype(np.int16)


@pytest.mark.parametrize("options", [{}, {"transfer_syntax": RLELossless}], ids=["native", "encoded"])
def test_wherever_a_file_is_cut_it_is_no_slice(tmp_path, options):
    (file,) = write_series(tmp_path / "whole", phantom(), **options)
    content = file.read_bytes()
    folder = tmp_path / "cut"
    folder.mkdir()
    lengths = [*range(0, len(content) - 60, 41), *range(len(content) - 60, len(content))]
    for length in lengths:
        (folder / f"{length:05d}.dcm").write_bytes(content[:length])
    files, _ = files_below(folder, [folder])
    found = scan_headers(folder, files, tmp_path / "cache", processes=1)
    if options:  # what follows the last value of encoded pixels holds none of them
        reader = HeaderLines(folder)
        for lines in found.lines.values():
            for line in lines:
                assert (read_hu(reader.header(line)) == phantom()[0]).all()
    else:
        assert not found.lines
    assert {problem.kind for problem in found.problems} <= {"truncated", "unreadable", "not-ct", "no-position"}
    assert len(found.problems) >= len(lengths) - 9
    assert {problem.where for problem in found.problems} <= set(files)


def test_a_slice_that_is_said_to_be_readable_is(tmp_path):
    """The other way round: of files cut short and files that are whole, those taken are those that can be read."""
    files = write_series(tmp_path / "data", phantom(6))
    for file in files[::2]:
        content = file.read_bytes()
        file.write_bytes(content[:-1])
    names, _ = files_below(tmp_path / "data", [tmp_path / "data"])
    found = scan_headers(tmp_path / "data", names, tmp_path / "cache", processes=1)
    reader = HeaderLines(tmp_path / "data")
    taken = {reader.header(line).file.path for lines in found.lines.values() for line in lines}
    assert taken == set(files[1::2])
    for file in files[::2]:
        header = read_headers(SourceFile(file))[0]
        with pytest.raises(DicomError):
            read_hu(header)


def test_more_pixels_than_needed_are_no_fault(tmp_path):
    (file,) = write_series(tmp_path / "data", phantom())
    file.write_bytes(file.read_bytes() + b"\0" * 64)
    found = scan_headers(file.parent, [file.name], tmp_path / "cache", processes=1)
    assert not found.problems
    assert len(found.lines) == 1


def test_files_are_found_once_however_they_are_linked(tmp_path):
    for name in ("b/2.dcm", "a/1.dcm", "a/deep/0.dcm"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "gone.dcm").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.dcm")
    files, others = files_below(tmp_path, [tmp_path, tmp_path / "a"])
    assert files == ["a/1.dcm", "a/deep/0.dcm", "b/2.dcm"]
    assert sorted(problem.where for problem in others) == ["gone.dcm", "pipe.dcm"]


def test_a_name_that_is_no_text_is_named_in_escapes(tmp_path):
    try:
        (tmp_path / os.fsdecode(b"a\xff.dcm")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes no such name")
    files, _ = files_below(tmp_path, [tmp_path])
    found = scan_headers(tmp_path, files, tmp_path / "cache", processes=1)
    assert [(problem.kind, problem.where) for problem in found.problems] == [("unreadable", "a\\xff.dcm")]


def test_what_was_kept_of_other_files_is_not_used(tmp_path, monkeypatch):
    files = write_series(tmp_path / "data", phantom(4))
    names = [file.name for file in files]
    cache = tmp_path / "cache"
    assert sum(map(len, scan_headers(tmp_path / "data", names[:2], cache, processes=1).lines.values())) == 2
    assert sum(map(len, scan_headers(tmp_path / "data", names, cache, processes=1).lines.values())) == 4
    with monkeypatch.context() as patch:
        patch.setattr("training.data.header_scan._read_chunk", None)
        found = scan_headers(tmp_path / "data", names, cache, processes=1)
    assert sum(map(len, found.lines.values())) == 4, "not read again"
    write_series(tmp_path / "other", phantom(4), series_uid="1.2.3")
    assert list(scan_headers(tmp_path / "other", names, cache, processes=1).lines) == ["1.2.3"]
    for part in cache.iterdir():
        part.write_bytes(part.read_bytes()[:-10])
    assert sum(map(len, scan_headers(tmp_path / "other", names, cache, processes=1).lines.values())) == 4


def test_a_folder_that_is_gone_is_refused(tmp_path):
    with pytest.raises(FileError, match="gone: cannot be listed"):
        files_below(tmp_path, [tmp_path / "gone"])


def test_a_file_that_was_replaced_after_an_earlier_sitting_is_read_again(tmp_path):
    """A truncated file that is fetched again must not be called truncated for ever."""
    (file,) = write_series(tmp_path / "data", phantom())
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    cut = scan_headers(tmp_path / "data", [file.name], tmp_path / "cache", processes=1)
    assert [problem.kind for problem in cut.problems] == ["truncated"]
    file.write_bytes(whole)
    again = scan_headers(tmp_path / "data", [file.name], tmp_path / "cache", processes=1)
    assert again.problems == []
    assert sum(map(len, again.lines.values())) == 1
