"""Pages of rated heatmaps: which are drawn, and what stands on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ihd_core.heatmaps import gallery
from ihd_core.heatmaps.gallery import PER_PAGE, Head, examples, first, gallery_pages, head_lines, lot, obstacle
from ihd_core.heatmaps.heatmap_picture import drawn_slice
from ihd_core.heatmaps.overlay import layers, paint
from ihd_core.labels import Label
from ihd_core.scan import ScanWarning
from ihd_core.study.rating import RatingValue
from ihd_core.study.record import Rating
from ihd_core.windowing import BRAIN
from tests.ihd_core.toy import toy_prediction, toy_scan

SCAN = toy_scan(6)
PREDICTION = toy_prediction(SCAN)


def rating(index=2, value=RatingValue.CORRECT, **changes):
    values = {
        "sequence": index + 1, "time": "2026-01-01T00:00:00+00:00", "reader": "R1", "scan_uid": SCAN.uid,
        "slice_uid": SCAN.slice_uids[index], "slice_index": index, "label": Label.SUBDURAL, "value": value,
        "model": "toy", "model_sha256": PREDICTION.model.sha256, "method": "grad-cam-cnn", "window_center": 40.0,
        "window_width": 80.0, "opacity": 0.5,
    }  # fmt: skip
    return Rating(**{**values, **changes})


def head(counts):
    return Head(PREDICTION.model, dict.fromkeys(RatingValue, counts), 1, 0)


def test_an_example_is_the_bare_slice_beside_the_heatmap_as_the_reader_had_it():
    (one,) = examples([rating()], SCAN, PREDICTION, 3)
    painted = paint(layers(PREDICTION, [Label.SUBDURAL], 2), 0.5)
    side = one.pair.shape[0]
    for half, overlay in ((one.pair[:, :side], None), (one.pair[:, side:], painted)):
        drawn = drawn_slice(SCAN, 2, BRAIN, overlay, side)
        top, left = ((side - length) // 2 for length in drawn.shape[:2])
        assert np.array_equal(half[top : top + drawn.shape[0], left : left + drawn.shape[1]], drawn)
    assert (one.slice_index, one.slice_count) == (2, 6)
    assert one.probability == pytest.approx(PREDICTION.slices[2, Label.SUBDURAL.column])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_sha256": "f" * 64}, "heatmap of another model: toy ffffffffffff"),
        ({"method": "layercam-cnn"}, "heatmap by a method that is not drawn here: layercam-cnn"),
        ({"method": ""}, "heatmap by a method that is not drawn here: not recorded"),
        ({"window_width": None}, "no one window recorded"),
        ({"window_width": 1.0}, "window cannot be shown: width 1 HU, at least 2"),
        ({}, ""),
        ({"method": "grad-cam-result-slice"}, ""),
    ],
)
def test_what_cannot_be_drawn_as_the_reader_saw_it_is_said(changes, reason):
    assert obstacle(rating(**changes), PREDICTION.model) == reason


def test_a_withheld_scan_and_a_slice_that_is_not_there_are_said():
    withheld = replace(PREDICTION, warnings=(ScanWarning("not-a-head", "This is no head"),))
    assert gallery.obstacle_in_scan(rating(), SCAN, withheld) == "no result is given of the scan: This is no head"
    assert gallery.obstacle_in_scan(rating(slice_uid="9"), SCAN, PREDICTION) == "slice not in the scan"
    assert gallery.obstacle_in_scan(rating(), SCAN, PREDICTION) == ""


def test_the_lot_decides_and_every_scan_comes_before_a_second_of_any():
    scans = [replace(SCAN, uid=uid) for uid in ("1.1", "1.2")]
    many = [rating(index, scan_uid="1.1") for index in range(6)]
    drawn = examples(many, scans[0], PREDICTION, 8) + examples([rating(3, scan_uid="1.2")], scans[1], PREDICTION, 8)
    shown = first(drawn, 4)
    assert len(shown) == 4
    assert {one.rating.scan_uid for one in shown[:2]} == {"1.1", "1.2"}
    assert [one.rating for one in shown[2:]] == sorted(many, key=lot)[1:3]
    assert first(reversed(drawn), 4) == shown


def test_pages_are_full_and_count_what_is_not_shown():
    drawn = examples([rating(index % 6, reader=f"R{index}") for index in range(PER_PAGE + 1)], SCAN, PREDICTION, 99)
    pages = gallery_pages(RatingValue.CORRECT, drawn, head(30))
    assert len(pages) == 2
    assert pages[0].shape[1] == pages[1].shape[1]
    lines = head_lines(RatingValue.CORRECT, drawn, drawn[:PER_PAGE], head(30), "page 1 of 2")
    assert lines[0] == f"Rated correct by 1 reader: 30 heatmaps, {PER_PAGE + 1} shown; page 1 of 2"
    assert RatingValue.CORRECT.definition in lines
    assert gallery_pages(RatingValue.INCORRECT, [], head(0)) == []


def test_nothing_that_names_the_patient_is_written(monkeypatch):
    written = []
    original = gallery.write_text
    monkeypatch.setattr(
        gallery, "write_text", lambda image, text, *rest: written.append(text) or original(image, text, *rest)
    )
    named = replace(SCAN, details=replace(SCAN.details, patient_name="Doe^Jo", patient_id="P77"))
    gallery_pages(RatingValue.CORRECT, examples([rating()], named, PREDICTION, 1), head(1))
    assert "Demonstration model, random weights, not for clinical use" in written
    assert not any(word in text for text in written for word in ("Doe", "P77", SCAN.uid))
