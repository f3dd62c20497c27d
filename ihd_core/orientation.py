"""Which way a slice lies in the patient: letters for its edges, and the turn that the network wants."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ihd_core.errors import CannotPredict

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Number = TypeVar("_Number", bound=np.generic)

_LETTERS = (("L", "R"), ("P", "A"), ("H", "F"))
"""Towards the positive and the negative end of the patient axes x, y, z (LPS)."""
_TWO_LETTERS = math.sin(math.radians(22.5))
"""A direction nearer to the diagonal than to an axis gets two letters."""


@dataclass(frozen=True, slots=True)
class EdgeLetters:
    """What lies beyond each edge of a picture: L, R, A, P, H or F, two letters when oblique, "" if unknown."""

    left: str
    right: str
    top: str
    bottom: str

    def turned(self, turn: Turn) -> EdgeLetters:
        """The letters of the same slice after a turn."""
        left, right, top, bottom = self.left, self.right, self.top, self.bottom
        if turn.transpose:
            left, right, top, bottom = top, bottom, left, right
        if turn.flip_rows:
            top, bottom = bottom, top
        if turn.flip_columns:
            left, right = right, left
        return EdgeLetters(left, right, top, bottom)


@dataclass(frozen=True, slots=True)
class Turn:
    """An exact rearrangement of a slice's pixels: first the transpose, then the flips.

    Attributes:
        transpose: rows become columns.
        flip_rows: the last row comes first (upside down).
        flip_columns: the last column comes first (mirrored).
    """

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    @property
    def mirrors(self) -> bool:
        """Whether left and right change places, which no rotation does."""
        return (self.transpose + self.flip_rows + self.flip_columns) % 2 == 1

    def apply(self, pixels: NDArray[_Number]) -> NDArray[_Number]:
        """Turn the last two axes of an array, (..., rows, columns); a view, nothing is copied."""
        if self.transpose:
            pixels = pixels.swapaxes(-1, -2)
        return pixels[..., :: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]

    def then(self, other: Turn) -> Turn:
        """This turn and another one after it, as one."""
        flips = self.flip_rows, self.flip_columns
        rows, columns = flips[::-1] if other.transpose else flips  # a transpose changes what flips before it turn round
        return Turn(self.transpose != other.transpose, rows != other.flip_rows, columns != other.flip_columns)

    def to_original(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Where a turned pixel came from.

        Args:
            shape: (rows, columns) of the slice before the turn.

        Returns:
            (3, 3), takes (row, column, 1) of the turned slice to (row, column, 1) of the slice as it is stored.
        """
        rows, columns = shape[::-1] if self.transpose else shape
        flips = np.eye(3)
        if self.flip_rows:
            flips[0] = -1, 0, rows - 1
        if self.flip_columns:
            flips[1] = 0, -1, columns - 1
        return flips[[1, 0, 2]] if self.transpose else flips


def letters(direction: NDArray[np.float64]) -> str:
    """Name a direction in the patient.

    Args:
        direction: (3,), patient axes LPS, of any length.

    Returns:
        The letter of the nearest axis, L R A P H F; two, the stronger first, where the direction is nearer to the
        diagonal between two axes; "" where it is zero or not finite.
    """
    length = float(np.linalg.norm(direction))
    if not math.isfinite(length) or length == 0:
        return ""
    unit = np.asarray(direction, np.float64) / length
    first, second, _ = np.argsort(-np.abs(unit), kind="stable")
    named = [first, second] if abs(unit[second]) > _TWO_LETTERS else [first]
    return "".join(_LETTERS[axis][int(unit[axis] < 0)] for axis in named)


def edge_letters(orientation: NDArray[np.float64]) -> EdgeLetters:
    """Letters for the four edges of a slice.

    Args:
        orientation: (3, 3), as in Scan: along a row, down a column, normal; LPS.
    """
    along_row, down_column = orientation[0], orientation[1]
    return EdgeLetters(
        left=letters(-along_row), right=letters(along_row), top=letters(-down_column), bottom=letters(down_column)
    )


def in_plane_turn(orientation: NDArray[np.float64]) -> Turn:
    """The turn that brings the patient's right to the image's left and anterior up.

    Args:
        orientation: (3, 3), as in Scan. An oblique slice is turned to the nearest axis, never resampled.

    Raises:
        CannotPredict: the slices are sagittal or coronal, or the orientation is unknown.
    """
    normal = letters(orientation[2])[:1]
    if normal not in ("H", "F"):
        plane = {"L": "sagittal", "R": "sagittal", "A": "coronal", "P": "coronal"}.get(normal, "of unknown orientation")
        raise CannotPredict(f"The slices are {plane}; the model reads axial slices only")
    along_row, down_column = orientation[0], orientation[1]
    straight = abs(along_row[0]) + abs(down_column[1])
    crossed = abs(along_row[1]) + abs(down_column[0])
    transpose = bool(crossed > straight)
    if transpose:
        along_row, down_column = down_column, along_row
    return Turn(transpose=transpose, flip_rows=bool(down_column[1] < 0), flip_columns=bool(along_row[0] < 0))
