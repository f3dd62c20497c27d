"""Starting the window, and the picture it leaves without a person."""

from __future__ import annotations

import logging
import sys

import cv2
import numpy as np
import pytest
from PySide6.QtGui import QFontInfo, QGuiApplication
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QPushButton

from app import places, program
from app.error_dialog import BugDialog, catch_unexpected, show_bug
from app.program import WindowOptions, make_window, run_window
from app.session import Mode
from app.settings import Settings, read_settings, write_settings
from ihd_core.labels import Label


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch, qapp):
    """A data folder of its own, and the log and the hook as they were."""
    monkeypatch.setenv("IHD_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    handlers = list(logging.getLogger().handlers)
    yield
    for handler in logging.getLogger().handlers:
        if handler not in handlers:
            handler.close()
    logging.getLogger().handlers[:] = handlers


def picture_of(path):
    return cv2.imread(str(path), cv2.IMREAD_COLOR)


def test_the_picture_shows_the_results_and_its_place_is_told(study, toy_folder, tmp_path, capsys):
    options = WindowOptions(paths=(study.one,), model=toy_folder, screenshot=tmp_path / "out.png")
    assert run_window(options) == 0
    assert str(tmp_path / "out.png") in capsys.readouterr().out
    assert picture_of(tmp_path / "out.png").shape == (1000, 1600, 3)


def test_two_pictures_of_the_same_are_equal(study, toy_folder, tmp_path):
    for name in ("a.png", "b.png"):
        run_window(WindowOptions(paths=(study.one,), model=toy_folder, screenshot=tmp_path / name))
    first, second = picture_of(tmp_path / "a.png"), picture_of(tmp_path / "b.png")
    assert np.array_equal(first, second)


def test_a_picture_in_second_reader_mode_shows_no_result(study, toy_folder, tmp_path):
    options = WindowOptions(paths=(study.one,), model=toy_folder, screenshot=tmp_path / "out.png", mode="second-reader")
    assert run_window(options) == 0
    run_window(WindowOptions(paths=(study.one,), model=toy_folder, screenshot=tmp_path / "shown.png"))
    assert not np.array_equal(picture_of(tmp_path / "out.png"), picture_of(tmp_path / "shown.png"))


def test_a_picture_takes_no_record_and_leaves_no_settings(study, toy_folder, tmp_path):
    write_settings(places.settings_file(), Settings(reader="R1"))
    before = places.settings_file().read_bytes()
    run_window(WindowOptions(paths=(study.one,), model=toy_folder, screenshot=tmp_path / "out.png"))
    assert not (places.data_folder() / "records").exists()
    assert places.settings_file().read_bytes() == before


@pytest.mark.parametrize("missing", ["scan", "model"])
def test_what_fails_is_one_line_and_status_2(study, toy_folder, tmp_path, capsys, missing):
    paths = (tmp_path / "nowhere",) if missing == "scan" else (study.one,)
    model = toy_folder if missing == "scan" else tmp_path / "nowhere"
    assert run_window(WindowOptions(paths=paths, model=model, screenshot=tmp_path / "out.png")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ihd: ")
    assert "nowhere" in line
    assert (tmp_path / "out.png").exists() == (missing == "model")


def test_a_picture_that_cannot_be_written_is_status_2(study, toy_folder, tmp_path, capsys):
    options = WindowOptions(paths=(study.one,), model=toy_folder, screenshot=tmp_path / "no" / "out.png")
    assert run_window(options) == 2
    assert "no" in capsys.readouterr().err


def test_the_picture_goes_to_the_most_suspicious_slice(read_window):
    from app.screenshot import to_most_suspicious_slice

    window = read_window(mode="triage")
    prediction = window.shown.prediction
    to_most_suspicious_slice(window)
    strongest = max(window.shown.detected, key=lambda label: prediction.scan[label.column], default=Label.ANY)
    assert window.shown.slice_index == prediction.of(strongest).argmax()


def test_the_window_starts_as_it_was_left(qtbot):
    write_settings(places.settings_file(), Settings(reader="R3", mode="triage", operating_point="confirm", opacity=0.3))
    window = make_window(WindowOptions())
    shown = window.shown
    assert (shown.reader, shown.mode, shown.setting, shown.opacity) == ("R3", Mode.TRIAGE, "confirm", 0.3)
    window.shut_down()
    window.deleteLater()


def test_the_command_line_wins_over_what_is_remembered(qtbot):
    write_settings(places.settings_file(), Settings(reader="R3", mode="triage"))
    window = make_window(WindowOptions(reader="R4", mode="second-reader"))
    assert (window.shown.reader, window.shown.mode) == ("R4", Mode.SECOND_READER)
    window.shut_down()
    window.deleteLater()


def test_the_window_ends_by_itself_where_that_is_asked_for(monkeypatch, study, toy_folder):
    monkeypatch.setenv("IHD_QUIT_AFTER_S", "0.2")
    assert run_window(WindowOptions(paths=(study.one,), model=toy_folder, reader="R1")) == 0
    assert places.settings_file().exists()


def test_a_data_folder_that_cannot_be_written_to_does_not_keep_the_window_from_opening(
    monkeypatch, tmp_path, study, toy_folder
):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("IHD_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setenv("IHD_QUIT_AFTER_S", "0.2")
    assert run_window(WindowOptions(paths=(study.one,), model=toy_folder)) == 0


def test_the_programs_own_font_is_used(qapp):
    assert QFontInfo(qapp.font()).family() == program.FONT


def test_a_bug_is_shown_with_a_report_to_copy_and_the_program_goes_on(qtbot, caplog):
    try:
        raise KeyError("what nobody expected")
    except KeyError as error:
        show_bug(error)
        show_bug(error)
    (dialog,) = [w for w in QApplication.topLevelWidgets() if isinstance(w, BugDialog) and w.isVisible()]
    report = dialog.findChild(QPlainTextEdit, "bug_report").toPlainText()
    assert "what nobody expected" in report
    assert "PySide6" in report
    dialog.findChild(QPushButton, "bug_copy").click()
    assert QGuiApplication.clipboard().text() == report
    assert len(caplog.records) == 2
    dialog.close()


def test_what_nobody_caught_reaches_the_dialog(qtbot, caplog, capsys):
    catch_unexpected()
    sys.excepthook(ValueError, ValueError("lost"), None)
    (dialog,) = [w for w in QApplication.topLevelWidgets() if isinstance(w, BugDialog) and w.isVisible()]
    dialog.close()
    assert "lost" in caplog.text


def test_the_reader_is_asked_for_with_the_first_scan_and_not_over_a_failure(
    open_window, wait_settled, study, tmp_path, monkeypatch
):
    asked = []
    monkeypatch.setattr(program.dialogs, "ask_reader", lambda window, name: asked.append(window.shown.scan) or "R7")
    window = open_window(reader="")
    program._ask_reader_once(window, opens=True)
    window.open_paths([tmp_path / "missing"])
    wait_settled(window)
    assert asked == []
    window.open_paths([study.one])
    wait_settled(window)
    window.open_paths([study.two])
    wait_settled(window)
    assert [scan.uid for scan in asked] == ["1.2.3.1.1"]
    assert read_settings(places.settings_file()).reader == "R7"
