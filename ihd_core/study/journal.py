"""The record of one reader: an append-only CSV in which every answer is on disk before the program goes on."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from ihd_core.errors import StudyError
from ihd_core.study.journal_file import (
    Tail,
    lock,
    missing_end,
    read_all,
    read_tail,
    sync_names,
    tail_problems,
    write_tail,
)
from ihd_core.study.record import Rows, read_lines
from ihd_core.study.rows import FIRST_HASH, HEADER, MISSING, Checked, checked, encode, lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Under which conditions something was answered; what is not known stays empty.

    Attributes:
        mode: "second reader" or "triage".
        ai_visible: the reader saw the model's result of this scan before this answer.
        ai_visible_seconds: for how long.
        model: its name; model_sha256 is its identity.
        engine: what computed the result.
        method: of the heatmap.
        setting: of the operating points.
        window_center: HU; window_width too; None where several were on the screen.
        opacity: of the heatmap, 0..1; None where it was drawn as contours.
        views: how often the heatmap was on the screen.
        seconds: how long what is answered was on the screen.
        slices_seen: how many different slices were on the screen.
        warnings: codes of the scan's warnings.
        study: which study; protocol is the hash of its frozen protocol; phase and case say where in it.
        details: what has no column, kept as JSON.
    """

    mode: str = ""
    ai_visible: bool | None = None
    ai_visible_seconds: float | None = None
    model: str = ""
    model_sha256: str = ""
    engine: str = ""
    method: str = ""
    setting: str = ""
    window_center: float | None = None
    window_width: float | None = None
    opacity: float | None = None
    views: int | None = None
    seconds: float | None = None
    slices_seen: int | None = None
    warnings: tuple[str, ...] = ()
    study: str = ""
    protocol: str = ""
    phase: str = ""
    case: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One row to be written. Fields are the columns of the same name, see rows.FIELDS."""

    event: str
    scan_uid: str = ""
    slice_uid: str = ""
    slice_index: int | None = None
    label: str = ""
    value: str = ""
    suspicion: int | None = None
    previous: str = ""
    undoes: int | None = None
    reason: str = ""
    comment: str = ""
    circumstances: Circumstances = field(default_factory=Circumstances)


class Journal:
    """One reader's CSV, open for appending; no other program can write to it meanwhile.

    Attributes:
        path: of the file.
        reader: whose answers are in it.
        damaged_rows: lines that cannot be trusted (torn by a crash, or changed) and rows of answers that were never
            written to the end. They stay in the file and cost no other row.

    Raises:
        StudyError: the file cannot be created, read or written, is in use by another program, is no journal, or holds
            another reader's answers.
    """

    def __init__(
        self, path: Path, *, reader: str, software: str = "", now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        if not reader.strip():
            raise ValueError("reader must not be empty")
        self.path = path
        self.reader = reader
        self._software = software
        self._now = now
        self._session = uuid4().hex[:12]
        self._opened = time.monotonic()
        self._size, self._torn_end = 0, False
        self._gone, self._gone_rows = "", 0
        with self._told("cannot be used for the record"):
            new = not path.exists()
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            self._file = os.open(path, flags, 0o666)
            try:
                lock(self._file, path)
                self._load()
                if new:
                    sync_names(path)
            except BaseException:
                os.close(self._file)
                raise

    def close(self) -> None:
        """Let other programs have the file; may be called again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, *events: Event) -> int:
        """Write events as one answer, one row each; they are on disk when this returns.

        Returns:
            The number of the answer: the sequence of its first row.

        Raises:
            StudyError: nothing was recorded; names the file and the system's reason.
        """
        if not events:
            raise ValueError("events must not be empty")
        with self._told("nothing was recorded"):
            self._look_again()
            if self._gone:
                self._put([Event(MISSING, value=self._gone)])
                self._gone, self._gone_rows = "", 0
            return self._put(events)

    def _put(self, events: Sequence[Event]) -> int:
        """Write one answer and return its number."""
        written, rows = self._encoded(events)
        tail = Tail(int(rows[-1]["sequence"]), rows[-1]["hash"])
        self._write((b"\n" if self._torn_end else b"") + written, tail=tail)
        self._torn_end = False
        for row in rows:
            self._take(row)
        return int(rows[0]["answer"])

    def rows_of(self, scan_uid: str) -> tuple[Mapping[str, str], ...]:
        """The intact rows of one scan in the order in which they were written, complete answers only."""
        return self._rows.of(scan_uid)

    @property
    def rows(self) -> tuple[Mapping[str, str], ...]:
        """All intact rows in the order in which they were written, complete answers only."""
        return self._rows.all

    @property
    def damaged_rows(self) -> int:
        """How many lines of the file do not count, and how many are gone from its end."""
        return self._rows.damaged + self._gone_rows

    def _load(self) -> None:
        """Read the whole file; give it a header where it has none yet."""
        content = read_all(self._file)
        if HEADER.startswith(content) and content != HEADER:
            os.ftruncate(self._file, 0)
            self._size = 0
            self._write(HEADER)
            content = HEADER
        if not content.startswith(HEADER):
            raise StudyError(f"{self.path}: is not a record of this program (its first line is different)")
        self._size = len(content)
        self._torn_end = not content.endswith(b"\n")
        self._rows = Rows()
        self._sequence, self._hash = 0, FIRST_HASH
        for line in lines(content):
            if line.row is None:
                self._rows.take(None)
            elif line.row["reader"] != self.reader:
                raise StudyError(f"{self.path}: holds the answers of reader {line.row['reader']}, not {self.reader}")
            else:
                self._take(line.row)
        tail = read_tail(self.path)
        self._gone = missing_end(self._sequence, tail)
        self._gone_rows = tail.count - self._sequence if tail is not None and self._gone else 0

    def _take(self, row: Mapping[str, str]) -> None:
        self._rows.take(row)
        self._sequence, self._hash = int(row["sequence"]), row["hash"]

    def _look_again(self) -> None:
        """Refuse a file that is no longer there; read again what another program changed."""
        if self._file < 0:
            raise StudyError(f"{self.path}: nothing was recorded (the record is closed)")
        here, there = os.fstat(self._file), os.stat(self.path)
        if not os.path.samestat(here, there):
            raise StudyError(f"{self.path}: nothing was recorded (another file has taken its place)")
        if here.st_size != self._size:
            self._load()

    def _encoded(self, events: Sequence[Event]) -> tuple[bytes, list[Mapping[str, str]]]:
        first, previous_hash = self._sequence + 1, self._hash
        common = {
            "time": self._now().astimezone(UTC).isoformat(timespec="milliseconds"),
            "elapsed": f"{time.monotonic() - self._opened:.3f}",
            "session": self._session,
            "software": self._software,
            "reader": self.reader,
            "answer": str(first),
        }
        written, rows = b"", []
        for number, event in enumerate(events):
            place = {"sequence": str(first + number), "part": f"{number + 1}/{len(events)}"}
            line, previous_hash = encode({**common, **place, **_columns(event)}, previous_hash)
            written += line
            row = next(lines(line)).row
            if row is None:
                raise StudyError(f"{self.path}: nothing was recorded (the row cannot be read back)")
            rows.append(row)
        return written, rows

    def _write(self, content: bytes, *, tail: Tail | None = None) -> None:
        """Put content on disk behind what is there, and then its tail beside it, or leave the file as it was."""
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
            if tail is not None:
                write_tail(self.path, tail)
        except BaseException:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
                os.fsync(self._file)
            raise
        self._size += len(content)

    @contextmanager
    def _told(self, consequence: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StudyError(f"{self.path}: {consequence} ({error.strerror or error})") from error


def check(path: Path) -> Checked:
    """Follow the chain of hashes through a journal, also while it is open elsewhere, and compare its end.

    Without a second file, as with journals of older versions, a cut tail cannot be seen: what is left is a whole chain.

    Raises:
        StudyError: a file cannot be read or is no journal.
    """
    content = read_lines(path)
    found = checked(content)
    return replace(found, problems=(*found.problems, *tail_problems(content, read_tail(path))))


def _columns(event: Event) -> dict[str, str]:
    columns = {f.name: _text(getattr(event, f.name)) for f in fields(event) if f.name != "circumstances"}
    around = event.circumstances
    columns |= {f.name: _text(getattr(around, f.name)) for f in fields(around) if f.name != "details"}
    if around.details:
        columns["details"] = json.dumps(around.details, sort_keys=True, ensure_ascii=False)
    return columns


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, tuple):
        return " ".join(value)
    return str(value)
