"""Tables that others wrote, as rows of text by column; what is wrong is named with file and line."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.errors import StudyError
from ihd_core.labels import DISPLAY_ORDER, Label

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a CSV.

    Attributes:
        place: "FILE, line N" for messages.
        values: text by column, spaces around it removed.
    """

    place: str
    values: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values[column]

    def yes(self, column: str) -> bool:
        """0 or 1 as a truth value.

        Raises:
            StudyError: the cell holds anything else.
        """
        value = self.values[column]
        if value not in ("0", "1"):
            raise StudyError(f"{self.place}: {column} is {value!r}, must be 0 or 1")
        return value == "1"

    def index(self, column: str) -> int:
        """A whole number, 0 or more.

        Raises:
            StudyError: the cell holds anything else.
        """
        value = self.values[column]
        if not (value.isascii() and value.isdecimal() and len(value) < 10):
            raise StudyError(f"{self.place}: {column} is {value!r}, must be a whole number, 0 or more")
        return int(value)


def read_table(path: Path, needed: Collection[str]) -> tuple[TableRow, ...]:
    """Read a CSV with a header; empty lines are skipped.

    Args:
        path: of the file, UTF-8, commas.
        needed: columns without which it is refused.

    Raises:
        StudyError: it cannot be read, has no row, lacks a column, or a row has more or fewer cells than the header.
    """
    try:
        content = path.read_bytes().decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(content, newline=""), strict=True))
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise StudyError(f"{path}: is no CSV in UTF-8 ({error})") from error
    columns = [name.strip() for name in lines[0]] if lines else []
    missing = [name for name in needed if name not in columns]
    if missing:
        raise StudyError(f"{path}: column {missing[0]} is missing; it has {', '.join(columns) or 'none'}")
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise StudyError(f"{path}: column {twice} stands twice")
    rows = []
    for number, cells in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            raise StudyError(f"{path}, line {number}: {len(cells)} cells, the header has {len(columns)}")
        values = {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}
        rows.append(TableRow(f"{path}, line {number}", values))
    if not rows:
        raise StudyError(f"{path}: has no row below its header")
    return tuple(rows)


def labels_of(path: Path, rows: Sequence[TableRow]) -> tuple[Label, ...]:
    """Labels that a table has a column for, any first.

    Raises:
        StudyError: it has none.
    """
    found = tuple(label for label in DISPLAY_ORDER if label in rows[0].values)
    if not found:
        raise StudyError(f"{path}: has no column of {', '.join(DISPLAY_ORDER)}")
    return found


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as this program writes it: commas, line feeds, a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
