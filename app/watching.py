"""Watch a folder: a scan that arrives there appears in the worklist when it is complete."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.jobs import Deliver, Latest
from app.study_order import ordered
from ihd_core.errors import DicomError, IhdError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from app.session import Session
    from ihd_core.dicom.series import Found
    from ihd_core.progress import Report

    State = Mapping[str, tuple[int, int]]
    """Size and time of change of every file, by path."""

INTERVAL_MS = 2000
"""Between two looks; a scan is complete when nothing has changed between them."""


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """One look at the folder, and what is in it where it stands still and was not read so before."""

    state: State
    found: Found | None


class Watching(QObject):
    """Looks every two seconds, beside the window; what changes is read once it stands still.

    Polling, because network shares do not tell of changes.
    """

    told = Signal(str)
    """What has arrived, or why the folder cannot be read, for the status bar."""
    first_arrived = Signal()
    """There was no scan, and now there is one."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.folder: Path | None = None
        self._state: State = {}
        self._read: State = {}
        self._problem = ""
        self._timer = QTimer(self, interval=INTERVAL_MS)
        self._timer.timeout.connect(self.look)
        self._looking = Latest(self)
        self._looking.succeeded.connect(self._on_seen)
        self._looking.failed.connect(self._on_failed)

    def watch(self, folder: Path | None) -> None:
        """Watch this folder from now on, or none."""
        self._looking.cancel()
        self.folder, self._state, self._read, self._problem = folder, {}, {}, ""
        if folder is None:
            self._timer.stop()
        else:
            self._timer.start()
            self.look()

    def look(self) -> None:
        """Look at the folder, unless the last look is not over."""
        if self.folder is not None and not self._looking.running:
            self._looking.start(partial(_look, self.folder, self._state, self._read))

    def shut_down(self) -> None:
        """Stop and wait; call before the window is destroyed."""
        self._timer.stop()
        self._looking.shut_down()

    @Slot(object)
    def _on_seen(self, seen: _Seen) -> None:
        self._state, self._problem = seen.state, ""
        if seen.found is None:
            return
        self._read = seen.state
        shown = self._session.shown
        known = {one.uid: one for one in shown.series}
        new = [one for one in seen.found.series if one.uid not in known]
        grown = [one for one in seen.found.series if one.uid in known and one.slice_count > known[one.uid].slice_count]
        if not new and not grown:
            return
        merged = {**known, **{one.uid: one for one in (*new, *grown)}}
        series = ordered(merged.values())
        current = shown.open_series
        place = next((n for n, one in enumerate(series) if current is not None and one.uid == current.uid), -1)
        self._session.show(series=series, current=place)
        self.told.emit(_arrived(len(new), len(grown)))
        if not known:
            self.first_arrived.emit()

    @Slot(object)
    def _on_failed(self, error: Exception) -> None:
        text = str(error) if isinstance(error, IhdError | OSError) else f"A bug in the program: {type(error).__name__}"
        if text != self._problem:
            self._problem = text
            self.told.emit(f"The watched folder cannot be read: {text}")


def _look(folder: Path, before: State, read: State, report: Report, deliver: Deliver) -> _Seen:
    """Runs on the worker thread."""
    from ihd_core.dicom.series import find_series

    state = _state(folder, report)
    if state != before or state == read or not state:
        return _Seen(state, None)
    try:
        return _Seen(state, find_series((folder,), report=report))
    except DicomError:  # nothing in it is a scan yet
        return _Seen(state, None)


def _state(folder: Path, report: Report) -> State:
    found = {}
    folders = [os.fspath(folder)]
    while folders:
        report(0, 0)
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.is_file():
                    about = entry.stat()
                    found[entry.path] = about.st_size, about.st_mtime_ns
    return found


def _arrived(new: int, grown: int) -> str:
    said = [f"{new} new series" if new else "", f"{grown} series with more slices, to be opened again" if grown else ""]
    return f"Arrived in the watched folder: {', '.join(filter(None, said))}"
