"""Tools on the real window: pointed at with the mouse, taken with keys, kept in the record."""

from __future__ import annotations

import csv

import pytest
from PySide6.QtCore import QPoint, Qt

from app import dialogs
from app.session import Layout
from app.view_commands import next_frame
from ihd_core.measurements import Tool, in_words
from ihd_core.study.journal import check


def point(view, row, column):
    place = view.image_point(row, column)
    return QPoint(round(place.x()), round(place.y()))


@pytest.fixture
def click(qtbot):
    def at(window, *places, view=None):
        view = view or window.parts.slice_view
        for row, column in places:
            qtbot.mouseMove(view, point(view, row, column))
            qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=point(view, row, column))

    return at


PLACES = ((10, 10), (20, 14), (13, 18))


@pytest.mark.parametrize(
    ("key", "tool"),
    [("L", Tool.LENGTH), ("Shift+L", Tool.ANGLE), ("P", Tool.PROBE), ("E", Tool.ELLIPSE), ("Shift+E", Tool.RECTANGLE),
     ("Alt+S", Tool.SHIFT), ("Alt+T", Tool.THICKNESS), ("Alt+C", Tool.CLOT)],
)  # fmt: skip
def test_every_tool_is_taken_by_its_key_and_leaves_a_measurement(read_window, press, rows, click, key, tool):
    window = read_window()
    window_of_hu = window.shown.window
    press(window, "Home", "Down", key)
    assert window.shown.tool is tool
    click(window, *PLACES[: len(tool.points)])
    (made,) = window.shown.measurements.values()
    assert (made.tool, made.slice_index, made.points) == (tool, 1, PLACES[: len(tool.points)])
    assert window.shown.window == window_of_hu
    (row,) = rows("measurement")
    assert (row["value"], row["slice_index"], row["slice_uid"]) == (tool, "1", window.shown.scan.slice_uids[1])
    assert row["comment"].lstrip("'") == in_words(window.shown.scan, made)
    assert window.shown.tool is tool, "the tool goes on"
    press(window, "Esc")
    assert window.shown.tool is None


def test_a_drag_measures_too_and_does_not_change_the_window(read_window, press, qtbot):
    window = read_window()
    press(window, "L")
    view, before = window.parts.slice_view, window.shown.window
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=point(view, 5, 5))
    qtbot.mouseMove(view, point(view, 15, 9))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=point(view, 15, 9))
    (made,) = window.shown.measurements.values()
    assert made.points == ((5, 5), (15, 9))
    assert window.shown.window == before


@pytest.mark.parametrize("keys", [("Ctrl+Shift+H",), ("Ctrl+Shift+V",), ("R",), ("R", "Ctrl+Shift+H")])
def test_points_are_those_of_the_stored_slice_however_it_is_turned(read_window, press, click, keys):
    window = read_window()
    press(window, *keys, "P")
    rows, columns = window.shown.scan.hu.shape[1:]
    click(window, (4, 6))
    (made,) = window.shown.measurements.values()
    stored = {
        ("Ctrl+Shift+H",): (4, columns - 1 - 6),
        ("Ctrl+Shift+V",): (rows - 1 - 4, 6),
        ("R",): (rows - 1 - 6, 4),
        ("R", "Ctrl+Shift+H"): (columns - 1 - (columns - 1 - 6), 4),
    }[keys]
    assert made.points == (stored,)
    mark = window.parts.slice_view._picture.marks[-1]
    assert mark.lines[-1][-1] == pytest.approx((4, 6))


def test_measurements_come_back_with_the_scan_and_stay_with_their_reader(read_window, press, click, study):
    window = read_window()
    press(window, "L")
    click(window, (10, 10), (20, 14))
    press(window, "K")
    made, index = dict(window.shown.measurements), window.shown.slice_index
    assert list(window.shown.key_images) == [index]
    journal = window.recorder.path
    window.close()
    again = read_window(journal=journal)
    assert again.shown.measurements == made
    assert list(again.shown.key_images) == [index]
    assert check(journal).problems == ()


