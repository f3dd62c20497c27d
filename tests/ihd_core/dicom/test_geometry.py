import itertools

import numpy as np
import pytest

from ihd_core.dicom.geometry import axes, geometry_warnings, stack
from ihd_core.phantom.series_writer import write_series
from tests.ihd_core.dicom.header_of import header_of

TINY = np.zeros((60, 2, 2), np.int16)
ALONG = np.eye(3)


def stack_at(folder, heights, *, orientation=ALONG, direction=(0, 0, 1), **options):
    positions = np.array([-10.0, -20.0, 0.0]) + np.outer(heights, direction)
    paths = write_series(folder, TINY[: len(heights)], orientation=orientation, positions_mm=positions, **options)
    return stack([header_of(path) for path in paths])


def tilted(degrees):
    """Axes of a slice whose anterior edge is turned towards the head."""
    angle = np.radians(degrees)
    column = np.array([0, np.cos(angle), -np.sin(angle)])
    return np.stack([[1.0, 0, 0], column, np.cross([1.0, 0, 0], column)])


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]])
def test_slices_are_ordered_by_position_whatever_their_numbers_say(tmp_path, order):
    found = stack_at(tmp_path, [0, 5, 10, 15], shuffle=order)
    assert found.positions_mm[:, 2].tolist() == [0, 5, 10, 15]
    assert [header.position[2] for header in found.headers] == [0, 5, 10, 15]
    assert found.spacing_mm == (5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (np.array(one) * sign_one, np.array(other) * sign_other)
        for one, other in itertools.permutations([(1.0, 0, 0), (0, 1.0, 0)], 2)
        for sign_one, sign_other in itertools.product((1, -1), repeat=2)
    ],
)
def test_inferior_comes_first_in_all_eight_ways_to_lay_an_axial_slice(tmp_path, row, column):
    orientation = np.stack([row, column, np.cross(row, column)])
    found = stack_at(tmp_path, [10, 5, 0], orientation=orientation)
    assert found.positions_mm[:, 2].tolist() == [0, 5, 10]
    assert found.orientation[2].tolist() == [0, 0, 1]
    assert np.array_equal(found.orientation[:2], [row, column])


@pytest.mark.parametrize(
    ("row", "column", "plane"),
    [((1, 0, 0), (0, 1, 0), "axial"), ((0, 1, 0), (0, 0, -1), "sagittal"), ((1, 0, 0), (0, 0, -1), "coronal")],
)
def test_the_plane_is_that_of_the_normal(tmp_path, row, column, plane):
    normal = np.cross(row, column).astype(float)
    orientation = np.stack([np.array(row, float), np.array(column, float), normal])
    assert stack_at(tmp_path, [0, 1, 2], orientation=orientation, direction=normal).plane == plane


@pytest.mark.parametrize("degrees", [18.5, -18.5, 5.0, -30.0])
def test_the_tilt_comes_from_the_positions_and_never_from_the_tag(tmp_path, degrees):
    found = stack_at(tmp_path, [0, 5, 10], orientation=tilted(degrees), tags={"GantryDetectorTilt": "7"})
    assert found.tilt_degrees == pytest.approx(degrees, abs=0.01)
    assert found.spacing_mm[0] == pytest.approx(5 * np.cos(np.radians(degrees)), abs=0.001)
    (warning,) = geometry_warnings(found)
    assert warning.code == "gantry-tilt"
    assert warning.values["degrees"] == pytest.approx(degrees, abs=0.01)
    assert f"{degrees:+.1f}°" in warning.text


def test_oblique_slices_stacked_along_their_normal_are_not_tilted(tmp_path):
    orientation = tilted(18.5)
    found = stack_at(tmp_path, [0, 5, 10], orientation=orientation, direction=orientation[2])
    assert found.tilt_degrees == pytest.approx(0, abs=0.01)
    assert geometry_warnings(found) == []


def test_a_table_moved_once_is_not_a_tilt(tmp_path):
    positions = np.array([[0, 0, z] if z < 20 else [0, 30, z] for z in range(0, 40, 5)], float)
    paths = write_series(tmp_path, TINY[:8], positions_mm=positions)
    found = stack([header_of(path) for path in paths])
    assert found.tilt_degrees == 0
    (warning,) = geometry_warnings(found)
    assert (warning.code, warning.values) == ("shifted-slices", {"after_index": 3, "shift_mm": 30, "steps": 1})
    assert "Slices from 5 on lie 30.0 mm" in warning.text


