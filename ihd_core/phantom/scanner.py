"""What a scanner does to a head: beam hardening, blur, noise, wrong HU, a head holder."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.phantom.drift import drift_of
from ihd_core.phantom.rays import motion_streaks, ray_artifacts
from ihd_core.phantom.shapes import blurred

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ihd_core.phantom.shapes import Field

LOWEST_HU = -1024


@dataclass(frozen=True, slots=True)
class Scanner:
    """The numbers of one scanner and protocol.

    Attributes:
        rim: HU added to what lies amid bone of 1000 HU of RIM_MM about; glow, cupping: the same for GLOW_MM, FAR_MM.
            The scanner is calibrated on heads of which bone fills USUAL_FAR of the last.
        uneven: how much rim and glow vary over a slice, 0..1.
        streaks: HU of the dark and bright bands between dense bones; windmill: HU of vanes in thin helical slices.
        blur_mm: sigma of the point spread.
        noise_hu: deviation of the noise in pixels of FINE_MM; noise_mm: sigma of its grain.
        hollow: share of the slow part of the noise that a sharp kernel lacks, 0..1.
        patchy: how much the noise varies from place to place, after iterative reconstruction.
        scale, offset: of the HU of soft tissue.
        holder: whether a head holder is in the picture.
        circle: radius of the reconstructed circle over half the picture; 0 reconstructs the corners too.
        shape: of the holder, one of HOLDERS.
        padding: HU outside the circle.
        overshoot: share of the fine detail that a sharp kernel adds; 0 for soft kernels.
        moving: share of the slices in which the head moves.
        ring: HU of ring artifacts; 0 without.
        seed: of what drifts from slice to slice.
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
    glow: float = 0.0
    windmill: float = 0.0
    hollow: float = 0.0
    patchy: float = 0.0
    seed: int = 0


