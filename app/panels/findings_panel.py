"""Scan-level probabilities, CNN beside CNN + BiLSTM where there is one, with the model's name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.panels.parts import QuietComboBox, add_keys, button, heading, named, note, set_tone
from ihd_core.labels import DISPLAY_ORDER, SUBTYPES, Label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtGui import QPaintEvent

    from ihd_core.model_file import ModelInfo
    from ihd_core.predict import Prediction

SETTINGS = {
    "screen": "Screen (sensitive)",
    "confirm": "Confirm (specific)",
    "paper": "Paper (p > 0.5)",
}
NOTHING = "Nothing above the operating points. This does not exclude hemorrhage"

WITHHELD = "NO RESULT FOR THIS SCAN"
NOT_LOOKED_FOR = "Not looked for: fracture, infarct, mass, shift"


class FindingsState(StrEnum):
    """How far the second opinion is."""

    EMPTY = "empty"
    LOADING = "loading"
    RUNNING = "running"
    READY = "ready"
    NOT_ANALYSED = "not analysed"


@dataclass(frozen=True, slots=True)
class FindingsView:
    """What is known about the open scan.

    Attributes:
        state: a FindingsState.
        prediction: None until the model is through.
        setting: which operating points count: "screen", "confirm" or "paper".
        hidden: the reader gives an opinion first; nothing of the prediction is shown.
        progress: slices done and all slices, while loading or running.
        model: None while no model is loaded.
        slice_index: the slice on the screen, 0 is the most inferior; the screen counts from 1.
        reason: why the scan was not analysed, one sentence.
    """

    state: str = FindingsState.EMPTY
    prediction: Prediction | None = None
    setting: str = "screen"
    hidden: bool = False
    progress: tuple[int, int] | None = None
    model: ModelInfo | None = None
    slice_index: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Headline:
    """The first line of the panel, to be read from two metres.

    Attributes:
        text: a word or three.
        detail: the line below it.
        tone: of the style sheet: "", "alert", "calm", "busy" or "problem".
    """

    text: str
    detail: str = ""
    tone: str = ""


def headline(view: FindingsView) -> Headline:
    """Say in two lines what the second opinion is; never that a scan is free of hemorrhage."""
    steps = f"{view.progress[0]} / {view.progress[1]}" if view.progress else ""
    if view.state == FindingsState.LOADING:
        return Headline(f"Reading {steps}".rstrip(), "Slices are read from the files.", "busy")
    if view.state == FindingsState.NOT_ANALYSED:
        return Headline("NOT ANALYSED", view.reason, "problem")
    if view.hidden and view.state in (FindingsState.RUNNING, FindingsState.READY):
        running = f" Analysing {steps}.".replace(" .", ".") if view.state == FindingsState.RUNNING else ""
        return Headline("Hidden until your opinion", f"Save your opinion, or show the AI now.{running}", "busy")
    if view.state == FindingsState.RUNNING:
        return Headline(f"Analysing {steps}".rstrip(), "No result yet.", "busy")
    if view.state == FindingsState.READY and view.prediction is not None:
        return _result(view.prediction, view.setting)
    return Headline("No scan open" if view.state == FindingsState.EMPTY else "No result yet")


def flagged_slices(prediction: Prediction, setting: str, labels: tuple[Label, ...]) -> tuple[int, ...]:
    """Slices on which one of these labels is above its operating point for slices, inferior first, from 0."""
    found: set[int] = set()
    for label in labels:
        threshold = prediction.model.threshold(setting, "slice", label)
        found |= {index for index, value in enumerate(prediction.of(label)) if value > threshold}
    return tuple(sorted(found))


def ranges(indices: tuple[int, ...]) -> str:
    """Write slices as the screen counts them, from 1: (13, 14, 15, 20) becomes "14–16, 21"."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return ", ".join(f"{run[0] + 1}–{run[-1] + 1}" if len(run) > 1 else f"{run[0] + 1}" for run in runs)


def _result(prediction: Prediction, setting: str) -> Headline:
    if prediction.withheld:
        return Headline(WITHHELD, prediction.withheld, "problem")
    labels = prediction.detected(setting)
    if not labels:
        return Headline(NOTHING, tone="calm")
    subtypes = tuple(label for label in labels if label in SUBTYPES)
    names = " + ".join(label.short_name for label in subtypes) if len(subtypes) > 1 else ""
    text = names or (subtypes[0].value.capitalize() if subtypes else "type not clear")
    slices = flagged_slices(prediction, setting, subtypes or labels)
    if slices:
        where = f"{'Slice' if len(slices) == 1 else 'Slices'} {ranges(slices)}"
    else:
        where = f"No single slice is above its operating point; highest on slice {_peak(prediction, labels[0]) + 1}"
    return Headline(f"FLAGGED: {text}", where, "alert")


