"""Wait until everything is there, and write the window as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QEventLoop, QIODevice, QTimer
from PySide6.QtWidgets import QApplication

from app.view_commands import at_slice
from ihd_core.errors import FileError
from ihd_core.files import file_errors, write_atomically
from ihd_core.labels import Label

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PySide6.QtWidgets import QWidget

    from app.main_window import MainWindow

WIDTH, HEIGHT = 1600, 1000
LAYOUT_ROUNDS = 5
"""A text that grew asks its panel for room, the panel its column, the column the area that scrolls; each in turn."""


def wait_for_results(window: MainWindow, start: Callable[[], object]) -> list[Exception]:
    """Do start, and return when nothing runs any more.

    Returns:
        What failed on the way.
    """
    failures: list[Exception] = []
    for part in (window.opening, window.second_opinion, window.heatmap_jobs):
        part.failed.connect(failures.append)
    loop = QEventLoop()

    def look() -> None:
        if not window.busy:
            loop.quit()

    ticks = QTimer()
    ticks.timeout.connect(look)
    start()
    ticks.start(20)
    loop.exec()
    ticks.stop()
    return failures


def to_most_suspicious_slice(window: MainWindow) -> None:
    """Go where the detected label is most probable, if the results may be seen."""
    shown, prediction = window.shown, window.shown.prediction
    if prediction is None or not shown.results_visible:
        return
    label = max(shown.detected, key=lambda label: float(prediction.scan[label.column]), default=Label.ANY)
    window.session.become(at_slice(shown, prediction.most_suspicious(label)))


def write_picture(widget: QWidget, path: Path) -> None:
    """Write a widget as it stands as PNG.

    Raises:
        FileError: it cannot be written, or the picture cannot be made.
    """
    for _ in range(LAYOUT_ROUNDS):
        QApplication.processEvents()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not widget.grab().save(buffer, "PNG"):
        raise FileError(f"{path}: cannot be written (the picture cannot be encoded)")
    with file_errors(path):
        write_atomically(path, bytes(buffer.data().data()))
