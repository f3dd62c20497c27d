"""Truth as a table gives it, before anybody knows which images there are."""

from __future__ import annotations

import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import LABELS, SUBTYPES, Label
from training.data.problems import Problem
from training.data.slice_table import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_NOT_GIVEN = -2
"""Of a label that has had no row so far."""


@dataclass(slots=True)
class GivenLabels:
    """Labels by id.

    Attributes:
        key: what an id is: "slice" (SOPInstanceUID or name of the file without its ending), "file" (its path below the
            folder of images, or its name), "series" (SeriesInstanceUID) or "study" (a name that the study's folder or
            its PatientID has).
        numbers: row of truth of every id, in the order of the table.
        truth: int8 (ids, labels) in the order of LABELS: 1, 0 or UNKNOWN.
        problems: of the table itself.
        remarks: what a reader should know and is no problem.
    """

    key: str
    numbers: dict[str, int]
    truth: NDArray[np.int8]
    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


class LabelCollector:
    """Takes labels one by one, in any order, and says of every id what is wrong with it."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.repeated = 0
        self.derived = 0
        self._numbers: dict[str, int] = {}
        self._values = array.array("b")
        self._empty = array.array("b", [_NOT_GIVEN] * len(LABELS))
        self._seen: dict[tuple[int, int], str] = {}

    def number(self, name: str) -> int:
        """Row of an id, a new one where it has none."""
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self._numbers)
            self._values.extend(self._empty)
        return number

    def give(self, name: str, column: int, text: str) -> None:
        """Take one label: "0" or "1", or anything else, which becomes a problem."""
        number = self.number(name)
        place = number * len(LABELS) + column
        before = self._values[place]
        value = value_of(text)
        if before == _NOT_GIVEN:
            self._values[place] = value
            if value == UNKNOWN:
                self._seen[number, column] = text
                self._say("label-value", name, text, f"{LABELS[column]} is {text[:40]!r}, must be 0 or 1")
        elif before == value and value != UNKNOWN:
            self.repeated += 1
        elif (number, column) not in self._seen or self._seen[number, column] != text:
            first = self._seen.get((number, column), str(before))
            self._values[place] = UNKNOWN
            self._seen[number, column] = text
            said = f"{first} and {text}"[:80]
            self._say("contradicting-labels", name, said, f"{LABELS[column]} is {said}")
        else:
            self.repeated += 1

    def leave_open(self, name: str, column: int) -> None:
        """Take one label that the table leaves empty: it is not known, which is no problem."""
        place = self.number(name) * len(LABELS) + column
        if self._values[place] == _NOT_GIVEN:
            self._values[place] = UNKNOWN
            self._seen[place // len(LABELS), column] = ""
        elif self._values[place] == UNKNOWN and self._seen.get((place // len(LABELS), column)) == "":
            self.repeated += 1
        else:
            self.give(name, column, "")

    def say_row(self, kind: str, row: str, text: str) -> None:
        """Take note of a row that cannot be used."""
        self._say(kind, row[:80], "", text)

    def labels(self, key: str, *, complete: bool, derive_any: bool = False) -> GivenLabels:
        """What was given.

        Args:
            key: as GivenLabels.key.
            complete: a label that no row gave is a problem.
            derive_any: where any is not given it is 1 if a subtype is 1, 0 if all five are 0.
        """
        names = list(self._numbers)
        truth = np.frombuffer(self._values.tobytes(), np.int8).reshape(len(names), len(LABELS)).copy()
        missing = truth == _NOT_GIVEN
        truth[missing] = UNKNOWN
        if complete:
            for number, column in np.argwhere(missing).tolist():
                self._say("missing-label", names[number], str(LABELS[column]), f"{LABELS[column]} has no row")
        if derive_any:
            self.derived = _derive_any(truth, missing[:, Label.ANY.column])
        self._refuse_contradicted_any(truth, names)
        given = GivenLabels(key, self._numbers, truth, self.problems)
        of_no_subtype = int(((truth[:, : len(SUBTYPES)] == 0).all(axis=1) & (truth[:, Label.ANY.column] == 1)).sum())
        if of_no_subtype:
            given.remarks.append(f"{of_no_subtype:,} ids have a hemorrhage of none of the five subtypes")
        return given

    def _refuse_contradicted_any(self, truth: NDArray[np.int8], names: Sequence[str]) -> None:
        column, found = Label.ANY.column, truth[:, : len(SUBTYPES)] == 1
        rows = np.flatnonzero((truth[:, column] == 0) & found.any(axis=1))
        for row in rows.tolist():
            said = ", ".join(label for label in SUBTYPES if found[row, label.column])
            self._say("any-contradicted", names[row], said, f"any is 0 and {said} 1")
            truth[row, : len(SUBTYPES)][found[row]] = UNKNOWN
            truth[row, column] = UNKNOWN

    def _say(self, kind: str, where: str, value: str, text: str) -> None:
        self.problems.append(Problem(kind, where, value[:80], text))


def _derive_any(truth: NDArray[np.int8], is_open: NDArray[np.bool_]) -> int:
    """Fill in any where it is open and the subtypes tell it; return for how many."""
    subtypes, column = truth[:, : len(SUBTYPES)], Label.ANY.column
    is_one = is_open & (subtypes == 1).any(axis=1)
    is_zero = is_open & (subtypes == 0).all(axis=1)
    truth[is_one, column] = 1
    truth[is_zero, column] = 0
    return int(is_one.sum() + is_zero.sum())


_VALUES = {"0": 0, "1": 1}


def value_of(text: str) -> int:
    """1 or 0 for a label as tables write it, also with a decimal as where a column once had gaps; else UNKNOWN."""
    value = _VALUES.get(text)
    return _VALUES.get(text.strip().removesuffix(".0"), UNKNOWN) if value is None else value
