"""Runs that differ from a finished one in a few numbers, and take from it every step that these do not touch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.config import changed
from training.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from ihd_core.progress import Report

_SHARES = 1000
"""Steps of progress that one stage of one variant counts."""


def variant(run: RunFolder, folder: Path, changes: Iterable[str]) -> RunFolder:
    """The run with some numbers changed, in a folder of its own.

    Args:
        run: whose finished steps are taken where they are the same.
        folder: of the variant; what an earlier sitting finished there is kept.
        changes: each "section.name=value".

    Raises:
        FileError: the folder holds steps of other numbers.
    """
    return RunFolder(folder, changed(run.config, list(changes)), base=run)


def complete(run: RunFolder, report: Report, *, sequence: bool = True) -> None:
    """Run the stages from split to sequence as far as they are not done; up to the CNN's features if asked.

    Raises:
        ConfigError: a number does not fit the data, for example more features than there are.
        Cancelled: by report; the same call goes on from there.
    """
    from training.data.split import make_split
    from training.fitting.cnn import train_cnn
    from training.fitting.features import extract
    from training.fitting.reduction import fit_reduction
    from training.fitting.sequence import train_sequence

    stages: list[Callable[..., None]] = [make_split, train_cnn, extract]
    stages += [fit_reduction, train_sequence] if sequence else []
    for number, stage in enumerate(stages):
        stage(run, report=part_of(report, number, len(stages)))


def part_of(report: Report, number: int, parts: int) -> Report:
    """Progress within one of several parts of equal weight, as progress of all of them."""

    def within(done: int, total: int) -> None:
        share = _SHARES * done // total if total else _SHARES
        report(number * _SHARES + share, parts * _SHARES)

    return within
