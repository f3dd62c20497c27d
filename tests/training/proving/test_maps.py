"""Lesions, evidence and paint on slices where all of them are chosen."""

from dataclasses import replace

import numpy as np
import pytest

from ihd_core.heatmaps.explain import Kind
from ihd_core.heatmaps.overlay import Layer
from ihd_core.labels import LABELS, Label
from ihd_core.model_input import Cells, placement
from tests.ihd_core.toy import toy_prediction, toy_scan
from training.proving.maps import Shown, Slab, maps_of

SIDE = 160


def disc(row, column, radius):
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.hypot(rows - row, columns - column) < radius


def layer(mask, value=1.0):
    return Layer(np.where(mask, value, 0).astype(np.float32), Label.SUBDURAL)


@pytest.mark.parametrize(("gap", "count"), [(10, 1), (30, 2)])
def test_lesions_closer_than_a_cell_are_one(gap, count):
    """Discs of 10 mm: their edges lie as far apart as their middles less 20."""
    lesion = disc(40, 40, 10) | disc(40, 60 + gap, 10)
    assert Shown.of(lesion, 16.0, (1.0, 1.0)).numbers.max() == count
    assert Shown.of(lesion, 8.0, (0.5, 0.5)).numbers.max() == count, "half as large, with cells half as long"


def test_a_speck_is_no_lesion_of_its_own():
    """A disc of 2 mm has 13 mm2 at most."""
    shown = Shown.of(disc(40, 40, 10) | disc(120, 120, 2), 16.0, (1.0, 1.0))
    assert shown.numbers.max() == 1
    assert not shown.numbers[120, 120]
    assert shown.lesion[120, 120]


def test_evidence_is_shared_between_the_lesion_its_neighbourhood_and_the_rest():
    shown = Shown.of(disc(40, 40, 10), 16.0, (1.0, 1.0))
    drawn = np.zeros((SIDE, SIDE), np.float32)
    drawn[40, 40], drawn[40, 60], drawn[100, 100] = 5, 3, 2  # on it, 10 mm beside it, far away
    assert shown.judged([], drawn)[:2] == pytest.approx((0.5, 0.8))


def test_a_second_lesion_without_paint_is_missed():
    shown = Shown.of(disc(40, 40, 10) | disc(120, 120, 10), 16.0, (1.0, 1.0))
    none = np.zeros((SIDE, SIDE), np.float32)
    assert shown.judged([layer(disc(40, 45, 10))], none)[2:] == (2, 1, 1.0)
    assert shown.judged([layer(disc(40, 45, 10)), layer(disc(120, 129, 3))], none)[2:] == (2, 2, 1.0)
    assert shown.judged([layer(disc(40, 45, 10), 0.19)], none)[2:] == (2, 0, None), "below the floor nothing is painted"
    assert shown.judged([], none) == (0.0, 0.0, 2, 0, None)


def test_paint_far_from_every_lesion_is_counted_as_such():
    shown = Shown.of(disc(40, 40, 10), 16.0, (1.0, 1.0))
    both = disc(40, 40, 6) | disc(120, 120, 6)
    assert shown.judged([layer(both)], np.zeros((SIDE, SIDE), np.float32))[4] == pytest.approx(0.5)


def test_the_joint_view_paints_what_is_detected_in_the_scan():
    """The model finds subdural evidence on one lesion and is sure of it, or of nothing."""
    scan = toy_scan(hu=np.zeros((1, SIDE, SIDE)), spacing_mm=(5.0, 1.0, 1.0))
    evidence = np.zeros((1, len(LABELS), 10, 10), np.float32)
    evidence[0, Label.SUBDURAL.column, 2, 2] = 1  # looks at pixel 39.5, 39.5
    slab = Slab(0, {Label.SUBDURAL: disc(40, 40, 10), Label.ANY: disc(40, 40, 10)}, disc(80, 80, 70))
    made = toy_prediction(scan)
    for p, place, touched in ((0.9, "inside the lesion", 1), (0.1, "no evidence", 0)):
        said = replace(
            made,
            evidence=evidence,
            scan=np.full(len(LABELS), p, np.float32),
            slab_of_slice=np.zeros(1, np.int64),
            placement=placement(scan, SIDE),
            cells=Cells(7.5, 16.0),
            warnings=(),
        )
        cnn = {one.label: one for one in maps_of(scan, said, slab) if one.kind is Kind.CNN}
        assert list(cnn) == [Label.SUBDURAL, Label.ANY, None]
        assert (cnn[None].place, cnn[None].touched) == (place, touched)
        assert (cnn[Label.SUBDURAL].place, cnn[Label.SUBDURAL].touched) == ("inside the lesion", 1)
