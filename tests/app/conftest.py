"""A real window, a small model with random weights and small series of known HU."""

from __future__ import annotations

import csv
import os
import sys
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication

from app import places, second_opinion
from app.main_window import MainWindow
from app.program import make_application
from app.settings import Settings
from ihd_core.model_file import load_model, save_model
from ihd_core.phantom.series_writer import write_series
from tests.ihd_core.toy import toy_hu, toy_info, toy_networks

if TYPE_CHECKING:
    from pathlib import Path

SLICES = 14
# Read when torch is first imported: threads that spin while they wait make each other slow on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


_load_once = cache(load_model)


@pytest.fixture(scope="session")
def qapp():
    application = make_application()
    # Outside of exec() a quit would end every later wait of the tests at once: Qt starts no event loop after it.
    application.setQuitOnLastWindowClosed(False)
    return application


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory) -> Path:
    """A model folder whose model says something of every scan, quickly."""
    folder = tmp_path_factory.mktemp("models") / "toy"
    save_model(folder, toy_info(), **toy_networks(), card="# Toy")
    return folder


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> SimpleNamespace:
    """A folder with two patients: a scan of 14 slices and one of 8, and a text file."""
    folder = tmp_path_factory.mktemp("studies")
    hu = toy_hu(SLICES)
    identity = {"PatientName": "Doe^Jo", "PatientID": "P1", "StudyDate": "20200131", "StudyInstanceUID": "1.2.3.1"}
    write_series(
        folder / "one", hu, spacing_mm=(5.0, 3.5, 3.5), series_uid="1.2.3.1.1", tags={**identity, "KVP": "120"}
    )
    identity = {"PatientName": "Roe^Ri", "PatientID": "P2", "StudyDate": "20200201", "StudyInstanceUID": "1.2.3.2"}
    other = toy_hu(8, seed=1)
    write_series(folder / "two", other, spacing_mm=(5.0, 3.5, 3.5), series_uid="1.2.3.2.1", tags=identity)
    (folder / "notes.txt").write_text("nothing", encoding="utf-8")
    return SimpleNamespace(folder=folder, one=folder / "one", two=folder / "two", hu=hu)


@pytest.fixture
def unexpected(monkeypatch):
    """Exceptions that reached the event loop; the test fails when there is one."""
    caught: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: caught.append(error))
    yield caught
    assert caught == []


@pytest.fixture
def open_window(qtbot, tmp_path, unexpected, monkeypatch):
    """open_window(**settings) is an active window of its own record; it is closed with the test."""
    monkeypatch.setattr(places, "predictions_folder", lambda: tmp_path / "predictions")
    monkeypatch.setattr(places, "positions_file", lambda: tmp_path / "positions.json")
    monkeypatch.setattr(places, "settings_file", lambda: tmp_path / "settings.json")
    made: list[MainWindow] = []

    def make(*, journal: Path | None = None, reader: str = "R1", **settings: object) -> MainWindow:
        path = journal or tmp_path / "journal.csv"
        window = MainWindow(Settings(**settings), journal=path, reader=reader, engine="torch fp32")
        made.append(window)
        window.resize(1366, 768)
        window.show()
        window.activateWindow()
        with qtbot.waitActive(window):
            pass
        return window

    yield make
    for window in made:
        window.shut_down()
        window.hide()
        window.deleteLater()


@pytest.fixture
def wait_settled(qtbot):
    """Wait until nothing runs beside the window."""

    def wait(window: MainWindow) -> None:
        qtbot.waitUntil(lambda: not window.busy, timeout=20_000)

    return wait


@pytest.fixture
def read_window(open_window, wait_settled, study, toy_folder, monkeypatch):
    """A window with the first scan read and predicted; the model is loaded once for all of them."""
    monkeypatch.setattr(second_opinion, "load_model", _load_once)

    def make(**options: object) -> MainWindow:
        window = open_window(**options)
        window.second_opinion.use_model(toy_folder)
        window.open_paths([study.one])
        wait_settled(window)
        assert window.shown.prediction is not None, window.parts.notice.text
        return window

    return make


@pytest.fixture
def press(qtbot):
    """press(window, "Ctrl+1", "L") sends the keys to whatever has the focus."""

    def send(window, *keys: str) -> None:
        for key in keys:
            combination = QKeySequence(key)[0]
            qtbot.keyClick(QApplication.focusWidget() or window, combination.key(), combination.keyboardModifiers())

    return send


@pytest.fixture
def rows(tmp_path):
    """rows("rating") are the rows of the test's own record, of one event or of all."""

    def read(event: str = "") -> list[dict[str, str]]:
        with (tmp_path / "journal.csv").open(newline="", encoding="utf-8") as file:
            return [row for row in csv.DictReader(file) if event in ("", row["event"])]

    return read
