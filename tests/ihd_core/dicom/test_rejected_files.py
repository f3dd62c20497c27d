from zipfile import ZipFile

import numpy as np
import pytest

from ihd_core.dicom.reader import load_scan
from ihd_core.dicom.series import find_series
from ihd_core.phantom.series_writer import write_series

SAGITTAL = np.array([[0.0, 1, 0], [0, 0, -1], [-1.0, 0, 0]])
LOCALIZER = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}


def left_out(found):
    return {entry.reason: len(entry.files) for entry in found.left_out}


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


def test_many_images_of_one_reason_are_one_sentence(tmp_path, hu):
    write_series(tmp_path, hu, series_uid="1.2.3", tags_per_slice=lambda i: {"Modality": "OT"} if i in {0, 3} else {})
    told = [warning.text for warning in load_scan(tmp_path).warnings if warning.code == "left-out-images"]
    assert told == ["Left out of this series: 001.dcm and 1 more (OT, not CT)"]
