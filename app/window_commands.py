"""What the commands do that are more than a change of what is shown: functions of the window."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit

from app import dialogs, places
from app.command_line.batch import series_folder, write_sheets
from app.study_order import case_beside, series_beside
from app.values import panel_values
from app.values.findings_text import findings_text
from ihd_core.errors import FileError
from ihd_core.files import write_atomically
from ihd_core.heatmaps.contact_sheet import SheetChoice
from ihd_core.labels import DISPLAY_ORDER
from ihd_core.measurement_table import as_csv
from ihd_core.orientation import Turn
from ihd_core.study.rating import RatingValue
from ihd_core.windowing import BRAIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.main_window import MainWindow

SUSPICION_STEP = 10


def open_folder(window: MainWindow) -> None:
    """Ask for a folder and open it."""
    folder = dialogs.choose_folder(window, "Open folder", window.settings.last_folder)
    if folder:
        window.settings = replace(window.settings, last_folder=str(folder))
        window.open_paths([folder])


def watch_folder(window: MainWindow) -> None:
    """Ask for a folder whose new scans are to appear by themselves; or watch no longer."""
    if window.watching.folder is not None:
        window.hint(f"{window.watching.folder} is watched no longer")
        window.watching.watch(None)
        return
    folder = dialogs.choose_folder(window, "Watch a folder", window.settings.last_folder)
    if folder:
        window.settings = replace(window.settings, last_folder=str(folder))
        window.watching.watch(folder)
        window.hint(f"Scans that arrive in {folder} appear in the worklist")


def open_files(window: MainWindow) -> None:
    """Ask for files and open them."""
    files = dialogs.choose_files(window, window.settings.last_folder)
    if files:
        window.settings = replace(window.settings, last_folder=str(files[0].parent))
        window.open_paths(files)


def toggle_repair(window: MainWindow) -> None:
    """Read with or without undoing the wrap-around of RSNA files; what is open is read again."""
    window.opening.use_repair(not window.shown.repair)


def choose_model(window: MainWindow) -> None:
    """Ask for a model folder and predict with it."""
    folder = dialogs.choose_folder(window, "Choose a model folder", window.settings.model_folder)
    if folder:
        window.second_opinion.use_model(folder)


def save_picture(window: MainWindow) -> None:
    """Ask for a file and write the window as a picture."""
    picture = window.grab()
    path = dialogs.choose_picture(window, window.settings.last_folder)
    if path and not picture.save(str(path), "PNG"):
        window.tell(FileError(f"{path}: cannot be written"))


def save_sheets(window: MainWindow) -> None:
    """Ask for a folder and write every slice and label above the operating point into one of the series' own in it."""
    shown = window.shown
    if shown.scan is None or shown.prediction is None:
        return
    folder = dialogs.choose_folder(window, "Save contact sheets in", window.settings.last_folder)
    if folder is None:
        return
    own = folder / series_folder(shown.scan.uid)
    try:
        choice = SheetChoice(shown.setting, shown.window, shown.kind)
        files = write_sheets(own, shown.scan, shown.prediction, choice)
    except FileError as error:
        window.tell(error)
        return
    window.hint(f"{len(files)} contact sheets in {own}" if files else "Nothing above the operating points: no sheet")


def copy_findings(window: MainWindow) -> None:
    """Put the findings on the clipboard, without the patient's name."""
    QGuiApplication.clipboard().setText(findings_text(window.shown))
    window.hint("Findings copied, without the patient's name")


def reopen(window: MainWindow) -> None:
    """Open what was open last, at the slice where it was left."""
    paths = [Path(path) for path in window.settings.last_opened]
    if paths:
        window.open_paths(paths)
    else:
        window.hint("Nothing was open before")


def save_measurements(window: MainWindow) -> None:
    """Ask for a file and write what this reader has measured on the open scan as a table."""
    shown = window.shown
    if shown.scan is None or not (shown.measurements or shown.key_images):
        window.hint("Nothing is measured on this scan, and no slice is a key image")
        return
    path = dialogs.choose_table(window, window.settings.last_folder)
    if path is None:
        return
    try:
        write_atomically(path, as_csv(shown.scan, shown.measurements.values(), shown.key_images, shown.reader).encode())
    except FileError as error:
        window.tell(error)
    else:
        window.hint(f"Measurements saved in {path}")


