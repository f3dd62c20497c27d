"""What is wrong with files and labels: named one by one in a CSV, summed in a few lines."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.files import file_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem.

    Attributes:
        meaning: what it is, in the plural.
        done: what becomes of the rows concerned where the index goes on.
        is_fault: of the data; else it is in the nature of such data, and is named but stops nobody.
    """

    meaning: str
    done: str
    is_fault: bool = True


_FILE, _LABEL = "the file is left out", "that label is unknown for the slice"

KINDS = {
    "unreadable": Kind("files that cannot be read", _FILE),
    "truncated": Kind("files with fewer pixels than they announce", _FILE),
    "not-ct": Kind("files that are no CT slice", _FILE),
    "no-position": Kind("CT slices without a place in the patient", _FILE),
    "several-slices": Kind("files that hold more than one slice", _FILE),
    "name-and-uid": Kind("files named like one slice that hold another", _FILE),
    "id-in-two-files": Kind("files of an id that other images have too", "all of them are left out"),
    "name-of-two-files": Kind("files whose name in the table others have too", "they are kept as unlabelled"),
    "copy": Kind("files that repeat another file", "one of them is kept"),
    "same-place": Kind("slices at the place of another of their scan", "the one that the program shows is kept"),
    "two-patients": Kind("slices of a series that two patients share", _FILE),
    "not-predicted": Kind("slices of a scan that the program does not predict", _FILE),
    "not-a-volume": Kind("slices that make no volume", _FILE),
    "split-series": Kind("further scans in a series", "each is a scan of its own"),
    "further-series": Kind(
        "further series of studies that are labelled as a whole", "the one that the program shows first is kept", False
    ),
    "label-without-image": Kind("labelled ids without an image", "their labels are not used"),
    "image-without-label": Kind("images that nobody labelled", "they are kept as unlabelled"),
    "wanted-without-image": Kind("ids of the sample submission without an image", "they get no picture"),
    "label-value": Kind("labels that are neither 0 nor 1", _LABEL),
    "missing-label": Kind("labels without a row", _LABEL),
    "contradicting-labels": Kind("labels given twice with different values", _LABEL),
    "any-contradicted": Kind(
        "slices or scans with a hemorrhage where any is 0", "any and the positive labels are unknown there"
    ),
    "unknown-label": Kind("rows that name no label", "the row is not used"),
    "unreadable-row": Kind("rows that cannot be understood", "the row is not used"),
}
"""By the name in the CSV, in the order of the report."""

EXAMPLES = 3
"""Problems of one kind that the report shows."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One of them.

    Attributes:
        kind: a key of KINDS.
        where: file below the folder of images, or id in the table of labels.
        value: what was found there; empty where it is nothing short.
        text: one line for the reader.
    """

    kind: str
    where: str
    value: str
    text: str


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """By kind, then by file or id."""
    order = {kind: number for number, kind in enumerate(KINDS)}
    return sorted(problems, key=lambda one: (order[one.kind], one.where, one.value))


def write_problems(path: Path, problems: Sequence[Problem]) -> None:
    """Write one row a problem.

    Raises:
        FileError: it cannot be written.
    """
    with file_errors(path), path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["kind", "file_or_id", "value", "text"])
        writer.writerows((one.kind, one.where, one.value, one.text) for one in problems)


def faults(problems: Iterable[Problem]) -> int:
    """How many of them are faults of the data."""
    return sum(KINDS[one.kind].is_fault for one in problems)


def counted(problems: Iterable[Problem]) -> dict[str, int]:
    """How many of every kind that there is, in the order of KINDS."""
    counts = Counter(one.kind for one in problems)
    return {kind: counts[kind] for kind in KINDS if counts[kind]}


def summary(problems: Sequence[Problem]) -> list[str]:
    """Lines: every kind with its number, what became of it, and the first examples."""
    lines = []
    for kind, count in counted(problems).items():
        lines.append(f"{count:,} {KINDS[kind].meaning}: {KINDS[kind].done} [{kind}]")
        examples = [one for one in problems if one.kind == kind]
        lines += [f"    {one.where}: {one.text}" for one in examples[:EXAMPLES]]
        if count > EXAMPLES:
            lines.append(f"    and {count - EXAMPLES:,} more")
    return lines
