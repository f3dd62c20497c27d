import json
from datetime import UTC, datetime, timedelta

import pytest

from ihd_core.labels import Label
from ihd_core.study.design import Design, Phase, Reader, Role
from ihd_core.study.order import reads
from ihd_core.study.phases import Item, Opened, Progress, Task, item_order, reads_are_locked, standing_of
from ihd_core.study.rows import FIELDS
from tests.ihd_core.study.studies import adjudicators, case, protocol

B, A = Phase.BLIND, Phase.ASSISTED
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANY, SDH = Label.ANY, Label.SUBDURAL
ITEMS = (Item("c01", ANY, 2, "u2"), Item("c01", SDH, 1, "u1"), Item("c02", SDH, 0, "u0"))


class Record:
    """Rows as a journal has them, each an answer of its own."""

    def __init__(self):
        self.rows = []

    def add(self, event, phase, name="", *, time=NOW, repeat=1, item=None, value=""):
        number = str(len(self.rows) + 1)
        row = dict.fromkeys(FIELDS, "") | {"sequence": number, "answer": number, "part": "1/1", "event": event}
        row |= {"phase": phase, "case": name, "time": time.isoformat(), "details": json.dumps({"repeat": repeat})}
        if item is not None:
            row |= {"case": item.case, "label": item.label, "slice_uid": item.slice_uid, "value": value}
            row["slice_index"] = "" if item.slice_index is None else str(item.slice_index)
        self.rows.append(row)

    def lock_all(self, study, reader, **options):
        for one in reads(study, reader):
            self.add("lock", one.phase, one.case, repeat=one.repeat, **options)


def where(study, record, opened=(), reader="r1", now=NOW):
    return standing_of(study, reader, record.rows, Opened(dict(opened)), now)


def test_reading_goes_case_by_case_and_each_lock_leads_to_the_next():
    study, record = protocol(cases=2), Record()
    todo = reads(study, "r1")
    for number, one in enumerate(todo):
        found = where(study, record)
        assert found.task == Task(one.phase, one.case)
        assert found.progress == (Progress(B, (number + 1) // 2, 2), Progress(A, number // 2, 2))
        record.add("lock", one.phase, one.case)
    assert where(study, record).task is None
    assert where(study, record).waiting == "The lead has not opened the phase rating yet."
    assert reads_are_locked(study, "r1", record.rows)


def test_an_opinion_without_a_lock_changes_nothing():
    study, record = protocol(), Record()
    first = where(study, record).task
    record.add("opinion", B, first.case, item=Item(first.case, ANY), value="yes")
    assert where(study, record).task == first


def test_a_repeat_is_a_reading_of_its_own():
    study, record = protocol(cases=2, repeats=1, phases=(B,)), Record()
    for one in reads(study, "r1")[:2]:
        record.add("lock", B, one.case)
    task = where(study, record).task
    assert (task.phase, task.repeat) == (B, 2)
    record.add("lock", B, task.case, repeat=2)
    assert where(study, record) == where(study, record)
    assert where(study, record).progress == (Progress(B, 3, 3),)


def test_the_washout_holds_until_its_last_minute():
    study, record = protocol(cases=2, design=Design.CROSSOVER, washout_weeks=4), Record()
    for one in reads(study, "r1")[:2]:
        record.add("lock", one.phase, one.case)
    end = NOW + timedelta(weeks=4)
    for now in (NOW - timedelta(days=9), NOW, end - timedelta(seconds=1)):
        found = where(study, record, now=now)
        assert found.task is None
        assert found.waiting == "Washout of 4 weeks: the second session may begin on 2026-03-29 12:00 UTC."
    assert where(study, record, now=end).task.session == 2


def test_items_come_case_by_case_and_the_phase_is_locked_at_its_end():
    study, record = protocol(cases=2, phases=(B, Phase.RATING)), Record()
    record.lock_all(study, "r1")
    opened = {Phase.RATING: ITEMS}
    order = item_order(study, "r1", Phase.RATING, ITEMS)
    assert [one for one in order if one.case == "c01"] == [ITEMS[1], ITEMS[0]]
    for number, item in enumerate(order):
        found = where(study, record, opened)
        assert (found.task, found.progress[-1]) == (
            Task(Phase.RATING, item.case, item=item),
            Progress(Phase.RATING, number, 3),
        )
        record.add("rating", Phase.RATING, item=item, value="correct")
    assert where(study, record, opened).task == Task(Phase.RATING)
    record.add("lock", Phase.RATING)
    found = where(study, record, opened)
    assert (found.task, found.waiting) == (None, "")


def test_the_paper_reveals_before_it_rates():
    study, record = protocol(cases=2, design=Design.PAPER), Record()
    record.lock_all(study, "r1")
    assert "phase reveal" in where(study, record, {Phase.RATING: ITEMS}).waiting
    assert where(study, record, {Phase.REVEAL: ()}).task == Task(Phase.REVEAL)


@pytest.mark.parametrize(("reader", "phase"), [("a1", Phase.ADJUDICATION), ("p", Phase.CONSENSUS)])
def test_who_did_not_read_has_a_phase_of_their_own(reader, phase):
    everyone = (Reader("r1"), *adjudicators("a1", "a2"), Reader("p", Role.PANEL))
    study = protocol(readers=everyone, phases=(B, Phase.RATING, Phase.ADJUDICATION, Phase.CONSENSUS))
    assert where(study, Record(), reader=reader).waiting == f"The lead has not opened the phase {phase} yet."
    item = Item("c01", SDH)
    assert where(study, Record(), {phase: (item,)}, reader).task == Task(phase, "c01", item=item)


def test_training_comes_before_everything():
    study = protocol(cases=(case(1), case(2, training=True)), phases=(Phase.TRAINING, B))
    assert where(study, Record()).task == Task(Phase.TRAINING, "c02")
