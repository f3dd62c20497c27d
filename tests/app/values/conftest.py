"""A scan, and one that is predicted: subdural detected, its evidence the same everywhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.session import Shown
from ihd_core.labels import LABELS, Label
from ihd_core.scan import ScanDetails
from tests.ihd_core.toy import toy_info, toy_prediction, toy_scan

DETAILS = ScanDetails(
    patient_name="Doe^Jo^^^",
    patient_id="P1",
    patient_age="064Y",
    patient_sex="F",
    study_date="20200131",
    series_number="3",
    series_description="Head 5 mm",
    institution="Hospital",
    scanner="Scanner",
    kernel="H30s",
    thickness_mm=5.0,
    kvp=120.0,
)


@pytest.fixture(scope="session")
def scan():
    return replace(toy_scan(), details=DETAILS)


@pytest.fixture(scope="session")
def shown(scan):
    prediction = toy_prediction(scan)
    probabilities = np.zeros(len(LABELS), np.float32)
    probabilities[[Label.SUBDURAL.column, Label.ANY.column]] = 0.9
    evidence = np.full(prediction.evidence.shape, 0.04, np.float32)
    prediction = replace(prediction, scan=probabilities, evidence=evidence)
    return Shown(scan=scan, prediction=prediction, model=toy_info(), slice_index=2)
