"""What is kept of a file that holds many pictures, so that it is not read again for every one of them."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from ihd_core.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ihd_core.dicom.sources.source_files import SourceFile

_Kept = TypeVar("_Kept")


class OpenedFiles:
    """Contents of files, from the first picture that needs them until close(). Safe to be used from several threads.

    Attributes:
        not_numbers: values of the pictures read so far that were no number and became air.
        cut_slices: pictures read so far with values that need more bits than BitsStored.
    """

    def __init__(self) -> None:
        self.not_numbers = 0
        self.cut_slices = 0
        self._kept: dict[SourceFile, Any] = {}
        self._lock = Lock()
        self._counting = Lock()

    def count(self, *, not_numbers: int = 0, cut_slices: int = 0) -> None:
        """Add what was found in one picture."""
        with self._counting:
            self.not_numbers += not_numbers
            self.cut_slices += cut_slices

    def kept(self, file: SourceFile, load: Callable[[], _Kept]) -> _Kept:
        """What load() gave for this file; it is called once, also where it fails.

        Raises:
            DicomError: load() raised it, now or before.
        """
        with self._lock:
            if file not in self._kept:
                try:
                    self._kept[file] = load()
                except DicomError as error:
                    self._kept[file] = error
            found = self._kept[file]
        if isinstance(found, DicomError):
            raise found
        return found  # type: ignore[no-any-return]

    def close(self) -> None:
        """Let go of everything; what is needed again is read again."""
        with self._lock:
            self._kept.clear()
