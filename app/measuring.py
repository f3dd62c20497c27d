"""Take the reader's measurements and key images from the picture into the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.pane_commands import is_slice
from app.tool_commands import SLAB, nearest, with_point
from app.values.pictures import drawn_to_stored

if TYPE_CHECKING:
    from app.recording import Recorder
    from app.session import Session


class Measuring(QObject):
    """The tool in the reader's hand.

    Args:
        session: what is measured on.
        recorder: keeps what was measured.
        parent: Qt's.
    """

    told = Signal(str)
    """Why nothing was done, for the status bar."""

    def __init__(self, session: Session, recorder: Recorder, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._recorder = recorder

    def place(self, pane: int, row: int, column: int) -> None:
        """Point at a pixel of one of the pictures."""
        shown = self._session.shown
        if shown.scan is None or not is_slice(shown, pane):
            self.told.emit("Measure on a slice of the open scan, not on another picture")
            return
        if shown.slab_mm > 0:
            self.told.emit(SLAB)
            return
        changed, made = with_point(shown, drawn_to_stored(shown, row, column))
        self._session.become(changed)
        if made is not None:
            self._recorder.measure(made)

    def delete(self) -> None:
        """Take back the measurement next to the pointer."""
        number = nearest(self._session.shown)
        if number is None:
            self.told.emit("Put the pointer on a measurement to delete it")
        else:
            self._recorder.take_back(number)

    def undo(self) -> None:
        """Take back the last point of a measurement in the making, or else the last record."""
        points = self._session.shown.points
        if points:
            self._session.show(points=points[:-1])
        else:
            self._recorder.undo()

    def toggle_key_image(self) -> None:
        """Mark the slice on the screen as a key image, or take the mark away."""
        shown = self._session.shown
        number = shown.key_images.get(shown.slice_index)
        if number is None:
            self._recorder.mark_key_image()
        else:
            self._recorder.take_back(number)
