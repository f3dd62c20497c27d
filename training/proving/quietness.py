"""Whether a real head without hemorrhage stays quiet where large lesions of phantoms are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.errors import FileError
from ihd_core.labels import DISPLAY_ORDER, LABELS, Label
from training.judging.operating_points import operating_point
from training.proving.readings import model_of

if TYPE_CHECKING:
    from pathlib import Path

    from ihd_core.scan import Scan
    from training.proving.accuracy import Rows

LARGE_MM2 = 200.0
SENSITIVITY = 0.90
"""The operating point finds so many of the visible lesions of LARGE_MM2 and more."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where a probability becomes a call, chosen on phantoms.

    Attributes:
        level: "slice" or "scan".
        label: what is called.
        threshold: called where the probability is above.
        positives: lesions of LARGE_MM2 and more behind it.
        specificity: of phantoms without the label; nan where there is none.
    """

    level: str
    label: Label
    threshold: float
    positives: int
    specificity: float


@dataclass(frozen=True, slots=True)
class Quietness:
    """What a model says of a real head.

    Attributes:
        slices: of the head.
        flagged: indices of slices called for any at its operating point.
        flagged_by_label: likewise, for every label at its own.
        scan_flagged: labels called for the whole scan at the operating points of scans.
        probability: by label, of every slice, inferior first.
        scan: by label, of the whole scan.
        warnings: sentences that come with the prediction.
        withheld: why the program gives no result for the scan as a whole; empty where it does.
        met: whether no slice is called for any; None where no phantom lesion is behind the threshold.
    """

    slices: int
    flagged: tuple[int, ...]
    flagged_by_label: dict[Label, tuple[int, ...]]
    scan_flagged: tuple[Label, ...]
    probability: dict[Label, tuple[float, ...]]
    scan: dict[Label, float]
    warnings: tuple[str, ...]
    withheld: str
    met: bool | None


def points(rows: Rows) -> dict[Label, Point]:
    """By label, the highest threshold that finds 90 % of what is visible on at least 200 mm2."""
    found = {}
    for label in LABELS:
        keep = rows.compared(label, LARGE_MM2)
        truth, score = rows.truth[keep, label.column], rows.probability[keep, label.column]
        point = operating_point(truth, score, rule="sensitive", goal=SENSITIVITY)
        specificity = float("nan") if point.specificity is None else point.specificity.value
        found[label] = Point(rows.level, label, point.threshold, point.positives, specificity)
    return found


def load_real(folder: Path) -> Scan:
    """The real head in a folder of DICOM files, with all the warnings that the program has for it.

    Raises:
        DicomError: there is none.
        FileError: the folder is missing.
    """
    from ihd_core.dicom.reader import load_scan
    from ihd_core.scan_checks import examined

    if not folder.exists():
        raise FileError(f"{folder}: missing; --real names a folder with the DICOM files of a head")
    return examined(load_scan(folder))


def quietness(scan: Scan, model: Path, of_slices: dict[Label, Point], of_scans: dict[Label, Point]) -> Quietness:
    """Read a real head without hemorrhage.

    Raises:
        CannotPredict: it cannot be given to the network.
    """
    from ihd_core.predict import predict

    found = predict(scan, model_of(model))
    flagged = {
        label: tuple(np.flatnonzero(found.of(label) > np.float32(of_slices[label].threshold)).tolist())
        for label in DISPLAY_ORDER
    }
    return Quietness(
        len(scan),
        flagged[Label.ANY],
        flagged,
        tuple(one for one in DISPLAY_ORDER if found.scan[one.column] > np.float32(of_scans[one].threshold)),
        {label: tuple(round(float(p), 4) for p in found.of(label)) for label in DISPLAY_ORDER},
        {label: round(float(found.scan[label.column]), 4) for label in DISPLAY_ORDER},
        tuple(dict.fromkeys(warning.text for warning in found.warnings)),
        found.withheld,
        not flagged[Label.ANY] if of_slices[Label.ANY].positives else None,
    )
