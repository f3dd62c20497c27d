"""Accuracy, ROC AUC, sensitivity and specificity on slices and scans, laid out as the paper's Table 3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.labels import DISPLAY_ORDER, Label
from training.data.slice_table import UNKNOWN
from training.judging.calibration import bin_of_row
from training.metrics import Counts, counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from training.judging.bootstrap import Bootstrap, Drawn

CNN, BILSTM, FINAL = "CNN", "CNN + BiLSTM", "system"
"""Who is measured; the system is the BiLSTM with the run's blend and scan rule."""

METRICS = ("accuracy", "auc", "sensitivity", "specificity")
CALIBRATION = ("calibration_mass", "calibration_width")
LEVELS = ("slice", "scan")

_NAMES = {
    Label.ANY: "Any",
    Label.EPIDURAL: "Epidural (EPH)",
    Label.INTRAPARENCHYMAL: "Intraparenchymal (IPH)",
    Label.INTRAVENTRICULAR: "Intraventricular (IVH)",
    Label.SUBARACHNOID: "Subarachnoid (SAH)",
    Label.SUBDURAL: "Subdural (SDH)",
}
"""As the paper's table writes them."""
_TITLES = {"accuracy": "Accuracy", "auc": "ROC AUC", "sensitivity": "Sensitivity", "specificity": "Specificity"}


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """How good one model is at one label, on slices or on scans.

    Attributes:
        model: CNN, BILSTM or FINAL.
        level: "slice" or "scan".
        label: of the six.
        counts: of calls, p > 0.5.
        accuracy: with its draws, like all that follow.
        calibration_mass: expected calibration error over bins of equal mass.
        calibration_width: likewise over bins of equal width.
    """

    model: str
    level: str
    label: Label
    counts: Counts
    accuracy: Drawn
    auc: Drawn
    sensitivity: Drawn
    specificity: Drawn
    calibration_mass: Drawn
    calibration_width: Drawn


def measured(
    bootstrap: Bootstrap,
    model: str,
    level: str,
    label: Label,
    *,
    truth: NDArray[np.int8],
    score: NDArray[np.float32],
    patient: NDArray[np.intp],
) -> Row:
    """Measure one label.

    Args:
        bootstrap: its draws.
        model: for the row.
        level: for the row.
        label: for the row.
        truth: (rows,): 1, 0 or UNKNOWN; rows where it is not known are left out.
        score: (rows,), probabilities.
        patient: (rows,), numbers of the bootstrap's patients.
    """
    known = truth != UNKNOWN
    yes, p, who = truth[known] == 1, score[known], patient[known]
    called = p > 0.5
    excess = p.astype("float64") - yes
    accuracy, sensitivity, specificity = bootstrap.rates(yes, called, who)
    return Row(
        model,
        level,
        label,
        counts(yes, called),
        accuracy,
        bootstrap.area(yes, p, who),
        sensitivity,
        specificity,
        bootstrap.calibration_error(excess, bin_of_row(p, "equal mass"), who),
        bootstrap.calibration_error(excess, bin_of_row(p, "equal width"), who),
    )


def values_table(values: Mapping[tuple[str, str, Label, str], float], models: Sequence[str]) -> str:
    """Markdown in the paper's layout.

    Args:
        values: by model, level, label and metric.
        models: one part of the table each, in order.
    """
    head = ["ICH type", *(f"{_TITLES[metric]} on {level}s" for metric in METRICS for level in LEVELS)]
    lines = [_line(head), _line(["---", *["---:"] * 8])]
    for model in models:
        lines.append(_line([f"**{model}**", *[""] * 8]))
        for label in DISPLAY_ORDER:
            cells = [_number(values[model, level, label, metric]) for metric in METRICS for level in LEVELS]
            lines.append(_line([_NAMES[label], *cells]))
    return "\n".join(lines) + "\n"


def paper_layout(rows: Iterable[Row]) -> str:
    """Markdown of measured rows in the paper's layout: the best model first, the CNN last."""
    rows = list(rows)
    values = {(r.model, r.level, r.label, m): getattr(r, m).value for r in rows for m in METRICS}
    return values_table(values, [model for model in (FINAL, BILSTM, CNN) if any(r.model == model for r in rows)])


def interval_table(rows: Iterable[Row]) -> str:
    """Markdown of every number with its 95 % interval, one line a model, level and label."""
    titles = ["Model", "Level", "ICH type", "Positive", "Negative", *_TITLES.values(), "ECE, equal mass"]
    lines = [_line([*titles, "ECE, equal width"]), _line([*["---"] * 3, *["---:"] * 8])]
    for row in rows:
        names = (*METRICS, *CALIBRATION)
        numbers = [with_interval(getattr(row, name)) for name in names]
        count = [str(row.counts.positives), str(row.counts.negatives)]
        lines.append(_line([row.model, row.level, _NAMES[row.label], *count, *numbers]))
    return "\n".join(lines) + "\n"


def with_interval(drawn: Drawn, *, digits: int = 4, sign: bool = False) -> str:
    """A number with its interval for a table; a dash where it is not defined."""
    found = drawn.estimate()
    if found is None:
        return "–"
    shape = f"{'+' if sign else ''}.{digits}f"
    return f"{found.value:{shape}} ({found.low:{shape}} to {found.high:{shape}})"


def _number(value: float) -> str:
    return "–" if value != value else f"{value:.4f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
