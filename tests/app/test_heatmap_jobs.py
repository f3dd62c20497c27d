"""Heatmaps of results, computed beside the window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.heatmap_jobs import HeatmapJobs
from app.session import Session, predicted, without_prediction
from ihd_core.errors import CannotPredict
from ihd_core.heatmaps import explain_result, further_methods
from ihd_core.heatmaps.explain import OWN, RESULTS, Kind, full_scale, heatmap
from ihd_core.heatmaps.grad_cam_library import NoGradCam
from ihd_core.labels import Label
from tests.ihd_core.toy import toy_model, toy_prediction, toy_scan

READY = frozenset(RESULTS)


@pytest.fixture
def scan():
    return toy_scan()


@pytest.fixture
def maps(qtbot, scan):
    session = Session()
    made = HeatmapJobs(session, toy_model)
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
    qtbot.waitUntil(lambda: session.shown.kinds_ready == READY and not made.running, timeout=30_000)

    def refuse(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(explain_result.ResultEvidence, "_derivatives", refuse)
    for index in range(len(scan)):
        for kind in OWN:
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


def test_a_further_method_is_computed_when_it_is_chosen_and_once(maps, qtbot, scan, monkeypatch):
    made, session = maps
    prediction = replace(toy_prediction(scan), scan=np.ones(6, np.float32))
    session.become(predicted(replace(session.shown, revealed=True), prediction))
    qtbot.waitUntil(lambda: not made.running, timeout=30_000)
    assert prediction.further == {}
    session.show(heatmap_kind=Kind.LAYER_CAM)
    assert made.running
    assert session.shown.heatmap_labels == ()
    qtbot.waitUntil(lambda: not made.running, timeout=30_000)
    assert prediction.further[Kind.LAYER_CAM].shape == prediction.evidence.shape
    assert session.shown.heatmap_labels
    session.show(heatmap_kind=Kind.CNN)
    session.show(heatmap_kind=Kind.LAYER_CAM)
    assert not made.running


def test_a_further_method_that_cannot_be_had_is_told_and_the_cnns_heatmap_stays(maps, qtbot, scan, monkeypatch):
    made, session = maps

    def fail(*_, **__):
        raise NoGradCam("pytorch-grad-cam cannot be imported (why)")

    monkeypatch.setattr(further_methods, "further_maps", fail)
    session.become(predicted(session.shown, toy_prediction(scan)))
    with qtbot.waitSignal(made.failed) as signal:
        session.show(heatmap_kind=Kind.EIGEN_CAM)
    assert "cannot be imported" in str(signal.args[0])
    assert session.shown.kind is Kind.CNN
