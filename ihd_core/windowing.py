"""HU to grey for the screen; the window presets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Window:
    """A range of HU shown from black to white, with DICOM's LINEAR meaning.

    Attributes:
        center: HU, (0028,1050).
        width: HU, (0028,1051); at least 2, because LINEAR divides by width - 1.
        name: what the screen calls it; empty for one set by hand.
    """

    center: float
    width: float
    name: str = ""

    def __post_init__(self) -> None:
        if not self.width >= 2:
            raise ValueError(f"width is {self.width}, must be at least 2 HU")


BRAIN = Window(40, 80, "brain")
SUBDURAL = Window(80, 200, "subdural")
SOFT_TISSUE = Window(40, 380, "soft tissue")
BONE = Window(480, 2500, "bone")
STROKE = Window(40, 40, "stroke")


def to_grey(hu: NDArray[np.int16], window: Window) -> NDArray[np.uint8]:
    """Map HU to screen grey with the DICOM LINEAR function.

    Args:
        hu: (rows, columns), HU.
        window: the range to show.

    Returns:
        Same shape; 0 below the window, 255 above it.

    Source:
        DICOM PS3.3 C.11.2.1.2.1. Not the mapping the network was trained on: see model_input.py.
    """
    scale = 255 / (window.width - 1)
    offset = (0.5 * (window.width - 1) - (window.center - 0.5)) * scale
    # cv2 rounds half to even and saturates in one pass; convertScaleAbs would fold negative values.
    grey = cv2.addWeighted(hu, scale, hu, 0, offset, dtype=cv2.CV_8U)
    return np.asarray(grey, np.uint8)
