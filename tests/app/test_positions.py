"""Where each scan was left."""

from __future__ import annotations

import json

import pytest

from app.positions import MOST, Positions
from app.session import Shown
from app.settings import read_settings
from tests.ihd_core.toy import toy_scan


@pytest.fixture
def file(tmp_path):
    return tmp_path / "data" / "positions.json"


def test_a_scan_is_found_where_it_was_left_and_another_is_not(qapp, file):
    scan, other = toy_scan(slices=9), toy_scan(slices=9, uid="1.2.9")
    positions = Positions(file)
    positions.follow(Shown(scan=scan, slice_index=6))
    positions.stop()
    again = Positions(file)
    assert (again.of(scan), again.of(other)) == (6, None)
    assert again.of(toy_scan(slices=8)) is None, "slices have come or gone"
    assert scan.uid not in file.read_text(encoding="utf-8")


def test_it_is_on_disk_without_being_asked(qapp, file, qtbot, monkeypatch):
    positions = Positions(file)
    positions._timer.setInterval(10)
    positions.follow(Shown(scan=toy_scan(slices=9), slice_index=3))
    qtbot.waitUntil(file.exists)
    assert list(json.loads(file.read_text()).values()) == [[3, 9]]


@pytest.mark.parametrize("content", ["", "[]", '{"a": 3}', '{"a": [1, "x"]}', "\x00"])
def test_what_is_damaged_is_forgotten(qapp, file, content):
    file.parent.mkdir()
    file.write_text(content)
    assert Positions(file).of(toy_scan(slices=3)) is None


def test_only_so_many_are_remembered(qapp, file):
    positions, scans = Positions(file), [toy_scan(slices=2, uid=f"1.{n}") for n in range(MOST + 2)]
    for scan in scans:
        positions.follow(Shown(scan=scan, slice_index=1))
    assert [positions.of(scan) for scan in scans[:3]] == [None, None, 1]


def test_a_folder_that_cannot_be_written_costs_only_the_place(qapp, tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")
    positions = Positions(tmp_path / "data" / "positions.json")
    scan = toy_scan(slices=9)
    positions.follow(Shown(scan=scan, slice_index=6))
    positions.stop()
    assert positions.of(scan) == 6


def test_the_window_comes_back_where_it_was(read_window, press, wait_settled, open_window, study, tmp_path):
    window = read_window()
    press(window, "Home", "Down", "Down")
    kept = read_settings(tmp_path / "settings.json")  # before the window is closed: a crash comes unasked
    assert kept.last_opened == [str(study.one)]
    window.close()
    again = open_window(last_opened=kept.last_opened)
    press(again, "Ctrl+Shift+T")
    wait_settled(again)
    assert again.shown.slice_index == 2
