from dataclasses import replace

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QImage, QMouseEvent, QRegion, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget

from app.panels.slice_picture import Badge, ColourBar, SlicePicture
from app.panels.slice_view import GESTURES, SliceView
from app.panels.slice_writing import BADGE, CALM_BADGE, INK, LETTER, _drawn
from ihd_core.labels import Label
from ihd_core.orientation import EdgeLetters
from ihd_core.windowing import BRAIN, Window

LEFT, MIDDLE, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton
NO_KEY = Qt.KeyboardModifier.NoModifier
PIXEL = (61, 37)  # row and column of the one bright pixel
SHAPE = (100, 90)
SPACINGS = [(1.0, 1.0), (0.5, 0.8), (1.3, 0.4)]


@pytest.fixture
def view(qtbot):
    made = SliceView()
    qtbot.addWidget(made)
    made.resize(420, 360)
    return made


def blank(**changes) -> SlicePicture:
    return replace(SlicePicture(np.zeros((*SHAPE, 3), np.uint8), (1.0, 1.0), BRAIN), **changes)


def blue_pixel(**changes) -> SlicePicture:
    pixels = np.zeros((*SHAPE, 3), np.uint8)
    pixels[PIXEL] = 0, 0, 255
    return blank(pixels=pixels, **changes)


def red_spot() -> np.ndarray:
    overlay = np.zeros((*SHAPE, 4), np.uint8)
    overlay[..., 0] = 255  # transparent red everywhere must stay invisible
    overlay[(*PIXEL, 3)] = 255
    return overlay


