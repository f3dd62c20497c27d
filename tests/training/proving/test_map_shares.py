"""Shares and counts of maps that are chosen."""

from dataclasses import replace

import numpy as np
import pytest

from ihd_core.heatmaps.explain import Kind
from ihd_core.labels import LABELS, Label
from tests.training.proving.made_readings import made_readings
from training.judging.bootstrap import Bootstrap
from training.proving.map_shares import map_shares, told
from training.proving.maps import MapOf

SUBDURAL = Label.SUBDURAL


@pytest.fixture(scope="module")
def readings():
    """Two heads; two maps of subdural hemorrhage each, of which the first is called."""
    first, second = made_readings(2, 4)
    p = np.zeros((4, len(LABELS)), np.float32)
    p[0] = 0.9
    one = MapOf(SUBDURAL, 0, Kind.CNN, "inside the lesion", 0.6, 0.9, 1, 1, 1.0)
    other = MapOf(SUBDURAL, 1, Kind.CNN, "outside", 0.0, 0.1, 3, 1, None, disagrees=True)
    joint = MapOf(None, 0, Kind.CNN, "within one cell", 0.2, 0.4, 2, 2, 0.5)
    return [replace(first, slices=p, maps=(one, other, joint)), replace(second, slices=p, maps=(one, other))]


@pytest.fixture(scope="module")
def bootstrap(readings):
    return Bootstrap(np.array([str(one.seed) for one in readings]), draws=20, seed=0)


def row(found, label, *, only_called):
    (one,) = (r for r in found if (r.kind, r.label, r.only_called) == (Kind.CNN, label, only_called))
    return one


def test_shares_are_over_maps_and_recall_is_over_lesions(readings, bootstrap):
    found = row(map_shares(readings, dict.fromkeys(LABELS, 0.5), bootstrap), SUBDURAL, only_called=False)
    assert (found.maps, found.scans, found.lesions, found.others) == (4, 2, 8, 6)
    assert (found.on.value, found.beside.value) == (0.5, 0.5)
    assert (found.energy.value, found.near.value) == pytest.approx((0.3, 0.5))
    assert (found.recall.value, found.recall_of_others.value) == pytest.approx((4 / 8, 2 / 6))
    assert found.painted_near.value == 1.0
    assert found.places["outside"] == 2


def test_called_slices_are_those_above_the_labels_threshold(readings, bootstrap):
    shares = map_shares(readings, dict.fromkeys(LABELS, 0.5), bootstrap)
    found = row(shares, SUBDURAL, only_called=True)
    assert (found.maps, found.on.value, found.others, found.recall_of_others) == (2, 1.0, 0, None)
    nothing = map_shares(readings, dict.fromkeys(LABELS, 0.95), bootstrap)
    assert (row(nothing, SUBDURAL, only_called=True).maps, row(nothing, SUBDURAL, only_called=True).on) == (0, None)


def test_the_joint_view_has_a_row_of_its_own(readings, bootstrap):
    found = row(map_shares(readings, dict.fromkeys(LABELS, 0.5), bootstrap), None, only_called=False)
    assert (found.maps, found.on.value, found.beside.value, found.recall.value) == (1, 0.0, 1.0, 1.0)


def test_peaks_are_counted_apart_where_maps_disagree(readings, bootstrap):
    found = {one.disagrees: one for one in told(readings, bootstrap) if one.label is SUBDURAL}
    assert [(found[key].maps, found[key].beside) for key in (False, True)] == [(2, 2), (2, 0)]
