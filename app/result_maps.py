"""Work out, beside the window, what the results on the screen rest on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from app.jobs import Deliver, Latest
from ihd_core.heatmaps.explain import Kind, full_scale, heatmap
from ihd_core.labels import Label

if TYPE_CHECKING:
    from app.session import Session, Shown
    from ihd_core.predict import Prediction
    from ihd_core.progress import Report


class ResultMaps(QObject):
    """Computes the heatmaps of results as soon as there is a prediction, so that changing to them takes no time."""

    failed = Signal(object)
    """The exception that ended the computing."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._prediction: Prediction | None = None
        self._latest = Latest(self)
        self._latest.delivered.connect(self._on_ready)
        self._latest.failed.connect(self.failed)

    @property
    def running(self) -> bool:
        """Whether maps are being computed."""
        return self._latest.running

    def follow(self, shown: Shown) -> None:
        """Begin when another prediction is there, stop when it is gone."""
        wanted = shown.prediction if shown.has_kinds and not shown.withheld else None
        if wanted is self._prediction:
            return
        self._prediction = wanted
        if wanted is None:
            self._latest.cancel()
        else:
            self._latest.start(partial(_compute, wanted, shown.slice_index))

    def shut_down(self) -> None:
        """Stop and wait; call before the window is destroyed."""
        self._latest.shut_down()

    @Slot(object)
    def _on_ready(self, kind: Kind) -> None:
        self._session.show(kinds_ready=self._session.shown.kinds_ready | {kind})


def _compute(prediction: Prediction, from_slice: int, report: Report, deliver: Deliver) -> None:
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
