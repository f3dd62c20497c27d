"""What a scanner does to a head: beam hardening, blur, noise, wrong HU, a head holder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.phantom.rays import ray_artifacts
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
        shape: of the holder, one of HOLDERS.
        padding: HU outside the circle.
        overshoot: share of the fine detail that a sharp kernel adds; 0 for soft kernels.
        moving: share of the slices in which the head moves.
        ring: HU of ring artifacts; 0 without.
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
    shape: str = "cradle"
    padding: int = LOWEST_HU
    overshoot: float = 0.0
    moving: float = 0.0
    ring: float = 0.0


HOLDERS = ("cradle", "sides", "table")
_PADDINGS = (-1024, -2000, -3024, -1000)


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """Draw a scanner: any vendor, dose and kernel."""
    sharp = bool(rng.random() < 0.12)
    return Scanner(
        rim=float(rng.triangular(5, 75, 165)),
        cupping=float(rng.uniform(0, 75)),
        uneven=float(rng.uniform(0.1, 0.6)),
        streaks=float(rng.triangular(0, 2, 9)),
        blur_mm=float(rng.uniform(0.22, 0.4) if sharp else rng.uniform(0.35, 0.8)),
        noise_hu=float(rng.uniform(6, 14) if sharp else rng.triangular(0.8, 3.4, 7.0)),
        noise_mm=float(rng.uniform(0.15, 0.3) if sharp else rng.uniform(0.3, 0.95)),
        scale=float(rng.normal(1, 0.025)),
        offset=float(rng.normal(-2, 2)),
        holder=float(rng.uniform(92, 112)) if rng.random() < 0.7 else 0.0,
        circle=float(rng.uniform(0.98, 1.02)) if rng.random() < 0.5 else 0.0,
        shape=HOLDERS[int(rng.integers(len(HOLDERS)))],
        padding=int(rng.choice(_PADDINGS, p=[0.55, 0.2, 0.15, 0.1])),
        overshoot=float(rng.uniform(0.5, 1.5) if sharp else max(0.0, rng.normal(0, 0.2))),
        moving=float(rng.uniform(0.05, 0.4)) if rng.random() < 0.1 else 0.0,
        ring=float(rng.uniform(1, 5)) if rng.random() < 0.04 else 0.0,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """What one slice of one scanner adds to any picture taken through it.

    Attributes:
        added: HU of artifacts, at the side of the sharp picture.
        noise: HU, at the side of the result.
        blur: sigma in pixels of the sharp picture.
        scale: of all HU.
        circle, padding, overshoot: as in Scanner.
        moved: (columns, rows) that the head moved while half of the slice was taken.
    """

    added: Field
    noise: Field
    blur: float
    scale: float
    circle: float
    padding: int = LOWEST_HU
    overshoot: float = 0.0
    moved: tuple[float, float] = (0.0, 0.0)


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
        height_mm: of the slice.
        thickness_mm: of the slice; thin ones are noisier.
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
    if scanner.streaks > 0:
        hardening, starving = scanner.streaks / 6, scanner.streaks / 6 * float(rng.uniform(0.2, 1.2))
        added += ray_artifacts(hu, pixel_mm * len(hu), hardening, starving, rng)
    if scanner.ring:
        added += _rings(scanner.ring, len(hu), rng)
    added += np.float32(rng.normal(scanner.offset, 1.2))
    added *= hu > -300
    thin = float(np.clip((5 / thickness_mm) ** 0.42, 0.8, 2.4))
    noise_hu = scanner.noise_hu * thin * float(np.clip(rng.normal(1, 0.12), 0.6, 1.5))
    noise = _noise(rng, side, scanner.noise_mm / (pixel_mm * hu.shape[0] / side)) * np.float32(noise_hu)
    noise *= np.float32(0.8) + np.float32(0.8) * cv2.resize(far, (side, side), interpolation=cv2.INTER_LINEAR)
    blur = scanner.blur_mm * float(np.clip(rng.normal(1, 0.15), 0.6, 1.6))
    moved = (0.0, 0.0)
    if rng.random() < scanner.moving:
        shift = rng.normal(0, 1.6 / pixel_mm, 2)
        moved = (float(shift[0]), float(shift[1]))
    scale = scanner.scale * float(rng.normal(1, 0.006))
    return Exposure(added, noise, blur / pixel_mm, scale, scanner.circle, scanner.padding, scanner.overshoot, moved)


def take(exposure: Exposure, hu: Field) -> NDArray[np.int16]:
    """The slice as the scanner shows it, (side, side) of the exposure, HU."""
    side = exposure.noise.shape[0]
    sharp = hu + exposure.added
    if any(exposure.moved):
        shift = np.array([[1, 0, exposure.moved[0]], [0, 1, exposure.moved[1]]], np.float32)
        sharp = (sharp + cv2.warpAffine(sharp, shift, hu.shape[::-1], borderMode=cv2.BORDER_REPLICATE)) / 2
    soft = blurred(_scaled(sharp, exposure.scale), exposure.blur)
    if exposure.overshoot:
        soft += np.float32(exposure.overshoot) * (soft - blurred(soft, 1.5 * exposure.blur + 0.6))
    if side != soft.shape[0]:
        soft = np.asarray(cv2.resize(soft, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
    taken = np.asarray(np.clip(np.rint(soft + exposure.noise), LOWEST_HU, 3071), np.int16)
    if exposure.circle:
        across = np.linspace(-1, 1, side, dtype=np.float32) ** 2
        taken[across[:, None] + across > exposure.circle**2] = exposure.padding
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
    air = hu < -900
    if scanner.shape == "sides":
        # A U open to the front, seen as a bright line at either side.
        beyond = np.maximum(y - 30, 0)
        gap = np.abs(x) - np.float32(scanner.holder) + beyond * beyond * np.float32(1 / 220)
        air = air & (y > -25) & (y < 96)
    elif scanner.shape == "table":
        gap = y - np.float32(scanner.holder + 4) + x * x * np.float32(1 / 700)
        air = air & (np.abs(x) < 130)
    else:
        gap = np.sqrt(x * x + (y * np.float32(0.95)) ** 2) - np.float32(scanner.holder)
        air = air & (y > 8)
    shell = cover(np.float32(1.2) - np.abs(gap), pixel_mm) * air
    foam = cover(np.float32(4) - np.abs(gap + 5), pixel_mm) * air * (y > 20)
    return np.asarray(hu + foam * np.float32(40) + shell * np.float32(1060), np.float32)


def _scaled(hu: Field, scale: float) -> Field:
    """The HU scale of a scanner is its own for what is not air."""
    return np.where(hu > np.float32(-500), hu * np.float32(scale), hu)


def _rings(strength: float, side: int, rng: np.random.Generator) -> Field:
    """Rings about the middle of the picture, from detectors that see too much or too little."""
    profile = np.zeros(side, np.float32)
    profile[rng.integers(4, side // 3, 5)] = rng.normal(0, strength, 5)
    profile = cv2.GaussianBlur(profile[None], (0, 0), 0.8)[0] * 2
    across = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
    return np.asarray(profile[np.minimum(np.hypot(across[:, None], across).astype(int), side - 1)], np.float32)


def _slow(rng: np.random.Generator, side: int, cells: int) -> Field:
    """A slow random shading, deviation about 1."""
    grid = rng.standard_normal((cells, cells), dtype=np.float32)
    return np.asarray(cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)


def _noise(rng: np.random.Generator, side: int, grain: float) -> Field:
    """Noise with a grain of some pixels, deviation 1."""
    white = rng.standard_normal((side, side), dtype=np.float32)
    soft = blurred(white, max(grain, 0.35))
    deviation = float(soft[:: max(1, side // 64)].std()) + 1e-6
    return soft * np.float32(1 / deviation)
