"""Let the model read the open scan, beside the window."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.jobs import Deliver, Latest
from app.session import Session, predicted, slab_arrived, without_prediction
from ihd_core.errors import FileError, IhdError, ModelFileError
from ihd_core.model_file import load_model, read_info

if TYPE_CHECKING:
    from pathlib import Path

    from ihd_core.brain_mask import BrainMask
    from ihd_core.engines.engine import Engine
    from ihd_core.model_file import Model, ModelInfo
    from ihd_core.predict import Prediction, SlabResult
    from ihd_core.prediction_cache import PredictionCache
    from ihd_core.progress import Report
    from ihd_core.scan import Scan

NO_MODEL = "No model is chosen (File, Choose model)"
STOPPED = "Stopped before the end; F5 predicts again"


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A model folder that has been checked."""

    folder: Path
    info: ModelInfo


@dataclass(frozen=True, slots=True)
class Means:
    """What predictions are made with, beside the model.

    Attributes:
        engine: one of ENGINES.
        memory: the file where engines keep what they have proved.
        cache: of predictions.
    """

    engine: str
    memory: Path
    cache: Path


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """What is to be read, from which slice outwards, by which model; afresh: whatever was predicted before."""

    scan: Scan
    from_slice: int
    chosen: _Chosen
    afresh: bool


@dataclass(frozen=True, slots=True)
class _Opinion:
    """What the model says, what is needed to say where it looks, and what was not as usual."""

    prediction: Prediction
    brain: BrainMask
    engine_note: str
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model and what runs its CNNs."""

    model: Model
    engine: Engine


class _Models:
    """Keeps one model and its engine loaded, for any thread."""

    def __init__(self, means: Means) -> None:
        self.means = means
        self._loaded: Loaded | None = None
        self._lock = threading.Lock()

    def loaded(self, chosen: _Chosen) -> Loaded:
        from ihd_core.engines.memory import remembered_engine

        with self._lock:
            if self._loaded is None or self._loaded.model.info.sha256 != chosen.info.sha256:
                self._loaded = None
                model = load_model(chosen.folder)
                if model.info.sha256 != chosen.info.sha256:
                    raise ModelFileError(f"{chosen.folder}: replaced while the program was running; choose it again")
                engine = remembered_engine(model, self.means.engine, memory=self.means.memory)
                self._loaded = Loaded(model, engine)
            return self._loaded


class SecondOpinion(QObject):
    """Holds the model and runs it; results appear in the session as they come."""

    ready = Signal()
    """The prediction of the open scan is complete."""
    failed = Signal(object)
    """The exception that ended the prediction, or that refuses a model."""
    told = Signal(str)
    """What was not as usual and cost no result, such as an engine that is not used; each line once."""

    def __init__(self, session: Session, means: Means, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._chosen: _Chosen | None = None
        self._models = _Models(means)
        self._told: set[str] = set()
        self._preparing = Latest(self)
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
        return self.loaded().model

    def loaded(self) -> Loaded:
        """The model in use and what runs it, for a worker thread; read from its folder if need be.

        Raises:
            ModelFileError: none is in use, or its folder has changed.
        """
        if self._chosen is None:
            raise ModelFileError(NO_MODEL)
        return self._models.loaded(self._chosen)

    @property
    def cache(self) -> PredictionCache:
        """Where predictions are kept."""
        from ihd_core.prediction_cache import PredictionCache

        return PredictionCache(self._models.means.cache)

    def predict(self, *, afresh: bool = False) -> None:
        """Read the open scan, again if need be.

        Args:
            afresh: do not show what was predicted before.
        """
        scan, chosen, models = self._session.shown.scan, self._chosen, self._models
        if scan is None or self._checking.running:  # once the model is checked, prediction begins by itself
            return
        if chosen is None:
            self._session.show(refusal=self._session.shown.refusal or NO_MODEL)
            return
        self._session.become(replace(without_prediction(self._session.shown), predicting=(0, len(scan))))
        wanted = _Wanted(scan, min(self._session.shown.slice_index, len(scan) - 1), chosen, afresh)
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
        self._preparing.shut_down()
        self._predicting.shut_down()

    @Slot(object)
    def _on_checked(self, chosen: _Chosen) -> None:
        self._chosen = chosen
        self._predicting.cancel()
        self._session.become(replace(without_prediction(self._session.shown), model=chosen.info))
        self._preparing.start(lambda _report, _deliver: self._models.loaded(chosen))  # while the scan is being read

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
        shown = predicted(self._session.shown, opinion.prediction, opinion.brain)
        self._session.become(replace(shown, engine_note=opinion.engine_note))
        self.ready.emit()
        for remark in opinion.remarks:
            if remark not in self._told:
                self._told.add(remark)
                self.told.emit(remark)

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
    from ihd_core.prediction_cache import PredictionCache, cache_key

    scan, chosen = wanted.scan, wanted.chosen
    report(0, len(scan))
    placement(scan, chosen.info.side)  # a scan that is refused is so at once, and not after the model is loaded
    loaded = models.loaded(chosen)
    model, engine, cache = loaded.model, loaded.engine, PredictionCache(models.means.cache)
    refused, remarks = engine.refused, []
    with engine.torch_beside():
        report(0, len(scan))
        name, key = engine.name, cache_key(scan, model.info, engine.name)
        kept = None if wanted.afresh else cache.read(key)
        results = list(kept or ())
        if kept is None:
            for result in prediction_steps(scan, model, engine=engine, from_slice=wanted.from_slice):
                results.append(result)
                deliver(result)
        prediction = finish(scan, model, results)
        if kept is None and prediction.engine == name:  # none failed on the way
            try:
                cache.write(key, results)
            except FileError as error:
                remarks.append(f"The prediction is shown but not kept: {error}")
    note = "\n".join((engine.why, *engine.refused))
    remarks += (line for line in engine.refused if line not in refused)  # what failed now; the note has the others
    return _Opinion(prediction, brain_mask(scan), note, tuple(remarks))
