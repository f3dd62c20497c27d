"""What counts in a record: whole answers that were not undone; reading it takes no lock and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.errors import StudyError
from ihd_core.labels import Label
from ihd_core.study.rating import RatingValue
from ihd_core.study.rows import HEADER, checked, lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from ihd_core.study.rows import Checked, Line

    Row = Mapping[str, str]

OPINION, COMMENT, RATING, UNDO, SHOW_AI = "opinion", "comment", "rating", "undo", "show_ai"
MEASUREMENT, KEY_IMAGE = "measurement", "key image"
"""Kinds of event that this program writes."""


class Rows:
    """Intact rows of one record in the order in which they were written, and how many lines are none."""

    def __init__(self) -> None:
        self._all: list[Row] = []
        self._of_scans: dict[str, list[Row]] = {}
        self._parts: dict[str, int] = {}
        self._torn_or_changed = 0

    def take(self, row: Row | None) -> None:
        """Add the next row; None for a line that is torn or was changed."""
        if row is None or not _has_part(row):
            self._torn_or_changed += 1
            return
        self._all.append(row)
        self._of_scans.setdefault(row["scan_uid"], []).append(row)
        self._parts[row["answer"]] = self._parts.get(row["answer"], 0) + 1

    @property
    def scan_uids(self) -> tuple[str, ...]:
        """Every scan that a row is about, in the order of their first rows."""
        return tuple(self._of_scans)

    @property
    def all(self) -> tuple[Row, ...]:
        """Rows of all scans and of none; of answers that were written to the end only."""
        return tuple(row for row in self._all if self._whole(row))

    def of(self, scan_uid: str) -> tuple[Row, ...]:
        """Rows of one scan; of answers that were written to the end only."""
        return tuple(row for row in self._of_scans.get(scan_uid, []) if self._whole(row))

    @property
    def damaged(self) -> int:
        """How many lines do not count: torn, changed, or of an answer that was never written to the end."""
        return self._torn_or_changed + sum(not self._whole(row) for rows in self._of_scans.values() for row in rows)

    def _whole(self, row: Row) -> bool:
        return self._parts[row["answer"]] == int(row["part"].partition("/")[2])


def standing(rows: Iterable[Row]) -> list[list[Row]]:
    """Rows of every answer that was not undone, oldest first; undoing itself is no answer.

    Args:
        rows: of whole answers, those of a scan or of a whole record.
    """
    answers: dict[str, list[Row]] = {}
    for row in rows:
        answers.setdefault(row["answer"], []).append(row)
    undone = {found[0]["undoes"] for found in answers.values() if found[0]["event"] == UNDO}
    return [found for number, found in answers.items() if number not in undone and found[0]["event"] != UNDO]


@dataclass(frozen=True, slots=True)
class Rating:
    """One rating of a heatmap that counts. Fields are the columns of the same name, see rows.FIELDS.

    Attributes:
        slice_index: 0 = most inferior; None where the row names none.
        window_center: HU, as the slice was shown; window_width too; None where it was not recorded.
        opacity: of the heatmap, 0..1; None where it was not recorded.
    """

    sequence: int
    time: str
    reader: str
    scan_uid: str
    slice_uid: str
    slice_index: int | None
    label: Label
    value: RatingValue
    model: str
    model_sha256: str
    method: str
    window_center: float | None
    window_width: float | None
    opacity: float | None
    reason: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One reader's record as it was when it was read.

    Attributes:
        path: of the file.
        reader: pseudonym; empty while nothing is recorded.
        rows: the intact ones.
        checked: what the chain of hashes says.
        hashes: of all intact rows; two records that share one are copies of each other.
    """

    path: Path
    reader: str
    rows: Rows
    checked: Checked
    hashes: frozenset[str]

    @property
    def damaged_rows(self) -> int:
        """How many lines of the file do not count."""
        return self.rows.damaged

    def ratings(self) -> tuple[Rating, ...]:
        """The newest rating of every slice, label, model and method, oldest first.

        Raises:
            StudyError: a row holds a label, a rating or a number that this program does not know.
        """
        newest: dict[tuple[str, ...], Rating] = {}
        for uid in self.rows.scan_uids:
            for row, *_ in standing(self.rows.of(uid)):
                if row["event"] == RATING:
                    key = tuple(row[name] for name in ("scan_uid", "slice_uid", "label", "model_sha256", "method"))
                    newest[key] = self._rating(row)
        return tuple(sorted(newest.values(), key=lambda one: one.sequence))

    def _rating(self, row: Row) -> Rating:
        try:
            return Rating(
                sequence=int(row["sequence"]),
                time=row["time"],
                reader=row["reader"],
                scan_uid=row["scan_uid"],
                slice_uid=row["slice_uid"],
                slice_index=int(row["slice_index"]) if row["slice_index"] else None,
                label=Label(row["label"]),
                value=RatingValue(row["value"]),
                model=row["model"],
                model_sha256=row["model_sha256"],
                method=row["method"],
                window_center=_number(row["window_center"]),
                window_width=_number(row["window_width"]),
                opacity=_number(row["opacity"]),
                reason=row["reason"],
                comment=row["comment"],
            )
        except ValueError as error:
            raise StudyError(f"{self.path}: row {row['sequence']} is no rating of this program ({error})") from error


def read_record(path: Path) -> Record:
    """Read a record, also while it is open in a window.

    Raises:
        StudyError: the file cannot be read, is no record, or holds the answers of several readers.
    """
    content = read_lines(path)
    found, rows, readers = Rows(), [], set()
    for line in content:
        found.take(line.row)
        if line.row is not None:
            rows.append(line.row)
            readers.add(line.row["reader"])
    if len(readers) > 1:
        raise StudyError(f"{path}: holds the answers of {len(readers)} readers ({', '.join(sorted(readers))}), not one")
    return Record(path, "".join(readers), found, checked(content), frozenset(row["hash"] for row in rows))


def read_lines(path: Path) -> Sequence[Line]:
    """Every line of a record below its header.

    Raises:
        StudyError: the file cannot be read or is no record.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not content.startswith(HEADER):
        raise StudyError(f"{path}: is not a record of this program (its first line is different)")
    return tuple(lines(content))


def _has_part(row: Row) -> bool:
    number, _, count = row["part"].partition("/")
    return row["answer"].isdecimal() and number.isdecimal() and count.isdecimal()


def _number(text: str) -> float | None:
    return float(text) if text else None
