"""A slice with heatmaps as a picture to be looked at outside the program; what it shows is burnt in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.files import file_errors, write_atomically
from ihd_core.heatmaps.explain import Kind, full_scale, heatmap
from ihd_core.heatmaps.overlay import COLOURS, FLOOR, Layer, blend, cell_mm, layers, paint, unit
from ihd_core.labels import Label
from ihd_core.orientation import edge_letters
from ihd_core.windowing import to_grey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ihd_core.predict import Prediction
    from ihd_core.scan import Scan
    from ihd_core.windowing import Window

SIDE = 768
"""Of the slice in a picture, pixels; the longer side."""
LINE = 22
"""Height of a line of text, pixels."""
INK, DIM, PAPER = (235, 235, 235), (160, 160, 160), (16, 16, 16)

_PANEL = 256  # beside the slice, for the colour bars


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
    drawn = drawn_slice(scan, slice_index, window, paint(layers(prediction, labels, slice_index)), SIDE)
    panel = np.full((len(drawn), _PANEL, 3), PAPER, np.uint8)
    write_text(panel, f"slice {slice_index + 1} of {len(scan)}", (12, 24), INK)
    for number, label in enumerate(labels):
        _draw_bar(panel, prediction, label, slice_index, top=40 + number * 5 * LINE)
    lines = _footer(scan, prediction, window, labels[0], slice_index)
    foot = np.full((len(lines) * LINE + 12, drawn.shape[1] + _PANEL, 3), PAPER, np.uint8)
    for number, line in enumerate(lines):
        write_text(foot, line, (12, (number + 1) * LINE), INK if number == 0 else DIM)
    return np.vstack([np.hstack([drawn, panel]), foot])


def write_png(path: Path, rgb: NDArray[np.uint8]) -> None:
    """Write a picture, (rows, columns, 3), whole or not at all.

    Raises:
        FileError: it cannot be written.
    """
    with file_errors(path):
        write_atomically(path, cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))[1].tobytes())


def drawn_slice(
    scan: Scan, slice_index: int, window: Window, painted: NDArray[np.uint8] | None, side: int
) -> NDArray[np.uint8]:
    """A slice as it is stored, with what is painted on it and the letters of its edges.

    Args:
        scan: an axial one.
        slice_index: 0 = most inferior.
        window: how the slice is shown.
        painted: from paint(); None for the bare slice.
        side: pixels along its longer side; its pixels become square in mm.

    Returns:
        (rows, columns, 3): red, green, blue.
    """
    grey = to_grey(scan.hu[slice_index], window)
    rgb = blend(grey, painted) if painted is not None else np.repeat(grey[..., None], 3, axis=2)
    height, width = grey.shape[0] * scan.spacing_mm[1], grey.shape[1] * scan.spacing_mm[2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    drawn = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    _draw_letters(drawn, scan)
    return drawn


def draw_ramp(image: NDArray[np.uint8], label: Label, at: tuple[int, int], width: int) -> None:
    """A label's colour bar from nothing to full scale, 14 pixels high, over middle grey as over brain.

    Args:
        image: drawn upon.
        label: whose colour.
        at: (column, row) of its upper left corner.
        width: in pixels.
    """
    ramp = np.tile(np.linspace(0, 1, width, dtype=np.float32), (14, 1))
    column, row = at
    image[row : row + 14, column : column + width] = blend(
        np.full(ramp.shape, 96, np.uint8), paint([Layer(ramp, label)])
    )


def write_text(image: NDArray[np.uint8], text: str, at: tuple[int, int], ink: tuple[int, int, int]) -> None:
    """Write ASCII text; at is (column, row) of its lower left corner."""
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(image, plain, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, 1, cv2.LINE_AA)


def _draw_letters(image: NDArray[np.uint8], scan: Scan) -> None:
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
    """A label's name, probabilities and colour bar."""
    column, highest = label.column, full_scale(prediction, label)
    name = "Any hemorrhage" if label is Label.ANY else f"{label.short_name}  {label}"
    write_text(image, name, (12, top + LINE), COLOURS[label])
    slices, scan = prediction.slices[slice_index, column], prediction.scan[column]
    write_text(image, f"slice {slices:.2f}  scan {scan:.2f}", (12, top + 2 * LINE), INK)
    width = _PANEL - 40
    draw_ramp(image, label, (12, top + 2 * LINE + 8), width)
    below = top + 3 * LINE + 14
    write_text(image, "0", (12, below), DIM)
    write_text(image, f"{FLOOR * highest:.2g}", (12 + round(FLOOR * width), below), DIM)
    write_text(image, f"{highest:.2g}", (width - 24, below), DIM)


def _footer(scan: Scan, prediction: Prediction, window: Window, label: Label, slice_index: int) -> list[str]:
    """Who says so, on what data it may be used, and how finely the map can point."""
    model = prediction.model
    highest = float(heatmap(prediction, label, slice_index).values.max())
    return [
        model.intended_use,
        f"{model.name}  {model.sha256[:12]}; window {window_text(window)}",
        f"{Kind.CNN.full_name}, {unit(Kind.CNN, cell_mm(scan, prediction))}; "
        f"highest {label.short_name} on this slice {highest:.2g}",
    ]


def window_text(window: Window) -> str:
    """A window as the corners of the screen write it, such as "C 40 W 80 brain"."""
    return f"C {window.center:g} W {window.width:g} {window.name}".strip()
