"""What is drawn in the middle of the window."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from app import pane_commands, view_commands
from app.panels.slice_picture import Badge
from app.session import Layout, Shown, preview_arrived
from app.values import pictures
from ihd_core.brain_mask import brain_mask
from ihd_core.dicom.reader import Preview
from ihd_core.dicom.series import find_series
from ihd_core.heatmaps.explain import Kind, full_scale
from ihd_core.heatmaps.overlay import cell_mm
from ihd_core.labels import Label
from ihd_core.orientation import EdgeLetters, Turn, edge_letters
from ihd_core.reformat import Cut, reformat
from ihd_core.slab import Projection, slab
from ihd_core.windowing import BRAIN, SOFT_TISSUE, SUBDURAL, Window, to_grey
from tests.ihd_core.toy import IN_PLANE, toy_scan


def test_the_picture_is_the_slice_through_the_window(scan):
    picture = pictures.slice_picture(Shown(scan=scan, slice_index=2, window=Window(40, 80)))
    hu = scan.hu[2].astype(float)
    expected = np.clip((hu - 39.5) / 79 + 0.5, 0, 1) * 255  # DICOM PS3.3 C.11.2.1.2.1
    assert np.abs(picture.pixels - expected).max() <= 0.5
    assert picture.pixel_mm == (3.5, 3.5)
    assert picture.letters == EdgeLetters(left="R", right="L", top="A", bottom="P")


def test_the_picture_is_drawn_again_when_it_differs_and_only_then(shown):
    for name, value in (("loading", (1, 2)), ("predicting", (1, 2)), ("reader", "R2"), ("saved_at", "12:00")):
        changed = replace(shown, **{name: value})
        assert pictures.same_picture(changed, shown)
    for name, value in (("slice_index", 1), ("probe", (1, 2)), ("revealed", True), ("inverted", True)):
        assert not pictures.same_picture(replace(shown, **{name: value}), shown)


def test_an_inverted_picture_is_its_negative_and_says_so(scan):
    plain, inverted = (pictures.slice_picture(Shown(scan=scan, inverted=on)) for on in (False, True))
    assert np.array_equal(inverted.pixels, 255 - plain.pixels)
    assert Badge("Inverted") in inverted.badges


def test_the_corners_tell_whose_scan_it_is_and_how_it_is_shown(shown):
    picture = pictures.slice_picture(replace(shown, probe=(3, 4)))
    assert picture.top_left == ("Doe Jo", "P1", "64 y F", "2020-01-31")
    assert picture.top_right == ("Hospital", "Scanner", "Series 3", "Head 5 mm")
    assert picture.bottom_left == ("C 40 W 80 brain", "Thickness 5 mm", "Position 10.0 mm")
    assert picture.bottom_right[1:] == (f"{shown.scan.hu[2, 3, 4]} HU", "H30s 120 kV", "Slice 3 / 6")


def test_the_thickness_is_that_of_the_slice_on_the_screen(scan, study):
    series = find_series([study.one]).series[0]
    headers = tuple(
        replace(header, details=replace(header.details, thickness_mm=4.0 + number))
        for number, header in enumerate(series.stack.headers)
    )
    series = replace(series, stack=replace(series.stack, headers=headers))
    scan = replace(scan, slice_uids=tuple(header.sop_uid for header in headers[3:]))
    lines = pictures.slice_picture(Shown(scan=scan, series=(series,), current=0, slice_index=2)).bottom_left
    assert "Thickness 9 mm" in lines


def test_text_can_be_taken_away_but_not_the_letters_and_the_badges(shown):
    picture = pictures.slice_picture(replace(shown, overlay_text=False, inverted=True))
    assert picture.top_left == picture.top_right == picture.bottom_left == picture.bottom_right == ()
    assert picture.letters is not None
    assert picture.badges == (Badge("Inverted"),)


def test_the_first_slice_is_shown_with_its_place_in_the_whole(scan):
    preview = Preview(replace(toy_scan(slices=1), details=scan.details), 7, 15)
    picture = pictures.slice_picture(Shown(preview=preview, slice_index=7, loading=(1, 15)))
    assert "Slice 8 / 15" in picture.bottom_right
    assert picture.badges == (Badge("Reading…"),)


def test_hidden_results_reach_no_part_of_the_picture(shown):
    picture = pictures.slice_picture(shown)
    assert picture.overlay is None
    assert picture.colour_bars == ()


def test_a_revealed_heatmap_is_drawn_with_its_colour_bar(shown):
    picture = pictures.slice_picture(replace(shown, revealed=True, opacity=0.5))
    assert [bar.label for bar in picture.colour_bars] == [Label.SUBDURAL]
    assert (picture.colour_bars[0].low, picture.colour_bars[0].high) == pytest.approx((0.01, 0.05))
    # 0.8 of full scale at half opacity
    assert set(np.unique(picture.overlay[..., 3])) == {round(0.8 * 0.5 * 255)}


def test_a_heatmap_does_not_change_the_grey_below_it(shown):
    hidden, revealed = (pictures.slice_picture(replace(shown, revealed=on)) for on in (False, True))
    assert np.array_equal(hidden.pixels, revealed.pixels)


def test_the_networks_view_is_its_three_windows_as_colours(shown):
    hu = np.full((1, 8, 8), 60, np.int16)
    scan = toy_scan(hu=hu)
    pixels = pictures.slice_picture(Shown(scan=scan, network_view=True)).pixels
    # 60 HU: brain 0..80, subdural -20..180, soft tissue -150..230
    expected = [255 * 60 / 80, 255 * 80 / 200, 255 * 210 / 380]
    assert np.abs(pixels.reshape(-1, 3) - expected).max() <= 0.5


def test_thin_slices_are_seen_as_the_network_gets_them_averaged():
    hu = np.zeros((4, 8, 8), np.int16)
    hu[1::2] = 40
    scan = toy_scan(hu=hu, spacing_mm=(1.25, 3.5, 3.5))
    pixels = pictures.slice_picture(Shown(scan=scan, network_view=True, slice_index=1)).pixels
    assert set(pixels[..., 0].ravel()) == {round(255 * 20 / 80)}


def test_the_pictures_side_by_side_are_of_the_cnn_and_of_the_result(shown):
    on = replace(shown, revealed=True, kinds_ready=frozenset(Kind))
    assert len(pictures.pictures(on)) == 1
    left, right = pictures.pictures(replace(on, layout=Layout.KINDS))
    assert np.array_equal(left.pixels, right.pixels)
    scales = [picture.colour_bars[0].high for picture in (left, right)]
    assert scales[0] == pytest.approx(0.05)
    assert scales[1] == pytest.approx(full_scale(shown.prediction, Label.SUBDURAL, Kind.RESULT_SLICE))
    assert Badge("Grad-CAM of the CNN", serious=False) in left.badges
    assert Badge("Grad-CAM of the slice's result", serious=False) in right.badges
    _, scans = pictures.pictures(replace(on, layout=Layout.KINDS, heatmap_kind=Kind.RESULT_SCAN))
    assert Badge("Grad-CAM of the scan's result", serious=False) in scans.badges


@pytest.mark.parametrize("changes", [{"revealed": False}, {"heatmap_on": False}])
def test_without_heatmaps_nothing_is_compared(shown, changes):
    on = replace(shown, **{"revealed": True, "layout": Layout.KINDS, **changes})
    assert len(pictures.pictures(on)) == 1


def test_a_heatmap_inside_the_skull_only_is_bare_outside_and_says_so(shown, scan):
    brain = brain_mask(scan)
    inside = brain.on_slice(2)
    whole, part = (
        pictures.slice_picture(replace(shown, revealed=True, brain=brain, inside_only=only)) for only in (False, True)
    )
    assert whole.overlay[..., 3].all()
    assert np.array_equal(part.overlay[..., 3] > 0, inside)
    assert Badge("Heatmap outside the skull hidden") in part.badges


def test_contours_leave_most_of_the_slice_bare(shown):
    picture = pictures.slice_picture(replace(shown, revealed=True, contours=True))
    assert 0 < (picture.overlay[..., 3] > 0).mean() < 0.5
    assert picture.colour_bars[0].opacity == 1


def test_the_colour_bar_says_how_large_a_cell_is(shown, scan):
    (bar,) = pictures.slice_picture(replace(shown, revealed=True)).colour_bars
    assert f"{cell_mm(scan, shown.prediction):.0f} mm" in bar.unit


@pytest.fixture
def open_scan(scan):
    return Shown(scan=scan, slice_index=2)


def test_three_windows_are_the_same_slice_side_by_side(open_scan):
    made = pictures.pictures(replace(open_scan, layout=Layout.WINDOWS))
    assert [picture.window for picture in made] == [BRAIN, SUBDURAL, SOFT_TISSUE]
    for picture in made:
        alone = pictures.slice_picture(replace(open_scan, window=picture.window))
        assert np.array_equal(picture.pixels, alone.pixels)
    assert len({picture.linked for picture in made}) == 1


def test_a_double_click_leaves_one_picture_and_brings_all_back(open_scan):
    three = replace(open_scan, layout=Layout.WINDOWS)
    one = pane_commands.enlarged(three, 1)
    (picture,) = pictures.pictures(one)
    assert picture.window == SUBDURAL
    assert len(pictures.pictures(pane_commands.enlarged(one, 0))) == 3
    assert pane_commands.enlarged(open_scan, 0) == open_scan


def test_three_planes_meet_in_the_place_that_is_chosen(open_scan):
    axial, sagittal, coronal = pictures.pictures(replace(open_scan, layout=Layout.PLANES, cut=(20, 30)))
    assert axial.rules == ((20.0,), (30.0,))
    rows = reformat(open_scan.scan, Cut.COLUMN, 30).slice_rows
    assert sagittal.rules == ((rows[2],), (20.0,))
    assert coronal.rules == ((rows[2],), (30.0,))
    grey = to_grey(reformat(open_scan.scan, Cut.ROW, 20).hu, open_scan.window)
    assert np.array_equal(coronal.pixels, grey)
    assert len({picture.linked for picture in (axial, sagittal, coronal)}) == 3


def test_missing_slices_are_black_across_and_said():
    scan = toy_scan(slices=6, heights_mm=[0, 5, 10, 30, 35, 40])
    bright = replace(scan, hu=np.full(scan.hu.shape, 40, np.int16))
    _, sagittal, _ = pictures.pictures(Shown(scan=bright, layout=Layout.PLANES))
    found = reformat(bright, Cut.COLUMN, bright.hu.shape[2] // 2, [2])
    assert not found.known.all()
    assert not sagittal.pixels[~found.known].any()
    assert sagittal.pixels[found.known].all()
    assert any("Slices are missing" in badge.text for badge in sagittal.badges)


def test_a_click_brings_the_planes_together_in_every_picture(open_scan):
    planes = replace(open_scan, layout=Layout.PLANES)
    clicked = pane_commands.clicked(planes, 0, 11, 22)
    assert pictures.cut_at(clicked) == (11, 22)
    rows = reformat(open_scan.scan, Cut.COLUMN, 22).slice_rows
    clicked = pane_commands.clicked(clicked, 1, round(rows[4]), 33)
    assert (clicked.slice_index, pictures.cut_at(clicked)) == (4, (33, 22))
    clicked = pane_commands.clicked(clicked, 2, round(rows[1]), 44)
    assert (clicked.slice_index, pictures.cut_at(clicked)) == (1, (33, 44))


def test_the_wheel_moves_the_plane_it_is_over(open_scan):
    planes = replace(open_scan, layout=Layout.PLANES, cut=(20, 30))
    assert pane_commands.scrolled(planes, 0, 1).slice_index == 3
    assert pane_commands.scrolled(planes, 1, 5).cut == (20, 35)
    assert pane_commands.scrolled(planes, 2, -5).cut == (15, 30)
    assert pane_commands.scrolled(planes, 2, -500).cut == (0, 30)
    alone = pane_commands.enlarged(planes, 2)
    assert pane_commands.scrolled(alone, 0, -5).cut == (15, 30)


TURNS = ("flip_horizontally", "flip_vertically", "rotate")


@pytest.mark.parametrize("orientation", IN_PLANE)
@pytest.mark.parametrize(
    "commands", [combination for n in range(4) for combination in itertools.product(TURNS, repeat=n)]
)
def test_letters_and_heatmap_stay_on_what_they_are_about_after_every_turn(orientation, commands):
    """A bright pixel beside the edge that a letter names is beside that letter after any turns, its heatmap upon it."""
    letters = edge_letters(orientation)
    size = 9
    for letter, place in (
        (letters.left, (4, 0)),
        (letters.right, (4, 8)),
        (letters.top, (0, 4)),
        (letters.bottom, (8, 4)),
    ):
        hu = np.full((1, size, size), -1000, np.int16)
        hu[0][place] = 1000
        overlay = np.zeros((size, size, 4), np.uint8)
        overlay[place] = 255
        scan = toy_scan(hu=hu, orientation=orientation)
        shown = Shown(scan=scan)
        for command in commands:
            shown = view_commands.COMMANDS[command](shown)
        stored = pictures.slice_picture(replace(shown, turn=Turn()))
        drawn = pictures._turned(replace(stored, overlay=overlay), shown.turn)
        row, column = (int(index[0]) for index in np.nonzero(drawn.pixels))
        beside = {(4, 0): drawn.letters.left, (4, 8): drawn.letters.right}
        beside |= {(0, 4): drawn.letters.top, (8, 4): drawn.letters.bottom}
        assert beside[row, column] == letter
        assert drawn.overlay[row, column, 3] == 255
        assert pictures.drawn_to_stored(shown, row, column) == place
        assert pictures.stored_to_drawn(shown, *place) == (row, column)


def test_a_flip_is_said_and_gone_with_the_next_scan(open_scan, scan):
    flipped = view_commands.COMMANDS["flip_horizontally"](open_scan)
    assert Badge("FLIPPED") in pictures.slice_picture(flipped).badges
    rotated = view_commands.COMMANDS["rotate"](open_scan)
    assert Badge("ROTATED") in pictures.slice_picture(rotated).badges
    assert preview_arrived(flipped, 0, Preview(scan, 2, 5)).turn == Turn()


def test_pixels_that_are_not_square_keep_their_shape_when_rotated(scan):
    narrow = replace(scan, spacing_mm=(5.0, 2.0, 1.0))
    picture = pictures.slice_picture(view_commands.COMMANDS["rotate"](Shown(scan=narrow)))
    assert picture.pixel_mm == (1.0, 2.0)


def test_a_slab_is_drawn_and_said(open_scan):
    thick = view_commands.COMMANDS["slab_maximum"](open_scan)
    picture = pictures.slice_picture(thick)
    expected = slab(open_scan.scan, 2, 10, Projection.MAXIMUM)
    assert np.array_equal(picture.pixels, to_grey(expected, open_scan.window))
    assert Badge("Slab of 10 mm, maximum") in picture.badges
    probed = pictures.slice_picture(replace(thick, probe=(3, 4))).bottom_right
    assert f"{expected[3, 4]} HU" in probed
    thinner = view_commands.COMMANDS["thinner_slab"](view_commands.COMMANDS["thinner_slab"](thick))
    assert np.array_equal(pictures.slice_picture(thinner).pixels, pictures.slice_picture(open_scan).pixels)


def test_cine_goes_round(open_scan):
    playing = view_commands.COMMANDS["toggle_cine"](open_scan)
    seen = []
    for _ in range(len(open_scan.scan) + 1):
        playing = view_commands.next_frame(playing)
        seen.append(playing.slice_index)
    assert seen[-1] == seen[0]
    assert sorted(seen[:-1]) == list(range(len(open_scan.scan)))
    assert not view_commands.COMMANDS["toggle_cine"](playing).cine


def test_the_pixel_under_the_pointer_is_said_with_its_place_in_the_patient():
    """By hand: the first pixel at R 100, A 90, F 20; 10 columns of 2 mm to the left, 70 rows of 1.5 mm to posterior."""
    scan = toy_scan(hu=np.full((2, 96, 96), 37, np.int16), spacing_mm=(5.0, 1.5, 2.0), orientation=np.eye(3))
    scan = replace(scan, positions_mm=np.array([[-100.0, -90.0, -20.0], [-100.0, -90.0, -15.0]]))
    lines = pictures.slice_picture(Shown(scan=scan, probe=(70, 10))).bottom_right
    assert lines[:2] == ("R 80.0 P 15.0 F 20.0 mm", "37 HU")
