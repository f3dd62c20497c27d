"""The worst slices of made readings, found again by looking at all of them."""

from ihd_core.labels import LABELS, Label
from tests.training.proving.made_readings import made_readings
from training.proving.mistakes import MOST, false_alarms, misses

ANY = Label.ANY.column
READINGS = made_readings(scans=30)


def slices_where(wanted):
    return [
        (float(one.slices[i, ANY]), one.seed, i) for one in READINGS for i in range(len(one.slices)) if wanted(one, i)
    ]


def test_the_first_false_alarm_is_the_most_probable_slice_without_blood():
    every = slices_where(lambda one, i: not one.truth[i, ANY] and not one.faint[i, ANY])
    found = false_alarms(READINGS)
    assert (found[0].probability, found[0].seed, found[0].slice_index) == max(every)
    assert len(found) == len({one.seed for one in found}) == MOST
    assert [one.probability for one in found] == sorted((one.probability for one in found), reverse=True)


def test_the_first_miss_is_the_least_probable_slice_with_much_blood():
    every = slices_where(lambda one, i: one.truth[i, ANY] and one.area_mm2[i, ANY] >= 100)
    found = misses(READINGS)
    assert (found[0].probability, found[0].seed, found[0].slice_index) == min(every)
    reading = next(one for one in READINGS if one.seed == found[0].seed)
    seen = {label for label in LABELS[:-1] if reading.truth[found[0].slice_index, label.column]}
    assert set(found[0].labels) == seen
    assert all(one.area_mm2 >= 100 for one in found)
