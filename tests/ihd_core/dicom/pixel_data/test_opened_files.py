"""What is counted while several threads read."""

from __future__ import annotations

import sys

import nibabel
import numpy as np
import pytest

from ihd_core.dicom.reader import load_scan
from ihd_core.dicom.series import find_series


@pytest.fixture
def hasty_threads():
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_every_value_that_is_no_number_is_counted_in_every_run(tmp_path, hasty_threads):
    values = np.zeros((16, 16, 300), np.float32)
    values[:2], values[2:4], values[4, :, :] = -1000, 1000, np.nan
    nibabel.Nifti1Image(values, np.diag([1.0, 1, 2, 1])).to_filename(tmp_path / "head.nii")
    (series,) = find_series([tmp_path]).series
    for _ in range(20):
        (warning,) = [w for w in load_scan(series).warnings if w.code == "not-a-number"]
        assert warning.values == {"values": 16 * 300}
