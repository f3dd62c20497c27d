"""Labels of CQ500: a row a study, a column a reader and finding, the truth is what most readers say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ihd_core.errors import FileError
from ihd_core.labels import LABELS, Label
from training.data.labels.columns import read_columns
from training.data.labels.given import GivenLabels, LabelCollector, value_of
from training.data.labels.names import plain
from training.data.slice_table import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FINDINGS = {
    "ICH": Label.ANY,
    "IPH": Label.INTRAPARENCHYMAL,
    "IVH": Label.INTRAVENTRICULAR,
    "SDH": Label.SUBDURAL,
    "EDH": Label.EPIDURAL,
    "SAH": Label.SUBARACHNOID,
}
"""Names of columns after the reader's, as R1:ICH; the others, such as R1:Fracture, are not read."""

NAME = "name"
_READER = re.compile(r"R(\d+):(\w+)")


def read_labels(path: Path) -> GivenLabels:
    """Read reads.csv.

    A label is 1 or 0 where more than half of the readers who said anything say so; where they are even it is unknown.

    Raises:
        FileError: it cannot be read, or a column is missing.
    """
    names, rows = read_columns(path)
    columns = _columns(path, names)
    found = LabelCollector()
    for row in rows:
        study = plain(row[names.index(NAME)])
        if not study:  # else it would be that of every scan whose PatientID is empty
            found.say_row("unreadable-row", ",".join(row), f"names nothing in column {NAME}")
            continue
        found.number(study)
        for label, indices in columns.items():
            said = [row[index] for index in indices]
            values = [value_of(text) for text in said if text]
            if UNKNOWN in values:
                found.give(study, label.column, next(text for text in said if text and value_of(text) == UNKNOWN))
            elif (majority := _majority(values)) is not None:
                found.give(study, label.column, majority)
    given = found.labels("study", complete=False)
    readers = len(next(iter(columns.values())))
    given.remarks.append(f"{readers} readers; truth is what most of them say of the whole study")
    unknown = int((given.truth < 0).sum())
    if unknown:
        given.remarks.append(f"{unknown:,} labels are unknown: nobody gave them, or readers are even")
    return given


def _majority(values: Sequence[int]) -> str | None:
    ones, zeros = values.count(1), values.count(0)
    return None if ones == zeros else "1" if ones > zeros else "0"


def _columns(path: Path, names: Sequence[str]) -> dict[Label, list[int]]:
    """Where the readers' answers are, by label."""
    found: dict[Label, list[int]] = {label: [] for label in LABELS}
    for index, name in enumerate(names):
        matched = _READER.fullmatch(name)
        if matched and matched[2] in FINDINGS:
            found[FINDINGS[matched[2]]].append(index)
    missing = [finding for finding, label in FINDINGS.items() if not found[label]]
    if missing or NAME not in names:
        lacking = f"R1:{missing[0]}" if missing else NAME
        raise FileError(f"{path}: has no column {lacking}, a table in CQ500's form needs it")
    return found
