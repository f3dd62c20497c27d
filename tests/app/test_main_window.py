"""The whole window, off screen, with real files, a real model and the keys a reader presses."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, Qt, QUrl
from PySide6.QtGui import QDropEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QLineEdit, QListWidget, QSpinBox, QWidget

from app import dialogs
from app.commands import COMMANDS
from app.session import Mode
from app.values import scan_notes
from app.window_commands import COMMANDS as ACTING
from ihd_core.heatmaps.explain import Kind
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.phantom.series_writer import write_series
from ihd_core.scan import ScanWarning
from ihd_core.windowing import BONE, BRAIN
from tests.ihd_core.toy import CORONAL, toy_hu

REPOSITORY = Path(__file__).resolve().parents[2]
NOTHING = "Nothing above the operating points. This does not exclude hemorrhage"


# Opening


def test_a_folder_is_found_read_and_predicted_and_every_pixel_is_the_files(read_window, study):
    window = read_window()
    assert [series.uid for series in window.shown.series] == ["1.2.3.1.1"]
    assert np.array_equal(window.shown.scan.hu, study.hu)
    assert window.shown.prediction.slices.shape == (len(study.hu), 6)


def test_the_first_slice_is_on_the_screen_before_the_rest_is_read(open_window, wait_settled, study, qtbot):
    window = open_window()
    seen = []
    window.session.changed.connect(lambda new, _old: seen.append((new.preview is not None, new.scan is not None)))
    window.open_paths([study.one])
    wait_settled(window)
    assert seen.index((True, False)) < seen.index((False, True))
    assert window.shown.slice_index == len(study.hu) // 2


def test_neither_reading_nor_predicting_happens_on_the_gui_thread(
    open_window, wait_settled, study, toy_folder, monkeypatch
):
    import ihd_core.dicom.reader
    import ihd_core.predict
    from app import second_opinion

    threads = {}

    def spied(name, original):
        def spy(*arguments, **options):
            threads[name] = threading.get_ident()
            return original(*arguments, **options)

        return spy

    for module, name in (
        (ihd_core.dicom.reader, "load_scan"), (ihd_core.predict, "finish"), (second_opinion, "read_info"),
        (second_opinion, "load_model"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, spied(name, getattr(module, name)))
    window = open_window()
    window.second_opinion.use_model(toy_folder)
    window.open_paths([study.one])
    wait_settled(window)
    assert sorted(threads) == ["finish", "load_model", "load_scan", "read_info"]
    assert threading.get_ident() not in threads.values()


def test_the_best_series_opens_and_all_are_in_the_worklist(open_window, wait_settled, study, press):
    window = open_window()
    window.open_paths([study.folder])
    wait_settled(window)
    assert [series.uid for series in window.shown.series] == ["1.2.3.1.1", "1.2.3.2.1"]
    assert window.shown.current == 0
    assert "not a DICOM file" in window.parts.left_out.text()
    press(window, "PgDown")
    wait_settled(window)
    assert window.shown.scan.uid == "1.2.3.2.1"
    press(window, "Ctrl+Left")
    wait_settled(window)
    assert window.shown.scan.uid == "1.2.3.1.1"


def test_a_dropped_folder_opens(open_window, wait_settled, study):
    window = open_window()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(study.two))])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(QPointF(100, 100), copy, data, left, none))
    wait_settled(window)
    assert window.shown.scan.uid == "1.2.3.2.1"


def test_the_answer_for_a_scan_that_was_left_never_arrives(open_window, wait_settled, study, toy_folder):
    window = open_window()
    window.second_opinion.use_model(toy_folder)
    window.open_paths([study.one])
    window.open_paths([study.two])
    wait_settled(window)
    assert window.shown.scan.uid == "1.2.3.2.1"
    assert len(window.shown.prediction.slices) == len(window.shown.scan) == 8


def test_results_come_slice_by_slice(open_window, wait_settled, study, toy_folder):
    window = open_window(mode="triage")
    window.second_opinion.use_model(toy_folder)
    counts = []
    window.session.changed.connect(
        lambda new, _: counts.append(int((~np.isnan(new.partial.probabilities[:, 0])).sum())) if new.partial else None
    )
    window.open_paths([study.one])
    wait_settled(window)
    assert set(counts) == set(range(1, len(study.hu) + 1))


def test_the_slice_on_the_screen_is_predicted_before_the_others(read_window, wait_settled, press):
    window, first = read_window(), []
    press(window, "End")

    def look(new, _):
        if new.partial and not first:
            first.append(np.flatnonzero(~np.isnan(new.partial.probabilities[:, 0])).tolist())

    window.session.changed.connect(look)
    press(window, "F5")
    wait_settled(window)
    assert first == [[window.shown.slice_count - 1]]


def test_reading_can_be_cancelled_and_what_was_open_stays(read_window, study, press, qtbot, monkeypatch):
    import ihd_core.dicom.series

    window = read_window()
    before, wait = window.shown.scan, threading.Event()

    def slow(paths, *, report):
        wait.wait(5)
        report(0, 1)

    monkeypatch.setattr(ihd_core.dicom.series, "find_series", slow)
    window.open_paths([study.two])
    assert window.opening.running
    assert window.parts.stop.isVisible()
    press(window, "Esc")
    wait.set()
    assert not window.opening.running
    assert window.shown.scan is before
    assert window.shown.loading is None


def test_prediction_can_be_cancelled_and_started_again(
    open_window, wait_settled, study, toy_folder, press, monkeypatch
):
    import ihd_core.predict

    original, began, may_go_on = ihd_core.predict.prediction_steps, threading.Event(), threading.Event()

    def slow(scan, model, **order):
        for result in original(scan, model, **order):
            began.set()
            may_go_on.wait(5)
            yield result

    monkeypatch.setattr(ihd_core.predict, "prediction_steps", slow)
    window = open_window(mode="triage")
    window.second_opinion.use_model(toy_folder)
    window.open_paths([study.one])
    while not began.is_set():
        QApplication.processEvents()
    press(window, "Esc")
    may_go_on.set()
    wait_settled(window)
    assert window.shown.prediction is None
    assert "NOT ANALYSED" in text_of(window, "findings_headline")
    assert "F5" in text_of(window, "findings_detail")
    press(window, "F5")
    wait_settled(window)
    assert window.shown.prediction is not None


def text_of(window, name):
    return window.findChild(QLabel, name).text()


# Bad input


def test_bad_folders_say_so_in_one_line_and_what_was_open_stays(read_window, wait_settled, tmp_path):
    window = read_window()
    before = window.shown
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "scan.dcm").write_text("not DICOM at all", encoding="utf-8")
    write_series(
        tmp_path / "localizers", toy_hu(2), tags={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, series_uid="1.2.9"
    )
    named = {"empty": "empty", "text": "scan.dcm", "localizers": "localizer", "missing": "missing"}
    for folder, name in named.items():
        window.open_paths([tmp_path / folder])
        wait_settled(window)
        message = window.parts.notice.text
        assert name in message
        assert "\n" not in message
        assert window.shown.scan is before.scan
        assert window.shown.prediction is before.prediction
        window.parts.notice.dismiss()


def test_a_truncated_slice_is_named_and_the_others_are_shown(open_window, wait_settled, study, tmp_path):
    shutil.copytree(study.one, tmp_path / "scan")
    damaged = sorted((tmp_path / "scan").iterdir())[5]
    damaged.write_bytes(damaged.read_bytes()[:4000])
    window = open_window()
    window.open_paths([tmp_path / "scan"])
    wait_settled(window)
    assert len(window.shown.scan) == len(study.hu) - 1
    assert window.shown.scan.warnings
    (note,) = [note for note in scan_notes.notes(window.shown) if note.title == "Unreadable slice"]
    assert damaged.name in note.text
    assert window.parts.notes.isVisible()
    assert window.parts.slice_view.toolTip() == ""  # nothing pops up over a picture that has its notes beside it
    window.actions_by_name["toggle_worklist"].trigger()
    assert damaged.name in window.parts.slice_view.toolTip()


def test_a_damaged_model_is_refused_with_one_line_and_viewing_goes_on(
    open_window, wait_settled, study, toy_folder, tmp_path, press
):
    shutil.copytree(toy_folder, tmp_path / "model")
    weights = tmp_path / "model" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    window = open_window()
    window.second_opinion.use_model(tmp_path / "model")
    window.open_paths([study.one])
    wait_settled(window)
    assert "weights.safetensors" in window.parts.notice.text
    assert "\n" not in window.parts.notice.text
    assert text_of(window, "findings_headline") == "NOT ANALYSED"
    before = window.shown.slice_index
    press(window, "Down")
    assert window.shown.slice_index == before + 1


def test_a_refused_model_leaves_the_one_in_use(read_window, wait_settled, tmp_path):
    window = read_window()
    before = window.shown
    window.second_opinion.use_model(tmp_path)
    wait_settled(window)
    assert str(tmp_path) in window.parts.notice.text
    assert (window.shown.model, window.shown.prediction) == (before.model, before.prediction)


def test_a_scan_the_network_cannot_read_is_shown_and_says_why_once(
    open_window, wait_settled, toy_folder, tmp_path, press, study
):
    write_series(tmp_path / "coronal", toy_hu(6), orientation=CORONAL, series_uid="1.2.8")
    window = open_window()
    window.second_opinion.use_model(toy_folder)
    window.open_paths([tmp_path / "coronal"])
    wait_settled(window)
    assert window.shown.scan is not None
    assert text_of(window, "findings_headline") == "NOT ANALYSED"
    assert "coronal" in text_of(window, "findings_detail")
    assert window.parts.notice.text == ""
    assert [note.title for note in scan_notes.notes(window.shown) if "coronal" in note.text] == []
    assert (window.parts.strip._view.message, window.parts.strip._view.ends) == (
        "Not analysed", ("anterior", "posterior"),
    )  # fmt: skip
    assert window.actions_by_name["next_slice"].text() == "Next slice, towards posterior"
    assert "anterior, is at the top" in window.parts.slider.toolTip()
    press(window, "G")
    assert "coronal" in window.statusBar().currentMessage()
    window.open_paths([study.one])
    wait_settled(window)
    assert window.actions_by_name["next_slice"].text() == "Next slice, towards the vertex"


def test_a_failure_to_open_says_what_is_still_open_and_goes_with_the_next_scan(
    read_window, wait_settled, study, tmp_path
):
    window = read_window()
    window.open_paths([tmp_path / "missing"])
    wait_settled(window)
    assert window.parts.notice.text.endswith("(still open: Doe Jo, series 2)")
    window.open_paths([study.two])
    wait_settled(window)
    assert window.parts.notice.text == ""
    window.parts.notice.tell("Not saved", retry=lambda: None)
    window.open_paths([study.one])
    wait_settled(window)
    assert window.parts.notice.text == "Not saved"


def test_a_failure_to_open_the_first_scan_names_nothing_else(open_window, wait_settled, tmp_path):
    window = open_window()
    window.open_paths([tmp_path / "missing"])
    wait_settled(window)
    assert "missing" in window.parts.notice.text
    assert "still open" not in window.parts.notice.text


def test_what_the_status_bar_said_of_one_series_goes_with_it(holed_window, wait_settled, study, press):
    window = holed_window
    window.session.show(slice_index=4)
    press(window, "Down")
    assert "missing" in window.statusBar().currentMessage()
    window.open_paths([study.two])
    wait_settled(window)
    assert window.statusBar().currentMessage() == ""


def test_while_another_folder_is_read_its_name_is_told_and_the_open_row_stays(
    read_window, study, monkeypatch, wait_settled
):
    import ihd_core.dicom.series

    window, may_go_on = read_window(), threading.Event()
    original = ihd_core.dicom.series.find_series

    def slow(paths, *, report):
        report(43, 1165)
        may_go_on.wait(5)
        return original(paths, report=report)

    monkeypatch.setattr(ihd_core.dicom.series, "find_series", slow)
    before = window.parts.worklist._rows
    window.open_paths([study.two])
    while window.shown.loading != (43, 1165):
        QApplication.processEvents()
    assert window.parts.progress.text() == "Reading two 43 / 1165"
    assert window.parts.worklist._rows == before
    may_go_on.set()
    wait_settled(window)
    assert window.shown.scan.uid == "1.2.3.2.1"


# Two modes


def test_the_second_reader_sees_nothing_of_the_model_before_asking(read_window, press):
    window = read_window()
    assert text_of(window, "findings_headline") == "Hidden until your opinion"
    assert not window.parts.findings.findChild(QWidget, "findings_table").isVisible()
    for key in ("G", "Alt+1", "N"):
        press(window, key)
        assert window.shown.heatmap_labels == ()
        assert "F9" in window.statusBar().currentMessage()


def test_show_ai_reveals_everything(read_window, press):
    window = read_window()
    press(window, "F9")
    assert window.shown.results_visible
    assert text_of(window, "findings_scan_any") == f"{window.shown.prediction.scan[Label.ANY.column]:.2f}"


def test_another_scan_is_hidden_again(open_window, wait_settled, study, toy_folder, press):
    window = open_window()
    window.second_opinion.use_model(toy_folder)
    window.open_paths([study.folder])
    wait_settled(window)
    press(window, "F9")
    press(window, "PgDown")
    wait_settled(window)
    assert not window.shown.results_visible


def test_triage_shows_results_at_once(read_window):
    window = read_window(mode="triage")
    assert window.shown.results_visible
    assert text_of(window, "findings_scan_any") != ""


def test_below_every_operating_point_nothing_is_called_normal(read_window):
    window = read_window(mode="triage")
    low = np.full(6, 0.01, np.float32)
    window.session.show(prediction=replace(window.shown.prediction, scan=low))
    assert text_of(window, "findings_headline") == NOTHING
    for label in window.findChildren(QLabel):
        assert "normal" not in label.text().lower()
        assert "negative" not in label.text().lower()


def test_the_model_and_its_hash_are_always_on_the_screen(read_window):
    window = read_window()
    assert window.parts.model.isVisible()
    assert window.shown.model.name in window.parts.model.text()
    assert window.shown.model.sha256[:12] in window.parts.model.text()


# Keys and mouse

NO_EFFECT_TO_SEE = {
    "open_folder": "asks in a dialog of the system",
    "open_files": "asks in a dialog of the system",
    "toggle_prior": "there is none, tested in test_priors",
    "prior_up": "there is none, tested in test_priors",
    "prior_down": "there is none, tested in test_priors",
    "find_in_worklist": "one series is not searched, tested in test_screening",
    "reopen": "opens the same scan again, tested in test_positions",
    "copy_findings": "goes to the clipboard, tested in test_findings_text",
    "save_picture": "asks in a dialog of the system",
    "save_sheets": "asks in a dialog of the system",
    "quit": "closes the window, tested by itself",
    "cancel": "nothing runs here, tested by itself",
    "predict_again": "the same answer again, tested by itself",
    "save_opinion": "there is no opinion yet, tested with the record",
    "undo": "nothing is recorded yet, tested with the record",
    "delete_measurement": "nothing is measured yet, tested in test_measuring",
    "default_window": "the file has none, so brain: tested in test_viewing",
    "fit": "it fits already, tested by itself",
    "reset_view": "nothing to reset, tested by itself",
    "next_case": "needs two studies, tested by itself",
    "previous_case": "needs two studies, tested by itself",
    "next_series": "needs two series, tested by itself",
    "previous_series": "needs two series, tested by itself",
    "full_screen": "tested by itself",
}


def state(window):
    shown = window.shown
    dialogs = sorted(w.objectName() for w in QApplication.topLevelWidgets() if isinstance(w, QDialog) and w.isVisible())
    focus = QApplication.focusWidget()
    return (
        replace(shown, probe=None), round(window.parts.slice_view.zoom, 6), window.parts.side.isVisible(), dialogs,
        focus.objectName() if focus else "", window.isFullScreen(),
    )  # fmt: skip


def test_every_key_does_something_that_can_be_seen(read_window, press):
    window = read_window(mode="triage")
    evidence = np.full_like(window.shown.prediction.evidence, -1)
    evidence[[2, 10], Label.SUBDURAL.column] = 1
    prediction = replace(window.shown.prediction, evidence=evidence)
    start = replace(window.shown, slice_index=6, prediction=prediction, heatmap_label=Label.SUBDURAL)
    other = {
        "brain_window": {"window": BONE},
        "show_ai": {"mode": Mode.SECOND_READER},
        "thinner_slab": {"slab_mm": 10.0},
        "heatmap_subdural": {"heatmap_label": Label.ANY},
    }
    without_effect = []
    for command in COMMANDS:
        for key in command.keys if command.name not in NO_EFFECT_TO_SEE else ():
            window.session.become(replace(start, **other.get(command.name, {})))
            window.parts.slice_view.setFocus()
            before = state(window)
            press(window, key)
            if state(window) == before:
                without_effect.append((command.name, key))
            for widget in QApplication.topLevelWidgets():
                if isinstance(widget, QDialog):
                    widget.close()
    assert without_effect == []


def test_zoom_fit_and_reset(read_window, press):
    window = read_window()
    fitted = window.parts.slice_view.zoom
    press(window, "+")
    press(window, "+")
    assert window.parts.slice_view.zoom > 1.3 * fitted
    press(window, "=")
    assert window.parts.slice_view.zoom == pytest.approx(fitted)
    press(window, "-")
    press(window, "4")
    press(window, "I")
    press(window, "Ctrl+0")
    assert window.parts.slice_view.zoom == pytest.approx(fitted)
    assert (window.shown.window, window.shown.inverted) == (BRAIN, False)


def test_the_wheel_goes_through_the_slices(read_window):
    window = read_window()
    view, before = window.parts.slice_view, window.shown.slice_index
    where = QPointF(view.width() / 2, view.height() / 2)
    no, begin = Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase
    turned, none = QPoint(0, -240), Qt.MouseButton.NoButton
    event = QWheelEvent(where, view.mapToGlobal(where), QPoint(), turned, none, no, begin, False)
    QApplication.sendEvent(view, event)
    assert window.shown.slice_index == before + 2


def test_left_drag_changes_the_window_and_keys_set_it_back(read_window, qtbot, press):
    window = read_window()
    view = window.parts.slice_view
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(200, 200))
    qtbot.mouseMove(view, QPoint(300, 200))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(300, 200))
    assert window.shown.window.width > 80
    press(window, "1")
    assert window.shown.window == BRAIN


def test_slider_and_strip_go_to_a_slice(read_window, qtbot):
    window = read_window(mode="triage")
    window.parts.slider.setValue(3)
    assert window.shown.slice_index == 3
    strip = window.parts.strip
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(round(strip.slice_x(9)), 20))
    assert (window.shown.slice_index, window.parts.slider.value()) == (9, 9)


def test_space_peeks_below_the_heatmap_while_it_is_held(read_window, qtbot):
    window = read_window(mode="triage")
    window.session.show(heatmap_label=Label.ANY)
    qtbot.keyPress(window.parts.slice_view, Qt.Key.Key_Space)
    assert window.shown.heatmap_labels == ()
    qtbot.keyRelease(window.parts.slice_view, Qt.Key.Key_Space)
    assert window.shown.heatmap_labels == (Label.ANY,)


def test_in_a_text_field_every_key_is_text(read_window, press, qtbot):
    window = read_window(mode="triage")
    press(window, "M")
    field = window.findChild(QLineEdit, "opinion_comment")
    assert field.hasFocus()
    before = replace(window.shown, opinion=None, probe=None)
    for key in ("A", "S", "D", "G", "N", "1", "4", "0", "Space", "=", "-", "[", "]", ",", ".", "T", "`", "O", "I"):
        press(window, key)
    for key in ("Down", "Up", "PgDown", "Home", "End", "Shift+Down", "Left", "Right", "Ctrl+Left", "Ctrl+Right"):
        press(window, key)
    assert field.text().lower() == "asdgn140 =-[],.t`oi"
    assert replace(window.shown, opinion=None, probe=None) == before
    press(window, "Ctrl+Z")
    assert field.text() == ""
    press(window, "Esc")
    assert window.parts.slice_view.hasFocus()


def test_digits_in_a_number_field_are_digits(read_window, press):
    window = read_window()
    box = window.findChild(QSpinBox, "window_center")
    box.setFocus()
    box.selectAll()
    for key in ("3", "5", "Return"):
        press(window, key)
    assert (window.shown.window.center, window.shown.window.width) == (35, 80)


def test_a_click_on_a_button_leaves_the_keys_to_the_picture(read_window, qtbot, press):
    window = read_window(mode="triage")
    for name in ("window_bone", "heatmap_epidural", "opinion_yes_any", "findings_peak_any"):
        button = window.findChild(type(window.parts.stop), name)
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    before = window.shown.slice_index
    press(window, "Up" if before else "Down")
    assert abs(window.shown.slice_index - before) == 1


def test_full_screen_and_back(read_window, press):
    window = read_window()
    press(window, "F11")
    assert window.isFullScreen()
    press(window, "F11")
    assert not window.isFullScreen()


def test_the_reader_who_presses_a_without_a_single_heatmap_is_told_what_to_do(read_window, press):
    window = read_window(mode="triage")
    window.session.show(heatmap_on=False)
    press(window, "A")
    assert "G" in window.statusBar().currentMessage()


def test_the_window_fits_on_a_small_screen(read_window):
    window = read_window(mode="triage")
    assert window.minimumSizeHint().width() <= 1366
    assert window.minimumSizeHint().height() <= 720
    assert (window.width(), window.height()) == (1366, 768)


@pytest.mark.parametrize("size", [(1366, 768), (2560, 1440)])
def test_the_window_is_no_larger_than_the_screen_and_lies_on_it(open_window, size):
    window, room = open_window(), QRect(0, 27, size[0], size[1] - 27)
    window.resize(1600, 1000)
    window.move(900, 500)
    window.fit_to_screen(room)
    assert room.contains(window.frameGeometry())
    assert window.width() > 1350
    assert window.height() > 700
    assert size[0] == 1366 or (window.width(), window.height()) == (1600, 1000)


# Missing slices


@pytest.fixture
def holed_window(open_window, wait_settled, study, tmp_path):
    """A scan of 11 slices with three missing after the fifth."""
    shutil.copytree(study.one, tmp_path / "scan")
    for path in sorted((tmp_path / "scan").iterdir())[5:8]:
        path.unlink()
    window = open_window(mode="triage")
    window.open_paths([tmp_path / "scan"])
    wait_settled(window)
    assert len(window.shown.scan) == 11
    return window


def test_a_step_over_missing_slices_is_told_in_both_directions(holed_window, press):
    window = holed_window
    window.session.show(slice_index=3)
    window.statusBar().clearMessage()
    press(window, "Down")
    assert window.statusBar().currentMessage() == ""
    press(window, "Down")
    assert window.shown.slice_index == 5
    assert window.statusBar().currentMessage() == "Gap of 20 mm, 3 slices missing between slices 5 and 6"
    window.statusBar().clearMessage()
    press(window, "Up")
    assert "3 slices missing" in window.statusBar().currentMessage()


def test_a_click_on_the_note_of_missing_slices_goes_there(holed_window, qtbot):
    window = holed_window
    window.session.show(slice_index=9)
    notes = window.findChild(QListWidget, "notes_rows")
    (row,) = [row for row in range(notes.count()) if "missing" in notes.item(row).toolTip()]
    area = notes.visualItemRect(notes.item(row))
    qtbot.mouseClick(notes.viewport(), Qt.MouseButton.LeftButton, pos=area.center())
    assert window.shown.slice_index == 4


def test_notes_cost_the_picture_no_height_on_a_small_screen(read_window):
    window = read_window(mode="triage")
    before = window.parts.slice_view.size()
    warnings = tuple(ScanWarning(f"note-{number}", "A long sentence about something. " * 5) for number in range(30))
    window.session.show(scan=replace(window.shown.scan, warnings=warnings), prediction=None)
    QApplication.processEvents()
    assert window.parts.notes.isVisible()
    assert window.parts.slice_view.size() == before
    assert (window.width(), window.height()) == (1366, 768)
    assert window.parts.worklist.height() >= 150


# Start and end


def test_the_window_comes_up_without_torch_and_pydicom():
    code = (
        "import sys, app.program\n"
        "print([name for name in ('torch', 'pydicom', 'scipy', 'matplotlib', 'sklearn') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_quitting_while_everything_runs_leaves_no_thread(open_window, study, toy_folder):
    window = open_window()
    window.second_opinion.use_model(toy_folder)
    window.open_paths([study.one])
    window.close()
    assert not window.isVisible()
    assert not window.opening.running


def test_every_widget_a_screen_reader_meets_has_a_name(read_window):
    window = read_window()
    nameless = [
        widget
        for kind in (QLineEdit, QSpinBox, type(window.parts.stop), type(window.parts.slider))
        for widget in window.findChildren(kind)
        if not widget.accessibleName() and not widget.objectName().startswith("qt_")
    ]
    assert nameless == []


def test_commands_that_are_listed_without_effect_exist():
    assert set(NO_EFFECT_TO_SEE) <= {command.name for command in COMMANDS}
    assert {f"call_{label}" for label in DISPLAY_ORDER} <= set(ACTING)
    assert {mode.value for mode in Mode} == {"second-reader", "triage"}


def test_contact_sheets_are_saved_in_a_folder_of_the_series(read_window, monkeypatch, tmp_path):
    window = read_window(mode="triage")
    monkeypatch.setattr(dialogs, "choose_folder", lambda *_: tmp_path)
    high = replace(window.shown.prediction, slices=np.full_like(window.shown.prediction.slices, 0.999))
    window.session.show(prediction=high)
    window.actions_by_name["save_sheets"].trigger()
    assert {file.parent.name for file in tmp_path.rglob("sheet_*.png")} == {window.shown.scan.uid}
    assert str(tmp_path) in window.statusBar().currentMessage()


def test_keys_choose_the_kind_and_put_two_side_by_side(read_window, press, qtbot):
    window = read_window(mode="triage")
    window.session.show(prediction=replace(window.shown.prediction, scan=np.ones(6, np.float32)))
    qtbot.waitUntil(lambda: not window.busy, timeout=30_000)
    beside = window.parts.grid.views[1]
    assert not beside.isVisible()
    press(window, "B")
    assert window.shown.kind is Kind.RESULT_SLICE
    press(window, "Shift+B")
    assert beside.isVisible()
    qtbot.waitUntil(lambda: beside.width() > 240)
    press(window, "+")
    whole = beside.width() / (window.shown.scan.hu.shape[2] * window.shown.scan.spacing_mm[2])
    assert beside.zoom == pytest.approx(1.2 * whole, rel=0.01)  # one pixel is left over where two share the width
    assert window.parts.slice_view.zoom == pytest.approx(beside.zoom, rel=0.01)
    press(window, "Shift+G")
    assert window.shown.contours
    press(window, "Shift+B")
    assert not beside.isVisible()


def test_the_menu_says_what_further_methods_need(open_window, monkeypatch):
    window = open_window()
    action = window.actions_by_name["layer_cam_kind"]
    assert action.text() == "LayerCAM of the CNN"
    monkeypatch.setattr("app.showing.missing", lambda: "grad-cam, torchvision")
    window.session.show(inverted=True)
    assert action.text() == "LayerCAM of the CNN (not installed: grad-cam, torchvision)"


def test_a_further_method_is_chosen_from_the_menu_and_recorded_by_its_name(read_window, press, qtbot):
    window = read_window(mode="triage")
    window.session.show(prediction=replace(window.shown.prediction, scan=np.ones(6, np.float32)))
    window.actions_by_name["layer_cam_kind"].trigger()
    qtbot.waitUntil(lambda: not window.busy, timeout=30_000)
    press(window, "Alt+6")
    press(window, "A")
    assert {key[2] for key in window.shown.ratings} == {Kind.LAYER_CAM}
    assert any(badge.text == "LayerCAM of the CNN" for badge in scan_notes.badges(window.shown))


def test_a_scan_opened_again_shows_everything_at_once_and_f5_reads_it_afresh(
    read_window, wait_settled, study, press, monkeypatch
):
    import ihd_core.predict

    window = read_window(mode="triage")
    first, read = window.shown.prediction, []
    original = ihd_core.predict.prediction_steps

    def counting(*given, **named):
        for result in original(*given, **named):
            read.append(result)
            yield result

    monkeypatch.setattr(ihd_core.predict, "prediction_steps", counting)
    window.open_paths([study.one])
    wait_settled(window)
    assert window.shown.prediction is not first
    assert np.array_equal(window.shown.prediction.slices, first.slices)
    assert read == []
    press(window, "F5")
    wait_settled(window)
    assert len(read) == len(window.shown.scan)
    assert np.array_equal(window.shown.prediction.slices, first.slices)


def test_a_prediction_that_cannot_be_kept_is_shown_all_the_same_and_that_is_said_once(
    open_window, wait_settled, study, toy_folder, press, tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("", encoding="utf-8")
    window = open_window(mode="triage")
    told = []
    window.second_opinion.told.connect(told.append)
    monkeypatch.setattr(
        window.second_opinion._models,
        "means",
        replace(window.second_opinion._models.means, cache=tmp_path / "file" / "predictions"),
    )
    window.second_opinion.use_model(toy_folder)
    window.open_paths([study.one])
    wait_settled(window)
    press(window, "F5")
    wait_settled(window)
    assert window.shown.prediction is not None
    assert len(told) == 1
    assert "shown but not kept" in told[0]


def test_the_engine_stands_in_the_status_bar_and_says_why(read_window):
    window = read_window()
    assert window.parts.model.text().endswith("torch fp32")
    assert window.parts.model.toolTip().startswith("torch fp32")