def grabbed(widget: QWidget, ratio: float = 1.0) -> np.ndarray:
    """(rows, columns, 3) red, green, blue, int."""
    size = widget.size() * ratio
    image = QImage(size, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    widget.render(image, QPoint(), QRegion(), QWidget.RenderFlag.DrawChildren)
    bits = np.frombuffer(image.constBits(), np.uint8).reshape(size.height(), size.width(), 4)
    return bits[..., 2::-1].astype(int)


def centre_of(picture: np.ndarray, channel: int) -> tuple[float, float]:
    """(x, y) of the light of one colour above the other two; a screen pixel's centre is at its index + 0.5."""
    others = [other for other in range(3) if other != channel]
    light = np.maximum(picture[..., channel] - picture[..., others].max(axis=2) - 10, 0)  # the ink is bluish
    assert light.sum() > 0
    y, x = np.indices(light.shape)
    return float((light * (x + 0.5)).sum() / light.sum()), float((light * (y + 0.5)).sum() / light.sum())


def has(picture: np.ndarray, colour) -> np.ndarray:
    return (picture == colour.getRgb()[:3]).all(axis=2)


def mouse(view: SliceView, kind: QEvent.Type, at: QPointF, button=Qt.MouseButton.NoButton, held=None) -> None:
    held = button if held is None else held
    QApplication.sendEvent(view, QMouseEvent(kind, at, view.mapToGlobal(at), button, held, NO_KEY))


def drag(view: SliceView, button: Qt.MouseButton, by: tuple[float, float], start=(200.0, 150.0)) -> None:
    at = QPointF(*start)
    mouse(view, QEvent.Type.MouseButtonPress, at, button)
    for share in (0.5, 1.0):
        mouse(view, QEvent.Type.MouseMove, at + QPointF(*by) * share, held=button)
    mouse(view, QEvent.Type.MouseButtonRelease, at + QPointF(*by), button, Qt.MouseButton.NoButton)


def wheel(view: SliceView, *, angle=(0, 0), pixels=(0, 0), keys=NO_KEY, at=(200.0, 150.0)) -> None:
    point = QPointF(*at)
    event = QWheelEvent(
        point,
        view.mapToGlobal(point),
        QPoint(*pixels),
        QPoint(*angle),
        Qt.MouseButton.NoButton,
        keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view, event)


def collected(signal) -> list:
    values: list = []
    signal.connect(lambda *value: values.append(value[0] if len(value) == 1 else value))
    return values


def as_opened(view: SliceView) -> None:
    """The whole slice."""


def zoomed(view: SliceView) -> None:
    for _ in range(4):
        view.zoom_in()


def zoomed_and_panned(view: SliceView) -> None:
    zoomed(view)
    drag(view, MIDDLE, (61, -47))


def zoomed_about_a_corner(view: SliceView) -> None:
    wheel(view, angle=(0, 300), keys=Qt.KeyboardModifier.ControlModifier, at=(120.3, 260.9))


def shrunk(view: SliceView) -> None:
    view.zoom_out()


PLACES = [as_opened, zoomed, zoomed_and_panned, zoomed_about_a_corner, shrunk]


# Where things are drawn


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("pixel_mm", SPACINGS)
def test_a_pixel_is_drawn_where_image_point_says(view, pixel_mm, place):
    view.show_picture(blue_pixel(pixel_mm=pixel_mm))
    place(view)
    x, y = centre_of(grabbed(view), channel=2)
    expected = view.image_point(*PIXEL)
    assert (x, y) == pytest.approx((expected.x(), expected.y()), abs=1)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("pixel_mm", SPACINGS)
def test_the_overlay_lies_on_the_pixel_it_belongs_to(view, pixel_mm, place):
    view.show_picture(blue_pixel(pixel_mm=pixel_mm))
    place(view)
    pixel = centre_of(grabbed(view), channel=2)
    view.show_picture(blank(pixel_mm=pixel_mm, overlay=red_spot()))
    spot = centre_of(grabbed(view), channel=0)
    half = min(pixel_mm) * view.zoom / 2
    assert spot == pytest.approx(pixel, abs=min(half, 0.5))


@pytest.mark.parametrize("ratio", [1.25, 2.0])
def test_on_a_dense_screen_everything_is_at_the_same_place(view, monkeypatch, ratio):
    monkeypatch.setattr(view, "devicePixelRatioF", lambda: ratio)
    view.show_picture(blue_pixel(pixel_mm=(0.5, 0.8)))
    zoomed_and_panned(view)
    x, y = centre_of(grabbed(view, ratio), channel=2)
    expected = view.image_point(*PIXEL) * ratio
    assert (x, y) == pytest.approx((expected.x(), expected.y()), abs=1)


def test_image_point_of_a_fitted_slice_is_known_by_hand(view):
    view.resize(400, 300)
    pixels = np.zeros((100, 200), np.uint8)
    view.show_picture(blank(pixels=pixels, pixel_mm=(1.0, 0.5)))  # 100 x 100 mm: 3 pixels a mm, 50 pixels at each side
    assert view.image_point(0, 0) == QPointF(50.75, 1.5)
    assert view.image_point(99, 199) == QPointF(349.25, 298.5)


@pytest.mark.parametrize("overlay", [None, np.zeros((300, 300, 4), np.uint8)])
def test_grey_on_the_screen_is_the_grey_that_was_given(view, overlay):
    pixels = np.random.default_rng(3).integers(0, 256, (300, 300), np.uint8)
    view.resize(300, 300)
    view.show_picture(blank(pixels=pixels, overlay=overlay))
    drawn = grabbed(view)[:260]  # below that lies the bar of known length
    assert np.array_equal(drawn, np.repeat(pixels[:260, :, None], 3, axis=2).astype(int))


def test_the_heatmap_changes_only_what_it_covers(view):
    pixels = np.random.default_rng(4).integers(0, 256, SHAPE, np.uint8)
    view.show_picture(blank(pixels=pixels))
    plain = grabbed(view)
    view.show_picture(blank(pixels=pixels, overlay=red_spot()))
    changed = np.argwhere((grabbed(view) != plain).any(axis=2))
    centre = view.image_point(*PIXEL)
    assert len(changed) > 0
    reach = 2 * view.zoom + 1  # interpolation: one pixel to either side
    assert abs(changed - (centre.y(), centre.x())).max() <= reach


def test_half_opacity_is_half_colour_and_half_grey(view):
    overlay = np.full((*SHAPE, 4), (200, 100, 0, 128), np.uint8)
    view.show_picture(blank(pixels=np.full(SHAPE, 60, np.uint8), overlay=overlay))
    share = 128 / 255
    expected = [colour * share + 60 * (1 - share) for colour in (200, 100, 0)]
    assert grabbed(view)[180, 210] == pytest.approx(expected, abs=1.5)


def test_a_window_change_does_not_resize_the_overlay_again(view, monkeypatch):
    resized = []
    resize = cv2.resize
    monkeypatch.setattr(cv2, "resize", lambda pixels, *a, **k: resized.append(pixels.ndim) or resize(pixels, *a, **k))
    overlay = red_spot()
    for grey in (10, 20, 30):
        view.show_picture(blank(pixels=np.full(SHAPE, grey, np.uint8), overlay=overlay))
        grabbed(view)
    assert resized == [2, 3, 2, 2]


def test_read_only_and_strided_arrays_can_be_drawn(view):
    pixels = np.zeros((SHAPE[0] * 2, SHAPE[1], 3), np.uint8)[::2, ::-1]
    overlay = red_spot()[:, ::-1]
    overlay.flags.writeable = pixels.flags.writeable = False
    view.show_picture(blank(pixels=pixels, overlay=overlay))
    x, _ = centre_of(grabbed(view), channel=0)
    assert x == pytest.approx(view.image_point(PIXEL[0], SHAPE[1] - 1 - PIXEL[1]).x(), abs=1)


def test_a_picture_that_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="pixel_mm"):
        blank(pixel_mm=(0.0, 1.0))
    with pytest.raises(ValueError, match="overlay"):
        blank(overlay=np.zeros((3, 3, 4), np.uint8))


