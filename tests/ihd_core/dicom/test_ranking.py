import numpy as np
import pytest

from ihd_core.dicom import ranking
from ihd_core.dicom.geometry import stack
from ihd_core.dicom.headers import read_header
from ihd_core.phantom.series_writer import AXIAL, write_series

SAGITTAL = np.array([[0.0, 1, 0], [0, 0, -1], [-1.0, 0, 0]])
ROUTINE = {"SliceThickness": 5, "ConvolutionKernel": "H30s"}


def stack_of(folder, slices=12, *, orientation=AXIAL, spacing=5.0, **tags):
    paths = write_series(
        folder,
        np.zeros((slices, 2, 2), np.int16),
        orientation=orientation,
        spacing_mm=(spacing, 0.5, 0.5),
        tags={**ROUTINE, **tags},
    )
    return stack([read_header(path) for path in paths])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"orientation": SAGITTAL}, "sagittal, 12 slices"),
        ({"slices": 3}, "axial, 3 slices, fewer than 10"),
        ({"ConvolutionKernel": "H60s"}, "bone kernel H60s"),
        ({"ConvolutionKernel": None, "SeriesDescription": "Knochen"}, "bone kernel"),
        ({"ConvolutionKernel": None}, "unknown kernel"),
        ({"ContrastBolusAgent": "Iodine"}, "with contrast agent"),
        ({"SeriesDescription": "CTA head"}, "with contrast agent"),
        ({"ImageType": ["DERIVED", "SECONDARY", "MPR"]}, "reformatted"),
        ({"SliceThickness": 0.6}, "0.6 mm, outside 2.5 to 5.0"),
        ({"SliceThickness": 10}, "10.0 mm, outside 2.5 to 5.0"),
    ],
)
def test_each_shortcoming_ranks_below_the_routine_series_and_is_said(tmp_path, change, said):
    routine, other = stack_of(tmp_path / "a"), stack_of(tmp_path / "b", **change)
    assert ranking.score(other) < ranking.score(routine)
    assert said in ranking.reason(other)
    assert ranking.reason(routine) == "axial, 12 slices, soft kernel H30s, 5.0 mm"


def test_each_row_of_the_table_outweighs_all_below_it():
    points = [row.points for row in ranking.RANKING]
    assert all(points[i] > sum(points[i + 1 :]) for i in range(len(points)))


@pytest.mark.parametrize(
    ("kernel", "kind"),
    [
        *[(name, "soft") for name in ("STANDARD", "STD+", "SOFT", "H30s", "J40s 3", "Hr40f", "Qr36", "B31f")],
        *[(name, "soft") for name in ("UB", "UA", "B", "FC21", "FC26", "FC68")],
        *[(name, "bone") for name in ("BONE", "BONEPLUS", "EDGE", "LUNG", "H60s", "B70f", "Hr68", "J70h 2", "YC")],
        *[(name, "bone") for name in ("D", "FC30", "FC81")],
        *[(name, "unknown") for name in ("", "XYZ", "Hx", "CB")],
    ],
)
def test_kernels_of_the_vendors_are_known(kernel, kind):
    assert ranking.kernel_kind(kernel) == kind


@pytest.mark.parametrize("words", ["Head bone 5mm", "Schädel Knochen", "crâne os", "cranio osso", "HUESO"])
def test_bone_is_known_in_several_languages_where_the_kernel_is_not(words):
    assert ranking.kernel_kind("", words) == "bone"


@pytest.mark.parametrize("words", ["", "Schädel nativ 5mm", "position 2", "crâne sans injection", "sobotka"])
def test_other_words_are_not_bone(words):
    assert ranking.kernel_kind("", words) == "unknown"


def test_without_a_thickness_the_distance_counts(tmp_path):
    assert ranking.thickness_mm(stack_of(tmp_path, spacing=4.0, SliceThickness=None)) == 4.0
