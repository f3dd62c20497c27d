"""HU statistics of a head: tissues, the brightening beside bone, noise and its spectrum."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.phantom.real_head import real_head

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ihd_core.phantom.real_head import RealHead
    from ihd_core.scan import Scan

BESIDE_MM = (2.6, 4.0, 5.0, 10.0, 20.0)
"""Distances to the inner table at which brain is measured."""
LOW_MM, HIGH_MM = 20.0, 62.0
"""The cerebrum below the vertex, and the vertex, in mm above the sella."""
PATCH_MM = 10.0
"""Side of the squares of even brain in which noise is measured."""
BANDS_PER_MM = (0.0, 0.1, 0.2, 0.35, 0.6)
"""Edges of the bands of the noise's spectrum, cycles a mm."""
EVENEST = 0.25
"""Share of all squares, those with the least spread, that count as even."""


def statistics(scan: Scan) -> dict[str, float]:
    """Measure a head.

    Args:
        scan: axial slices of a head. Hemorrhage in it counts as brain.

    Returns:
        By name, in HU but for the shares of the spectrum (percent of the noise's power in each band of BANDS_PER_MM);
        NaN where the scan does not show what is measured.

    Raises:
        CannotPredict: the scan shows no inside of a skull.
    """
    head = real_head(scan)
    return {**_tissues(head), **_beside_bone(head), **_noise(head)}


def compared(phantoms: Sequence[Mapping[str, float]], real: Mapping[str, float] | None = None) -> str:
    """A Markdown table: median and 5-95 % of phantoms, and a real head's values, with what lies outside.

    Args:
        phantoms: statistics() of some; at least one.
        real: of a real head.
    """
    head = "| | phantoms, median | 5-95 % |" + (" real head | |" if real else "")
    lines = [head, "|---|---|---|" + ("---|---|" if real else "")]
    for name in phantoms[0]:
        values = np.array([one[name] for one in phantoms])
        values = values[np.isfinite(values)]
        middle, low, high = np.percentile(values, [50, 5, 95]) if len(values) else (np.nan,) * 3
        line = f"| {name} | {middle:.1f} | {low:.1f} to {high:.1f} |"
        if real:
            told = "outside" if real[name] < low or real[name] > high else ""
            line += f" {real[name]:.1f} | {told} |"
        lines.append(line)
    return "\n".join(lines) + "\n"


def _tissues(head: RealHead) -> dict[str, float]:
    """Modes are robust to infarcts and white-matter disease where means are not: percentiles of deep brain."""
    deep, fluid, bone, air = [], [], [], []
    for index, one in enumerate(head.tissues):
        middle = (one.depth > 12) & (one.z > LOW_MM - 10) & (one.z < HIGH_MM)
        deep.append(one.hu[middle & (one.csf + one.ventricle < 0.02) & (one.hu > 15) & (one.hu < 60)])
        core = cv2.erode((one.ventricle > 0.8).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        fluid.append(one.hu[core])
        bone.append(one.hu[(one.depth < -1.5) & (one.depth > -6) & (one.z > LOW_MM) & (one.hu > 300)])
        corner = head.scan.hu[index, 3:23, 3:23]
        air.append(corner[corner > -1100].ravel())
    brain = np.concatenate(deep)
    return {
        "grey matter (90th percentile of deep brain)": _percentile(brain, 90),
        "white matter (20th percentile)": _percentile(brain, 20),
        "fluid of the ventricles (median)": _percentile(np.concatenate(fluid), 50),
        "bone of the vault (median)": _percentile(np.concatenate(bone), 50),
        "air (median of a corner)": _percentile(np.concatenate(air), 50),
    }


def _beside_bone(head: RealHead) -> dict[str, float]:
    """Brain without fluid, by distance from the inner table."""
    found = {}
    for name, low, high in (("below", LOW_MM, HIGH_MM), ("vertex", HIGH_MM, 90.0)):
        for distance in BESIDE_MM:
            values = [
                one.hu[(np.abs(one.depth - distance) < 0.6) & (one.csf < 0.05) & (one.z > low) & (one.z < high)]
                for one in head.tissues
            ]
            found[f"brain {distance:g} mm from bone, {name}"] = _percentile(np.concatenate(values), 50)
    return found


def _noise(head: RealHead) -> dict[str, float]:
    """In the evenest squares of brain, after a plane was taken away."""
    pixel = float(np.mean(head.scan.spacing_mm[1:]))
    side = max(8, round(PATCH_MM / pixel))
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    plane = np.column_stack([np.ones(side * side), rows.ravel(), columns.ravel()])
    solve = np.linalg.pinv(plane)
    window = np.outer(np.hanning(side), np.hanning(side))
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(side, pixel)] * 2))
    spreads: list[float] = []
    spectra: list[NDArray[np.float64]] = []
    for index, one in enumerate(head.tissues):
        brain = ((one.depth > 6) & (one.csf + one.ventricle < 0.02) & (one.z > 0)).astype(np.uint8)
        fine = np.asarray(cv2.resize(brain, head.scan.hu.shape[:0:-1], interpolation=cv2.INTER_NEAREST))
        for row in range(0, fine.shape[0] - side, side):
            for column in range(0, fine.shape[1] - side, side):
                box = slice(row, row + side), slice(column, column + side)
                if not fine[box].all():
                    continue
                values = head.scan.hu[index][box].astype(float).ravel()
                rest = (values - plane @ (solve @ values)).reshape(side, side)
                spreads.append(float(rest.std()))
                spectra.append(np.abs(np.fft.fft2(rest * window)) ** 2)
    names = [f"noise, {low:g} to {high:g} cycles/mm, %" for low, high in _bands()]
    if not spreads:
        return dict.fromkeys(["noise (deviation)", *names], float("nan"))
    even = np.argsort(spreads)[: max(1, round(EVENEST * len(spreads)))]
    power = np.mean([spectra[i] for i in even], axis=0)
    shares = [100 * float(power[(frequency >= low) & (frequency < high)].sum() / power.sum()) for low, high in _bands()]
    return {"noise (deviation)": float(np.median([spreads[i] for i in even])), **dict(zip(names, shares, strict=True))}


def _bands() -> list[tuple[float, float]]:
    return list(itertools.pairwise(BANDS_PER_MM))


def _percentile(values: NDArray[np.float32], percent: float) -> float:
    return float(np.percentile(values, percent)) if len(values) > 20 else float("nan")
