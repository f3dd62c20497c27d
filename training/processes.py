"""Run jobs in processes of their own, with progress from within them, and stop them cleanly."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING, Any, TypeVar

import cv2

from ihd_core.errors import Cancelled, IhdError
from ihd_core.progress import Report, silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")

_WAIT_SECONDS = 0.25
_MOST = 61
"""Windows waits for no more."""
_AHEAD = 2
"""Jobs handed out for every process; more would only have to be taken back."""


@dataclass(slots=True)
class _Shared:
    """What a process has of the one that started it."""

    stop: Event
    done: Synchronized[int]


_shared: _Shared | None = None


class Steps:
    """Counts what a job has done, and stops it when it should.

    Args:
        count: called with how many further units of work are done; raises Cancelled where the job should stop.
    """

    def __init__(self, count: Callable[[int], None]) -> None:
        self._count = count

    def done(self, units: int) -> None:
        """Say that some units of work are done.

        Raises:
            Cancelled: the work is not wanted any more.
        """
        self._count(units)


def in_processes(
    work: Callable[[_Job, Steps], _Result],
    jobs: Sequence[_Job],
    *,
    processes: int | None = None,
    done: int = 0,
    total: int,
    report: Report = silent,
) -> Iterator[_Result]:
    """Do every job, several at a time; results come in the order in which they are ready.

    Args:
        work: a function of a module; called with a job and the Steps it must count on.
        jobs: can be pickled.
        processes: at most so many; None: one a core. One works here, without another process.
        done: units of work that were done before.
        total: units of work of all jobs and those done before.
        report: called some times a second; may raise Cancelled.

    Raises:
        IhdError: a process ended on its own, as where memory runs out.
    """
    processes = min(processes or os.cpu_count() or 1, len(jobs), _MOST)
    report(done, total)
    if processes <= 1:
        yield from _here(work, jobs, done, total, report)
        return
    context = get_context("spawn")
    shared = _Shared(context.Event(), context.Value("q", done))
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_start, initargs=(shared.stop, shared.done))
    waiting = deque(jobs)
    running: set[Future[_Result]] = set()
    try:
        while waiting or running:
            while waiting and len(running) < processes * _AHEAD:
                running.add(pool.submit(_run, work, waiting.popleft()))
            ready, running = wait(running, timeout=_WAIT_SECONDS, return_when=FIRST_COMPLETED)
            report(min(shared.done.value, total), total)
            for one in ready:
                yield one.result()
    except BrokenProcessPool as error:
        raise IhdError(
            "a process of this stage ended on its own, as where memory runs out; run the stage again"
        ) from error
    finally:
        shared.stop.set()
        pool.shutdown(cancel_futures=True)
    report(total, total)


def _here(
    work: Callable[[_Job, Steps], _Result], jobs: Sequence[_Job], done: int, total: int, report: Report
) -> Iterator[_Result]:
    def count(units: int) -> None:
        nonlocal done
        done += units
        report(min(done, total), total)

    for job in jobs:
        yield work(job, Steps(count))
    report(total, total)


def _start(stop: Event, done: Synchronized[int]) -> None:
    """A new process: Ctrl-C is for the one that started it, and one core is enough."""
    global _shared
    _shared = _Shared(stop, done)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # for torch, which is loaded later
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process whose parent was killed would wait for jobs for ever, and write beside the next sitting till then."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(work: Callable[[Any, Steps], _Result], job: Any) -> _Result:
    _count(0)  # a job that was handed over before the stop is not begun
    return work(job, Steps(_count))


def _count(units: int) -> None:
    assert _shared is not None
    with _shared.done.get_lock():
        _shared.done.value += units
    if _shared.stop.is_set():
        raise Cancelled("stopped")
