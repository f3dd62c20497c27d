"""What the slice view is given to draw: one slice, its overlay and everything written around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ihd_core.labels import Label
    from ihd_core.orientation import EdgeLetters
    from ihd_core.windowing import Window

CENTER_LIMITS = (-2000, 6000)
WIDTH_LIMITS = (2, 10000)
"""HU; how far a reader can move the window by hand."""


@dataclass(frozen=True, slots=True)
class ColourBar:
    """How one label's colour is to be read.

    Attributes:
        colour: red, green, blue, 0..255.
        low: value where the colour begins; below it the overlay is transparent.
        high: value painted at full colour.
        unit: written above the bars; may be empty.
        opacity: of the overlay at full colour, 0..1.
    """

    label: Label
    colour: tuple[int, int, int]
    low: float
    high: float
    unit: str = ""
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Badge:
    """A few words on a coloured ground.

    Attributes:
        serious: on yellow, otherwise on grey.
        may_go: where there is no room it is counted, and not named.
    """

    text: str
    serious: bool = True
    may_go: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that the reader has measured.

    Attributes:
        lines: each a row of (row, column) of the picture, centres of pixels at whole numbers; one place is a cross.
        text: what came of it, written beside the last line.
    """

    lines: tuple[tuple[tuple[float, float], ...], ...]
    text: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class SlicePicture:
    """One slice as it is to be drawn; the arrays are never changed.

    Attributes:
        pixels: uint8, grey (rows, columns) or red, green, blue (rows, columns, 3).
        pixel_mm: distance between neighbouring (rows, columns), mm.
        window: the window the grey was made with; dragging starts from it.
        overlay: uint8 (rows, columns, 4), red, green, blue and alpha (not premultiplied), or None.
        letters: where the patient's sides are; None where the files do not tell.
        top_left, top_right, bottom_left, bottom_right: lines of text in the corners.
        badges: what must not be missed, drawn in one row at the top.
        colour_bars: one for every label in the overlay.
        rules: thin lines along (rows, columns) of the picture, in pixels: where other pictures cut this one.
        marks: what was measured here.
        measuring: the left button points at places, and does not drag the window.
        linked: pictures with the same word and shape are kept at the same zoom and place.
        caution: lines above the lower right corner in the colour of the badges, such as slices missing beside this one.
    """

    pixels: NDArray[np.uint8]
    pixel_mm: tuple[float, float]
    window: Window
    overlay: NDArray[np.uint8] | None = None
    letters: EdgeLetters | None = None
    top_left: tuple[str, ...] = ()
    top_right: tuple[str, ...] = ()
    bottom_left: tuple[str, ...] = ()
    bottom_right: tuple[str, ...] = ()
    badges: tuple[Badge, ...] = ()
    colour_bars: tuple[ColourBar, ...] = ()
    caution: tuple[str, ...] = ()
    rules: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    marks: tuple[Mark, ...] = ()
    measuring: bool = False
    linked: str = ""

    def __post_init__(self) -> None:
        if not min(self.pixel_mm) > 0:
            raise ValueError(f"pixel_mm is {self.pixel_mm}, must be above 0")
        if self.overlay is not None and self.overlay.shape != (*self.pixels.shape[:2], 4):
            raise ValueError(f"overlay is {self.overlay.shape}, must be {(*self.pixels.shape[:2], 4)}")