def _peak(prediction: Prediction, label: Label) -> int:
    return int(prediction.most_suspicious(label))


@dataclass(frozen=True, slots=True)
class _Row:
    name: QLabel
    bar: ProbabilityBar
    both: QLabel
    cnn: QLabel
    peak: QPushButton


class FindingsPanel(QWidget):
    """What the model thinks of the scan, or that it is hidden, running or impossible.

    Signals:
        show_ai_pressed(): the reader wants to see the result before giving an opinion.
        slice_chosen(int): slice_index to go to.
        setting_chosen(str): "screen", "confirm" or "paper".
    """

    show_ai_pressed = Signal()
    slice_chosen = Signal(int)
    setting_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "findings_panel", "Second opinion")
        self._headline = QLabel()
        self._headline.setWordWrap(True)
        self._headline.setProperty("role", "headline")
        self._headline.setObjectName("findings_headline")
        self._detail = note("findings_detail")
        self._show_ai = button("Show AI", "show_ai", "Show the AI result now")
        self._show_ai.setProperty("role", "primary")
        self._show_ai.clicked.connect(self.show_ai_pressed)
        self._setting = QuietComboBox("findings_setting", "Operating points")
        for setting, text in SETTINGS.items():
            self._setting.addItem(text, setting)
        self._setting.activated.connect(lambda row: self.setting_chosen.emit(self._setting.itemData(row)))
        self._table = QWidget()
        self._table.setObjectName("findings_table")
        self._grid = QGridLayout(self._table)
        self._titles: dict[int, QLabel] = {}
        self._rows = {label: self._add_row(number, label) for number, label in enumerate(DISPLAY_ORDER, start=1)}
        self._prediction: Prediction | None = None
        self._model = note("findings_model")
        self._model.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._scope = note("findings_scope", NOT_LOOKED_FOR)
        self._use = note("findings_intended_use")
        set_tone(self._use, "alert")
        self._place()
        self.show_findings(FindingsView())

    def _place(self) -> None:
        top = QHBoxLayout()
        top.addWidget(heading("Second opinion"))
        top.addStretch()
        top.addWidget(self._setting)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(6)
        self._grid.setVerticalSpacing(1)
        self._grid.setColumnStretch(1, 1)
        titles = {
            2: ("CNN +\nBiLSTM", "The scan's probability; this one is compared with the operating point"),
            3: ("CNN", "The CNN alone, for comparison"),
            4: ("Peak", "The most suspicious slice; click to go there"),
        }
        for column, (text, about) in titles.items():
            title = note(f"findings_title_{column}", text)
            title.setWordWrap(False)
            title.setToolTip(about)
            title.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom)
            self._titles[column] = title
            self._grid.addWidget(title, 0, column)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(3)
        layout.addLayout(top)
        for widget in (self._headline, self._detail, self._show_ai, self._table, self._scope, self._model, self._use):
            layout.addWidget(widget)

    def _add_row(self, number: int, label: Label) -> _Row:
        name = label.short_name
        row = _Row(
            QLabel(name),
            ProbabilityBar(),
            QLabel(),
            QLabel(),
            button("", f"findings_peak_{label}", f"Go to the most suspicious slice for {label}"),
        )
        row.name.setToolTip(label.value.capitalize())
        named(row.bar, f"findings_bar_{label}", f"{name}: probability")
        row.both.setObjectName(f"findings_scan_{label}")
        row.cnn.setObjectName(f"findings_cnn_{label}")
        row.cnn.setProperty("role", "note")
        row.peak.setProperty("role", "link")
        row.peak.clicked.connect(lambda: self._on_peak(label))
        for column, widget in enumerate((row.name, row.bar, row.both, row.cnn, row.peak)):
            self._grid.addWidget(widget, number, column)
            if column > 1 and isinstance(widget, QLabel):
                widget.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return row

    def show_findings(self, view: FindingsView) -> None:
        """Show the second opinion as far as it is there and may be seen."""
        line = headline(view)
        self._headline.setText(line.text)
        self._detail.setText(line.detail)
        self._detail.setVisible(bool(line.detail))
        set_tone(self._headline, line.tone)
        set_tone(self._detail, "strong" if line.tone in ("alert", "calm") else "")
        waiting = view.state in (FindingsState.RUNNING, FindingsState.READY)
        self._show_ai.setVisible(view.hidden and waiting)
        self._setting.setCurrentIndex(max(self._setting.findData(view.setting), 0))
        shown = view.prediction if view.state == FindingsState.READY and not view.hidden else None
        if shown is not None and shown.withheld:
            shown = None
        self._prediction = shown
        self._table.setVisible(shown is not None)
        self._scope.setVisible(shown is not None)
        if shown is not None:
            self._name_columns(shown.model)
        for label, row in self._rows.items():
            _show_row(row, label, shown, view)
        self._model.setText(f"{view.model.name} · {view.model.sha256[:12]}" if view.model else "No model loaded")
        self._use.setText(view.model.intended_use if view.model else "")
        self._use.setVisible(bool(self._use.text()))

    def _name_columns(self, model: ModelInfo) -> None:
        """Say whose probabilities these are; a CNN that has the last word is not shown twice."""
        self._titles[2].setText(model.reading.replace("+ ", "+\n"))
        for widget in (self._titles[3], *(row.cnn for row in self._rows.values())):
            widget.setVisible(model.sequence is not None)

    def show_keys(self, keys: Mapping[str, str]) -> None:
        """Name the keys in the tool tips and on the button, such as {"show_ai": "F9"}."""
        add_keys(self, keys)
        if "show_ai" in keys:
            self._show_ai.setText(f"Show AI  {keys['show_ai']}")

    def _on_peak(self, label: Label) -> None:
        if self._prediction is not None:
            self.slice_chosen.emit(_peak(self._prediction, label))


