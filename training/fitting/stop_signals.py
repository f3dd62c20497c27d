"""Ctrl-C and a polite end of the process, remembered until the work is at a place where it can stop."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

STOPPED = "stopped; run the same stage again to go on"


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Within the block, the first SIGINT or SIGTERM sets the event; a second one acts as it did before.

    Outside the main thread, which alone hears signals, the event is never set.
    """
    heard = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield heard
        return
    before: dict[int, Any] = {}

    def remember(number: int, _frame: object) -> None:
        heard.set()
        signal.signal(number, before[number])

    for one in (signal.SIGINT, signal.SIGTERM):
        before[one] = signal.signal(one, remember)
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
