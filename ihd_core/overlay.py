"""Heatmaps as colour over a slice, and the picture of both with its colour bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.explain import full_scale, heatmap, on_slice
from ihd_core.files import file_errors, write_atomically
from ihd_core.labels import Label
from ihd_core.orientation import edge_letters
from ihd_core.windowing import to_grey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ihd_core.predict import Prediction
    from ihd_core.scan import Scan
    from ihd_core.windowing import Window

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
UNIT = "evidence (logit per cell)"

_SIDE = 768  # of the slice in a picture, pixels; the longer side
_PANEL = 256  # beside it, for the colour bars
_LINE = 22
_INK, _DIM, _PAPER = (235, 235, 235), (160, 160, 160), (16, 16, 16)


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One label's heatmap, ready to be painted.

    Attributes:
        values: float32 (rows, columns), 1 = full scale; more is painted like 1.
        label: chooses the colour.
    """

    values: NDArray[np.float32]
    label: Label


def layers(prediction: Prediction, labels: Sequence[Label], slice_index: int) -> tuple[Layer, ...]:
    """Heatmaps of some labels on the pixels of one slice, as shares of full scale."""
    return tuple(
        Layer(on_slice(heatmap(prediction, label, slice_index)) / np.float32(full_scale(prediction, label)), label)
        for label in labels
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


def picture(
    scan: Scan,
    slice_index: int,
    window: Window,
    prediction: Prediction,
    labels: Sequence[Label],
) -> NDArray[np.uint8]:
    """A slice with the heatmaps of some labels, to be looked at outside the program.

    Args:
        scan: what was predicted.
        slice_index: 0 = most inferior.
        window: how the slice is shown.
        prediction: of this scan.
        labels: painted together; at least one.

    Returns:
        (rows, columns, 3) red, green, blue: the slice as it is stored, 768 pixels along its longer side, with the
        letters of its edges; beside it probabilities and colour bars with numbers; below it who says so.
    """
    drawn = _enlarged(
        blend(to_grey(scan.hu[slice_index], window), paint(layers(prediction, labels, slice_index))), scan
    )
    _write_letters(drawn, scan)
    panel = np.full((len(drawn), _PANEL, 3), _PAPER, np.uint8)
    _write(panel, f"slice {slice_index + 1} of {len(scan)}", (12, 24), _INK)
    for number, label in enumerate(labels):
        _draw_bar(panel, prediction, label, slice_index, top=40 + number * 5 * _LINE)
    lines = _footer(scan, prediction, labels[0], slice_index)
    foot = np.full((len(lines) * _LINE + 12, drawn.shape[1] + _PANEL, 3), _PAPER, np.uint8)
    for number, line in enumerate(lines):
        _write(foot, line, (12, (number + 1) * _LINE), _INK if number == 0 else _DIM)
    return np.vstack([np.hstack([drawn, panel]), foot])


def cell_mm(scan: Scan, prediction: Prediction) -> float:
    """Distance between the centres of neighbouring cells of the map, mm: finer than this a heatmap cannot point."""
    per_row = prediction.placement.to_slice[:, 0] * prediction.cells.stride
    return float(np.hypot(per_row[0] * scan.spacing_mm[1], per_row[1] * scan.spacing_mm[2]))


def write_png(path: Path, rgb: NDArray[np.uint8]) -> None:
    """Write a picture, (rows, columns, 3), whole or not at all.

    Raises:
        FileError: it cannot be written.
    """
    with file_errors(path):
        write_atomically(path, cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))[1].tobytes())


def _enlarged(rgb: NDArray[np.uint8], scan: Scan) -> NDArray[np.uint8]:
    """The slice at the picture's size, its pixels square in mm."""
    height, width = rgb.shape[0] * scan.spacing_mm[1], rgb.shape[1] * scan.spacing_mm[2]
    scale = _SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _write(image: NDArray[np.uint8], text: str, at: tuple[int, int], ink: tuple[int, int, int]) -> None:
    """Write ASCII text; at is (column, row) of its lower left corner."""
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(image, plain, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, 1, cv2.LINE_AA)


def _write_letters(image: NDArray[np.uint8], scan: Scan) -> None:
    """The four edges' letters, white on a dark rim so that they read on bone and on air."""
    edges = edge_letters(scan.orientation)
    rows, columns = image.shape[:2]
    places = {
        edges.left: (8, rows // 2),
        edges.right: (columns - 12 - 12 * len(edges.right), rows // 2),
        edges.top: (columns // 2, 22),
        edges.bottom: (columns // 2, rows - 10),
    }
    for text, at in places.items():
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 4, cv2.LINE_AA)
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)


def _draw_bar(image: NDArray[np.uint8], prediction: Prediction, label: Label, slice_index: int, *, top: int) -> None:
    """A label's name, probabilities and colour bar, over middle grey as over brain."""
    column, highest = label.column, full_scale(prediction, label)
    name = "Any hemorrhage" if label is Label.ANY else f"{label.short_name}  {label}"
    _write(image, name, (12, top + _LINE), COLOURS[label])
    slices, scan = prediction.slices[slice_index, column], prediction.scan[column]
    _write(image, f"slice {slices:.2f}  scan {scan:.2f}", (12, top + 2 * _LINE), _INK)
    ramp = np.tile(np.linspace(0, 1, _PANEL - 40, dtype=np.float32), (14, 1))
    bar = blend(np.full(ramp.shape, 96, np.uint8), paint([Layer(ramp, label)]))
    image[top + 2 * _LINE + 8 : top + 2 * _LINE + 22, 12 : 12 + bar.shape[1]] = bar
    below = top + 3 * _LINE + 14
    _write(image, "0", (12, below), _DIM)
    _write(image, f"{FLOOR * highest:.2g}", (12 + round(FLOOR * bar.shape[1]), below), _DIM)
    _write(image, f"{highest:.2g}", (bar.shape[1] - 24, below), _DIM)


def _footer(scan: Scan, prediction: Prediction, label: Label, slice_index: int) -> list[str]:
    """Who says so, on what data it may be used, and how finely the map can point."""
    model = prediction.model
    highest = float(heatmap(prediction, label, slice_index).values.max())
    return [
        model.intended_use,
        f"{model.name}  {model.sha256[:12]}",
        f"Grad-CAM of the CNN, {UNIT}; highest {label.short_name} on this slice {highest:.2g}; "
        f"one cell is {cell_mm(scan, prediction):.0f} mm",
    ]
