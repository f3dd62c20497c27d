"""Let the model read every study of the worklist, one after the other, while the reader looks at one of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from app.jobs import Deliver, Latest
from app.session import Screened, ScreenedState
from app.study_order import first_choices
from ihd_core.errors import Cancelled, IhdError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.second_opinion import SecondOpinion
    from app.session import Session, Shown
    from ihd_core.dicom.series import Series
    from ihd_core.predict import Prediction
    from ihd_core.progress import Report

TELL_SECONDS = 0.2
"""Between two reports of how far a scan is."""
WAIT_SECONDS = 0.02


class Screening(QObject):
    """Reads and predicts in order of arrival; it stands still while something is done for the open scan.

    What it finds is in the session by SeriesInstanceUID, and in the cache of predictions, from which the scan is shown
    at once when it is opened. A scan that fails costs the others nothing.

    Args:
        session: whose series are read.
        second_opinion: whose model reads.
        busy: whether something is being done for the reader, asked on the worker thread.
        parent: Qt's.
    """

    def __init__(
        self, session: Session, second_opinion: SecondOpinion, busy: Callable[[], bool], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._second_opinion = second_opinion
        self._busy = busy
        self._wanted = _Wanted()
        self._reading = Latest(self)
        self._reading.delivered.connect(self._on_screened)

    @property
    def running(self) -> bool:
        """Whether there are scans left to read."""
        return self._reading.running

    def follow(self, shown: Shown) -> None:
        """Begin anew where other series are listed or another model is in use; take over what the open scan has got."""
        sha256 = shown.model.sha256 if shown.model is not None else ""
        wanted = _Wanted(frozenset((one.uid, one.slice_count) for one in shown.series), sha256, shown.repair)
        if wanted != self._wanted:
            unchanged = wanted.unchanged_since(self._wanted)
            self._wanted = wanted
            self._begin(shown, {uid: one for uid, one in shown.screened.items() if uid in unchanged and one.is_over})
        elif shown.prediction is not None and shown.open_series is not None:
            found = screened(shown.prediction)
            if shown.screened and shown.screened.get(shown.open_series.uid) != found:
                self._session.show(screened={**shown.screened, shown.open_series.uid: found})

    def shut_down(self) -> None:
        """Stop and wait; call before the window is destroyed."""
        self._reading.shut_down()

    def _begin(self, shown: Shown, known: dict[str, Screened]) -> None:
        self._reading.cancel()
        series = first_choices(shown.series)
        if shown.model is None or len(series) < 2:
            self._session.show(screened={})
            return
        left = [one for one in series if one.uid not in known]
        waiting = {one.uid: Screened(ScreenedState.WAITING) for one in left}
        how = _How(shown.repair, self._busy)
        self._reading.start(partial(_screen, left, self._second_opinion, how))
        self._session.show(screened={**known, **waiting})

    @Slot(object)
    def _on_screened(self, found: tuple[str, Screened]) -> None:
        uid, one = found
        self._session.show(screened={**self._session.shown.screened, uid: one})


def screened(prediction: Prediction) -> Screened:
    """What the worklist says of a prediction."""
    if prediction.withheld:
        return Screened(ScreenedState.FAILED, reason=prediction.withheld)
    return Screened(ScreenedState.READY, probabilities=tuple(prediction.scan.tolist()))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be read: series by UID with how many slices they have, by which model, with or without the repair."""

    series: frozenset[tuple[str, int]] = frozenset()
    model_sha256: str = ""
    repair: bool = True

    def unchanged_since(self, before: _Wanted) -> frozenset[str]:
        """UIDs of the series of which a result from before is one still: none has gained a slice since."""
        same = (self.model_sha256, self.repair) == (before.model_sha256, before.repair)
        return frozenset(uid for uid, _ in self.series & before.series) if same else frozenset()


@dataclass(frozen=True, slots=True)
class _How:
    """With or without the repair of RSNA files, and when to stand still."""

    repair: bool
    busy: Callable[[], bool]


def _screen(
    series: Sequence[Series], second_opinion: SecondOpinion, how: _How, report: Report, deliver: Deliver
) -> None:
    """Runs on the worker thread."""
    for one in series:
        try:
            deliver((one.uid, _screen_one(one, second_opinion, how, report, deliver)))
        except Cancelled:
            raise
        except IhdError as error:
            deliver((one.uid, Screened(ScreenedState.FAILED, reason=str(error))))
        except Exception as error:  # a scan that fails must not stop the others
            reason = f"A bug in the program: {type(error).__name__}"
            deliver((one.uid, Screened(ScreenedState.FAILED, reason=reason)))


def _screen_one(series: Series, second_opinion: SecondOpinion, how: _How, report: Report, deliver: Deliver) -> Screened:
    from ihd_core.dicom.inspection import load_examined
    from ihd_core.prediction_cache import predict_with

    told = 0.0

    def standing_still(done: int, total: int) -> None:
        report(done, total)
        while how.busy():
            time.sleep(WAIT_SECONDS)
            report(done, total)

    def running(done: int, total: int) -> None:
        nonlocal told
        standing_still(done, total)
        if time.monotonic() - told > TELL_SECONDS:
            told = time.monotonic()
            deliver((series.uid, Screened(ScreenedState.RUNNING, progress=(done, total))))

    standing_still(0, series.slice_count)
    deliver((series.uid, Screened(ScreenedState.RUNNING, progress=(0, series.slice_count))))
    scan = load_examined(series, repair=how.repair, report=standing_still)
    reader = second_opinion.loaded()
    with reader.engine.torch_beside():
        prediction = predict_with(second_opinion.cache, scan, reader.model, reader.engine, report=running)
    return screened(prediction)