RIM_MM, GLOW_MM, FAR_MM = 2.2, 10.0, 26.0
"""Sigmas over which bone brightens what is beside it: the edge, beam hardening, and scatter and cupping."""
USUAL_FAR = 0.09
FINE_MM = 0.45
HOLDERS = ("cradle", "sides", "table")
_PADDINGS = (-1024, -2000, -3024, -1000)


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """Draw a scanner: any vendor, dose and kernel, from ones that correct beam hardening to old ones that do not."""
    sharp = bool(rng.random() < 0.14)
    iterative = not sharp and bool(rng.random() < 0.3)
    hardness = float(rng.uniform(0, 1.35) if rng.random() < 0.65 else rng.uniform(0, 0.2))
    return Scanner(
        rim=float(rng.triangular(0, 55, 145)) * (0.25 + 0.75 * hardness),
        glow=48 * hardness * float(rng.uniform(0.6, 1.4)),
        cupping=190 * hardness * float(rng.uniform(0.5, 1.4)),
        uneven=float(rng.uniform(0.15, 0.6)),
        streaks=float(rng.triangular(0, 2, 9)),
        windmill=float(rng.uniform(0, 6)) if rng.random() < 0.4 else 0.0,
        blur_mm=float(rng.uniform(0.22, 0.4) if sharp else rng.uniform(0.35, 0.8)),
        noise_hu=float(rng.uniform(7, 16) if sharp else rng.triangular(1.2, 4.2, 9.0)),
        noise_mm=float(
            rng.uniform(0.2, 0.34) if sharp else rng.uniform(0.45, 0.85) if iterative else rng.uniform(0.25, 0.5)
        ),
        hollow=float(rng.uniform(0.6, 1.0) if sharp else rng.uniform(0, 0.3)),
        patchy=float(rng.uniform(0.15, 0.45)) if iterative else 0.0,
        scale=float(rng.normal(1, 0.025)),
        offset=float(rng.normal(-2.2, 2.6)),
        holder=float(rng.uniform(92, 112)) if rng.random() < 0.7 else 0.0,
        circle=float(rng.uniform(0.98, 1.02)) if rng.random() < 0.5 else 0.0,
        shape=HOLDERS[int(rng.integers(len(HOLDERS)))],
        padding=int(rng.choice(_PADDINGS, p=[0.55, 0.2, 0.15, 0.1])),
        overshoot=float(rng.uniform(0.5, 1.5) if sharp else max(0.0, rng.normal(0, 0.2))),
        moving=float(rng.uniform(0.05, 0.4)) if rng.random() < 0.1 else 0.0,
        ring=float(rng.uniform(1, 5)) if rng.random() < 0.04 else 0.0,
        seed=int(rng.integers(2**31)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """What one slice of one scanner adds to any picture taken through it.

    Attributes:
        added: HU of artifacts, at the side of the sharp picture.
        noise: HU, at the side of the result.
        blur: sigma in pixels of the sharp picture; fine: of what the overshoot counts as fine detail.
        scale: of all HU.
        circle, padding, overshoot: as in Scanner.
        moved: (2, 3), where the head was for the other half of the slice, as for cv2.warpAffine; None: it held still.
    """

    added: Field
    noise: Field
    blur: float
    scale: float
    circle: float
    padding: int = LOWEST_HU
    overshoot: float = 0.0
    fine: float = 1.0
    moved: NDArray[np.float32] | None = None


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
        scanner: what is the same for all slices, or changes slowly with the height.
        hu: float32 (rows, columns), sharp; its bone makes the artifacts.
        pixel_mm: of hu.
        side: rows and columns of the result.
        rng: what differs from slice to slice.
        height_mm: of the slice.
        thickness_mm: of the slice; thin ones are noisier.
    """
    drift = drift_of(scanner.seed)
    numbers = drift.numbers(height_mm)
    bone = np.clip(hu, 0, 1600) * np.float32(1 / 1000)
    bone[bone < np.float32(0.15)] = 0
    far = blurred(bone, FAR_MM / pixel_mm)
    strength = float(np.clip(1 + 0.4 * scanner.uneven * numbers[0], 0.5, 1.5))
    local = np.maximum(1 + np.float32(scanner.uneven) * drift.uneven(height_mm, len(hu)), 0)
    added = blurred(bone, RIM_MM / pixel_mm) * np.float32(scanner.rim * strength)
    added += blurred(bone, GLOW_MM / pixel_mm) * np.float32(scanner.glow * strength)
    added *= local
    added += np.asarray((far - np.float32(USUAL_FAR)) * np.float32(scanner.cupping), np.float32)
    if scanner.uneven:
        added += np.float32(0.6 + 3 * scanner.uneven) * drift.shade(height_mm, len(hu))
    added += np.float32(scanner.offset + 0.8 * scanner.uneven * float(numbers[1]))
    moved = _moved(scanner, numbers, pixel_mm, len(hu))
    added += _streaks(scanner, hu, pixel_mm, moved, rng, height_mm=height_mm, thickness_mm=thickness_mm)
    added *= hu > -300
    thin = float(np.clip((5 / thickness_mm) ** 0.42, 0.8, 2.4))
    noise = _noise(scanner, rng, side, pixel_mm * len(hu) / side)
    noise *= np.float32(thin * (1 + 0.08 * float(np.clip(numbers[2], -2, 2))))
    # Rays through much bone are dim, and noisy.
    around = np.asarray(cv2.resize(far, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
    noise = noise * (around * np.float32(1.9) + np.float32(0.75))
    blur_mm = scanner.blur_mm * (1 + 0.1 * float(np.clip(numbers[3], -2, 2)))
    fine = (1.5 * blur_mm + FINE_MM) / pixel_mm
    scale = scanner.scale * (1 + 0.15 * (scanner.scale - 1) * float(numbers[4]))
    return Exposure(
        added=added, noise=noise, blur=blur_mm / pixel_mm, scale=scale, circle=scanner.circle, padding=scanner.padding,
        overshoot=scanner.overshoot, fine=fine, moved=moved,
    )  # fmt: skip


def take(exposure: Exposure, hu: Field) -> NDArray[np.int16]:
    """The slice as the scanner shows it, (side, side) of the exposure, HU."""
    side = exposure.noise.shape[0]
    soft = _spread(exposure, _scaled(_both(exposure, hu) + exposure.added, exposure.scale))
    if side != soft.shape[0]:
        soft = np.asarray(cv2.resize(soft, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
    taken = np.asarray(np.clip(np.rint(soft + exposure.noise), LOWEST_HU, 3071), np.int16)
    if exposure.circle:
        across = np.linspace(-1, 1, side, dtype=np.float32) ** 2
        taken[across[:, None] + across > exposure.circle**2] = exposure.padding
    return taken


def shown_change(exposure: Exposure, change: Field) -> Field:
    """How a change of the sharp picture shows in the slice, HU, at the side of the sharp picture."""
    return _spread(exposure, _both(exposure, change)) * np.float32(exposure.scale)


def _both(exposure: Exposure, hu: Field) -> Field:
    """The mean of the places where the head was."""
    if exposure.moved is None:
        return hu
    there = cv2.warpAffine(hu, exposure.moved, hu.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    return np.asarray((hu + there) / 2, np.float32)


def _spread(exposure: Exposure, hu: Field) -> Field:
    """The kernel's blur, and its overshoot."""
    soft = blurred(hu, exposure.blur)
    if exposure.overshoot:
        soft = soft + np.float32(exposure.overshoot) * (soft - blurred(soft, exposure.fine))
    return soft


def _moved(scanner: Scanner, numbers: Field, pixel_mm: float, side: int) -> NDArray[np.float32] | None:
    """The head moves in neighbouring slices, now and then."""
    if not scanner.moving or numbers[5] < NormalDist().inv_cdf(1 - scanner.moving):
        return None
    shift = 1.6 / pixel_mm * numbers[6:8]
    turn = float(np.clip(0.7 * numbers[8], -2, 2))
    middle = (side - 1) / 2
    moved = cv2.getRotationMatrix2D((middle, middle), turn, 1.0)
    moved[:, 2] = moved[:, 2] + shift
    return np.asarray(moved, np.float32)


def _streaks(
    scanner: Scanner,
    hu: Field,
    pixel_mm: float,
    moved: NDArray[np.float32] | None,
    rng: np.random.Generator,
    *,
    height_mm: float,
    thickness_mm: float,
) -> Field:
    """What is added along rays and rings."""
    added = np.zeros_like(hu)
    if scanner.streaks > 0:
        hardening, starving = scanner.streaks / 6, scanner.streaks / 6 * float(rng.uniform(0.3, 0.9))
        # Vanes come of sampling along the body, which thick slices average out.
        vanes = scanner.windmill / 6 * float(np.clip((3.5 - thickness_mm) / 2, 0, 1))
        fov = pixel_mm * len(hu)
        added = ray_artifacts(hu, fov, hardening, starving, rng, windmill=vanes, height_mm=height_mm)
    if scanner.ring:
        added = added + _rings(scanner.ring, len(hu), np.random.default_rng(drift_of(scanner.seed).ring_seed))
    if moved is not None:
        there = cv2.warpAffine(hu, moved, hu.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        added = added + motion_streaks(hu, np.asarray(there, np.float32))
    return added


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


def _noise(scanner: Scanner, rng: np.random.Generator, side: int, pixel_mm: float) -> Field:
    """Noise of the kernel's spectrum: falling for a soft kernel, rising and then cut for a sharp one."""
    # A pixel shows the mean of its area, so that coarse ones are less noisy and grained.
    area, fine = pixel_mm**2 / 12, FINE_MM**2 / 12
    grain = float(np.sqrt(scanner.noise_mm**2 + area)) / pixel_mm
    smaller = float(np.sqrt((scanner.noise_mm**2 + fine) / (scanner.noise_mm**2 + max(area, fine))))
    white = rng.standard_normal((side, side), dtype=np.float32)
    noise = blurred(white, grain)
    if scanner.hollow:
        noise = noise - np.float32(scanner.hollow) * blurred(noise, 1.6 * grain)
    deviation = float(noise[:: max(1, side // 64)].std()) + 1e-6
    noise = noise * np.float32(scanner.noise_hu * smaller / deviation)
    if scanner.patchy:
        cells = max(4, round(side * pixel_mm / 9))
        patches = rng.standard_normal((cells, cells), dtype=np.float32)
        patches = np.asarray(cv2.resize(patches, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
        noise *= np.maximum(1 + np.float32(scanner.patchy) * patches, np.float32(0.2))
    return noise
