"""The one value, its signal and its rules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.session import Mode, Partial, Session, Shown, predicted, preview_arrived, scan_loaded, slab_arrived
from ihd_core.dicom.reader import Preview
from ihd_core.heatmaps.explain import Kind
from ihd_core.labels import LABELS, Label
from ihd_core.predict import SlabResult
from ihd_core.study.opinion import Opinion, answer
from ihd_core.study.rating import RatingValue
from ihd_core.windowing import BONE
from tests.ihd_core.toy import toy_info, toy_prediction, toy_scan


@pytest.fixture(scope="module")
def scan():
    return toy_scan()


@pytest.fixture(scope="module")
def prediction(scan):
    return toy_prediction(scan)


def with_scan_probabilities(prediction, **values):
    scan = np.zeros(len(LABELS), np.float32)
    for name, value in values.items():
        scan[Label(name).column] = value
    return replace(prediction, scan=scan)


def test_a_change_is_told_once_with_new_and_old(qtbot):
    session = Session()
    told = []
    session.changed.connect(lambda new, old: told.append((new.slice_index, old.slice_index)))
    session.show(slice_index=3)
    session.show(slice_index=3)
    assert told == [(3, 0)]


def test_another_scan_forgets_everything_about_the_one_before_but_not_how_scans_are_shown(scan, prediction):
    before = Shown(
        scan=scan, prediction=prediction, revealed=True, opinion=Opinion({Label.ANY: answer(90)}), slice_index=3,
        saved_opinion=Opinion(), ratings={(3, Label.ANY, Kind.CNN): RatingValue.CORRECT}, refusal="no",
        heatmap_label=Label.ANY, kinds_ready=frozenset(Kind),
        peeking=True, probe=(1, 2), window=BONE, mode=Mode.TRIAGE, reader="R1", setting="confirm", opacity=0.9,
    )  # fmt: skip
    preview = Preview(toy_scan(slices=1), 4, 9)
    after = preview_arrived(before, 1, preview)
    kept = Shown(
        window=BONE, mode=Mode.TRIAGE, reader="R1", setting="confirm", opacity=0.9, current=1, preview=preview,
        slice_index=4,
    )  # fmt: skip
    assert after == kept


def test_the_whole_scan_opens_at_the_slice_that_was_shown_first(scan):
    shown = scan_loaded(Shown(slice_index=4, loading=(5, 6)), scan)
    assert (shown.slice_index, shown.loading, shown.preview) == (4, None, None)


def test_a_scan_that_lost_slices_opens_at_its_last_one(scan):
    assert scan_loaded(Shown(slice_index=40), scan).slice_index == len(scan) - 1


def test_the_slice_on_the_screen_stays_where_one_below_it_could_not_be_read():
    whole = toy_scan(slices=6)
    one = replace(toy_scan(slices=1), slice_uids=(whole.slice_uids[4],))
    without_the_second = replace(
        whole,
        slice_uids=whole.slice_uids[:1] + whole.slice_uids[2:],
        hu=whole.hu[[0, 2, 3, 4, 5]],
        positions_mm=whole.positions_mm[[0, 2, 3, 4, 5]],
    )
    shown = scan_loaded(Shown(preview=Preview(one, 4, 6), slice_index=4), without_the_second)
    assert shown.scan.slice_uids[shown.slice_index] == whole.slice_uids[4]


def test_results_come_slab_by_slab(scan):
    empty = np.zeros(0, np.float32)
    result = SlabResult(range(2, 4), np.full(len(LABELS), 0.25, np.float32), empty, empty, empty)
    shown = slab_arrived(Shown(scan=scan), result)
    expected = np.full((6, len(LABELS)), np.nan)
    expected[2:4] = 0.25
    np.testing.assert_array_equal(shown.partial.probabilities, expected)


def test_the_prediction_takes_the_place_of_what_came_before(scan, prediction):
    shown = predicted(Shown(scan=scan, refusal="stopped", predicting=(3, 6)), prediction)
    assert (shown.prediction, shown.partial, shown.predicting, shown.refusal) == (prediction, None, None, "")


def test_second_reader_hides_the_results_until_they_are_revealed():
    assert not Shown().results_visible
    assert Shown(revealed=True).results_visible
    assert Shown(mode=Mode.TRIAGE).results_visible


def test_detected_are_the_subtypes_above_their_operating_point(prediction):
    some = with_scan_probabilities(prediction, any=0.9, epidural=0.31, subdural=0.85, subarachnoid=0.29)
    assert Shown(prediction=some).detected == (Label.EPIDURAL, Label.SUBDURAL)
    assert Shown(prediction=some, setting="confirm").detected == (Label.SUBDURAL,)


def test_any_counts_where_no_subtype_does(prediction):
    some = with_scan_probabilities(prediction, any=0.9, subdural=0.1)
    assert Shown(prediction=some).detected == (Label.ANY,)
    assert Shown(prediction=with_scan_probabilities(prediction, any=0.1)).detected == ()


def test_heatmaps_are_on_the_screen_only_where_results_may_be_seen(prediction):
    some = with_scan_probabilities(prediction, any=0.9, subdural=0.9)
    shown = Shown(prediction=some, revealed=True)
    assert shown.heatmap_labels == (Label.SUBDURAL,)
    assert replace(shown, heatmap_label=Label.EPIDURAL).heatmap_labels == (Label.EPIDURAL,)
    for hidden in ({"revealed": False}, {"heatmap_on": False}, {"peeking": True}, {"network_view": True}):
        assert replace(shown, **hidden).heatmap_labels == ()


def test_thresholds_are_the_models_own():
    assert toy_info().threshold("screen", "scan", Label.ANY) == pytest.approx(0.3)


def test_partial_results_count_the_slices_that_are_there():
    probabilities = np.full((4, len(LABELS)), np.nan, np.float32)
    probabilities[[0, 3]] = 0.5
    assert Partial(probabilities).slice_count == 2
