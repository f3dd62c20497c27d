import pytest

from ihd_core.errors import StudyError
from ihd_core.labels import Label
from ihd_core.study import sealing
from ihd_core.study.truth import (
    Truth,
    checked_truth,
    read_slice_truth,
    read_truth,
    sealed_truth,
    truth_from_json,
    unsealed_truth,
)
from tests.ihd_core.study.studies import protocol

ANY, SDH = Label.ANY, Label.SUBDURAL
SUBTYPES = "epidural,intraparenchymal,intraventricular,subarachnoid,subdural"


def written(tmp_path, text):
    path = tmp_path / "truth.csv"
    path.write_text(text)
    return path


def test_labels_are_read_by_name(tmp_path):
    found = read_truth(written(tmp_path, "subdural,case,any\n1,c01,1\n\n0, c02 ,0\n"))
    assert found == {"c01": {ANY: True, SDH: True}, "c02": {ANY: False, SDH: False}}


def test_any_follows_from_all_subtypes(tmp_path):
    found = read_truth(written(tmp_path, f"case,{SUBTYPES}\nc01,0,0,0,0,1\nc02,0,0,0,0,0\n"))
    assert [found[case][ANY] for case in ("c01", "c02")] == [True, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("any\n1\n", "truth.csv: column case is missing; it has any"),
        ("case\nc01\n", "truth.csv: has no column of any, epidural"),
        ("case,any\n", "truth.csv: has no row below its header"),
        ("case,any\nc01,yes\n", "truth.csv, line 2: any is 'yes', must be 0 or 1"),
        ("case,any\nc01,\n", "truth.csv, line 2: any is '', must be 0 or 1"),
        ("case,any\nc01,1,1\n", "truth.csv, line 2: 3 cells, the header has 2"),
        ("case,any\nc01,1\nc01,1\n", "truth.csv, line 3: case c01 stands twice"),
        ("case,any,any\nc01,1,1\n", "truth.csv: column any stands twice"),
        ("case,any,subdural\nc01,0,1\n", "truth.csv, line 2: any is 0, but subdural is 1"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, text, said):
    with pytest.raises(StudyError) as told:
        read_truth(written(tmp_path, text))
    assert said in str(told.value)


def test_slices_are_found_by_case_or_by_series(tmp_path):
    expected = {"c01": {0: {ANY: False}, 1: {ANY: True}}}
    by_case = written(tmp_path, "case,index,any\nc01,0,0\nc01,1,1\n")
    assert read_slice_truth(by_case, {"1.2.1": "c01"}) == expected
    by_series = written(tmp_path, "series_uid,sop_uid,index,any\n1.2.1,x,0,0\n1.2.1,y,1,1\n9,z,0,1\n")
    assert read_slice_truth(by_series, {"1.2.1": "c01"}) == expected


def whole(**slices):
    calls = dict.fromkeys(Label, False)
    return Truth({f"c{number:02d}": calls for number in range(1, 8)}, slices)


def test_the_truth_of_a_study_is_that_of_its_cases():
    study = protocol(labels=(ANY, SDH))
    found = checked_truth(study, whole(c01={n: dict.fromkeys(Label, n == 2) for n in range(4)}), "truth.csv")
    assert list(found.scans) == [case.name for case in study.cases]
    assert found.scans["c01"] == {ANY: False, SDH: False}
    assert found.slices == {"c01": {n: {ANY: n == 2, SDH: n == 2} for n in range(4)}}


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        (Truth({}), "case c01 is missing"),
        (Truth({"c01": {ANY: True}}), "label epidural is missing"),
        (whole(c01={0: dict.fromkeys(Label, False)}), "slice 1 of case c01: the scan has slices 0 to 3"),
    ],
)
def test_what_is_missing_is_named(truth, said):
    with pytest.raises(StudyError, match=said):
        checked_truth(protocol(), truth, "truth.csv")


def test_it_comes_back_from_the_seal(monkeypatch):
    monkeypatch.setattr(sealing, "COST", 2**10)
    truth = Truth({"c01": {ANY: True, SDH: False}}, {"c01": {0: {ANY: True, SDH: False}}})
    sealed = sealed_truth(truth, "correct horse")
    assert unsealed_truth(sealed, "correct horse", "truth.sealed") == truth


@pytest.mark.parametrize("content", [b"", b"[]", b'{"scans": {"c": {"any": 2}}, "slices": {}}', b'{"scans": {}}'])
def test_what_is_no_truth_is_refused(content):
    with pytest.raises(StudyError, match=r"truth\.json: is no truth"):
        truth_from_json(content, "truth.json")