def test_undo_takes_the_last_point_first_then_the_last_answer(read_window, press, click, rows):
    window = read_window()
    press(window, "L")
    click(window, (10, 10), (20, 14), (5, 5))
    assert window.shown.points == ((5, 5),)
    press(window, "Ctrl+Z")
    assert (window.shown.points, len(window.shown.measurements)) == ((), 1)
    press(window, "Ctrl+Z")
    assert window.shown.measurements == {}
    assert "length" in window.statusBar().currentMessage()
    assert [row["event"] for row in rows()] == ["measurement", "undo"]


def test_the_measurement_under_the_pointer_is_deleted_and_no_other(read_window, press, click, qtbot):
    window = read_window()
    press(window, "P")
    click(window, (4, 4), (20, 20))
    view = window.parts.slice_view
    qtbot.mouseMove(view, point(view, 5, 4))
    press(window, "Del")
    (left,) = window.shown.measurements.values()
    assert left.points == ((20, 20),)
    press(window, "Down", "Del")
    assert len(window.shown.measurements) == 1, "it is on another slice"


def test_a_key_image_says_so_and_is_taken_back_by_the_same_key(read_window, press):
    window = read_window()
    press(window, "K")
    assert "Key image" in [badge.text for badge in window.parts.slice_view._picture.badges]
    press(window, "K")
    assert window.shown.key_images == {}


def test_another_slice_forgets_points_and_shows_only_its_own_marks(read_window, press, click):
    window = read_window()
    press(window, "Home", "L")
    click(window, (10, 10), (20, 14), (5, 5))
    press(window, "Down")
    assert window.shown.points == ()
    assert window.parts.slice_view._picture.marks == ()
    press(window, "Up")
    assert len(window.parts.slice_view._picture.marks) == 1


def test_cine_takes_no_point_along_to_the_next_slice(read_window, press, click):
    window = read_window()
    press(window, "Home", "L")
    click(window, (10, 10))
    assert window.shown.points
    assert next_frame(window.shown).points == ()


def test_nothing_is_measured_on_a_slab_or_across_the_slices(read_window, press, click):
    window = read_window()
    press(window, "P", "Ctrl+Up")
    click(window, (4, 4))
    assert "slab" in window.statusBar().currentMessage()
    press(window, "Ctrl+Down", "Shift+V")
    assert window.shown.layout is Layout.PLANES
    click(window, (4, 4), view=window.parts.grid.views[1])
    assert window.shown.measurements == {}


def test_the_volume_of_a_clot_stands_on_the_picture_and_in_the_table(read_window, press, click, tmp_path, monkeypatch):
    window = read_window()
    press(window, "Home", "Alt+C")
    click(window, (10, 15), (20, 15), (15, 18))
    assert any("ABC/2" in line for line in window.parts.slice_view._picture.bottom_left)
    monkeypatch.setattr(dialogs, "choose_table", lambda *_: tmp_path / "out.csv")
    window.actions_by_name["save_measurements"].trigger()
    table = list(csv.DictReader((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()))
    mm = 3.5
    expected = (10 * mm) * (6 * mm) * 5 / 2000
    (volume,) = (row for row in table if row["quantity"] == "ABC/2")
    assert float(volume["value"]) == pytest.approx(expected, abs=0.006)


def test_a_key_in_the_comment_takes_no_tool(read_window, press, qtbot):
    from PySide6.QtWidgets import QLineEdit

    window = read_window()
    press(window, "M")
    field = window.findChild(QLineEdit, "opinion_comment")
    qtbot.keyClicks(field, "LEPK")
    qtbot.keyClick(field, Qt.Key.Key_Delete)
    assert field.text() == "LEPK"
    assert (window.shown.tool, window.shown.key_images) == (None, {})
