"""What the slices of a series say together."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ihd_core.dicom.reader import load_scan
from ihd_core.dicom.series import find_series
from ihd_core.dicom.series_details import series_details
from ihd_core.phantom.series_writer import write_series
from ihd_core.scan import ScanDetails
from ihd_core.windowing import Window


def together(*details):
    return series_details([SimpleNamespace(details=one) for one in details])


def test_what_only_some_slices_say_is_told_of_the_scan(tmp_path, hu):
    said = {"PatientID": "P7", "PatientAge": "010Y", "KVP": "80"}
    write_series(tmp_path, hu, tags_per_slice=lambda i: said if i == 3 else dict.fromkeys(said, ""))
    (series,) = find_series([tmp_path]).series
    for details in (load_scan(tmp_path).details, series.details):
        assert (details.patient_id, details.patient_age) == ("P7", "010Y")
        assert details.kvp == 80


def test_an_agent_that_only_some_slices_name_is_told():
    assert together(ScanDetails(), ScanDetails(contrast_agent="ULTRAVIST")).contrast_agent == "ULTRAVIST"


def test_of_different_texts_the_first_slice_that_has_one_is_heard():
    found = together(ScanDetails(), ScanDetails(study_date="20200101"), ScanDetails(study_date="20210101"))
    assert found == ScanDetails(study_date="20200101")


@pytest.mark.parametrize(("kvp", "told"), [((120, 120, 80), 80), ((0, 120, 150), 150), ((90, 120, 0), 90), ((0, 0), 0)])
def test_the_voltage_that_changes_the_hu_most_is_told(kvp, told):
    assert together(*(ScanDetails(kvp=value) for value in kvp)).kvp == told


@pytest.mark.parametrize("agents", [("NONE", "ULTRAVIST", ""), ("", "ULTRAVIST", "ohne KM"), ("no", "", "ULTRAVIST")])
def test_an_agent_is_not_hidden_by_slices_that_deny_one(agents):
    assert together(*(ScanDetails(contrast_agent=agent) for agent in agents)).contrast_agent == "ULTRAVIST"


def test_the_thickness_of_most_slices_is_told():
    assert together(*(ScanDetails(thickness_mm=value) for value in (0, 0, 0, 2.5, 5, 5))).thickness_mm == 5
    assert together(*(ScanDetails(thickness_mm=value) for value in (2.5, 5))).thickness_mm == 5


def test_many_slices_that_share_one_object_outvote_a_few_that_do_not():
    most = ScanDetails(thickness_mm=5)
    few = [ScanDetails(thickness_mm=2.5, series_number=str(i)) for i in range(3)]
    assert together(*few, most, most, most, most).thickness_mm == 5


def test_loss_and_a_window_of_one_slice_are_told():
    window = Window(40, 80, "file")
    found = together(ScanDetails(), ScanDetails(lossy=True), ScanDetails(default_window=window))
    assert (found.lossy, found.default_window) == (True, window)
