"""Places of peaks on maps whose strongest cell is chosen."""

import numpy as np
import pytest

from ihd_core.heatmaps.explain import Heatmap, peak
from ihd_core.heatmaps.focus import cell_mm
from ihd_core.labels import Label
from training.proving.peaks import place_of_peak

SIDE, CELLS, STRIDE = 160, 10, 16.0


def map_with_peak(row, column, *, value=1.0):
    """Ten cells a side over 160 pixels; cell i is centred on pixel 7.5 + 16 i."""
    values = np.full((CELLS, CELLS), 0.01 * bool(value), np.float32)
    values[row, column] = value
    to_slice = np.array([[STRIDE, 0, 7.5], [0, STRIDE, 7.5]])
    return Heatmap(values, Label.SUBDURAL, 0, to_slice, (SIDE, SIDE))


def disc(row, column, radius):
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.hypot(rows - row, columns - column) < radius


INSIDE = disc(80, 80, 70)


def test_the_peak_is_where_the_strongest_cell_looks():
    assert peak(map_with_peak(3, 6)) == (7.5 + 48, 7.5 + 96)


def test_a_map_without_evidence_has_no_peak():
    empty = map_with_peak(3, 6, value=0.0)
    assert peak(empty) is None
    assert place_of_peak(empty, disc(55, 103, 10), INSIDE, (1.0, 1.0)) == "no evidence"


@pytest.mark.parametrize(
    ("cell", "place"),
    [
        ((3, 6), "inside the lesion"),  # at 55.5, 103.5
        ((4, 6), "within one cell"),  # 16 pixels below, 6 from the edge of the disc
        ((4, 7), "within one cell"),  # 22.6 away, 12.6 from the edge
        ((5, 6), "inside the skull"),  # 32 below, 22 from the edge
        ((9, 9), "outside"),  # 151.5, 151.5: beyond the disc of the skull
    ],
)
def test_the_place_of_a_peak_against_a_disc_of_10_pixels(cell, place):
    assert place_of_peak(map_with_peak(*cell), disc(55, 103, 10), INSIDE, (1.0, 1.0)) == place


def test_one_cell_is_as_long_as_the_cell_on_the_patient():
    shown = map_with_peak(5, 6)
    assert cell_mm(shown, (0.5, 0.5)) == 8
    assert cell_mm(shown, (0.5, 1.0)) == 16
    # 22 pixels from the lesion are 22 mm or 11 mm, one cell 16 or 8: the answer does not depend on the pixel's size.
    assert place_of_peak(shown, disc(55, 103, 10), INSIDE, (0.5, 0.5)) == "inside the skull"


def test_without_a_lesion_no_peak_is_near_one():
    assert place_of_peak(map_with_peak(3, 6), np.zeros((SIDE, SIDE), bool), INSIDE, (1.0, 1.0)) == "inside the skull"


def test_a_cell_that_looks_beyond_the_slice_counts_as_at_its_edge():
    shown = map_with_peak(9, 9)
    beyond = Heatmap(shown.values, shown.label, 0, shown.to_slice + np.array([[0, 0, 40.0], [0, 0, 40.0]]), shown.shape)
    assert place_of_peak(beyond, disc(155, 155, 20), INSIDE, (1.0, 1.0)) == "inside the lesion"
