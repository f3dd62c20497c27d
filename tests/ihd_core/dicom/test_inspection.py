import json

import numpy as np
import pytest

from ihd_core.dicom.inspection import extent_mm, inspect
from ihd_core.errors import DicomError
from ihd_core.phantom.series_writer import write_series


@pytest.fixture
def study(tmp_path, hu):
    write_series(tmp_path / "scan", hu, series_uid="1.2.3", tags={"SeriesDescription": "Head 5 mm"})
    scout = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
    write_series(tmp_path / "scout", hu[:1], series_uid="1.2.4", tags=scout)
    return tmp_path


def test_the_text_says_what_is_shown_and_why_and_what_was_left_out(study):
    inspection = inspect([study])
    reason = inspection.chosen.reason
    assert inspection.as_text().splitlines() == [
        "Series, best first:",
        f"* 1  Head 5 mm: {reason}",
        "Shown (*): 1.2.3",
        "  5 slices of 32 × 40 pixels, HU -1000 to 2999",
        "  spacing 5.000 × 0.500 × 0.500 mm (slice, row, column), extent 25 × 16 × 20 mm",
        "  axial, no gantry tilt",
        *_warning_lines(inspection),
        "Left out:",
        "  1 × localizer: 001.dcm",
    ]


def _warning_lines(inspection):
    found = [f"  {warning.text} [{warning.code}]" for warning in inspection.scan.warnings]
    return ["Warnings:", *found] if found else ["Warnings: none"]


def test_the_json_holds_the_same_in_plain_values(study):
    found = json.loads(json.dumps(inspect([study]).as_json()))
    assert found["chosen"]["uid"] == "1.2.3"
    assert found["series"][0]["slices"] == 5
    assert found["geometry"]["spacing_mm"] == [5.0, 0.5, 0.5]
    assert found["geometry"]["orientation"] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert found["geometry"]["tilt_degrees"] == 0
    assert [warning["code"] for warning in found["warnings"]] == [
        warning.code for warning in inspect([study]).scan.warnings
    ]
    assert [(entry["reason"], entry["count"]) for entry in found["left_out"]] == [("localizer", 1)]


def test_the_extent_counts_whole_slices_and_pixels(study):
    assert extent_mm(inspect([study]).scan) == (25, 16, 20)


@pytest.fixture
def several(tmp_path, hu):
    """Best first: axial; the same places again; coronal, which is refused; and a file that breaks off."""
    coronal = np.array([[1.0, 0, 0], [0, 0, -1], [0, -1, 0]])
    for number in (1, 2):
        uids = [f"1.2.5.{number}.{index}" for index in range(len(hu))]
        tags = {"AcquisitionNumber": number, "SeriesDescription": "Head"}
        write_series(tmp_path / f"pass {number}", hu + number, series_uid="1.2.5", slice_uids=uids, tags=tags)
    paths = write_series(tmp_path / "cor", hu, series_uid="1.2.6", orientation=coronal)
    (tmp_path / "torn.dcm").write_bytes(paths[0].read_bytes()[:400])
    return tmp_path


def test_the_json_has_every_judgement_and_why_a_series_is_not_predicted(several):
    found = json.loads(json.dumps(inspect([several]).as_json()))
    assert [series["place"] for series in found["series"]] == [1, 2, 3]
    first, second, coronal = found["series"]
    assert (first["refusal"], second["refusal"]) == ("", "")
    assert "coronal" in coronal["refusal"]
    assert second["part"] != first["part"]
    assert {row["name"]: row["holds"] for row in coronal["judgements"]}["axial"] is False
    assert sum(row["points"] for row in first["judgements"]) == first["score"]
    assert [entry["damaged"] for entry in found["left_out"]] == [True]
    assert all(set(warning) == {"code", "text", "values"} for warning in found["warnings"])


def test_the_text_names_parts_refusals_and_damage(several):
    text = inspect([several]).as_text()
    assert "pass 2 over the same positions" in text
    assert "     not predicted: The slices are coronal" in text
    assert "torn.dcm (not read)" in text


def test_another_series_is_read_when_asked_for_by_its_place(several, hu):
    inspection = inspect([several], place=3)
    assert inspection.chosen.uid == "1.2.6"
    assert "Shown (*, asked for): 1.2.6" in inspection.as_text()
    with pytest.raises(DicomError, match="there is no series 4, the list has 3"):
        inspect([several], place=4)


def test_a_series_that_is_refused_is_looked_at_only_where_there_is_no_other(several, tmp_path, hu):
    assert inspect([several]).chosen.refusal == ""
    assert inspect([several / "cor"]).chosen.uid == "1.2.6"


def test_where_there_are_several_studies_the_list_says_whose_each_series_is(tmp_path, hu):
    for number, name in enumerate(("Doe^Jo", "Roe^Ri")):
        tags = {"PatientName": name, "StudyDate": "20200131", "SeriesDescription": "Head", "PatientID": name}
        tags["StudyInstanceUID"] = f"1.2.{number}"
        write_series(tmp_path / name, hu, series_uid=f"1.2.3.{number}", tags=tags)
    inspection = inspect([tmp_path])
    lines = inspection.as_text().splitlines()[1:3]
    assert sorted(line[5:34] for line in lines) == ["Doe Jo 20200131, Head: axial,", "Roe Ri 20200131, Head: axial,"]
    assert {series["patient_name"] for series in inspection.as_json()["series"]} == {"Doe^Jo", "Roe^Ri"}


def test_files_left_out_are_named_up_to_three(study):
    for number in range(5):
        (study / f"{number}.txt").write_text("x")
    assert "  5 × not a DICOM file: 0.txt, 1.txt, 2.txt and 2 more" in inspect([study]).as_text().splitlines()


def test_what_cannot_be_read_is_not_called_damaged(study):
    (study / "x.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(100))
    text = inspect([study]).as_text()
    assert "(damaged)" not in text
    assert "x.7z (not read)" in text
