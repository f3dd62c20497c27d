"""Stage ablate: what in the recipe of the slice network matters; each part changed alone, judged on unseen scans."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.errors import FileError
from ihd_core.files import file_errors, make_folder, sha256, write_atomically
from ihd_core.progress import Report, silent
from training.config import ConfigError, as_dict, changed
from training.data.pictures import open_pictures
from training.data.slice_table import UNKNOWN
from training.judging.ablation_table import AblationTable, Measured, tabulated
from training.judging.bootstrap import Bootstrap
from training.judging.judged import NothingToJudgeError
from training.judging.recipes import BASE, Recipe, chosen
from training.judging.variants import part_of, variant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from training.config import RunConfig
    from training.data.pictures import Pictures
    from training.data.slice_table import SliceTable
    from training.fitting.distributed import Processes
    from training.run_folder import RunFolder

SEEDS, EACH = 3, 1
"""Fits of the base, and of every other recipe, unless asked otherwise."""
MOST_JUDGED = 8_000
"""At most so many slices are judged, drawn by chance: all of a head say little more than some of them."""
TABLE, ROWS = "ablation.md", "ablation.csv"
_PURPOSE = 14
_LOGITS, _MARK = "logits.npy", "fit.json"


class FaintAsBlood:
    """Prepared phantoms whose blood counts as there where it is too faint to be seen.

    Phantoms lack a label only for such blood, see data.synthetic.write_synthetic().
    """

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self.side = pictures.side

    @cached_property
    def table(self) -> SliceTable:
        """One row a picture, every label of which is known."""
        table = self._pictures.table
        return replace(table, truth=np.where(table.truth == UNKNOWN, 1, table.truth).astype(np.int8))

    def hu(self, row: int) -> NDArray[np.int16]:
        """A picture, (side, side)."""
        return self._pictures.hu(row)

    def cells(self, row: int) -> NDArray[np.uint8] | None:
        """Its lesions, as they are marked."""
        return self._pictures.cells(row)

    def neighbour_rows(self, count: int) -> NDArray[np.intp]:
        """Rows that every picture is shown with."""
        return self._pictures.neighbour_rows(count)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of the prepared slices.

    Attributes:
        fitted: the CNN's own.
        judged: of scans that no fit of the CNN sees, rising.
    """

    fitted: NDArray[np.intp]
    judged: NDArray[np.intp]


def ablate(
    run: RunFolder, only: Sequence[str] = (), *, seeds: int = SEEDS, each: int = EACH, report: Report = silent
) -> AblationTable:
    """Fit the CNN by every recipe, and judge it on scans that no fit has seen: validation, BiLSTM's and test scans.

    Nothing is chosen on any of them: of every fit the last weights are judged. What an earlier sitting fitted is kept.
    ablation/ablation.md and ablation.csv are written anew after every fit, with those that are there.

    Args:
        run: with the steps split and slices; of several folds the first is fitted.
        only: keys of recipes; none: all.
        seeds: fits of the base, from the run's seed up.
        each: of every other recipe.
        report: called with shares of all fits; may raise Cancelled.

    Raises:
        Cancelled: by report or a signal; the same call goes on from there.
        ConfigError: no such recipe, or fewer than one fit of it.
        FileError: a step before this one is missing, or a fit was begun with other data or numbers.
        NothingToJudgeError: there is no scan that no fit sees.
    """
    for name, value in (("--seeds", seeds), ("--each", each)):
        if value < 1:
            raise ConfigError(f"{name} is {value}, must be at least 1")
    recipes, reasons = _compared(run, chosen(only))
    fits = list(_fits([one for one in recipes if one.key not in reasons], seeds, each))
    rows, folder = _rows(run), make_folder(run.path / "ablation")
    table = open_pictures(run).table.rows(rows.judged)
    bootstrap = Bootstrap(table.patients, draws=run.config.evaluate.draws, seed=run.config.seed)
    measured: dict[str, list[Measured]] = {}
    for number, (recipe, seed) in enumerate(fits):
        found = _fitted(run, recipe, seed, rows, part_of(report, number, len(fits)))
        measured.setdefault(recipe.key, []).append(Measured.of(table, found, bootstrap))
        made = tabulated(recipes, measured, reasons, table, run.config.seed)
        write_atomically(folder / TABLE, f"# {run.config.name}: ablations\n\n{made.as_markdown()}".encode())
        write_atomically(folder / ROWS, made.as_csv().encode())
    return made


def _compared(run: RunFolder, recipes: Sequence[Recipe]) -> tuple[list[Recipe], dict[str, str]]:
    """The recipes, each against one that is fitted; and by key why one is not."""
    reasons, found = dict[str, str](), dict[str, Recipe]()
    for recipe in recipes:
        against = found.get(recipe.against)
        while against is not None and against.key in reasons:
            against = found[against.against]
        if against is not None:
            if recipe.is_as(against, run.config):
                reasons[recipe.key] = "the run has it already"
            elif recipe.faint_is_blood and not run.is_done("synthetic"):
                reasons[recipe.key] = "only of phantoms is it known that a label that is missing is of faint blood"
            recipe = replace(recipe, against=against.key)
        found[recipe.key] = recipe
    return list(found.values()), reasons


