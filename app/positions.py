"""Remember on which slice each scan was left, also when the program ends without being asked."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer

from ihd_core.errors import FileError
from ihd_core.files import make_folder, sha256, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from app.session import Shown
    from ihd_core.scan import Scan

MOST = 500
"""Scans that are remembered; those not looked at for longest are forgotten."""
DELAY_MS = 1000
_log = logging.getLogger(__name__)


class Positions(QObject):
    """Slices by scan, in one small file that names nobody: keys are hashes.

    Args:
        path: of the file; what is damaged in it is forgotten. None: nothing is kept.
        parent: Qt's.
    """

    def __init__(self, path: Path | None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self._places: dict[str, list[int]] | None = None
        self._timer = QTimer(self, singleShot=True, interval=DELAY_MS)
        self._timer.timeout.connect(self.write)

    def of(self, scan: Scan) -> int | None:
        """The slice on which a scan was left; None where it was not seen, or has other slices now."""
        index, count = self._read().get(_key(scan), (-1, -1))
        return index if count == len(scan) and 0 <= index < count else None

    def follow(self, shown: Shown) -> None:
        """Remember the slice on the screen; it is on disk a second later."""
        if shown.scan is None:
            return
        places, key, place = self._read(), _key(shown.scan), [shown.slice_index, len(shown.scan)]
        if places.get(key) == place:
            return
        places.pop(key, None)
        places[key] = place
        while len(places) > MOST:
            places.pop(next(iter(places)))
        if self._path is not None:
            self._timer.start()

    def write(self) -> None:
        """Put what is remembered on disk; where that cannot be, only the place is lost."""
        self._timer.stop()
        if self._path is None:
            return
        try:
            make_folder(self._path.parent)
            write_atomically(self._path, json.dumps(self._read()).encode())
        except FileError as error:
            _log.info("positions not kept: %s", error)

    def stop(self) -> None:
        """Write what is not written yet; call before the window is destroyed."""
        if self._timer.isActive():
            self.write()

    def _read(self) -> dict[str, list[int]]:
        if self._places is None:
            try:
                content: Any = json.loads(self._path.read_text(encoding="utf-8")) if self._path is not None else {}
            except (OSError, ValueError):
                content = {}
            found = content if isinstance(content, dict) else {}
            self._places = {key: place for key, place in found.items() if _is_place(place)}
        return self._places


def _key(scan: Scan) -> str:
    return sha256(scan.uid.encode())[:32]


def _is_place(place: object) -> bool:
    return isinstance(place, list) and len(place) == 2 and all(type(number) is int for number in place)
