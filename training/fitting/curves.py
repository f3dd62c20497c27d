"""A table of metrics as curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ihd_core.files import file_errors
from training.run_folder import read_rows

if TYPE_CHECKING:
    from pathlib import Path


TIMES = ("seconds", "images_per_s", "wait_share")
"""Columns of how long it took, which are no part of a picture of how well it went."""


def draw_curves(metrics: Path, picture: Path) -> None:
    """Draw a CSV of metrics as a PNG: its first column is the axis below, columns that end in "loss" share one panel.

    Args:
        metrics: from append_row(); empty cells are left out, and so are the columns TIMES.
        picture: replaced if it is there.

    Raises:
        FileError: it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    rows = read_rows(metrics)
    if not rows:
        return
    axis, *names = (name for name in rows[0] if name not in TIMES)
    losses = [name for name in names if name.endswith("loss")]
    panels = [one for one in (losses, *([name] for name in names if name not in losses)) if one]
    figure = Figure(figsize=(4.5 * len(panels), 3.5))
    FigureCanvasAgg(figure)
    for place, panel in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), place + 1)
        for name in panel:
            known = [(float(row[axis]), float(row[name])) for row in rows if row[name]]
            axes.plot(*zip(*known, strict=True), marker="o", label=name.replace("_", " "))
        axes.set_xlabel(axis)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(panel) > 1:
            axes.legend()
        else:
            axes.set_title(panel[0].replace("_", " "))
    figure.subplots_adjust(0.5 / len(panels) * 0.3, 0.15, 0.99, 0.9, wspace=0.3)
    with file_errors(picture):
        figure.savefig(picture, dpi=100)
