"""A reader's place in a study: takes answers in the protocol's order alone, and every one is on disk at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from ihd_core.errors import StudyError
from ihd_core.study.design import Phase
from ihd_core.study.journal import Circumstances, Event, Journal
from ihd_core.study.opinion import Call, Opinion
from ihd_core.study.phases import (
    ADJUDICATION,
    DISPUTE,
    LOCK,
    VIEW,
    Standing,
    answered,
    detail,
    locked_reads,
    opinions,
    standing_of,
)
from ihd_core.study.rating import RatingValue, Reason, Verdict
from ihd_core.study.record import COMMENT, OPINION, RATING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ihd_core.study.design import Case
    from ihd_core.study.phases import Item, Task
    from ihd_core.study.study_folder import StudyFolder

NOWHERE = Circumstances()
DECIDED = ("truth", "heatmap", "both", "neither")
"""What made a reader decide, once truth is shown."""


class Seat:
    """One reader's open record in a study; nobody else can write to it meanwhile.

    Attributes:
        study: as it was when the seat was taken.
        reader: pseudonym.

    Raises:
        StudyError: the study has no such reader, or the record cannot be opened.
    """

    def __init__(
        self,
        study: StudyFolder,
        reader: str,
        *,
        software: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        study.protocol.reader(reader)
        self.study = study
        self.reader = reader
        self._now = now
        self._opened = study.opened_for(reader)
        self._journal = Journal(study.journal(reader), reader=reader, software=software, now=now)

    def close(self) -> None:
        """Let other programs have the record; may be called again."""
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Where the reader stands

    @property
    def standing(self) -> Standing:
        """What is next, and how far everything is."""
        return standing_of(self.study.protocol, self.reader, self._journal.rows, self._opened, self._now())

    @property
    def damaged_rows(self) -> int:
        """How many lines of the record do not count; the reader must be told."""
        return self._journal.damaged_rows

    def look_again(self) -> Standing:
        """As standing, after what the lead may have opened meanwhile."""
        self._opened = self.study.opened_for(self.reader)
        return self.standing

    def opinion(self, task: Task) -> Opinion | None:
        """What is recorded of a reading, for going on after a crash; None while nothing is. Never another reading's.

        Raises:
            StudyError: the reading is locked, and the lead has not revealed the truth; past answers are not shown.
        """
        is_locked = (task.phase, task.case, task.repeat) in locked_reads(self._journal.rows)
        if is_locked and Phase.REVEAL not in self._opened.items:
            raise StudyError(f"{self.reader}: case {task.case} is locked; its answers are not shown before reveal")
        found = opinions(self._journal.rows).get((task.phase, task.case, task.repeat))
        if found is None:
            return None
        calls = {
            label: Call(row["value"] == "yes", int(row["suspicion"])) for label, row in found.items() if row["value"]
        }
        number = next(iter(found.values()))["answer"]
        comment = (row["comment"] for row in self._journal.rows if row["answer"] == number and row["event"] == COMMENT)
        return Opinion(calls, next(comment, ""))

    def resume_slice(self, task: Task) -> int:
        """The slice that was on the screen last in this task; 0, the most inferior one, before any was."""
        for row in reversed(self._journal.rows):
            same = (row["phase"], row["case"], detail(row, "repeat", 1)) == (task.phase, task.case, task.repeat)
            if same and row["event"] == VIEW and row["slice_index"]:
                return int(row["slice_index"])
        return 0

    def slices_seen(self, task: Task) -> frozenset[int]:
        """Slices that were on the screen in this task."""
        return frozenset(
            int(row["slice_index"])
            for row in self._journal.rows
            if row["event"] == VIEW
            and row["slice_index"]
            and (row["phase"], row["case"], detail(row, "repeat", 1)) == (task.phase, task.case, task.repeat)
        )

    # Answers

    def record_view(self, slice_uid: str, slice_index: int, around: Circumstances = NOWHERE) -> None:
        """Write that a slice was on the screen; around.seconds says for how long.

        Raises:
            StudyError: nothing was recorded.
        """
        task = self._task()
        event = Event(VIEW, self._case(task).scan_uid, slice_uid, slice_index, circumstances=self._at(task, around))
        self._journal.append(event)

    def save_opinion(self, opinion: Opinion, around: Circumstances = NOWHERE) -> int:
        """Write the calls of the reading that is next; they can be changed until it is locked.

        Returns:
            The number of the answer.

        Raises:
            StudyError: no reading is next, or nothing was recorded.
        """
        task = self._task()
        if task.item is not None or not task.case:
            raise StudyError(f"{self.reader}: the phase {task.phase} takes no calls of a whole scan")
        before = opinions(self._journal.rows).get((task.phase, task.case, task.repeat), {})
        uid, at = self._case(task).scan_uid, self._at(task, around)
        events = []
        for label in self.study.protocol.labels:
            call = opinion.calls[label]
            old = before.get(label)
            previous = f"{old['value']} {old['suspicion']}".strip() if old is not None else ""
            events.append(
                Event(
                    OPINION,
                    uid,
                    label=label,
                    value=call.word,
                    suspicion=call.suspicion,
                    previous=previous,
                    circumstances=at,
                )
            )
        if opinion.comment:
            events.append(Event(COMMENT, uid, comment=opinion.comment, circumstances=at))
        return self._journal.append(*events)

    def lock(self, around: Circumstances = NOWHERE) -> Standing:
        """End the reading, or the phase whose items are all answered; nothing of it can be changed afterwards.

        Returns:
            What is next.

        Raises:
            StudyError: there is no answer yet, or nothing was recorded.
        """
        task = self._task()
        if task.item is not None:
            raise StudyError(f"{self.reader}: not every item of the phase {task.phase} is answered")
        if task.case and (task.phase, task.case, task.repeat) not in opinions(self._journal.rows):
            raise StudyError(f"{self.reader}: case {task.case} has no answer that could be locked")
        uid = self._case(task).scan_uid if task.case else ""
        self._journal.append(Event(LOCK, uid, circumstances=self._at(task, around)))
        return self.standing

    def rate(
        self,
        item: Item,
        value: RatingValue,
        reason: Reason | None = None,
        around: Circumstances = NOWHERE,
        *,
        missed: bool = False,
    ) -> int:
        """Rate a heatmap of the list that is open; a rating can be replaced until the phase is locked.

        Args:
            item: of the list.
            value: the rating.
            reason: why it is not correct.
            around: how it was shown.
            missed: a hemorrhage on this slice is not shown at all.

        Raises:
            StudyError: it is not on the list that is open, correct has a reason, or nothing was recorded.
        """
        if value == RatingValue.CORRECT and reason is not None:
            raise StudyError(f"a correct heatmap has no reason, not {reason}")
        around = replace(around, method=around.method or self.study.protocol.rating.method)
        if missed:
            around = replace(around, details={**around.details, "missed": 1})
        return self._answer(RATING, item, str(value), str(reason or ""), around)

    def dispute(
        self, item: Item, verdict: Verdict, reason: str = "", decided: str = "", around: Circumstances = NOWHERE
    ) -> int:
        """Say what is to be said of a label on which the reader and truth differ; the calls themselves stay.

        Args:
            item: of the list.
            verdict: the reader's.
            reason: free text.
            decided: one of DECIDED, or empty where not said.
            around: how it was shown.

        Raises:
            StudyError: it is not on the list that is open, or nothing was recorded.
        """
        if decided and decided not in DECIDED:
            raise StudyError(f"decided is {decided!r}, must be one of {', '.join(DECIDED)}")
        if decided:
            around = replace(around, details={**around.details, "decided": decided})
        return self._answer(DISPUTE, item, str(verdict), reason, around)

    def adjudicate(self, item: Item, call: bool, around: Circumstances = NOWHERE) -> int:
        """Say whether a case has a label, without knowing what anybody else said.

        Raises:
            StudyError: it is not on the list that is open, or nothing was recorded.
        """
        return self._answer(ADJUDICATION, item, "yes" if call else "no", "", around)

    def _answer(self, event: str, item: Item, value: str, reason: str, around: Circumstances) -> int:
        task = self._task()
        fits = {
            RATING: (Phase.RATING, Phase.CONSENSUS),
            DISPUTE: (Phase.REVEAL,),
            ADJUDICATION: (Phase.ADJUDICATION,),
        }[event]
        if task.phase not in fits or item not in self._opened.items[task.phase]:
            raise StudyError(f"{self.reader}: {item.label} of case {item.case} is not to be answered in {task.phase}")
        before = answered(self._journal.rows, task.phase).get(item)
        at = self._at(replace(task, case=item.case), around)
        return self._journal.append(
            Event(
                event,
                self.study.protocol.case(item.case).scan_uid,
                item.slice_uid,
                item.slice_index,
                item.label,
                value,
                previous=before["value"] if before else "",
                reason=reason,
                circumstances=at,
            )
        )

    def _task(self) -> Task:
        found = self.standing
        if found.task is None:
            raise StudyError(f"{self.reader}: {found.waiting or 'the study is done.'} Nothing was recorded.")
        return found.task

    def _case(self, task: Task) -> Case:
        if not task.case:
            raise StudyError(f"{self.reader}: every item of the phase {task.phase} is answered; it can be locked")
        return self.study.protocol.case(task.case)

    def _at(self, task: Task, around: Circumstances) -> Circumstances:
        details = {**around.details}
        if task.repeat > 1:
            details["repeat"] = task.repeat
        if task.session > 1:
            details["session"] = task.session
        return replace(
            around,
            study=self.study.protocol.study,
            protocol=self.study.sha256,
            phase=task.phase,
            case=task.case,
            details=details,
        )
