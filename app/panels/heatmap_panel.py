"""Which labels are overlaid, of what reading, and how strongly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.panels.parts import QuietSlider, add_keys, button, heading, named, note
from ihd_core.heatmaps.explain import Kind
from ihd_core.labels import DISPLAY_ORDER, Label

if TYPE_CHECKING:
    from collections.abc import Mapping

    Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class HeatmapView:
    """How heatmaps are shown.

    Attributes:
        on: heatmaps are drawn.
        label: the only one drawn; None for all detected labels together.
        opacity: 0..1.
        available: there is a prediction that may be shown.
        colours: red, green and blue 0..255 of every label, for the legend.
        note: how coarse the map is, such as "One cell of the map is 28 x 28 mm."
        kind: of the heatmaps; None where there is but one.
        comparing: two kinds are side by side.
        contours: lines instead of colour.
    """

    on: bool = False
    label: Label | None = None
    opacity: float = 0.5
    available: bool = False
    colours: Mapping[Label, Colour] = field(default_factory=dict)
    note: str = ""
    kind: Kind | None = None
    comparing: bool = False
    contours: bool = False


_KINDS = {
    Kind.CNN: ("CNN", "What the CNN's own reading of the slice rests on"),
    Kind.RESULT_SLICE: ("Slice result", "What the slice's result rests on, after the BiLSTM"),
    Kind.RESULT_SCAN: ("Scan result", "What the scan's result rests on"),
}


class HeatmapPanel(QWidget):
    """Heatmap on or off, of one label or of all together, and its opacity.

    Signals:
        toggled(bool): heatmaps are wanted, or not.
        label_chosen(Label | None): None for all detected labels together.
        opacity_chosen(float): 0..1.
        kind_chosen(Kind): of the heatmaps.
        comparing_chosen(bool): two kinds side by side, or one.
        contours_chosen(bool): lines, or colour.
    """

    toggled = Signal(bool)
    label_chosen = Signal(object)
    opacity_chosen = Signal(float)
    kind_chosen = Signal(object)
    comparing_chosen = Signal(bool)
    contours_chosen = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "heatmap_panel", "Heatmap")
        self._view = HeatmapView()
        self._on = button("Show", "heatmap_on", "Show heatmaps", checkable=True)
        self._on.clicked.connect(self._on_toggled)
        self._opacity = QuietSlider(0, 100, "heatmap_opacity", "Heatmap opacity, percent")
        self._opacity.valueChanged.connect(lambda percent: self.opacity_chosen.emit(percent / 100))
        self._percent = QLabel()
        self._percent.setObjectName("heatmap_percent")
        self._percent.setMinimumWidth(34)
        self._contours = button("Lines", "heatmap_contours", "Heatmap as contours", checkable=True)
        self._contours.clicked.connect(lambda on: self.contours_chosen.emit(on))
        self._note = note("heatmap_note")
        self._labels: dict[Label | None, QPushButton] = {}
        group = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(2)
        for label in (None, *DISPLAY_ORDER):
            made = self._labels[label] = self._label_button(label)
            group.addButton(made)
            row.addWidget(made, 1)
        top = QHBoxLayout()
        top.addWidget(heading("Heatmap"))
        top.addWidget(self._on)
        top.addWidget(self._opacity, 1)
        top.addWidget(self._percent)
        top.addWidget(self._contours)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addLayout(row)
        layout.addWidget(self._kind_row())
        layout.addWidget(self._note)
        self.show_heatmap(HeatmapView())

    def _kind_row(self) -> QWidget:
        """Whose evidence is shown; there only where a BiLSTM makes a difference."""
        self._of = QWidget()
        row = QHBoxLayout(self._of)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        group = self._kind_group = QButtonGroup(self)
        self._kinds: dict[Kind, QPushButton] = {}
        for kind, (text, about) in _KINDS.items():
            made = self._kinds[kind] = button(text, f"heatmap_{kind.name.lower()}", about, checkable=True)
            made.setToolTip(about)
            made.setProperty("role", "segment")
            made.clicked.connect(lambda _checked=False, kind=kind: self.kind_chosen.emit(kind))
            group.addButton(made)
            row.addWidget(made, 1)
        about = "The CNN's heatmap beside that of the result"
        self._comparing = button("Side by side", "heatmap_comparing", about, checkable=True)
        self._comparing.setToolTip(about)
        self._comparing.setProperty("role", "segment")
        self._comparing.clicked.connect(lambda on: self.comparing_chosen.emit(on))
        row.addWidget(self._comparing, 1)
        return self._of

    def _label_button(self, label: Label | None) -> QPushButton:
        name = "joint" if label is None else label.value
        text = "All" if label is None else label.short_name
        about = "All detected labels together" if label is None else f"Only {label.value}"
        made = button(text, f"heatmap_{name}", about, checkable=True)
        made.setToolTip(about)
        made.setProperty("role", "segment")
        made.clicked.connect(lambda: self.label_chosen.emit(label))
        return made

    def show_heatmap(self, view: HeatmapView) -> None:
        """Show how heatmaps are drawn."""
        if view.colours != self._view.colours:
            for label, made in self._labels.items():
                if label is not None and label in view.colours:
                    made.setIcon(_swatch(view.colours[label]))
        self._view = view
        self._on.setChecked(view.on and view.available)
        self._labels[view.label].setChecked(True)
        blocked = self._opacity.blockSignals(True)
        self._opacity.setValue(round(100 * view.opacity))
        self._opacity.blockSignals(blocked)
        self._percent.setText(f"{round(100 * view.opacity)} %")
        self._contours.setChecked(view.contours)
        self._of.setVisible(view.available and view.kind is not None)
        self._kind_group.setExclusive(False)  # of another method none is pressed
        for kind, made in self._kinds.items():
            made.setChecked(kind is view.kind)
        self._kind_group.setExclusive(True)
        self._comparing.setChecked(view.comparing)
        for widget in (self._on, self._opacity, self._contours, *self._labels.values()):
            widget.setEnabled(view.available)
        self._note.setText(view.note if view.available else "")
        self._note.setVisible(bool(self._note.text()))

    def show_keys(self, keys: Mapping[str, str]) -> None:
        """Name the keys in the tool tips, such as {"heatmap_on": "G", "heatmap_joint": "Alt+0"}."""
        add_keys(self, keys)

    def _on_toggled(self, wanted: bool) -> None:
        self.toggled.emit(wanted)


def _swatch(colour: Colour) -> QIcon:
    picture = QPixmap(10, 10)
    picture.fill(QColor(*colour))
    return QIcon(picture)
