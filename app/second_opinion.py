"""Let the model read the open scan, beside the window."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.jobs import Deliver, Latest
from app.session import Session, predicted, slab_arrived, without_prediction
from ihd_core.errors import IhdError, ModelFileError
from ihd_core.model_file import load_model, read_info

if TYPE_CHECKING:
    from pathlib import Path

    from ihd_core.brain_mask import BrainMask
    from ihd_core.model_file import Model, ModelInfo
    from ihd_core.predict import Prediction, SlabResult
    from ihd_core.progress import Report
    from ihd_core.scan import Scan

NO_MODEL = "No model is chosen (File, Choose model)"
STOPPED = "Stopped before the end; F5 predicts again"


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A model folder that has been checked."""

    folder: Path
    info: ModelInfo


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """What is to be read, from which slice outwards, by which model."""

    scan: Scan
    from_slice: int
    chosen: _Chosen


@dataclass(frozen=True, slots=True)
class _Opinion:
    """What the model says, and what is needed to say where it looks."""

    prediction: Prediction
    brain: BrainMask


class _Models:
    """Keeps one model loaded, for any thread."""

    def __init__(self) -> None:
        self._model: Model | None = None
        self._lock = threading.Lock()

    def loaded(self, chosen: _Chosen) -> Model:
        with self._lock:
            if self._model is None or self._model.info.sha256 != chosen.info.sha256:
                self._model = None
                model = load_model(chosen.folder)
                if model.info.sha256 != chosen.info.sha256:
                    raise ModelFileError(f"{chosen.folder}: replaced while the program was running; choose it again")
                self._model = model
            return self._model


class SecondOpinion(QObject):
    """Holds the model and runs it; results appear in the session as they come."""

    ready = Signal()
    """The prediction of the open scan is complete."""
    failed = Signal(object)
    """The exception that ended the prediction, or that refuses a model."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._chosen: _Chosen | None = None
        self._models = _Models()
        self._checking = Latest(self)
        self._checking.succeeded.connect(self._on_checked)
        self._checking.failed.connect(self._on_refused)
        self._checking.ended.connect(self._on_checking_ended)
        self._predicting = Latest(self)
        self._predicting.progressed.connect(self._on_progressed)
        self._predicting.delivered.connect(self._on_slab)
        self._predicting.succeeded.connect(self._on_predicted)
        self._predicting.failed.connect(self._on_failed)

    @property
    def running(self) -> bool:
        """Whether a model is being checked or a prediction is under way."""
        return self._checking.running or self._predicting.running

    @property
    def folder(self) -> Path | None:
        """The model folder in use."""
        return self._chosen.folder if self._chosen else None

    def use_model(self, folder: Path) -> None:
        """Check a model folder and predict with it from now on; a refused one changes nothing but to say why."""
        self._checking.start(lambda _report, _deliver: _Chosen(folder, read_info(folder)))

    def loaded_model(self) -> Model:
        """The model in use, for a worker thread; read from its folder if need be.

        Raises:
            ModelFileError: none is in use, or its folder has changed.
        """
        if self._chosen is None:
            raise ModelFileError(NO_MODEL)
        return self._models.loaded(self._chosen)

    def predict(self) -> None:
        """Read the open scan, again if need be."""
        scan, chosen, models = self._session.shown.scan, self._chosen, self._models
        if scan is None or self._checking.running:  # once the model is checked, prediction begins by itself
            return
        if chosen is None:
            self._session.show(refusal=self._session.shown.refusal or NO_MODEL)
            return
        self._session.become(replace(without_prediction(self._session.shown), predicting=(0, len(scan))))
        wanted = _Wanted(scan, min(self._session.shown.slice_index, len(scan) - 1), chosen)
        self._predicting.start(lambda report, deliver: _predict(wanted, models, report, deliver))

    def forget(self) -> None:
        """Stop without a word: another scan takes the place of the one that is being read."""
        self._predicting.cancel()

    def cancel(self) -> None:
        """Stop reading and say so."""
        if self._predicting.running:
            self._predicting.cancel()
            self._session.become(replace(without_prediction(self._session.shown), refusal=STOPPED))

    def shut_down(self) -> None:
        """Stop and wait; call before the window is destroyed."""
        self._checking.shut_down()
        self._predicting.shut_down()

    @Slot(object)
    def _on_checked(self, chosen: _Chosen) -> None:
        self._chosen = chosen
        self._predicting.cancel()
        self._session.become(replace(without_prediction(self._session.shown), model=chosen.info))

    @Slot()
    def _on_checking_ended(self) -> None:
        if self._session.shown.prediction is None and not self._predicting.running:
            self.predict()

    @Slot(object)
    def _on_refused(self, error: Exception) -> None:
        if self._session.shown.model is None:
            self._session.show(refusal=_reason(error))
        self.failed.emit(error)

    @Slot(int, int)
    def _on_progressed(self, done: int, total: int) -> None:
        self._session.show(predicting=(done, total))

    @Slot(object)
    def _on_slab(self, result: SlabResult) -> None:
        shown = slab_arrived(self._session.shown, result)
        if shown.partial is not None:
            self._session.become(replace(shown, predicting=(shown.partial.slice_count, shown.slice_count)))

    @Slot(object)
    def _on_predicted(self, opinion: _Opinion) -> None:
        self._session.become(predicted(self._session.shown, opinion.prediction, opinion.brain))
        self.ready.emit()

    @Slot(object)
    def _on_failed(self, error: Exception) -> None:
        self._session.become(replace(without_prediction(self._session.shown), refusal=_reason(error)))
        self.failed.emit(error)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, IhdError) else f"A bug in the program: {type(error).__name__}"


def _predict(wanted: _Wanted, models: _Models, report: Report, deliver: Deliver) -> _Opinion:
    """Runs on the worker thread; the slice that was on the screen comes first, then those around it."""
    from ihd_core.brain_mask import brain_mask
    from ihd_core.model_input import placement
    from ihd_core.predict import finish, prediction_steps

    scan, chosen = wanted.scan, wanted.chosen
    report(0, len(scan))
    placement(scan, chosen.info.side)  # a scan that is refused is so at once, and not after the model is loaded
    model = models.loaded(chosen)
    results = []
    for result in prediction_steps(scan, model, from_slice=wanted.from_slice):
        results.append(result)
        deliver(result)
    return _Opinion(finish(scan, model, results), brain_mask(scan))
