"""Bring copies of one study together; the longer of two records that begin alike counts, and nothing is lost."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.errors import FileError, StudyError
from ihd_core.files import file_errors, make_folder, write_atomically
from ihd_core.study.design import LEAD
from ihd_core.study.journal_file import Tail, lock, tail_path, write_tail
from ihd_core.study.record import read_lines
from ihd_core.study.study_folder import PROTOCOL, open_study

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ihd_core.study.study_folder import StudyFolder


@dataclass(frozen=True, slots=True)
class Merged:
    """What merging changed.

    Attributes:
        study: as it is now.
        taken: one line for every file that was taken from a copy; empty where there was nothing new.
    """

    study: StudyFolder
    taken: tuple[str, ...]


def merge(path: Path, others: Sequence[Path]) -> Merged:
    """Bring what copies of a study know into one of them. Doing it again changes nothing.

    Args:
        path: the study that receives.
        others: copies; only read.

    Raises:
        StudyError: the protocols contradict each other, two records of one reader go different ways (the row is
            named), a record is in use, or a file cannot be read or written. What was merged before stays.
    """
    taken: list[str] = []
    open_study(path)
    for other in others:
        theirs = open_study(other)
        _protocols(path, other, taken)
        study = open_study(path)
        for name in (LEAD, *(reader.name for reader in study.protocol.readers)):
            _records(study.journal(name), theirs.journal(name), taken)
        _beside(path, other, taken)
    return Merged(open_study(path), tuple(taken))


def _protocols(path: Path, other: Path, taken: list[str]) -> None:
    """The newer version counts where it amends the other's."""
    ours, theirs = open_study(path), open_study(other)
    if ours.sha256 == theirs.sha256 or theirs.sha256 in ours.versions:
        return
    if ours.sha256 not in theirs.versions:
        raise StudyError(
            f"{other / PROTOCOL}: version {theirs.protocol.version} of {theirs.protocol.study} and version "
            f"{ours.protocol.version} of {ours.protocol.study} in {path / PROTOCOL} are not of one line"
        )
    versions = make_folder(path / "versions")
    for number in range(ours.protocol.version, theirs.protocol.version):
        name = f"protocol-{number}.toml"
        _copy(other / "versions" / name, versions / name)
    _copy(other / PROTOCOL, path / PROTOCOL)
    taken.append(f"{PROTOCOL}: version {theirs.protocol.version} from {other}")


def _records(ours: Path, theirs: Path, taken: list[str]) -> None:
    if not theirs.exists():
        return
    new = _hashes(theirs)
    old = _hashes(ours) if ours.exists() else []
    for number, (mine, other) in enumerate(zip(old, new, strict=False), start=1):
        if mine != other:
            raise StudyError(f"{theirs}: from its intact row {number} on it says something else than {ours}")
    if len(new) <= len(old):
        return
    make_folder(ours.parent)
    with file_errors(ours):
        descriptor = os.open(ours, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        lock(descriptor, ours)
        _copy(theirs, ours)
        lines = [line.row for line in read_lines(theirs) if line.row is not None]
        with file_errors(tail_path(ours)):
            write_tail(ours, Tail(int(lines[-1]["sequence"]), lines[-1]["hash"]))
    finally:
        os.close(descriptor)
    taken.append(f"{ours.name}: {len(new) - len(old)} rows from {theirs.parent}")


def _hashes(path: Path) -> list[str]:
    return [line.row["hash"] for line in read_lines(path) if line.row is not None]


def _beside(path: Path, other: Path, taken: list[str]) -> None:
    """What the lead made in the other copy: sealed lists, and the truth once it is shown."""
    known = {path.name for path in path.iterdir()}
    for file in sorted(other.iterdir()):
        if file.suffix in (".sealed", ".json") and file.name not in known:
            _copy(file, path / file.name)
            taken.append(f"{file.name}: from {other}")


def _copy(source: Path, target: Path) -> None:
    try:
        write_atomically(target, source.read_bytes())
    except OSError as error:
        raise StudyError(f"{source}: cannot be read ({error.strerror or error})") from error
    except FileError as error:
        raise StudyError(str(error)) from error
