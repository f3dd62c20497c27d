"""The order of the worklist."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from app.session import Shown
from app.study_order import case_beside, ordered, study_of
from ihd_core.dicom.series import find_series
from ihd_core.phantom.series_writer import write_series
from ihd_core.scan import ScanDetails


@pytest.fixture
def hu():
    """int16 (5, 8, 8), HU of no meaning, and some tissue among them."""
    return np.arange(320, dtype=np.int16).reshape(5, 8, 8)


def series(uid, study, refusal="", **details):
    return SimpleNamespace(uid=uid, refusal=refusal, details=ScanDetails(study_uid=study, **details))


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


def test_slices_that_do_not_name_the_patient_do_not_make_another_study(tmp_path, hu):
    named = {"PatientID": "P7", "PatientName": "Doe^Jo", "PatientBirthDate": "19600101"}
    nameless = dict.fromkeys(named, "")
    study = {"StudyInstanceUID": "1.2.9"}
    for uid, first_named in (("1.2.1", 0), ("1.2.2", 3)):
        write_series(
            tmp_path / uid,
            hu,
            series_uid=uid,
            tags=study,
            tags_per_slice=[named if i >= first_named else nameless for i in range(5)],
        )
    first, other = find_series([tmp_path]).series
    assert study_of(first) == study_of(other)
    assert study_of(first)[:3] == ("P7", "doe^jo", "19600101")


def test_without_a_study_uid_every_series_is_a_study():
    assert study_of(series("1", "")) != study_of(series("2", ""))


def test_the_case_beside_is_the_first_series_of_the_next_study(study):
    found = find_series([study.folder]).series
    assert case_beside(Shown(series=found, current=0), 1) == 1
    assert case_beside(Shown(series=found, current=1), -1) == 0
    assert case_beside(Shown(series=found, current=1), 1) == -1
    assert case_beside(Shown(), 1) == -1
