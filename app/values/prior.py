"""Which slice of a prior examination lies at the height of the slice on the screen."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from app.session import Shown
    from ihd_core.scan import Scan

TISSUE_HU = -200
HEAD_MM2 = 1000.0
"""A slice with less tissue is above the head."""


@lru_cache(maxsize=4)
def top_mm(scan: Scan) -> float:
    """Height of the highest slice of the head, mm along the normal; of the last slice where none holds tissue."""
    _, rows_mm, columns_mm = scan.spacing_mm
    for index in range(len(scan) - 1, -1, -1):
        if (scan.hu[index] > TISSUE_HU).sum() * rows_mm * columns_mm >= HEAD_MM2:
            return float(scan.heights_mm[index])
    return float(scan.heights_mm[-1])


def prior_slice(shown: Shown) -> int:
    """Index of the prior's slice as far below the top of its head as the slice on the screen, moved by the offset.

    Two examinations have no common origin: the tops of the heads are laid upon each other.

    Raises:
        ValueError: there is no scan or no prior.
    """
    if shown.scan is None or shown.prior is None:
        raise ValueError("no prior is open")
    below = top_mm(shown.scan) - shown.scan.heights_mm[shown.slice_index]
    wanted = top_mm(shown.prior) - below + shown.prior_offset_mm
    return int(np.abs(shown.prior.heights_mm - wanted).argmin())


def shown_prior(shown: Shown) -> Shown:
    """The prior as if it were open: nothing of the model or of the reader is on it.

    Raises:
        ValueError: there is no scan or no prior.
    """
    return replace(
        shown,
        scan=shown.prior,
        preview=None,
        series=(),
        current=-1,
        slice_index=prior_slice(shown),
        model=None,
        prediction=None,
        partial=None,
        brain=None,
        refusal="",
        tool=None,
        points=(),
        measurements={},
        key_images={},
        probe=None,
    )
