"""Where the panels are in the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.commands import COMMANDS, key_text
from app.error_dialog import Notice
from app.panels.findings_panel import FindingsPanel
from app.panels.heatmap_panel import HeatmapPanel
from app.panels.left_out_list import LeftOutList
from app.panels.notes_panel import NotesPanel
from app.panels.opinion_panel import OpinionPanel
from app.panels.parts import button, named, plain_label
from app.panels.rating_panel import RatingPanel
from app.panels.slice_strip import SliceStrip
from app.panels.view_grid import ViewGrid
from app.panels.window_bar import WindowBar
from app.panels.worklist import Worklist
from ihd_core.heatmaps.explain import OWN
from ihd_core.labels import DISPLAY_ORDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QWheelEvent

    from app.commands import Command
    from app.panels.slice_view import SliceView

LEFT_WIDTH, RIGHT_WIDTH = 288, 346
NOTES_SHARE, LEFT_OUT_SHARE = 0.45, 0.2
"""Of the left column's height, at most; the worklist has the rest."""

_WIDGET_KEYS = {
    "show_ai": "show_ai",
    "heatmap_on": "toggle_heatmap",
    "heatmap_joint": "heatmap_all",
    "heatmap_contours": "toggle_contours",
    "heatmap_comparing": "toggle_comparing",
    **{f"heatmap_{kind.name.lower()}": "next_kind" for kind in OWN},
    "opinion_save": "save_opinion",
    "opinion_rest_no": "rest_no",
    "opinion_comment": "comment",
    "rating_correct": "rate_correct",
    "rating_partially_correct": "rate_partially_correct",
    "rating_incorrect": "rate_incorrect",
    **{f"heatmap_{label}": f"heatmap_{label}" for label in DISPLAY_ORDER},
    **{f"opinion_yes_{label}": f"call_{label}" for label in DISPLAY_ORDER},
}
"""Object name of a button to the command whose key its tool tip names."""


class SliceSlider(QSlider):
    """The slices as a slider at the picture's edge: first slice at the top, as Down goes on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        named(self, "slice_slider", "Slice")
        self.setInvertedAppearance(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def show_slice(self, slice_index: int, slice_count: int, ends: tuple[str, str] | None = None) -> None:
        """Put the handle where the slice is, and say where the first and the last one lie; nothing is emitted."""
        self.setToolTip(f"Slice 1, {ends[0]}, is at the top, slice {slice_count}, {ends[1]}, below" if ends else "")
        blocked = self.blockSignals(True)
        self.setEnabled(slice_count > 1)
        self.setRange(0, max(slice_count - 1, 0))
        self.setValue(slice_index)
        self.blockSignals(blocked)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the picture."""
        event.ignore()


class _Column(QWidget):
    """Panels with lines that wrap; never lower than they need, so that the area around it scrolls instead."""

    def event(self, event: QEvent) -> bool:
        """Measure again when a panel has changed."""
        handled = super().event(event)
        layout = self.layout()
        if event.type() == QEvent.Type.LayoutRequest and layout is not None:
            self.setMinimumHeight(layout.totalHeightForWidth(self.width()))
        return handled


