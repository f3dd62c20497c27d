"""The journal's files on disk: the lock, the names, and a second file that knows how long the first one is."""

from __future__ import annotations

import errno
import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.errors import StudyError
from ihd_core.files import replace_content

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ihd_core.study.rows import Line

_TAIL = re.compile(rb"(\d{1,15}) ([0-9a-f]{64})\n")


@dataclass(frozen=True, slots=True)
class Tail:
    """What the second file says of the journal.

    Attributes:
        count: sequence of the last row.
        last_hash: of that row.
    """

    count: int
    last_hash: str


def tail_path(path: Path) -> Path:
    """The second file of a journal, beside it."""
    return path.with_name(f"{path.name}.tail")


def read_tail(path: Path) -> Tail | None:
    """What the second file of a journal says; None where there is none, as with journals of older versions.

    Raises:
        StudyError: it cannot be read or says something else.
    """
    beside = tail_path(path)
    try:
        content = beside.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StudyError(f"{beside}: cannot be read ({error.strerror or error})") from error
    found = _TAIL.fullmatch(content)
    if found is None:
        raise StudyError(f"{beside}: does not hold the count and the hash of the last row of {path.name}")
    return Tail(int(found[1]), found[2].decode())


def write_tail(path: Path, tail: Tail) -> None:
    """Replace the second file of a journal; it is on disk when this returns, or the old one is still there.

    Raises:
        OSError: the system's reason.
    """
    replace_content(tail_path(path), f"{tail.count} {tail.last_hash}\n".encode())
    with suppress(OSError):  # the new name counts already; after a power cut the old one may be back, one row behind
        sync_folder(path.parent)


def missing_end(last: int, tail: Tail | None) -> str:
    """Which rows are gone from the end of a journal, as "row 3" or "rows 2 to 3"; empty where none is.

    Args:
        last: sequence of the last intact row, 0 where there is none.
        tail: what the second file says.
    """
    if tail is None or tail.count <= last:
        return ""
    first = last + 1
    return f"row {first}" if first == tail.count else f"rows {first} to {tail.count}"


def tail_problems(content: Sequence[Line], tail: Tail | None) -> tuple[str, ...]:
    """How the second file contradicts the rows, one sentence each.

    One answer more than it counts is what a crash between the two files leaves, and no problem.
    """
    rows = [line.row for line in content if line.row is not None]
    last = int(rows[-1]["sequence"]) if rows else 0
    if tail is None:
        return ()
    if gone := missing_end(last, tail):
        return (f"missing from the end: {gone}",)
    counted = next((row for row in rows if int(row["sequence"]) == tail.count), None)
    if counted is not None and counted["hash"] != tail.last_hash:
        return (f"row {tail.count} is not the one that was written",)
    later = {row["answer"] for row in rows if int(row["sequence"]) > tail.count}
    if len(later) > 1:
        return (f"rows after {tail.count} were added by something else than this program",)
    return ()


def read_all(file: int) -> bytes:
    """The whole file from its beginning."""
    os.lseek(file, 0, os.SEEK_SET)
    content = bytearray()
    while piece := os.read(file, 1 << 20):
        content += piece
    return bytes(content)


def lock(file: int, path: Path) -> None:
    """Keep other programs out until the file is closed; the system lets go when the program dies."""
    try:
        if sys.platform == "win32":
            import msvcrt

            # A byte far behind the end: a locked byte cannot be read by others, and a spreadsheet may look.
            os.lseek(file, 1 << 40, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        raise StudyError(f"{path}: is in use by another window or program; close it there first") from error


def sync_names(path: Path) -> None:
    """Put the file's name on disk, not only its content. Windows does so by itself."""
    for folder in (path.parent, path.parent.parent):
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk, where the system and the place let us.

    Raises:
        OSError: the system's reason.
    """
    if sys.platform == "win32":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder may be written to and not be listed
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network shares know no such thing
            raise
    finally:
        os.close(descriptor)
