"""Arrays of one row a slice that are written batch by batch and may be interrupted at any moment."""

from __future__ import annotations

import os
from contextlib import ExitStack
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ihd_core.files import file_errors, make_folder, write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

_DONE = "rows.txt"
_SAVE_EVERY = 1024


class RowFiles:
    """float32 arrays of the same rows, each a .npy that grows from its first row to its last.

    How many rows are whole is written down only after they are on the disk; rows beyond that are written again, so a
    torn row is never taken for done. On leaving, also by an exception, what was appended is made safe.

    Attributes:
        done: rows that are there.

    Args:
        folder: of the files; created if it is not there.
        rows: that each file has in the end.
        columns: of each file, by name without suffix.
        align: work goes on at a multiple of this, so that batches are the same after an interruption.

    Raises:
        FileError: the folder cannot be written to, or the disk is full; also by append().
    """

    def __init__(self, folder: Path, rows: int, columns: Mapping[str, int], *, align: int = 1) -> None:
        self._folder, self._rows, self._columns = make_folder(folder), rows, dict(columns)
        self._heads = {name: _head(rows, count) for name, count in self._columns.items()}
        self._align = align
        self._saved = self.done = self._whole_rows()
        self._files: dict[str, BinaryIO] = {}
        self._stack = ExitStack()

    def __enter__(self) -> RowFiles:
        with file_errors(self._folder):
            for name, head in self._heads.items():
                path = self._path(name)
                path.touch()
                file = self._files[name] = self._stack.enter_context(path.open("r+b"))
                file.write(head)
                file.truncate(len(head) + self.done * 4 * self._columns[name])
                file.seek(0, os.SEEK_END)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with file_errors(self._folder), self._stack:
            self._save()

    def append(self, **arrays: NDArray[np.float32]) -> None:
        """Add the next rows, each array (n, columns of its file)."""
        count = len(next(iter(arrays.values())))
        for name, array in arrays.items():
            if array.shape != (count, self._columns[name]):
                raise ValueError(f"{name} is {array.shape}, need ({count}, {self._columns[name]})")
        with file_errors(self._folder):
            for name, file in self._files.items():
                file.write(np.ascontiguousarray(arrays[name], "<f4").tobytes())
        self.done += count
        if self.done - self._saved >= _SAVE_EVERY or self.done == self._rows:
            self._save()

    def _save(self) -> None:
        if self.done == self._saved:
            return
        with file_errors(self._folder):
            for file in self._files.values():
                file.flush()
                os.fsync(file.fileno())
        write_atomically(self._folder / _DONE, str(self.done).encode())
        self._saved = self.done

    def _whole_rows(self) -> int:
        """Rows that were written down as done and are still in every file."""
        mark = self._folder / _DONE
        if not mark.exists():
            return 0
        done = int(mark.read_text())
        for name, head in self._heads.items():
            path = self._path(name)
            size = path.stat().st_size if path.exists() else 0
            done = min(done, max(0, size - len(head)) // (4 * self._columns[name]))
        return done if done == self._rows else done - done % self._align

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.npy"


def _head(rows: int, columns: int) -> bytes:
    """What stands before the numbers of a .npy of float32 (rows, columns)."""
    head = BytesIO()
    shape = {"descr": "<f4", "fortran_order": False, "shape": (rows, columns)}
    np.lib.format.write_array_header_1_0(head, shape)
    return head.getvalue()
