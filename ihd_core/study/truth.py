"""What is true of every case, and of slices where that is known; sealed from readers until the lead shows it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ihd_core.errors import StudyError
from ihd_core.json_values import only
from ihd_core.labels import DISPLAY_ORDER, SUBTYPES, Label
from ihd_core.study.sealing import seal, unseal
from ihd_core.study.tables import labels_of, read_table

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from ihd_core.study.protocol import Protocol

    Calls = Mapping[Label, bool]


@dataclass(frozen=True, slots=True)
class Truth:
    """The reference standard.

    Attributes:
        scans: by case and label.
        slices: by case, slice_index (0 is the most inferior slice) and label; only cases of which it is known.
    """

    scans: Mapping[str, Calls]
    slices: Mapping[str, Mapping[int, Calls]] = field(default_factory=dict)


def read_truth(path: Path) -> dict[str, dict[Label, bool]]:
    """Read a CSV with case and a column a label, 0 or 1; where any is not a column but all subtypes are, it follows.

    Raises:
        StudyError: it cannot be read, a cell holds anything else, a case stands twice, or any is 0 beside a subtype.
    """
    rows = read_table(path, ["case"])
    labels = labels_of(path, rows)
    found: dict[str, dict[Label, bool]] = {}
    for row in rows:
        name = row["case"]
        if name in found:
            raise StudyError(f"{row.place}: case {name} stands twice")
        found[name] = _complete({label: row.yes(label) for label in labels}, row.place)
    return found


def read_slice_truth(path: Path, cases: Mapping[str, str]) -> dict[str, dict[int, dict[Label, bool]]]:
    """Read a CSV with case or series_uid, index (0 is the most inferior slice) and a column a label, 0 or 1.

    Args:
        path: of the file, such as truth.csv of `ihd phantom`.
        cases: name of the case by scan_uid; rows of other scans are passed over.

    Raises:
        StudyError: as read_truth() does.
    """
    rows = read_table(path, ["index"])
    key = next((name for name in ("case", "series_uid") if name in rows[0].values), None)
    if key is None:
        raise StudyError(f"{path}: has neither a column case nor series_uid")
    labels = labels_of(path, rows)
    found: dict[str, dict[int, dict[Label, bool]]] = {}
    for row in rows:
        name = row[key] if key == "case" else cases.get(row[key], "")
        if name not in cases.values():
            continue
        slices, index = found.setdefault(name, {}), row.index("index")
        if index in slices:
            raise StudyError(f"{row.place}: slice {index} of case {name} stands twice")
        slices[index] = _complete({label: row.yes(label) for label in labels}, row.place)
    return found


def checked_truth(protocol: Protocol, truth: Truth, name: str) -> Truth:
    """The truth of this study's cases and labels alone.

    Args:
        protocol: whose.
        truth: may know more.
        name: of the file, for messages.

    Raises:
        StudyError: a case, a label or a slice is missing.
    """
    for case in protocol.cases:
        if case.name not in truth.scans:
            raise StudyError(f"{name}: case {case.name} is missing")
        for label in protocol.labels:
            if label not in truth.scans[case.name]:
                raise StudyError(f"{name}: label {label} is missing, this study asks for it")
        slices = truth.slices.get(case.name)
        if slices is not None and set(slices) != set(range(case.slices)):
            wrong = min(set(slices) ^ set(range(case.slices)))
            raise StudyError(f"{name}: slice {wrong} of case {case.name}: the scan has slices 0 to {case.slices - 1}")
    kept = [case.name for case in protocol.cases]
    return Truth(
        {case: _of(protocol.labels, truth.scans[case]) for case in kept},
        {
            case: {index: _of(protocol.labels, truth.slices[case][index]) for index in sorted(truth.slices[case])}
            for case in kept
            if case in truth.slices
        },
    )


def sealed_truth(truth: Truth, passphrase: str) -> bytes:
    """The truth as a file that only the passphrase opens.

    Raises:
        StudyError: the passphrase is too short.
    """
    return seal(truth_json(truth), passphrase)


def unsealed_truth(sealed: bytes, passphrase: str, name: str) -> Truth:
    """Read what sealed_truth() made.

    Raises:
        StudyError: the passphrase does not fit, or the file was changed.
    """
    return truth_from_json(unseal(sealed, passphrase, name), name)


def truth_json(truth: Truth) -> bytes:
    """The truth as JSON, 0 and 1 by case and label."""
    described = {
        "scans": {case: _digits(calls) for case, calls in truth.scans.items()},
        "slices": {
            case: {str(index): _digits(calls) for index, calls in slices.items()}
            for case, slices in truth.slices.items()
        },
    }
    return (json.dumps(described, indent=1) + "\n").encode()


def truth_from_json(content: bytes, name: str) -> Truth:
    """Read what truth_json() wrote.

    Raises:
        StudyError: it is something else.
    """
    try:
        described = json.loads(content)
        only(described, {"scans", "slices"}, "the truth")
        return Truth(
            {case: _calls(digits) for case, digits in described["scans"].items()},
            {
                case: {int(index): _calls(digits) for index, digits in slices.items()}
                for case, slices in described["slices"].items()
            },
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StudyError(f"{name}: is no truth of this program ({' '.join(str(error).split())})") from error


def _complete(calls: dict[Label, bool], place: str) -> dict[Label, bool]:
    subtypes = [label for label in SUBTYPES if calls.get(label)]
    if Label.ANY not in calls and all(label in calls for label in SUBTYPES):
        calls = {Label.ANY: bool(subtypes), **calls}
    if subtypes and calls.get(Label.ANY) is False:
        raise StudyError(f"{place}: any is 0, but {subtypes[0]} is 1")
    return calls


def _of(labels: Collection[Label], calls: Calls) -> dict[Label, bool]:
    return {label: calls[label] for label in labels}


def _digits(calls: Calls) -> dict[str, int]:
    return {str(label): int(calls[label]) for label in DISPLAY_ORDER if label in calls}


def _calls(digits: Mapping[str, int]) -> dict[Label, bool]:
    if any(digit not in (0, 1) for digit in digits.values()):
        raise ValueError("a label is neither 0 nor 1")
    return {Label(name): bool(digit) for name, digit in digits.items()}
