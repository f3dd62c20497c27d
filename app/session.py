"""What is open and how it is shown: one immutable value, one signal."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from ihd_core.heatmaps.explain import FURTHER, Kind
from ihd_core.labels import DISPLAY_ORDER, LABELS, SUBTYPES, Label
from ihd_core.orientation import Turn
from ihd_core.scan import withheld_reason
from ihd_core.slab import Projection
from ihd_core.study.opinion import Opinion
from ihd_core.windowing import BRAIN, SOFT_TISSUE, SUBDURAL, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ihd_core.brain_mask import BrainMask
    from ihd_core.dicom.kinds import LeftOut
    from ihd_core.dicom.reader import Preview
    from ihd_core.dicom.series import Series
    from ihd_core.measurements import Measurement, Tool
    from ihd_core.model_file import ModelInfo
    from ihd_core.predict import Prediction, SlabResult
    from ihd_core.scan import Scan
    from ihd_core.study.rating import RatingValue


class Mode(StrEnum):
    """When the model's results are shown."""

    SECOND_READER = "second-reader"
    TRIAGE = "triage"


class Layout(StrEnum):
    """Which pictures are side by side."""

    ONE = "one"
    WINDOWS = "three windows"
    KINDS = "two heatmaps"
    PLANES = "three planes"
    CONTACT = "contact sheet"
    PRIOR = "prior beside"


@dataclass(frozen=True, slots=True, eq=False)
class Partial:
    """The CNN's results so far.

    Attributes:
        probabilities: float32 (slices, labels), NaN where the network has not been yet.
    """

    probabilities: NDArray[np.float32]

    def __post_init__(self) -> None:
        self.probabilities.flags.writeable = False

    @property
    def slice_count(self) -> int:
        """How many slices the network has read."""
        return int(np.isfinite(self.probabilities).all(axis=1).sum())


