"""Place the panels; connect commands and panels to the session and the jobs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSize, Signal
from PySide6.QtWidgets import QMainWindow, QStyle

from app import places
from app.cine import Cine
from app.commands import install
from app.connections import connect_panels
from app.drops import accept_copy, dropped_paths, leave_drops_to_window
from app.error_dialog import show_bug
from app.heatmap_jobs import HeatmapJobs
from app.key_binding import bound
from app.keys import KeyFilter
from app.layout import Parts, build
from app.measuring import Measuring
from app.opening import Opening
from app.positions import Positions
from app.priors import Priors
from app.reading_clock import ReadingClock
from app.recording import Recorder
from app.screening import Screening
from app.second_opinion import Means, SecondOpinion
from app.session import Layout, Mode, Session, Shown
from app.settings import Settings, write_settings
from app.showing import show_panels, show_status
from app.values import pictures, worklist_values
from app.values.scan_gaps import gap_between
from app.values.scan_notes import gaps
from app.view_commands import COMMANDS as VIEWING
from app.view_commands import (
    obstacle,
    with_window,
)
from app.watching import Watching
from app.window_commands import COMMANDS as ACTING
from ihd_core.errors import CannotPredict, FileError, IhdError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PySide6.QtCore import QRect
    from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent

    from app.commands import Command
    from ihd_core.study.opinion import Opinion
    from ihd_core.windowing import Window

TITLE = "ihd: head CT review, not for clinical use"
HINT_MS = 6000
LARGEST_AT_FIRST = (1600, 1000)
LARGEST_STEP = 10
"""Slices that one key goes on by; farther away the reader has gone to a slice, not over a gap."""


class MainWindow(QMainWindow):
    """The whole program: what is open is in its session, what takes long runs beside it."""

    settled = Signal()
    """Everything that was asked for is there, or has failed: nothing runs."""

    def __init__(
        self,
        settings: Settings,
        *,
        journal: Path | None = None,
        reader: str = "",
        engine: str = "auto",
        remembers: bool = True,
    ) -> None:
        """Build the window; nothing is opened yet.

        Args:
            settings: from the last run; written back when the window is closed.
            journal: the file for the record, instead of one for each reader in the data folder.
            reader: pseudonym for this run; the remembered one where empty.
            engine: what runs the CNN, one of ENGINES.
            remembers: keep what was opened last, and where each scan was left, as soon as it is known.
        """
        super().__init__()
        self.setObjectName("main_window")
        self.setWindowTitle(TITLE)
        self.setAcceptDrops(True)
        self.settings = settings
        self._closing_anyway, self._remembers = False, remembers
        self._not_opened = ""  # the message about the last failure to open something
        self.session = Session(self)
        self.clock = ReadingClock()
        self.cine = Cine(self.session, self)
        self.positions = Positions(places.positions_file() if remembers else None, self)
        self.opening: Opening = Opening(self.session, self.positions.of, self)
        self.second_opinion: SecondOpinion = SecondOpinion(
            self.session, Means(engine, places.engines_file(), places.predictions_folder()), self
        )
        self.heatmap_jobs: HeatmapJobs = HeatmapJobs(self.session, self.second_opinion.loaded_model, self)
        self.screening = Screening(self.session, self.second_opinion, lambda: self.busy or self.priors.running, self)
        self.priors: Priors = Priors(self.session, self)
        self.watching: Watching = Watching(self.session, self)
        self.recorder: Recorder = Recorder(self.session, self.clock, journal, self)
        self.measuring: Measuring = Measuring(self.session, self.recorder, self)
        self.commands, refused_keys = bound(settings.keys)
        self.parts: Parts = build(self, self.commands)
        self.actions_by_name = install(self, self._run, self.commands)
        self.keys = KeyFilter(self)
        leave_drops_to_window(self)
        self._connect_jobs()
        connect_panels(self)
        self.session.changed.connect(self._on_changed)
        mode = Mode(settings.mode) if settings.mode in set(Mode) else Mode.SECOND_READER
        self.session.show(mode=mode, setting=settings.operating_point, opacity=settings.opacity)
        if reader or settings.reader:
            self.recorder.use_reader(reader or settings.reader)
        show_panels(self)
        self.resize(*LARGEST_AT_FIRST)
        self.restoreGeometry(QByteArray.fromBase64(settings.geometry.encode()))
        self.fit_to_screen(self.screen().availableGeometry())
        self.parts.slice_view.setFocus()
        if refused_keys:
            self.parts.notice.tell(f"Keys that are not taken: {'; '.join(refused_keys)}")

    def _connect_jobs(self) -> None:
        self.opening.replacing.connect(self._on_replacing)
        self.opening.opened.connect(self._on_opened)
        self.second_opinion.ready.connect(self._on_ready)
        self.second_opinion.told.connect(self.hint)
        self.opening.failed.connect(self._on_not_opened)
        self.second_opinion.failed.connect(self._on_failed)
        self.heatmap_jobs.failed.connect(self._on_failed)
        self.recorder.failed.connect(lambda text, retry: self.parts.notice.tell(text, retry=retry))
        self.recorder.told.connect(self.hint)
        self.measuring.told.connect(self.hint)
        self.watching.told.connect(self.hint)
        self.priors.told.connect(self.hint)
        self.watching.first_arrived.connect(lambda: self.choose(0))
        self.keys.peeked.connect(lambda peeking: self.session.show(peeking=peeking))

    @property
    def shown(self) -> Shown:
        """What is open and how it is shown."""
        return self.session.shown

    @property
    def busy(self) -> bool:
        """Whether anything runs beside the window."""
        return self.opening.running or self.second_opinion.running or self.heatmap_jobs.running

    def fit_to_screen(self, room: QRect) -> None:
        """Be no larger than what a screen leaves to windows, frame included, and lie within it."""
        frame = self.frameGeometry().size() - self.size()  # nothing before the window is shown: then a title bar
        title = max(frame.height(), self.style().pixelMetric(QStyle.PixelMetric.PM_TitleBarHeight))
        self.resize(self.size().boundedTo(QSize(room.width() - frame.width(), room.height() - title)))
        if not room.contains(self.frameGeometry()):
            self.move(room.topLeft())

    def hint(self, text: str) -> None:
        """Say something in the status bar for a while."""
        self.statusBar().showMessage(text, HINT_MS)

    def tell(self, error: IhdError) -> None:
        """Say what failed, until it is dismissed."""
        self.parts.notice.tell(str(error))

    def change_reader(self, name: str) -> None:
        """Go on as another reader, who sees only what is in that reader's own record."""
        self.settings = replace(self.settings, reader=name)
        self.recorder.keep_draft()
        self.clock.start_over()
        self.session.show(revealed=False)
        self.recorder.use_reader(name)
        self.remember()

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Find the series in files and folders and open the best one."""
        self.settings = replace(self.settings, last_opened=[str(path.resolve()) for path in paths])
        self.opening.open_paths(paths)

    # What changes on the screen

    def _become(self, shown: Shown) -> None:
        self.session.become(shown)

    def _on_changed(self, shown: Shown, old: Shown) -> None:
        self.clock.look(shown)
        grid = self.parts.grid
        if (shown.scan or shown.preview) is None or shown.current != old.current:
            grid.reset_view()
        self.heatmap_jobs.follow(shown)
        self.cine.follow(shown)
        self.positions.follow(shown)
        self.screening.follow(shown)
        if not pictures.same_picture(shown, old):
            grid.show_pictures(pictures.pictures(shown), stacked=shown.layout is Layout.PLANES)
        if replace(shown, probe=None) == replace(old, probe=None):
            return
        self._tell_crossing(shown, old)
        show_panels(self)
        if not self.busy:
            self.settled.emit()

    def _tell_crossing(self, shown: Shown, old: Shown) -> None:
        """Say so when a step goes over slices that are missing."""
        if shown.scan is None or shown.scan is not old.scan or abs(shown.slice_index - old.slice_index) > LARGEST_STEP:
            return
        gap = gap_between(gaps(shown), shown.slice_index, old.slice_index)
        if gap is not None:
            self.hint(f"{gap.size} between slices {gap.after_index + 1} and {gap.after_index + 2}")

    # What jobs say

    def _on_replacing(self) -> None:
        self.recorder.keep_draft()
        self.second_opinion.forget()
        self.clock.start_over()
        self.parts.opinion.start_over()
        self.statusBar().clearMessage()  # what it says is about the scan before
        if self._not_opened and self.parts.notice.text == self._not_opened:
            self.parts.notice.dismiss()

    def _on_opened(self) -> None:
        if self._remembers:
            self.remember()
        self.priors.offer()
        self.recorder.restore()
        self.second_opinion.predict()

    def _on_ready(self) -> None:
        self.recorder.restore_ratings()
        prediction = self.shown.prediction
        if prediction is not None and prediction.withheld:
            return  # neither found nor not found: the panel says why
        if self.shown.results_visible and not self.shown.detected:
            self.hint("Nothing above the operating points. This does not exclude hemorrhage")

    def _on_not_opened(self, error: Exception) -> None:
        self._on_failed(error)
        series = self.shown.open_series if self.shown.scan is not None else None
        if isinstance(error, IhdError):
            still = f" (still open: {worklist_values.series_name(series)})" if series is not None else ""
            self._not_opened = f"{error}{still}"
            self.parts.notice.tell(self._not_opened)

    def _on_failed(self, error: Exception) -> None:
        if isinstance(error, CannotPredict):
            pass  # the panel says why
        elif isinstance(error, IhdError):
            self.tell(error)
        else:
            show_bug(error)
        self.settled.emit()

    def use_window(self, window: Window) -> None:
        """Show this window of HU."""
        self._become(with_window(self.shown, window))

    def take_opinion(self, opinion: Opinion) -> None:
        """Hold the opinion as it stands on the screen."""
        self._closing_anyway = False
        self.session.show(opinion=opinion)

    def choose(self, current: int) -> None:
        """Open a scan of the worklist; nothing happens where there is none, or where it is open."""
        if 0 <= current < len(self.shown.series) and (current != self.shown.current or self.shown.scan is None):
            self.opening.choose(current)

    # Commands: functions of view_commands.py and window_commands.py

    def _run(self, command: Command) -> None:
        reason = obstacle(self.shown, command.needs)
        if reason:
            self.hint(reason)
        elif command.name in VIEWING:
            self._become(VIEWING[command.name](self.shown))
        else:
            ACTING[command.name](self)
        show_status(self)

    # Commands that are more than one call; app/window_commands.py has the rest

    def show_ai(self) -> None:
        """Show the model's results for this scan, and record that they were asked for before an opinion."""
        if not self.shown.results_visible:
            self.recorder.note_show_ai()
        self.session.show(revealed=True)

    def cancel(self) -> None:
        """Stop what is running; without that, give the keys back to the picture."""
        if self.shown.tool is not None:
            self.session.show(tool=None, points=())
        elif self.opening.running:
            self.opening.cancel()
            self.hint("Reading stopped")
        elif self.second_opinion.running:
            self.second_opinion.cancel()
            self.hint("Prediction stopped")
        elif self.parts.notice.text:
            self.parts.notice.dismiss()
        self.parts.slice_view.setFocus()

    # Qt

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders."""
        if dropped_paths(event):
            accept_copy(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        if paths := dropped_paths(event):
            accept_copy(event)
            self.open_paths(paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask once about an opinion that is not saved; then stop all work and remember the settings."""
        unsaved = self.recorder.unsaved()
        if unsaved and not self._closing_anyway:
            self._closing_anyway = True
            self.parts.notice.tell(f"{unsaved} Close again to leave without it.")
            event.ignore()
            return
        self.shut_down()
        super().closeEvent(event)

    def shut_down(self) -> None:
        """Stop everything and remember the settings; may be called again."""
        self.stop_everything()
        self.remember()

    def stop_everything(self) -> None:
        """Stop all work, wait for it, and let go of the record."""
        self.keys.stop()
        self.watching.shut_down()
        self.priors.shut_down()
        self.screening.shut_down()
        self.opening.shut_down()
        self.second_opinion.shut_down()
        self.heatmap_jobs.shut_down()
        self.cine.stop()
        self.positions.stop()
        self.recorder.close()

    def remember(self) -> None:
        """Write the settings; a failure is told, and costs nothing but the settings."""
        shown, folder = self.shown, self.second_opinion.folder
        settings = replace(
            self.settings,
            model_folder="" if folder in (None, places.default_model()) else str(folder),
            operating_point=shown.setting,
            opacity=shown.opacity,
            geometry=self.saveGeometry().toBase64().toStdString(),
        )
        try:
            write_settings(places.settings_file(), settings)
        except FileError as error:
            self.parts.notice.tell(str(error))
