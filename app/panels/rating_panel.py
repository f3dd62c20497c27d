"""Correct / partially correct / incorrect for the heatmap on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.panels.parts import add_keys, button, heading, named, note, set_tone
from ihd_core.study.rating import RatingValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ihd_core.labels import Label

_BUTTONS = {
    RatingValue.CORRECT: "Correct",
    RatingValue.PARTIALLY_CORRECT: "Partially",
    RatingValue.INCORRECT: "Incorrect",
}


@dataclass(frozen=True, slots=True)
class RatingView:
    """What can be rated now.

    Attributes:
        label: the one label whose heatmap is on the screen; None while several are, or none.
        slice_index: 0 is the most inferior slice; the screen counts from 1.
        value: what this reader has recorded for this slice and label.
        enabled: a heatmap is on the screen and can be rated.
        counts: ratings recorded in this scan, by value.
        hint: why nothing can be rated, where the panel does not know better.
    """

    label: Label | None = None
    slice_index: int = 0
    value: RatingValue | None = None
    enabled: bool = False
    counts: Mapping[RatingValue, int] | None = None
    hint: str = ""


class RatingPanel(QWidget):
    """Three buttons, what they rate, and what is rated so far.

    Signals:
        rated(RatingValue): the reader rated the heatmap on the screen.
    """

    rated = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "rating_panel", "Heatmap rating")
        self._enabled = False
        self._target = QLabel()
        self._target.setObjectName("rating_target")
        self._buttons = {
            value: button(text, f"rating_{value.name.lower()}", f"Heatmap is {value}", checkable=True)
            for value, text in _BUTTONS.items()
        }
        self._counts = note("rating_counts")
        top = QHBoxLayout()
        top.addWidget(heading("Heatmap rating"))
        top.addStretch()
        top.addWidget(self._target)
        row = QHBoxLayout()
        row.setSpacing(4)
        for value, made in self._buttons.items():
            made.setToolTip(f"{value.capitalize()}: {value.definition}")
            made.clicked.connect(lambda _checked, value=value: self.rate(value))
            row.addWidget(made, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addLayout(row)
        layout.addWidget(self._counts)
        self.show_rating(RatingView())

    def show_rating(self, view: RatingView) -> None:
        """Show what can be rated and what is recorded."""
        self._view = view
        self._enabled = view.enabled and view.label is not None
        self._target.setText(f"{view.label.short_name}, slice {view.slice_index + 1}" if view.label else "")
        for value, made in self._buttons.items():
            made.setEnabled(self._enabled)
            made.setChecked(self._enabled and value is view.value)
        self._counts.setText(_hint(view) if not self._enabled else _progress(view))
        set_tone(self._counts, "done" if self._enabled and view.value else "")

    def show_keys(self, keys: Mapping[str, str]) -> None:
        """Name the keys in the tool tips and on the buttons, such as {"rating_correct": "A"}."""
        add_keys(self, keys)
        for value, made in self._buttons.items():
            key = keys.get(made.objectName())
            if key:
                made.setText(f"{_BUTTONS[value]}  {key}")

    def rate(self, value: RatingValue) -> None:
        """Rate the heatmap on the screen, as the button does; nothing happens where nothing can be rated."""
        if self._enabled:
            self.rated.emit(value)
        self.show_rating(self._view)


def _hint(view: RatingView) -> str:
    if view.hint:
        return view.hint
    return "Choose one label to rate its heatmap." if view.label is None else "No heatmap on the screen."


def _progress(view: RatingView) -> str:
    """One short line, because the panel below it must stay on a small screen."""
    if not view.value:
        return "Not rated yet."
    counts = view.counts or {}
    done = ", ".join(f"{counts[value]} {value.split()[0]}" for value in RatingValue if counts.get(value))
    return f"Recorded. Scan: {done}." if done else "Recorded."
