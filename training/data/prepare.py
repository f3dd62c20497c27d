"""Stage prepare: what the network reads of every scan as pictures in HU, in shards that are mapped into memory."""

from __future__ import annotations

import csv
import io
import json
import shutil
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from ihd_core.errors import FileError
from ihd_core.files import write_atomically
from ihd_core.labels import SUBTYPES
from ihd_core.model_input import SLAB_MM
from ihd_core.progress import Report, silent
from training.data.masks import CELL, Lesions, read_boxes
from training.data.pictures import AVERAGED, AVERAGED_COLUMNS, SHARDS, TABLE
from training.data.shards import ShardJob, write_shard
from training.data.slice_table import write_table
from training.processes import in_processes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from training.data.shards import Damaged
    from training.data.slice_table import SliceTable
    from training.data.sources import Sources
    from training.run_folder import RunFolder

PROBLEMS = "problems.csv"
PROBLEM_COLUMNS = ("id", "file", "what", "reason")

_MOST_NAMED = 3


def picture_bytes(slices: int, side: int) -> int:
    """What the pictures of so many slices take on disk."""
    return slices * side * side * np.dtype(np.int16).itemsize


def prepare(
    run: RunFolder, *, damaged: Damaged = "leave-out", processes: int | None = None, report: Report = silent
) -> None:
    """Write all slices of the index as pictures; Pictures reads them.

    Thin slices are averaged as the program averages them for its network, see model_input.slabs(): one picture, one row
    of the table (SliceTable.joined()) and all masks together; slices/averaged.csv says which slice is in which row.

    A slice that cannot be read is never black and never made up: slices/problems.csv names it, and it is left out. A
    mask or box that does not fit its slice is named there too, and then nothing is known of that slice's places.

    Args:
        run: the step is slices; what it writes is kept where an earlier sitting was interrupted.
        damaged: "refuse": stop at the first such slice or mask instead.
        processes: that read; None: one a core.
        report: called with slices; may raise Cancelled.

    Raises:
        FileError: the disk has not room for all of it, cannot be written, or a slice is damaged and refused; no slice
            could be read; a folder of the index is gone.
    """
    from training.data.index import load_index
    from training.data.sources import load_sources

    if run.is_done("slices"):
        count = int(run.facts("slices")["problems"])
        if count and damaged == "refuse":
            _refuse(run.folder("slices"), count)
        return
    table, sources, config = load_index(run), load_sources(run), run.config.prepare
    if config.side < CELL or config.side % CELL:
        raise FileError(f"prepare.side is {config.side}, it must be a multiple of {CELL}")
    for path in (*sources.images, sources.masks, sources.boxes):
        if path is not None and not path.exists():  # else every slice would be left out, or every mask
            raise FileError(f"{path}: does not exist any more")
    folder = run.begin("slices")
    jobs = list(_jobs(run, folder, table, sources, damaged))
    _tidy(folder)
    missing = [job for job in jobs if not job.file(".json").exists()]
    left = sum(len(job.table) for job in missing)
    _say_strangers(run, table, sources)
    _say_size(run, folder, len(table), left, has_lesions=bool(sources.masks or sources.boxes))
    for _ in in_processes(
        write_shard, missing, processes=processes, done=len(table) - left, total=len(table), report=report
    ):
        pass
    _finish(run, folder, table, jobs, damaged)


def _jobs(run: RunFolder, folder: Path, table: SliceTable, sources: Sources, damaged: Damaged) -> Iterator[ShardJob]:
    """Whole scans, as many as make a shard."""
    config = run.config.prepare
    boxes = read_boxes(sources.boxes) if sources.boxes else {}
    ends = np.append(table.scan_starts()[1:], len(table))
    first = number = 0
    for end in ends.tolist():
        if end - first < config.shard_slices and end < len(table):
            continue
        rows = table.rows(np.arange(first, end))
        lesions = Lesions(sources.masks, {name: boxes[name] for name in rows.ids.tolist() if name in boxes})
        yield ShardJob(folder, sources.root, number, first, rows, lesions, config.side, damaged)
        first, number = end, number + 1


