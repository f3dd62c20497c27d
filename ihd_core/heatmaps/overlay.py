"""Heatmaps as colour over a slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.heatmaps.explain import Kind, full_scale, heatmap, on_slice
from ihd_core.labels import Label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ihd_core.predict import Prediction
    from ihd_core.scan import Scan

COLOURS: Mapping[Label, tuple[int, int, int]] = {
    Label.ANY: (240, 228, 66),
    Label.EPIDURAL: (230, 159, 0),
    Label.INTRAPARENCHYMAL: (213, 94, 0),
    Label.INTRAVENTRICULAR: (86, 180, 233),
    Label.SUBARACHNOID: (0, 158, 115),
    Label.SUBDURAL: (204, 121, 167),
}
"""Red, green, blue: six of the eight colours of Okabe and Ito's palette, which the colour-blind tell apart."""

OPACITY = 0.6
FLOOR = 0.2
"""Share of full scale below which nothing is painted."""
CONTOURS = (FLOOR, 0.5)
"""Shares of full scale along which contours run."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One label's heatmap, ready to be painted.

    Attributes:
        values: float32 (rows, columns), 1 = full scale; more is painted like 1.
        label: chooses the colour.
    """

    values: NDArray[np.float32]
    label: Label


def unit(kind: Kind, cell: float) -> str:
    """What the numbers of a colour bar count.

    Args:
        kind: of the heatmap.
        cell: from cell_mm().
    """
    if kind in (Kind.GRAD_CAM_PLUS_PLUS, Kind.EIGEN_CAM):
        return f"no unit; cells of {cell:.0f} mm"
    return f"evidence (logit per cell of {cell:.0f} mm)"


def layers(
    prediction: Prediction, labels: Sequence[Label], slice_index: int, kind: Kind = Kind.CNN
) -> tuple[Layer, ...]:
    """Heatmaps of some labels on the pixels of one slice, as shares of full scale."""
    maps = {label: on_slice(heatmap(prediction, label, slice_index, kind)) for label in labels}
    return tuple(
        Layer(values / np.float32(full_scale(prediction, label, kind)), label) for label, values in maps.items()
    )


def paint(painted: Sequence[Layer], opacity: float = OPACITY, floor: float = FLOOR) -> NDArray[np.uint8]:
    """Colour and opacity of one or several heatmaps together.

    Args:
        painted: at least one; where several meet, the strongest share of its full scale gives the colour.
        opacity: at full scale, 0..1; below it in proportion to the value.
        floor: share of full scale below which nothing is painted.

    Returns:
        (rows, columns, 4): red, green, blue, alpha; not premultiplied; alpha 0 below the floor.
    """
    strongest, winner = painted[0].values, np.zeros(painted[0].values.shape, np.uint8)
    for number, layer in enumerate(painted[1:], start=1):
        np.putmask(winner, layer.values > strongest, number)
        strongest = np.maximum(strongest, layer.values)
    palette = np.array([(*COLOURS[layer.label], 0) for layer in painted], np.uint8)
    # Four bytes are looked up at once, and cv2 rounds and saturates in one pass: a tenth of the time of numpy's way.
    colour: NDArray[np.uint8] = palette.view(np.uint32)[:, 0].take(winner)[..., None].view(np.uint8)
    just_below = float(np.nextafter(np.float32(floor), np.float32(-1)))
    _, shown = cv2.threshold(strongest, just_below, 0, cv2.THRESH_TOZERO)
    colour[..., 3] = cv2.convertScaleAbs(np.minimum(shown, 1), alpha=255 * opacity)
    return colour


def paint_contours(painted: Sequence[Layer], levels: Sequence[float] = CONTOURS) -> NDArray[np.uint8]:
    """Lines around what one or several heatmaps reach, so that the slice within stays as it is.

    Args:
        painted: at least one; where lines meet, the later label's is above.
        levels: shares of full scale; a line runs on the outermost pixels that reach one.

    Returns:
        (rows, columns, 4): red, green, blue, alpha; not premultiplied; alpha 255 on a line and 0 elsewhere.
    """
    colour = np.zeros((*painted[0].values.shape, 4), np.uint8)
    for layer in painted:
        for level in levels:
            reached = (layer.values >= np.float32(level)).astype(np.uint8)
            within = cv2.erode(reached, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
            colour[reached > within] = (*COLOURS[layer.label], 255)
    return colour


def blend(grey: NDArray[np.uint8], colour: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay painted colour over a grey slice.

    Args:
        grey: (rows, columns).
        colour: (rows, columns, 4), from paint().

    Returns:
        (rows, columns, 3): red, green, blue.
    """
    alpha = colour[..., 3:].astype(np.float32) / 255
    return np.asarray(np.rint(grey[..., None] * (1 - alpha) + colour[..., :3] * alpha), np.uint8)


def cell_mm(scan: Scan, prediction: Prediction) -> float:
    """Distance between the centres of neighbouring cells of the map, mm: finer than this a heatmap cannot point."""
    per_row = prediction.placement.to_slice[:, 0] * prediction.cells.stride
    return float(np.hypot(per_row[0] * scan.spacing_mm[1], per_row[1] * scan.spacing_mm[2]))