# What is written


def test_every_letter_stands_at_its_edge(view):
    letters = EdgeLetters(left="R", right="L", top="A", bottom="P")
    view.show_picture(blank(letters=letters))
    ys, xs = np.nonzero(has(grabbed(view), LETTER))
    places = {"left": xs < 40, "right": xs > 380, "top": ys < 60, "bottom": ys > 290}
    for edge, there in places.items():
        assert there.any(), edge
    assert np.logical_or.reduce(list(places.values())).all()
    for edge in places:
        view.show_picture(blank(letters=replace(letters, **{edge: ""})))
        ys, xs = np.nonzero(has(grabbed(view), LETTER))
        gone = {"left": xs < 40, "right": xs > 380, "top": ys < 60, "bottom": ys > 290}[edge]
        assert not gone.any(), edge


@pytest.mark.parametrize("letters", [None, EdgeLetters("", "", "", "")])
def test_no_letter_is_drawn_where_the_files_do_not_tell(view, letters):
    view.show_picture(blank(letters=letters))
    assert not has(grabbed(view), LETTER).any()


@pytest.mark.parametrize(
    ("corner", "rows", "columns"),
    [
        ("top_left", slice(0, 60), slice(0, 210)),
        ("top_right", slice(0, 60), slice(210, 420)),
        ("bottom_left", slice(300, 360), slice(0, 130)),
        ("bottom_right", slice(300, 360), slice(290, 420)),
    ],
)
def test_every_corner_has_its_text(view, corner, rows, columns):
    view.show_picture(blank())
    before = grabbed(view)
    view.show_picture(blank(**{corner: ("Eins", "Zwei")}))
    changed = (grabbed(view) != before).any(axis=2)
    assert changed[rows, columns].any()
    changed[rows, columns] = False
    assert not changed.any()


def test_a_long_line_leaves_the_other_corner_alone(view):
    view.show_picture(blank(top_left=("W" * 200,)))
    assert not has(grabbed(view), INK)[:60, 215:].any()


def test_badges_are_on_their_own_ground_and_corners_give_way(view):
    badge = Badge("DEMONSTRATION MODEL: not for clinical use")
    view.show_picture(blank(badges=(badge,)))
    ground = has(grabbed(view), BADGE)
    assert ground.sum() > 2000
    y = int(np.nonzero(ground)[0].max())
    view.show_picture(blank(badges=(badge,), top_left=("A patient's name",)))
    drawn = grabbed(view)
    assert has(drawn, BADGE).sum() == ground.sum()
    assert np.nonzero(has(drawn, INK)[:100])[0].min() > y