def _tidy(folder: Path) -> None:
    """Remove what a sitting that was killed had not finished."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def _say_strangers(run: RunFolder, table: SliceTable, sources: Sources) -> None:
    """Name masks and boxes of slices that the index does not have."""
    ids = set(table.ids.tolist())
    masks = {path.stem for path in sources.masks.glob("*.png")} if sources.masks else set()
    boxes = set(read_boxes(sources.boxes)) if sources.boxes else set()
    for kind, names, given in (("masks", masks, sources.masks), ("boxes", boxes, sources.boxes)):
        if given and not names & ids:
            run.note(f"prepare: no slice has {kind} in {given}")
        if strangers := sorted(names - ids):
            named = ", ".join(strangers[:_MOST_NAMED])
            more = f" and {len(strangers) - _MOST_NAMED:,} more" if len(strangers) > _MOST_NAMED else ""
            run.note(f"prepare: {kind} of {len(strangers):,} slices that the index does not have: {named}{more}")


def _say_size(run: RunFolder, folder: Path, slices: int, left: int, *, has_lesions: bool) -> None:
    """Say how much will be written, and refuse what the disk has no room for."""
    side = run.config.prepare.side
    cells = left * len(SUBTYPES) * (side // CELL) ** 2 if has_lesions else 0
    wanted = picture_bytes(left, side) + cells
    free = shutil.disk_usage(folder).free
    run.note(
        f"prepare: {slices:,} slices of {side} x {side} in HU take at most {_size(picture_bytes(slices, side))}, "
        f"{_size(wanted)} are still to be written, {_size(free)} are free"
    )
    if wanted > free:
        raise FileError(f"{folder}: {_size(wanted)} are to be written, only {_size(free)} are free")


def _size(count: int) -> str:
    power = next((power for power in (9, 6) if count >= 10**power), 3)
    return f"{count / 10**power:.1f} {({9: 'GB', 6: 'MB', 3: 'kB'})[power]}"


def _refuse(folder: Path, count: int) -> NoReturn:
    raise FileError(f"{folder / PROBLEMS}: names {count:,} damaged slices or masks, none is allowed")


def _finish(run: RunFolder, folder: Path, table: SliceTable, jobs: Sequence[ShardJob], damaged: Damaged) -> None:
    """Write the table of the pictures that are there, and name those that are not."""
    parts = [json.loads(job.file(".json").read_text()) for job in jobs]
    kept = [np.array(group, np.intp) for part in parts for group in part["kept"]]
    shown = sum(map(len, kept))
    problems = [problem for part in parts for problem in part["problems"]]
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(PROBLEM_COLUMNS)
    rows.writerows([table.ids[row], table.files[row], what, reason] for row, what, reason in problems)
    write_atomically(folder / PROBLEMS, text.getvalue().encode())
    if problems and damaged == "refuse":
        _refuse(folder, len(problems))
    if not len(kept):
        for job in jobs:  # so that they are read again once they can be
            job.file(".json").unlink(missing_ok=True)
        raise FileError(f"{folder / PROBLEMS}: none of {len(table):,} slices can be read")
    pictures = table.joined(kept)
    write_table(folder / TABLE, pictures)
    _write_averaged(folder, table, kept, pictures)
    shards = {"side": run.config.prepare.side, "counts": [len(part["kept"]) for part in parts]}
    write_atomically(folder / SHARDS, json.dumps(shards).encode())
    run.finish("slices", slices=len(kept), left_out=len(table) - shown, problems=len(problems))
    for job in jobs:
        job.file(".json").unlink(missing_ok=True)
    if shown > len(kept):
        thin = sum(len(group) for group in kept if len(group) > 1)
        several = sum(len(group) > 1 for group in kept)
        run.note(f"prepare: {thin:,} thin slices averaged to {several:,} pictures of about {SLAB_MM:g} mm")
    if problems:
        row, _, reason = problems[0]
        run.note(
            f"prepare: {len(table) - shown:,} of {len(table):,} slices left out, {len(problems):,} problems, "
            f"named in {folder / PROBLEMS}; the first: {table.files[row]}: {reason}"
        )


def _write_averaged(folder: Path, table: SliceTable, groups: Sequence[NDArray[np.intp]], pictures: SliceTable) -> None:
    """Name the picture of every slice that has none of its own; no file where there is no such slice."""
    ids, names = table.ids.tolist(), pictures.ids.tolist()
    rows = [(ids[row], name) for group, name in zip(groups, names, strict=True) for row in group.tolist()]
    others = [row for row in rows if row[0] != row[1]]
    if not others:
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(AVERAGED_COLUMNS)
    writer.writerows(others)
    write_atomically(folder / AVERAGED, text.getvalue().encode())
