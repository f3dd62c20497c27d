"""Find the series in files and folders and read one of them, beside the window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.jobs import Deliver, Latest, Work
from app.session import preview_arrived, scan_loaded
from app.study_order import ordered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from app.session import Session
    from ihd_core.dicom.kinds import LeftOut
    from ihd_core.dicom.reader import Preview
    from ihd_core.dicom.series import Series
    from ihd_core.progress import Report
    from ihd_core.scan import Scan


@dataclass(frozen=True, slots=True, eq=False)
class _Begun:
    """A series whose first slice is there: from now on it is the one on the screen."""

    series: tuple[Series, ...]
    left_out: tuple[LeftOut, ...]
    current: int
    preview: Preview


class Opening(QObject):
    """Opens scans. What is open stays open until the first slice of the next one is there."""

    replacing = Signal()
    """Another scan is about to take the place of the one on the screen."""
    opened = Signal()
    """The scan is complete."""
    failed = Signal(object)
    """The exception that ended the reading."""

    def __init__(self, session: Session, left_at: Callable[[Scan], int | None], parent: QObject | None = None) -> None:
        """Open nothing yet.

        Args:
            session: where scans appear.
            left_at: the slice on which a scan was left when it was open before; None where it was not.
            parent: Qt's.
        """
        super().__init__(parent)
        self._session = session
        self._left_at = left_at
        self._last: Callable[[], object] | None = None
        self._return_to = ""
        self._loading = Latest(self)
        self._loading.progressed.connect(self._on_progressed)
        self._loading.delivered.connect(self._on_begun)
        self._loading.succeeded.connect(self._on_read)
        self._loading.failed.connect(self._on_failed)

    @property
    def running(self) -> bool:
        """Whether something is being read."""
        return self._loading.running

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Find all series in files and folders and read the best one."""
        wanted, repair = tuple(paths), self._session.shown.repair
        self._last = partial(self.open_paths, wanted)
        more = f" and {len(wanted) - 1} more" if len(wanted) > 1 else ""
        name = f"{wanted[0].name or wanted[0]}{more}" if wanted else ""
        self._start(name, lambda report, deliver: _find_and_read(wanted, repair, report, deliver))

    def choose(self, current: int) -> None:
        """Read another series of the worklist."""
        shown = self._session.shown
        self._last = partial(self.choose, current)
        work = _Work(shown.series, shown.left_out, current, shown.repair)
        self._start(shown.series[current].description, lambda report, deliver: _read(work, report, deliver))

    def use_repair(self, repair: bool) -> None:
        """Undo the wrap-around of RSNA files from now on, or do not; what is open, or being read, is read again."""
        self._session.show(repair=repair)
        shown = self._session.shown
        if self.running and self._last is not None:
            self._last()
        elif shown.open_series is not None:
            self.choose(shown.current)
            if shown.scan is not None:
                self._return_to = shown.scan.slice_uids[shown.slice_index]

    def cancel(self) -> None:
        """Stop reading; a scan of which only the first slice is there is closed."""
        self._loading.cancel()
        self._session.show(loading=None, preview=None)

    def shut_down(self) -> None:
        """Stop and wait; call before the window is destroyed."""
        self._loading.shut_down()

    def _start(self, name: str, work: Work) -> None:
        self._return_to = ""
        self._loading.start(work)
        self._session.show(loading=(0, 0), loading_name=name)

    @Slot(int, int)
    def _on_progressed(self, done: int, total: int) -> None:
        self._session.show(loading=(done, total))

    @Slot(object)
    def _on_begun(self, begun: _Begun) -> None:
        self.replacing.emit()
        shown = replace(self._session.shown, series=begun.series, left_out=begun.left_out)
        self._session.become(preview_arrived(shown, begun.current, begun.preview))

    @Slot(object)
    def _on_read(self, scan: Scan) -> None:
        before = self._session.shown
        shown = scan_loaded(before, scan)
        left_at = self._left_at(scan)
        if left_at is not None and before.preview is not None and before.slice_index == before.preview.slice_index:
            shown = replace(shown, slice_index=left_at)  # the reader has not gone elsewhere meanwhile
        if self._return_to in scan.slice_uids:
            shown = replace(shown, slice_index=scan.slice_uids.index(self._return_to))
        self._session.become(shown)
        self.opened.emit()

    @Slot(object)
    def _on_failed(self, error: Exception) -> None:
        self._session.show(loading=None, preview=None)
        self.failed.emit(error)


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What to read: one of these series, with or without the repair of RSNA files."""

    series: tuple[Series, ...]
    left_out: tuple[LeftOut, ...]
    current: int
    repair: bool


def _find_and_read(paths: tuple[Path, ...], repair: bool, report: Report, deliver: Deliver) -> Scan:
    from ihd_core.dicom.series import find_series

    found = find_series(paths, report=report)
    return _read(_Work(ordered(found.series), found.left_out, 0, repair), report, deliver)


def _read(work: _Work, report: Report, deliver: Deliver) -> Scan:
    from ihd_core.dicom.inspection import load_examined

    def first(preview: Preview) -> None:
        deliver(_Begun(work.series, work.left_out, work.current, preview))

    return load_examined(work.series[work.current], repair=work.repair, report=report, first=first)