@pytest.mark.parametrize(("zooms", "length_mm"), [(0, 50), (7, 10)])
def test_the_bar_is_as_long_as_it_says(view, zooms, length_mm):
    view.show_picture(blank(pixels=np.zeros((250, 250), np.uint8)))
    for _ in range(zooms):
        view.zoom_in()
    base = has(grabbed(view), INK)[350, :]
    longest = max(len(run) for run in "".join("x" if ink else " " for ink in base).split())
    assert longest == pytest.approx(length_mm * view.zoom, abs=1.5)


def test_a_colour_bar_is_drawn_for_every_label_only_when_there_is_one(view):
    red, green = (255, 0, 0), (0, 255, 0)
    bars = (ColourBar(Label.SUBDURAL, red, 0.2, 1.0, "evidence"), ColourBar(Label.ANY, green, 0.2, 1.0))
    view.show_picture(blank(colour_bars=bars))
    drawn = grabbed(view)
    assert (drawn == red).all(axis=2).any()
    assert (drawn == green).all(axis=2).any()
    view.show_picture(blank())
    assert len(np.unique(grabbed(view).reshape(-1, 3) @ (1, 300, 90000))) < 400
    assert not (grabbed(view)[..., 0] > grabbed(view)[..., 1] + 20).any()


# What the mouse does


@pytest.mark.parametrize(("angle", "steps"), [(-120, 1), (120, -1), (-360, 3)])
def test_a_notch_is_a_slice_and_down_goes_to_the_vertex(view, angle, steps):
    view.show_picture(blank())
    scrolled = collected(view.scrolled)
    wheel(view, angle=(0, angle))
    assert scrolled == [steps]


def test_shift_makes_it_ten_also_where_the_system_turns_the_wheel_sideways(view):
    view.show_picture(blank())
    scrolled = collected(view.scrolled)
    wheel(view, angle=(0, -120), keys=Qt.KeyboardModifier.ShiftModifier)
    wheel(view, angle=(120, 0), keys=Qt.KeyboardModifier.ShiftModifier)
    assert scrolled == [10, -10]


def test_a_touchpad_collects_pixels_to_slices(view):
    view.show_picture(blank())
    scrolled = collected(view.scrolled)
    for _ in range(7):
        wheel(view, pixels=(0, -8), angle=(0, -15))
    assert scrolled == [1, 1]  # 56 of 24 pixels each


def test_a_fine_wheel_collects_parts_of_a_notch_and_turning_back_starts_anew(view):
    view.show_picture(blank())
    scrolled = collected(view.scrolled)
    for angle in (-60, -60, -90, 60, 60):
        wheel(view, angle=(0, angle))
    assert scrolled == [1, -1]


@pytest.mark.parametrize("keys", [NO_KEY, Qt.KeyboardModifier.ShiftModifier])
def test_without_a_slice_the_mouse_does_nothing(view, keys):
    heard = [collected(signal) for signal in (view.scrolled, view.window_dragged, view.probed)]
    wheel(view, angle=(0, -120), keys=keys)
    for button in (LEFT, MIDDLE, RIGHT):
        drag(view, button, (50, 50))
    view.zoom_in()
    assert heard == [[], [], []]


def test_ctrl_and_wheel_zooms_about_the_pointer_and_does_not_scroll(view):
    view.show_picture(blank())
    scrolled = collected(view.scrolled)
    before, zoom = view.image_point(*PIXEL), view.zoom
    at = (before.x(), before.y())
    wheel(view, angle=(0, 240), keys=Qt.KeyboardModifier.ControlModifier, at=at)
    after = view.image_point(*PIXEL)
    assert (after.x(), after.y()) == pytest.approx(at, abs=0.01)
    assert view.zoom == pytest.approx(zoom * 1.2**2)
    assert scrolled == []


