"""Slices and scans per label, as the paper's Table 1 has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import DISPLAY_ORDER, LABELS, Label
from training.data.slice_table import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from training.data.slice_table import SliceTable

ROWS = (*(label.capitalize() for label in DISPLAY_ORDER), "None", "Total")
"""Names of the rows: the labels, any first; no hemorrhage; all, labelled or not."""


class Counts(dict[str, tuple[int | None, int | None]]):
    """Slices and scans by the name of the row; None where nobody knows."""


def counts(table: SliceTable) -> Counts:
    """Count a table of slices.

    A scan has a label that one of its slices has; one whose labels are not known counts in the total alone. The number
    of a label that is known nowhere is None.
    """
    starts = table.scan_starts()
    return _counts(table.truth, table.scan_truth[starts])


def slice_counts(truth: NDArray[np.int8]) -> Counts:
    """Count slices whose scans are not known, as those of a table of labels without images; int8 (slices, labels)."""
    return _counts(truth, None)


def _counts(truth: NDArray[np.int8], scan_truth: NDArray[np.int8] | None) -> Counts:
    found = Counts()
    for label in DISPLAY_ORDER:
        found[label.capitalize()] = (_number(truth, label, 1), _number(scan_truth, label, 1))
    found["None"] = (_number(truth, Label.ANY, 0), _number(scan_truth, Label.ANY, 0))
    found["Total"] = (len(truth), None if scan_truth is None else len(scan_truth))
    return found


def _number(truth: NDArray[np.int8] | None, label: Label, value: int) -> int | None:
    if truth is None or (truth[:, label.column] == UNKNOWN).all():
        return None
    return int((truth[:, label.column] == value).sum())


def as_markdown(columns: Mapping[str, Counts]) -> str:
    """The table, two columns a part of the data, such as {"Training": counts(...)}."""
    head = "| Subtype |" + "".join(f" {name}, slices | {name}, scans |" for name in columns)
    lines = [head, "|---|" + "---:|" * (2 * len(columns))]
    for row in ROWS:
        cells = (cell for part in columns.values() for cell in part[row])
        lines.append(f"| {row} |" + "".join(f" {'-' if cell is None else cell} |" for cell in cells))
    return "\n".join(lines) + "\n"


def prevalence(scan_truth: NDArray[np.int8]) -> NDArray[np.float64]:
    """Share of the scans whose label is known that have it, float64 (labels,); not a number where it is known of none.

    Args:
        scan_truth: int8 (scans, labels).
    """
    known = (scan_truth != UNKNOWN).sum(axis=0)
    positive = (scan_truth == 1).sum(axis=0)
    shares = np.full(len(LABELS), np.nan)
    np.divide(positive, known, out=shares, where=known > 0)
    return shares
