"""Put the reader's answers into the record, and what is recorded back on the screen."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from app import places
from app.values.scan_notes import recorded_codes
from app.view_commands import obstacle, rated_label
from ihd_core.errors import StudyError
from ihd_core.heatmaps.explain import Kind
from ihd_core.measurements import Measurement, Tool, in_words
from ihd_core.study.answers import (
    Recorded,
    Undone,
    record_key_image,
    record_measurement,
    record_opinion,
    record_rating,
    record_show_ai,
    recorded,
    undo,
    undo_last,
)
from ihd_core.study.journal import Circumstances, Journal
from ihd_core.study.opinion import Opinion

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.reading_clock import ReadingClock
    from app.session import Session, Shown
    from ihd_core.labels import Label
    from ihd_core.scan import Scan
    from ihd_core.study.rating import RatingValue

NAMELESS = "anonymous"
"""Stands in the record while no reader has given a pseudonym."""


class Recorder(QObject):
    """One reader's record, opened when it is first needed; each answer is on disk before the program goes on."""

    failed = Signal(str, object)
    """What could not be written and why, and a function that tries again."""
    told = Signal(str)
    """What was done, for the status bar."""

    def __init__(self, session: Session, clock: ReadingClock, path: Path | None, parent: QObject | None = None) -> None:
        """Open nothing yet.

        Args:
            session: what is recorded is shown in.
            clock: measures the reader.
            path: the record; None for a file for each reader in the data folder.
            parent: Qt's.
        """
        super().__init__(parent)
        self._session = session
        self._clock = clock
        self._fixed_path = path
        self._journal: Journal | None = None
        self._drafts: dict[tuple[str, str], Opinion] = {}
        self._results_seen_before = False

    @property
    def path(self) -> Path | None:
        """The file in use; None while no reader is named."""
        reader = self._session.shown.reader
        if self._fixed_path is not None or not reader:
            return self._fixed_path
        return places.journal_file(reader)

    def use_reader(self, reader: str) -> None:
        """Go on with this reader's record, and show what it holds of the open scan."""
        self.close()
        self._session.show(
            reader=reader, opinion=Opinion(), saved_opinion=None, ratings={}, measurements={}, key_images={}
        )
        if self._session.shown.scan is not None:
            self.restore()

    def close(self) -> None:
        """Let other programs have the file."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    # Back on the screen

    def restore(self) -> None:
        """Show what the reader has recorded of the open scan, and what was not saved when it was left."""
        shown = self._session.shown
        self._results_seen_before = False
        if shown.scan is None or not shown.reader:
            return
        draft = self._drafts.get((shown.reader, shown.scan.uid))
        if draft is not None:
            self._session.show(opinion=draft)
        self._attempt(self._read_back, shown.scan)

    def _read_back(self, journal: Journal, scan: Scan) -> None:
        if self._session.shown.scan is not scan:
            return
        if journal.damaged_rows:
            self.told.emit(f"{journal.path}: {journal.damaged_rows} damaged rows do not count; all others do")
        found, shown = recorded(journal, scan.uid), self._session.shown
        self._results_seen_before = found.ai_seen
        if found.opinion is not None:
            shown = replace(
                shown,
                opinion=shown.opinion if self._is_draft(shown) else found.opinion,
                saved_opinion=found.opinion,
                saved_at=_local(found.opinion_time),
                revealed=True,
            )
        self._session.become(replace(_with_measurements(shown, found), ratings=self._ratings(journal, shown)))

    def restore_ratings(self) -> None:
        """Show how the reader rated the heatmaps of the open scan, once there are heatmaps."""
        if self._journal is not None:
            self._session.show(ratings=self._ratings(self._journal, self._session.shown))

    def _ratings(self, journal: Journal, shown: Shown) -> dict[tuple[int, Label, Kind], RatingValue]:
        """Ratings of this model's heatmaps; those of another model are about other pictures."""
        if shown.scan is None or shown.prediction is None:
            return {}
        found = recorded(journal, shown.scan.uid, model_sha256=shown.prediction.model.sha256)
        place = {uid: index for index, uid in enumerate(shown.scan.slice_uids)}
        return {
            (place[uid], label, Kind(method)): value
            for (uid, label, method), value in found.ratings.items()
            if uid in place and method in set(Kind)
        }

    # Drafts

    def keep_draft(self) -> None:
        """Keep an opinion that is not saved until its scan is open again."""
        shown = self._session.shown
        if shown.scan is None:
            return
        key = (shown.reader, shown.scan.uid)
        self._drafts.pop(key, None)
        if self._is_draft(shown):
            self._drafts[key] = shown.opinion

    def unsaved(self) -> str:
        """What would be lost if the program ended now, as a sentence; empty when nothing."""
        self.keep_draft()
        count = len(self._drafts)
        if not count:
            return ""
        which = "An opinion is" if count == 1 else f"Opinions on {count} scans are"
        return f"{which} not saved: Ctrl+Enter saves."

    @staticmethod
    def _is_draft(shown: Shown) -> bool:
        begun = bool(shown.opinion.answered or shown.opinion.comment.strip())
        return begun and shown.opinion != shown.saved_opinion

    # Into the record

    def save_opinion(self) -> None:
        """Record the opinion on the screen; then the model's results may be seen."""
        shown = self._session.shown
        if shown.scan is None:
            return
        around = self._circumstances(seconds=self._clock.seconds)
        self._attempt(self._write_opinion, shown.scan, shown.opinion, around)

    def _write_opinion(self, journal: Journal, scan: Scan, opinion: Opinion, around: Circumstances) -> None:
        record_opinion(journal, scan.uid, opinion, around)
        self._drafts.pop((journal.reader, scan.uid), None)
        if self._session.shown.scan is scan:
            now = f"{datetime.now():%H:%M}"
            self._session.show(saved_opinion=opinion, saved_at=now, revealed=True)
        self.told.emit(f"Opinion saved in {journal.path}")

    def rate(self, value: RatingValue) -> None:
        """Record a rating of the heatmap on the screen, or say why there is none to rate."""
        shown, label = self._session.shown, rated_label(self._session.shown)
        if label is None or shown.scan is None:
            self.told.emit(obstacle(shown, "rating"))
            return
        place = (shown.slice_index, label, shown.kind)
        window = shown.one_window
        around = self._circumstances(
            seconds=self._clock.heatmap_seconds(place),
            views=self._clock.heatmap_views(place),
            method=str(shown.kind),
            window_center=window.center if window is not None else None,
            window_width=window.width if window is not None else None,
            opacity=shown.opacity if not shown.contours else None,
        )
        self._attempt(self._write_rating, shown.scan, place, value, around)

    def _write_rating(
        self, journal: Journal, scan: Scan, place: tuple[int, Label, Kind], value: RatingValue, around: Circumstances
    ) -> None:
        index, label, _ = place
        record_rating(journal, scan.uid, (scan.slice_uids[index], index, label), value, around)
        if self._session.shown.scan is scan:
            self._session.show(ratings={**self._session.shown.ratings, place: value})
        self.told.emit(f"Recorded: heatmap of {label.short_name} on slice {index + 1} is {value}")

    def note_show_ai(self) -> None:
        """Record that the reader wants to see the results before giving an opinion."""
        scan = self._session.shown.scan
        if scan is not None:
            around = self._circumstances(seconds=self._clock.seconds)
            self._attempt(lambda journal: record_show_ai(journal, scan.uid, around))

    def measure(self, measurement: Measurement) -> None:
        """Record a measurement on the open scan."""
        scan = self._session.shown.scan
        if scan is not None:
            self._attempt(self._write_measurement, scan, measurement, self._circumstances())

    def _write_measurement(self, journal: Journal, scan: Scan, made: Measurement, around: Circumstances) -> None:
        words = in_words(scan, made)
        place = scan.slice_uids[made.slice_index], made.slice_index
        number = record_measurement(journal, scan.uid, place, (made.tool, made.points, words), around)
        if self._session.shown.scan is scan:
            self._session.show(measurements={**self._session.shown.measurements, number: made})
        self.told.emit(f"Recorded: {made.tool} on slice {made.slice_index + 1}, {words}")

    def mark_key_image(self) -> None:
        """Record that the slice on the screen is a key image."""
        shown = self._session.shown
        if shown.scan is not None:
            self._attempt(self._write_key_image, shown.scan, shown.slice_index, self._circumstances())

    def _write_key_image(self, journal: Journal, scan: Scan, index: int, around: Circumstances) -> None:
        number = record_key_image(journal, scan.uid, (scan.slice_uids[index], index), around)
        if self._session.shown.scan is scan:
            self._session.show(key_images={**self._session.shown.key_images, index: number})
        self.told.emit(f"Recorded: slice {index + 1} is a key image")

    def take_back(self, answer: int) -> None:
        """Take back one measurement or key image of the open scan, by its number."""
        scan = self._session.shown.scan
        if scan is not None:
            self._attempt(self._take_back, scan, self._circumstances(seconds=self._clock.seconds), answer)

    def undo(self) -> None:
        """Take back the newest answer of the open scan; an opinion stays on the screen, not saved."""
        scan = self._session.shown.scan
        if scan is not None:
            self._attempt(self._take_back, scan, self._circumstances(seconds=self._clock.seconds))

    def _take_back(self, journal: Journal, scan: Scan, around: Circumstances, answer: int | None = None) -> None:
        undone: Undone | None
        undone = undo_last(journal, scan.uid, around) if answer is None else undo(journal, scan.uid, answer, around)
        if undone is None:
            self.told.emit("Nothing is recorded of this scan that could be undone")
            return
        if self._session.shown.scan is scan:
            found, shown = recorded(journal, scan.uid), self._session.shown
            when = _local(found.opinion_time)
            ratings = self._ratings(journal, shown)
            shown = _with_measurements(shown, found)
            self._session.become(replace(shown, saved_opinion=found.opinion, saved_at=when, ratings=ratings))
        self.told.emit(f"Undone: {undone.text}")

    def _circumstances(self, **measured: Any) -> Circumstances:
        """Under which conditions the reader answers now."""
        shown, clock = self._session.shown, self._clock
        around = Circumstances(
            mode=shown.mode.replace("-", " "),
            ai_visible=clock.results_seconds > 0 or self._results_seen_before,
            ai_visible_seconds=clock.results_seconds,
            model=shown.model.name if shown.model else "",
            model_sha256=shown.model.sha256 if shown.model else "",
            engine=shown.prediction.engine if shown.prediction else "",
            setting=shown.setting,
            slices_seen=clock.slices_seen,
            warnings=recorded_codes(shown),
        )
        return replace(around, **measured)

    def _attempt(self, work: Callable[..., object], *arguments: object) -> None:
        """Do something with the record; where that fails, say so, lose nothing, and offer to try again."""
        try:
            work(self._opened(), *arguments)
        except StudyError as error:
            self.failed.emit(str(error), partial(self._attempt, work, *arguments))

    def _opened(self) -> Journal:
        if self._journal is None:
            if not self._session.shown.reader:
                self._session.show(reader=NAMELESS)
            reader = self._session.shown.reader
            path = self._fixed_path or places.journal_file(reader)
            self._journal = Journal(path, reader=reader, software=f"ihd {places.version()}")
        return self._journal


def _with_measurements(shown: Shown, found: Recorded) -> Shown:
    """With what is recorded as measured; what another program wrote and this one cannot draw is left out."""
    place = {uid: index for index, uid in enumerate(shown.scan.slice_uids)} if shown.scan is not None else {}
    known = {
        number: Measurement(Tool(tool), place[uid], points)
        for number, (uid, tool, points) in found.measurements.items()
        if uid in place and tool in set(Tool) and len(points) == len(Tool(tool).points)
    }
    keys = {place[uid]: number for uid, number in found.key_images.items() if uid in place}
    return replace(shown, measurements=known, key_images=keys)


def _local(time: str) -> str:
    """ISO 8601 in UTC as the reader's own clock shows it."""
    return f"{datetime.fromisoformat(time).astimezone():%Y-%m-%d %H:%M}" if time else ""
