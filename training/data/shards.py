"""One shard of prepared slices: written whole or not at all."""

from __future__ import annotations

import io
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np

from ihd_core.errors import FileError
from ihd_core.files import file_errors, write_atomically
from ihd_core.labels import SUBTYPES
from training.data.masks import CELL, Lesions, cell_shares, is_known
from training.data.scan_pictures import scan_pictures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from training.data.scan_pictures import Picture
    from training.data.slice_table import SliceTable
    from training.processes import Steps

Damaged = Literal["leave-out", "refuse"]


@dataclass(frozen=True, slots=True)
class ShardJob:
    """One shard: rows of the table that follow each other, whole scans.

    Attributes:
        first: row of the table where the shard begins.
        table: the rows.
    """

    folder: Path
    root: Path
    number: int
    first: int
    table: SliceTable
    lesions: Lesions
    side: int
    damaged: Damaged

    def file(self, ending: str) -> Path:
        """A file of the shard: ".npy", "-cells.npy", "-known.npy"; ".json" comes last and says that it is whole."""
        return self.folder / f"{self.number:04d}{ending}"


def write_shard(job: ShardJob, steps: Steps) -> None:
    """Read the scans of a shard and write it, whole or not at all."""
    kept: list[list[int]] = []
    problems: list[tuple[int, str, str]] = []
    cells, known = [], []
    with _Growing(job.file(".npy"), len(job.table), job.side) as pictures:
        for rows in np.split(np.arange(len(job.table)), job.table.scan_starts()[1:]):
            files = [job.root / name for name in job.table.files[rows].tolist()]
            found = scan_pictures(files, job.side)
            if not found.pictures and not job.root.is_dir():
                raise FileError(f"{job.root}: does not exist any more")
            row_of = dict(zip(files, rows.tolist(), strict=True))
            shown = {file for picture in found.pictures for file in picture.files}
            for file, row in row_of.items():
                if file not in shown:
                    _add_problem(job, problems, row, "slice", found.reasons[file])
            of_rows = [(sorted(row_of[file] for file in picture.files), picture) for picture in found.pictures]
            for group, picture in sorted(of_rows, key=lambda one: one[0]):
                pictures.add(picture.hu)
                kept.append(group)
                marked, is_all_known = _lesions(job, group, picture, problems)
                cells.append(marked)
                known.append(is_all_known)
            steps.done(len(rows))
    if any(shares is not None and shares.any() for shares in cells):
        shape = (len(SUBTYPES), job.side // CELL, job.side // CELL)
        filled = [np.zeros(shape, np.uint8) if shares is None else shares for shares in cells]
        _write_array(job.file("-cells.npy"), np.stack(filled))
    _write_array(job.file("-known.npy"), np.array(known, bool))
    content = {
        "kept": [[job.first + row for row in group] for group in kept],
        "problems": [(job.first + row, *rest) for row, *rest in sorted(problems)],
    }
    write_atomically(job.file(".json"), json.dumps(content).encode())


def _lesions(
    job: ShardJob, rows: Sequence[int], picture: Picture, problems: list[tuple[int, str, str]]
) -> tuple[NDArray[np.uint8] | None, bool]:
    """Cells of what is marked on any slice of a picture, None for nothing; and whether all places are known."""
    united, is_all_known = None, True
    for row in rows:
        try:
            bits = job.lesions.bits(str(job.table.ids[row]), picture.place.shape)
        except FileError as error:
            _add_problem(job, problems, row, "mask", str(error))
            is_all_known = False
            continue
        is_all_known &= is_known(bits, job.table.truth[row])
        if bits is not None:
            united = bits if united is None else united | bits
    return (None if united is None else cell_shares(united, picture.place)), is_all_known


def _add_problem(job: ShardJob, problems: list[tuple[int, str, str]], row: int, what: str, reason: str) -> None:
    if job.damaged == "refuse":
        raise FileError(f"{job.table.files[row]}: {reason}; no damaged {what} is allowed")
    problems.append((row, what, reason))


class _Growing:
    """An array file (slices, side, side) that grows picture by picture, and appears once it is whole."""

    def __init__(self, path: Path, most: int, side: int) -> None:
        self._path, self._side, self._count = path, side, 0
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._header = self._header_of(most)
        self._file: BinaryIO

    def __enter__(self) -> _Growing:
        with file_errors(self._path):
            self._file = self._temporary.open("wb")
            self._file.write(self._header)
        return self

    def add(self, picture: NDArray[np.int16]) -> None:
        with file_errors(self._path):
            self._file.write(np.ascontiguousarray(picture, "<i2").tobytes())
        self._count += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            with file_errors(self._path), self._file:
                if kind is not None:
                    return
                header = self._header_of(self._count)
                assert len(header) == len(self._header), "headers are padded to one length"
                self._file.seek(0)
                self._file.write(header)
                self._file.flush()
                os.fsync(self._file.fileno())
            with file_errors(self._path):
                self._temporary.replace(self._path)
        finally:
            with suppress(OSError):
                self._temporary.unlink(missing_ok=True)  # also where closing failed: the disk is full

    def _header_of(self, count: int) -> bytes:
        text = io.BytesIO()
        shape = (count, self._side, self._side)
        np.lib.format.write_array_header_1_0(text, {"descr": "<i2", "fortran_order": False, "shape": shape})
        return text.getvalue()


def _write_array(path: Path, array: NDArray[np.generic]) -> None:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    write_atomically(path, content.getvalue())
