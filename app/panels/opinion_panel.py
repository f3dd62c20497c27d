"""The reader's own six labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.panels.parts import QuietSlider, add_keys, button, heading, named, note, plain_label, set_tone
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.study.opinion import (
    LOWEST_YES,
    Call,
    Opinion,
    contradictions,
    problems,
    with_call,
    with_comment,
    with_next_call,
    with_rest_no,
    with_suspicion,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class _Row:
    name: QLabel
    no: QPushButton
    yes: QPushButton
    slider: QuietSlider
    number: QLabel


class OpinionPanel(QWidget):
    """Yes or no and a suspicion for every label, a comment, and the button that saves them.

    Signals:
        opinion_changed(Opinion): the reader changed something; nothing is saved yet.
        save_pressed(): the opinion shown is to be recorded. Never sent while it contradicts itself, is empty or is
            recorded already.
    """

    opinion_changed = Signal(object)
    save_pressed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "opinion_panel", "Your opinion")
        self._opinion = Opinion()
        self._saved = False
        self._before_drag: Opinion | None = None
        self._touched = Label.ANY
        self._reader = plain_label()
        self._reader.setObjectName("opinion_reader")
        self._rows: dict[Label, _Row] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(3, 1)
        for number, label in enumerate(DISPLAY_ORDER):
            self._add_row(grid, number, label)
        self._comment = QLineEdit()
        self._comment.setPlaceholderText("Comment")
        self._comment.setMaxLength(2000)
        named(self._comment, "opinion_comment", "Comment")
        self._problems = note("opinion_problems")
        self._state = note("opinion_state")
        self._rest = button("Rest no", "opinion_rest_no", "Answer no for every label that is not answered")
        self._save = button("Save opinion", "opinion_save", "Save opinion")
        self._save.setProperty("role", "primary")
        self._place(grid)
        self._comment.textEdited.connect(lambda text: self._change(with_comment(self._opinion, text)))
        self._comment.returnPressed.connect(self._comment.clearFocus)
        self._rest.clicked.connect(self.answer_rest_no)
        self._save.clicked.connect(self.save)
        self.show_opinion(Opinion(), False, "")

    def _place(self, grid: QGridLayout) -> None:
        top = QHBoxLayout()
        top.addWidget(heading("Your opinion"))
        top.addStretch()
        top.addWidget(self._reader)
        bottom = QHBoxLayout()
        bottom.addWidget(self._state, 1)
        bottom.addWidget(self._rest)
        bottom.addWidget(self._save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addLayout(grid)
        layout.addWidget(self._comment)
        layout.addWidget(self._problems)
        layout.addLayout(bottom)

    def _add_row(self, grid: QGridLayout, number: int, label: Label) -> None:
        name = label.short_name
        row = _Row(
            QLabel(name),
            button("No", f"opinion_no_{label}", f"{name}: no", checkable=True),
            button("Yes", f"opinion_yes_{label}", f"{name}: yes", checkable=True),
            QuietSlider(0, 100, f"opinion_suspicion_{label}", f"{name}: suspicion, 0 to 100"),
            QLabel(),
        )
        row.name.setToolTip(label.value.capitalize())
        set_tone(row.name, "untouched")
        row.slider.setToolTip(f"Suspicion; {LOWEST_YES} and more is a yes")
        row.number.setObjectName(f"opinion_number_{label}")
        row.number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row.number.setMinimumWidth(26)
        for column, widget in enumerate((row.name, row.no, row.yes, row.slider, row.number)):
            grid.addWidget(widget, number, column)
        row.no.clicked.connect(lambda: self._touch(label, with_call(self._opinion, label, False)))
        row.yes.clicked.connect(lambda: self._touch(label, with_call(self._opinion, label, True)))
        row.slider.sliderPressed.connect(self._on_drag_started)
        row.slider.valueChanged.connect(lambda value: self._on_suspicion(label, value))
        row.slider.sliderReleased.connect(lambda: self._on_drag_ended(label))
        self._rows[label] = row

    def show_opinion(self, opinion: Opinion, saved: bool, reader: str, saved_at: str = "") -> None:
        """Show an opinion.

        Args:
            opinion: what the reader has answered so far.
            saved: exactly this opinion is recorded on disk.
            reader: the pseudonym; empty while none is chosen.
            saved_at: when it was recorded, as the reader should see it, such as "14:32".
        """
        self._opinion = opinion
        self._reader.setText(reader)
        for label, row in self._rows.items():
            self._show_call(row, opinion.calls[label], touched=label is self._touched)
        if self._comment.text() != opinion.comment:
            self._comment.setText(opinion.comment)
        self._problems.setText(" ".join(problems(opinion)) if opinion.answered else "")
        self._problems.setVisible(bool(self._problems.text()))
        set_tone(self._problems, "problem" if contradictions(opinion) else "")
        begun = bool(opinion.answered or opinion.comment)
        self._state.setText(f"Saved {saved_at}".strip() if saved else ("Not saved" if begun else ""))
        set_tone(self._state, "done" if saved else "busy")
        self._rest.setEnabled(len(opinion.answered) < len(DISPLAY_ORDER))
        self._saved = saved
        self._save.setEnabled(self._may_be_saved())

    def show_keys(self, keys: Mapping[str, str]) -> None:
        """Name the keys in the tool tips: object name of a widget to key, such as {"opinion_save": "Ctrl+Return"}."""
        add_keys(self, keys)

    def toggle_call(self, label: Label) -> None:
        """Go to the next call of a label: unanswered, yes, no, yes..."""
        self._touch(label, with_next_call(self._opinion, label))

    def change_suspicion(self, delta: int) -> None:
        """Make the label that was answered last more or less suspicious; one without answer starts from 50."""
        old = self._opinion.calls[self._touched].suspicion
        start = LOWEST_YES if old is None else old
        self._touch(self._touched, with_suspicion(self._opinion, self._touched, start + delta))

    def answer_rest_no(self) -> None:
        """Answer no for every label that is not answered."""
        self._change(with_rest_no(self._opinion))

    def save(self) -> None:
        """Ask for the opinion to be recorded, unless it is empty, recorded already or contradicts itself."""
        if self._may_be_saved():
            self.save_pressed.emit()

    def start_over(self) -> None:
        """Forget which label was answered last; call it when another scan is shown."""
        self._touched = Label.ANY
        self._before_drag = None

    @property
    def touched(self) -> Label:
        """The label that change_suspicion() acts on."""
        return self._touched

    def _may_be_saved(self) -> bool:
        begun = bool(self._opinion.answered or self._opinion.comment.strip())
        return begun and not self._saved and not contradictions(self._opinion)

    def _show_call(self, row: _Row, call: Call, *, touched: bool) -> None:
        row.no.setChecked(call.call is False)
        row.yes.setChecked(call.call is True)
        blocked = row.slider.blockSignals(True)
        row.slider.setValue(LOWEST_YES if call.suspicion is None else call.suspicion)
        row.slider.blockSignals(blocked)
        set_tone(row.slider, "unset" if call.suspicion is None else ("alert" if call.call else "calm"))
        row.number.setText("–" if call.suspicion is None else str(call.suspicion))
        set_tone(row.name, "touched" if touched else "untouched")

    def _touch(self, label: Label, opinion: Opinion) -> None:
        self._touched = label
        self._change(opinion)

    def _change(self, opinion: Opinion) -> None:
        changed = opinion != self._opinion
        self.show_opinion(opinion, False, self._reader.text()) if changed else self._refresh()
        if changed:
            self.opinion_changed.emit(opinion)

    def _refresh(self) -> None:
        for label, row in self._rows.items():
            self._show_call(row, self._opinion.calls[label], touched=label is self._touched)

    def _on_drag_started(self) -> None:
        self._before_drag = self._opinion

    def _on_suspicion(self, label: Label, value: int) -> None:
        # While the handle moves, Any follows the value where it ends, not the highest one on the way.
        self._touch(label, with_suspicion(self._before_drag or self._opinion, label, value))

    def _on_drag_ended(self, label: Label) -> None:
        if self._opinion.calls[label].suspicion is None:  # clicked where the handle was
            self._on_suspicion(label, self._rows[label].slider.value())
        self._before_drag = None
