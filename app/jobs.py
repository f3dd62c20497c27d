"""Run core work off the GUI thread, one job at a time; the newest request wins."""

from __future__ import annotations

import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, QThreadPool, Signal, Slot

from ihd_core.errors import Cancelled
from ihd_core.progress import Report

Deliver = Callable[[object], None]
"""Called with a result that is ready before the work is done. May raise Cancelled to stop the work."""

Work = Callable[[Report, Deliver], object]
"""Long work: it reports progress, delivers what it has, and returns its result. It must touch no widget."""


class _Job(QObject):
    progressed = Signal(int, int)
    delivered = Signal(object)
    succeeded = Signal(object)
    failed = Signal(object)
    ended = Signal()

    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work
        self._stop = threading.Event()

    def cancel(self) -> None:
        self._stop.set()

    def run(self) -> None:
        try:
            self._go_on()
            self.succeeded.emit(self._work(self._report, self._deliver))
        except Cancelled:
            pass
        except Exception as error:  # the edge of the thread: everything must reach the window
            self.failed.emit(error)
        finally:
            self.ended.emit()

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise Cancelled

    def _report(self, done: int, total: int) -> None:
        self._go_on()
        self.progressed.emit(done, total)

    def _deliver(self, item: object) -> None:
        self._go_on()
        self.delivered.emit(item)


class Latest(QObject):
    """Runs only the newest request. Answers to replaced or cancelled requests never arrive.

    Signals arrive on the thread of this object. `ended` follows the last answer of the newest request.
    """

    progressed = Signal(int, int)
    delivered = Signal(object)
    succeeded = Signal(object)
    failed = Signal(object)
    ended = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._current: _Job | None = None
        self._alive: set[QObject] = set()  # a running job must outlive its replacement

    @property
    def running(self) -> bool:
        """Whether the newest request has neither been answered nor cancelled."""
        return self._current is not None

    def start(self, work: Work) -> None:
        """Run work instead of whatever was asked for before."""
        self.cancel()
        job = self._current = _Job(work)
        self._alive.add(job)
        job.progressed.connect(self._on_progressed)
        job.delivered.connect(self._on_delivered)
        job.succeeded.connect(self._on_succeeded)
        job.failed.connect(self._on_failed)
        job.ended.connect(self._on_ended)
        self._pool.start(job.run)

    def cancel(self) -> None:
        """Forget the current request; its work stops at its next report."""
        if self._current:
            self._current.cancel()
            self._current = None

    def shut_down(self) -> None:
        """Stop and wait; call before the window is destroyed."""
        self.cancel()
        self._pool.waitForDone()

    @Slot(int, int)
    def _on_progressed(self, done: int, total: int) -> None:
        if self.sender() is self._current:
            self.progressed.emit(done, total)

    @Slot(object)
    def _on_delivered(self, item: object) -> None:
        if self.sender() is self._current:
            self.delivered.emit(item)

    @Slot(object)
    def _on_succeeded(self, result: object) -> None:
        if self.sender() is self._current:
            self.succeeded.emit(result)

    @Slot(object)
    def _on_failed(self, error: object) -> None:
        if self.sender() is self._current:
            self.failed.emit(error)

    @Slot()
    def _on_ended(self) -> None:
        job = self.sender()
        self._alive.discard(job)
        if job is self._current:
            self._current = None
            self.ended.emit()