@pytest.mark.parametrize(
    ("start", "by", "expected"),
    [
        (BRAIN, (50, 0), Window(40, 100)),
        (BRAIN, (0, 25), Window(50, 80)),
        (BRAIN, (0, -25), Window(30, 80)),
        (BRAIN, (-5000, 0), Window(40, 2)),
        (Window(480, 2500, "bone"), (10, -4), Window(430, 2625)),
    ],
)
def test_left_drag_moves_the_window_from_where_it_was(view, start, by, expected):
    view.show_picture(blank(window=start))
    windows = collected(view.window_dragged)
    drag(view, LEFT, by)
    assert windows[-1] == expected


def test_a_drag_starts_from_the_window_at_the_press_whatever_is_shown_meanwhile(view):
    view.show_picture(blank())
    windows = collected(view.window_dragged)
    view.window_dragged.connect(lambda window: view.show_picture(blank(window=window)))
    drag(view, LEFT, (50, 0))
    assert windows == [Window(40, 90), Window(40, 100)]


@pytest.mark.parametrize("button", [LEFT, MIDDLE, RIGHT])
def test_a_click_that_trembles_changes_nothing(view, button):
    view.show_picture(blank())
    windows, before, zoom = collected(view.window_dragged), view.image_point(3, 4), view.zoom
    drag(view, button, (2, -2))
    assert windows == []
    assert (view.image_point(3, 4), view.zoom) == (before, zoom)


def test_middle_drag_takes_the_slice_along(view):
    view.show_picture(blank())
    before = view.image_point(*PIXEL)
    drag(view, MIDDLE, (33, -21))
    moved = view.image_point(*PIXEL) - before
    assert (moved.x(), moved.y()) == pytest.approx((33, -21))


def test_right_drag_up_enlarges_about_where_it_began(view):
    view.show_picture(blank())
    start, zoom = view.image_point(*PIXEL), view.zoom
    drag(view, RIGHT, (0, -60), start=(start.x(), start.y()))
    now = view.image_point(*PIXEL)
    assert view.zoom > 1.3 * zoom
    assert (now.x(), now.y()) == pytest.approx((start.x(), start.y()), abs=0.01)


def test_fit_and_reset_show_the_whole_slice_again(view):
    view.show_picture(blank())
    first, last = view.image_point(0, 0), view.image_point(99, 89)
    for again in (view.fit, view.reset_view):
        zoomed_and_panned(view)
        assert view.image_point(0, 0) != first
        again()
        assert (view.image_point(0, 0), view.image_point(99, 89)) == (first, last)


def test_zoom_and_place_stay_from_slice_to_slice(view):
    view.show_picture(blank())
    zoomed_and_panned(view)
    before = view.image_point(*PIXEL)
    view.show_picture(blue_pixel())
    assert view.image_point(*PIXEL) == before


@pytest.mark.parametrize("place", PLACES)
def test_the_pixel_under_the_pointer_is_told(view, place):
    view.show_picture(blank(pixel_mm=(0.5, 0.8)))
    place(view)
    probed = collected(view.probed)
    mouse(view, QEvent.Type.MouseMove, view.image_point(*PIXEL))
    assert probed == [PIXEL]


def test_beside_the_slice_and_outside_the_widget_no_pixel_is_told(view):
    view.show_picture(blank())
    probed, left = collected(view.probed), collected(view.left)
    mouse(view, QEvent.Type.MouseMove, view.image_point(-2, 5))
    mouse(view, QEvent.Type.MouseMove, view.image_point(50, 91))
    QApplication.sendEvent(view, QEvent(QEvent.Type.Leave))
    assert (probed, len(left)) == ([], 3)


# Without a slice


def test_an_empty_view_says_how_to_begin_and_then_what_it_is_told(view):
    empty = grabbed(view)
    assert empty.any()
    view.show_message("Reading 12 of 34")
    assert not np.array_equal(grabbed(view), empty)
    view.show_picture(blank())
    view.show_picture(None)
    assert np.array_equal(grabbed(view), empty)
    assert view.image_point(1, 1) == QPointF()


