from __future__ import annotations

import itertools

import numpy as np
import pytest

from ihd_core.errors import CannotPredict
from ihd_core.orientation import EdgeLetters, Turn, edge_letters, in_plane_turn, letters
from tests.ihd_core.toy import AXIAL, CORONAL, IN_PLANE, SAGITTAL, stored_as


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ((1, 0, 0), "L"),
        ((-1, 0, 0), "R"),
        ((0, 1, 0), "P"),
        ((0, -2, 0), "A"),
        ((0, 0, 1), "H"),
        ((0, 0, -0.1), "F"),
        ((1, 1, 0), "LP"),
        ((0, -1, 0.9), "AH"),
        ((0, 0, 0), ""),
        ((np.nan, 0, 0), ""),
    ],
)
def test_a_direction_is_named_in_the_patient(direction, expected):
    assert letters(np.array(direction, float)) == expected


@pytest.mark.parametrize(("degrees", "expected"), [(0, "P"), (20, "P"), (25, "PF"), (65, "FP"), (70, "F")])
def test_two_letters_are_for_directions_nearer_to_the_diagonal(degrees, expected):
    turned = np.radians(degrees)
    assert letters(np.array([0, np.cos(turned), -np.sin(turned)])) == expected


def test_edges_of_the_usual_axial_slice_are_the_radiologists():
    assert edge_letters(AXIAL) == EdgeLetters(left="R", right="L", top="A", bottom="P")


def test_edges_of_a_sagittal_slice_are_front_back_head_and_feet():
    assert edge_letters(SAGITTAL) == EdgeLetters(left="A", right="P", top="H", bottom="F")


@pytest.mark.parametrize("orientation", IN_PLANE)
def test_every_stored_orientation_turns_back_to_the_usual_one(orientation):
    hu = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    stored = stored_as(hu, orientation)
    assert np.array_equal(in_plane_turn(orientation).apply(stored), hu)


@pytest.mark.parametrize("orientation", IN_PLANE)
def test_a_turned_pixel_knows_where_it_came_from(orientation):
    stored = np.arange(12).reshape(3, 4)
    turn = in_plane_turn(orientation)
    turned = turn.apply(stored)
    for row, column in np.ndindex(turned.shape):
        was = turn.to_original(stored.shape) @ (row, column, 1)
        assert stored[int(was[0]), int(was[1])] == turned[row, column]


def test_an_oblique_slice_is_turned_to_the_nearest_axis():
    def about_z(degrees):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]])

    assert in_plane_turn(about_z(30)) == Turn()
    assert in_plane_turn(about_z(60)) == in_plane_turn(about_z(90)) != Turn()


def test_a_tilted_gantry_stays_axial():
    tilt = np.radians(25)
    orientation = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    assert in_plane_turn(orientation) == Turn()


@pytest.mark.parametrize(("orientation", "plane"), [(SAGITTAL, "sagittal"), (CORONAL, "coronal")])
def test_other_planes_cannot_be_predicted_and_the_reason_is_named(orientation, plane):
    with pytest.raises(CannotPredict, match=plane):
        in_plane_turn(orientation)


def test_an_unknown_orientation_cannot_be_predicted():
    with pytest.raises(CannotPredict, match="unknown"):
        in_plane_turn(np.full((3, 3), np.nan))


ALL_TURNS = [Turn(*flags) for flags in itertools.product([False, True], repeat=3)]


@pytest.mark.parametrize("first", ALL_TURNS)
@pytest.mark.parametrize("second", ALL_TURNS)
def test_two_turns_after_each_other_are_one(first, second):
    pixels = np.arange(6).reshape(2, 3)
    assert np.array_equal(first.then(second).apply(pixels), second.apply(first.apply(pixels)))


@pytest.mark.parametrize("turn", ALL_TURNS)
def test_letters_go_with_the_pixels_they_stand_beside(turn):
    """Each letter stands beside one corner-free edge pixel of a 3 x 3 slice; after the turn it must again."""
    slice_ = np.array([["", "top", ""], ["left", "", "right"], ["", "bottom", ""]])
    turned = turn.apply(slice_)
    found = EdgeLetters("left", "right", "top", "bottom").turned(turn)
    assert (found.left, found.right, found.top, found.bottom) == (
        turned[1, 0],
        turned[1, 2],
        turned[0, 1],
        turned[2, 1],
    )
