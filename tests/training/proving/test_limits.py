"""Detection limits of made readings, against counting by hand."""

from dataclasses import replace

import numpy as np
import pytest

from ihd_core.estimate import wilson
from ihd_core.labels import LABELS, SUBTYPES, Label
from ihd_core.phantom.lesion_record import LesionRecord
from tests.training.proving.made_readings import made_readings
from training.judging.bootstrap import Bootstrap
from training.proving.accuracy import bootstrap_of, rows_of
from training.proving.limits import EDGES, limits, share, thresholds


@pytest.fixture(scope="module")
def readings():
    return made_readings(scans=60)


@pytest.fixture(scope="module")
def rows(readings):
    return rows_of(readings)["slice"]


@pytest.mark.parametrize("label", LABELS)
def test_the_threshold_is_the_lowest_with_a_specificity_of_95_percent(rows, label):
    without = ~rows.truth[:, label.column] & ~rows.faint[:, label.column]
    score = rows.probability[without, label.column]
    enough = [t for t in np.unique(score) if (score <= t).mean() >= 0.95]
    assert thresholds(rows)[label] == min(enough)


def test_every_lesion_slice_is_in_one_bin_of_every_measure(readings, rows):
    found = limits(readings, thresholds(rows), bootstrap_of(rows, draws=10))
    for label in SUBTYPES:
        count = sum(one.label is label for reading in readings for one in reading.lesions)
        for measure in EDGES:
            assert sum(one.slices for one in found if (one.label, one.measure) == (label, measure)) == count


@pytest.mark.parametrize("measure", EDGES)
def test_shares_are_those_counted_by_hand(readings, rows, measure):
    at = thresholds(rows)
    for limit in limits(readings, at, bootstrap_of(rows, draws=10)):
        if limit.measure != measure:
            continue
        chosen = [
            (reading.slices[one.slice_index], reading.seed, alone(reading, one))
            for reading in readings
            for one in reading.lesions
            if one.label is limit.label and limit.low <= getattr(one, measure) < limit.high
        ]
        own = np.mean([p[limit.label.column] > at[limit.label] for p, _, _ in chosen])
        of_any = [p[Label.ANY.column] > at[Label.ANY] for p, _, single in chosen if single]
        assert (limit.slices, limit.scans) == (len(chosen), len({seed for _, seed, _ in chosen}))
        assert limit.alone == len(of_any)
        assert limit.own.value == pytest.approx(own)
        assert limit.any is None if not of_any else limit.any.value == pytest.approx(np.mean(of_any))


def alone(reading, one):
    """Whether no other record is of the same slice."""
    return sum(other.slice_index == one.slice_index for other in reading.lesions) == 1


def test_a_lesion_beside_a_larger_one_does_not_count_as_found_by_any():
    reading = made_readings(scans=2, slices=4)[0]
    small = LesionRecord(Label.SUBDURAL, 0, 10.0, 20.0, 2.0, 0.2)
    large = LesionRecord(Label.INTRAPARENCHYMAL, 0, 900.0, 35.0, 30.0, 40.0)
    lone = LesionRecord(Label.SUBDURAL, 1, 10.0, 20.0, 2.0, 0.2)
    truth, faint = np.zeros((2, 4, len(LABELS)), bool)
    truth[0, [Label.INTRAPARENCHYMAL.column, Label.ANY.column]] = True
    faint[[0, 1], Label.SUBDURAL.column] = faint[1, Label.ANY.column] = True
    p = np.zeros((4, len(LABELS)), np.float32)
    p[0, [Label.INTRAPARENCHYMAL.column, Label.ANY.column]] = 0.99
    reading = replace(reading, slices=p, truth=truth, faint=faint, lesions=(small, large, lone))
    found = limits([reading], dict.fromkeys(LABELS, 0.5), Bootstrap(np.array([str(reading.seed)]), draws=5, seed=1))
    (subdural,) = (one for one in found if (one.label, one.measure) == (Label.SUBDURAL, "area_mm2"))
    assert (subdural.slices, subdural.alone, subdural.any.value) == (2, 1, 0)


def test_an_interval_over_alike_slices_is_as_wide_as_its_scans_allow():
    scans = np.repeat([f"{n:02d}" for n in range(30)], 10)
    called = np.repeat(np.arange(30) % 2 == 0, 10)
    found = share(called, scans, Bootstrap(scans, draws=500, seed=1))
    by_slice, by_scan = wilson(150, 300), wilson(15, 30)
    assert found.value == 0.5
    assert found.high - found.low > 2 * (by_slice.high - by_slice.low)
    assert found.high - found.low == pytest.approx(by_scan.high - by_scan.low, rel=0.15)


@pytest.mark.parametrize("found_all", [True, False])
def test_all_or_nothing_found_has_wilsons_interval_over_scans(found_all):
    scans = np.repeat([f"{n:02d}" for n in range(12)], 5)
    found = share(np.full(60, found_all), scans, Bootstrap(scans, draws=50, seed=1))
    expected = wilson(12 * found_all, 12)
    assert (found.low, found.high) == (expected.low, expected.high)


def test_one_scan_alone_says_next_to_nothing():
    scans = np.repeat([f"{n:02d}" for n in range(12)], 5)
    called = np.array([True, True, True, True, False])
    found = share(called, scans[:5], Bootstrap(scans, draws=50, seed=1))
    assert found.value == 0.8
    assert found.high - found.low > 0.7
