"""The paper's five random changes of a picture: flip, shift, rotate, scale, brightness; and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.model_input import AIR, PAPER_DEVIATION, PAPER_MEAN, channels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.config import CnnConfig

    Floats = NDArray[np.float32]

SHIFT = 1 / 16
"""Of a picture's side, to either side."""
ANGLE = 15.0
"""Degrees; heads lie nearly straight in their holder."""
OFFSET_HU = 4.0
GAIN = 0.06
"""Standard deviations of brightness before normalisation."""
BRIGHTNESS = 0.2
"""Largest brightness after normalisation, in deviations of the channel."""

_INT16 = np.iinfo(np.int16)


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to a slice, to its neighbours and to its lesions alike.

    Attributes:
        is_mirrored: left and right are exchanged, last of all.
        angle: degrees, counter-clockwise, about the middle of the picture.
        scale: 1 leaves the size.
        shift: (right, down), in shares of the picture's side.
        gain: of HU.
        offset_hu: added after the gain.
        brightness: added to normalised channels, in their deviations.
        noise_hu: standard deviation of noise.
        blur: standard deviation of the blur, pixels, before the noise.
    """

    is_mirrored: bool = False
    angle: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    gain: float = 1.0
    offset_hu: float = 0.0
    brightness: float = 0.0
    noise_hu: float = 0.0
    blur: float = 0.0

    def matrix(self, size: int) -> NDArray[np.float64]:
        """Takes (column, row, 1) of a grid of size x size cells over the picture to where they go, (2, 3).

        Grids of any size have the same middle, so a picture and the cells of its lesions stay on one another.
        """
        middle = (size - 1) / 2
        matrix = np.asarray(cv2.getRotationMatrix2D((middle, middle), self.angle, self.scale), np.float64)
        matrix[:, 2] += np.multiply(self.shift, size)
        if self.is_mirrored:
            matrix[0] = -matrix[0]
            matrix[0, 2] += size - 1
        return matrix


def drawn(rng: np.random.Generator, numbers: CnnConfig) -> Change:
    """A random change; every use draws the same number of values.

    Args:
        rng: where the chance comes from.
        numbers: augmentation (brightness is in HU before normalisation), scale, noise_hu and blur are read.
    """
    how = numbers.augmentation
    if how == "none":
        return Change()
    mirrored = bool(rng.random() < 0.5)
    angle, scale = rng.uniform(-ANGLE, ANGLE), rng.uniform(1 - numbers.scale, 1 + numbers.scale)
    shift = (rng.uniform(-SHIFT, SHIFT), rng.uniform(-SHIFT, SHIFT))
    gain, offset = rng.normal(1, GAIN), rng.normal(0, OFFSET_HU)
    brightness, noise = rng.uniform(-BRIGHTNESS, BRIGHTNESS), rng.uniform(0, numbers.noise_hu)
    blur = max(0.0, rng.uniform(-numbers.blur, numbers.blur))
    if how == "after":
        return Change(mirrored, angle, scale, shift, brightness=brightness)
    return Change(mirrored, angle, scale, shift, gain=gain, offset_hu=offset, noise_hu=noise, blur=blur)


def change_hu(
    slices: Sequence[NDArray[np.int16]], change: Change, rng: np.random.Generator, out: NDArray[np.int16]
) -> None:
    """Change a slice and its neighbours in HU; what comes in from outside is air.

    Args:
        slices: each (side, side).
        change: the same for all.
        rng: of the noise, which differs from slice to slice.
        out: (slices, side, side), written.
    """
    size = out.shape[-1]
    matrix = change.matrix(size)
    for source, target in zip(slices, out, strict=True):
        # In float32: OpenCV turns it two to three times as fast as int16.
        moved = _moved(source.astype(np.float32), matrix, size, AIR)
        if change.gain != 1 or change.offset_hu:
            moved = np.asarray(cv2.addWeighted(moved, change.gain, moved, 0, change.offset_hu), np.float32)
        if change.blur:
            moved = np.asarray(cv2.GaussianBlur(moved, (0, 0), change.blur), np.float32)
        if change.noise_hu:
            moved += np.float32(change.noise_hu) * rng.standard_normal(moved.shape, np.float32)
        np.clip(moved, _INT16.min, _INT16.max, out=moved)
        np.copyto(target, np.rint(moved, out=moved), casting="unsafe")


def change_channels(
    slices: Sequence[NDArray[np.int16]],
    change: Change,
    out: Floats,
    *,
    mean: Sequence[float] = PAPER_MEAN,
    deviation: Sequence[float] = PAPER_DEVIATION,
) -> None:
    """Change the windowed channels of a slice and its neighbours as they are after normalisation.

    What comes in from outside is the channel's mean, which normalisation makes 0.

    Args:
        slices: each (side, side), HU.
        change: the same for all.
        out: (3 * slices, side, side), written: channels as the network takes them, which normalises them itself.
        mean: per channel, as the network has it.
        deviation: per channel, as the network has it.
    """
    size = out.shape[-1]
    matrix = change.matrix(size)
    for number, source in enumerate(slices):
        for channel, view in enumerate(channels(source)):
            moved = _moved(view, matrix, size, mean[channel])
            np.add(moved, np.float32(change.brightness * deviation[channel]), out=out[3 * number + channel])


def change_cells(cells: NDArray[np.uint8], change: Change) -> NDArray[np.uint8]:
    """Move the cells of lesions as their slice moves: (subtypes, rows, columns), as many rows as columns."""
    size = cells.shape[-1]
    matrix = change.matrix(size)
    moved = cells.copy()
    for one in moved:
        if one.any():
            np.copyto(one, np.rint(_moved(one.astype(np.float32), matrix, size, 0)), casting="unsafe")
    return moved


def _moved(picture: Floats, matrix: NDArray[np.float64], size: int, border: float) -> Floats:
    moved = cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=border)
    return np.asarray(moved, np.float32)
