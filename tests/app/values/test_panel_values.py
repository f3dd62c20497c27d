"""What the panels show, computed without a window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.panels.findings_panel import FindingsState
from app.session import Mode, Partial, Shown
from app.values import panel_values, pictures
from app.values.scan_notes import gaps
from ihd_core.dicom.reader import Preview
from ihd_core.heatmaps.explain import Kind, agreement, full_scale, heatmap
from ihd_core.labels import LABELS, Label
from ihd_core.scan import ScanWarning
from ihd_core.study.opinion import Opinion, answer
from ihd_core.study.rating import RatingValue
from tests.ihd_core.toy import toy_prediction, toy_scan


def test_without_a_scan_there_is_no_picture():
    assert pictures.pictures(Shown()) == ()
    assert panel_values.strip_view(Shown()) is None


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"scan": None}, FindingsState.EMPTY),
        ({"scan": None, "loading": (1, 3)}, FindingsState.LOADING),
        ({"prediction": None, "predicting": (1, 3)}, FindingsState.RUNNING),
        ({"prediction": None, "refusal": "why"}, FindingsState.NOT_ANALYSED),
        ({}, FindingsState.READY),
    ],
)
def test_the_findings_say_how_far_the_second_opinion_is(shown, changes, state):
    view = panel_values.findings_view(replace(shown, **changes))
    assert (view.state, view.hidden) == (state, True)


def test_the_strip_fills_as_results_come_and_stays_hidden_until_revealed(shown):
    probabilities = np.full((6, len(LABELS)), np.nan, np.float32)
    probabilities[0] = 0.5
    running = replace(shown, prediction=None, partial=Partial(probabilities))
    view = panel_values.strip_view(running)
    np.testing.assert_array_equal(view.probabilities, probabilities)
    assert view.hidden
    assert not panel_values.strip_view(replace(running, mode=Mode.TRIAGE)).hidden
    assert view.thresholds.tolist() == pytest.approx([0.3] * len(LABELS))


def test_the_rating_on_the_screen_is_that_of_this_slice_and_label(shown):
    ratings = {
        (2, Label.SUBDURAL, Kind.CNN): RatingValue.INCORRECT,
        (3, Label.SUBDURAL, Kind.CNN): RatingValue.CORRECT,
        (2, Label.SUBDURAL, Kind.RESULT_SCAN): RatingValue.PARTIALLY_CORRECT,
    }
    view = panel_values.rating_view(replace(shown, revealed=True, ratings=ratings))
    assert (view.label, view.slice_index, view.value, view.enabled) == (
        Label.SUBDURAL, 2, RatingValue.INCORRECT, True,
    )  # fmt: skip
    assert dict(view.counts) == {RatingValue.INCORRECT: 1, RatingValue.CORRECT: 1}


def test_nothing_is_rated_that_cannot_be_seen(shown):
    assert not panel_values.rating_view(shown).enabled
    assert not panel_values.rating_view(replace(shown, revealed=True, heatmap_on=False)).enabled


def test_an_opinion_that_contradicts_itself_is_not_saved():
    both = Opinion({Label.ANY: answer(10), Label.SUBDURAL: answer(90)})
    assert "Any is no" in panel_values.opinion_obstacle(Shown(opinion=both))
    assert panel_values.opinion_obstacle(Shown()) != ""
    opinion = Opinion({Label.ANY: answer(10)})
    assert panel_values.opinion_obstacle(Shown(opinion=opinion)) == ""
    assert panel_values.opinion_obstacle(Shown(opinion=opinion, saved_opinion=opinion)) == "Saved already"


def test_slices_missing_beside_the_one_on_the_screen_are_said_in_its_corner():
    scan = toy_scan(slices=4, heights_mm=[0, 5, 20, 25])
    lines = [pictures.slice_picture(Shown(scan=scan, slice_index=index)).caution for index in range(4)]
    beside = "Gap of 15 mm, 2 slices missing"
    assert lines == [(), (f"{beside} above this slice",), (f"{beside} below this slice",), ()]
    assert [gap.missing for gap in panel_values.strip_view(Shown(scan=scan)).gaps] == [2]


def test_of_a_scan_that_is_not_read_yet_no_gap_is_told(scan):
    assert gaps(Shown(preview=Preview(toy_scan(slices=1), 7, 15))) == ()


@pytest.mark.parametrize("code", ["not-a-head", "part-of-a-head"])
def test_of_a_scan_without_a_result_no_slice_has_a_number_and_none_a_heatmap(code):
    """High numbers everywhere, which mean nothing: neither the strip nor the picture may show them."""
    scan = replace(toy_scan(), warnings=(ScanWarning(code, "No result."),))
    prediction = toy_prediction(scan)
    high = replace(prediction, slices=prediction.slices * 0 + 0.99, scan=prediction.scan * 0 + 0.99)
    shown = Shown(scan=scan, prediction=high, revealed=True, heatmap_on=True, heatmap_label=Label.ANY)
    strip = panel_values.strip_view(shown)
    assert np.isnan(strip.probabilities).all()
    assert strip.message == "No result for this scan"
    assert not panel_values.heatmap_view(shown).available
    assert pictures.slice_picture(shown).overlay is None
    assert pictures.slice_picture(shown).colour_bars == ()
    assert panel_values.rating_view(shown).hint == "No result for this scan: there is no heatmap to rate"
    fine = replace(shown, scan=toy_scan(), prediction=replace(high, warnings=()))
    assert panel_values.strip_view(fine).message == ""
    assert pictures.slice_picture(fine).overlay is not None


def test_of_what_is_no_head_no_slice_has_a_number_while_it_is_being_read():
    scan = replace(toy_scan(), warnings=(ScanWarning("not-a-head", "No head."),))
    partial = Partial(np.full((len(scan), len(LABELS)), 0.9, np.float32))
    view = panel_values.strip_view(Shown(scan=scan, predicting=(3, 6), partial=partial, mode=Mode.TRIAGE))
    assert np.isnan(view.probabilities).all()


def test_the_note_says_whose_result_it_is_and_where_the_maps_disagree(shown):
    on = replace(shown, revealed=True, kinds_ready=frozenset(Kind), heatmap_kind=Kind.RESULT_SCAN)
    note = panel_values.heatmap_view(on).note
    explains = heatmap(shown.prediction, Label.SUBDURAL, 2, Kind.RESULT_SCAN).explains
    assert f"The scan's result is that of slice {explains + 1}" in note
    place = Label.SUBDURAL, 2
    found = agreement(shown.scan, shown.prediction, *place, Kind.RESULT_SLICE)
    strongest = max(
        heatmap(shown.prediction, *place, kind).values.max() / full_scale(shown.prediction, Label.SUBDURAL, kind)
        for kind in (Kind.CNN, Kind.RESULT_SLICE)
    )
    told = (
        "SDH: CNN and result look at different places"
        in panel_values.heatmap_view(replace(on, heatmap_kind=Kind.CNN)).note
    )
    assert told == (found.disagree and strongest >= 0.2)
    waits = panel_values.heatmap_view(replace(on, kinds_ready=frozenset())).note
    assert waits == "Grad-CAM of the scan's result is being computed"


def test_maps_at_opposite_corners_are_told_to_disagree(shown):
    evidence = shown.prediction.evidence.copy()
    evidence[:] = 0
    result = [heatmap(shown.prediction, Label.SUBDURAL, 2, Kind.RESULT_SLICE).values]
    row, column = np.unravel_index(int(result[0].argmin()), result[0].shape)
    evidence[2, Label.SUBDURAL.column, row, column] = 1.0
    apart = replace(
        shown, revealed=True, kinds_ready=frozenset(Kind), prediction=replace(shown.prediction, evidence=evidence)
    )
    assert "SDH: CNN and result look at different places" in panel_values.heatmap_view(apart).note
