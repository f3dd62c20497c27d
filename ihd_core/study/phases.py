"""Where one reader stands: what is next, what is locked, how far it is; all of it follows from the record."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ihd_core.labels import Label
from ihd_core.study.design import READING, Phase, Role
from ihd_core.study.order import lot, reads
from ihd_core.study.record import OPINION, RATING, standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ihd_core.study.order import Read
    from ihd_core.study.protocol import Protocol
    from ihd_core.study.record import Row

LOCK, DISPUTE, ADJUDICATION, VIEW = "lock", "dispute", "adjudication", "view"
"""Kinds of event of a study, beside those of record.py."""
ANSWERS = {
    Phase.RATING: RATING,
    Phase.CONSENSUS: RATING,
    Phase.REVEAL: DISPUTE,
    Phase.ADJUDICATION: ADJUDICATION,
}
"""The event that answers an item of a phase."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to be judged after reading: a heatmap, or a label of a case.

    Attributes:
        slice_index: 0 is the most inferior slice; None where the whole scan is meant. slice_uid: SOPInstanceUID.
    """

    case: str
    label: Label
    slice_index: int | None = None
    slice_uid: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """What the reader does next.

    Attributes:
        case: empty where every item is answered and the phase itself is to be locked.
        repeat: 2 for a case read a second time.
        session: 2 after the washout of a crossover.
        item: what is judged; None while reading.
    """

    phase: Phase
    case: str = ""
    repeat: int = 1
    session: int = 1
    item: Item | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How many cases of a phase are locked, or items answered."""

    phase: Phase
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a reader stands.

    Attributes:
        task: what is next; None while waiting and at the end.
        waiting: for what, one sentence; empty where there is a task, and at the end.
        progress: of every phase of this reader that has begun or can begin.
    """

    task: Task | None
    waiting: str = ""
    progress: tuple[Progress, ...] = ()


@dataclass(frozen=True, slots=True)
class Opened:
    """Which phases the lead has opened for a reader, and the items of each, frozen."""

    items: Mapping[Phase, tuple[Item, ...]] = field(default_factory=dict)


def detail(row: Row, name: str, default: int) -> int:
    """A number that the record keeps among a row's details."""
    try:
        value = json.loads(row["details"])[name] if row["details"] else default
    except (KeyError, TypeError, ValueError):
        return default
    return value if isinstance(value, int) else default


def read_of(row: Row) -> tuple[str, str, int]:
    """(phase, case, repeat) that a row belongs to."""
    return row["phase"], row["case"], detail(row, "repeat", 1)


def locked_reads(rows: Iterable[Row]) -> dict[tuple[str, str, int], Row]:
    """Rows that locked a reading, by (phase, case, repeat)."""
    found: dict[tuple[str, str, int], Row] = {}
    for row in rows:
        if row["event"] == LOCK and row["case"]:
            found.setdefault(read_of(row), row)
    return found


def locked_phases(rows: Iterable[Row]) -> frozenset[str]:
    """Phases of items that the reader has ended."""
    return frozenset(row["phase"] for row in rows if row["event"] == LOCK and not row["case"])


def item_of(row: Row) -> Item:
    """The item that a row answers."""
    index = int(row["slice_index"]) if row["slice_index"] else None
    return Item(row["case"], Label(row["label"]), index, row["slice_uid"])


def answered(rows: Sequence[Row], phase: Phase) -> dict[Item, Row]:
    """The newest answer to every item of a phase that was not undone."""
    found: dict[Item, Row] = {}
    for first, *_ in standing(row for row in rows if row["phase"] == phase):
        if first["event"] == ANSWERS[phase]:
            found[item_of(first)] = first
    return found


def opinions(rows: Sequence[Row]) -> dict[tuple[str, str, int], dict[Label, Row]]:
    """The newest calls of every reading that were not undone, by (phase, case, repeat) and label."""
    found: dict[tuple[str, str, int], dict[Label, Row]] = {}
    for answer in standing(rows):
        if answer[0]["event"] == OPINION:
            found[read_of(answer[0])] = {Label(row["label"]): row for row in answer if row["event"] == OPINION}
    return found


