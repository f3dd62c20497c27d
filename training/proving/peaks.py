"""Where the strongest evidence of a heatmap lies, against the lesion that it should show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ihd_core.explain import Heatmap

Place = Literal["inside the lesion", "within one cell", "inside the skull", "outside", "no evidence"]
PLACES: tuple[Place, ...] = get_args(Place)


def peak(heatmap: Heatmap) -> tuple[float, float] | None:
    """(row, column) on the slice where the cell with the most evidence looks; None where there is no evidence."""
    if heatmap.values.max(initial=0) <= 0:
        return None
    row, column = np.unravel_index(int(heatmap.values.argmax()), heatmap.values.shape)
    at = heatmap.to_slice @ np.array([row, column, 1.0])
    return float(at[0]), float(at[1])


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
    if lesion[row, column]:
        return "inside the lesion"
    if _distance_mm(lesion, (row, column), spacing_mm) <= cell_mm(heatmap, spacing_mm):
        return "within one cell"
    return "inside the skull" if inside[row, column] else "outside"


def cell_mm(heatmap: Heatmap, spacing_mm: tuple[float, float]) -> float:
    """How long a cell of the map is on the patient, mm; the longer side where they differ."""
    steps = heatmap.to_slice[:, :2] * np.array(spacing_mm)[:, None]
    return float(np.hypot(*steps).max())


def _distance_mm(lesion: NDArray[np.bool_], at: tuple[int, int], spacing_mm: tuple[float, float]) -> float:
    """From a pixel to the nearest one of the lesion, mm; infinite where there is no lesion."""
    rows, columns = np.nonzero(lesion)
    if not len(rows):
        return float("inf")
    return float(np.hypot((rows - at[0]) * spacing_mm[0], (columns - at[1]) * spacing_mm[1]).min())


def depth_mm(inside: NDArray[np.bool_], at: tuple[float, float], spacing_mm: tuple[float, float]) -> float:
    """How deep a place of a slice lies below the skull's inner table, mm; 0 outside."""
    row, column = (min(max(round(x), 0), side - 1) for x, side in zip(at, inside.shape, strict=True))
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
    return float(depth[row, column]) * float(np.mean(spacing_mm))
