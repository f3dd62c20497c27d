"""What is said of heatmaps that look beside the brain; where a cell looks is known from the toy's own geometry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.session import Mode, Shown
from app.values import panel_values, scan_notes
from ihd_core.brain_mask import brain_mask
from ihd_core.labels import Label
from tests.ihd_core.toy import toy_prediction, toy_scan

OUTSIDE = "SDH heatmap peaks outside the skull: outside the head"


@pytest.fixture(scope="module")
def shown():
    scan = toy_scan()
    prediction = toy_prediction(scan)
    return Shown(
        scan=scan,
        prediction=prediction,
        brain=brain_mask(scan),
        slice_index=2,
        mode=Mode.TRIAGE,
        heatmap_label=Label.SUBDURAL,
    )


def with_evidence(shown, cell, value=9.0):
    """All evidence for a subdural hemorrhage in one cell of every slice's map."""
    evidence = np.zeros_like(shown.prediction.evidence)
    evidence[:, Label.SUBDURAL.column, cell[0], cell[1]] = value
    return replace(shown, prediction=replace(shown.prediction, evidence=evidence))


def badges(shown):
    return [badge.text for badge in scan_notes.badges(shown)]


def middle(shown):
    return tuple(side // 2 for side in shown.prediction.evidence.shape[2:])


def test_a_peak_in_the_air_is_said_on_the_picture(shown):
    assert OUTSIDE in badges(with_evidence(shown, (0, 0)))


def test_a_peak_in_the_brain_is_none_to_speak_of(shown):
    assert not [text for text in badges(with_evidence(shown, middle(shown))) if "peaks" in text]


def test_a_heatmap_of_which_nothing_is_painted_peaks_nowhere(shown):
    assert OUTSIDE not in badges(with_evidence(shown, (0, 0), value=1e-6))


def test_a_heatmap_that_is_not_on_the_screen_is_not_spoken_of(shown):
    outside = with_evidence(shown, (0, 0))
    assert OUTSIDE not in badges(replace(outside, heatmap_on=False))
    assert OUTSIDE not in badges(replace(outside, heatmap_label=Label.EPIDURAL))
    assert OUTSIDE not in badges(replace(outside, mode=Mode.SECOND_READER))


def test_the_panel_says_where_the_evidence_lies(shown):
    inside = panel_values.heatmap_view(with_evidence(shown, middle(shown))).note.splitlines()[-1]
    assert inside.split(",")[0].endswith("% inside the skull")
    assert int(inside.split(" ")[0]) > 80  # a cell is drawn as wide as two
    outside = panel_values.heatmap_view(with_evidence(shown, (0, 0))).note.splitlines()[-1]
    assert outside.split(",")[0].endswith("% outside the head")


def test_without_the_brain_nothing_is_said(shown):
    outside = replace(with_evidence(shown, (0, 0)), brain=None)
    assert OUTSIDE not in badges(outside)
    assert len(panel_values.heatmap_view(outside).note.splitlines()) == 1
