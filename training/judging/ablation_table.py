"""What each part of a recipe is worth: areas under the ROC curve, paired differences, and what a fit's seed does."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import DISPLAY_ORDER, Label
from training.data.slice_table import UNKNOWN
from training.judging.bootstrap import Drawn
from training.judging.recipes import BASE
from training.judging.table3 import with_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from training.data.slice_table import SliceTable
    from training.judging.bootstrap import Bootstrap
    from training.judging.recipes import Recipe

_PURPOSE = 15
_COLUMNS = (
    "recipe", "fits", "label", "auc", "auc_low", "auc_high", "against", "difference", "difference_low",
    "difference_high", "largest_between_fits", "verdict",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One fit.

    Attributes:
        areas: under the ROC curve, slices on which a label can be seen against those without it.
    """

    areas: Mapping[Label, Drawn]

    @classmethod
    def of(cls, table: SliceTable, logits: NDArray[np.float32], bootstrap: Bootstrap) -> Measured:
        """Measure logits (rows, labels) of the table's rows; a row of which a label is not known is left out for it."""
        patient, areas = bootstrap.patient(table.patients), dict[Label, Drawn]()
        for label in DISPLAY_ORDER:
            truth = table.truth[:, label.column]
            known = truth != UNKNOWN
            areas[label] = bootstrap.area(truth[known] == 1, logits[known, label.column], patient[known])
        return cls(areas)


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """One label of one recipe.

    Attributes:
        area: mean over the recipe's fits; its draws are of patients.
        difference: to the recipe that it is compared with; its draws are of patients and of fits. None for the base.
        spread: the largest difference between two fits of one recipe, of this label; nan where none has two.
    """

    area: Drawn
    difference: Drawn | None
    spread: float

    @property
    def verdict(self) -> str:
        """Whether a difference is more than chance: "higher", "lower", "noise", or empty where nobody can say.

        It is where the interval leaves out 0, and two fits of one recipe never differed so much.
        """
        found = self.difference.estimate() if self.difference is not None else None
        if found is None or np.isnan(self.spread):
            return ""
        if found.low <= 0 <= found.high or abs(found.value) <= self.spread:
            return "noise"
        return "higher" if found.value > 0 else "lower"


@dataclass(frozen=True, slots=True, eq=False)
class AblationRow:
    """One recipe.

    Attributes:
        against: name of the recipe that it is compared with; empty for the base.
        fits: how many.
        labels: none where it was not measured, or not yet.
        reason: why it was not measured.
    """

    name: str
    against: str
    fits: int
    labels: Mapping[Label, Compared]
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class AblationTable:
    """The recipes as measured; the first row is the base.

    Attributes:
        caption: on what they were measured.
    """

    rows: tuple[AblationRow, ...]
    caption: str

    def as_markdown(self) -> str:
        """Areas, then differences, then in words what is more than chance."""
        titles = [label.short_name for label in DISPLAY_ORDER]
        rule = ["---:"] * len(titles)
        areas = [["Recipe", "Fits", *titles], ["---", "---:", *rule]]
        gains = [["Recipe", "against", *titles], ["---", "---", *rule]]
        for row in self.rows:
            if not row.labels:
                areas.append(
                    [row.name, f"not measured: {row.reason}" if row.reason else "not yet", *[""] * len(titles)]
                )
                continue
            areas.append([row.name, str(row.fits), *(with_interval(one.area) for one in row.labels.values())])
            if row.against:
                differences = [one.difference for one in row.labels.values()]
                cells = ["–" if one is None else with_interval(one, sign=True) for one in differences]
                gains.append([row.name, row.against, *cells])
        spread = [one.spread for one in self.rows[0].labels.values()]
        if not np.isnan(spread).all():
            gains.append(["largest difference between two fits of one recipe", "", *(f"{one:.4f}" for one in spread)])
        parts = [_table(areas), "Differences; a larger area is better:", _table(gains)]
        return "\n\n".join([*parts, "\n".join(f"* {line}" for line in self._words()), self.caption]) + "\n"

    def as_csv(self) -> str:
        """One line for every recipe and label."""
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(_COLUMNS)
        for row in self.rows:
            for label, one in row.labels.items():
                numbers = [*_numbers(one.area), row.against, *_numbers(one.difference)]
                spread = "" if np.isnan(one.spread) else f"{one.spread:.6f}"
                lines.writerow([row.name, row.fits, label, *numbers, spread, one.verdict])
        return text.getvalue()

    def _words(self) -> list[str]:
        """One line for every recipe that is compared."""
        lines = []
        for row in self.rows:
            if not row.against or not row.labels:
                continue
            by_verdict = {
                verdict: [label.short_name for label, one in row.labels.items() if one.verdict == verdict]
                for verdict in ("lower", "higher")
            }
            said = [f"{verdict} for {_joined(names)}" for verdict, names in by_verdict.items() if names]
            if not any(one.verdict for one in row.labels.values()):
                said = ["nobody can say: no recipe was fitted twice"]
            lines.append(f"{row.name}, against {row.against}: {'; '.join(said) or 'nothing beyond chance'}.")
        return lines


