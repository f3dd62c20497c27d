"""Draw the cases of a study from a table of labels, and say how precise its results can be at best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.errors import StudyError
from ihd_core.estimate import wilson
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.study.order import lot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Table = Mapping[str, Mapping[Label, bool]]

FEW = 30
"""Positives of a label below which a warning is given."""


@dataclass(frozen=True, slots=True)
class LabelCount:
    """A row of the paper's Table 4, with what it means for the results.

    Attributes:
        positive: cases with the label; negative: those without.
        sensitivity_width: from end to end, of the widest 95 % Wilson interval that a sensitivity can have with so many
            positives, 0..1; None without any. specificity_width: likewise of a specificity.
    """

    label: Label
    positive: int
    negative: int
    sensitivity_width: float | None
    specificity_width: float | None


def select(table: Table, count: int, seed: int, *, minimum: int = 0) -> tuple[str, ...]:
    """Draw cases without repetition, in the order of their lots (`seed||select|case`).

    Args:
        table: labels by case.
        count: how many cases.
        seed: of the lots.
        minimum: 0 draws by prevalence: all cases alike. Otherwise so many positives of every label at least, the
            rarest label first; then all others alike.

    Raises:
        StudyError: there are too few cases, or too few positives of a label.
    """
    if count > len(table):
        raise StudyError(f"{count} cases are asked for, the table has {len(table)}")
    ordered = sorted(table, key=lambda case: lot(seed, "", "select", case))
    chosen: set[str] = set()
    totals = {label: sum(calls.get(label, False) for calls in table.values()) for label in _labels(table)}
    for label in sorted(totals, key=lambda label: totals[label]) if minimum else ():
        if totals[label] < minimum:
            raise StudyError(f"{label}: {minimum} positives are asked for, the table has {totals[label]}")
        for case in ordered:
            if sum(table[one][label] for one in chosen) >= minimum:
                break
            if table[case][label]:
                chosen.add(case)
    if len(chosen) > count:
        raise StudyError(f"{count} cases are too few for {minimum} positives of every label, {len(chosen)} would do")
    for case in ordered:
        if len(chosen) == count:
            break
        chosen.add(case)
    return tuple(case for case in ordered if case in chosen)


def counts(table: Table) -> tuple[LabelCount, ...]:
    """How many cases have each label, any first."""
    found = []
    for label in _labels(table):
        positive = sum(calls[label] for calls in table.values())
        negative = len(table) - positive
        found.append(LabelCount(label, positive, negative, _widest(positive), _widest(negative)))
    return tuple(found)


def counts_text(found: Sequence[LabelCount]) -> str:
    """The paper's Table 4, with the widest intervals."""
    lines = ["label              positive  negative  sensitivity at worst  specificity at worst"]
    for one in found:
        widths = [
            f"{f'± {width / 2:.3f}' if width is not None else '-':>20}"
            for width in (one.sensitivity_width, one.specificity_width)
        ]
        lines.append(f"{one.label:<18} {one.positive:>8}  {one.negative:>8}  {widths[0]}  {widths[1]}")
    return "\n".join(lines)


def count_warnings(found: Sequence[LabelCount]) -> tuple[str, ...]:
    """One sentence for every label with fewer than FEW positives."""
    return tuple(
        f"{one.label}: {one.positive} positives, fewer than {FEW}; its sensitivity will say little"
        for one in found
        if one.positive < FEW
    )


def _labels(table: Table) -> tuple[Label, ...]:
    return tuple(label for label in DISPLAY_ORDER if all(label in calls for calls in table.values()))


def _widest(trials: int) -> float | None:
    """Wilson's interval is widest where half of the trials succeed."""
    if not trials:
        return None
    found = wilson(trials // 2, trials)
    return found.high - found.low
