"""What a scanner does to a head: beam hardening, blur, noise, wrong HU, a head holder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.phantom.shapes import blurred, cover

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ihd_core.phantom.shapes import Field

LOWEST_HU = -1024


@dataclass(frozen=True, slots=True)
class Scanner:
    """The numbers of one scanner and protocol.

    Attributes:
        rim: HU added to soft tissue where the near neighbourhood is all bone of 1000 HU; falls off in some mm.
        cupping: the same for a neighbourhood of some cm.
        uneven: how much both vary over a slice, 0..1.
        streaks: HU of the dark and bright bands between dense bones.
        blur_mm: sigma of the point spread; noise_hu: deviation of the noise; noise_mm: its grain.
        scale, offset: of the HU of soft tissue.
        holder: whether a head holder is in the picture.
        circle: radius of the reconstructed circle over half the picture; 0 reconstructs the corners too.
    """

    rim: float
    cupping: float
    uneven: float
    streaks: float
    blur_mm: float
    noise_hu: float
    noise_mm: float
    scale: float
    offset: float
    holder: float
    circle: float


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """Draw a scanner."""
    return Scanner(
        rim=float(rng.triangular(0, 48, 140)),
        cupping=float(rng.uniform(0, 75)),
        uneven=float(rng.uniform(0.1, 0.6)),
        streaks=float(rng.uniform(0, 9)),
        blur_mm=float(rng.uniform(0.35, 0.75)),
        noise_hu=float(rng.triangular(1.2, 2.4, 6.0)),
        noise_mm=float(rng.uniform(0.3, 0.85)),
        scale=float(rng.normal(1, 0.025)),
        offset=float(rng.normal(-2, 2)),
        holder=float(rng.uniform(92, 112)) if rng.random() < 0.7 else 0.0,
        circle=float(rng.uniform(0.98, 1.02)) if rng.random() < 0.5 else 0.0,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """What one slice of one scanner adds to any picture taken through it.

    Attributes:
        added: HU of artifacts, at the side of the sharp picture.
        noise: HU, at the side of the result.
        blur: sigma in pixels of the sharp picture.
        scale: of all HU.
        circle: as in Scanner.
    """

    added: Field
    noise: Field
    blur: float
    scale: float
    circle: float


def expose(
    scanner: Scanner,
    hu: Field,
    pixel_mm: float,
    side: int,
    rng: np.random.Generator,
    *,
    height_mm: float = 0.0,
    thickness_mm: float = 5.0,
) -> Exposure:
    """Draw the artifacts and the noise of one slice.

    Args:
        scanner: what is the same for all slices.
        hu: float32 (rows, columns), sharp; its bone makes the artifacts.
        pixel_mm: of hu.
        side: rows and columns of the result.
        rng: what differs from slice to slice.
    """
    bone = np.clip(hu, 0, 1600) * np.float32(1 / 1000)
    bone[bone < np.float32(0.15)] = 0
    near = blurred(bone, 4.2 / pixel_mm)
    wide = blurred(bone, 10.0 / pixel_mm)
    far = blurred(bone, 26.0 / pixel_mm)
    strength = float(np.clip(rng.normal(1, 0.2), 0.3, 1.7))
    vary = _slow(rng, hu.shape[0], 6)
    local = 1 + np.float32(scanner.uneven) * vary
    added = (
        np.float32(scanner.rim * strength) * (near * np.float32(0.85) + wide * np.float32(0.25)) * np.maximum(local, 0)
    )
    added += np.float32(scanner.cupping) * far
    added += np.float32(1.2) * _slow(rng, hu.shape[0], 4)
    if scanner.streaks > 0.5:
        added += _streaks(scanner.streaks, bone, rng)
    added += np.float32(rng.normal(scanner.offset, 1.2))
    added *= hu > -300
    noise_hu = scanner.noise_hu * float(np.clip(rng.normal(1, 0.25), 0.5, 1.8))
    noise = _noise(rng, side, scanner.noise_mm / (pixel_mm * hu.shape[0] / side)) * np.float32(noise_hu)
    noise *= np.float32(0.8) + np.float32(0.8) * cv2.resize(far, (side, side), interpolation=cv2.INTER_LINEAR)
    blur = scanner.blur_mm * float(np.clip(rng.normal(1, 0.15), 0.6, 1.6))
    return Exposure(added, noise, blur / pixel_mm, scanner.scale * float(rng.normal(1, 0.006)), scanner.circle)


def take(exposure: Exposure, hu: Field) -> NDArray[np.int16]:
    """The slice as the scanner shows it, (side, side) of the exposure, HU."""
    side = exposure.noise.shape[0]
    soft = blurred((hu + exposure.added) * np.float32(exposure.scale), exposure.blur)
    if side != soft.shape[0]:
        soft = np.asarray(cv2.resize(soft, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
    taken = np.asarray(np.clip(np.rint(soft + exposure.noise), LOWEST_HU, 3071), np.int16)
    if exposure.circle:
        across = np.linspace(-1, 1, side, dtype=np.float32) ** 2
        taken[across[:, None] + across > exposure.circle**2] = LOWEST_HU
    return taken


def shown_change(exposure: Exposure, change: Field) -> Field:
    """How a change of the sharp picture shows in the slice, HU, at the side of the sharp picture."""
    return blurred(change, exposure.blur) * np.float32(exposure.scale)


def furniture(scanner: Scanner, hu: Field, fov_mm: float) -> Field:
    """The head holder, painted where there is air."""
    pixel_mm = fov_mm / len(hu)
    across = (np.arange(len(hu), dtype=np.float32) - np.float32((len(hu) - 1) / 2)) * np.float32(pixel_mm)
    x, y = across[None, :], across[:, None]
    if not scanner.holder:
        return hu
    gap = np.sqrt(x * x + (y * np.float32(0.95)) ** 2) - np.float32(scanner.holder)
    air = (hu < -900) & (y > 8)
    shell = cover(np.float32(1.2) - np.abs(gap), pixel_mm) * air
    foam = cover(np.float32(4) - np.abs(gap + 5), pixel_mm) * air * (y > 20)
    return np.asarray(hu + foam * np.float32(40) + shell * np.float32(1060), np.float32)


def _slow(rng: np.random.Generator, side: int, cells: int) -> Field:
    """A slow random shading, deviation about 1."""
    grid = rng.standard_normal((cells, cells), dtype=np.float32)
    return np.asarray(cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)


def _streaks(strength: float, bone: Field, rng: np.random.Generator) -> Field:
    """Bands along the rows where much dense bone lies at both sides, as between the petrous bones."""
    amount = np.maximum(bone.mean(axis=1) - np.float32(0.12), 0) * np.float32(6)
    rough = rng.standard_normal((len(bone), 6), dtype=np.float32)
    rough = cv2.GaussianBlur(rough, (0, 0), sigmaX=1.0, sigmaY=2.2) * np.float32(3.5)
    bands = cv2.resize(rough, bone.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.float32(strength) * amount[:, None] * (bands - np.float32(0.35)), np.float32)


def _noise(rng: np.random.Generator, side: int, grain: float) -> Field:
    """Noise with a grain of some pixels, deviation 1."""
    white = rng.standard_normal((side, side), dtype=np.float32)
    soft = blurred(white, max(grain, 0.35))
    deviation = float(soft[:: max(1, side // 64)].std()) + 1e-6
    return soft * np.float32(1 / deviation)
