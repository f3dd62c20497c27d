"""Predictions as JSON and as CSV, the same numbers in both."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.labels import DISPLAY_ORDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ihd_core.model_file import ModelInfo
    from ihd_core.predict import Prediction
    from ihd_core.scan import Scan

COLUMNS = (
    "series_uid",
    "level",
    "index",
    "sop_uid",
    "position_mm",
    *(f"cnn_{label}" for label in DISPLAY_ORDER),
    *(f"bilstm_{label}" for label in DISPLAY_ORDER),
    "warnings",
)
"""Of the CSV; `level` is slice or scan, and a scan has no index, sop_uid and position_mm, a slice no warnings.

Of a model without a BiLSTM, the columns of the BiLSTM are empty; where the result is withheld, so are all
probabilities of the scan and of its slices, and the warnings say why.
"""


@dataclass(frozen=True, slots=True, eq=False)
class ScanResult:
    """What the files say of one scan, without its pixels.

    Attributes:
        positions_mm: (slices,), along the normal, increasing.
        prediction: of the same scan.
    """

    series_uid: str
    slice_uids: tuple[str, ...]
    positions_mm: NDArray[np.float64]
    prediction: Prediction


def scan_result(scan: Scan, prediction: Prediction) -> ScanResult:
    """Keep of a scan what the files say, so that its pixels can go."""
    return ScanResult(scan.uid, scan.slice_uids, scan.heights_mm, prediction)


def predictions_json(results: Sequence[ScanResult]) -> str:
    """All results as one JSON object; slices from index 0, inferior first."""
    content = {"scans": [_scan_entry(result) for result in results]}
    return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def predictions_csv(results: Sequence[ScanResult]) -> str:
    """All results as one table: a row a slice, inferior first, then a row for the scan."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for result in results:
        table.writerows(_rows(result))
    return text.getvalue()


def _scan_entry(result: ScanResult) -> dict[str, object]:
    prediction = result.prediction
    given = not prediction.withheld
    has_bilstm = given and prediction.model.sequence is not None
    return {
        "series_uid": result.series_uid,
        "slice_count": len(result.slice_uids),
        "warnings": [{"code": w.code, "text": w.text, "values": dict(w.values)} for w in prediction.warnings],
        "model": _model_entry(prediction.model),
        "engine": prediction.engine,
        "withheld": prediction.withheld,
        "scan": _by_label(prediction.scan) if given else None,
        "scan_cnn": _by_label(prediction.cnn_scan) if given else None,
        "slices": [
            {
                "index": index,
                "sop_uid": uid,
                "position_mm": _millimetres(result.positions_mm[index]),
                "cnn": _by_label(prediction.cnn_slices[index]) if given else None,
                "bilstm": _by_label(prediction.slices[index]) if has_bilstm else None,
            }
            for index, uid in enumerate(result.slice_uids)
        ],
    }


def _model_entry(model: ModelInfo) -> dict[str, str]:
    return {"name": model.name, "sha256": model.sha256, "intended_use": model.intended_use}


def _rows(result: ScanResult) -> Iterator[list[object]]:
    prediction = result.prediction
    given = not prediction.withheld
    has_bilstm = given and prediction.model.sequence is not None
    for index, uid in enumerate(result.slice_uids):
        place = [index, uid, _millimetres(result.positions_mm[index])]
        alone = _cells(prediction.cnn_slices[index], there=given)
        yield [result.series_uid, "slice", *place, *alone, *_cells(prediction.slices[index], there=has_bilstm), ""]
    alone = _cells(prediction.cnn_scan, there=given)
    codes = " ".join(dict.fromkeys(warning.code for warning in prediction.warnings))
    yield [result.series_uid, "scan", "", "", "", *alone, *_cells(prediction.scan, there=has_bilstm), codes]


def _cells(probabilities: NDArray[np.float32], *, there: bool) -> list[float | str]:
    return [*_by_label(probabilities).values()] if there else [""] * len(DISPLAY_ORDER)


def _by_label(probabilities: NDArray[np.float32]) -> dict[str, float]:
    """Of (labels,), any first; the shortest decimals that give the same float32 again."""
    return {str(label): float(str(probabilities[label.column])) for label in DISPLAY_ORDER}


def _millimetres(position: np.float64) -> float:
    return round(float(position), 4) + 0.0  # no -0.0
