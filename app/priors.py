"""Read a prior examination of the same patient, to be shown beside the open scan."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.jobs import Deliver, Latest
from app.session import Layout
from app.study_order import prior_of
from app.values.patient_text import date_text
from ihd_core.errors import IhdError

if TYPE_CHECKING:
    from app.session import Session, Shown
    from ihd_core.dicom.series import Series
    from ihd_core.progress import Report
    from ihd_core.scan import Scan

NONE = "No other examination of this patient (same ID, name and date of birth) is in the worklist"


class Priors(QObject):
    """The prior of the open scan: offered when it is there, read when it is asked for.

    Args:
        session: where it appears.
        parent: Qt's.
    """

    told = Signal(str)
    """What there is, or why there is none, for the status bar."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._of: Scan | None = None
        self._reading = Latest(self)
        self._reading.succeeded.connect(self._on_read)
        self._reading.failed.connect(self._on_failed)

    @property
    def running(self) -> bool:
        """Whether one is being read."""
        return self._reading.running

    def offer(self) -> None:
        """Say that there is a prior of the scan that was opened."""
        shown = self._session.shown
        index = prior_of(shown)
        if index >= 0:
            self.told.emit(f"{_called(shown, index)} is in the list: F6 shows it beside this scan")

    def toggle(self) -> None:
        """Show the prior beside the open scan, or the scan alone."""
        shown = self._session.shown
        if shown.layout is Layout.PRIOR:
            self._session.show(layout=Layout.ONE, enlarged=None)
            return
        index = prior_of(shown)
        if index < 0:
            self.told.emit(NONE)
        elif shown.prior is not None:
            self._session.show(layout=Layout.PRIOR, enlarged=None)
        else:
            self._of = shown.scan
            self.told.emit(f"Reading {_called(shown, index)}")
            self._reading.start(partial(_read, shown.series[index], shown.repair))

    def shut_down(self) -> None:
        """Stop and wait; call before the window is destroyed."""
        self._reading.shut_down()

    @Slot(object)
    def _on_read(self, prior: Scan) -> None:
        if self._session.shown.scan is self._of:  # otherwise another patient may be on the screen by now
            self._session.show(prior=prior, prior_offset_mm=0.0, layout=Layout.PRIOR, enlarged=None)

    @Slot(object)
    def _on_failed(self, error: Exception) -> None:
        text = str(error) if isinstance(error, IhdError) else f"a bug in the program ({type(error).__name__})"
        self.told.emit(f"The prior cannot be shown: {text}")


def _called(shown: Shown, index: int) -> str:
    date = date_text(shown.series[index].details.study_date)
    return f"An examination of {date}" if date else "Another examination of this patient"


def _read(series: Series, repair: bool, report: Report, deliver: Deliver) -> Scan:
    """Runs on the worker thread."""
    from ihd_core.dicom.inspection import load_examined

    return load_examined(series, repair=repair, report=report)
