"""Put slices together that can be one volume: of one matrix, pixel spacing and orientation."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom.places import ONE_DIRECTION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ihd_core.dicom.headers import Header

ONE_SPACING = 1e-3
"""Share by which pixel spacings of one scan may differ through rounding."""

MOST_CENTERS = 24
"""Of many different orientations so many are tried as the middle one of a scan."""


def by_shape(members: Sequence[Header]) -> list[list[Header]]:
    """Slices of one matrix whose pixel spacing and orientation are, within rounding, those of most of them.

    Which slices are together does not depend on their order.
    """
    if len({(h.rows, h.columns, id(h.pixel_mm), id(h.orientation)) for h in members}) == 1:
        return [list(members)]
    matrices: dict[tuple[int, int], list[Header]] = defaultdict(list)
    for header in members:
        matrices[header.rows, header.columns].append(header)
    return [
        alike
        for of_matrix in matrices.values()
        for of_spacing in _around(of_matrix, lambda h: h.pixel_mm or (0.0, 0.0), _like_spacings)
        for alike in _around(of_spacing, lambda h: h.orientation or (0.0,) * 6, _like_orientations)
    ]


def _around(
    members: Sequence[Header],
    value: Callable[[Header], tuple[float, ...]],
    alike: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]],
) -> list[list[Header]]:
    """The slices that are like the value which is like most of them; then the same with what is left."""
    groups: dict[tuple[float, ...], list[Header]] = defaultdict(list)
    for header in members:
        groups[value(header)].append(header)
    found = []
    while groups:
        keys = sorted(groups)
        if len(keys) == 1:
            found.append(groups.pop(keys[0]))
            break
        values = np.array(keys)
        counts = np.array([len(groups[key]) for key in keys])
        # The most frequent one is among the centers, and the others are spread evenly.
        centers = {int(counts.argmax()), *range(0, len(keys), -(-len(keys) // MOST_CENTERS))}
        like = {index: alike(values, values[index]) for index in sorted(centers)}
        best = max(like, key=lambda index: (counts[like[index]].sum(), counts[index], -index))
        found.append([header for index in np.flatnonzero(like[best]) for header in groups.pop(keys[index])])
    return found


def _like_spacings(spacings: NDArray[np.float64], center: NDArray[np.float64]) -> NDArray[np.bool_]:
    apart = np.linalg.norm(spacings - center, axis=1, ord=np.inf)
    alike: NDArray[np.bool_] = apart <= ONE_SPACING * np.abs(center).min()
    return alike


def _like_orientations(orientations: NDArray[np.float64], center: NDArray[np.float64]) -> NDArray[np.bool_]:
    apart = np.linalg.norm((orientations - center).reshape(-1, 2, 3), axis=2)
    alike: NDArray[np.bool_] = (apart <= ONE_DIRECTION).all(axis=1)
    return alike
