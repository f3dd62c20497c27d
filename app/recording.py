"""Put the reader's answers into the record, and what is recorded back on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from pathlib import Path

    from app.reading import ReadingClock
    from app.session import Session
    from ihd_core.study.opinion import Opinion
    from ihd_core.study.rating import RatingValue


class Recorder(QObject):
    """One reader's record."""

    failed = Signal(str, object)
    """What could not be written and why, and a function that tries again."""
    told = Signal(str)
    """What was done, for the status bar."""

    def __init__(self, session: Session, clock: ReadingClock, path: Path | None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._clock = clock
        self._path = path
        self._drafts: dict[tuple[str, str], Opinion] = {}

    @property
    def path(self) -> Path | None:
        return self._path

    def use_reader(self, reader: str) -> None:
        self._session.show(reader=reader)

    def keep_draft(self) -> None: ...

    def restore(self) -> None: ...

    def restore_ratings(self) -> None: ...

    def unsaved(self) -> str:
        return ""

    def note_show_ai(self) -> None: ...

    def save_opinion(self) -> None: ...

    def rate(self, value: RatingValue) -> None: ...

    def undo(self) -> None: ...
