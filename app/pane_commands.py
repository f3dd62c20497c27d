"""What the mouse does in one of the pictures on the screen: functions from Shown to Shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from app.session import Layout
from app.values.contact import tile_at
from app.values.pictures import cut_at, cut_of, drawn_to_stored
from app.view_commands import at_slice, moved, with_window
from ihd_core.reformat import Cut

if TYPE_CHECKING:
    from app.session import Shown
    from ihd_core.windowing import Window


def with_pane_window(shown: Shown, pane: int, window: Window) -> Shown:
    """Show this window of HU in one of the pictures."""
    if shown.layout is not Layout.WINDOWS:
        return with_window(shown, window)
    number = pane if shown.enlarged is None else shown.enlarged
    windows = tuple(window if one == number else old for one, old in enumerate(shown.pane_windows))
    return replace(shown, pane_windows=windows)


def enlarged(shown: Shown, pane: int) -> Shown:
    """Show one of several pictures alone, or all of them again."""
    if shown.layout is Layout.ONE:
        return shown
    if shown.layout is Layout.CONTACT:
        return replace(shown, layout=Layout.ONE)
    return replace(shown, enlarged=pane if shown.enlarged is None else None)


def scrolled(shown: Shown, pane: int, steps: int) -> Shown:
    """Go on in one of the pictures: through the slices, or with the plane that cuts them."""
    cut = cut_in(shown, pane)
    if cut is None or shown.scan is None:
        return moved(shown, steps)
    row, column = cut_at(shown)
    _, rows, columns = shown.scan.hu.shape
    if cut is Cut.COLUMN:
        return replace(shown, cut=(row, min(max(column + steps, 0), columns - 1)))
    return replace(shown, cut=(min(max(row + steps, 0), rows - 1), column))


def probed(shown: Shown, pane: int, row: int, column: int) -> Shown:
    """The pointer is over this pixel of one of the pictures."""
    return replace(shown, probe=drawn_to_stored(shown, row, column) if is_slice(shown, pane) else None)


def clicked(shown: Shown, pane: int, row: int, column: int) -> Shown:
    """Bring all three planes to the place that was clicked."""
    if shown.layout is Layout.CONTACT and shown.scan is not None:
        index = tile_at(shown, row, column)
        return shown if index is None else at_slice(shown, index)
    if shown.layout is not Layout.PLANES or shown.scan is None:
        return shown
    cut = cut_in(shown, pane)
    if cut is None:
        return replace(shown, cut=drawn_to_stored(shown, row, column))
    found, (cut_row, cut_column) = cut_of(shown, cut), cut_at(shown)
    if found is None:
        return shown
    nearest = int(np.abs(found.slice_rows - row).argmin())
    place = (column, cut_column) if cut is Cut.COLUMN else (cut_row, column)
    return replace(at_slice(shown, nearest), cut=place)


def is_slice(shown: Shown, pane: int) -> bool:
    """Whether a picture is of the slice on the screen: no plane across, no sheet of all, no other examination."""
    number = pane if shown.enlarged is None else shown.enlarged
    is_prior = shown.layout is Layout.PRIOR and number > 0
    return cut_in(shown, pane) is None and shown.layout is not Layout.CONTACT and not is_prior


def cut_in(shown: Shown, pane: int) -> Cut | None:
    """Which plane a picture of the layout shows; None for a slice."""
    number = pane if shown.enlarged is None else shown.enlarged
    if shown.layout is not Layout.PLANES or shown.slice_count < 2 or number == 0:
        return None
    return tuple(Cut)[number - 1]
