import json

import pytest

from ihd_core.dicom.inspection import extent_mm, inspect
from ihd_core.phantom.series_writer import write_series


@pytest.fixture
def study(tmp_path, hu):
    write_series(tmp_path / "scan", hu, series_uid="1.2.3", tags={"SeriesDescription": "Head 5 mm"})
    scout = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
    write_series(tmp_path / "scout", hu[:1], series_uid="1.2.4", tags=scout)
    return tmp_path


def test_the_text_says_what_is_shown_and_why_and_what_was_left_out(study):
    assert inspect([study]).as_text().splitlines() == [
        "Series, best first:",
        "* Head 5 mm: axial, 5 slices, fewer than 10, unknown kernel, 5.0 mm",
        "Shown (*): 1.2.3",
        "  5 slices of 32 × 40 pixels, HU -1000 to 2999",
        "  spacing 5.000 × 0.500 × 0.500 mm (slice, row, column), extent 25 × 16 × 20 mm",
        "  axial, no gantry tilt",
        "Warnings: none",
        "Left out:",
        "  1 × localizer: 001.dcm",
    ]


def test_the_json_holds_the_same_in_plain_values(study):
    found = json.loads(json.dumps(inspect([study]).as_json()))
    assert found["chosen"]["uid"] == "1.2.3"
    assert found["series"][0]["slices"] == 5
    assert found["geometry"]["spacing_mm"] == [5.0, 0.5, 0.5]
    assert found["geometry"]["orientation"] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert found["geometry"]["tilt_degrees"] == 0
    assert found["warnings"] == []
    assert [(entry["reason"], entry["count"]) for entry in found["left_out"]] == [("localizer", 1)]


def test_the_extent_counts_whole_slices_and_pixels(study):
    assert extent_mm(inspect([study]).scan) == (25, 16, 20)