def reset_view(window: MainWindow) -> None:
    """Brain window, whole slice, not inverted."""
    window.parts.grid.reset_view()
    window.session.show(window=BRAIN, inverted=False, network_view=False, turn=Turn(), slab_mm=0.0)


def toggle_worklist(window: MainWindow) -> None:
    """Show or hide the list of scans."""
    window.parts.side.setVisible(window.parts.side.isHidden())


def find_in_worklist(window: MainWindow) -> None:
    """Type what the list of scans is to show."""
    window.parts.side.show()
    window.parts.worklist.search()


def full_screen(window: MainWindow) -> None:
    """Fill the screen, or leave that."""
    if window.isFullScreen():
        window.showNormal()
    else:
        window.showFullScreen()


def comment(window: MainWindow) -> None:
    """Type into the comment."""
    field = window.parts.opinion.findChild(QLineEdit, "opinion_comment")
    if isinstance(field, QLineEdit):
        field.setFocus(Qt.FocusReason.ShortcutFocusReason)


def save_opinion(window: MainWindow) -> None:
    """Record the opinion as it stands, or say why not."""
    reason = panel_values.opinion_obstacle(window.shown)
    if reason:
        window.hint(reason)
        return
    window.parts.slice_view.setFocus()
    window.recorder.save_opinion()


def switch_reader(window: MainWindow) -> None:
    """Ask who is reading, and go on with that reader's record."""
    name = dialogs.ask_reader(window, window.shown.reader)
    if name:
        window.change_reader(name)


COMMANDS: dict[str, Callable[[MainWindow], object]] = {
    "open_folder": open_folder,
    "open_files": open_files,
    "toggle_repair": toggle_repair,
    "choose_model": choose_model,
    "use_shipped_model": lambda window: window.second_opinion.use_model(places.default_model()),
    "save_picture": save_picture,
    "save_sheets": save_sheets,
    "quit": lambda window: window.close(),
    "next_series": lambda window: window.choose(series_beside(window.shown, 1)),
    "previous_series": lambda window: window.choose(series_beside(window.shown, -1)),
    "find_in_worklist": find_in_worklist,
    "next_case": lambda window: window.choose(case_beside(window.shown, 1)),
    "previous_case": lambda window: window.choose(case_beside(window.shown, -1)),
    "fit": lambda window: window.parts.grid.fit(),
    "zoom_in": lambda window: window.parts.grid.zoom_in(),
    "zoom_out": lambda window: window.parts.grid.zoom_out(),
    "reset_view": reset_view,
    "toggle_worklist": toggle_worklist,
    "full_screen": full_screen,
    "show_ai": lambda window: window.show_ai(),
    "predict_again": lambda window: window.second_opinion.predict(afresh=True),
    "cancel": lambda window: window.cancel(),
    "rate_correct": lambda window: window.recorder.rate(RatingValue.CORRECT),
    "rate_partially_correct": lambda window: window.recorder.rate(RatingValue.PARTIALLY_CORRECT),
    "rate_incorrect": lambda window: window.recorder.rate(RatingValue.INCORRECT),
    "more_suspicious": lambda window: window.parts.opinion.change_suspicion(SUSPICION_STEP),
    "less_suspicious": lambda window: window.parts.opinion.change_suspicion(-SUSPICION_STEP),
    "rest_no": lambda window: window.parts.opinion.answer_rest_no(),
    "comment": comment,
    "save_opinion": save_opinion,
    "copy_findings": copy_findings,
    "toggle_prior": lambda window: window.priors.toggle(),
    "watch_folder": watch_folder,
    "reopen": reopen,
    "undo": lambda window: window.measuring.undo(),
    "delete_measurement": lambda window: window.measuring.delete(),
    "toggle_key_image": lambda window: window.measuring.toggle_key_image(),
    "save_measurements": save_measurements,
    "switch_reader": switch_reader,
    "show_keys": dialogs.show_keys,
    "change_keys": dialogs.change_keys,
    "about": dialogs.show_about,
    **{
        f"call_{label}": partial(lambda window, label: window.parts.opinion.toggle_call(label), label=label)
        for label in DISPLAY_ORDER
    },
}
"""By name; the commands that change only what is shown are in view_commands.py."""
