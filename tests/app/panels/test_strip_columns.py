import numpy as np

from app.panels.strip_columns import columns as placed
from app.values.scan_gaps import Gap

SLICES = 30
GAP_AT_9 = Gap(9, 15.0, 2)


def test_slices_around_a_gap_keep_their_order_and_the_gap_has_room():
    places = placed(70, 600, SLICES, (GAP_AT_9, Gap(-1, float("nan"), 1), Gap(SLICES - 1, float("nan"), 3)))
    assert (np.diff(places.lefts) > 0).all()
    steps = np.diff(places.lefts)
    assert steps[9] > places.width + 20
    assert np.allclose(np.delete(steps, 9), places.width)
    assert places.lefts[0] > 70 + 10
    end = places.lefts[-1] + places.width
    assert end < 670 - 10
    assert all(70 <= left < left + width <= 670.001 for _, (left, width) in places.bands)


def test_many_gaps_leave_the_slices_most_of_the_room():
    gaps = tuple(Gap(index, 10.0, 50) for index in range(0, 400, 2))
    places = placed(70, 600, 400, gaps)
    assert places.width * 400 >= 0.6 * 600 - 0.01
