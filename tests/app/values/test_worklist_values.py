"""What the worklist says of series that differ as those of a hospital do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.session import Shown
from app.values.worklist_values import left_out_lines, worklist_rows
from ihd_core.dicom.series import find_series
from ihd_core.labels import Label
from ihd_core.phantom.series_writer import write_series
from ihd_core.scan import ScanWarning
from ihd_core.study.opinion import Opinion, answer
from tests.ihd_core.toy import CORONAL, toy_hu, toy_prediction, toy_scan

ERIKA = {
    "PatientName": "Mustermann^Erika^^",
    "PatientID": "4711",
    "StudyDate": "20250603",
    "StudyInstanceUID": "1.2.3.1",
    "StudyDescription": "CT head",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A brain series, a bone series, a coronal one and what else a study holds."""
    folder = tmp_path_factory.mktemp("study")
    for number, (description, kernel) in enumerate((("Brain", "H31s"), ("Bone", "H60s")), start=2):
        tags = {**ERIKA, "SeriesNumber": number, "SeriesDescription": description, "ConvolutionKernel": kernel}
        write_series(
            folder / description, toy_hu(20), spacing_mm=(5.0, 3.5, 3.5), series_uid=f"1.2.{number}", tags=tags
        )
    tags = {**ERIKA, "SeriesNumber": 4, "SeriesDescription": "Coronal"}
    options = {"spacing_mm": (5.0, 3.5, 3.5), "orientation": CORONAL, "series_uid": "1.2.4"}
    write_series(folder / "Coronal", toy_hu(20), tags=tags, **options)
    scout = {**ERIKA, "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
    write_series(folder / "Scout", toy_hu(2), series_uid="1.2.1", tags=scout)
    content = (folder / "Brain" / "001.dcm").read_bytes()
    (folder / "Other").mkdir()
    (folder / "Other" / "torn.dcm").write_bytes(content[:400])
    return find_series([folder])


def test_a_row_says_what_the_series_is_and_why_it_stands_there(found):
    brain, bone, _ = worklist_rows(Shown(series=found.series))
    assert (brain.title, brain.subtitle, brain.mark) == ("Brain", "20 slices · series 2", "1st choice")
    assert "axial" in brain.speaks_for
    assert "soft kernel H31s" in brain.speaks_for
    assert "kernel" not in brain.speaks_against
    assert (bone.title, bone.mark) == ("Bone", "")
    assert bone.speaks_against.startswith("Against it: ")
    assert "bone kernel H60s" in bone.speaks_against
    assert "bone kernel" not in bone.speaks_for


def test_a_series_that_is_not_predicted_says_so_and_why(found):
    coronal = worklist_rows(Shown(series=found.series))[2]
    assert (coronal.state, coronal.tone, coronal.refused) == ("not predicted", "problem", True)
    assert "coronal" in coronal.speaks_against
    assert coronal.speaks_against in coronal.tooltip


def test_a_refused_series_that_is_open_shows_its_state_once_there_is_one(found):
    shown = Shown(series=found.series, current=2, scan=toy_scan())
    assert worklist_rows(shown)[2].state == "not predicted"
    assert worklist_rows(replace(shown, loading=(3, 14)))[2].state == "not predicted"  # another one is being read
    assert worklist_rows(replace(shown, scan=None, loading=(3, 14)))[2].state == "3 / 14"
    saved = Opinion({Label.ANY: answer(90)})
    assert worklist_rows(replace(shown, opinion=saved, saved_opinion=saved))[2].state == "saved"


def test_what_tells_two_stacks_of_one_series_apart_is_in_the_row(found):
    series = replace(found.series[0], part="pass 2 over the same positions")
    (row,) = worklist_rows(Shown(series=(series,)))
    assert row.subtitle.startswith("pass 2 over the same positions")


def test_everything_is_in_the_tool_tip(found):
    tooltip = worklist_rows(Shown(series=found.series))[1].tooltip
    for text in ("Mustermann Erika", "4711", "Bone", "20 slices", "bone kernel H60s", found.series[1].files[0].folder):
        assert text in tooltip


def test_patient_and_study_are_written_once_above_their_series(found, study):
    other = find_series([study.one]).series
    rows = worklist_rows(Shown(series=(*found.series, *other)))
    assert [row.group for row in rows] == ["Mustermann Erika", "", "", "Doe Jo"]
    assert [row.group_details for row in rows] == ["4711 · 2025-06-03 · CT head", "", "", "P1 · 2020-01-31"]
    assert [row.mark for row in rows] == ["1st choice", "", "", "1st choice"]


def test_the_open_series_has_a_state_and_the_others_none(study):
    series = find_series([study.folder]).series
    rows = worklist_rows(Shown(series=series, current=0, loading=(3, 14)))
    assert [(row.state, row.tone) for row in rows] == [("3 / 14", "busy"), ("", "")]


def test_the_worklist_gives_no_hint_before_the_results_may_be_seen(found):
    scan = toy_scan()
    prediction = toy_prediction(scan)
    high = replace(prediction, scan=prediction.scan * 0 + 0.99)
    hidden = Shown(series=found.series, current=0, scan=scan, prediction=high)
    assert worklist_rows(hidden)[0].state == "open"
    assert worklist_rows(replace(hidden, revealed=True))[0].state == "flagged"


def test_a_scan_whose_result_is_withheld_is_not_flagged_in_the_worklist(found):
    scan = toy_scan()
    prediction = toy_prediction(scan)
    high = replace(prediction, scan=prediction.scan * 0 + 0.99, warnings=(ScanWarning("not-a-head", "No head."),))
    shown = Shown(series=found.series, current=0, scan=scan, prediction=high, revealed=True)
    assert worklist_rows(shown)[0].state == "no result"


def test_the_worklist_says_when_a_saved_opinion_was_changed(found):
    saved = Opinion({Label.ANY: answer(90)})
    shown = Shown(series=found.series, current=0, scan=toy_scan(), opinion=saved, saved_opinion=saved)
    assert worklist_rows(shown)[0].state == "saved"
    changed = replace(shown, opinion=Opinion({Label.ANY: answer(10)}))
    assert worklist_rows(changed)[0].state == "not saved"


def test_left_out_files_are_counted_with_their_reasons_and_damage_is_marked(found):
    lines = left_out_lines(found.left_out)
    assert [line.damaged for line in lines if "torn.dcm" in line.text] == [True]
    (scout,) = [line for line in lines if "localizer" in line.text]
    assert scout.text.startswith("2 × ")
    assert scout.names.count("\n") == 1
    assert not scout.damaged


def test_a_tool_tip_of_a_thousand_files_stays_on_the_screen(found):
    (scout,) = [entry for entry in found.left_out if "localizer" in entry.reason]
    (line,) = left_out_lines([replace(scout, files=scout.files * 500)])
    assert line.names.count("\n") == 20
    assert line.names.endswith("and 980 more")
