"""Prepared slices, as the stages after prepare read them: a picture in HU a row, and what is known of its cells."""

from __future__ import annotations

import csv
import json
import mmap
from collections import OrderedDict
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ihd_core.errors import FileError
from ihd_core.files import file_errors
from ihd_core.labels import SUBTYPES
from ihd_core.model_input import neighbour_offsets
from training.data.masks import CELL
from training.data.slice_table import read_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from training.data.slice_table import SliceTable
    from training.run_folder import RunFolder

_Opened = TypeVar("_Opened")

SHARDS, TABLE, AVERAGED = "shards.json", "table.csv", "averaged.csv"
AVERAGED_COLUMNS = ("id", "picture")

_OPEN_FILES = 512
"""Shards kept open: the whole of RSNA 2019, and fewer than the thousand files a process may have open."""
_OPEN_CELLS = 128


class _Shard:
    """The pictures of one file, mapped into memory."""

    def __init__(self, path: Path) -> None:
        try:
            with file_errors(path, "cannot be read"), path.open("rb") as file:
                np.lib.format.read_magic(file)
                shape, _, kind = np.lib.format.read_array_header_1_0(file)
                self._start = file.tell()
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._pictures = np.frombuffer(self._map, kind, offset=self._start).reshape(shape)
        except ValueError as error:
            raise FileError(f"{path}: is damaged ({error}); remove the folder and prepare again") from error
        self._size = int(np.prod(shape[1:])) * kind.itemsize

    def picture(self, place: int) -> NDArray[np.int16]:
        """One of them, asked of the disk as a whole: three times as many a second as page by page."""
        if hasattr(self._map, "madvise"):
            first = self._start + place * self._size
            page = first - first % mmap.PAGESIZE
            self._map.madvise(mmap.MADV_WILLNEED, page, first + self._size - page)
        picture: NDArray[np.int16] = self._pictures[place]
        return picture


class Pictures:
    """Slices that are there, one a row, thin ones averaged; pixels stay on disk until they are asked for.

    It can be given to other processes, which open the files for themselves, and used from several threads.

    Attributes:
        folder: of the step slices.
        side: rows and columns of a picture.

    Raises:
        FileError: the folder holds no prepared slices.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / SHARDS
        try:
            with file_errors(path, "cannot be read"):
                found = json.loads(path.read_text())
            self.side, counts = int(found["side"]), [int(count) for count in found["counts"]]
        except (ValueError, KeyError, TypeError) as error:
            raise FileError(f"{path}: not a list of shards ({error})") from error
        self._starts = np.cumsum([0, *counts])
        self._hu: OrderedDict[int, _Shard] = OrderedDict()
        self._cells: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._lock = Lock()

    def __reduce__(self) -> tuple[type[Pictures], tuple[Path]]:
        return Pictures, (self.folder,)

    def __len__(self) -> int:
        return int(self._starts[-1])

    @cached_property
    def table(self) -> SliceTable:
        """Row i is picture i; the order is that of the index."""
        return read_table(self.folder / TABLE)

    def averaged(self) -> dict[str, str]:
        """For every slice that has no picture of its own, by its id: the id of the row it was averaged into."""
        path = self.folder / AVERAGED
        if not path.exists():
            return {}
        with file_errors(path, "cannot be read"), path.open(newline="", encoding="utf-8") as file:
            return dict(list(csv.reader(file))[1:])

    def hu(self, row: int) -> NDArray[np.int16]:
        """One picture, (side, side), HU, patient right on the left, anterior up; read-only."""
        shard, place = self._place(row)
        return self._opened(self._hu, _OPEN_FILES, shard, _Shard, f"{shard:04d}.npy").picture(place)

    def cells(self, row: int) -> NDArray[np.uint8] | None:
        """Share of every cell that is hemorrhage.

        Returns:
            (subtypes, side / 16, side / 16), 255 for all of a cell; None where it is not known: the slice has a label
            whose place nobody marked.
        """
        if not self._known[row]:
            return None
        shard, place = self._place(row)
        if not self._has_cells[shard]:
            return np.zeros((len(SUBTYPES), self.side // CELL, self.side // CELL), np.uint8)
        return np.array(self._opened(self._cells, _OPEN_CELLS, shard, _mapped, f"{shard:04d}-cells.npy")[place])

    def known_cells(self) -> NDArray[np.bool_]:
        """Rows of which cells() tells, bool (slices,)."""
        return self._known

    def neighbour_rows(self, count: int) -> NDArray[np.intp]:
        """Rows of every slice and its neighbours, (slices, 2 * count + 1), in the order of neighbour_offsets().

        Where a scan ends its last slice stands in for those that are missing.
        """
        starts = self.table.scan_starts()
        lengths = np.diff(np.append(starts, len(self)))
        first = np.repeat(starts, lengths)[:, None]
        last = np.repeat(starts + lengths - 1, lengths)[:, None]
        wanted = np.arange(len(self))[:, None] + np.array(neighbour_offsets(count), np.intp)
        return np.clip(wanted, first, last)

    @cached_property
    def _known(self) -> NDArray[np.bool_]:
        parts = [np.load(self.folder / f"{shard:04d}-known.npy") for shard in range(len(self._starts) - 1)]
        return np.concatenate(parts) if parts else np.zeros(0, bool)

    @cached_property
    def _has_cells(self) -> list[bool]:
        return [(self.folder / f"{shard:04d}-cells.npy").exists() for shard in range(len(self._starts) - 1)]

    def _place(self, row: int) -> tuple[int, int]:
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)} pictures")
        shard = int(np.searchsorted(self._starts, row, "right")) - 1
        return shard, row - int(self._starts[shard])

    def _opened(
        self, opened: OrderedDict[int, _Opened], most: int, shard: int, how: Callable[[Path], _Opened], name: str
    ) -> _Opened:
        """A file of a shard; the one that was not used for longest is closed where there are too many."""
        with self._lock:
            found = opened.pop(shard, None)
            if found is None:
                found = how(self.folder / name)
                if len(opened) >= most:
                    opened.popitem(last=False)
            opened[shard] = found
            return found


def _mapped(path: Path) -> NDArray[np.uint8]:
    with file_errors(path, "cannot be read"):
        mapped: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return mapped


def open_pictures(run: RunFolder) -> Pictures:
    """The prepared slices of a run.

    Raises:
        FileError: the stage prepare has not been finished.
    """
    return Pictures(run.folder("slices"))
