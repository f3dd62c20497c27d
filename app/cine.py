"""Let the slices go on by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from app.view_commands import next_frame

if TYPE_CHECKING:
    from app.session import Session, Shown

FRAME_MS = 100


class Cine(QObject):
    """Shows the next slice ten times a second while the session says so."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._timer = QTimer(self)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self._go_on)

    def follow(self, shown: Shown) -> None:
        """Run or stand, as the session says."""
        if shown.cine != self._timer.isActive():
            if shown.cine:
                self._timer.start()
            else:
                self._timer.stop()

    def stop(self) -> None:
        """Stand, whatever the session says."""
        self._timer.stop()

    def _go_on(self) -> None:
        self._session.become(next_frame(self._session.shown))
