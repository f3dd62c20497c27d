"""Whether every record of a study is whole, and how far every reader is; neither tells an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.study.design import LEAD
from ihd_core.study.journal import check
from ihd_core.study.journal_file import tail_path
from ihd_core.study.phases import Standing, standing_of
from ihd_core.study.record import read_record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from ihd_core.study.study_folder import StudyFolder


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says of one record.

    Attributes:
        path: of the record.
        rows: intact ones.
        problems: rows that were changed, are missing or stand elsewhere, one sentence each.
        remarks: what cost nothing, such as a torn row.
    """

    path: Path
    rows: int
    problems: tuple[str, ...]
    remarks: tuple[str, ...]


def check_record(path: Path) -> Finding:
    """Check one record, of a study or of none.

    Raises:
        StudyError: it cannot be read or is no record.
    """
    found = check(path)
    remarks = [f"line {number}: torn; it costs no other row" for number in found.torn]
    if not tail_path(path).exists() and found.rows:
        remarks.append(f"{tail_path(path).name} is missing: rows cut from the end would not show")
    return Finding(path, found.rows, found.problems, tuple(remarks))


def check_study(study: StudyFolder) -> tuple[Finding, ...]:
    """Check the lead's record and every reader's, and that each row was written for its place in this study.

    Raises:
        StudyError: a record cannot be read or is none.
    """
    found = []
    for name in (LEAD, *(reader.name for reader in study.protocol.readers)):
        path = study.journal(name)
        if not path.exists():
            if tail_path(path).exists():
                found.append(Finding(path, 0, (f"the record is gone, {tail_path(path).name} is still there",), ()))
            continue
        finding = check_record(path)
        foreign = tuple(_foreign(study, path))
        found.append(Finding(path, finding.rows, (*finding.problems, *foreign), finding.remarks))
    return tuple(found)


def _foreign(study: StudyFolder, path: Path) -> Iterable[str]:
    for row in read_record(path).rows.all:
        if row["study"] and row["study"] != study.protocol.study:
            yield f"row {row['sequence']} is of the study {row['study']}"


@dataclass(frozen=True, slots=True)
class ReaderStatus:
    """How far one reader is, without an answer.

    Attributes:
        last: when the last row was written, ISO 8601, UTC; empty before the first.
        damaged: lines of the record that do not count.
    """

    reader: str
    role: str
    standing: Standing
    last: str
    damaged: int


def status(study: StudyFolder, now: datetime) -> tuple[ReaderStatus, ...]:
    """How far every reader is, in the protocol's order.

    Raises:
        StudyError: a record cannot be read.
    """
    found = []
    for reader in study.protocol.readers:
        rows = study.rows(reader.name)
        path = study.journal(reader.name)
        damaged = read_record(path).damaged_rows if path.exists() else 0
        where = standing_of(study.protocol, reader.name, rows, study.opened_for(reader.name), now)
        last = rows[-1]["time"] if rows else ""
        found.append(ReaderStatus(reader.name, reader.role, where, last, damaged))
    return tuple(found)


def status_text(study: StudyFolder, found: Iterable[ReaderStatus]) -> str:
    """A line a reader: pseudonym, role, progress of every phase, what is next. No case and no answer is named."""
    plan = study.protocol
    lines = [f"{plan.study}, version {plan.version}, {plan.design}, {len(plan.study_cases)} cases"]
    if plan.overlap_allowed and any(case.overlap for case in plan.cases):
        count = sum(bool(case.overlap) for case in plan.cases)
        lines.append(f"{count} cases served to make the model")
    for one in found:
        parts = [f"{progress.phase} {progress.done} / {progress.total}" for progress in one.standing.progress]
        following = one.standing.waiting or (f"next: {one.standing.task.phase}" if one.standing.task else "done")
        damaged = f"; {one.damaged} damaged rows" if one.damaged else ""
        last = f"; last row {one.last[:16]}" if one.last else ""
        lines.append(f"{one.reader} ({one.role}): {', '.join(parts) or 'nothing yet'}; {following}{last}{damaged}")
    return "\n".join(lines)
