"""Where the strongest evidence of a heatmap lies, against the lesion that it should show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from ihd_core.heatmaps.explain import peak
from ihd_core.heatmaps.focus import cell_mm, distance_mm

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ihd_core.heatmaps.explain import Heatmap

Place = Literal["inside the lesion", "within one cell", "inside the skull", "outside", "no evidence"]
PLACES: tuple[Place, ...] = get_args(Place)


def place_of_peak(
    heatmap: Heatmap, lesion: NDArray[np.bool_], inside: NDArray[np.bool_], spacing_mm: tuple[float, float]
) -> Place:
    """Where a heatmap's peak lies.

    Args:
        heatmap: of the slice.
        lesion: (rows, columns), where the label is.
        inside: (rows, columns), the inside of the skull.
        spacing_mm: (row, column).

    Returns:
        "within one cell" where the peak is beside the lesion and no farther from it than one cell is long: the map
        cannot say it finer.
    """
    at = peak(heatmap)
    if at is None:
        return "no evidence"
    row, column = (min(max(round(x), 0), side - 1) for x, side in zip(at, lesion.shape, strict=True))
    return place_at((row, column), lesion, inside, spacing_mm, cell_mm(heatmap, spacing_mm))


def place_at(
    pixel: tuple[int, int],
    lesion: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    spacing_mm: tuple[float, float],
    one_cell_mm: float,
) -> Place:
    """Where a pixel lies, of a map with cells of so many mm; otherwise as place_of_peak()."""
    if lesion[pixel]:
        return "inside the lesion"
    if distance_mm(lesion, pixel, spacing_mm) <= one_cell_mm:
        return "within one cell"
    return "inside the skull" if inside[pixel] else "outside"
