"""Heatmaps of results, computed beside the window."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.result_maps import ResultMaps
from app.session import Session, predicted, without_prediction
from ihd_core.errors import CannotPredict
from ihd_core.heatmaps import explain_result
from ihd_core.heatmaps.explain import Kind, full_scale, heatmap
from ihd_core.labels import Label
from tests.ihd_core.toy import toy_prediction, toy_scan

RESULTS = frozenset({Kind.RESULT_SLICE, Kind.RESULT_SCAN})


@pytest.fixture
def scan():
    return toy_scan()


@pytest.fixture
def maps(qtbot, scan):
    session = Session()
    made = ResultMaps(session)
    session.changed.connect(lambda shown, _: made.follow(shown))
    session.show(scan=scan)
    yield made, session
    made.shut_down()


def test_they_are_ready_soon_after_the_prediction_and_are_not_computed_on_the_screens_thread(
    maps, qtbot, scan, monkeypatch
):
    made, session = maps
    prediction = toy_prediction(scan)
    session.become(predicted(session.shown, prediction))
    qtbot.waitUntil(lambda: session.shown.kinds_ready == RESULTS and not made.running)

    def refuse(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(explain_result.ResultEvidence, "_derivatives", refuse)
    for index in range(len(scan)):
        for kind in Kind:
            full_scale(prediction, Label.SUBDURAL, kind)
            assert heatmap(prediction, Label.SUBDURAL, index, kind).kind is kind


def test_another_prediction_begins_anew_and_none_stops(maps, qtbot, scan):
    made, session = maps
    session.become(predicted(session.shown, toy_prediction(scan)))
    session.become(predicted(session.shown, toy_prediction(scan)))
    assert session.shown.kinds_ready == frozenset()
    session.become(without_prediction(session.shown))
    assert not made.running
    qtbot.wait(50)
    assert session.shown.kinds_ready == frozenset()


def test_of_a_model_without_a_bilstm_nothing_is_computed(maps, scan):
    made, session = maps
    session.become(predicted(session.shown, toy_prediction(scan, sequence=None)))
    assert not made.running


def test_a_gradient_that_is_no_number_is_told(maps, qtbot, scan, monkeypatch):
    made, session = maps

    def fail(*_):
        raise CannotPredict("The gradient of the model's result is not a number")

    monkeypatch.setattr(explain_result.ResultEvidence, "_derivatives", fail)
    with qtbot.waitSignal(made.failed) as signal:
        session.become(predicted(session.shown, toy_prediction(scan)))
    assert "not a number" in str(signal.args[0])
    assert session.shown.kinds_ready == frozenset()
    assert replace(session.shown, heatmap_kind=Kind.RESULT_SCAN).heatmap_labels == ()