def test_every_gesture_is_described():
    assert len({gesture.hand for gesture in GESTURES}) == len(GESTURES) >= 6
    assert all(gesture.does for gesture in GESTURES)


def rows_of(view, colour, badges):
    view.show_picture(blank(badges=badges))
    return np.nonzero(has(grabbed(view), colour).any(axis=1))[0]


def test_what_must_be_named_goes_on_in_a_second_row_and_loses_no_word(view):
    view.resize(300, 300)
    one = rows_of(view, BADGE, (Badge("One"),))
    long = tuple(Badge(f"A rather long badge that stays {number}") for number in range(2))
    found = rows_of(view, BADGE, long)
    assert found.max() - found.min() > 2 * (one.max() - one.min())
    view.show_picture(blank(badges=long))
    columns = np.nonzero(has(grabbed(view), BADGE).any(axis=0))[0]
    assert 0 < columns.min() < columns.max() < 299


def test_badges_that_may_go_never_take_more_than_one_row(view):
    one = rows_of(view, BADGE, (Badge("One"),))
    many = tuple(Badge(f"A rather long badge {number}", may_go=True) for number in range(9))
    found = rows_of(view, BADGE, (*many, Badge("Inverted")))
    assert (found.min(), found.max()) == (one.min(), one.max())


def test_the_letter_at_the_top_is_at_the_same_place_for_one_badge_and_for_many(view):
    letters = EdgeLetters("R", "L", "A", "P")
    places = []
    for count in (1, 9):
        badges = tuple(Badge(f"A rather long badge {number}", may_go=True) for number in range(count))
        view.show_picture(blank(badges=badges, letters=letters))
        places.append(np.nonzero(has(grabbed(view), LETTER)[:120])[0].min())
    assert places[0] == places[1]


def test_what_is_not_serious_is_grey(view):
    assert len(rows_of(view, CALM_BADGE, (Badge("Metal", serious=False),)))
    assert not len(rows_of(view, BADGE, (Badge("Metal", serious=False),)))


@pytest.mark.parametrize(
    ("width", "expected"),
    [(2000, ["B0", "B1", "B2", "B3", "+3", "Inverted"]), (180, ["B0", "+6", "Inverted"]), (10, ["+7", "Inverted"])],
)
def test_four_are_named_or_as_many_as_fit_and_the_rest_is_counted(qapp, width, expected):
    font = QFont(qapp.font())
    font.setPixelSize(13)
    badges = (*(Badge(f"B{number}", number == 0, may_go=True) for number in range(7)), Badge("Inverted"))
    row = _drawn(badges, QFontMetricsF(font), width)
    assert [badge.text for badge in row] == expected
    assert row[-2].serious == (expected[0] == "+7")  # the count is as serious as what it counts


def test_what_asks_for_caution_stands_above_the_lower_right_corner_in_the_badges_colour(view):
    view.show_picture(blank(bottom_right=("Slice 1 / 2",)))
    assert not has(grabbed(view), BADGE).any()
    view.show_picture(blank(bottom_right=("Slice 1 / 2",), caution=("Gap of 10 mm",)))
    drawn = grabbed(view)
    rows, columns = np.nonzero(has(drawn, BADGE))
    assert columns.min() > drawn.shape[1] / 2
    corner = has(drawn, INK)[:, round(0.7 * drawn.shape[1]) :]
    assert rows.max() < np.nonzero(corner[-60:].any(axis=1))[0].max() + drawn.shape[0] - 60


def test_two_views_can_be_kept_at_the_same_place(qtbot, view):
    view.show_picture(blank())
    with qtbot.waitSignal(view.placed) as signal:
        view.zoom_in()
    other = SliceView()
    qtbot.addWidget(other)
    other.resize(view.size())
    other.show_picture(blank())
    with qtbot.assertNotEmitted(other.placed):
        other.place_like(*signal.args)
    assert other.zoom == view.zoom
    assert other.image_point(3, 5) == view.image_point(3, 5)
