"""Bring what the session holds onto the panels, the menus and the status bar of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from app.commands import COMMANDS, plain_text
from app.study_order import listed
from app.values import panel_values, scan_notes, worklist_values
from app.values.slice_directions import ends
from app.view_commands import obstacle, ticked
from ihd_core.heatmaps.grad_cam_library import missing

if TYPE_CHECKING:
    from app.main_window import MainWindow
    from app.session import Shown


def show_panels(window: MainWindow) -> None:
    """Everything but the picture, which is drawn only when it differs."""
    shown, parts = window.shown, window.parts
    _show_directions(window)
    parts.window_bar.show_window(shown.window, shown.network_view)
    parts.strip.show_strip(panel_values.strip_view(shown))
    parts.findings.show_findings(panel_values.findings_view(shown))
    parts.heatmap.show_heatmap(panel_values.heatmap_view(shown))
    parts.rating.show_rating(panel_values.rating_view(shown))
    saved = shown.saved_opinion is not None and shown.opinion == shown.saved_opinion
    parts.opinion.show_opinion(shown.opinion, saved, shown.reader, shown.saved_at if saved else "")
    parts.opinion.setEnabled(shown.scan is not None)
    order = listed(shown)
    row = order.index(shown.current) if shown.current in order else -1
    parts.worklist.show_worklist(worklist_values.worklist_rows(shown), row)
    parts.notes.show_notes(scan_notes.notes(shown))
    parts.left_out.show_left_out(worklist_values.left_out_lines(shown.left_out))
    show_status(window)


def show_status(window: MainWindow) -> None:
    """The status bar, and which commands can be done and are ticked."""
    shown, parts = window.shown, window.parts
    # The notes are beside the picture; a tool tip over it is for those who have closed that column.
    parts.slice_view.setToolTip(scan_notes.note_text(shown) if parts.side.isHidden() else "")
    running = shown.loading or shown.predicting
    parts.progress.setVisible(running is not None)
    parts.stop.setVisible(running is not None)
    if running is not None:
        parts.progress.setRange(0, running[1])
        parts.progress.setValue(running[0])
        parts.progress.setFormat(_progress_text(window, shown))
    parts.model.setText(panel_values.model_text(shown))
    parts.model.setToolTip(shown.engine_note)
    parts.reader.setText(panel_values.reader_text(shown))
    ticks = ticked(shown) | _own_ticks(window)
    for command in COMMANDS:
        action = window.actions_by_name[command.name]
        needs = "scan" if command.needs in ("results", "kinds", "library", "rating") else command.needs
        action.setEnabled(not obstacle(shown, needs))
        if command.needs == "library" and missing():
            action.setText(f"{plain_text(command)} (not installed: {missing()})")
        if command.checkable:
            action.setChecked(command.name in ticks)


def _show_directions(window: MainWindow) -> None:
    """The slider, and what the commands to the next and the previous slice are called."""
    shown = window.shown
    way = ends(shown.scan.orientation) if shown.scan is not None else None
    window.parts.slider.show_slice(shown.slice_index, shown.slice_count, way)
    for name, place in (("next_slice", 1), ("previous_slice", 0)):
        usual = next(command.text for command in COMMANDS if command.name == name)
        is_across = way is not None and "vertex" not in way
        text = f"{usual.split(',')[0]}, towards {way[place]}" if way is not None and is_across else usual
        window.actions_by_name[name].setText(text)


def _progress_text(window: MainWindow, shown: Shown) -> str:
    """What is being done, with %v and %m for how far it is; a long name is cut."""
    if not shown.loading:
        return "Predicting %v / %m"
    progress = window.parts.progress
    room = progress.width() - progress.fontMetrics().horizontalAdvance("Reading  00000 / 00000 ")
    name = progress.fontMetrics().elidedText(shown.loading_name, Qt.TextElideMode.ElideMiddle, room)
    return f"Reading {name.replace('%', ' ')} %v / %m"


def _own_ticks(window: MainWindow) -> set[str]:
    states = {
        "full_screen": window.isFullScreen(),
        "toggle_worklist": not window.parts.side.isHidden(),
        "watch_folder": window.watching.folder is not None,
    }
    return {name for name, on in states.items() if on}
