"""The text for a report, against lines written by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtGui import QGuiApplication

from app.panels.findings_panel import measured
from app.session import Shown
from app.values.findings_text import findings_text
from ihd_core.estimate import Estimate
from ihd_core.labels import LABELS, Label
from ihd_core.measurements import Measurement, Tool
from ihd_core.model_info import OperatingPoint
from ihd_core.study.opinion import Call, Opinion
from tests.ihd_core.toy import toy_prediction, toy_scan


@pytest.fixture(scope="module")
def shown():
    scan = toy_scan(hu=np.zeros((10, 64, 64)), spacing_mm=(5.0, 1.0, 1.0))
    probabilities = np.full(len(LABELS), 0.01, np.float32)
    probabilities[[Label.SUBDURAL.column, Label.ANY.column]] = 0.875, 0.96875
    slices = np.full((10, len(LABELS)), 0.01, np.float32)
    slices[3:6, Label.SUBDURAL.column] = slices[7, Label.SUBDURAL.column] = 0.9
    prediction = replace(toy_prediction(scan), scan=probabilities, slices=slices)
    return Shown(scan=scan, prediction=prediction, revealed=True, setting="paper")


def test_the_text_names_what_is_flagged_and_what_the_reader_has_measured(shown):
    opinion = Opinion({**Opinion().calls, Label.SUBDURAL: Call(True, 90)}, "")
    measurements = {
        4: Measurement(Tool.THICKNESS, 4, ((10, 10), (10, 19))),
        5: Measurement(Tool.SHIFT, 4, ((5, 30), (60, 30), (30, 34))),
        6: Measurement(Tool.PROBE, 4, ((5, 30),)),
    }
    text = findings_text(replace(shown, saved_opinion=opinion, measurements=measurements))
    first, second, third, last = text.splitlines()
    assert first.endswith(
        "any hemorrhage 0.97 (operating point 0.50); subdural 0.88 (operating point 0.50), slices 4–6, 8"
    )
    assert second == "Reader: SDH yes"
    assert third == "Measured: thickness 9.0 mm (slice 5), shift 4.0 mm to L (slice 5)"
    assert last.startswith("Not looked for: fracture, infarct, mass, shift. ")


def test_nothing_flagged_does_not_read_as_healthy(shown):
    below = replace(shown.prediction, scan=np.full(len(LABELS), 0.1, np.float32))
    assert "nothing above the operating points; this does not exclude hemorrhage" in findings_text(
        replace(shown, prediction=below)
    )


@pytest.mark.parametrize("changes", [{"revealed": False}, {"prediction": None}])
def test_there_is_no_text_of_what_may_not_be_seen(shown, changes):
    with pytest.raises(ValueError, match="no result"):
        findings_text(replace(shown, **changes))


def test_it_goes_to_the_clipboard_without_the_patients_name(read_window, press):
    window = read_window()
    QGuiApplication.clipboard().setText("before")
    press(window, "Ctrl+Shift+C")
    assert QGuiApplication.clipboard().text() == "before", "hidden until the reader's own opinion"
    press(window, "F9", "Ctrl+Shift+C")
    text = QGuiApplication.clipboard().text()
    assert text.startswith("AI (toy ")
    assert "Doe" not in text
    assert "P1" not in text


def test_an_operating_point_is_told_with_its_intervals(shown):
    model = shown.prediction.model
    assert measured(model, "paper", Label.ANY) == "sensitivity not measured at this operating point"
    point = OperatingPoint(
        0.5,
        Estimate(0.9, 0.8, 0.95, 0.95, "wilson"),
        Estimate(0.7, 0.6, 0.8, 0.95, "wilson"),
        positives=40,
        negatives=60,
    )
    points = {**model.operating_points, "paper": {"scan": {Label.ANY: point}}}
    said = measured(replace(model, operating_points=points, demonstration=True), "paper", Label.ANY)
    assert said == (
        "sensitivity 0.90 (0.80 to 0.95, 40 scans with), "
        "specificity 0.70 (0.60 to 0.80, 60 scans without) on synthetic heads"
    )
