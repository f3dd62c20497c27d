"""What the panels show, computed without a window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.panels.findings_panel import FindingsState
from app.panels.slice_picture import Badge
from app.session import Mode, Partial, Shown
from app.values import panel_values
from ihd_core.brain_mask import brain_mask
from ihd_core.dicom.reader import Preview
from ihd_core.dicom.series import find_series
from ihd_core.heatmaps.explain import Kind, agreement, full_scale, heatmap
from ihd_core.heatmaps.overlay import cell_mm
from ihd_core.labels import LABELS, Label
from ihd_core.orientation import EdgeLetters
from ihd_core.scan import ScanDetails, ScanWarning
from ihd_core.study.opinion import Opinion, answer
from ihd_core.study.rating import RatingValue
from ihd_core.windowing import Window
from tests.ihd_core.toy import toy_info, toy_prediction, toy_scan

DETAILS = ScanDetails(
    patient_name="Doe^Jo^^^",
    patient_id="P1",
    patient_age="064Y",
    patient_sex="F",
    study_date="20200131",
    series_number="3",
    series_description="Head 5 mm",
    institution="Hospital",
    scanner="Scanner",
    kernel="H30s",
    thickness_mm=5.0,
    kvp=120.0,
)


@pytest.fixture(scope="module")
def scan():
    return replace(toy_scan(), details=DETAILS)


@pytest.fixture(scope="module")
def shown(scan):
    prediction = toy_prediction(scan)
    probabilities = np.zeros(len(LABELS), np.float32)
    probabilities[[Label.SUBDURAL.column, Label.ANY.column]] = 0.9
    evidence = np.full(prediction.evidence.shape, 0.04, np.float32)
    prediction = replace(prediction, scan=probabilities, evidence=evidence)
    return Shown(scan=scan, prediction=prediction, model=toy_info(), slice_index=2)


def test_without_a_scan_there_is_no_picture():
    assert panel_values.slice_picture(Shown()) is None
    assert panel_values.strip_view(Shown()) is None


def test_the_picture_is_the_slice_through_the_window(scan):
    picture = panel_values.slice_picture(Shown(scan=scan, slice_index=2, window=Window(40, 80)))
    hu = scan.hu[2].astype(float)
    expected = np.clip((hu - 39.5) / 79 + 0.5, 0, 1) * 255  # DICOM PS3.3 C.11.2.1.2.1
    assert np.abs(picture.pixels - expected).max() <= 0.5
    assert picture.pixel_mm == (3.5, 3.5)
    assert picture.letters == EdgeLetters(left="R", right="L", top="A", bottom="P")


def test_the_picture_is_drawn_again_when_it_differs_and_only_then(shown):
    for name, value in (("loading", (1, 2)), ("predicting", (1, 2)), ("reader", "R2"), ("saved_at", "12:00")):
        changed = replace(shown, **{name: value})
        assert panel_values.same_picture(changed, shown)
    for name, value in (("slice_index", 1), ("probe", (1, 2)), ("revealed", True), ("inverted", True)):
        assert not panel_values.same_picture(replace(shown, **{name: value}), shown)


def test_an_inverted_picture_is_its_negative_and_says_so(scan):
    plain, inverted = (panel_values.slice_picture(Shown(scan=scan, inverted=on)) for on in (False, True))
    assert np.array_equal(inverted.pixels, 255 - plain.pixels)
    assert Badge("Inverted") in inverted.badges


def test_the_corners_tell_whose_scan_it_is_and_how_it_is_shown(shown):
    picture = panel_values.slice_picture(replace(shown, probe=(3, 4)))
    assert picture.top_left == ("Doe Jo", "P1", "64 y F", "2020-01-31")
    assert picture.top_right == ("Hospital", "Scanner", "Series 3", "Head 5 mm")
    assert picture.bottom_left == ("C 40 W 80 brain", "Thickness 5 mm", "Position 10.0 mm")
    assert picture.bottom_right == (f"{shown.scan.hu[2, 3, 4]} HU", "H30s 120 kV", "Slice 3 / 6")


def test_the_thickness_is_that_of_the_slice_on_the_screen(scan, study):
    series = find_series([study.one]).series[0]
    headers = tuple(
        replace(header, details=replace(header.details, thickness_mm=4.0 + number))
        for number, header in enumerate(series.stack.headers)
    )
    series = replace(series, stack=replace(series.stack, headers=headers))
    scan = replace(scan, slice_uids=tuple(header.sop_uid for header in headers[3:]))
    lines = panel_values.slice_picture(Shown(scan=scan, series=(series,), current=0, slice_index=2)).bottom_left
    assert "Thickness 9 mm" in lines


def test_text_can_be_taken_away_but_not_the_letters_and_the_badges(shown):
    picture = panel_values.slice_picture(replace(shown, overlay_text=False, inverted=True))
    assert picture.top_left == picture.top_right == picture.bottom_left == picture.bottom_right == ()
    assert picture.letters is not None
    assert picture.badges == (Badge("Inverted"),)


def test_the_first_slice_is_shown_with_its_place_in_the_whole(scan):
    preview = Preview(replace(toy_scan(slices=1), details=DETAILS), 7, 15)
    picture = panel_values.slice_picture(Shown(preview=preview, slice_index=7, loading=(1, 15)))
    assert "Slice 8 / 15" in picture.bottom_right
    assert picture.badges == (Badge("Reading…"),)


def test_hidden_results_reach_no_part_of_the_picture(shown):
    picture = panel_values.slice_picture(shown)
    assert picture.overlay is None
    assert picture.colour_bars == ()


def test_a_revealed_heatmap_is_drawn_with_its_colour_bar(shown):
    picture = panel_values.slice_picture(replace(shown, revealed=True, opacity=0.5))
    assert [bar.label for bar in picture.colour_bars] == [Label.SUBDURAL]
    assert (picture.colour_bars[0].low, picture.colour_bars[0].high) == pytest.approx((0.01, 0.05))
    # 0.8 of full scale at half opacity
    assert set(np.unique(picture.overlay[..., 3])) == {round(0.8 * 0.5 * 255)}


def test_a_heatmap_does_not_change_the_grey_below_it(shown):
    hidden, revealed = (panel_values.slice_picture(replace(shown, revealed=on)) for on in (False, True))
    assert np.array_equal(hidden.pixels, revealed.pixels)


def test_the_networks_view_is_its_three_windows_as_colours(shown):
    hu = np.full((1, 8, 8), 60, np.int16)
    scan = toy_scan(hu=hu)
    pixels = panel_values.slice_picture(Shown(scan=scan, network_view=True)).pixels
    # 60 HU: brain 0..80, subdural -20..180, soft tissue -150..230
    expected = [255 * 60 / 80, 255 * 80 / 200, 255 * 210 / 380]
    assert np.abs(pixels.reshape(-1, 3) - expected).max() <= 0.5


def test_thin_slices_are_seen_as_the_network_gets_them_averaged():
    hu = np.zeros((4, 8, 8), np.int16)
    hu[1::2] = 40
    scan = toy_scan(hu=hu, spacing_mm=(1.25, 3.5, 3.5))
    pixels = panel_values.slice_picture(Shown(scan=scan, network_view=True, slice_index=1)).pixels
    assert set(pixels[..., 0].ravel()) == {round(255 * 20 / 80)}


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
    lines = [panel_values.slice_picture(Shown(scan=scan, slice_index=index)).caution for index in range(4)]
    beside = "Gap of 15 mm, 2 slices missing"
    assert lines == [(), (f"{beside} above this slice",), (f"{beside} below this slice",), ()]
    assert [gap.missing for gap in panel_values.strip_view(Shown(scan=scan)).gaps] == [2]


def test_of_a_scan_that_is_not_read_yet_no_gap_is_told(scan):
    assert panel_values.gaps(Shown(preview=Preview(toy_scan(slices=1), 7, 15))) == ()


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
    assert panel_values.slice_picture(shown).overlay is None
    assert panel_values.slice_picture(shown).colour_bars == ()
    assert panel_values.rating_view(shown).hint == "No result for this scan: there is no heatmap to rate"
    fine = replace(shown, scan=toy_scan(), prediction=replace(high, warnings=()))
    assert panel_values.strip_view(fine).message == ""
    assert panel_values.slice_picture(fine).overlay is not None


def test_of_what_is_no_head_no_slice_has_a_number_while_it_is_being_read():
    scan = replace(toy_scan(), warnings=(ScanWarning("not-a-head", "No head."),))
    partial = Partial(np.full((len(scan), len(LABELS)), 0.9, np.float32))
    view = panel_values.strip_view(Shown(scan=scan, predicting=(3, 6), partial=partial, mode=Mode.TRIAGE))
    assert np.isnan(view.probabilities).all()


def test_the_pictures_side_by_side_are_of_the_cnn_and_of_the_result(shown):
    on = replace(shown, revealed=True, kinds_ready=frozenset(Kind))
    assert panel_values.pictures(on)[1] is None
    left, right = panel_values.pictures(replace(on, comparing=True))
    assert np.array_equal(left.pixels, right.pixels)
    scales = [picture.colour_bars[0].high for picture in (left, right)]
    assert scales[0] == pytest.approx(0.05)
    assert scales[1] == pytest.approx(full_scale(shown.prediction, Label.SUBDURAL, Kind.RESULT_SLICE))
    assert Badge("Grad-CAM of the CNN", serious=False) in left.badges
    assert Badge("Grad-CAM of the slice's result", serious=False) in right.badges
    _, scans = panel_values.pictures(replace(on, comparing=True, heatmap_kind=Kind.RESULT_SCAN))
    assert Badge("Grad-CAM of the scan's result", serious=False) in scans.badges


@pytest.mark.parametrize("changes", [{"revealed": False}, {"heatmap_on": False}])
def test_without_heatmaps_nothing_is_compared(shown, changes):
    on = replace(shown, **{"revealed": True, "comparing": True, **changes})
    assert panel_values.pictures(on)[1] is None


def test_a_heatmap_inside_the_skull_only_is_bare_outside_and_says_so(shown, scan):
    brain = brain_mask(scan)
    inside = brain.on_slice(2)
    whole, part = (
        panel_values.slice_picture(replace(shown, revealed=True, brain=brain, inside_only=only))
        for only in (False, True)
    )
    assert whole.overlay[..., 3].all()
    assert np.array_equal(part.overlay[..., 3] > 0, inside)
    assert Badge("Heatmap outside the skull hidden") in part.badges


def test_contours_leave_most_of_the_slice_bare(shown):
    picture = panel_values.slice_picture(replace(shown, revealed=True, contours=True))
    assert 0 < (picture.overlay[..., 3] > 0).mean() < 0.5
    assert picture.colour_bars[0].opacity == 1


def test_the_colour_bar_says_how_large_a_cell_is(shown, scan):
    (bar,) = panel_values.slice_picture(replace(shown, revealed=True)).colour_bars
    assert f"{cell_mm(scan, shown.prediction):.0f} mm" in bar.unit


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
