"""Which way a stack of slices goes and how its pictures lie, in a reader's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ihd_core.errors import CannotPredict
from ihd_core.orientation import in_plane_turn, letters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ENDS = {
    "H": ("inferior", "vertex"),
    "F": ("vertex", "inferior"),
    "L": ("right", "left"),
    "R": ("left", "right"),
    "P": ("anterior", "posterior"),
    "A": ("posterior", "anterior"),
}


def ends(orientation: NDArray[np.float64]) -> tuple[str, str]:
    """Where the first and the last slice lie.

    Args:
        orientation: (3, 3), as in Scan; the slices go on along the normal, its last row.
    """
    return _ENDS.get(letters(orientation[2])[:1], ("first", "last"))


def unusual_lie(orientation: NDArray[np.float64]) -> tuple[str, str]:
    """How an axial picture lies that has not the patient's right on its left and anterior up: in short, in a sentence.

    Args:
        orientation: (3, 3), as in Scan.

    Returns:
        Both empty where the picture lies as readers expect it, or is not axial.
    """
    try:
        turn = in_plane_turn(orientation)
    except CannotPredict:
        return "", ""
    left_on_left = turn.flip_columns and not turn.transpose
    not_up = turn.transpose or turn.flip_rows
    if not (left_on_left or not_up):
        return "", ""
    word = "Mirrored" if (turn.transpose + turn.flip_rows + turn.flip_columns) % 2 else "Turned"
    short = filter(None, ("left is on the left" * left_on_left, "anterior is not up" * not_up))
    facts = filter(None, ("the patient's left is on the left" * left_on_left, "anterior is not up" * not_up))
    return f"{word}: {', '.join(short)}", f"{word}: {' and '.join(facts)}. It is shown as it is stored"
