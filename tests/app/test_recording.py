"""The record, from the keys a reader presses to the rows on disk and back to the screen."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton

from ihd_core.heatmaps.explain import Kind
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.scan import ScanWarning
from ihd_core.study.journal import check
from ihd_core.study.opinion import Call
from ihd_core.study.rating import RatingValue


def text_of(window, name):
    return window.findChild(QLabel, name).text()


def test_an_opinion_by_keys_lands_in_the_record_and_reveals_the_results(read_window, press, rows):
    window = read_window()
    assert not window.shown.results_visible
    press(window, "Ctrl+6", "]", "Ctrl+7", "Ctrl+Return")
    assert window.shown.results_visible
    recorded = {row["label"]: (row["value"], row["suspicion"]) for row in rows("opinion")}
    assert list(recorded) == list(DISPLAY_ORDER)
    assert recorded["subdural"] == ("yes", "100")
    assert recorded["any"] == ("yes", "100")
    assert recorded["epidural"] == ("no", "10")
    first = rows("opinion")[0]
    assert (first["reader"], first["scan_uid"], first["mode"]) == ("R1", "1.2.3.1.1", "second reader")
    assert (first["ai_visible"], first["ai_visible_seconds"]) == ("0", "0.000")
    assert float(first["seconds"]) > 0
    assert (first["model"], first["model_sha256"]) == ("toy", window.shown.model.sha256)
    assert "Saved" in text_of(window, "opinion_state")


def test_an_opinion_after_the_results_says_so_and_for_how_long(read_window, press, rows, qtbot):
    window = read_window()
    press(window, "F9")
    qtbot.wait(30)
    press(window, "Ctrl+1", "Ctrl+Return")
    assert [row["event"] for row in rows()] == ["show_ai", *["opinion"] * 6]
    assert rows("show_ai")[0]["ai_visible"] == "0"
    assert rows("opinion")[0]["ai_visible"] == "1"
    assert 0.03 <= float(rows("opinion")[0]["ai_visible_seconds"]) < 10


def test_the_comment_is_recorded_as_it_was_typed(read_window, press, rows, qtbot):
    window = read_window()
    press(window, "M")
    qtbot.keyClicks(window.findChild(QLineEdit, "opinion_comment"), "=SAD, left; 3 mm")
    press(window, "Ctrl+Return")
    assert [row["comment"] for row in rows("comment")] == ["'=SAD, left; 3 mm"]
    assert window.shown.saved_opinion.comment == "=SAD, left; 3 mm"


def test_nothing_is_recorded_without_an_answer_or_with_a_contradiction(read_window, press, rows):
    window = read_window()
    press(window, "Ctrl+Return")
    assert "Ctrl+1" in window.statusBar().currentMessage()
    press(window, "Ctrl+6", "Ctrl+1", "Ctrl+Return")
    assert "Any is no" in window.statusBar().currentMessage()
    assert rows() == []
    assert not window.shown.results_visible


@pytest.mark.parametrize(("key", "value"), [("A", "correct"), ("S", "partially correct"), ("D", "incorrect")])
def test_one_key_rates_the_heatmap_on_the_screen(read_window, press, rows, key, value):
    window = read_window(mode="triage")
    press(window, "Alt+3", "Home", "Down", key)
    (row,) = rows("rating")
    assert (row["label"], row["value"], row["slice_index"]) == ("intraparenchymal", value, "1")
    assert row["slice_uid"] == window.shown.scan.slice_uids[1]
    assert (row["mode"], row["ai_visible"], row["method"], row["views"]) == ("triage", "1", "grad-cam-cnn", "1")
    assert float(row["seconds"]) > 0
    assert value.split()[0] in text_of(window, "rating_counts")


def test_a_rating_by_button_is_the_same(read_window, rows, qtbot):
    from PySide6.QtCore import Qt

    window = read_window(mode="triage")
    window.session.show(heatmap_label=Label.SUBDURAL)
    qtbot.mouseClick(window.findChild(QPushButton, "rating_partially_correct"), Qt.MouseButton.LeftButton)
    assert [row["value"] for row in rows("rating")] == ["partially correct"]


def test_an_opinion_that_is_saved_is_not_recorded_again(read_window, press, rows):
    window = read_window()
    press(window, "Ctrl+1", "Ctrl+7", "Ctrl+Return", "Ctrl+Return")
    assert len(rows("opinion")) == 6
    assert window.statusBar().currentMessage() == "Saved already"


def test_what_is_not_on_the_screen_is_not_rated(read_window, press, rows):
    window = read_window()
    press(window, "A")
    press(window, "F9", "Alt+2", "G", "A")
    press(window, "G", "T", "A")
    assert rows("rating") == []


def test_reopening_the_scan_shows_what_was_recorded(read_window, press, rows):
    window = read_window()
    press(window, "Ctrl+3", "Ctrl+7", "Ctrl+Return", "Alt+3", "Home", "A", "Down", "D")
    window.shut_down()
    again = read_window()
    assert again.shown.results_visible
    assert again.shown.opinion.calls[Label.INTRAPARENCHYMAL] == Call(True, 90)
    assert again.shown.opinion == again.shown.saved_opinion
    assert dict(again.shown.ratings) == {
        (0, Label.INTRAPARENCHYMAL, Kind.CNN): RatingValue.CORRECT,
        (1, Label.INTRAPARENCHYMAL, Kind.CNN): RatingValue.INCORRECT,
    }
    assert "Saved" in text_of(again, "opinion_state")


def test_an_answer_in_a_later_session_still_says_that_the_results_were_seen(read_window, press, rows):
    window = read_window()
    press(window, "F9")
    window.shut_down()
    again = read_window()
    assert not again.shown.results_visible
    press(again, "Ctrl+1", "Ctrl+Return")
    assert rows("opinion")[0]["ai_visible"] == "1"


def test_undo_takes_back_the_newest_record_and_deletes_nothing(read_window, press, rows):
    window = read_window()
    press(window, "Ctrl+1", "Ctrl+Return", "Alt+2", "A", "Ctrl+Z")
    assert dict(window.shown.ratings) == {}
    assert "rating correct of EDH" in window.statusBar().currentMessage()
    press(window, "Ctrl+Z")
    assert window.shown.saved_opinion is None
    assert window.shown.opinion.calls[Label.ANY].call is True
    assert "Not saved" in text_of(window, "opinion_state")
    press(window, "Ctrl+Z")
    assert "Nothing" in window.statusBar().currentMessage()
    assert [row["event"] for row in rows()] == [*["opinion"] * 6, "rating", "undo", "undo"]


def test_an_opinion_that_is_not_saved_waits_for_its_scan(open_window, wait_settled, study, toy_folder, press, rows):
    window = open_window()
    window.second_opinion.use_model(toy_folder)
    window.open_paths([study.folder])
    wait_settled(window)
    press(window, "Ctrl+6", "PgDown")
    wait_settled(window)
    assert window.shown.opinion.answered == ()
    press(window, "PgUp")
    wait_settled(window)
    assert window.shown.opinion.calls[Label.SUBDURAL].call is True
    assert rows() == []


def test_the_window_asks_once_before_it_drops_an_opinion(read_window, press):
    window = read_window()
    press(window, "Ctrl+6")
    assert not window.close()
    assert "not saved" in window.parts.notice.text
    assert window.isVisible()
    assert window.close()


def test_another_reader_sees_only_the_own_record(read_window, press, tmp_path, monkeypatch):
    window = read_window()
    window.recorder._fixed_path = None
    monkeypatch.setenv("IHD_HOME", str(tmp_path / "home"))
    window.change_reader("R1")
    press(window, "Ctrl+1", "Ctrl+Return")
    window.change_reader("R2")
    assert (window.shown.saved_opinion, window.shown.results_visible) == (None, False)
    assert "R2" in window.parts.reader.text()
    press(window, "Ctrl+2", "Ctrl+Return")
    window.change_reader("R1")
    assert window.shown.saved_opinion.calls[Label.EPIDURAL].call is None
    files = sorted((tmp_path / "home" / "records").glob("*.csv"))
    assert len(files) == 2
    for path in files:
        assert check(path).problems == ()


def test_a_record_that_cannot_be_written_loses_nothing_and_can_be_tried_again(
    open_window, wait_settled, study, toy_folder, press, tmp_path
):
    blocker = tmp_path / "folder"
    blocker.write_text("a file where a folder should be", encoding="utf-8")
    window = open_window(journal=blocker / "journal.csv")
    window.second_opinion.use_model(toy_folder)
    window.open_paths([study.one])
    wait_settled(window)
    press(window, "Ctrl+6", "Ctrl+Return")
    assert str(blocker) in window.parts.notice.text
    assert "\n" not in window.parts.notice.text
    assert window.shown.saved_opinion is None
    assert window.shown.opinion.calls[Label.SUBDURAL].call is True
    assert "Not saved" in text_of(window, "opinion_state")
    blocker.unlink()
    window.findChild(QPushButton, "notice_retry").click()
    assert window.shown.saved_opinion == window.shown.opinion
    assert (blocker / "journal.csv").read_text(encoding="utf-8").count("\n") == 1 + len(DISPLAY_ORDER)


def test_a_full_disk_keeps_the_answer_on_the_screen(read_window, press, rows, monkeypatch):
    import errno

    window = read_window(mode="triage")
    window.session.show(heatmap_label=Label.SUBDURAL)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        press(window, "A")
    assert "No space left" in window.parts.notice.text
    assert "journal.csv" in window.parts.notice.text
    assert dict(window.shown.ratings) == {}
    press(window, "Down")
    window.findChild(QPushButton, "notice_retry").click()
    (row,) = rows("rating")
    assert int(row["slice_index"]) == window.shown.slice_index - 1


def test_ratings_of_another_models_heatmaps_are_not_shown_as_this_ones(read_window, press):
    window = read_window(mode="triage")
    press(window, "Alt+2", "A")
    prediction = window.shown.prediction
    other = replace(prediction.model, sha256="f" * 64)
    window.session.show(prediction=replace(prediction, model=other), ratings={})
    window.recorder.restore_ratings()
    assert dict(window.shown.ratings) == {}


def test_without_a_name_the_record_says_anonymous(read_window, press, rows):
    window = read_window(reader="")
    press(window, "Ctrl+1", "Ctrl+Return")
    assert {row["reader"] for row in rows()} == {"anonymous"}


def test_the_warnings_of_the_prediction_are_in_the_record_even_where_they_are_not_on_the_screen(
    read_window, press, rows
):
    window = read_window()
    warnings = (ScanWarning("gantry-tilt", "Tilted."), ScanWarning("seen-in-training", "Seen."))
    window.session.show(prediction=replace(window.shown.prediction, warnings=warnings))
    assert not window.shown.results_visible
    press(window, "Ctrl+6", "Ctrl+Return")
    assert {row["warnings"].split() == ["gantry-tilt", "seen-in-training"] for row in rows("opinion")} == {True}


def test_a_thousand_slices_that_could_not_be_read_still_let_an_opinion_be_recorded(read_window, press, rows):
    window = read_window()
    warnings = tuple(ScanWarning("unreadable-slice", f"Slice {number}.") for number in range(2000))
    window.session.show(scan=replace(window.shown.scan, warnings=warnings), prediction=None)
    press(window, "Ctrl+6", "Ctrl+Return")
    assert {row["warnings"] for row in rows("opinion")} == {"unreadable-slice"}


def test_a_rating_names_the_kind_of_heatmap_and_counts_for_that_alone(read_window, press, rows, qtbot):
    window = read_window(mode="triage")
    window.session.show(prediction=replace(window.shown.prediction, scan=np.ones(6, np.float32)))
    qtbot.waitUntil(lambda: not window.busy, timeout=30_000)
    press(window, "Alt+3", "Home", "A", "B", "D")
    assert [(row["method"], row["value"], row["previous"]) for row in rows("rating")] == [
        ("grad-cam-cnn", "correct", ""), ("grad-cam-result-slice", "incorrect", ""),
    ]  # fmt: skip
    place = 0, Label.INTRAPARENCHYMAL
    assert dict(window.shown.ratings) == {
        (*place, Kind.CNN): RatingValue.CORRECT, (*place, Kind.RESULT_SLICE): RatingValue.INCORRECT,
    }  # fmt: skip
    assert float(rows("rating")[1]["seconds"]) > 0


def test_the_engine_is_in_the_record(read_window, press, rows):
    window = read_window(mode="triage")
    press(window, "Alt+3", "Home", "A")
    assert [row["engine"] for row in rows("rating")] == [window.shown.prediction.engine] == ["torch fp32"]


def test_a_rating_names_a_window_and_an_opacity_only_where_there_was_one(read_window, press, rows):
    window = read_window(mode="triage")
    press(window, "Alt+3", "2", "A", "V", "A")
    window.session.show(enlarged=2)
    press(window, "Shift+G", "A")
    found = [tuple(row[name] for name in ("window_center", "window_width", "opacity")) for row in rows("rating")]
    assert [tuple(float(text) if text else None for text in one) for one in found] == [
        (80, 200, 0.5), (None, None, 0.5), (40, 380, None),
    ]  # fmt: skip