def _show_row(row: _Row, label: Label, prediction: Prediction | None, view: FindingsView) -> None:
    if prediction is None:
        row.bar.show_probability(0, 1)
        _describe(row.bar, "")
        for text in (row.both, row.cnn, row.peak):
            text.setText("")
        set_tone(row.name, "")
        set_tone(row.both, "")
        return
    probability = float(prediction.scan[label.column])
    threshold = prediction.model.threshold(view.setting, "scan", label)
    peak = _peak(prediction, label)
    above = "is above" if probability > threshold else "is not above"
    row.bar.show_probability(probability, threshold)
    _describe(row.bar, f"{probability:.3f} {above} the operating point {threshold:.3f}")
    row.name.setToolTip(f"{label.value.capitalize()}: {measured(prediction.model, view.setting, label)}")
    row.both.setText(f"{probability:.2f}")
    row.cnn.setText(f"{float(prediction.cnn_scan[label.column]):.2f}")
    row.peak.setText(f"{peak + 1}")
    row.peak.setEnabled(peak != view.slice_index)
    for text in (row.name, row.both):
        set_tone(text, "alert" if probability > threshold else "")


def measured(model: ModelInfo, setting: str, label: Label) -> str:
    """How often an operating point for scans was right when it was measured, with intervals."""
    point = model.operating_points[setting]["scan"][label]
    shares = (
        ("sensitivity", point.sensitivity, point.positives, "with"),
        ("specificity", point.specificity, point.negatives, "without"),
    )
    said = [
        f"{name} {found.value:.2f} ({found.low:.2f} to {found.high:.2f}, {count} scans {having})"
        for name, found, count, having in shares
        if found is not None
    ]
    where = "on synthetic heads" if model.demonstration else "on held-out scans"
    return f"{', '.join(said)} {where}" if said else "sensitivity not measured at this operating point"


def _describe(bar: ProbabilityBar, text: str) -> None:
    bar.setToolTip(text)
    bar.setAccessibleDescription(text)


class ProbabilityBar(QWidget):
    """A probability as a bar from 0 to 1 with a mark at the operating point."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._probability, self._threshold = 0.0, 1.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_probability(self, probability: float, threshold: float) -> None:
        """Both 0..1."""
        if (probability, threshold) != (self._probability, self._threshold):
            self._probability, self._threshold = probability, threshold
            self.update()

    def sizeHint(self) -> QSize:
        """Flat, and as wide as there is room."""
        return QSize(90, 14)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the bar."""
        painter = QPainter(self)
        width, height = self.width(), self.height()
        above = self._probability > self._threshold
        painter.fillRect(QRectF(0, 2, width, height - 4), QColor("#2b3138"))
        painter.fillRect(QRectF(0, 2, width * self._probability, height - 4), QColor("#ffb454" if above else "#6d7f90"))
        painter.fillRect(QRectF(min(width * self._threshold, width - 2), 0, 2, height), QColor("#e8ecef"))
        painter.end()