class ScreenedState(StrEnum):
    """How far a study of the worklist is."""

    WAITING = "waiting"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Screened:
    """What the model says of a study of the worklist that need not be open.

    Attributes:
        progress: slices done and all slices, while it is running.
        probabilities: of the scan, 0..1, in the order of LABELS, when it is ready.
        reason: why there is no result, one sentence.
    """

    state: ScreenedState
    progress: tuple[int, int] = (0, 0)
    probabilities: tuple[float, ...] = ()
    reason: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be said."""
        return self.state in (ScreenedState.READY, ScreenedState.FAILED)

    @property
    def any_probability(self) -> float:
        """Of any hemorrhage; 0 where there is no result."""
        return self.probabilities[Label.ANY.column] if self.probabilities else 0.0

    def called(self, model: ModelInfo | None, setting: str) -> tuple[Label, ...]:
        """Labels above their operating point for the scan, any first."""
        if model is None or not self.probabilities:
            return ()
        above = [one for one in DISPLAY_ORDER if self.probabilities[one.column] > model.threshold(setting, "scan", one)]
        return tuple(above)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is open and how it is shown. Never changed; replaced.

    Attributes:
        series: what was found, best first; current is the index of the one that is open, -1 for none.
        screened: studies by the UID of their first choice; empty where there is one study, or no model.
        arrival_order: studies are listed as they came, also where urgency would order them.
        left_out: what was found beside the series and cannot be opened.
        preview: its first slice to arrive, until the scan is complete.
        loading, predicting: (done, total) while it goes on, else None.
        loading_name: what is being read, in a few words.
        model: None while none is chosen or the chosen one is refused.
        brain: where the skull and its inside are, for what a heatmap looks at; there with the prediction.
        engine_note: which engine ran the model and why, a line each for those that were refused.
        refusal: why there is no prediction; empty while there is one or it is on its way.
        partial: results before the prediction is complete.
        revealed: the reader asked for the results of this scan, or saved an opinion on it.
        heatmap_label: None for all detected labels together.
        heatmap_kind: that the reader has chosen; kind says which one is shown.
        kinds_ready: of heatmaps beside the CNN's Grad-CAM, those that are computed.
        contours: heatmaps are lines and not colour.
        inside_only: heatmaps are drawn inside the skull only.
        layout: which pictures there are; enlarged: the number of the only one shown, None for all.
        pane_windows: of the three windows side by side.
        prior: another examination of the same patient, to be shown beside; prior_offset_mm: by which it is shifted
            upwards against the scan.
        cut: (row, column) of the stored slice at which the other planes cut it; None for the middle.
        slab_mm: thickness of what is shown as one slice by projection; 0 for the slice alone.
        turn: of the picture, after it was read; none for a new scan.
        cine: slices go on by themselves.
        tool: that the left button measures with; points: that it has so far, (row, column) of the stored slice.
        measurements: of this reader on this scan, by the number of the answer in the record; key_images: such numbers
            by slice index.
        peeking: the reader looks at the picture without heatmap while a key is held.
        probe: row and column of the pixel under the pointer.
        opinion: as it stands on the screen; saved_opinion: as it stands in the record, None where there is none.
        saved_at: when that was, for the screen.
        ratings: of this reader for this scan and model, by slice index, label and kind.
        reader: the pseudonym.
        repair: undo the wrap-around of files of the RSNA set; what is open was read so.
    """

    series: tuple[Series, ...] = ()
    current: int = -1
    left_out: tuple[LeftOut, ...] = ()
    screened: Mapping[str, Screened] = field(default_factory=dict)
    arrival_order: bool = False
    scan: Scan | None = None
    preview: Preview | None = None
    loading: tuple[int, int] | None = None
    loading_name: str = ""
    slice_index: int = 0
    window: Window = BRAIN
    network_view: bool = False
    inverted: bool = False
    overlay_text: bool = True
    model: ModelInfo | None = None
    setting: str = "screen"
    mode: Mode = Mode.SECOND_READER
    predicting: tuple[int, int] | None = None
    partial: Partial | None = None
    prediction: Prediction | None = None
    brain: BrainMask | None = None
    engine_note: str = ""
    refusal: str = ""
    revealed: bool = False
    heatmap_on: bool = True
    heatmap_label: Label | None = None
    heatmap_kind: Kind = Kind.CNN
    kinds_ready: frozenset[Kind] = frozenset()
    contours: bool = False
    inside_only: bool = False
    opacity: float = 0.5
    layout: Layout = Layout.ONE
    enlarged: int | None = None
    pane_windows: tuple[Window, ...] = (BRAIN, SUBDURAL, SOFT_TISSUE)
    prior: Scan | None = None
    prior_offset_mm: float = 0.0
    cut: tuple[int, int] | None = None
    slab_mm: float = 0.0
    projection: Projection = Projection.MEAN
    turn: Turn = field(default_factory=Turn)
    cine: bool = False
    tool: Tool | None = None
    points: tuple[tuple[float, float], ...] = ()
    measurements: Mapping[int, Measurement] = field(default_factory=dict)
    key_images: Mapping[int, int] = field(default_factory=dict)
    peeking: bool = False
    probe: tuple[int, int] | None = None
    opinion: Opinion = field(default_factory=Opinion)
    saved_opinion: Opinion | None = None
    saved_at: str = ""
    ratings: Mapping[tuple[int, Label, Kind], RatingValue] = field(default_factory=dict)
    reader: str = ""
    repair: bool = True

    @property
    def open_series(self) -> Series | None:
        """The one in the worklist that is open."""
        return self.series[self.current] if 0 <= self.current < len(self.series) else None

    @property
    def slice_count(self) -> int:
        """Of the scan; 0 until it is read."""
        return len(self.scan) if self.scan is not None else 0

    @property
    def one_window(self) -> Window | None:
        """The window of HU that slices are shown in; None where there are three side by side."""
        if self.layout is not Layout.WINDOWS:
            return self.window
        return None if self.enlarged is None else self.pane_windows[self.enlarged]

    @property
    def results_visible(self) -> bool:
        """Whether the reader may see what the model says about this scan."""
        return self.mode is Mode.TRIAGE or self.revealed

    @property
    def withheld(self) -> str:
        """Why no result of this scan may be shown, one sentence; empty where one may, or as far as is known."""
        if self.prediction is not None:
            return self.prediction.withheld
        return withheld_reason(self.scan.warnings) if self.scan is not None else ""

    @property
    def detected(self) -> tuple[Label, ...]:
        """Subtypes above their operating point for the scan; any alone where only it is above."""
        above = self.prediction.detected(self.setting) if self.prediction is not None else ()
        return tuple(label for label in above if label in SUBTYPES) or above

    @property
    def has_kinds(self) -> bool:
        """Whether a BiLSTM revises what the CNN says, so that a heatmap of the result is another one."""
        prediction = self.prediction
        return prediction is not None and prediction.model.sequence is not None and prediction.result is not None

    @property
    def kind(self) -> Kind:
        """Of the heatmaps that are shown: the chosen one where the model has it, else the CNN's."""
        return self.heatmap_kind if self.has_kinds or self.heatmap_kind in FURTHER else Kind.CNN

    @property
    def kind_ready(self) -> bool:
        """Whether the heatmaps of this kind are there."""
        return self.kind is Kind.CNN or self.kind in self.kinds_ready

    @property
    def heatmap_labels(self) -> tuple[Label, ...]:
        """Labels whose heatmap is on the screen now.

        What has a scale of the scan's own is as bright for a label that is absent: it is shown of detected ones only.
        """
        if self.prediction is None or not (self.results_visible and self.heatmap_on) or self.peeking:
            return ()
        if self.network_view or self.withheld or not self.kind_ready:
            return ()
        if self.heatmap_label is None:
            return self.detected
        absent = self.kind is not Kind.CNN and self.heatmap_label not in self.prediction.detected(self.setting)
        return () if absent else (self.heatmap_label,)


