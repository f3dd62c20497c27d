"""Long work beside the window."""

from __future__ import annotations

import threading

import pytest

from app.jobs import Latest
from ihd_core.errors import NoHeadCt


@pytest.fixture
def latest(qtbot):
    made = Latest()
    yield made
    made.shut_down()


def test_the_answer_arrives_on_the_gui_thread_and_the_work_is_done_on_another(qtbot, latest):
    threads = []
    latest.succeeded.connect(lambda _: threads.append(threading.get_ident()))
    with qtbot.waitSignal(latest.ended):
        latest.start(lambda _report, _deliver: threads.append(threading.get_ident()))
    worker, gui = threads
    assert gui == threading.get_ident() != worker


def test_progress_and_results_arrive_in_order_before_the_answer(qtbot, latest):
    told = []
    latest.progressed.connect(lambda done, total: told.append((done, total)))
    latest.delivered.connect(told.append)
    latest.succeeded.connect(told.append)

    def work(report, deliver):
        for done in range(2):
            deliver(f"item {done}")
            report(done + 1, 2)
        return "answer"

    with qtbot.waitSignal(latest.ended):
        latest.start(work)
    assert told == ["item 0", (1, 2), "item 1", (2, 2), "answer"]


def test_the_answer_of_a_replaced_request_never_arrives_even_if_its_work_never_reports(qtbot, latest):
    answers, may_end = [], threading.Event()
    latest.succeeded.connect(answers.append)
    latest.delivered.connect(answers.append)
    latest.start(lambda _report, _deliver: may_end.wait(5))
    with qtbot.waitSignal(latest.ended):
        latest.start(lambda _report, _deliver: "new")
        may_end.set()
    assert answers == ["new"]


def test_a_replaced_request_stops_at_its_next_report(qtbot, latest):
    began, went_on = threading.Event(), []

    def endless(report, _deliver):
        began.set()
        for done in range(10_000_000):
            report(done, 10_000_000)
        went_on.append(True)

    latest.start(endless)
    assert began.wait(5)
    with qtbot.waitSignal(latest.ended):
        latest.start(lambda _report, _deliver: None)
    assert went_on == []


def test_a_failure_arrives_as_the_exception_itself(qtbot, latest):
    def fail(_report, _deliver):
        raise NoHeadCt("folder: holds no files")

    with qtbot.waitSignal(latest.failed) as failed:
        latest.start(fail)
    assert isinstance(failed.args[0], NoHeadCt)


def test_after_cancel_nothing_arrives_and_nothing_runs(qtbot, latest):
    told, began = [], threading.Event()
    for signal in (latest.succeeded, latest.failed, latest.progressed, latest.ended):
        signal.connect(lambda *_: told.append(True))

    def work(report, _deliver):
        began.set()
        while True:
            report(0, 1)

    latest.start(work)
    assert began.wait(5)
    latest.cancel()
    told.clear()
    assert not latest.running
    latest.shut_down()
    qtbot.wait(1)
    assert told == []


def test_it_is_running_until_the_answer_is_there(qtbot, latest):
    with qtbot.waitSignal(latest.ended):
        latest.start(lambda _report, _deliver: None)
        assert latest.running
    assert not latest.running
