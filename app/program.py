"""Start the window: what it opens, how it looks, and what it leaves behind."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass, replace
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QMessageLogContext, Qt, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QFont, QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QApplication

from app import dialogs, places
from app.error_dialog import catch_unexpected
from app.main_window import MainWindow
from app.screenshot import HEIGHT, WIDTH, to_most_suspicious_slice, wait_for_results, write_picture
from app.session import Mode
from app.settings import read_settings
from ihd_core.errors import FileError, IhdError
from ihd_core.files import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.settings import Settings

_log = logging.getLogger(__name__)

FONT, FONT_PX = "DejaVu Sans", 13
AT_FAULT, BUG = 2, 1


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """What the command line asks of the window.

    Attributes:
        paths: files and folders to open.
        model: model folder; None for the one used last, or the one that comes with the program.
        journal: file for the record; None for one a reader in the data folder.
        reader: pseudonym; None for the one remembered, or to be asked for.
        mode: "second-reader" or "triage"; None for the one remembered; for a picture, triage.
        screenshot: write a picture of the results here and end.
        repair: undo the wrap-around of RSNA files.
        engine: what runs the CNN, one of ENGINES.
    """

    paths: tuple[Path, ...] = ()
    model: Path | None = None
    journal: Path | None = None
    reader: str | None = None
    mode: str | None = None
    screenshot: Path | None = None
    repair: bool = True
    engine: str = "auto"


def run_window(options: WindowOptions) -> int:
    """Open the window and return when it is closed, or the picture is written.

    Returns:
        0 when done, 2 where a picture could not be made or its scan not be predicted, 1 after a bug.
    """
    _log_to_file()
    previous = qInstallMessageHandler(_log_qt_message)
    try:
        return _run(make_application(), options)
    finally:
        qInstallMessageHandler(previous)


def _run(application: QApplication, options: WindowOptions) -> int:
    catch_unexpected()
    window = make_window(options)
    model = options.model or _remembered_model(window.settings)

    def start() -> None:
        window.second_opinion.use_model(model)
        if options.paths:
            window.open_paths(options.paths)

    if options.screenshot:
        return _take_picture(window, start, options.screenshot, opens=bool(options.paths))
    window.show()
    QTimer.singleShot(0, start)
    if _person_present():
        _ask_reader_once(window, opens=bool(options.paths))
    if seconds := os.environ.get("IHD_QUIT_AFTER_S"):
        QTimer.singleShot(int(float(seconds) * 1000), application.quit)
    status: int = application.exec()
    window.shut_down()
    return status


def make_application() -> QApplication:
    """The application with the program's own font and style, so that it looks the same everywhere."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QApplication.instance() or QApplication(["ihd"])
    if not isinstance(application, QApplication):
        raise TypeError("a QCoreApplication without windows is running already")
    application.setApplicationName("ihd")
    application.setStyle("Fusion")
    for path in sorted(places.resource("fonts").glob("*.ttf")):
        QFontDatabase.addApplicationFont(str(path))
    font = QFont(FONT)
    font.setPixelSize(FONT_PX)
    application.setFont(font)
    application.setStyleSheet(places.resource("style.qss").read_text(encoding="utf-8"))
    return application


def make_window(options: WindowOptions) -> MainWindow:
    """The window with what is remembered and what is asked for; nothing is opened yet."""
    settings = read_settings(places.settings_file())
    if options.screenshot:  # a picture must not depend on the last run, nor take a reader's record
        settings = replace(settings, reader="", geometry="")
    window = MainWindow(
        settings,
        journal=options.journal,
        reader=options.reader or "",
        engine=options.engine,
        remembers=not options.screenshot,
    )
    window.session.show(repair=options.repair)
    mode = options.mode or (Mode.TRIAGE if options.screenshot else settings.mode)
    if mode in set(Mode):
        window.session.show(mode=Mode(mode))
    return window


def _remembered_model(settings: Settings) -> Path:
    return Path(settings.model_folder) if settings.model_folder else places.default_model()


def _take_picture(window: MainWindow, start: Callable[[], object], path: Path, *, opens: bool) -> int:
    window.resize(WIDTH, HEIGHT)
    window.show()
    failures = wait_for_results(window, start)
    to_most_suspicious_slice(window)
    try:
        if window.shown.scan is not None or not opens:
            write_picture(window, path)
            print(f"screenshot   {path}")
    except FileError as error:
        failures.append(error)
    window.stop_everything()
    window.hide()
    for failure in failures:
        print(f"ihd: {' '.join(str(failure).split())}", file=sys.stderr)
    if any(not isinstance(failure, IhdError) for failure in failures):
        return BUG
    return AT_FAULT if failures else 0


def _person_present() -> bool:
    return QGuiApplication.platformName() not in ("offscreen", "minimal")


def _ask_reader_once(window: MainWindow, *, opens: bool) -> None:
    """Ask who reads: at once, or when the first scan is there; never over the message that none could be opened."""
    if opens:
        window.opening.opened.connect(lambda: _ask_reader(window), Qt.ConnectionType.SingleShotConnection)
    else:
        QTimer.singleShot(0, lambda: _ask_reader(window))


def _ask_reader(window: MainWindow) -> None:
    if window.shown.reader:
        return
    name = dialogs.ask_reader(window, "")
    if name:
        window.change_reader(name)


def _log_qt_message(kind: QtMsgType, _context: QMessageLogContext, text: str) -> None:
    """What Qt has to say is for the log; on a terminal it means nothing to a reader."""
    serious = kind in (QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg)
    _log.log(logging.ERROR if serious else logging.INFO, "Qt: %s", text)


def _log_to_file() -> None:
    """Write the program's log beside its data; a data folder that cannot be written to costs only the log."""
    try:
        path = places.log_file()
        make_folder(path.parent)
        handler = RotatingFileHandler(path, maxBytes=1_000_000, backupCount=2, encoding="utf-8", delay=True)
        path.touch()
    except (FileError, OSError):
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
