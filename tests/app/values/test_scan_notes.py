"""What a reader must know of a scan: in which order, in which words, and what is recorded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.session import Shown
from app.values import scan_notes
from ihd_core.labels import Label
from ihd_core.scan import ScanWarning
from tests.ihd_core.toy import toy_prediction, toy_scan


def warned(*codes, **values):
    warnings = tuple(ScanWarning(code, f"About {code}.", values) for code in codes)
    return replace(toy_scan(slices=6), warnings=warnings)


@pytest.fixture(scope="module")
def predicted():
    scan = toy_scan()
    prediction = replace(toy_prediction(scan), warnings=(ScanWarning("seen-in-training", "Seen before."),))
    return Shown(scan=scan, prediction=prediction, heatmap_label=Label.ANY)


def texts(badges):
    return tuple(badge.text for badge in badges)


def test_every_warning_is_a_sentence_the_serious_first():
    scan = warned("uneven-spacing", "contrast-agent", "lossy-compression", "missing-slices", "not-predicted")
    notes = scan_notes.notes(Shown(scan=scan))
    assert [(note.title, note.serious) for note in notes] == [
        ("Not predicted", True),
        ("Missing slices", True),
        ("Lossy compression", True),
        ("Uneven spacing", False),
        ("Contrast agent", False),
    ]
    assert notes[0].text == "About not-predicted."
    assert scan_notes.note_text(Shown(scan=scan)).splitlines()[1] == "About missing-slices."


def test_two_warnings_of_one_code_are_two_sentences_and_one_badge():
    shown = Shown(scan=warned("unreadable-slice", "unreadable-slice"))
    assert len(scan_notes.notes(shown)) == 2
    assert texts(scan_notes.badges(shown)) == ("Unreadable slice",)


@pytest.mark.parametrize(
    ("values", "slice_index"),
    [({"after_index": 3}, 3), ({"slice_index": 2}, 2), ({"after_index": -1}, 0), ({"after_index": 99}, 5), ({}, -1)],
)
def test_a_note_leads_to_its_slice(values, slice_index):
    (note,) = scan_notes.notes(Shown(scan=warned("missing-slices", **values)))
    assert note.slice_index == slice_index


def test_badges_begin_with_the_serious_and_may_go():
    codes = ("metal", "gantry-tilt", "rsna-repair", "not-a-head")
    assert [(badge.text, badge.serious, badge.may_go) for badge in scan_notes.badges(Shown(scan=warned(*codes)))] == [
        ("Not a head", True, True), ("RSNA repair", True, True), ("Metal", False, True), ("Gantry tilt", False, True),
    ]  # fmt: skip


def test_what_changes_the_picture_is_named_however_much_there_is():
    codes = ("metal", "motion", "low-kvp", "age-unknown", "gantry-tilt")
    found = scan_notes.badges(Shown(scan=warned(*codes), inverted=True, repair=False))
    assert [badge.text for badge in found if not badge.may_go] == ["RSNA repair off", "Inverted"]


@pytest.mark.parametrize(
    "code",
    [
        "missing-slices", "unreadable-slice", "copy-shown", "not-a-head", "not-predicted", "rsna-repair",
        "rsna-repair-off", "lossy-compression", "shifted-slices", "interleaved-slices", "head-not-covered",
        "no-rescale", "values-may-not-be-hu", "no-tissue", "pixel-format",
    ],
)  # fmt: skip
def test_what_makes_a_picture_or_a_result_be_misread_is_serious(code):
    (note,) = scan_notes.notes(Shown(scan=warned(code)))
    assert note.serious


def turned(along_row, down_column):
    scan = toy_scan(slices=6)
    return Shown(scan=replace(scan, orientation=np.array([along_row, down_column, (0, 0, 1)], np.float64)))


@pytest.mark.parametrize(
    ("along_row", "down_column", "badge"),
    [
        ((1, 0, 0), (0, 1, 0), ""),
        ((-1, 0, 0), (0, 1, 0), "Mirrored: left is on the left"),
        ((1, 0, 0), (0, -1, 0), "Mirrored: anterior is not up"),
        ((-1, 0, 0), (0, -1, 0), "Turned: left is on the left, anterior is not up"),
        ((0, 1, 0), (1, 0, 0), "Mirrored: anterior is not up"),
        ((0, 1, 0), (-1, 0, 0), "Turned: anterior is not up"),
    ],
)
def test_a_picture_that_does_not_lie_as_readers_expect_says_so(along_row, down_column, badge):
    shown = turned(along_row, down_column)
    assert texts(scan_notes.badges(shown)) == ((badge,) if badge else ())
    notes = scan_notes.notes(shown)
    assert [(note.title, note.serious) for note in notes] == ([(badge.split(":")[0], True)] if badge else [])
    if "left is on the left" in badge:
        assert "the patient's left is on the left" in notes[0].text


def test_why_a_scan_is_not_predicted_is_left_to_the_second_opinion_once_it_says_so():
    scan = replace(toy_scan(slices=6), warnings=(ScanWarning("not-predicted", "Not predicted. It is coronal"),))
    assert len(scan_notes.notes(Shown(scan=scan))) == 1
    assert scan_notes.notes(Shown(scan=scan, refusal="It is coronal")) == ()


def test_of_lossy_files_nobody_warned_of_the_picture_says_so_itself():
    scan = toy_scan()
    scan = replace(scan, details=replace(scan.details, lossy=True))
    assert texts(scan_notes.badges(Shown(scan=scan))) == ("Lossy compression",)


def test_without_a_whole_scan_there_is_nothing_to_say():
    assert (scan_notes.notes(Shown()), scan_notes.badges(Shown()), scan_notes.recorded_codes(Shown())) == ((), (), ())


def test_what_is_particular_to_the_prediction_is_said_with_it(predicted):
    assert scan_notes.note_text(predicted) == ""
    revealed = replace(predicted, revealed=True)
    assert scan_notes.note_text(revealed) == "Seen before."
    assert "Seen in training" in texts(scan_notes.badges(revealed))


def test_a_demonstration_model_says_so_on_every_heatmap(predicted):
    assert scan_notes.DEMONSTRATION in texts(scan_notes.badges(replace(predicted, revealed=True)))
    assert scan_notes.DEMONSTRATION not in texts(scan_notes.badges(predicted))


def test_the_record_gets_the_predictions_codes_each_once(predicted):
    assert scan_notes.recorded_codes(predicted) == ("seen-in-training",)
    scan = warned("unreadable-slice", "gantry-tilt", "unreadable-slice")
    assert scan_notes.recorded_codes(Shown(scan=scan)) == ("unreadable-slice", "gantry-tilt")
