"""Questions to the reader, and pages of help."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QInputDialog,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from app import places
from app.commands import shortcut_help, table
from app.key_binding import KeyDialog
from app.panels.parts import named
from app.panels.slice_view import GESTURES

if TYPE_CHECKING:
    from app.main_window import MainWindow

FILTERS = (
    "All files (*)",  # first: DICOM files often have no ending
    "DICOM (*.dcm *.dicom *.ima *.DCM *.DICOM *.IMA)",
    "ZIP archives (*.zip *.ZIP)",
    "Directories of a disc (DICOMDIR dicomdir)",
    "NIfTI in HU (*.nii *.nii.gz)",
)
WHO_READS = "Your pseudonym, as it is to stand in the record (no name, no e-mail address):"


def choose_folder(parent: QWidget, title: str, start: str) -> Path | None:
    """Ask for a folder."""
    dialog = QFileDialog(parent, title, start)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    accepted = dialog.exec()
    # Of a folder that was typed, Qt's own dialog gives the one that it was showing first, and what was typed last.
    chosen = dialog.selectedFiles() if accepted else []
    dialog.deleteLater()
    return Path(chosen[-1]) if chosen else None


def choose_files(parent: QWidget, start: str) -> list[Path]:
    """Ask for files."""
    chosen, _ = QFileDialog.getOpenFileNames(parent, "Open files", start, ";;".join(FILTERS))
    return [Path(path) for path in chosen]


def choose_picture(parent: QWidget, start: str) -> Path | None:
    """Ask where to write a picture; it may show the patient's name, which the title says."""
    title = "Save picture of the window (with everything on it, also the patient's name)"
    chosen, _ = QFileDialog.getSaveFileName(parent, title, str(Path(start) / "ihd.png"), "PNG (*.png)")
    return Path(chosen) if chosen else None


def choose_table(parent: QWidget, start: str) -> Path | None:
    """Ask where to write a table of measurements, which names no patient."""
    chosen, _ = QFileDialog.getSaveFileName(
        parent, "Save measurements", str(Path(start) / "measurements.csv"), "CSV (*.csv)"
    )
    return Path(chosen) if chosen else None


def ask_reader(parent: QWidget, current: str) -> str:
    """Ask who is reading; empty where the question is dismissed."""
    name, accepted = QInputDialog.getText(parent, "Reader", WHO_READS, text=current)
    return name.strip() if accepted else ""


def show_keys(window: MainWindow) -> None:
    """Show the sheet of keys and mouse gestures."""
    mouse = table((gesture.hand, gesture.does) for gesture in GESTURES)
    _show_page(window, "Keys", f"{shortcut_help(window.commands)}<h3>Mouse</h3>{mouse}")


def change_keys(window: MainWindow) -> None:
    """Let the reader change keys; they hold from the next start on."""
    dialog = KeyDialog(window.settings.keys, window)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def keep() -> None:
        window.settings = replace(window.settings, keys=dialog.chosen)
        window.remember()
        window.hint("New keys hold when the program is started again")

    dialog.accepted.connect(keep)
    dialog.open()


def show_about(window: MainWindow) -> None:
    """Show what the program and its model are, and what they may be used for."""
    model = window.shown.model
    lines = [f"<h3>ihd {places.version()}</h3>", "<p>Not a medical device; not for clinical use.</p>"]
    if model is not None:
        lines.append(f"<h3>Model: {escape(model.name)}</h3><p>{escape(model.intended_use)}</p>")
        lines.append(f"<p>SHA-256 {model.sha256}</p><p>Folder: {escape(str(window.second_opinion.folder))}</p>")
    lines.append(f"<p>Record: {escape(str(window.recorder.path or 'no reader is named yet'))}</p>")
    _show_page(window, "About", "".join(lines))


def _show_page(parent: QWidget, title: str, html: str) -> None:
    """Show a page beside the window; it stops nobody, and Esc closes it."""
    page = QDialog(parent)
    named(page, f"{title.lower()}_page", title)
    page.setWindowTitle(title)
    page.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    text = QTextBrowser()
    text.setHtml(html)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    buttons.rejected.connect(page.reject)
    layout = QVBoxLayout(page)
    layout.addWidget(text)
    layout.addWidget(buttons)
    page.resize(560, 640)
    page.show()
