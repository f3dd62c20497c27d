"""Labels in the long form of RSNA 2019: ID_000012eaf_epidural,0 and so on, six rows a slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ihd_core.errors import FileError
from ihd_core.files import file_errors
from ihd_core.labels import LABELS
from training.data.labels.given import GivenLabels, LabelCollector
from training.data.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAD = "ID,Label"


def read_labels(path: Path) -> GivenLabels:
    """Read stage_2_train.csv; its exact duplicates are counted, rows that contradict each other are a problem.

    A row without a value says that the label is not known, as our phantoms have it of blood too faint to be seen.

    Raises:
        FileError: it cannot be read, or has another form.
    """
    columns = {str(label): label.column for label in LABELS}
    found = LabelCollector()
    for number, line in enumerate(_lines(path), start=2):
        name, _, value = line.rpartition(",")
        identity, _, label = name.rpartition("_")
        column = columns.get(label)
        if column is not None and identity and not value:
            found.leave_open(identity, column)
        elif column is not None and identity:
            found.give(identity, column, value)
        elif line:
            _say_foreign(found, number, line)
    given = found.labels("slice", complete=True)
    if found.repeated:
        given.remarks.append(f"{found.repeated:,} rows repeat another row exactly; each was counted once")
    return given


def read_ids(path: Path) -> list[str]:
    """Ids of a sample submission in its order, each once.

    Raises:
        FileError: it cannot be read, or has another form.
    """
    return list(dict.fromkeys(line.partition(",")[0].rpartition("_")[0] for line in _lines(path) if line))


def _lines(path: Path) -> Iterator[str]:
    """Rows below the head, without the spaces around them."""
    with file_errors(path, "cannot be read"), path.open(encoding="utf-8-sig") as lines:
        try:
            head = next(lines, "").strip()
            if head != HEAD:
                raise FileError(f"{path}: begins with {head[:40]!r}, a table in RSNA's form with {HEAD!r}")
            yield from map(str.strip, lines)
        except UnicodeDecodeError as error:
            raise FileError(f"{path}: is not text in UTF-8 ({error.reason})") from error


def _say_foreign(found: LabelCollector, number: int, line: str) -> None:
    text = line[:80]
    known = text.count(",") == 1 and "_" in text
    kind = "unknown-label" if known else "unreadable-row"
    found.problems.append(Problem(kind, f"row {number}", text, f"{text!r} is not of the form ID_subtype,Label"))
