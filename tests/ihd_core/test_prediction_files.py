"""The formats are those of the README; the numbers here were written by hand."""

from __future__ import annotations

import csv
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest

from ihd_core.labels import Label
from ihd_core.predict import Prediction
from ihd_core.prediction_files import predictions_csv, predictions_json, scan_result
from ihd_core.scan import Scan, ScanWarning

# In the order of the arrays: epidural, intraparenchymal, intraventricular, subarachnoid, subdural, any.
CNN = np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.11, 0.21, 0.31, 0.41, 0.51, 0.61]], np.float32)
BILSTM = np.array([[0.7, 0.71, 0.72, 0.73, 0.74, 1e-9], [0.01, 0.02, 0.03, 0.04, 0.05, 1.0]], np.float32)
ANY_FIRST = ["any", "epidural", "intraparenchymal", "intraventricular", "subarachnoid", "subdural"]


@pytest.fixture
def result():
    scan = Scan(
        hu=np.zeros((2, 4, 4), np.int16),
        spacing_mm=(5.0, 0.5, 0.5),
        orientation=np.eye(3),
        positions_mm=np.array([[0.0, 0.0, -12.5], [0.0, 0.0, -7.5]]),
        uid="1.2.3",
        slice_uids=("1.2.3.1", "1.2.3.2"),
    )
    prediction = Prediction(
        cnn_slices=CNN,
        slices=BILSTM,
        cnn_scan=CNN.max(axis=0),
        scan=BILSTM.max(axis=0),
        evidence=np.zeros((2, 6, 1, 1), np.float32),
        slab_of_slice=np.arange(2),
        placement=None,
        cells=None,
        warnings=(ScanWarning("gantry-tilt", "Gantry tilt +18.5°", {"degrees": 18.5}),),
        model=SimpleNamespace(name="toy", sha256="ab" * 32, intended_use="tests", sequence=object()),
        seconds=0.5,
    )
    return scan_result(scan, prediction)


def test_the_json_of_a_scan_is_complete_and_any_comes_first(result):
    (scan,) = json.loads(predictions_json([result]))["scans"]
    assert list(scan) == [
        "series_uid", "slice_count", "warnings", "model", "engine", "withheld", "scan", "scan_cnn", "slices",
    ]  # fmt: skip
    assert (scan["series_uid"], scan["slice_count"]) == ("1.2.3", 2)
    assert scan["warnings"] == [
        {"code": "gantry-tilt", "text": "Gantry tilt +18.5°", "values": {"degrees": 18.5}},
    ]
    assert scan["model"] == {"name": "toy", "sha256": "ab" * 32, "intended_use": "tests"}
    assert list(scan["scan"]) == ANY_FIRST
    assert scan["scan"]["any"] == 1.0
    assert scan["scan_cnn"]["epidural"] == 0.11
    lower, upper = scan["slices"]
    assert (lower["index"], lower["sop_uid"], lower["position_mm"]) == (0, "1.2.3.1", -12.5)
    assert (upper["index"], upper["sop_uid"], upper["position_mm"]) == (1, "1.2.3.2", -7.5)
    assert list(lower["cnn"]) == list(lower["bilstm"]) == ANY_FIRST
    assert lower["cnn"]["subdural"] == 0.5
    assert lower["bilstm"]["any"] == 1e-9


def test_the_csv_has_a_row_a_slice_and_then_one_for_the_scan(result):
    text = predictions_csv([result, result])
    header, *rows = csv.reader(io.StringIO(text))
    probabilities = [f"{network}_{label}" for network in ("cnn", "bilstm") for label in ANY_FIRST]
    assert header == ["series_uid", "level", "index", "sop_uid", "position_mm", *probabilities, "warnings"]
    assert [row[1] for row in rows] == ["slice", "slice", "scan"] * 2
    assert [row[-1] for row in rows] == ["", "", "gantry-tilt"] * 2
    assert rows[0][:6] == ["1.2.3", "slice", "0", "1.2.3.1", "-12.5", "0.6"]
    assert rows[2][:6] == ["1.2.3", "scan", "", "", "", "0.61"]
    assert dict(zip(header, rows[1], strict=True))["bilstm_subdural"] == "0.05"


def test_both_files_give_back_the_very_same_float32(result):
    (scan,) = json.loads(predictions_json([result]))["scans"]
    rows = list(csv.DictReader(io.StringIO(predictions_csv([result]))))
    for index in range(2):
        for label in Label:
            assert np.float32(scan["slices"][index]["cnn"][label]) == CNN[index, label.column]
            assert np.float32(rows[index][f"bilstm_{label}"]) == BILSTM[index, label.column]


def test_of_a_model_without_a_bilstm_nothing_is_called_its_result(result):
    result.prediction.model.sequence = None
    (scan,) = json.loads(predictions_json([result]))["scans"]
    assert [entry["bilstm"] for entry in scan["slices"]] == [None, None]
    assert scan["slices"][0]["cnn"]["any"] == 0.6
    rows = list(csv.DictReader(io.StringIO(predictions_csv([result]))))
    assert [row[f"bilstm_{label}"] for row in rows for label in Label] == [""] * 18
    assert [row["cnn_any"] for row in rows] == ["0.6", "0.61", "0.61"]


def test_of_what_is_no_head_neither_file_gives_a_number(result):
    no_head = ScanWarning("not-a-head", "The image does not look like a head")
    object.__setattr__(result.prediction, "warnings", (*result.prediction.warnings, no_head))
    (scan,) = json.loads(predictions_json([result]))["scans"]
    assert (scan["withheld"], scan["scan"], scan["scan_cnn"]) == (no_head.text, None, None)
    assert [(one["index"], one["cnn"], one["bilstm"]) for one in scan["slices"]] == [(0, None, None), (1, None, None)]
    rows = list(csv.DictReader(io.StringIO(predictions_csv([result]))))
    for row in rows:
        assert [value for name, value in row.items() if name.startswith(("cnn", "bilstm"))] == [""] * 12
    assert rows[2]["warnings"] == "gantry-tilt not-a-head"


def test_a_probability_that_is_not_a_number_is_never_written(result):
    broken = np.array(CNN)
    broken[0, 0] = np.nan
    object.__setattr__(result.prediction, "cnn_slices", broken)
    with pytest.raises(ValueError, match="JSON"):
        predictions_json([result])


def test_no_scan_gives_empty_but_valid_files():
    assert json.loads(predictions_json([])) == {"scans": []}
    assert len(predictions_csv([]).splitlines()) == 1
