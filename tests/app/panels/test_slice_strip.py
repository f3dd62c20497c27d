from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent, QRegion
from PySide6.QtWidgets import QApplication, QWidget

from app.panels.slice_strip import SliceStrip, StripView
from app.panels.strip_columns import columns as placed
from app.values.scan_gaps import Gap
from ihd_core.heatmaps.overlay import COLOURS
from ihd_core.labels import DISPLAY_ORDER, LABELS, Label

SLICES = 30
NO_BUTTON = Qt.MouseButton.NoButton


@pytest.fixture
def strip(qtbot):
    made = SliceStrip()
    qtbot.addWidget(made)
    made.resize(744, 124)  # 600 pixels of plot: 20 a slice
    return made


def shown(**changes) -> StripView:
    probabilities = np.full((SLICES, len(LABELS)), 0.02, np.float32)
    view = StripView(probabilities, np.full(len(LABELS), 0.3, np.float32), slice_index=3)
    return replace(view, **changes)


def called_at(index: int, label: Label, probability: float = 0.9) -> np.ndarray:
    probabilities = np.full((SLICES, len(LABELS)), 0.02, np.float32)
    probabilities[index, label.column] = probability
    return probabilities


def grabbed(widget: QWidget) -> np.ndarray:
    """(rows, columns, 3) red, green, blue, int."""
    image = QImage(widget.size(), QImage.Format.Format_RGB32)
    widget.render(image, QPoint(), QRegion(), QWidget.RenderFlag.DrawChildren)
    bits = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return bits[..., 2::-1].astype(int)


def press(strip: SliceStrip, x: float, button=Qt.MouseButton.LeftButton) -> None:
    send(strip, QEvent.Type.MouseButtonPress, x, button, button)


