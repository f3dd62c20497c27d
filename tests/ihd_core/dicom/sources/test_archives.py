import io
import os
import random
import re
import shutil
import struct
import tempfile
import threading
import zipfile
import zlib

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless

from ihd_core.dicom.reader import load_scan
from ihd_core.dicom.series import find_series
from ihd_core.dicom.sources import archives, file_search, zip_contents
from ihd_core.dicom.sources.source_files import SourceFile, files_at, files_within
from ihd_core.errors import DicomError, NoHeadCt
from ihd_core.phantom.series_writer import write_series

METHODS = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED}
both_methods = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def zip_of(path, files, method=zipfile.ZIP_DEFLATED):
    """Pack names and contents; what a content of None stands for is a folder."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, b"" if content is None else content)
    return path


def zipped(files, method=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    zip_of(stream, files, method)
    return stream.getvalue()


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def problems(found):
    return {problem.file.name: problem.reason for problem in found.problems}


def content(file):
    with file.open() as stream:
        return stream.read()


def read(file, size, offset=0):
    buffer = np.zeros(size, np.uint8)
    count, _ = file.read_into(buffer, offset)
    return buffer[:count].tobytes()


def rename(path, name):
    """Give all files of an archive one name of the length they have."""
    whole = bytearray(path.read_bytes())
    for mark, length, start in ((b"PK\x01\x02", 28, 46), (b"PK\x03\x04", 26, 30)):
        for place in (i for i in range(len(whole)) if whole[i : i + 4] == mark):
            assert whole[place + length] == len(name)
            whole[place + start : place + start + len(name)] = name.encode()
    path.write_bytes(whole)


def change(path, old, new):
    """Replace some bytes of a file, which must be there once."""
    whole = path.read_bytes()
    assert whole.count(old) == 1
    path.write_bytes(whole.replace(old, new))


NOISE = random.Random(1).randbytes(300_000)
TEXT = b"".join(b"%d " % i for i in range(60_000))


# Ways in


def assert_same(scan, expected):
    np.testing.assert_array_equal(scan.hu, expected.hu)
    np.testing.assert_array_equal(scan.positions_mm, expected.positions_mm)
    assert (scan.uid, scan.slice_uids, scan.warnings) == (expected.uid, expected.slice_uids, expected.warnings)


@both_methods
def test_a_scan_is_the_same_from_a_folder_an_archive_and_an_archive_in_archives(tmp_path, hu, method):
    write_series(tmp_path / "study" / "CT", hu, shuffle=(3, 1, 4, 0, 2))
    files = contents(tmp_path / "study")
    expected = load_scan(tmp_path / "study")
    np.testing.assert_array_equal(expected.hu, hu)
    assert_same(load_scan(zip_of(tmp_path / "study.zip", files, method)), expected)
    inner = zipped({"b.zip": zipped(files, method)}, method)
    assert_same(load_scan(zip_of(tmp_path / "nested.ZIP", {"a.Zip": inner}, method)), expected)
    (tmp_path / "folder").mkdir()
    shutil.copy(tmp_path / "nested.ZIP", tmp_path / "folder")
    assert_same(load_scan(tmp_path / "folder"), expected)


@both_methods
@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless]
)
def test_slices_that_take_pydicom_are_the_same_from_an_archive(tmp_path, hu, method, syntax):
    sequence = {"SourceImageSequence": [Dataset()]}
    write_series(tmp_path / "study", hu, transfer_syntax=syntax, tags=sequence)
    path = zip_of(tmp_path / "study.zip", contents(tmp_path / "study"), method)
    scan = load_scan(path)
    np.testing.assert_array_equal(scan.hu, hu)
    assert_same(scan, load_scan(tmp_path / "study"))


def test_real_files_are_understood_the_same_from_an_archive(tmp_path, shared_data):
    for folder in ("transfer_syntaxes", "geometry_failures"):
        path = zip_of(tmp_path / f"{folder}.zip", contents(shared_data / folder))
        found, expected = find_series([path]), find_series([shared_data / folder])
        assert [(one.uid, one.slice_count, len(one.damaged)) for one in found.series] == [
            (one.uid, one.slice_count, len(one.damaged)) for one in expected.series
        ]
        assert [(one.reason, len(one.files)) for one in found.left_out] == [
            (one.reason, len(one.files)) for one in expected.left_out
        ]


def test_files_of_an_archive_come_in_the_order_of_a_folder_and_folders_are_none(tmp_path):
    path = zip_of(tmp_path / "a.zip", {"b/2": b"x", "b/": None, "b/c/": None, "b/c/0": b"x", "z": b"x", "b/1": b"x"})
    assert [file.members[0] for file in files_at([path]).files] == ["z", "b/1", "b/2", "b/c/0"]


def test_a_given_archive_needs_no_ending_and_one_in_a_folder_does(tmp_path):
    zip_of(tmp_path / "study", {"1": b"x"})
    assert [file.name for file in files_at([tmp_path / "study"]).files] == ["study/1"]
    (file,) = files_at([tmp_path]).files
    assert file.name == "study", "files of a folder are not opened to see what they are"
    assert [within.name for within in files_within(file).files] == ["study/1"]


def test_what_is_no_archive_has_no_files_within(tmp_path):
    (tmp_path / "a").write_bytes(b"PK are letters")
    assert files_within(SourceFile(tmp_path / "a")) is None


def test_an_archive_without_files_says_so(tmp_path):
    for name, files in (("a.zip", {}), ("b.zip", {"folder/": None})):
        with pytest.raises(NoHeadCt, match=f"{name}: holds no files"):
            load_scan(zip_of(tmp_path / name, files))


def test_an_archive_behind_other_bytes_is_read(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"self-extracting" + zipped({"1": TEXT}) + b"signature")
    (file,) = files_at([tmp_path / "a.zip"]).files
    assert content(file) == TEXT


def test_an_archive_written_to_a_pipe_and_one_with_long_sizes_are_read(tmp_path):
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.written = b""

        def writable(self):
            return True

        def write(self, data):
            self.written += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("1", "w", force_zip64=True) as file:
        file.write(TEXT)
    (tmp_path / "a.zip").write_bytes(pipe.written)
    (file,) = files_at([tmp_path / "a.zip"]).files
    assert content(file) == TEXT


@pytest.mark.parametrize("beyond", [0, 1])
def test_a_table_of_contents_in_64_bits_is_read_where_it_says(tmp_path, beyond):
    whole = zipped({"1": TEXT})
    end = whole.rindex(b"PK\x05\x06")
    _, _, _, _, count, _, offset, _ = struct.unpack("<4s4H2LH", whole[end:])
    entry = bytearray(whole[offset:end])
    packed, unpacked = struct.unpack_from("<2L", entry, 20)
    struct.pack_into("<2L", entry, 20, 0xFFFFFFFF, 0xFFFFFFFF)
    struct.pack_into("<L", entry, 42, 0xFFFFFFFF)
    struct.pack_into("<H", entry, 30, 28)
    entry += struct.pack("<2H3Q", 1, 24, unpacked, packed, 0)
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(entry), offset)
    place64 = struct.pack("<4sLQL", b"PK\x06\x07", 0, offset + len(entry) + beyond, 1)
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, *[0xFFFF] * 2, *[0xFFFFFFFF] * 2, 0)
    (tmp_path / "a.zip").write_bytes(whole[:offset] + entry + end64 + place64 + last)
    if beyond:
        with pytest.raises(DicomError, match=r"^a\.zip: is damaged \(its table of contents is not where it says\)$"):
            files_at([tmp_path / "a.zip"])
        return
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.read("1") == TEXT, "the oracle reads what this test writes"
    (file,) = files_at([tmp_path / "a.zip"]).files
    assert content(file) == TEXT


@pytest.mark.parametrize("name", ["CT\\IM1", "Schädel/IM1", "CT/IM1 (head: axial)"])
def test_names_with_backslashes_and_letters_of_any_language_are_read(tmp_path, name):
    path = zip_of(tmp_path / "a.zip", {name: b"x"})
    (file,) = files_at([path]).files
    assert file.name == f"a.zip/{name}".replace("\\", "/")
    assert content(file) == b"x"


def test_names_in_utf_8_that_do_not_say_so_are_read_as_a_mac_writes_them(tmp_path):
    path = zip_of(tmp_path / "a.zip", {"Schädel/IM1": b"x"})
    whole = bytearray(path.read_bytes())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        assert whole[whole.index(mark) + flags + 1] == 8
        whole[whole.index(mark) + flags + 1] = 0
    path.write_bytes(whole)
    (file,) = files_at([path]).files
    assert (file.name, content(file)) == ("a.zip/Schädel/IM1", b"x")


def test_what_a_mac_puts_into_archives_is_left_out_as_not_dicom(tmp_path, hu):
    write_series(tmp_path / "study", hu)
    apple = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X" + bytes(100)
    junk = {
        "__MACOSX/._001.dcm": apple,
        "__MACOSX/._old.zip": apple,
        ".DS_Store": b"\0\0\0\1Bud1",
        "Thumbs.db": b"\xd0",
    }
    path = zip_of(tmp_path / "a.zip", contents(tmp_path / "study") | junk)
    assert not files_at([path]).problems
    scan = load_scan(path)
    assert (len(scan.hu), scan.warnings) == (5, ())


def test_equal_names_with_equal_content_are_one_file_and_others_are_all_read(tmp_path):
    path = zip_of(tmp_path / "a.zip", {"1": b"first", "2": b"second", "3": b"first"}, zipfile.ZIP_STORED)
    rename(path, "1")
    files = files_at([path]).files
    assert {file.name: content(file) for file in files} == {"a.zip/1": b"first", "a.zip/1 (2)": b"second"}


# Reading


@both_methods
def test_reading_any_part_gives_what_was_packed(tmp_path, method):
    whole = TEXT + NOISE
    path = zip_of(tmp_path / "a.zip", {"1": whole}, method)
    (file,) = files_at([path]).files
    assert content(file) == whole
    for count in (0, 1, 100, len(whole) - 1, len(whole), len(whole) + 1):
        start, stamp = file.start(count)
        assert start == whole[:count]
        assert (stamp.size, stamp) == (len(whole), file.stamp())
    for offset in (0, 1, 100_000, len(whole) - 10, len(whole), len(whole) + 10):
        for size in (1, 70_000, len(whole)):
            assert read(file, size, offset) == whole[offset : offset + size], (offset, size)


@both_methods
def test_a_stream_can_be_read_in_any_order(tmp_path, method):
    whole = TEXT + NOISE
    (file,) = files_at([zip_of(tmp_path / "a.zip", {"1": whole}, method)]).files
    with file.open() as stream:
        assert stream.seekable()
        assert (stream.read(10), stream.tell()) == (whole[:10], 10)
        assert stream.seek(-20, os.SEEK_END) == len(whole) - 20
        assert stream.read() == whole[-20:]
        stream.seek(200_000)
        stream.seek(5, os.SEEK_CUR)
        assert stream.read(100) == whole[200_005:200_105]
        stream.seek(0)
        assert stream.read() == whole
        assert stream.read(1) == b""
        with pytest.raises(OSError, match="Invalid argument"):
            stream.seek(-1)
        assert stream.seek(len(whole) + 10) == len(whole) + 10
        assert stream.read(1) == b""


def test_a_stream_read_in_any_order_finds_damage_behind_what_is_read(tmp_path):
    whole = NOISE * 2
    path = zip_of(tmp_path / "a.zip", {"1": whole}, zipfile.ZIP_STORED)
    change(path, NOISE[-10:] + NOISE[:9], NOISE[-10:] + NOISE[:8] + bytes([NOISE[8] ^ 1]))
    (file,) = files_at([path]).files

    def use(*places):
        with file.open() as stream:
            for place in places:
                stream.seek(place)
                stream.read(10)
            stream.read()

    for places in ((0,), (100_000, 0), (100_000, 500_000), (len(whole) - 10,)):
        with pytest.raises(DicomError, match=r"^a\.zip/1: is damaged \(its checksum is wrong\)$"):
            use(*places)


@pytest.fixture
def inflated(monkeypatch):
    """How many bytes come out of each call to inflate some."""
    counts = []
    original = zlib.decompressobj

    class Counted:
        def __init__(self, *options):
            self.inflater = original(*options)

        def __getattr__(self, name):
            return getattr(self.inflater, name)

        def decompress(self, *arguments):
            piece = self.inflater.decompress(*arguments)
            counts.append(len(piece))
            return piece

    monkeypatch.setattr(zlib, "decompressobj", Counted)
    return counts


@both_methods
def test_frames_of_a_large_file_are_read_in_any_order_without_unpacking_each_time(tmp_path, inflated, method):
    frames = [bytes([i]) * 20_000 for i in range(32)]
    (file,) = files_at([zip_of(tmp_path / "a.zip", {"1": b"".join(frames)}, method)]).files
    for i in (16, 15, 17, 0, 31, 16):
        assert read(file, 20_000, 20_000 * i) == frames[i]
    assert sum(inflated) == (32 * 20_000 if method == zipfile.ZIP_DEFLATED else 0)
    assert archives._Unpacked.kept_bytes == 32 * 20_000
    del file
    assert archives._Unpacked.kept_bytes == 0


@both_methods
def test_a_stream_of_a_large_file_keeps_no_more_than_its_start(tmp_path, monkeypatch, method):
    monkeypatch.setattr(archives, "_LARGEST_AT_ONCE", 100_000)
    whole = TEXT + NOISE
    (file,) = files_at([zip_of(tmp_path / "a.zip", {"1": whole}, method)]).files
    with file.open() as stream:
        assert stream.read(50_000) == whole[:50_000]
        assert archives._Unpacked.kept_bytes == 0, "for a header nothing is unpacked to its end"
        assert stream.read() == whole[50_000:]
        stream.seek(90_000)
        assert stream.read(20_000) == whole[90_000:110_000]


def test_the_start_of_a_file_costs_no_more_than_the_start(tmp_path, inflated):
    (file,) = files_at([zip_of(tmp_path / "a.zip", {"1": bytes(50 << 20)})]).files
    assert file.start(1000)[0] == bytes(1000)
    assert 1000 <= sum(inflated) <= 4096, "the least that zipfile unpacks"


def test_the_table_of_contents_is_read_once(tmp_path, monkeypatch):
    path = zip_of(tmp_path / "a.zip", {f"{i}": TEXT[:1000] for i in range(20)})
    parsed = []
    original = archives.read_contents
    monkeypatch.setattr(archives, "read_contents", lambda *a, **k: parsed.append(1) or original(*a, **k))
    found = files_at([path])
    for file in found.files:
        file.start(100)
        read(file, 10, 100)
        read(SourceFile(file.path, file.members), 10)
        content(file)
    assert len(parsed) == 1


def test_an_archive_is_not_kept_open(tmp_path):
    path = zip_of(tmp_path / "a.zip", {"1": zipped({"2": TEXT})})
    (file,) = files_at([path]).files
    read(file, 10)
    assert not [name for name in open_files() if name.endswith("a.zip")]
    with file.open():
        assert [name for name in open_files() if name.endswith("a.zip")], "what this test sees"
    forgotten = file.open()
    forgotten.read(1)
    del forgotten
    assert not [name for name in open_files() if name.endswith("a.zip")]
    path.unlink()
    with pytest.raises(OSError, match=r"a\.zip"):
        file.start(10)


def open_files():
    folder = "/proc/self/fd"
    if not os.path.isdir(folder):
        pytest.skip("this system does not list open files")
    return [os.readlink(f"{folder}/{number}") for number in os.listdir(folder) if os.path.exists(f"{folder}/{number}")]


def test_an_archive_that_has_changed_is_not_read_by_its_old_table_of_contents(tmp_path):
    path = zip_of(tmp_path / "a.zip", {"1": TEXT})
    (file,) = files_at([path]).files
    zip_of(path, {"0": NOISE, "1": TEXT})
    for use in (lambda: file.start(10), lambda: read(file, 10), lambda: content(file), file.stamp):
        with pytest.raises(DicomError, match=r"^a\.zip/1: has changed since it was found; open it again$"):
            use()
    assert content(files_at([path]).files[1]) == TEXT


@pytest.mark.parametrize("memory", [1 << 30, 0], ids=["memory", "temporary file"])
def test_threads_may_read_one_archive_together(tmp_path, monkeypatch, memory):
    monkeypatch.setattr(archives, "MOST_IN_MEMORY", memory)
    inner = zipped({f"{i}": TEXT + bytes([i]) for i in range(4)})
    both = {"c.zip": inner, "d.zip": inner}
    stored = zipped(both, zipfile.ZIP_STORED)  # two archives that read from the one place where this is unpacked
    files = files_at([zip_of(tmp_path / "a.zip", {"b.zip": stored, **both})]).files
    assert len(files) == 16
    wrong = []

    def work():
        for i, file in enumerate(files):
            expected = TEXT + bytes([i % 4])
            if (read(file, 1_000_000), read(file, 10, 50_000), content(file)) != (
                expected,
                expected[50_000:50_010],
                expected,
            ):
                wrong.append(file.name)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# Archives in archives


@pytest.mark.parametrize("memory", [1 << 30, 0], ids=["memory", "temporary file"])
def test_an_unpacked_archive_is_given_up_with_the_last_of_its_files(tmp_path, monkeypatch, memory):
    monkeypatch.setattr(archives, "MOST_IN_MEMORY", memory)
    monkeypatch.setattr(archives, "_LEAST_IN_FILE", 0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    temporary = []
    original = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: temporary.append(original()) or temporary[-1])
    inner = zipped({"1": NOISE}, zipfile.ZIP_STORED)
    path = zip_of(tmp_path / "a.zip", {"b.zip": inner, "c.zip": inner})
    assert archives._Unpacked.kept_bytes == 0, "left over from before"
    found = files_at([path])
    assert [content(file) for file in found.files] == [NOISE, NOISE]
    assert archives._Unpacked.kept_bytes == 2 * len(inner)
    assert len(temporary) == (0 if memory else 2)
    assert os.listdir(tmp_path) == ["a.zip"], "no file with a name"
    del found
    assert archives._Unpacked.kept_bytes == 0
    assert all(file.closed for file in temporary)


def test_an_archive_stored_in_another_is_read_where_it_is(tmp_path):
    path = zip_of(tmp_path / "a.zip", {"b.zip": zipped({"1": NOISE})}, zipfile.ZIP_STORED)
    (file,) = files_at([path]).files
    assert content(file) == NOISE
    assert archives._Unpacked.kept_bytes == 0


def test_damage_to_one_file_in_stored_archives_costs_no_other(tmp_path):
    inner = zipped({"1": NOISE, "2": TEXT}, zipfile.ZIP_STORED)
    path = zip_of(tmp_path / "a.zip", {"b.zip": inner}, zipfile.ZIP_STORED)
    change(path, NOISE[:100], NOISE[:99] + bytes([NOISE[99] ^ 1]))
    first, second = files_at([path]).files
    assert content(second) == TEXT
    with pytest.raises(DicomError, match=r"^a\.zip/b\.zip/1: is damaged \(its checksum is wrong\)$"):
        content(first)


def test_what_does_not_fit_unpacked_is_refused(tmp_path, monkeypatch):
    inner = zipped({"1": NOISE})
    monkeypatch.setattr(archives, "MOST_UNPACKED", len(inner) - 1)
    found = files_at([zip_of(tmp_path / "a.zip", {"b.zip": inner, "2": b"x"})])
    assert [file.name for file in found.files] == ["a.zip/2"]
    assert problems(found)["a.zip/b.zip"].endswith("more than fit; unpack the outer one first")
    assert archives._Unpacked.kept_bytes == 0


def test_not_more_temporary_files_are_open_than_a_system_allows(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_IN_MEMORY", 0)
    assert archives.MOST_UNPACKED // archives._LEAST_IN_FILE < 200, "256 files may be open on macOS"
    monkeypatch.setattr(archives, "MOST_UNPACKED", 3 * archives._LEAST_IN_FILE)
    found = files_at([zip_of(tmp_path / "a.zip", {f"{i}.zip": zipped({"1": b"%d" % i}) for i in range(5)})])
    assert [content(file) for file in found.files] == [b"0", b"1", b"2"]
    assert list(problems(found)) == ["a.zip/3.zip", "a.zip/4.zip"]


def test_archives_in_one_another_are_opened_up_to_a_depth(tmp_path):
    whole = zipped({"1": b"x"})
    for depth in range(2, file_search.DEEPEST + 2):
        inner, whole = whole, zipped({f"{depth}.zip": whole, "beside": b"y"})
    (tmp_path / "deep.zip").write_bytes(inner)
    assert any(file.name.endswith("/1") for file in files_at([tmp_path / "deep.zip"]).files)
    (tmp_path / "deeper.zip").write_bytes(whole)
    found = files_at([tmp_path / "deeper.zip"])
    assert len(found.files) == file_search.DEEPEST, "what lies beside is read"
    assert problems(found) == {
        "deeper.zip/6.zip/5.zip/4.zip/3.zip/2.zip": "lies in 5 archives in one another; what is deeper is not read"
    }


# Refusals


def test_the_only_file_given_is_refused_with_its_name_and_others_go_on(tmp_path):
    (tmp_path / "bad.zip").write_bytes(zipped({"1": TEXT})[:-30])
    with pytest.raises(DicomError, match=r"^bad\.zip: is damaged \(breaks off before its table of contents\)$"):
        files_at([tmp_path / "bad.zip"])
    (tmp_path / "1").write_bytes(b"x")
    for paths in ([tmp_path], [tmp_path / "1", tmp_path / "bad.zip"]):
        found = files_at(paths)
        assert [file.name for file in found.files] == ["1"]
        assert problems(found) == {"bad.zip": "is damaged (breaks off before its table of contents)"}


@both_methods
def test_an_archive_cut_anywhere_is_refused_as_damaged(tmp_path, method):
    # Right behind the archive within it, the end of this one may be taken for the end of the whole.
    whole = zipped({"1": NOISE[:500], "2.zip": zipped({"3": NOISE[:400]})}, method)
    for place in (*range(4, len(whole) - 250, 11), *range(len(whole) - 250, len(whole), 2)):
        (tmp_path / "a.zip").write_bytes(whole[:place])
        with pytest.raises(DicomError, match=r"^a\.zip: is damaged \(.+\)$"):
            files_at([tmp_path / "a.zip"])


def test_an_empty_file_that_is_called_an_archive_says_so(tmp_path):
    (tmp_path / "a.zip").touch()
    with pytest.raises(DicomError, match=r"^a\.zip: is empty"):
        load_scan(tmp_path / "a.zip")


def test_a_table_of_contents_shorter_than_announced_is_refused(tmp_path):
    whole = zipped({"1": TEXT, "2": TEXT})
    first, second, end = (m.start() for m in re.finditer(b"PK\x01\x02|PK\x05\x06", whole))
    last = bytearray(whole[end:])
    struct.pack_into("<L", last, 12, second - first)
    (tmp_path / "a.zip").write_bytes(whole[:second] + last)
    with pytest.raises(DicomError, match=r"a\.zip: is damaged \(lists 1 files where 2 were announced\)$"):
        files_at([tmp_path / "a.zip"])


@both_methods
def test_any_changed_byte_of_a_file_in_an_archive_is_found_when_it_is_read(tmp_path, method):
    whole = TEXT[:3000] + NOISE[:1000]
    path = zip_of(tmp_path / "a.zip", {"1": whole, "2": whole}, method)
    packed = path.read_bytes()
    end = packed.index(b"PK\x03\x04", 10)
    for place in range(31, end, 37):
        path.write_bytes(packed[:place] + bytes([packed[place] ^ 0x10]) + packed[place + 1 :])
        first, second = files_at([path]).files
        for use in (lambda file: read(file, len(whole) - 100, 50), content):
            with pytest.raises(DicomError, match=r"^a\.zip/1: is damaged \(.+\)$"):
                use(first)
            assert len(use(second)) >= len(whole) - 100, "the other file is as it was"


def test_a_damaged_slice_in_an_archive_is_left_out_and_named(tmp_path, hu):
    write_series(tmp_path / "study", hu)
    path = zip_of(tmp_path / "a.zip", contents(tmp_path / "study"), zipfile.ZIP_STORED)
    pixels = (tmp_path / "study" / "003.dcm").read_bytes()[-500:]
    change(path, pixels, pixels[:-1] + bytes([pixels[-1] ^ 1]))
    scan = load_scan(path)
    np.testing.assert_array_equal(scan.hu, hu[[0, 1, 3, 4]])
    assert "a.zip/003.dcm: is damaged (its checksum is wrong)" in scan.warnings[0].text


@pytest.mark.parametrize("announced", [-1, 1])
def test_a_file_that_unpacks_to_another_size_than_announced_is_refused(tmp_path, announced):
    path = zip_of(tmp_path / "a.zip", {"1": TEXT})
    whole = bytearray(path.read_bytes())
    struct.pack_into("<L", whole, whole.index(b"PK\x01\x02") + 24, len(TEXT) + announced)
    path.write_bytes(whole)
    (file,) = files_at([path]).files
    for use in (lambda: read(file, 1_000_000), lambda: content(file), lambda: file.start(1_000_000)):
        with pytest.raises(DicomError, match=r"^a\.zip/1: is damaged \((breaks off after|its check)"):
            use()


def test_a_file_that_announces_too_little_is_unpacked_no_further(tmp_path, inflated):
    path = zip_of(tmp_path / "a.zip", {"1": bytes(50 << 20)})
    whole = bytearray(path.read_bytes())
    struct.pack_into("<L", whole, whole.index(b"PK\x01\x02") + 24, 1000)
    path.write_bytes(whole)
    (file,) = files_at([path]).files
    for use in (lambda: read(file, 1_000_000), lambda: content(file), lambda: file.start(1_000_000)):
        with pytest.raises(DicomError, match=r"^a\.zip/1: is damaged \(its checksum is wrong\)$"):
            use()
    assert max(inflated) <= 4096
    assert sum(inflated) <= 3 * 4096


@pytest.mark.parametrize(
    ("mark", "name", "refused"), [(b"PK\x03\x04", 30, "File name in directory"), (b"PK\x01\x02", 46, "'utf-8' codec")]
)
def test_a_damaged_name_is_refused_with_one_line(tmp_path, mark, name, refused):
    path = zip_of(tmp_path / "a.zip", {"ä": b"x"})
    whole = bytearray(path.read_bytes())
    whole[whole.index(mark) + name + 1] ^= 0x40 if refused.startswith("'utf") else 1
    path.write_bytes(whole)
    with pytest.raises(DicomError, match=rf"^a\.zip[^\n]*: is damaged \({refused}[^\n]*\)$"):
        content(files_at([path]).files[0])


def flag(path, bits, which=slice(None)):
    """Set general purpose bits of some files, as the table of contents has them."""
    whole = bytearray(path.read_bytes())
    places = [i for i in range(len(whole)) if whole[i : i + 4] == b"PK\x01\x02"]
    for place in places[which]:
        whole[place + 8] |= bits
    path.write_bytes(whole)


def test_an_archive_with_a_password_says_so(tmp_path):
    path = zip_of(tmp_path / "a.zip", {"1": TEXT, "2": TEXT, "3": TEXT})
    flag(path, 1, slice(1, None))
    found = files_at([path])
    assert [file.name for file in found.files] == ["a.zip/1"]
    assert problems(found) == {"a.zip": "is password-protected (2 of its 3 files); unpack it first"}
    flag(path, 1)
    with pytest.raises(DicomError, match=r"^a\.zip: is password-protected; unpack it first$"):
        load_scan(path)


@pytest.mark.parametrize(
    ("method", "called"), [(zipfile.ZIP_BZIP2, "BZIP2"), (zipfile.ZIP_LZMA, "LZMA"), (9, "Deflate64")]
)
def test_other_methods_of_compression_are_named(tmp_path, method, called):
    path = zip_of(tmp_path / "a.zip", {"1": TEXT}, method if method != 9 else zipfile.ZIP_DEFLATED)
    if method == 9:
        whole = bytearray(path.read_bytes())
        whole[whole.index(b"PK\x01\x02") + 10] = 9
        path.write_bytes(whole)
    with pytest.raises(DicomError, match=rf"^a\.zip: is compressed with {called}, which is not read; unpack it first$"):
        files_at([path])


@pytest.mark.parametrize(
    "name", ["../1", "a/../../1", "/etc/1", "C:/1", "c:1", "..\\1", "\\\\server\\1", "a\\..\\1", "..", "a/../b"]
)
def test_names_that_lead_out_of_the_archive_are_refused(tmp_path, name):
    found = files_at([zip_of(tmp_path / "a.zip", {name: b"x", "good": b"y"})])
    assert [file.name for file in found.files] == ["a.zip/good"]
    (problem,) = found.problems
    assert problem.reason == "has a name that leads out of the archive"
    assert problem.file.name == "a.zip/" + name.replace("\\", "/")


def test_a_file_that_would_unpack_to_too_much_is_refused_by_its_announced_size(tmp_path, monkeypatch):
    path = zip_of(tmp_path / "a.zip", {"1": bytes(8_000_000), "2": bytes(4_000_000), "3": NOISE})
    assert len(files_at([path]).files) == 3, "small enough, whatever the ratio"
    monkeypatch.setattr(zip_contents, "SMALLEST_BOMB", 5_000_000)
    found = files_at([path])
    assert [file.name for file in found.files] == ["a.zip/2", "a.zip/3"]
    (reason,) = problems(found).values()
    assert re.fullmatch(r"would unpack to 8,000,000 bytes from 7,\d\d\d, as in a ZIP bomb", reason)
    monkeypatch.setattr(zip_contents, "LARGEST_MEMBER", 200_000)
    found = files_at([zip_of(tmp_path / "b.zip", {"2": NOISE, "3": b"x"})])
    assert problems(found) == {"b.zip/2": "would unpack to 300,000 bytes, at most 200,000 are read"}


def test_archives_that_together_would_unpack_to_too_much_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(file_search, "MOST_BYTES", 700_000)
    for name in "abc":
        zip_of(tmp_path / f"{name}.zip", {"1": NOISE})
    found = files_at([tmp_path])
    assert [file.name for file in found.files] == ["a.zip/1", "b.zip/1"]
    reason = "would unpack, with archives before it, to more than 700,000 bytes, as in a ZIP bomb"
    assert problems(found) == {"c.zip": reason}


def test_files_that_share_bytes_are_refused_as_a_bomb(tmp_path):
    # All entries of the table of contents point to the one file there is, as in overlapping ZIP bombs.
    whole = zipped({"1": bytes(10_000)})
    start, end = whole.index(b"PK\x01\x02"), whole.index(b"PK\x05\x06")
    entries = b"".join(whole[start:end].replace(b"1", b"%d" % i) for i in range(2, 9))
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 7, 7, len(entries), start, 0)
    (tmp_path / "a.zip").write_bytes(whole[:start] + entries + last)
    with pytest.raises(DicomError, match=r"^a\.zip: is damaged \(files in it overlap, as in a ZIP bomb\)$"):
        files_at([tmp_path / "a.zip"])


def test_a_file_that_runs_into_the_table_of_contents_is_refused(tmp_path):
    whole = bytearray(zipped({"1": NOISE}, zipfile.ZIP_STORED))
    struct.pack_into("<2L", whole, whole.index(b"PK\x01\x02") + 20, len(NOISE) + 10, len(NOISE) + 10)
    (tmp_path / "a.zip").write_bytes(whole)
    with pytest.raises(DicomError, match=r"^a\.zip: is damaged \(a file in it runs beyond its end\)$"):
        files_at([tmp_path / "a.zip"])


def test_a_bomb_of_archives_in_archives_ends_at_the_limit_of_files(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_FILES", 1000)
    whole = zipped({f"{i}.dcm": bytes(1000) for i in range(10)})
    for _ in range(4):
        whole = zipped({f"{i}.zip": whole for i in range(10)})
    (tmp_path / "bomb.zip").write_bytes(whole)
    with pytest.raises(DicomError, match=r"bomb\.zip: holds more than 1,000 files"):
        files_at([tmp_path / "bomb.zip"])
    assert archives._Unpacked.kept_bytes == 0


@pytest.mark.parametrize("understated", [False, True])
def test_an_archive_with_more_files_than_the_limit_is_refused(tmp_path, monkeypatch, understated):
    monkeypatch.setattr(archives, "MOST_FILES", 20)
    path = zip_of(tmp_path / "a.zip", {str(i): b"x" for i in range(21)})
    if understated:
        whole = bytearray(path.read_bytes())
        struct.pack_into("<2H", whole, len(whole) - 14, 3, 3)
        path.write_bytes(whole)
    with pytest.raises(DicomError, match=r"^a\.zip: holds (21|more than 20) files, "):
        files_at([path])


def test_one_part_of_an_archive_in_several_is_named_as_such(tmp_path):
    whole = bytearray(zipped({"1": TEXT}))
    whole[-18] = 2
    (tmp_path / "a.zip").write_bytes(whole)
    with pytest.raises(DicomError, match=r"^a\.zip: is one part of an archive in several; join them first$"):
        files_at([tmp_path / "a.zip"])


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.7z", "7z"), ("a.rar", "RAR"), ("a.tar", "tar"), ("a.tar.gz", "gzip"), ("a.tar.xz", "xz"), ("a.zip", "7z")],
)
def test_archives_of_other_kinds_are_named(tmp_path, name, kind):
    starts = {"7z": b"7z\xbc\xaf\x27\x1c", "RAR": b"Rar!\x1a\x07\x00", "tar": b"x" * 257 + b"ustar\0"}
    starts |= {"gzip": b"\x1f\x8b\x08", "xz": b"\xfd7zXZ\0"}
    reason = f"is a {kind} archive, which is not read; unpack it first"
    (tmp_path / name).write_bytes(starts[kind] + bytes(1000))
    with pytest.raises(DicomError, match=f"^{name}: {reason}$"):
        load_scan(tmp_path / name)
    assert problems(files_at([tmp_path])) == {name: reason}
    path = zip_of(tmp_path / "outer.zip", {name: (tmp_path / name).read_bytes()})
    assert problems(files_at([tmp_path / "outer.zip", path])) == {f"outer.zip/{name}": reason}


def test_a_picture_that_is_called_an_archive_is_read(tmp_path, hu):
    (path, *_) = write_series(tmp_path, hu[:1])
    path.rename(tmp_path / "1.zip")
    assert [file.name for file in files_at([tmp_path / "1.zip"]).files] == ["1.zip"]


def test_an_archive_changed_at_random_never_fails_in_another_way(tmp_path):
    whole = zipped({"1": TEXT[:2000], "folder/2": NOISE[:500], "b.zip": zipped({"3": TEXT[:500]})})
    rng = random.Random(2)
    messages = []
    path = tmp_path / "a.zip"
    for _ in range(200):
        changed = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            near_end = rng.random() < 0.7
            changed[rng.randrange(len(whole) - 300 if near_end else 0, len(whole))] = rng.choice([0, 1, 255, 80])
        path.write_bytes(changed)
        try:
            for file in files_at([path]).files:
                file.start(100)
                assert content(file) == read(file, 1 << 20)
        except DicomError as error:
            messages.append(str(error))
    assert all(message.isprintable() for message in messages)
    assert 50 < len(messages) < 200
    assert archives._Unpacked.kept_bytes == 0
