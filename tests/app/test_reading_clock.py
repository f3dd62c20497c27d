"""How long what was on the screen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.reading_clock import ReadingClock
from app.session import Mode, Shown
from ihd_core.heatmaps.explain import Kind
from ihd_core.labels import Label
from tests.ihd_core.toy import toy_prediction, toy_scan


class Time:
    seconds = 1000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def now():
    return Time()


@pytest.fixture
def clock(now):
    return ReadingClock(now)


@pytest.fixture(scope="module")
def shown():
    scan = toy_scan()
    return Shown(scan=scan, prediction=toy_prediction(scan), heatmap_label=Label.SUBDURAL, slice_index=2)


def test_hidden_results_take_no_time(clock, now, shown):
    clock.look(shown)
    now.seconds += 30
    assert clock.seconds == 30
    assert clock.results_seconds == 0
    assert clock.heatmap_seconds((2, Label.SUBDURAL, Kind.CNN)) == 0


def test_results_count_from_the_moment_they_are_revealed(clock, now, shown):
    clock.look(shown)
    now.seconds += 30
    clock.look(replace(shown, revealed=True))
    now.seconds += 5
    assert (clock.seconds, clock.results_seconds) == (35, 5)


def test_results_that_are_hidden_again_stop_counting(clock, now, shown):
    clock.look(replace(shown, mode=Mode.TRIAGE))
    now.seconds += 4
    clock.look(shown)
    now.seconds += 100
    assert clock.results_seconds == 4


def test_in_triage_nothing_counts_before_there_is_a_result(clock, now, shown):
    clock.look(replace(shown, mode=Mode.TRIAGE, prediction=None))
    now.seconds += 10
    assert clock.results_seconds == 0


def test_a_heatmap_counts_while_it_is_the_one_on_the_screen(clock, now, shown):
    on = replace(shown, revealed=True)
    clock.look(on)
    now.seconds += 3
    clock.look(replace(on, peeking=True))
    now.seconds += 50
    clock.look(on)
    now.seconds += 2
    clock.look(replace(on, slice_index=3))
    now.seconds += 7
    assert clock.heatmap_seconds((2, Label.SUBDURAL, Kind.CNN)) == 5
    assert clock.heatmap_views((2, Label.SUBDURAL, Kind.CNN)) == 2
    assert clock.heatmap_seconds((3, Label.SUBDURAL, Kind.CNN)) == 7
    assert clock.heatmap_seconds((3, Label.EPIDURAL, Kind.CNN)) == 0


def test_every_kind_of_heatmap_has_its_own_time(clock, now, shown):
    on = replace(shown, revealed=True, setting="screen", kinds_ready=frozenset(Kind))
    on = replace(on, prediction=replace(on.prediction, scan=np.ones(6, np.float32)))
    clock.look(on)
    now.seconds += 3
    clock.look(replace(on, heatmap_kind=Kind.RESULT_SCAN))
    now.seconds += 4
    assert clock.heatmap_seconds((2, Label.SUBDURAL, Kind.CNN)) == 3
    assert clock.heatmap_seconds((2, Label.SUBDURAL, Kind.RESULT_SCAN)) == 4
    assert clock.heatmap_seconds((2, Label.SUBDURAL, Kind.RESULT_SLICE)) == 0


def test_slices_seen_are_counted_once(clock, shown):
    for index in (0, 1, 2, 1, 0):
        clock.look(replace(shown, slice_index=index))
    assert clock.slices_seen == 3


def test_another_scan_starts_from_nothing(clock, now, shown):
    clock.look(replace(shown, revealed=True))
    now.seconds += 10
    clock.start_over()
    clock.look(shown)
    now.seconds += 1
    assert (clock.seconds, clock.results_seconds, clock.slices_seen) == (1, 0, 1)
