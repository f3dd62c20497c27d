"""Deal groups of scans to parts so that every part has its share of the scans and of every label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def deal(
    sizes: NDArray[np.intp], positives: NDArray[np.intp], shares: Sequence[float], random: np.random.Generator
) -> NDArray[np.intp]:
    """Deal groups one after the other, those with the rarest label first and those without labels last.

    A group goes where it brings all labels and the number of scans closest to their shares; a part that has its scans
    gets no further group. No part stays empty where there are as many groups as parts.

    Args:
        sizes: scans of every group, (groups,), at least 1 each.
        positives: scans with each label, (groups, labels).
        shares: of the scans, one a part, each above 0; they add up to 1.
        random: orders groups that nothing else does.

    Returns:
        The part of every group, (groups,).

    Source:
        After Sechidis, Tsoumakas, Vlahavas, On the Stratification of Multi-Label Data, ECML PKDD 2011, who look at the
        rarest label alone when they choose a part. On simulated patients with several scans and labels that occur
        together, looking at all labels brings the counts closer to their shares.
    """
    share = np.array(shares, np.float64)
    amounts = np.column_stack([positives, sizes]).astype(np.float64)  # (groups, labels and scans)
    total = amounts.sum(axis=0)
    weight = 1 / np.maximum(total, 1)
    lacking = share[:, None] * total
    part = np.empty(len(sizes), np.intp)
    for group in _order(sizes, positives, random).tolist():
        has_room = lacking[:, -1] >= min(sizes[group] / 2, lacking[:, -1].max())
        # How much less the squares of what parts lack, each over its share, add up to once the part has the group.
        gain = (2 * lacking - amounts[group]) @ (weight * amounts[group]) / share
        best = int(np.argmax(np.where(has_room, gain, -np.inf)))
        part[group] = best
        lacking[best] -= amounts[group]
    _fill_empty(part, sizes, len(share))
    return part


def _order(sizes: NDArray[np.intp], positives: NDArray[np.intp], random: np.random.Generator) -> NDArray[np.intp]:
    """Groups by how rare their rarest label is; those without one by their size, the largest first."""
    counts = positives.sum(axis=0, dtype=np.float64)
    rarest = np.where(positives > 0, counts, np.inf).min(axis=1)
    return np.lexsort((random.random(len(sizes)), np.where(np.isinf(rarest), -sizes, 0), rarest))


def _fill_empty(part: NDArray[np.intp], sizes: NDArray[np.intp], parts: int) -> None:
    """Move the smallest group of the part with most groups to each part that has none."""
    for empty in range(parts):
        groups = np.bincount(part, minlength=parts)
        if groups[empty] == 0 and groups.max() > 1:
            members = np.flatnonzero(part == groups.argmax())
            part[members[np.argmin(sizes[members])]] = empty
