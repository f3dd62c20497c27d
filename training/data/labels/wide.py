"""Labels in a table with a row a slice, file or series and a column a label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ihd_core.errors import FileError
from ihd_core.labels import LABELS, SUBTYPES, Label
from training.data.labels.columns import read_columns
from training.data.labels.given import GivenLabels, LabelCollector
from training.data.labels.names import plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KEYS = {
    "sop_instance_uid": "slice",
    "id": "slice",
    "image_id": "slice",
    "file": "file",
    "file_name": "file",
    "path": "file",
    "series_instance_uid": "series",
}
"""Columns that say what a row is about, and what GivenLabels calls it; of several the first one here counts."""

NAMES = {
    "epidural": Label.EPIDURAL,
    "edh": Label.EPIDURAL,
    "eph": Label.EPIDURAL,
    "intraparenchymal": Label.INTRAPARENCHYMAL,
    "iph": Label.INTRAPARENCHYMAL,
    "intraventricular": Label.INTRAVENTRICULAR,
    "ivh": Label.INTRAVENTRICULAR,
    "subarachnoid": Label.SUBARACHNOID,
    "sah": Label.SUBARACHNOID,
    "subdural": Label.SUBDURAL,
    "sdh": Label.SUBDURAL,
    "any": Label.ANY,
    "hemorrhage": Label.ANY,
    "haemorrhage": Label.ANY,
}
"""Columns of labels, by their names in plain letters."""

_AMBIGUOUS = "ich"
"""Intracranial hemorrhage, which is any, beside a column of its own for intraparenchymal; intracerebral without."""


def read_labels(path: Path) -> GivenLabels:
    """Read a table of labels; an empty cell is unknown, and any is taken from the subtypes where it is not given.

    Raises:
        FileError: it cannot be read, or its columns do not say which slices or labels it is about.
    """
    names, rows = read_columns(path)
    known = [plain(name) for name in names]
    column, key = _key(path, known)
    labels = _labels(path, known)
    found = LabelCollector()
    for row in rows:
        name = row[column].replace("\\", "/") if key == "file" else row[column]
        if not name:
            found.say_row("unreadable-row", ",".join(row), f"names nothing in column {names[column]}")
            continue
        found.number(name)
        for index, label in labels.items():
            if row[index]:
                found.give(name, label.column, row[index])
    given = found.labels(key, complete=False, derive_any=True)
    if found.repeated:
        given.remarks.append(f"{found.repeated:,} labels repeat another one exactly; each was counted once")
    if found.derived:
        given.remarks.append(f"any is taken from the five subtypes for {found.derived:,} ids")
    absent = [label for label in SUBTYPES if label not in labels.values()]
    if absent:
        given.remarks.append(f"no column for {', '.join(absent)}: unknown everywhere")
    return given


def _key(path: Path, known: Sequence[str]) -> tuple[int, str]:
    for name, key in KEYS.items():
        if plain(name) in known:
            return known.index(plain(name)), key
    raise FileError(f"{path}: has none of the columns {', '.join(KEYS)}")


def _labels(path: Path, known: Sequence[str]) -> dict[int, Label]:
    found = {index: NAMES[name] for index, name in enumerate(known) if name in NAMES}
    if _AMBIGUOUS in known:
        if Label.INTRAPARENCHYMAL not in found.values():
            raise FileError(f"{path}: column ICH may be any or intraparenchymal; name it one of these")
        found[known.index(_AMBIGUOUS)] = Label.ANY
    twice = [label for label in LABELS if list(found.values()).count(label) > 1]
    if twice:
        raise FileError(f"{path}: has two columns for {twice[0]}")
    if not found:
        raise FileError(f"{path}: has no column for a label; they are called {', '.join(LABELS)}")
    return found
