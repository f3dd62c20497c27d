"""Keys and gestures at random: no exception, a whole record, and no growth of memory."""

from __future__ import annotations

import gc
import os
import random
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QKeySequence, QWheelEvent
from PySide6.QtWidgets import QApplication, QDialog

from app.commands import COMMANDS
from ihd_core.study.journal import check

ASK = {
    "open_folder", "open_files", "choose_model", "save_picture", "save_sheets", "save_measurements", "quit",
    "switch_reader", "full_screen", "watch_folder",
}  # fmt: skip
"""Commands that wait for a dialog of the system, or end the session."""
KEYS = sorted({key for command in COMMANDS if command.name not in ASK for key in command.keys} | {"Space", "Tab", "X"})
BUTTONS = (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton)
GROWTH_BYTES = 300_000_000
"""Of the process, from a tenth of the way on: caches are full by then."""


def resident_bytes():
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def anything(window, chance, qtbot):
    """One random event."""
    views = [view for view in window.parts.grid.views if view.isVisible()]
    view = chance.choice(views or [window.parts.slice_view])
    places = [QPoint(chance.randrange(view.width()), chance.randrange(view.height())) for _ in range(2)]
    kind = chance.random()
    if kind < 0.6:
        combination = QKeySequence(chance.choice(KEYS))[0]
        target = QApplication.focusWidget() or window
        qtbot.keyClick(target, combination.key(), combination.keyboardModifiers())
    elif kind < 0.7:
        turn = QPoint(0, chance.choice([-240, -120, 120, 240]))
        held = chance.choice([Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier])
        at = QPointF(places[0])
        buttons, phase = Qt.MouseButton.NoButton, Qt.ScrollPhase.NoScrollPhase
        wheel = QWheelEvent(at, QPointF(view.mapToGlobal(places[0])), QPoint(), turn, buttons, held, phase, False)
        QApplication.sendEvent(view, wheel)
    elif kind < 0.95:
        button = chance.choice(BUTTONS)
        qtbot.mousePress(view, button, pos=places[0])
        qtbot.mouseMove(view, places[1])
        qtbot.mouseRelease(view, button, pos=places[1] if chance.random() < 0.6 else places[0])
    else:
        qtbot.mouseDClick(view, Qt.MouseButton.LeftButton, pos=places[0])


def play(window, events, seed, qtbot):
    chance, early = random.Random(seed), 0
    for number in range(events):
        anything(window, chance, qtbot)
        if number % 20 == 0:
            QApplication.processEvents()
            for widget in QApplication.topLevelWidgets():
                if isinstance(widget, QDialog):
                    widget.close()
        if number == events // 10:
            gc.collect()
            early = resident_bytes()
    gc.collect()
    return resident_bytes() - early


@pytest.mark.parametrize("seed", [1, 2])
def test_some_hundred_events_at_random(read_window, wait_settled, qtbot, seed, tmp_path):
    window = read_window(mode="triage")
    play(window, 400, seed, qtbot)
    wait_settled(window)
    assert window.shown.scan is not None
    if (tmp_path / "journal.csv").exists():
        assert check(tmp_path / "journal.csv").problems == ()


@pytest.mark.soak
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is measured on Linux only")
def test_twenty_thousand_events_at_random(read_window, wait_settled, qtbot, tmp_path):
    window = read_window(mode="triage")
    grown = play(window, 20_000, 3, qtbot)
    wait_settled(window)
    assert grown < GROWTH_BYTES
    assert check(tmp_path / "journal.csv").problems == ()
