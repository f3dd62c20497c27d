"""What a reader must know of a scan: in which order, in which words, and what is recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app import scan_notes
from app.session import Shown
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
    assert scan_notes.badges(shown) == ("Unreadable slice",)


@pytest.mark.parametrize(
    ("values", "slice_index"),
    [({"after_index": 3}, 3), ({"slice_index": 2}, 2), ({"after_index": -1}, 0), ({"after_index": 99}, 5), ({}, -1)],
)
def test_a_note_leads_to_its_slice(values, slice_index):
    (note,) = scan_notes.notes(Shown(scan=warned("missing-slices", **values)))
    assert note.slice_index == slice_index


def test_the_picture_names_four_and_counts_the_rest():
    codes = ("metal", "motion", "low-kvp", "age-unknown", "gantry-tilt", "rsna-repair", "not-a-head")
    assert scan_notes.badges(Shown(scan=warned(*codes))) == (
        "Not a head", "RSNA repair", "Gantry tilt", "Metal", "+3 more",
    )  # fmt: skip


def test_what_changes_the_picture_is_named_however_much_there_is():
    codes = ("metal", "motion", "low-kvp", "age-unknown", "gantry-tilt")
    found = scan_notes.badges(Shown(scan=warned(*codes), inverted=True, repair=False))
    assert found[-3:] == ("+1 more", "RSNA repair off", "Inverted")


def test_of_lossy_files_nobody_warned_of_the_picture_says_so_itself():
    scan = toy_scan()
    scan = replace(scan, details=replace(scan.details, lossy=True))
    assert scan_notes.badges(Shown(scan=scan)) == ("Lossy compression",)


def test_without_a_whole_scan_there_is_nothing_to_say():
    assert (scan_notes.notes(Shown()), scan_notes.badges(Shown()), scan_notes.recorded_codes(Shown())) == ((), (), ())


def test_what_is_particular_to_the_prediction_is_said_with_it(predicted):
    assert scan_notes.note_text(predicted) == ""
    revealed = replace(predicted, revealed=True)
    assert scan_notes.note_text(revealed) == "Seen before."
    assert "Seen in training" in scan_notes.badges(revealed)


def test_a_demonstration_model_says_so_on_every_heatmap(predicted):
    sentence = predicted.prediction.model.intended_use
    assert sentence in scan_notes.badges(replace(predicted, revealed=True))
    assert sentence not in scan_notes.badges(predicted)


def test_the_record_gets_the_predictions_codes_each_once(predicted):
    assert scan_notes.recorded_codes(predicted) == ("seen-in-training",)
    scan = warned("unreadable-slice", "gantry-tilt", "unreadable-slice")
    assert scan_notes.recorded_codes(Shown(scan=scan)) == ("unreadable-slice", "gantry-tilt")
