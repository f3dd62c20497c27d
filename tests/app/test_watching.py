"""Scans that arrive in a watched folder."""

from __future__ import annotations

import shutil

import pytest

from app.session import Session
from app.watching import Watching


@pytest.fixture
def watching(qapp):
    made = Watching(Session())
    made._timer.setInterval(10**6)  # looks when it is told to
    made.said = []
    made.told.connect(made.said.append)
    yield made
    made.shut_down()


def look(watching, qtbot, times=2):
    for _ in range(times):
        qtbot.waitUntil(lambda: not watching._looking.running)
        watching.look()
        qtbot.waitUntil(lambda: not watching._looking.running)


def test_a_scan_appears_once_nothing_of_it_changes(watching, qtbot, study, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    watching.watch(folder)
    look(watching, qtbot)
    assert watching._session.shown.series == ()
    files = sorted(study.one.iterdir())
    for file in files[:6]:
        shutil.copy(file, folder)
    look(watching, qtbot, 1)
    for file in files[6:]:
        shutil.copy(file, folder)
    look(watching, qtbot, 1)
    assert watching._session.shown.series == (), "it was still growing"
    look(watching, qtbot, 1)
    (series,) = watching._session.shown.series
    assert series.slice_count == len(files)
    look(watching, qtbot)
    assert watching.said == ["Arrived in the watched folder: 1 new series"]


def test_what_is_open_stays_open_and_slices_that_come_later_are_told(watching, qtbot, study, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(study.two, folder / "b")
    last = sorted((folder / "b").iterdir())[-1]
    kept = last.read_bytes()
    last.unlink()
    arrived = []
    watching.first_arrived.connect(lambda: arrived.append(1))
    watching.watch(folder)
    look(watching, qtbot)
    session = watching._session
    session.show(current=0)
    opened = session.shown.open_series
    shutil.copytree(study.one, folder / "a")
    look(watching, qtbot)
    assert {series.uid for series in session.shown.series} == {"1.2.3.1.1", "1.2.3.2.1"}
    assert session.shown.open_series is opened
    last.write_bytes(kept)
    look(watching, qtbot)
    assert session.shown.open_series.slice_count == opened.slice_count + 1
    assert watching.said[-1].endswith("1 series with more slices, to be opened again")
    assert arrived == [1]


def test_a_folder_that_is_gone_is_told_once_and_looked_at_again(watching, qtbot, study, tmp_path):
    folder = tmp_path / "in"
    watching.watch(folder)
    look(watching, qtbot, 3)
    assert len(watching.said) == 1
    assert str(folder) in watching.said[0]
    shutil.copytree(study.one, folder)
    look(watching, qtbot)
    assert len(watching._session.shown.series) == 1


def test_files_that_are_no_scan_disturb_nobody(watching, qtbot, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    watching.watch(tmp_path)
    look(watching, qtbot, 3)
    assert (watching.said, watching._session.shown.series) == ([], ())


def test_the_first_scan_of_a_watched_folder_is_opened(open_window, wait_settled, qtbot, study, toy_folder):
    window = open_window()
    window.second_opinion.use_model(toy_folder)
    window.watching._timer.setInterval(10)
    window.watching.watch(study.one)
    qtbot.waitUntil(lambda: window.shown.prediction is not None, timeout=20_000)
    assert window.shown.scan.uid == "1.2.3.1.1"
