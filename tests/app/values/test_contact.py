"""The sheet of all slices, where every slice has a grey of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.pane_commands import clicked, enlarged, probed, scrolled
from app.session import Layout, Shown
from app.values.contact import contact_picture, sheet_of, tile_at
from app.values.pictures import pictures
from app.view_commands import rating_obstacle
from ihd_core.labels import LABELS, Label
from ihd_core.orientation import Turn
from ihd_core.scan import ScanWarning
from ihd_core.windowing import Window
from tests.ihd_core.toy import toy_prediction, toy_scan

WINDOW = Window(127.5, 256)


def shown_of(slices, rows=80, columns=60, **changes):
    """Slice n has n HU throughout, and 200 HU in its upper left quarter."""
    hu = np.zeros((slices, rows, columns), np.int16)
    hu += np.arange(slices, dtype=np.int16)[:, None, None]
    hu[:, : rows // 2, : columns // 2] = 200
    scan = toy_scan(hu=hu, spacing_mm=(5.0, 0.5, 0.8))
    return Shown(scan=scan, layout=Layout.CONTACT, window=WINDOW, **changes)


@pytest.mark.parametrize(("slices", "tiles"), [(1, 1), (14, 14), (64, 64), (65, 33), (400, 58)])
def test_every_slice_is_there_or_every_second_and_so_on(slices, tiles):
    sheet = sheet_of(shown_of(slices))
    assert len(sheet.slices) == tiles
    assert len(set(np.diff(sheet.slices))) <= 1
    picture = contact_picture(shown_of(slices))
    assert bool(picture.badges) == (tiles < slices)


def test_a_tile_shows_its_slice_the_right_way_round():
    shown = shown_of(14)
    sheet, picture = sheet_of(shown), contact_picture(shown)
    height, width = sheet.tile
    for place, index in enumerate(sheet.slices):
        row, column = sheet.corner(place)
        assert int(picture.pixels[row + height - 3, column + width - 3]) == pytest.approx(index, abs=1)
        assert int(picture.pixels[row + height // 2 - 3, column + width // 2 - 3]) == pytest.approx(200, abs=2)
        assert tile_at(shown, row + 5, column + 5) == index
    assert tile_at(shown, sheet.header - 1, 5) is None
    assert tile_at(shown, picture.pixels.shape[0] - 1, picture.pixels.shape[1] - 1) is None


@pytest.mark.parametrize("turn", [Turn(flip_columns=True), Turn(transpose=True), Turn(transpose=True, flip_rows=True)])
def test_tiles_letters_and_spacing_turn_together(turn):
    plain, turned = shown_of(4), shown_of(4, turn=turn)
    picture = contact_picture(turned)
    (height, width), expected = sheet_of(turned).tile, turn.apply(np.asarray(plain.scan.hu[3]))
    corners = [(height - 3, 3), (height - 3, width - 3)]
    row, column = sheet_of(turned).corner(3)
    for r, c in corners:
        assert int(picture.pixels[row + r, column + c]) == pytest.approx(int(expected[r, c]), abs=2)
    assert picture.letters == contact_picture(plain).letters.turned(turn)
    assert picture.pixel_mm == ((0.8, 0.5) if turn.transpose else (0.5, 0.8))
    assert ("FLIPPED" in [badge.text for badge in pictures(turned)[0].badges]) == turn.mirrors


def test_large_slices_are_shrunk_by_whole_pixels_and_the_scale_says_so():
    shown = shown_of(30, rows=512, columns=512)
    sheet, picture = sheet_of(shown), contact_picture(shown)
    assert picture.pixels.shape[1] <= 1600
    assert picture.pixel_mm == pytest.approx((0.5 * sheet.shrunk, 0.8 * sheet.shrunk))


def test_click_wheel_and_double_click():
    shown = shown_of(14)
    row, column = sheet_of(shown).corner(9)
    at = clicked(shown, 0, row + 4, column + 4)
    assert (at.slice_index, at.layout) == (9, Layout.CONTACT)
    assert scrolled(at, 0, 2).slice_index == 11
    assert enlarged(at, 0).layout is Layout.ONE
    assert probed(at, 0, row, column).probe is None
    frame = pictures(at)[0].marks[0].lines[0]
    assert frame[0] == (row, column)


def test_what_the_model_calls_is_written_only_where_it_may_be_seen():
    shown = shown_of(4)
    slices = np.zeros((4, len(LABELS)), np.float32)
    slices[2, [Label.SUBDURAL.column, Label.ANY.column]] = 0.99
    prediction = replace(toy_prediction(shown.scan), slices=slices, scan=slices[2])
    told = replace(shown, prediction=prediction, revealed=True, setting="paper")
    hidden, plain = contact_picture(replace(told, revealed=False)).pixels, contact_picture(shown).pixels
    assert np.array_equal(hidden, plain)
    differs = np.argwhere(contact_picture(told).pixels != plain)
    row, column = sheet_of(shown).corner(2)
    height, width = sheet_of(shown).tile
    assert len(differs)
    assert ((differs >= (row, column)) & (differs < (row + height, column + width))).all()


@pytest.mark.parametrize(
    "changes", [{}, {"layout": Layout.PLANES, "enlarged": 1}, {"layout": Layout.PLANES, "enlarged": 2}]
)
def test_identity_and_warnings_stand_on_every_picture_that_is_alone(changes):
    shown = shown_of(6)
    details = replace(shown.scan.details, patient_name="Doe^Jo", patient_id="P1")
    warned = replace(shown.scan, details=details, warnings=(ScanWarning("not-a-head", "It is a chest"),))
    (picture,) = pictures(replace(shown, scan=warned, **changes))
    assert "Not a head" in [badge.text for badge in picture.badges]
    assert "P1" in picture.top_left


def test_no_heatmap_is_rated_on_the_sheet():
    assert "F4" in rating_obstacle(shown_of(4))