class _Side(QWidget):
    """The left column: notes and what was left out are as high as their text, up to a share of it."""

    def event(self, event: QEvent) -> bool:
        """Share the height again when the window or a list has changed."""
        handled = super().event(event)
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize):
            notes, left_out = self.findChild(NotesPanel), self.findChild(LeftOutList)
            if notes is not None and left_out is not None:
                for panel, share in ((notes, NOTES_SHARE), (left_out, LEFT_OUT_SHARE)):
                    panel.setFixedHeight(min(panel.height_of(self.width()), round(share * self.height())))
        return handled


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything in the window that main_window connects."""

    notice: Notice
    side: QWidget
    worklist: Worklist
    notes: NotesPanel
    left_out: LeftOutList
    window_bar: WindowBar
    grid: ViewGrid
    slice_view: SliceView
    slider: SliceSlider
    strip: SliceStrip
    findings: FindingsPanel
    heatmap: HeatmapPanel
    opinion: OpinionPanel
    rating: RatingPanel
    progress: QProgressBar
    stop: QPushButton
    model: QLabel
    reader: QLabel


def build(window: QMainWindow, commands: Sequence[Command] = COMMANDS) -> Parts:
    """Make the panels and place them: scans on the left, the picture in the middle, results and record on the right."""
    keys = {
        name.replace("_", " "): key_text(f"{name}_window", commands) for name in ("brain", "subdural", "bone", "stroke")
    }
    keys |= {"soft tissue": key_text("soft_tissue_window", commands)}
    keys |= {"network": key_text("toggle_network_view", commands)}
    grid = ViewGrid()
    stop = button("Stop", "stop", "Stop what is running")
    parts = Parts(
        Notice(),
        _Side(),
        Worklist(),
        NotesPanel(),
        LeftOutList(),
        WindowBar(keys=keys),
        grid,
        grid.views[0],
        SliceSlider(),
        SliceStrip(),
        FindingsPanel(),
        HeatmapPanel(),
        OpinionPanel(),
        RatingPanel(),
        QProgressBar(),
        stop,
        plain_label(),
        plain_label(),
    )
    _show_keys(parts, commands)
    central = QWidget()
    rows = QVBoxLayout(central)
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setSpacing(0)
    rows.addWidget(parts.notice)
    columns = QHBoxLayout()
    columns.setSpacing(0)
    rows.addLayout(columns, 1)
    columns.addWidget(_left(parts))
    columns.addLayout(_middle(parts), 1)
    columns.addWidget(_right(parts))
    window.setCentralWidget(central)
    _status(window, parts)
    return parts


def _show_keys(parts: Parts, commands: Sequence[Command]) -> None:
    with_keys = {command.name for command in commands if command.keys}
    keys = {widget: key_text(name, commands) for widget, name in _WIDGET_KEYS.items() if name in with_keys}
    parts.findings.show_keys(keys)
    parts.heatmap.show_keys(keys)
    parts.opinion.show_keys(keys)
    parts.rating.show_keys(keys)


def _left(parts: Parts) -> QWidget:
    parts.side.setFixedWidth(LEFT_WIDTH)
    parts.side.setObjectName("side")
    column = QVBoxLayout(parts.side)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(2)
    column.addWidget(parts.worklist, 1)
    column.addWidget(parts.notes)
    column.addWidget(parts.left_out)
    return parts.side


def _middle(parts: Parts) -> QVBoxLayout:
    # The network's three windows are written in the picture's corner; the bar would be too wide for a small screen.
    channels = parts.window_bar.findChild(QLabel, "window_channels")
    if isinstance(channels, QLabel):
        channels.clear()
    picture = QHBoxLayout()
    picture.setSpacing(2)
    picture.addWidget(parts.grid, 1)
    picture.addWidget(parts.slider)
    column = QVBoxLayout()
    column.setSpacing(0)
    column.addWidget(parts.window_bar)
    column.addLayout(picture, 1)
    column.addWidget(parts.strip)
    return column


def _right(parts: Parts) -> QScrollArea:
    inside = _Column()
    column = QVBoxLayout(inside)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(2)
    for panel in (parts.findings, parts.heatmap, parts.rating, parts.opinion):
        column.addWidget(panel)
    column.addStretch()
    area = QScrollArea()
    area.setObjectName("right")
    area.setWidget(inside)
    area.setWidgetResizable(True)
    area.setFixedWidth(RIGHT_WIDTH)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return area


def _status(window: QMainWindow, parts: Parts) -> None:
    named(parts.progress, "progress", "Progress")
    parts.progress.setFixedWidth(300)
    named(parts.model, "model_name", "Model")
    named(parts.reader, "reader_name", "Reader")
    for widget in (parts.progress, parts.stop, parts.model, parts.reader):
        window.statusBar().addPermanentWidget(widget)
