"""What the panels say, and what the window does then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.pane_commands import clicked, enlarged, probed, scrolled, with_pane_window
from app.study_order import listed
from app.view_commands import (
    at_slice,
    toggle_comparing,
    toggle_contours,
    with_heatmap,
    with_kind,
    with_opacity,
    with_setting,
)

if TYPE_CHECKING:
    from app.main_window import MainWindow


def connect_panels(window: MainWindow) -> None:
    """Connect every signal of every panel; most replace the value that is shown."""
    parts, session, become = window.parts, window.session, window.session.become
    grid = parts.grid
    grid.scrolled.connect(lambda pane, steps: become(scrolled(window.shown, pane, steps)))
    grid.window_dragged.connect(lambda pane, chosen: become(with_pane_window(window.shown, pane, chosen)))
    grid.probed.connect(lambda pane, row, column: become(probed(window.shown, pane, row, column)))
    grid.left.connect(lambda: session.show(probe=None))
    grid.clicked.connect(lambda pane, row, column: become(clicked(window.shown, pane, row, column)))
    grid.pointed.connect(window.measuring.place)
    grid.enlarged.connect(lambda pane: become(enlarged(window.shown, pane)))
    for part in (parts.strip, parts.findings, parts.notes):
        part.slice_chosen.connect(lambda index: become(at_slice(window.shown, index)))
    parts.slider.valueChanged.connect(lambda index: become(at_slice(window.shown, index)))
    parts.window_bar.window_chosen.connect(window.use_window)
    parts.window_bar.network_view_chosen.connect(lambda on: session.show(network_view=on))
    parts.findings.show_ai_pressed.connect(window.show_ai)
    parts.findings.setting_chosen.connect(lambda setting: become(with_setting(window.shown, setting)))
    parts.heatmap.toggled.connect(lambda on: session.show(heatmap_on=on, network_view=False))
    parts.heatmap.label_chosen.connect(lambda label: become(with_heatmap(window.shown, label)))
    parts.heatmap.opacity_chosen.connect(lambda opacity: become(with_opacity(window.shown, opacity)))
    parts.heatmap.kind_chosen.connect(lambda kind: become(with_kind(window.shown, kind)))
    parts.heatmap.comparing_chosen.connect(lambda _on: become(toggle_comparing(window.shown)))
    parts.heatmap.contours_chosen.connect(lambda _on: become(toggle_contours(window.shown)))
    parts.opinion.opinion_changed.connect(window.take_opinion)
    parts.opinion.save_pressed.connect(window.recorder.save_opinion)
    parts.rating.rated.connect(window.recorder.rate)
    parts.worklist.chosen.connect(lambda row: window.choose(listed(window.shown)[row]))
    parts.stop.clicked.connect(window.cancel)
