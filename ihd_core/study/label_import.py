"""Read tables of labels that were made elsewhere, so that studies of others can be analysed with this program."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.errors import StudyError
from ihd_core.json_values import only, text, texts
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.study.design import NAME
from ihd_core.study.export_tables import TABLES
from ihd_core.study.tables import csv_text, read_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Names:
    """Which column of a foreign table holds what.

    Attributes:
        case: column with the case.
        truth: column by label.
        readers: column by label, by pseudonym of the reader.
        yes: cells that mean yes; no likewise; an empty cell is no answer.
        arm: "without" or "with" the model.
    """

    case: str
    truth: Mapping[Label, str]
    readers: Mapping[str, Mapping[Label, str]]
    yes: tuple[str, ...] = ("1",)
    no: tuple[str, ...] = ("0",)
    arm: str = "without"


def read_names(path: Path) -> Names:
    """Read the TOML that maps names: case, optional yes, no and arm, tables [truth] and [readers.NAME] by label.

    Raises:
        StudyError: it cannot be read, or a name is unknown or of the wrong kind.
    """
    try:
        said = tomllib.loads(path.read_bytes().decode())
        only(said, {"case", "yes", "no", "arm", "truth", "readers"}, "the file of names")
        only(said["readers"], set(said["readers"]), "readers")
        found = Names(
            case=text(said, "case"),
            truth=_columns(said.get("truth", {}), "truth"),
            readers={name: _columns(columns, f"readers.{name}") for name, columns in said["readers"].items()},
            yes=texts(said, "yes") if "yes" in said else ("1",),
            no=texts(said, "no") if "no" in said else ("0",),
            arm=text(said, "arm") if "arm" in said else "without",
        )
        if found.arm not in ("without", "with"):
            raise ValueError(f"arm is {found.arm!r}, must be without or with")
        if set(found.yes) & set(found.no):
            raise ValueError(f"{min(set(found.yes) & set(found.no))!r} means yes and no")
        for name in found.readers:
            if not NAME.fullmatch(name):
                raise ValueError(f"reader {name!r}: a pseudonym is letters, digits, points, hyphens and underscores")
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror or error})") from error
    except KeyError as error:
        raise StudyError(f"{path}: {error.args[0]} is missing") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise StudyError(f"{path}: {' '.join(str(error).split())}") from error
    return found


def imported_labels(table: Path, names: Names) -> str:
    """The foreign table as labels.csv of an export; calls alone, so that a yes has the suspicion 100 and a no 0.

    Raises:
        StudyError: a column is missing, a case stands twice, or a cell is none of yes, no and empty.
    """
    of_readers = [column for columns in names.readers.values() for column in columns.values()]
    rows = read_table(table, [names.case, *names.truth.values(), *of_readers])
    words = {**dict.fromkeys(names.yes, 1), **dict.fromkeys(names.no, 0), "": None}
    seen: set[str] = set()
    lines: list[tuple[object, ...]] = []

    def meant(place: str, column: str, cell: str) -> int | None:
        if cell not in words:
            raise StudyError(f"{place}: {column} is {cell!r}, must be one of {', '.join((*names.yes, *names.no))}")
        return words[cell]

    for row in rows:
        case = row[names.case]
        if case in seen:
            raise StudyError(f"{row.place}: case {case} stands twice")
        seen.add(case)
        true = {label: meant(row.place, column, row[column]) for label, column in names.truth.items()}
        for reader, columns in names.readers.items():
            for label, column in columns.items():
                call = meant(row.place, column, row[column])
                truth, phase = true.get(label), "blind" if names.arm == "without" else "assisted"
                shown = ["" if value is None else value for value in (call, call and 100, truth)]
                lines.append((reader, case, phase, names.arm, 1, 1, label, *shown, "", "", ""))
    lines.sort(key=lambda line: (str(line[0]), str(line[1]), DISPLAY_ORDER.index(Label(str(line[6])))))
    return csv_text([column.name for column in TABLES["labels.csv"]], lines)


def _columns(said: Mapping[str, str], name: str) -> dict[Label, str]:
    only(said, set(DISPLAY_ORDER), name)
    return {label: text(said, label) for label in DISPLAY_ORDER if label in said}