@pytest.mark.parametrize("degrees", [0, 18.5])
def test_one_slice_beside_the_others_is_two_steps_whatever_the_tilt(tmp_path, degrees):
    slope = np.tan(np.radians(degrees))
    positions = np.array([[3.0 if z == 15 else 0, z * slope, z] for z in range(0, 40, 5)], float)
    paths = write_series(tmp_path, TINY[:8], positions_mm=positions)
    codes = {w.code: w.values for w in geometry_warnings(stack([header_of(path) for path in paths]))}
    assert codes.pop("shifted-slices") == {"after_index": 2, "shift_mm": 3, "steps": 2}
    assert set(codes) == ({"gantry-tilt"} if degrees else set())


def test_noise_of_the_positions_is_no_shift(tmp_path):
    positions = np.array([[0.4 if z == 20 else 0, 0, z] for z in range(0, 40, 5)], float)
    paths = write_series(tmp_path, TINY[:8], positions_mm=positions)
    assert geometry_warnings(stack([header_of(path) for path in paths])) == []


@pytest.mark.parametrize(
    ("heights", "expected"),
    [
        ([0, 5, 10, 15, 20], []),
        ([0, 5, 10.2, 15, 20], []),
        ([0, 5, 10, 20], [("missing-slices", {"after_index": 2, "missing": 1, "gap_mm": 10, "usual_mm": 5})]),
        ([0, 10, 15, 20], [("missing-slices", {"after_index": 0, "missing": 1, "gap_mm": 10, "usual_mm": 5})]),
        ([0, 5, 10, 25, 30, 35], [("missing-slices", {"after_index": 2, "missing": 2, "gap_mm": 15, "usual_mm": 5})]),
        (
            [0, 5, 10, 15, 25, 35, 40, 45],
            [
                ("missing-slices", {"after_index": 3, "missing": 1, "gap_mm": 10, "usual_mm": 5}),
                ("missing-slices", {"after_index": 4, "missing": 1, "gap_mm": 10, "usual_mm": 5}),
            ],
        ),
        # The protocols of two distances: nothing is missing.
        ([0, 5, 10, 15, 20, 30, 40, 50], [("uneven-spacing", {"smallest_mm": 5, "largest_mm": 10, "usual_mm": 5})]),
        ([0, 4, 8, 12, 13, 20, 27], [("uneven-spacing", {"smallest_mm": 1, "largest_mm": 7, "usual_mm": 4})]),
        ([0, 5, 12], [("uneven-spacing", {"smallest_mm": 5, "largest_mm": 7, "usual_mm": 6})]),
        ([0], [("single-slice", {"slices": 1})]),
        ([0, 5, 5, 10], [("duplicate-slices", {"left_out": 1, "positions": 3})]),
    ],
)
def test_holes_uneven_distances_and_repeats_are_told_apart(tmp_path, heights, expected):
    warnings = geometry_warnings(stack_at(tmp_path, heights))
    assert [(warning.code, dict(warning.values)) for warning in warnings] == expected


def test_uneven_distances_are_listed_in_order(tmp_path):
    (warning,) = geometry_warnings(stack_at(tmp_path, [0, 4, 8, 12, 13, 20, 27]))
    assert warning.text.endswith("inferior first: 3 × 4.0 mm, 1 × 1.0 mm, 2 × 7.0 mm")


def test_a_hole_is_named_by_the_slice_before_it_counted_from_one(tmp_path):
    (warning,) = geometry_warnings(stack_at(tmp_path, [0, 5, 10, 20]))
    assert warning.text == "1 slice seems to be missing after slice 3: 10.0 mm where 5.0 mm is usual"


def test_of_two_images_at_one_place_the_lower_instance_number_is_kept(tmp_path):
    found = stack_at(tmp_path, [0, 5, 5], shuffle=[2, 1, 0])
    assert [header.instance_number for header in found.headers] == [3, 1]
    assert [header.instance_number for header in found.repeated] == [2]