class Session(QObject):
    """Holds the one Shown value."""

    changed = Signal(object, object)
    """The new and the old Shown."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.shown = Shown()

    def show(self, **changes: Any) -> None:
        """Replace the named parts; say so once, and only if something differs."""
        self.become(replace(self.shown, **changes))

    def become(self, shown: Shown) -> None:
        """Replace the whole value; say so once, and only if something differs."""
        old, self.shown = self.shown, shown
        if shown != old:
            self.changed.emit(shown, old)


def preview_arrived(shown: Shown, current: int, preview: Preview) -> Shown:
    """Show the first slice of another scan; everything about the one before is forgotten, how scans are shown stays."""
    return replace(
        without_prediction(shown),
        current=current,
        scan=None,
        preview=preview,
        slice_index=preview.slice_index,
        revealed=False,
        heatmap_label=None,
        layout=Layout.ONE if shown.layout is Layout.PRIOR else shown.layout,
        prior=None,
        prior_offset_mm=0.0,
        cut=None,
        turn=Turn(),
        cine=False,
        tool=None,
        points=(),
        measurements={},
        key_images={},
        peeking=False,
        probe=None,
        opinion=Opinion(),
        saved_opinion=None,
        saved_at="",
    )


def scan_loaded(shown: Shown, scan: Scan) -> Shown:
    """Show the whole scan, at the slice that is on the screen already.

    That slice is found by its UID: where one below it could not be read, its index is another than was planned.
    """
    seen = shown.preview.scan.slice_uids[0] if shown.preview and shown.slice_index == shown.preview.slice_index else ""
    index = scan.slice_uids.index(seen) if seen in scan.slice_uids else min(max(shown.slice_index, 0), len(scan) - 1)
    return replace(shown, scan=scan, preview=None, loading=None, slice_index=index)


def without_prediction(shown: Shown) -> Shown:
    """Forget what the model said."""
    return replace(
        shown,
        prediction=None,
        brain=None,
        partial=None,
        predicting=None,
        refusal="",
        ratings={},
        kinds_ready=frozenset(),
    )


def slab_arrived(shown: Shown, result: SlabResult) -> Shown:
    """Add the CNN's probabilities of some slices to what has come so far."""
    if shown.scan is None:
        return shown
    if shown.partial is None:
        probabilities = np.full((len(shown.scan), len(LABELS)), np.nan, np.float32)
    else:
        probabilities = shown.partial.probabilities.copy()
    probabilities[result.slices.start : result.slices.stop] = result.cnn
    return replace(shown, partial=Partial(probabilities))


def predicted(shown: Shown, prediction: Prediction, brain: BrainMask | None = None) -> Shown:
    """Put the whole prediction in the place of what came before."""
    return replace(
        shown, prediction=prediction, brain=brain, partial=None, predicting=None, refusal="", kinds_ready=frozenset()
    )