def tabulated(
    recipes: Iterable[Recipe],
    measured: Mapping[str, Sequence[Measured]],
    reasons: Mapping[str, str],
    table: SliceTable,
    seed: int,
) -> AblationTable:
    """Compare what was measured.

    The draws of a difference are those of the patients, the same for both sides, and to each the chance of the fits is
    added: Student's t with the deviation of all fits from the mean of their recipe, because three fits cannot be drawn
    from as patients can. A recipe that was fitted once is as uncertain as the others show that a fit is.

    Args:
        recipes: the base first; each after the one that it is compared with.
        measured: the fits of each by its key; those that are not there have not been fitted yet.
        reasons: why a recipe is not fitted, by its key.
        table: the slices that were judged.
        seed: of the chance.
    """
    recipes = list(recipes)
    names = {one.key: one.name for one in recipes}
    spreads = {label: _spread(measured, label) for label in DISPLAY_ORDER}
    chances = {label: _chance(measured, label) for label in DISPLAY_ORDER}
    rows = []
    for recipe in recipes:
        rng = np.random.default_rng([_PURPOSE, seed, *recipe.key.encode()])  # whatever other recipes there are
        fits, other = measured.get(recipe.key, ()), measured.get(recipe.against, ())
        labels = {}
        for label in DISPLAY_ORDER if fits else ():
            area, difference = _mean(fits, label), None
            if recipe.key != BASE and other:
                plain, (deviation, freedom) = area.minus(_mean(other, label)), chances[label]
                chance = rng.standard_t(max(freedom, 1), len(plain.draws))
                noise = deviation * np.sqrt(1 / len(fits) + 1 / len(other)) * chance
                difference = Drawn(plain.value, plain.draws + noise, f"{plain.method}, and over fits")
            labels[label] = Compared(area, difference, spreads[label])
        against = "" if recipe.key == BASE else names[recipe.against]
        rows.append(AblationRow(recipe.name, against, len(fits), labels, reasons.get(recipe.key, "")))
    method = next(iter(measured.values()))[0].areas[Label.ANY].method
    return AblationTable(tuple(rows), _caption(table, method))


def _mean(fits: Sequence[Measured], label: Label) -> Drawn:
    """Of several fits; the draws of all are of the same patients."""
    areas = [one.areas[label] for one in fits]
    return Drawn(
        float(np.mean([one.value for one in areas])), np.mean([one.draws for one in areas], axis=0), areas[0].method
    )


def _values(measured: Mapping[str, Sequence[Measured]], label: Label) -> list[NDArray[np.float64]]:
    """The areas of the fits of every recipe that was fitted several times."""
    return [np.array([one.areas[label].value for one in fits]) for fits in measured.values() if len(fits) > 1]


def _spread(measured: Mapping[str, Sequence[Measured]], label: Label) -> float:
    return max((float(np.ptp(values)) for values in _values(measured, label)), default=float("nan"))


def _chance(measured: Mapping[str, Sequence[Measured]], label: Label) -> tuple[float, int]:
    """Standard deviation of a fit about the mean of its recipe, pooled over the recipes, and its degrees of freedom."""
    values = _values(measured, label)
    freedom = sum(len(one) - 1 for one in values)
    squares = sum(float(np.square(one - one.mean()).sum()) for one in values)
    return float(np.sqrt(squares / freedom)) if freedom else 0.0, freedom


def _caption(table: SliceTable, method: str) -> str:
    seen = [f"{label.short_name} {int((table.truth[:, label.column] == 1).sum()):,}" for label in DISPLAY_ORDER]
    count, scans = f"{len(table):,}", f"{len(np.unique(table.scans)):,}"
    return (
        f"Area under the ROC curve on {count} slices of {scans} scans that no fit saw, slices on which a label can be"
        f" seen ({', '.join(seen)}) against those without it; {method}, the same for all fits. Intervals hold 95 %;"
        " those of differences are over patients and fits. Higher or lower is said where the interval leaves out 0 and"
        " two fits of one recipe never differed so much."
    )


def _numbers(drawn: Drawn | None) -> list[str]:
    found = drawn.estimate() if drawn is not None else None
    return ["", "", ""] if found is None else [f"{one:.6f}" for one in (found.value, found.low, found.high)]


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _table(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
