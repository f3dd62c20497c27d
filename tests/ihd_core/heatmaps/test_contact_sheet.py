from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from ihd_core.heatmaps.contact_sheet import PAIRS, ROWS, SheetChoice, contact_sheets, positives
from ihd_core.heatmaps.overlay import COLOURS
from ihd_core.labels import LABELS, Label
from ihd_core.windowing import BRAIN, to_grey
from tests.ihd_core.toy import toy_prediction, toy_scan

SIDE, LINE, GAP = 320, 26, 8
SCAN = toy_scan(12)


def prediction_of(*wanted, scan=SCAN):
    """Probability 0.9 for some slices and labels, 0.01 for all others; the operating points of the paper are 0.5."""
    made = toy_prediction(scan)
    slices = np.full(made.slices.shape, 0.01, np.float32)
    for index, label in wanted:
        slices[index, label.column] = 0.9
    return replace(made, slices=slices)


def test_positive_is_what_lies_above_the_operating_point_by_label_and_slice():
    wanted = [(7, Label.SUBDURAL), (2, Label.ANY), (3, Label.SUBDURAL)]
    assert positives(prediction_of(*wanted), "paper") == ((2, Label.ANY), (3, Label.SUBDURAL), (7, Label.SUBDURAL))


def test_without_a_positive_slice_there_is_no_page():
    assert contact_sheets(SCAN, prediction_of(), SheetChoice("paper", BRAIN)) == []


def test_every_positive_slice_is_there_bare_beside_painted():
    prediction = prediction_of((4, Label.EPIDURAL))
    (page,) = contact_sheets(SCAN, prediction, SheetChoice("paper", BRAIN))
    bare = page[-SIDE - GAP : -GAP, GAP : GAP + SIDE]
    expected = cv2.resize(to_grey(SCAN.hu[4], BRAIN), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    inside = np.s_[40:280, 40:280]
    assert (bare[inside] == expected[inside][..., None]).all()
    hot = replace(prediction, evidence=np.full(prediction.evidence.shape, 9, np.float32))
    (page,) = contact_sheets(SCAN, hot, SheetChoice("paper", BRAIN))
    painted = page[-SIDE - GAP : -GAP, GAP + SIDE : GAP + 2 * SIDE]
    mixed = 0.4 * expected[inside][..., None] + 0.6 * np.array(COLOURS[Label.EPIDURAL])
    assert np.abs(painted[inside] - mixed).max() <= 2


@pytest.mark.parametrize(("count", "pages"), [(1, 1), (PAIRS * ROWS, 1), (PAIRS * ROWS + 1, 2)])
def test_pages_follow_when_one_is_full(count, pages):
    wanted = [(index % 12, LABELS[index // 12]) for index in range(count)]
    made = contact_sheets(SCAN, prediction_of(*wanted), SheetChoice("paper", BRAIN))
    assert len(made) == pages
    rows = [(len(page) - GAP) // (SIDE + LINE + GAP) for page in made]
    assert rows[-1] == -(-(count - (pages - 1) * PAIRS * ROWS) // PAIRS)


def test_a_page_says_what_it_shows(monkeypatch):
    texts = []
    put = cv2.putText
    monkeypatch.setattr(cv2, "putText", lambda image, text, *rest: (texts.append(text), put(image, text, *rest))[1])
    prediction = prediction_of((4, Label.EPIDURAL))
    contact_sheets(SCAN, prediction, SheetChoice("paper", BRAIN))
    written = " | ".join(texts)
    for expected in (
        prediction.model.intended_use,
        prediction.model.sha256[:12],
        "window C 40 W 80",
        "page 1 of 1",
        "'paper'",
        "5 of 12",
        "EDH 0.90",
        "operating point 0.50",
        "logit per cell of 56 mm",
    ):
        assert expected in written, expected