@pytest.mark.parametrize("orientation", [(1, 0, 0, 1, 0, 0), (0,) * 6, (1, 0, 0, 0, 2, 0), (1, 0, 0, 0.3, 0.95, 0)])
def test_an_orientation_that_is_not_two_perpendicular_unit_vectors_is_refused(orientation):
    with pytest.raises(ValueError, match="perpendicular"):
        axes(orientation)


def test_rounded_direction_cosines_become_unit_vectors():
    assert np.allclose(np.linalg.norm(axes((1, 0, 0, 0, 0.948, -0.317)), axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("short", [0.3, 1.0, 1.5])
def test_slices_of_two_scans_that_nothing_tells_apart_are_reported(tmp_path, short):
    heights = np.sort(np.concatenate([np.arange(0, 60, 5.0), short + np.arange(0, 60, 5.0)]))
    (warning,) = geometry_warnings(stack_at(tmp_path, heights))
    assert (warning.code, warning.values) == (
        "interleaved-slices",
        {"short_mm": pytest.approx(short), "long_mm": pytest.approx(5 - short)},
    )


@pytest.mark.parametrize("heights", [np.arange(24) * 2.5, [0, 1, 5, 6, 10, 15, 20, 25], [*range(0, 50, 5), 51, 55, 60]])
def test_even_slices_with_an_oddity_are_not_called_interleaved(tmp_path, heights):
    codes = {warning.code for warning in geometry_warnings(stack_at(tmp_path, heights))}
    assert "interleaved-slices" not in codes


@pytest.mark.parametrize(("degrees", "expected"), [(30, []), (36, [36.0]), (44, [44.0]), (-40, [40.0])])
def test_planes_no_gantry_reaches_are_reported(tmp_path, degrees, expected):
    turned = tilted(degrees)
    found = stack_at(tmp_path, [0, 5, 10], orientation=turned, direction=turned[2])
    assert found.plane == "axial"
    warnings = geometry_warnings(found)
    assert [warning.code for warning in warnings] == ["oblique-slices"] * len(expected)
    assert [warning.values["degrees"] for warning in warnings] == expected


def test_a_long_list_of_uneven_distances_is_cut(tmp_path):
    heights = np.cumsum([0, 4, 5.2, 6.1, 4.4, 5.6, 6.6, 4.8, 5.9, 7.1])
    (warning,) = geometry_warnings(stack_at(tmp_path, heights))
    assert warning.text.endswith("1 × 4.0 mm, 1 × 5.2 mm, 1 × 6.1 mm, 1 × 4.4 mm, 1 × 5.6 mm, 1 × 6.6 mm, …")


def test_noise_of_the_heights_does_not_choose_among_images_of_one_place(tmp_path):
    noise = np.random.default_rng(5).uniform(-0.04, 0.04, (2, 10))
    heights = (np.arange(0, 50, 5.0) + noise).ravel()
    found = stack_at(tmp_path, heights)
    assert [header.instance_number for header in found.headers] == list(range(1, 11))
    assert len(found.others_at(3)) == 1


@pytest.mark.parametrize("tag", [{"ConvolutionKernel": "H60s"}, {"SeriesNumber": 9}, {"AcquisitionNumber": -1}])
def test_of_images_at_one_place_the_one_like_the_rest_of_the_stack_is_kept(tmp_path, tag):
    """Though the others have the lower numbers."""
    heights = [10, 15, *range(0, 30, 5)]
    found = stack_at(tmp_path, heights, tags_per_slice=lambda i: tag if i < 2 else {})
    assert [header.instance_number for header in found.headers] == [3, 4, 5, 6, 7, 8]


def test_the_orientation_and_pixel_spacing_are_those_of_most_slices(tmp_path):
    odd = {"ImageOrientationPatient": [1, 0.005, 0, -0.005, 1, 0], "PixelSpacing": [0.5004, 0.5004]}
    found = stack_at(tmp_path, range(0, 30, 5), tags_per_slice=lambda i: odd if i == 0 else {})
    assert found.orientation.tolist() == np.eye(3).tolist()
    assert found.spacing_mm == (5, 0.5, 0.5)
