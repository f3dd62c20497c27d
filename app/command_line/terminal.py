"""What `ihd` writes on a terminal: its results, trouble in one line, how far the work is."""

from __future__ import annotations

import io
import logging
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from ihd_core.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ihd_core.progress import Report


@contextmanager
def output() -> Iterator[None]:
    """Write everything printed in the block before it ends, and let no terminal fail on a degree sign.

    Raises:
        FileError: standard output cannot be written, as on a full disk.
        BrokenPipeError: nobody reads it any more.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        except OSError as error:
            # What is still buffered goes nowhere, so that the end of Python does not fail on it again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if isinstance(error, BrokenPipeError):
                raise
            raise FileError(f"standard output: cannot be written ({error.strerror})") from error


def say(text: str) -> None:
    """One line on standard error, whatever is in the text."""
    print(f"ihd: {' '.join(text.split())}", file=sys.stderr)


@contextmanager
def progress(title: str, *, quiet: bool = False) -> Iterator[Report]:
    """A bar on standard error that shows itself with the first report and stays when the work is done."""
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # no thread beside the bar
    bar: tqdm[NoReturn] | None = None

    def report(done: int, total: int) -> None:
        nonlocal bar
        if quiet:
            return
        bar = bar or tqdm(total=total, desc=title, file=sys.stderr)
        bar.total = total
        bar.update(done - bar.n)

    try:
        yield report
    finally:
        if bar:
            bar.close()


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep the warnings of libraries off the terminal: what a person must know is in the scan's own warnings."""
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
