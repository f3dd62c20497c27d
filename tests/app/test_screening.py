"""Studies that are read in the background: states, order, and the cache they leave behind."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from PySide6.QtWidgets import QLineEdit, QListWidget

from app import screening
from app.screening import screened
from app.session import Mode, Screened, ScreenedState, Shown
from app.study_order import case_beside, listed, series_beside
from app.values.worklist_values import worklist_rows
from ihd_core.dicom.series import find_series
from ihd_core.errors import DicomError
from ihd_core.labels import LABELS, Label
from ihd_core.model_file import load_model
from tests.ihd_core.toy import toy_info

UIDS = ("1.2.3.1.1", "1.2.3.2.1")


@pytest.fixture
def both(open_window, wait_settled, study, toy_folder, qtbot):
    """A window with both studies listed, the first one open, and the other one read in the background."""

    def make(**options):
        window = open_window(**options)
        window.second_opinion.use_model(toy_folder)
        window.open_paths([study.folder])
        wait_settled(window)
        qtbot.waitUntil(lambda: not window.screening.running, timeout=20_000)
        return window

    return make


def test_the_other_study_is_predicted_and_then_there_at_once(both, wait_settled, study, toy_folder):
    from ihd_core.dicom.reader import load_scan
    from ihd_core.predict import predict

    window = both(mode="triage")
    found = window.shown.screened[UIDS[1]]
    (series,) = find_series((study.two,)).series
    expected = predict(load_scan(series), load_model(toy_folder))
    assert found.state is ScreenedState.READY
    assert found.probabilities == pytest.approx(expected.scan.tolist(), abs=1e-5)
    kept = sorted(file.name for file in (window.second_opinion.cache.folder).iterdir())
    assert len(kept) == 2
    window.choose(1)
    wait_settled(window)
    assert window.shown.prediction.scan.tolist() == pytest.approx(found.probabilities)
    assert sorted(file.name for file in window.second_opinion.cache.folder.iterdir()) == kept


def test_before_an_opinion_the_worklist_says_only_that_it_is_ready(both):
    window = both()
    rows = worklist_rows(window.shown)
    assert [row.state for row in rows] == ["open", "ready"]
    triage = worklist_rows(replace(window.shown, mode=Mode.TRIAGE))
    assert f"{window.shown.screened[UIDS[1]].any_probability:.2f}" in triage[1].state


def test_a_scan_that_fails_stops_no_other_and_says_why(both, monkeypatch):
    from ihd_core.dicom import inspection

    window, original = both(mode="triage"), inspection.load_examined

    def broken(series, **how):
        if series.uid == UIDS[0]:
            raise DicomError("one/slice: is damaged")
        return original(series, **how)

    monkeypatch.setattr(inspection, "load_examined", broken)
    said = []
    screening._screen(
        window.shown.series, window.second_opinion, screening._How(True, lambda: False), lambda *_: None, said.append
    )
    last = dict(said)
    assert last[UIDS[0]] == Screened(ScreenedState.FAILED, reason="one/slice: is damaged")
    assert last[UIDS[1]].state is ScreenedState.READY
    row = worklist_rows(replace(window.shown, current=1, screened=last))[0]
    assert (row.state, row.tone) == ("not analysed", "problem")
    assert "Not analysed: one/slice: is damaged" in row.tooltip


def test_it_stands_still_while_something_is_done_for_the_reader(both, qtbot, monkeypatch):
    window = both()
    busy = True
    monkeypatch.setattr(window.screening, "_busy", lambda: busy)
    window.screening._begin(window.shown, {})
    qtbot.wait(150)
    assert window.shown.screened[UIDS[1]].state is ScreenedState.WAITING
    busy = False
    qtbot.waitUntil(lambda: not window.screening.running, timeout=20_000)
    assert {one.state for one in window.shown.screened.values()} == {ScreenedState.READY}


def probabilities(value):
    return tuple(value if label is Label.ANY else 0.0 for label in LABELS)


@pytest.fixture
def shown(study, tmp_path):
    """Four studies in order of arrival: waiting, ready and below, above, above and more probable."""
    from ihd_core.phantom.series_writer import write_series
    from tests.ihd_core.toy import toy_hu

    for number in range(4):
        tags = {"PatientID": f"P{number}", "PatientName": f"N{number}", "StudyInstanceUID": f"1.{number}"}
        write_series(
            tmp_path / str(number), toy_hu(6), spacing_mm=(5.0, 3.5, 3.5), series_uid=f"1.{number}.1", tags=tags
        )
    found = sorted(find_series((tmp_path,)).series, key=lambda one: one.uid)
    ready = ScreenedState.READY
    states = [
        Screened(ScreenedState.WAITING),
        Screened(ready, probabilities=probabilities(0.2)),
        Screened(ready, probabilities=probabilities(0.6)),
        Screened(ready, probabilities=probabilities(0.9)),
    ]
    model = toy_info(demonstration=False)
    by_uid = {one.uid: state for one, state in zip(found, states, strict=True)}
    return Shown(series=tuple(found), current=0, model=model, mode=Mode.TRIAGE, setting="paper", screened=by_uid)


def test_the_most_probable_come_first_then_what_waits_then_the_rest(shown):
    assert listed(shown) == (3, 2, 0, 1)
    failed = {**shown.screened, shown.series[1].uid: Screened(ScreenedState.FAILED, reason="x")}
    assert listed(replace(shown, screened=failed)) == (1, 3, 2, 0), "what could not be analysed is as urgent"
    assert series_beside(shown, 1) == 1
    assert series_beside(shown, -1) == 2
    assert case_beside(shown, -1) == 2
    assert [row.group for row in worklist_rows(shown)] == ["N3", "N2", "N0", "N1"]
    assert [row.state for row in worklist_rows(shown)][:2] == ["Any 0.90", "Any 0.60"]


@pytest.mark.parametrize(
    "changes", [{"arrival_order": True}, {"mode": Mode.SECOND_READER}, {"model": None}, {"model": "demonstration"}]
)
def test_a_demonstration_model_and_whoever_asks_leave_the_order_of_arrival(shown, changes):
    if changes.get("model") == "demonstration":
        changes = {"model": toy_info(demonstration=True)}
    assert listed(replace(shown, **changes)) == (0, 1, 2, 3)


def test_a_series_that_has_gained_slices_is_read_again(both, qtbot, monkeypatch):
    window = both()
    begun = []
    monkeypatch.setattr(window.screening, "_begin", lambda shown, known: begun.append(set(known)))
    series = window.shown.series
    grown = SimpleNamespace(uid=series[1].uid, slice_count=series[1].slice_count + 1)
    window.screening.follow(replace(window.shown, series=(series[0], grown)))
    assert begun == [{UIDS[0]}]
    window.screening.follow(replace(window.shown, series=(series[0], grown)))
    assert len(begun) == 1


def test_what_is_called_follows_the_operating_points(shown):
    found = shown.screened[shown.series[2].uid]
    assert found.called(shown.model, "paper") == (Label.ANY,)
    assert found.called(None, "paper") == ()


def test_a_result_that_is_withheld_is_no_result(shown):
    from ihd_core.scan import WITHHOLDING, ScanWarning
    from tests.ihd_core.toy import toy_prediction, toy_scan

    prediction = replace(toy_prediction(toy_scan(slices=3)), warnings=(ScanWarning(WITHHOLDING[0], "It is a chest"),))
    assert screened(prediction) == Screened(ScreenedState.FAILED, reason="It is a chest")


def test_the_list_shows_what_holds_every_word(both, press, qtbot):
    window = both()
    press(window, "Ctrl+F")
    field = window.findChild(QLineEdit, "worklist_search")
    rows = window.parts.worklist.findChild(QListWidget)
    assert field.hasFocus()
    qtbot.keyClicks(field, "roe 8")
    visible = [rows.item(place).text() for place in range(rows.count()) if not rows.item(place).isHidden()]
    assert len(visible) == 2, "the line of the study and its series"
    assert any("P2" in text for text in visible)
    field.clear()
    assert not any(rows.item(place).isHidden() for place in range(rows.count()))
