"""What the slices of a series say together: what only some of them tell is told of all."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ihd_core.dicom.ranking.words import names_no_agent
from ihd_core.scan import ScanDetails

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ihd_core.dicom.headers import Header

USUAL_KVP = 120.0
"""Of a head CT; both limits, below and above which HU mean something else, are as far from it."""


def series_details(headers: Iterable[Header]) -> ScanDetails:
    """One set of details for slices that may not say the same.

    Of every field the first value that is none of empty, zero and None; except the kV farthest from USUAL_KVP, a
    contrast agent before a text that denies one, the thickness of most slices (of two the larger), and lossy where any
    slice is.

    Args:
        headers: at least one, in slice order.
    """
    each = [header.details for header in headers]
    counts = Counter(map(id, each))  # slices that say the same share one object, as a rule
    different = {id(details): details for details in each}
    if len(different) == 1:
        return each[0]
    counted: Counter[ScanDetails] = Counter()
    for key, details in different.items():
        counted[details] += counts[key]
    return ScanDetails(**{field.name: _one(field.name, counted) for field in fields(ScanDetails)})


def _one(name: str, counted: Mapping[ScanDetails, int]) -> Any:
    said: Counter[Any] = Counter()
    for details, count in counted.items():
        if value := getattr(details, name):
            said[value] += count
    if not said:
        return getattr(next(iter(counted)), name)
    if name == "kvp":
        return max(said, key=lambda kvp: abs(kvp - USUAL_KVP))
    if name == "thickness_mm":
        return max(said, key=lambda thickness: (said[thickness], thickness))
    if name == "contrast_agent":
        return min(said, key=names_no_agent)
    return next(iter(said))
