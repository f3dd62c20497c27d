"""Which scans a study has: names and paths from a table or a folder, and the hash that tells a scan from any other."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.errors import StudyError
from ihd_core.study.design import NAME
from ihd_core.study.tables import csv_text, read_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

COLUMNS = ("case", "path")


def pixel_hash(hu: NDArray[np.int16]) -> str:
    """SHA-256 of a scan's HU, (slices, rows, columns), inferior slice first; its shape counts."""
    digest = hashlib.sha256(f"hu {hu.shape}\0".encode())
    digest.update(np.ascontiguousarray(hu, "<i2").data)
    return digest.hexdigest()


def case_paths(source: Path) -> dict[str, Path]:
    """Paths by case.

    Args:
        source: a CSV with case and path, relative paths from its folder; or a folder, in which every entry that does
            not begin with a point is a case of its name.

    Raises:
        StudyError: it cannot be read, holds no case, or a name is no pseudonym or stands twice.
    """
    if source.is_dir():
        found = {path.name: path for path in sorted(source.iterdir()) if not path.name.startswith(".")}
        if not found:
            raise StudyError(f"{source}: the folder is empty")
        where = dict.fromkeys(found, str(source))
    else:
        found, where = {}, {}
        for row in read_table(source, COLUMNS):
            name = row["case"]
            if name in found:
                raise StudyError(f"{row.place}: case {name} stands twice")
            found[name], where[name] = source.parent / row["path"], row.place
    for name in found:
        if not NAME.fullmatch(name):
            raise StudyError(
                f"{where[name]}: case {name!r}: a pseudonym is 1 to 64 letters, digits, points, hyphens and underscores"
            )
    return found


def cases_csv(paths: Mapping[str, Path], folder: Path) -> str:
    """The table that case_paths() reads; paths within the folder's parent are relative, so that both can move."""
    rows = []
    for case, path in paths.items():
        whole = path.resolve()
        is_near = folder.resolve().parent in whole.parents
        rows.append((case, whole.relative_to(folder.resolve().parent) if is_near else whole))
    return csv_text(
        COLUMNS, [(case, f"../{path.as_posix()}" if not path.is_absolute() else str(path)) for case, path in rows]
    )