def send(strip, kind, x, button=NO_BUTTON, held=NO_BUTTON) -> None:
    at = QPointF(x, 40)
    event = QMouseEvent(kind, at, strip.mapToGlobal(at), button, held, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(strip, event)


def collected(signal) -> list:
    values: list = []
    signal.connect(values.append)
    return values


@pytest.mark.parametrize("index", [0, 7, SLICES - 1])
def test_a_click_chooses_the_slice_under_it_with_the_first_at_the_left(strip, index):
    strip.show_strip(shown())
    chosen = collected(strip.slice_chosen)
    press(strip, strip.slice_x(index))
    assert chosen == [index]
    assert strip.slice_x(index) == 70 + 20 * index + 10  # the names take 70 pixels


def test_a_drag_follows_and_says_every_slice_once(strip):
    strip.show_strip(shown())
    chosen = collected(strip.slice_chosen)
    left = Qt.MouseButton.LeftButton
    press(strip, strip.slice_x(4))
    for x in (strip.slice_x(4) + 3, strip.slice_x(5), strip.slice_x(5) + 4, strip.slice_x(9)):
        send(strip, QEvent.Type.MouseMove, x, held=left)
    assert chosen == [4, 5, 9]


def test_beside_the_plot_the_nearest_slice_is_chosen(strip):
    strip.show_strip(shown())
    assert strip.slice_at(-5) == 0
    assert strip.slice_at(743) == SLICES - 1


@pytest.mark.parametrize("button", [Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton])
def test_other_buttons_and_bare_moves_choose_nothing(strip, button):
    strip.show_strip(shown())
    chosen = collected(strip.slice_chosen)
    press(strip, 200, button)
    send(strip, QEvent.Type.MouseMove, 300, held=button)
    send(strip, QEvent.Type.MouseMove, 320)
    assert chosen == []


@pytest.mark.parametrize("view", [None, StripView(np.zeros((0, 6), np.float32), np.zeros(6, np.float32), 0)])
def test_without_slices_there_is_nothing_to_choose(strip, view):
    strip.show_strip(view)
    chosen = collected(strip.slice_chosen)
    press(strip, 200)
    assert (chosen, strip.slice_at(200), strip.tooltip_at(200)) == ([], -1, "")
    assert len(np.unique(grabbed(strip))) <= 3


@pytest.mark.parametrize("label", LABELS)
def test_a_called_slice_stands_out_in_its_labels_row_and_colour(strip, label):
    strip.show_strip(shown(probabilities=called_at(12, label)))
    x = round(strip.slice_x(12))
    rows = np.nonzero((grabbed(strip)[:104, x] == COLOURS[label]).all(axis=1))[0]
    height = 104 / len(DISPLAY_ORDER)
    number = DISPLAY_ORDER.index(label)
    assert len(rows) >= 0.75 * (height - 2)
    assert number * height <= rows.min() < rows.max() <= (number + 1) * height + 2


def test_below_the_operating_point_the_colour_is_faint(strip):
    strip.show_strip(shown(probabilities=called_at(12, Label.ANY, 0.29)))
    column = grabbed(strip)[:104, round(strip.slice_x(12))]
    assert not (column == COLOURS[Label.ANY]).all(axis=1).any()
    strip.show_strip(shown(probabilities=called_at(12, Label.ANY, 0.31)))
    column = grabbed(strip)[:104, round(strip.slice_x(12))]
    assert (column == COLOURS[Label.ANY]).all(axis=1).any()


def test_what_is_not_there_yet_looks_unlike_zero(strip):
    some, none = np.zeros((SLICES, len(LABELS)), np.float32), np.zeros((SLICES, len(LABELS)), np.float32)
    some[20:] = np.nan
    strip.show_strip(shown(probabilities=none))
    zero = grabbed(strip)
    strip.show_strip(shown(probabilities=some))
    changed = np.nonzero((grabbed(strip) != zero).any(axis=(0, 2)))[0]
    assert 70 + 20 * 20 <= changed.min() <= 70 + 20 * 20 + 8
    assert changed.max() < 670


def test_a_result_that_arrives_is_drawn(strip):
    waiting = np.full((SLICES, len(LABELS)), np.nan, np.float32)
    strip.show_strip(shown(probabilities=waiting))
    before = grabbed(strip)
    arrived = waiting.copy()
    arrived[5] = 0.8
    strip.show_strip(shown(probabilities=arrived))
    changed = np.nonzero((grabbed(strip) != before).any(axis=(0, 2)))[0]
    assert 70 + 100 <= changed.min() < changed.max() < 70 + 120


def test_the_rows_follow_the_size_of_the_strip(strip):
    strip.show_strip(shown(probabilities=called_at(SLICES - 1, Label.ANY)))
    grabbed(strip)
    strip.resize(544, 124)
    x = round(strip.slice_x(SLICES - 1))
    assert x < 544
    assert (grabbed(strip)[:104, x - 2] == COLOURS[Label.ANY]).all(axis=1).any()


def test_missing_thresholds_call_nothing(strip):
    thresholds = np.full(len(LABELS), np.nan, np.float32)
    strip.show_strip(shown(probabilities=called_at(12, Label.ANY, 0.9), thresholds=thresholds))
    column = grabbed(strip)[:104, round(strip.slice_x(12))]
    assert not (column == COLOURS[Label.ANY]).all(axis=1).any()


def test_hidden_nothing_of_the_probabilities_can_be_seen(strip):
    pictures = []
    rng = np.random.default_rng(1)
    nothing = np.full((SLICES, len(LABELS)), np.nan, np.float32)
    for probabilities in (rng.random((SLICES, len(LABELS)), np.float32), called_at(12, Label.ANY), nothing):
        for threshold in (0.1, 0.9):
            thresholds = np.full(len(LABELS), threshold, np.float32)
            strip.show_strip(shown(probabilities=probabilities, thresholds=thresholds))
            grabbed(strip)  # once seen, hidden again
            strip.show_strip(shown(probabilities=probabilities, thresholds=thresholds, hidden=True))
            pictures.append(grabbed(strip))
            assert strip.tooltip_at(strip.slice_x(12)) == "Slice 13 of 30"
    assert all(np.array_equal(picture, pictures[0]) for picture in pictures)
    strip.show_strip(shown())
    assert not np.array_equal(grabbed(strip), pictures[0])


def test_of_a_scan_that_is_not_analysed_nothing_is_awaited(strip):
    nothing = np.full((SLICES, len(LABELS)), np.nan, np.float32)
    pictures = []
    for hidden in (True, False):
        view = shown(probabilities=nothing, hidden=hidden, not_analysed=True)
        assert view.message == "Not analysed"
        strip.show_strip(view)
        pictures.append(grabbed(strip))
    assert np.array_equal(*pictures)
    strip.show_strip(shown(probabilities=nothing))
    assert not np.array_equal(grabbed(strip), pictures[0])


def test_the_ends_are_called_what_they_are(strip):
    pictures = []
    for ends in (("inferior", "vertex"), ("right", "left")):
        strip.show_strip(shown(hidden=True, ends=ends))
        pictures.append(grabbed(strip)[-18:])
    different = (pictures[0] != pictures[1]).any(axis=(0, 2)).nonzero()[0]
    assert different.min() < 80
    assert different.max() > strip.width() - 80


def test_hidden_it_is_still_the_way_to_a_slice(strip):
    strip.show_strip(shown(hidden=True))
    chosen = collected(strip.slice_chosen)
    press(strip, strip.slice_x(8))
    assert chosen == [8]


def test_the_mark_moves_with_the_slice_on_the_screen(strip):
    strip.show_strip(shown(slice_index=3))
    before = grabbed(strip)
    strip.show_strip(shown(slice_index=20))
    changed = np.nonzero((grabbed(strip) != before)[106:].any(axis=(0, 2)))[0]
    there = [abs(changed - strip.slice_x(index)).min() < 2 for index in (3, 20)]
    assert there == [True, True]


def test_the_mark_never_hides_the_ends_names(strip):
    strip.show_strip(shown(slice_index=15))
    names = [grabbed(strip)[106:, columns] for columns in (slice(0, 68), slice(672, 744))]
    for index in (0, SLICES - 1):
        strip.show_strip(shown(slice_index=index))
        for columns, before in zip((slice(0, 68), slice(672, 744)), names, strict=True):
            assert np.array_equal(grabbed(strip)[106:, columns], before)


def test_the_tooltip_names_slice_and_probabilities_any_first(strip):
    probabilities = called_at(12, Label.SUBDURAL, 0.934)
    probabilities[12, Label.ANY.column] = 0.999
    probabilities[12, Label.EPIDURAL.column] = 0.001
    probabilities[12, Label.SUBARACHNOID.column] = np.nan
    strip.show_strip(shown(probabilities=probabilities))
    assert strip.tooltip_at(strip.slice_x(12)).splitlines() == [
        "Slice 13 of 30",
        "Any  >99 %",
        "EDH  <1 %",
        "IPH  2 %",
        "IVH  2 %",
        "SAH  …",
        "SDH  93 %",
    ]


def test_an_array_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="probabilities"):
        shown(probabilities=np.zeros((SLICES, 5), np.float32))


