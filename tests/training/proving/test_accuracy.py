"""Areas, loss and calibration of made readings against scikit-learn and against loops over all slices."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics import roc_auc_score

from ihd_core.labels import LABELS, Label
from tests.training.proving.made_readings import made_readings
from training.proving.accuracy import (
    Rows,
    areas_under_curves,
    bootstrap_of,
    calibrations,
    easiness,
    log_loss,
    rows_of,
)


@pytest.fixture(scope="module")
def readings():
    return made_readings()


@pytest.fixture(scope="module")
def rows(readings):
    return rows_of(readings)


def by_loop(readings, label, least):
    """Truth and probability of every slice on either side, picked one at a time."""
    truth, score = [], []
    for reading in readings:
        for index in range(len(reading.slices)):
            visible = sum(
                one.area_mm2 for one in reading.lesions if one.slice_index == index and label in (one.label, Label.ANY)
            )
            if reading.truth[index, label.column]:
                if visible < least:
                    continue
            elif visible:
                continue
            truth.append(bool(reading.truth[index, label.column]))
            score.append(reading.slices[index, label.column])
    return np.array(truth), np.array(score)


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("least", [0.0, 100.0])
def test_areas_on_slices_are_scikit_learns_without_what_is_faint_or_small(readings, rows, label, least):
    found = areas_under_curves(rows["slice"], bootstrap_of(rows["slice"], draws=20))
    (one,) = (area for area in found if (area.label, area.least_mm2) == (label, least))
    truth, score = by_loop(readings, label, least)
    assert (one.positives, one.negatives) == (int(truth.sum()), int((~truth).sum()))
    assert one.auc.value == pytest.approx(roc_auc_score(truth, score))
    assert one.met == (one.auc.value >= one.goal)


def test_areas_on_scans_take_a_scan_as_it_bleeds_most(readings, rows):
    label = Label.SUBDURAL
    truth, score = [], []
    for reading in readings:
        largest = max((one.area_mm2 for one in reading.lesions if one.label is label), default=0)
        if largest == 0 or largest >= 100:
            truth.append(largest >= 100)
            score.append(reading.scan[label.column])
    found = areas_under_curves(rows["scan"], bootstrap_of(rows["scan"], draws=20))
    (one,) = (area for area in found if (area.label, area.least_mm2) == (label, 100.0))
    assert one.positives == sum(truth)
    assert one.auc.value == pytest.approx(roc_auc_score(truth, score))


def test_goals_are_higher_from_100_mm2_up_and_for_any(rows):
    goals = {
        (one.least_mm2, one.label is Label.ANY): one.goal
        for one in areas_under_curves(rows["scan"], bootstrap_of(rows["scan"], draws=2))
    }
    assert goals == {(0, True): 0.95, (0, False): 0.90, (100, True): 0.98, (100, False): 0.95}


def test_the_loss_counts_any_twice_and_leaves_out_slices_with_something_faint(rows):
    by_slice = rows["slice"]
    clear = ~by_slice.faint.any(axis=1)
    each = [
        sklearn_log_loss(by_slice.truth[clear, column], by_slice.probability[clear, column].astype(np.float64))
        for column in range(len(LABELS))
    ]
    weights = [2 if label is Label.ANY else 1 for label in LABELS]
    found = log_loss(by_slice, bootstrap_of(by_slice, draws=20))
    assert found.value == pytest.approx(np.average(each, weights=weights), rel=1e-5)
    assert found.low < found.value < found.high


def test_a_certainty_of_one_that_is_wrong_costs_a_finite_loss(rows):
    wrong = replace(rows["scan"], probability=np.ones_like(rows["scan"].probability))
    assert np.isfinite(log_loss(wrong, bootstrap_of(wrong, draws=5)).value)


def test_probabilities_that_mean_what_they_say_are_calibrated_and_others_are_not():
    rng = np.random.default_rng(3)
    count = 20_000
    p = rng.beta(0.5, 2, (count, len(LABELS))).astype(np.float32)
    truth = rng.random(p.shape) < p
    rows = Rows(
        "slice",
        np.repeat([f"{number}" for number in range(count // 20)], 20),
        truth,
        np.zeros_like(truth),
        truth * 300.0,
        p,
        np.zeros((count, 4)),
    )
    honest = calibrations(rows, bootstrap_of(rows, draws=5))
    boasting = replace(rows, probability=np.sqrt(p))
    assert max(one.mass.value for one in honest) < 0.02
    assert min(one.mass.value for one in calibrations(boasting, bootstrap_of(rows, draws=5))) > 0.1


def test_phantoms_that_a_threshold_tells_apart_are_too_easy(rows):
    by_slice, yes = rows["slice"], rows["slice"].truth[:, Label.ANY.column]
    blobs = by_slice.blobs.copy()
    blobs[:, 1] = yes * 100.0
    found = easiness(replace(by_slice, blobs=blobs), bootstrap_of(by_slice, draws=20))
    assert [one.hard_enough for one in found] == [True, False, True, True]
    assert found[1].auc.value == 1


def test_where_every_row_bleeds_nothing_is_measured_and_nothing_is_met(rows):
    truth = np.ones_like(rows["scan"].truth)
    all_bleed = replace(rows["scan"], truth=truth, faint=~truth, area_mm2=truth * 300.0)
    bootstrap = bootstrap_of(all_bleed, draws=5)
    assert {(one.auc, one.met) for one in areas_under_curves(all_bleed, bootstrap)} == {(None, None)}
    assert {(one.auc, one.hard_enough) for one in easiness(all_bleed, bootstrap)} == {(None, None)}