def _fits(recipes: Sequence[Recipe], seeds: int, each: int) -> Iterator[tuple[Recipe, int]]:
    """What is fitted with which of the seeds, in order: each recipe once before any other than the base twice."""
    for number in range(max(seeds, each)):
        for recipe in recipes:
            if recipe.key == BASE and number == 0:
                yield from ((recipe, own) for own in range(seeds))
            elif recipe.key != BASE and number < each:
                yield recipe, number


def _rows(run: RunFolder) -> Rows:
    from training.data.split import ROLES, roles

    table = open_pictures(run).table
    role = roles(run, table, 0)
    fitted = np.flatnonzero(role == ROLES.index("train"))
    unseen = np.isin(role, [ROLES.index(name) for name in ("sequence", "validation", "test")])
    judged = np.flatnonzero(unseen & table.has_labels())
    if not len(judged):
        raise NothingToJudgeError(f"{run.path}: no scan with labels is kept from the CNN; give the split a share")
    if len(judged) > MOST_JUDGED:
        rng = np.random.default_rng([_PURPOSE, run.config.seed])
        judged = np.sort(rng.choice(judged, MOST_JUDGED, replace=False))
    return Rows(fitted, judged)


def _fitted(run: RunFolder, recipe: Recipe, number: int, rows: Rows, report: Report) -> NDArray[np.float32]:
    """Logits of the judged rows, (rows, labels), of one fit; of an earlier sitting where it is there."""
    from training.fitting.cnn import fit_fold
    from training.fitting.distributed import joined
    from training.fitting.stop_signals import stop_signals

    folder = make_folder(run.path / "ablation" / recipe.key / f"seed{number}")
    part = _with_slices(run, recipe, part_of(report, 0, 2))
    config = replace(changed(part.config, list(recipe.changes)), seed=run.config.seed + number)
    _refuse_other(folder, _digest(part, config, recipe, rows))
    if not (folder / _LOGITS).exists():
        run.note(f"ablate: {recipe.name}: seed {config.seed}")
        pictures = open_pictures(part)
        source = FaintAsBlood(pictures) if recipe.faint_is_blood else pictures
        with joined() as processes, stop_signals() as stop:
            # Nothing is judged on the way: it would choose nothing.
            within = (rows.fitted, rows.judged[:0])
            own = part_of(report, 1, 2)
            fit_fold(folder, source, within, config, 0, processes=processes, report=own, stop=stop)
            _judge(folder, pictures, config, rows, processes)
    with file_errors(folder / _LOGITS, "cannot be read"):
        logits: NDArray[np.float32] = np.load(folder / _LOGITS)
    return logits


def _judge(folder: Path, pictures: Pictures, config: RunConfig, rows: Rows, processes: Processes) -> None:
    """Write what a fit says of the judged rows."""
    import torch

    from training.fitting.cnn import logits_of, read_cnn
    from training.fitting.loader import Loader

    cnn = read_cnn(config.cnn, folder).to(processes.device)
    cnn = cnn.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    found = logits_of(cnn, Loader(pictures, config.cnn), rows.judged, config.cnn.precision, processes)
    if not np.isfinite(found).all():
        raise FileError(f"{folder}: what the CNN says is no number; its fitting has failed")
    content = io.BytesIO()
    np.save(content, found, allow_pickle=False)
    write_atomically(folder / _LOGITS, content.getvalue())


def _with_slices(run: RunFolder, recipe: Recipe, report: Report) -> RunFolder:
    """The run, or one with pictures as the recipe wants them, of the same slices."""
    from training.data.prepare import prepare

    config = changed(run.config, list(recipe.changes))
    if config.prepare == run.config.prepare:
        return run
    part = variant(run, run.path / "ablation" / recipe.key / "run", recipe.changes)
    prepare(part, report=report)
    if not np.array_equal(open_pictures(part).table.ids, open_pictures(run).table.ids):
        raise FileError(f"{part.path}: has other slices than {run.path}, so no difference can be paired")
    return part


def _digest(part: RunFolder, config: RunConfig, recipe: Recipe, rows: Rows) -> str:
    """Stands for everything a fit depends on."""
    numbers = as_dict(config)
    of = [numbers["seed"], numbers["cnn"], numbers["localised"], recipe.faint_is_blood]
    judged = sha256(rows.judged.astype("<i8").tobytes())
    return sha256(json.dumps([*of, part.digest("slices"), part.digest("split"), judged], sort_keys=True).encode())


def _refuse_other(folder: Path, digest: str) -> None:
    mark = folder / _MARK
    if not mark.exists():
        write_atomically(mark, json.dumps({"digest": digest}).encode())
        return
    with file_errors(mark, "cannot be read"):
        begun = json.loads(mark.read_text())["digest"]
    if begun != digest:
        raise FileError(f"{folder}: begun with other data or numbers; remove it")