GAP_AT_9 = Gap(9, 15.0, 2)


def test_a_click_finds_every_slice_with_gaps_between_them(strip):
    strip.show_strip(shown(gaps=(Gap(-1, float("nan"), 1, 1), GAP_AT_9, Gap(20, 10.0, 1))))
    assert [strip.slice_at(strip.slice_x(index)) for index in range(SLICES)] == list(range(SLICES))
    ((_, (left, width)),) = placed(70, 600, SLICES, (GAP_AT_9,)).bands
    strip.show_strip(shown(gaps=(GAP_AT_9,)))
    assert [strip.slice_at(left + share * width) for share in (0.1, 0.9)] == [9, 10]


def test_the_rows_break_where_slices_are_missing(strip):
    full = np.full((SLICES, len(LABELS)), 0.9, np.float32)
    strip.show_strip(shown(probabilities=full, gaps=(GAP_AT_9,)))
    ((_, (left, width)),) = placed(70, 600, SLICES, (GAP_AT_9,)).bands
    inside = grabbed(strip)[:104, round(left) + 1 : round(left + width) - 1]
    for label in LABELS:
        assert not (inside == COLOURS[label]).all(axis=2).any()
    assert (inside == (255, 193, 79)).all(axis=2).any()  # how many are missing
    assert (inside == (120, 88, 36)).all(axis=2).any()  # hatched


def test_a_gap_is_seen_while_the_results_are_hidden(strip):
    strip.show_strip(shown(hidden=True))
    without = grabbed(strip)
    strip.show_strip(shown(hidden=True, gaps=(GAP_AT_9,)))
    assert (grabbed(strip) != without).any()
    ((_, (left, width)),) = placed(70, 600, SLICES, (GAP_AT_9,)).bands
    assert strip.tooltip_at(left + width / 2) == "Gap of 15 mm, 2 slices missing"


def test_rows_are_drawn_anew_when_a_gap_comes(strip):
    full = np.full((SLICES, len(LABELS)), 0.9, np.float32)
    strip.show_strip(shown(probabilities=full))
    before = grabbed(strip)
    strip.show_strip(shown(probabilities=full, gaps=(Gap(0, 10.0, 1),)))
    assert (grabbed(strip)[:, 300:660] != before[:, 300:660]).any()
