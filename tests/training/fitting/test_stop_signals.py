"""A signal is remembered once, and acts as before the second time."""

import os
import signal
import threading

import pytest

from training.fitting.stop_signals import stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_remembered_and_the_second_acts(number):
    heard_before = []
    before = signal.signal(number, lambda *_: heard_before.append(number))
    try:
        with stop_signals() as stop:
            assert not stop.is_set()
            os.kill(os.getpid(), number)
            assert stop.is_set()
            assert not heard_before
            os.kill(os.getpid(), number)
            assert heard_before == [number]
        os.kill(os.getpid(), number)
        assert heard_before == [number] * 2, "and so it does after the block"
    finally:
        signal.signal(number, before)


def test_in_another_thread_signals_are_left_alone():
    found = []

    def work():
        with stop_signals() as stop:
            found.append((stop.is_set(), signal.getsignal(signal.SIGINT)))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(False, before)]
