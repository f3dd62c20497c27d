"""Every slice and label of one scan above the operating point, as small pictures on pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.heatmaps.explain import Kind, full_scale
from ihd_core.heatmaps.heatmap_picture import DIM, INK, LINE, PAPER, draw_ramp, drawn_slice, window_text, write_text
from ihd_core.heatmaps.overlay import COLOURS, FLOOR, cell_mm, layers, paint, unit
from ihd_core.labels import DISPLAY_ORDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ihd_core.labels import Label
    from ihd_core.predict import Prediction
    from ihd_core.scan import Scan
    from ihd_core.windowing import Window

    Tile = tuple[int, Label]

PAIRS, ROWS = 2, 4
"""Of a page: pictures side by side, each bare and painted, and rows of them."""
_SIDE = 320
_GAP = 8


def positives(prediction: Prediction, setting: str) -> tuple[Tile, ...]:
    """(slice, label) where the probability that is shown lies above the slices' operating point, any first.

    Args:
        prediction: none of a withheld one.
        setting: whose operating points.
    """
    if prediction.withheld:
        return ()
    return tuple(
        (int(index), label)
        for label in DISPLAY_ORDER
        for index in np.flatnonzero(prediction.of(label) > prediction.model.threshold(setting, "slice", label))
    )


@dataclass(frozen=True, slots=True)
class SheetChoice:
    """What contact sheets show.

    Attributes:
        setting: whose operating points say what is positive.
        window: how the slices are shown.
        kind: of the heatmaps.
    """

    setting: str
    window: Window
    kind: Kind = Kind.CNN


def contact_sheets(scan: Scan, prediction: Prediction, choice: SheetChoice) -> list[NDArray[np.uint8]]:
    """Every positive slice and label as a small picture with its heatmap: bare on the left, painted on the right.

    Args:
        scan: what was predicted.
        prediction: of this scan.
        choice: what is shown, and how.

    Returns:
        Pages, (rows, columns, 3) red, green, blue; none where nothing is positive. Each says what model, window, colour
        bars and operating points it shows.
    """
    tiles, count = positives(prediction, choice.setting), ROWS * PAIRS
    shown = _Shown(scan, prediction, choice)
    pages = [tiles[first : first + count] for first in range(0, len(tiles), count)]
    return [shown.page(page, f"page {number} of {len(pages)}") for number, page in enumerate(pages, start=1)]


@dataclass(frozen=True, slots=True)
class _Shown:
    """What all pages show, as in contact_sheets()."""

    scan: Scan
    prediction: Prediction
    choice: SheetChoice

    def page(self, tiles: Sequence[Tile], place: str) -> NDArray[np.uint8]:
        drawn = [self.tile(*tile) for tile in tiles]
        height, width = drawn[0].shape[0] + _GAP, drawn[0].shape[1] + _GAP
        head = self.head(tuple(dict.fromkeys(label for _, label in tiles)), place, PAIRS * width + _GAP)
        grid = np.full((-(-len(tiles) // PAIRS) * height + _GAP, head.shape[1], 3), PAPER, np.uint8)
        for number, picture in enumerate(drawn):
            row, column = _GAP + number // PAIRS * height, _GAP + number % PAIRS * width
            grid[row : row + picture.shape[0], column : column + picture.shape[1]] = picture
        return np.vstack([head, grid])

    def tile(self, index: int, label: Label) -> NDArray[np.uint8]:
        """The bare slice beside the painted one, below a line that says which."""
        painted = paint(layers(self.prediction, [label], index, self.choice.kind))
        sides = [drawn_slice(self.scan, index, self.choice.window, one, _SIDE) for one in (None, painted)]
        line = np.full((LINE + 4, 2 * sides[0].shape[1], 3), PAPER, np.uint8)
        write_text(line, f"{index + 1} of {len(self.scan)}", (4, LINE - 4), INK)
        text = f"{label.short_name} {self.prediction.slices[index, label.column]:.2f}"
        write_text(line, text, (sides[0].shape[1] + 4, LINE - 4), COLOURS[label])
        return np.vstack([line, np.hstack(sides)])

    def head(self, labels: Sequence[Label], place: str, width: int) -> NDArray[np.uint8]:
        """Who says so, on what data it may be used, what counts as positive, and the labels' colour bars."""
        model, choice = self.prediction.model, self.choice
        lines = [
            model.intended_use,
            f"{model.name}  {model.sha256[:12]}; window {window_text(choice.window)}; {place}",
            f"Slices above the operating point '{choice.setting}' of each label",
            f"{choice.kind.full_name}, {unit(choice.kind, cell_mm(self.scan, self.prediction))}",
        ]
        head = np.full(((len(lines) + len(labels)) * LINE + 12, width, 3), PAPER, np.uint8)
        for number, line in enumerate(lines, start=1):
            write_text(head, line, (_GAP, number * LINE), INK if number == 1 else DIM)
        for number, label in enumerate(labels, start=len(lines) + 1):
            self._draw_legend(head, label, number * LINE)
        return head

    def _draw_legend(self, head: NDArray[np.uint8], label: Label, row: int) -> None:
        highest, column = full_scale(self.prediction, label, self.choice.kind), label.column
        threshold = self.prediction.model.threshold(self.choice.setting, "slice", label)
        write_text(head, f"{label.short_name}  {label}", (_GAP, row), COLOURS[label])
        draw_ramp(head, label, (210, row - 12), 160)
        painted = f"{FLOOR * highest:.2g} to {highest:.2g}"
        text = f"{painted}; operating point {threshold:.2f}; scan {self.prediction.scan[column]:.2f}"
        write_text(head, text, (380, row), DIM)