def standing_of(protocol: Protocol, reader: str, rows: Sequence[Row], opened: Opened, now: datetime) -> Standing:
    """Where a reader stands.

    Args:
        protocol: in force.
        reader: pseudonym.
        rows: of the reader's record, whole answers in the order in which they were written.
        opened: what the lead has opened for this reader.
        now: with a time zone.

    Raises:
        StudyError: the study has no such reader.
    """
    role = protocol.reader(reader).role
    progress: list[Progress] = []
    if role == Role.READER:
        todo = reads(protocol, reader)
        locked = locked_reads(rows)
        progress += _reading_progress(todo, locked)
        following = next((one for one in todo if (one.phase, one.case, one.repeat) not in locked), None)
        if following is not None:
            return _reading(protocol, following, todo, locked, (progress, now))
    for phase in _later_phases(protocol, role):
        if phase not in opened.items:
            return Standing(None, f"The lead has not opened the phase {phase} yet.", tuple(progress))
        items = item_order(protocol, reader, phase, opened.items[phase])
        done = answered(rows, phase)
        progress.append(Progress(phase, sum(item in done for item in items), len(items)))
        if phase in locked_phases(rows):
            continue
        item = next((one for one in items if one not in done), None)
        task = Task(phase) if item is None else Task(phase, item.case, item=item)
        return Standing(task, progress=tuple(progress))
    return Standing(None, progress=tuple(progress))


def item_order(protocol: Protocol, reader: str, phase: Phase, items: Iterable[Item]) -> tuple[Item, ...]:
    """Items as this reader meets them: case by case by the lot, within a case by slice, then label, any first."""

    def key(item: Item) -> tuple[str, int, int]:
        index = -1 if item.slice_index is None else item.slice_index
        return lot(protocol.seed, reader, phase, item.case), index, protocol.labels.index(item.label)

    return tuple(sorted(items, key=key))


def reads_are_locked(protocol: Protocol, reader: str, rows: Sequence[Row]) -> bool:
    """Whether a reader has read everything."""
    locked = locked_reads(rows)
    return all((one.phase, one.case, one.repeat) in locked for one in reads(protocol, reader))


def washout_end(
    protocol: Protocol, todo: Iterable[Read], locked: Mapping[tuple[str, str, int], Row]
) -> datetime | None:
    """When the second session of a crossover may begin, UTC; None where there is no washout."""
    times = [
        datetime.fromisoformat(locked[one.phase, one.case, one.repeat]["time"])
        for one in todo
        if one.session == 1 and one.phase in READING and (one.phase, one.case, one.repeat) in locked
    ]
    if not protocol.washout_weeks or not times:
        return None
    return max(times) + timedelta(weeks=protocol.washout_weeks)


def _reading(
    protocol: Protocol,
    following: Read,
    todo: Sequence[Read],
    locked: Mapping[tuple[str, str, int], Row],
    known: tuple[Sequence[Progress], datetime],
) -> Standing:
    progress, now = known
    end = washout_end(protocol, todo, locked) if following.session == 2 else None
    if end is not None and now < end:
        weeks = f"{protocol.washout_weeks:g} weeks"
        text = f"Washout of {weeks}: the second session may begin on {end:%Y-%m-%d %H:%M} UTC."
        return Standing(None, text, tuple(progress))
    task = Task(following.phase, following.case, following.repeat, following.session)
    return Standing(task, progress=tuple(progress))


def _reading_progress(todo: Sequence[Read], locked: Mapping[tuple[str, str, int], Row]) -> list[Progress]:
    found = []
    for phase in (Phase.TRAINING, *READING):
        of_phase = [one for one in todo if one.phase == phase]
        if of_phase:
            done = sum((one.phase, one.case, one.repeat) in locked for one in of_phase)
            found.append(Progress(phase, done, len(of_phase)))
    return found


def _later_phases(protocol: Protocol, role: Role) -> tuple[Phase, ...]:
    own = {
        Role.READER: (Phase.RATING, Phase.REVEAL),
        Role.ADJUDICATOR: (Phase.ADJUDICATION,),
        Role.PANEL: (Phase.CONSENSUS,),
    }[role]
    return tuple(phase for phase in protocol.phases if phase in own)
