"""Where along the strip the slices stand, and the gaps between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from app.values.scan_gaps import Gap

NARROWEST_GAP, WIDEST_GAP = 14.0, 60.0  # pixels
GAPS_SHARE = 0.4  # of the plot, for all gaps together


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Where the slices and the gaps between them are drawn, pixels.

    Attributes:
        lefts: (slices,), left edges, increasing.
        width: of every slice.
        bands: every gap with its left edge and width.
    """

    lefts: NDArray[np.float64]
    width: float
    bands: tuple[tuple[Gap, tuple[float, float]], ...] = ()


def columns(left: float, width: float, slices: int, gaps: tuple[Gap, ...] = ()) -> Columns:
    """Share the width: equal columns for the slices, and between them bands that grow with what is missing."""
    if not slices:
        return Columns(np.zeros(0), 0.0)
    unit = width / (slices + sum(gap.missing for gap in gaps))
    wanted = [min(max(gap.missing * unit, NARROWEST_GAP), WIDEST_GAP) for gap in gaps]
    scale = min(1.0, GAPS_SHARE * width / sum(wanted)) if wanted else 1.0
    column = (width - scale * sum(wanted)) / slices
    lefts: NDArray[np.float64] = left + column * np.arange(slices, dtype=np.float64)
    bands = []
    for gap, band in zip(gaps, wanted, strict=True):
        start = lefts[gap.after_index] + column if gap.after_index >= 0 else left
        bands.append((gap, (float(start), scale * band)))
        lefts[gap.after_index + 1 :] += scale * band
    return Columns(lefts, column, tuple(bands))
