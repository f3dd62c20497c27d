"""What the viewing commands do, without a window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.session import Layout, Mode, Shown
from app.view_commands import (
    COMMANDS,
    HIDDEN,
    full_window,
    obstacle,
    peaks,
    rated_label,
    rating_obstacle,
    ticked,
    to_peak,
    with_opacity,
)
from ihd_core.heatmaps.explain import Kind, full_scale, heatmap
from ihd_core.labels import LABELS, Label
from ihd_core.windowing import BRAIN, Window
from tests.ihd_core.toy import toy_prediction, toy_scan


@pytest.fixture(scope="module")
def scan():
    return toy_scan(slices=30)


@pytest.fixture(scope="module")
def shown(scan):
    """Subdural is detected; its heatmap has peaks on slices 3, 10 and 20; 25 stays below the floor."""
    prediction = toy_prediction(scan)
    evidence = np.full(prediction.evidence.shape, -1.0, np.float32)
    for index, share in ((3, 0.5), (4, 0.4), (10, 2.0), (20, 0.21), (25, 0.19)):
        evidence[index, Label.SUBDURAL.column, 1, 2] = share * 0.05
    probabilities = np.zeros(len(LABELS), np.float32)
    probabilities[[Label.SUBDURAL.column, Label.ANY.column]] = 0.9
    return Shown(scan=scan, prediction=replace(prediction, evidence=evidence, scan=probabilities), revealed=True)


@pytest.mark.parametrize(
    ("command", "start", "end"),
    [
        ("next_slice", 3, 4), ("next_slice", 29, 29), ("previous_slice", 3, 2), ("previous_slice", 0, 0),
        ("ten_slices_on", 3, 13), ("ten_slices_on", 25, 29), ("ten_slices_back", 5, 0), ("first_slice", 9, 0),
        ("last_slice", 9, 29),
    ],
)  # fmt: skip
def test_slices_are_moved_through_and_never_left(shown, command, start, end):
    assert COMMANDS[command](replace(shown, slice_index=start)).slice_index == end


@pytest.mark.parametrize(
    ("command", "center", "width"),
    [
        ("brain_window", 40, 80), ("subdural_window", 80, 200), ("soft_tissue_window", 40, 380),
        ("bone_window", 480, 2500), ("stroke_window", 40, 40),
    ],
)  # fmt: skip
def test_a_window_is_center_and_width_in_hu_and_leaves_the_networks_view(shown, command, center, width):
    after = COMMANDS[command](replace(shown, network_view=True))
    assert (after.window.center, after.window.width, after.network_view) == (center, width, False)
    assert command in ticked(after)


def test_the_scanners_window_is_used_where_it_wrote_one(shown):
    scan = replace(shown.scan, details=replace(shown.scan.details, default_window=Window(35, 90)))
    assert COMMANDS["default_window"](replace(shown, scan=scan)).window == Window(35, 90)
    assert COMMANDS["default_window"](shown).window == BRAIN


def test_all_values_reach_from_the_lowest_to_the_highest_hu():
    hu = np.full((1, 8, 8), -1000, np.int16)
    hu[0, 2, 3] = 3000
    window = full_window(Shown(scan=toy_scan(hu=hu))).window
    low, high = window.center - 0.5 - (window.width - 1) / 2, window.center - 0.5 + (window.width - 1) / 2
    assert (low, high) == (-1000, 3000)


def test_peaks_are_where_the_heatmap_is_painted_and_stronger_than_beside(shown):
    assert peaks(shown.prediction, (Label.SUBDURAL,)) == (3, 10, 20)
    assert peaks(shown.prediction, (Label.EPIDURAL,)) == ()


def test_n_goes_to_the_next_peak_and_shows_the_heatmap(shown):
    off = replace(shown, slice_index=4, heatmap_on=False)
    after = to_peak(off, forward=True)
    assert (after.slice_index, after.heatmap_on) == (10, True)
    assert to_peak(off, forward=False).slice_index == 3


def test_after_the_last_peak_the_slice_stays(shown):
    assert to_peak(replace(shown, slice_index=20), forward=True).slice_index == 20


@pytest.mark.parametrize(("wanted", "given"), [(0.3, 0.3), (-1, 0.1), (5, 1.0), (0.1 + 0.2, 0.3)])
def test_opacity_stays_a_share_that_can_be_seen(shown, wanted, given):
    assert with_opacity(shown, wanted).opacity == given


def test_what_is_hidden_is_refused_with_how_to_get_it(shown):
    hidden = replace(shown, revealed=False)
    assert obstacle(hidden, "results") == obstacle(hidden, "rating") == HIDDEN
    assert "F9" in HIDDEN
    assert "Ctrl+Enter" in HIDDEN


def test_without_a_scan_nothing_but_opening_can_be_done():
    assert obstacle(Shown(), "") == ""
    assert [bool(obstacle(Shown(), needs)) for needs in ("series", "scan", "results", "rating")] == [True] * 4


def test_the_reason_for_a_missing_prediction_is_given(shown):
    refused = replace(shown, prediction=None, refusal="The slices are coronal")
    assert obstacle(refused, "results") == "The slices are coronal"


def test_only_the_heatmap_of_one_label_is_rated(shown):
    assert rated_label(shown) is Label.SUBDURAL
    assert rated_label(replace(shown, heatmap_label=Label.EPIDURAL)) is Label.EPIDURAL
    several = np.full(len(LABELS), 0.9, np.float32)
    joint = replace(shown, prediction=replace(shown.prediction, scan=several))
    assert rated_label(joint) is None
    assert "Alt+1" in rating_obstacle(joint)
    assert rated_label(replace(shown, heatmap_on=False)) is None
    assert "G" in rating_obstacle(replace(shown, heatmap_on=False))


def test_the_ticks_say_how_the_scan_is_shown(shown):
    ticks = ticked(replace(shown, heatmap_label=Label.ANY, inverted=True, mode=Mode.TRIAGE, setting="paper"))
    assert {"heatmap_any", "invert", "triage_mode", "paper_setting", "toggle_heatmap", "toggle_text"} <= ticks
    assert not ticks & {"heatmap_all", "second_reader_mode", "screen_setting", "toggle_network_view"}


def with_results(shown, **changes):
    """The heatmaps of results are computed."""
    return replace(shown, kinds_ready=frozenset(Kind), **changes)


def test_b_goes_through_the_kinds_and_shows_the_heatmap(shown):
    kinds, now = [], with_results(shown, heatmap_on=False, network_view=True)
    for _ in range(4):
        now = COMMANDS["next_kind"](now)
        kinds.append(now.kind)
    assert kinds == [Kind.RESULT_SLICE, Kind.RESULT_SCAN, Kind.CNN, Kind.RESULT_SLICE]
    assert now.heatmap_on
    assert not now.network_view
    assert {"result_slice_kind"} == {name for name in ticked(now) if name.endswith("_kind")}


def test_a_model_without_a_bilstm_has_one_kind(shown, scan):
    alone = replace(shown, prediction=toy_prediction(scan, sequence=None), heatmap_kind=Kind.RESULT_SCAN)
    assert alone.kind is Kind.CNN
    assert obstacle(alone, "kinds").startswith("This model has no BiLSTM")
    assert obstacle(shown, "kinds") == ""


def test_what_a_result_rests_on_is_shown_of_detected_labels_once_it_is_computed(shown):
    result = replace(shown, heatmap_kind=Kind.RESULT_SLICE)
    assert result.heatmap_labels == ()
    assert rating_obstacle(result) == "The heatmap is being computed"
    assert with_results(result).heatmap_labels == (Label.SUBDURAL,)
    absent = with_results(result, heatmap_label=Label.EPIDURAL)
    assert absent.heatmap_labels == ()
    assert rating_obstacle(absent).startswith("Not detected")
    assert replace(absent, heatmap_kind=Kind.CNN).heatmap_labels == (Label.EPIDURAL,)


@pytest.mark.parametrize("changes", [{"layout": Layout.KINDS}, {"inside_only": True}, {"slab_mm": 10.0}])
def test_half_a_heatmap_two_or_one_on_a_slab_cannot_be_rated(shown, changes):
    assert rated_label(shown) is Label.SUBDURAL
    assert rated_label(replace(shown, **changes)) is None


@pytest.mark.parametrize("kind", [Kind.RESULT_SLICE, Kind.RESULT_SCAN])
def test_peaks_are_those_of_the_kind_that_is_shown(shown, kind):
    shares = [
        heatmap(shown.prediction, Label.SUBDURAL, index, kind).values.max()
        / full_scale(shown.prediction, Label.SUBDURAL, kind)
        for index in range(30)
    ]
    found = peaks(shown.prediction, (Label.SUBDURAL,), kind)
    assert (int(np.argmax(shares)) in found) == (max(shares) >= 0.2)
    assert all(shares[index] >= 0.2 for index in found)
