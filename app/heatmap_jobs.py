"""Work out, beside the window, the heatmaps that do not come with a prediction."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from app.jobs import Deliver, Latest
from ihd_core.heatmaps.explain import FURTHER, Kind, full_scale, heatmap
from ihd_core.labels import Label

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.session import Session, Shown
    from ihd_core.model_file import Model
    from ihd_core.predict import Prediction
    from ihd_core.progress import Report
    from ihd_core.scan import Scan


class HeatmapJobs(QObject):
    """Computes heatmaps of results as soon as there is a prediction, so that changing to them takes no time.

    Those of a further method are computed when they are first asked for.

    Args:
        session: where they appear.
        model: called on the worker thread for the model that made the prediction.
        parent: Qt's.
    """

    failed = Signal(object)
    """The exception that ended the computing."""

    def __init__(self, session: Session, model: Callable[[], Model], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._model = model
        self._prediction: Prediction | None = None
        self._method: Kind | None = None
        self._results, self._further = Latest(self), Latest(self)
        for latest in (self._results, self._further):
            latest.delivered.connect(self._on_ready)
        self._results.failed.connect(self.failed)
        self._further.failed.connect(self._on_failed)

    @property
    def running(self) -> bool:
        """Whether maps are being computed."""
        return self._results.running or self._further.running

    def follow(self, shown: Shown) -> None:
        """Begin when another prediction is there or another method is chosen, stop when it is gone."""
        prediction = shown.prediction if not shown.withheld else None
        if prediction is not self._prediction:
            self._prediction, self._method = prediction, None
            self._further.cancel()
            self._results.cancel()
            if prediction is not None and shown.has_kinds:
                self._results.start(partial(_explain_result, prediction, shown.slice_index))
        method = shown.kind if shown.kind in FURTHER else None
        if prediction is None or shown.scan is None or method == self._method:
            return
        self._method = method
        self._further.cancel()
        if method is not None and method not in shown.kinds_ready:
            self._further.start(partial(_apply_method, (shown.scan, prediction), self._model, method))

    def shut_down(self) -> None:
        """Stop and wait; call before the window is destroyed."""
        self._results.shut_down()
        self._further.shut_down()

    @Slot(object)
    def _on_ready(self, kind: Kind) -> None:
        self._session.show(kinds_ready=self._session.shown.kinds_ready | {kind})

    @Slot(object)
    def _on_failed(self, error: Exception) -> None:
        self._session.show(heatmap_kind=Kind.CNN)
        self.failed.emit(error)


def _apply_method(
    read: tuple[Scan, Prediction], model: Callable[[], Model], method: Kind, report: Report, deliver: Deliver
) -> None:
    """Runs on the worker thread; the maps are kept with the prediction."""
    from ihd_core.heatmaps.further_methods import further_maps

    scan, prediction = read
    prediction.further[method] = further_maps(scan, model(), method, report=report)
    deliver(method)


def _explain_result(prediction: Prediction, from_slice: int, report: Report, deliver: Deliver) -> None:
    """Runs on the worker thread: scales and maps stay with the prediction, and are found there when they are drawn."""
    first_slices = np.unique(prediction.slab_of_slice, return_index=True)[1]
    total = len(first_slices)
    report(0, total)
    full_scale(prediction, Label.ANY, Kind.RESULT_SLICE)  # of one label is of all
    for number, index in enumerate(sorted(first_slices, key=lambda index: abs(int(index) - from_slice)), start=1):
        report(number, total)
        heatmap(prediction, Label.ANY, int(index), Kind.RESULT_SLICE)
    deliver(Kind.RESULT_SLICE)
    full_scale(prediction, Label.ANY, Kind.RESULT_SCAN)
    deliver(Kind.RESULT_SCAN)
