"""Tables with a row of names: read as text, whatever separates the columns."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from ihd_core.errors import FileError
from ihd_core.files import file_errors

if TYPE_CHECKING:
    from pathlib import Path

SEPARATORS = (",", ";", "\t")


def read_columns(path: Path) -> tuple[list[str], list[list[str]]]:
    """Names of the columns, and the rows, each with as many cells; rows without any content are passed over.

    Raises:
        FileError: it cannot be read, is not text, or a row has more or fewer cells than there are names.
    """
    with file_errors(path, "cannot be read"):
        content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: is not text in UTF-8 ({error.reason})") from error
    lines = text.splitlines()
    head = lines[0] if lines else ""
    reader = csv.reader(lines, delimiter=max(SEPARATORS, key=head.count))
    try:
        parts = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise FileError(f"{path}: line {reader.line_num} cannot be parted into cells ({error})") from error
    names = [name.strip() for name in parts[0][1]] if parts else []
    rows = []
    for number, row in parts[1:]:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(names):
            raise FileError(f"{path}: line {number} has {len(row)} cells, the first line {len(names)} names")
        rows.append([cell.strip() for cell in row])
    return names, rows
