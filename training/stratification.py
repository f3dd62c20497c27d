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
    """Deal groups, the rarest label first, each to the part that lacks most of that label.

    A part that has its scans gets no further group, so that its number of scans is right within the largest group.

    Args:
        sizes: scans of every group, (groups,).
        positives: scans with each label, (groups, labels).
        shares: of the scans, one a part; they add up to 1.
        random: breaks ties and shuffles groups.

    Returns:
        The part of every group, (groups,).

    Source:
        Sechidis, Tsoumakas, Vlahavas, On the Stratification of Multi-Label Data, ECML PKDD 2011, algorithm 1; here of
        groups, and with the number of scans as a limit.
    """
    share = np.array(shares, np.float64)
    lacking = share * sizes.sum()
    lacking_label = share[:, None] * positives.sum(axis=0)
    part = np.full(len(sizes), -1, np.intp)
    chance = random.random(len(sizes))

    def give(group: int, wish: NDArray[np.float64]) -> None:
        has_room = lacking >= min(sizes[group] / 2, lacking.max())
        best = max(np.flatnonzero(has_room).tolist(), key=lambda p: (wish[p], lacking[p]))
        part[group] = best
        lacking[best] -= sizes[group]
        lacking_label[best] -= positives[group]

    is_open = np.ones(len(sizes), bool)
    while is_open.any():
        left = positives[is_open].sum(axis=0)
        if not left.any():
            break
        label = int(np.argmin(np.where(left > 0, left, np.iinfo(np.intp).max)))
        members = np.flatnonzero(is_open & (positives[:, label] > 0))
        for group in members[np.argsort(chance[members], kind="stable")].tolist():
            give(group, lacking_label[:, label])
        is_open[members] = False
    rest = np.flatnonzero(is_open)
    for group in rest[np.lexsort((chance[rest], -sizes[rest]))].tolist():
        give(group, lacking)
    return part
