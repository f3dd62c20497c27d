"""One row of the journal as one line of text and back: escaping, spreadsheets, the chain of hashes."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FIELDS = (
    "sequence",  # 1, 2, 3... over the file
    "time",  # ISO 8601, UTC, milliseconds, from the computer's clock
    "elapsed",  # seconds since the program opened the journal, from a clock that cannot be set back
    "session",  # one random word for every time the program opened the journal
    "software",  # name and version
    "reader",  # pseudonym
    "study",  # the study issue: which study, and the hash of its frozen protocol
    "protocol",
    "phase",
    "case",
    "event",  # session, opinion, comment, rating, measurement, key image, undo, show_ai, view...
    "answer",  # sequence of the first row of the answer that this row is part of
    "part",  # "2/7": rows of one answer count only when all of them are there
    "scan_uid",
    "slice_uid",
    "slice_index",  # 0 is the most inferior slice
    "label",
    # yes, no or empty; a rating; of a measurement the tool, its result in `comment`; the text of a comment is there too
    "value",
    "suspicion",  # 0..100, 50 and more is a yes
    "previous",  # what this replaces, as "yes 90" or "correct"
    "undoes",  # `answer` of the rows that no longer count
    "reason",
    "comment",
    "mode",  # second reader or triage
    "ai_visible",  # 1 when the model's result was seen before this answer
    "ai_visible_seconds",
    "model",
    "model_sha256",
    "engine",
    "method",  # of the heatmap
    "setting",  # of the operating points
    "window_center",  # HU
    "window_width",  # HU
    "opacity",  # 0..1
    "views",  # how often the heatmap was on the screen
    "seconds",  # how long what is answered was on the screen
    "slices_seen",
    "warnings",  # codes of the warnings, each once; the prediction's, which begin with the scan's, where there is one
    "details",  # one JSON object for what a later phase adds
    "previous_hash",
    "hash",  # SHA-256 of this line up to the last comma, previous_hash included
)
"""The columns, fixed: later phases of a study fill columns that are empty now."""

NUMBERS = frozenset(
    [
        "sequence",
        "elapsed",
        "answer",
        "slice_index",
        "suspicion",
        "undoes",
        "ai_visible",
        "ai_visible_seconds",
        "window_center",
        "window_width",
        "opacity",
        "views",
        "seconds",
        "slices_seen",
    ]
)
FIRST_HASH = "0" * 64
MISSING = "missing"
"""The event of a row that says which rows were gone from the end when the program opened the file."""
LONGEST = 20_000
"""Characters of one field; escaped and quoted it still fits what readers of CSV accept (131,072)."""
HEADER = (",".join(FIELDS) + "\n").encode()

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_ESCAPED = re.compile(r"\\(\\|n|r|t|u\{([0-9a-f]+)\})")
_SHORT = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LONG = {escaped: character for character, escaped in _SHORT.items()}
_INVISIBLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file.

    Attributes:
        number: of the line in the file; the header is line 1.
        row: the fields as they were written, by name; None where the line is torn or its hash does not fit.
        torn: it does not end in a hash at all, as after a crash or a power cut; otherwise, without row, it was changed.
    """

    number: int
    row: Mapping[str, str] | None
    torn: bool = False


def encode(values: Mapping[str, str], previous_hash: str) -> tuple[bytes, str]:
    """Write one row as one line, chained to the row before.

    Args:
        values: by field name; those that are not given are empty.
        previous_hash: of the row before, FIRST_HASH for the first.

    Returns:
        The line with its line feed, and its hash.

    Raises:
        StudyError: a text is longer than LONGEST.
    """
    filled = {**values, "previous_hash": previous_hash}
    for name, value in filled.items():
        if len(value) > LONGEST:
            raise StudyError(f"{name}: {len(value):,} characters, at most {LONGEST:,} can be recorded")
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([escaped(name, filled.get(name, "")) for name in FIELDS[:-1]])
    body = text.getvalue().encode()
    own_hash = hashlib.sha256(body).hexdigest()
    return body + f",{own_hash}\n".encode(), own_hash


def decode(line: bytes, number: int) -> Line:
    """Read one line without its line feed; nothing before or after it matters."""
    body, _, own_hash = line.rpartition(b",")
    try:
        fields = next(csv.reader([line.decode(errors="replace")], strict=True))
    except csv.Error:
        fields = []
    if len(fields) < len(FIELDS) or len(own_hash) < len(FIRST_HASH):
        return Line(number, None, torn=True)
    fits = hashlib.sha256(body).hexdigest().encode() == own_hash
    if not fits or len(fields) != len(FIELDS) or not fields[0].isdecimal():
        return Line(number, None)
    return Line(number, {name: _unescaped(name, text) for name, text in zip(FIELDS, fields, strict=True)})


def lines(content: bytes) -> Iterator[Line]:
    """Every line after the header, each read alone; empty lines are skipped.

    Args:
        content: the whole file, or what follows its header; one row is at most some kilobytes.
    """
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line and not (number == 1 and line + b"\n" == HEADER):
            yield decode(line, number)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of the file found.

    Attributes:
        rows: intact rows.
        problems: one sentence for every row that was changed, removed, added or moved, the first one first.
        torn: numbers of lines that were not written to the end; they cost no other row.
    """

    rows: int
    problems: tuple[str, ...]
    torn: tuple[int, ...]


def checked(content: Sequence[Line]) -> Checked:
    """Follow the chain of hashes through the lines of a file."""
    found, torn, rows = [], [], 0
    expected, previous = 1, FIRST_HASH
    for line in content:
        if line.torn:
            torn.append(line.number)
        elif line.row is None:
            found.append(f"line {line.number}: changed after it was written (its hash does not fit)")
        else:
            rows += 1
            sequence = int(line.row["sequence"])
            if line.row["previous_hash"] != previous:
                what = f"row {expected} is missing" if sequence > expected else f"row {expected} was expected here"
                found.append(f"line {line.number}: row {sequence} does not follow the row before it; {what}")
            if line.row["event"] == MISSING:
                found.append(f"line {line.number}: {line.row['value']} had gone from the end before this was written")
            expected, previous = sequence + 1, line.row["hash"]
    return Checked(rows, tuple(found), tuple(torn))


def escaped(name: str, text: str) -> str:
    """No line break, no invisible character, and nothing a spreadsheet would run."""
    text = "".join(_escaped_character(character) for character in text)
    if name not in NUMBERS and text.startswith(("'", *_FORMULA)):
        return "'" + text
    return text


def _escaped_character(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if unicodedata.category(character) in _INVISIBLE:
        return f"\\u{{{ord(character):x}}}"
    return character


def _unescaped(name: str, text: str) -> str:
    if name not in NUMBERS and text.startswith("'"):
        text = text[1:]
    return _ESCAPED.sub(lambda found: chr(int(found[2], 16)) if found[2] else _LONG[found[0]], text)
