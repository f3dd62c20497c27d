"""The order of the worklist."""

from __future__ import annotations

from types import SimpleNamespace

from app.session import Shown
from app.study_order import case_beside, ordered, study_of
from ihd_core.dicom.series import find_series
from ihd_core.scan import ScanDetails


def series(uid, study, refusal="", **details):
    header = SimpleNamespace(details=ScanDetails(study_uid=study, **details))
    return SimpleNamespace(uid=uid, refusal=refusal, stack=SimpleNamespace(headers=[header]))


def uids(found):
    return [one.uid for one in found]


def test_series_of_one_study_stand_together_the_best_study_first():
    found = [series("1", "A"), series("2", "B"), series("3", "A"), series("4", "B")]
    assert uids(ordered(found)) == ["1", "3", "2", "4"]


def test_what_is_not_predicted_stands_below_what_is():
    found = [series("1", "A", "coronal"), series("2", "A"), series("3", "B"), series("4", "A", "two patients")]
    assert uids(ordered(found)) == ["2", "1", "4", "3"]


def test_a_study_of_which_nothing_is_predicted_is_the_last():
    found = [series("1", "A", "two patients"), series("2", "B")]
    assert uids(ordered(found)) == ["2", "1"]


def test_one_study_uid_under_two_patients_is_two_studies():
    first = series("1", "A", patient_id="P1", patient_name="Doe^Jo")
    same = series("2", "A", patient_id="P1", patient_name="DOE^JO^^")
    assert study_of(first) == study_of(same)
    for other in ({"patient_id": "P2"}, {"patient_name": "Roe^Ri"}, {"patient_birth_date": "19600101"}):
        details = {"patient_id": "P1", "patient_name": "Doe^Jo", **other}
        assert study_of(series("3", "A", **details)) != study_of(first)


def test_without_a_study_uid_every_series_is_a_study():
    assert study_of(series("1", "")) != study_of(series("2", ""))


def test_the_case_beside_is_the_first_series_of_the_next_study(study):
    found = find_series([study.folder]).series
    assert case_beside(Shown(series=found, current=0), 1) == 1
    assert case_beside(Shown(series=found, current=1), -1) == 0
    assert case_beside(Shown(series=found, current=1), 1) == -1
    assert case_beside(Shown(), 1) == -1
