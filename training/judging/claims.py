"""The paper's claims, checked on a run's own Table 2: each holds, does not hold, or is undecided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ihd_core.labels import SUBTYPES, Label
from training.judging.bootstrap import Drawn
from training.judging.table2 import CNN_ALONE, FINAL_ROW, PCA_120, PCA_192, SMALLEST_120, SMALLEST_192
from training.judging.table3 import with_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ihd_core.estimate import Estimate
    from training.judging.table2 import Table2, Table2Row

Verdict = Literal["holds", "does not hold", "undecided"]

MARGIN = 0.02
"""Share of the loss with more features by which fewer may be worse and still count as not worse."""


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """A claim and what the run says to it.

    Attributes:
        text: of the claim.
        verdict: by the interval of the difference.
        difference: that decides it, with its paired draws; None where a row is missing.
        figures: the difference as text, or why there is none.
    """

    text: str
    verdict: Verdict
    difference: Drawn | None
    figures: str


def claims(table: Table2) -> list[Claim]:
    """The claims of Burduja et al., Sensors 2020, 20(19):5611, sections 4.3 and 4.4.

    A claim holds where the whole 95 % interval of the paired difference lies on its side of zero, does not hold where
    it lies on the other, and is undecided where it crosses zero. "Not worse" holds where the interval ends below a
    margin of 2 % of the loss, and does not hold where all of it is worse.
    """
    final, cnn = table.row(FINAL_ROW), table.row(CNN_ALONE)
    system = "BiLSTM on PCA features and probabilities"
    more = f"{system} is more sensitive on slices than the CNN alone"
    found = [
        _better(f"{system} has a smaller weighted log loss than the CNN alone", _loss, final, cnn, wanted_sign=-1),
        _better(f"{more}, for any", _any, final, cnn, wanted_sign=1),
        _better(f"{more}, mean of the subtypes", _subtypes, final, cnn, wanted_sign=1),
    ]
    for kind, few, many in (("PCA", PCA_120, PCA_192), ("smallest weights", SMALLEST_120, SMALLEST_192)):
        text = f"120 features are not worse than 192 ({kind}; margin {100 * MARGIN:g} % of the loss)"
        found.append(_not_worse(text, table.row(few), table.row(many)))
    return found


def as_markdown(found: Iterable[Claim]) -> str:
    """A table of claims."""
    lines = ["| Claim of the paper | Here | Difference (95 %) |", "| --- | --- | --- |"]
    lines += [f"| {claim.text} | {claim.verdict} | {claim.figures} |" for claim in found]
    return "\n".join(lines) + "\n"


def verdict_of(difference: Estimate, wanted_sign: int, *, margin: float = 0.0) -> Verdict:
    """What an interval says of a difference that should be above (1) or below (-1) zero.

    Args:
        difference: with its interval.
        wanted_sign: 1 or -1.
        margin: by how much it may be on the wrong side; 0: it must be on the right one.
    """
    low, high = sorted((wanted_sign * difference.low, wanted_sign * difference.high))
    if high < 0:
        return "does not hold"
    return "holds" if low > -margin else "undecided"


def _better(
    text: str, number: Callable[[Table2Row], Drawn | None], one: Table2Row, other: Table2Row, *, wanted_sign: int
) -> Claim:
    first, second = number(one), number(other)
    if first is None or second is None:
        return Claim(text, "undecided", None, _reasons(one, other))
    return _claim(text, first.minus(second), wanted_sign, 0.0)


def _not_worse(text: str, few: Table2Row, many: Table2Row) -> Claim:
    if few.loss is None or many.loss is None:
        return Claim(text, "undecided", None, _reasons(few, many))
    return _claim(text, few.loss.minus(many.loss), -1, MARGIN * many.loss.value)


def _claim(text: str, difference: Drawn, sign: int, margin: float) -> Claim:
    found = difference.estimate()
    if found is None:
        return Claim(text, "undecided", difference, "no slice has the label")
    verdict = verdict_of(found, sign, margin=margin)
    return Claim(text, verdict, difference, with_interval(difference, digits=5, sign=True))


def _loss(row: Table2Row) -> Drawn | None:
    return row.loss


def _any(row: Table2Row) -> Drawn | None:
    return None if row.sensitivity is None else row.sensitivity[Label.ANY]


def _subtypes(row: Table2Row) -> Drawn | None:
    """Mean over the subtypes that the judged slices have."""
    if row.sensitivity is None:
        return None
    there = [row.sensitivity[label] for label in SUBTYPES if not np.isnan(row.sensitivity[label].value)]
    if not there:
        return row.sensitivity[Label.ANY]
    value = float(np.mean([one.value for one in there]))
    return Drawn(value, np.mean([one.draws for one in there], axis=0), there[0].method)


def _reasons(*rows: Table2Row) -> str:
    return "; ".join(f"{row.method.name}: {row.reason}" for row in rows if row.reason)
