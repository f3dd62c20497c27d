"""Metal and tubes: the scanner makes the streaks, here the metal is only as dense as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.findings.finding import edge_mm, patch_about, vault_point
from ihd_core.phantom.shapes import cover, rod

if TYPE_CHECKING:
    from ihd_core.phantom.findings.finding import Point
    from ihd_core.phantom.head import Push, Tissue
    from ihd_core.phantom.shapes import Field


@dataclass(frozen=True, slots=True, eq=False)
class Implant:
    """Rods of metal or silicone: (two ends, radius) each, mm; those on_bone are never inside the skull."""

    name: str
    rods: tuple[tuple[tuple[Point, Point], float], ...]
    hu: float
    on_bone: bool = False
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The plane's HU with the implant."""
        for ends, radius in self.rods:
            low, high = np.min(ends, axis=0) - radius - 1, np.max(ends, axis=0) + radius + 1
            patch = patch_about(tissue, hu, (low[0], low[1], low[2]), (high[0], high[1], high[2]))
            if patch is None:
                continue
            one = patch.tissue
            share = cover(rod(one.x, one.y, one.z, ends, (radius, radius), squeeze=(1, 1, 1)), edge_mm(one))
            if self.on_bone:
                share = share * (1 - one.inside)
            hu = patch.put(hu, patch.hu + np.maximum(np.float32(self.hu) - patch.hu, 0) * share)
        return hu


def draw_clip(rng: np.random.Generator) -> tuple[Implant, ...]:
    """Draw an aneurysm clip or a coil at the circle of Willis."""
    side = -1 if rng.random() < 0.5 else 1
    x, y, z = [(0, -22, 0), (27, -17, 2), (12, -12, -1), (0, -3, -6)][int(rng.integers(4))]
    center = np.array([side * x, y, z]) + rng.normal(0, 1.5, 3)
    if rng.random() < 0.5:
        ball = (_point(center), _point(center + rng.normal(0, 1.5, 3)))
        return (Implant("coil", ((ball, float(rng.uniform(2, 6))),), float(rng.uniform(5000, 8000))),)
    axis = rng.normal(0, 1, 3)
    axis *= rng.uniform(5, 9) / np.linalg.norm(axis)
    return (Implant("clip", (((_point(center - axis), _point(center + axis)), 1.1),), float(rng.uniform(3500, 7000))),)


def draw_electrodes(rng: np.random.Generator) -> tuple[Implant, ...]:
    """Draw electrodes of a brain stimulator, from the vault to the nuclei."""
    rods = []
    for side in (-1, 1) if rng.random() < 0.8 else (1,):
        tip = np.array([side * 12.0, 2.0, 2.0]) + rng.normal(0, 1.5, 3)
        rods.append(((_point(tip), (side * 34.0, float(rng.uniform(-50, -32)), 88.0)), 0.75))
    return (Implant("electrodes", tuple(rods), float(rng.uniform(3000, 5000))),)


def draw_catheter(rng: np.random.Generator) -> tuple[Implant, ...]:
    """Draw a catheter to a lateral ventricle, from in front or from behind; a shunt brings its valve."""
    side = -1 if rng.random() < 0.6 else 1
    tip = (float(rng.normal(side * 4, 3)), float(rng.normal(-14, 4)), float(rng.normal(18, 3)))
    hu = float(rng.uniform(110, 380))
    front = rng.random() < 0.6
    entry = (side * 30.0, -50.0, 78.0) if front else (side * 32.0, 82.0, 44.0)
    parts = [Implant("catheter", (((tip, entry), float(rng.uniform(1.0, 1.5))),), hu)]
    if rng.random() < 0.55:
        valve = np.array(vault_point(side, 0.9, 40)) * (1.17, 1.14, 1.0)
        below = np.array(vault_point(side, 0.85, 24)) * (1.17, 1.14, 1.0)
        parts.append(Implant("valve", (((_point(valve), _point(below)), 3.0),), float(rng.uniform(600, 4500))))
    return tuple(parts)


def draw_fragments(rng: np.random.Generator) -> tuple[Implant, ...]:
    """Draw staples or fragments of metal in the scalp."""
    side, angle, height = -1 if rng.random() < 0.5 else 1, float(rng.uniform(-1.3, 1.3)), float(rng.uniform(10, 70))
    rods = []
    for step in range(int(rng.integers(1, 9))):
        at = np.array(vault_point(side, angle + 0.09 * step, min(height + 3.0 * step, 80))) * (1.19, 1.14, 1.08)
        rods.append(((_point(at), _point(at + rng.normal(0, 2, 3))), float(rng.uniform(0.5, 1.2))))
    return (Implant("staples", tuple(rods), float(rng.uniform(3000, 6000)), on_bone=True),)


def plates(rng: np.random.Generator, center: Point, radius_mm: float) -> Implant:
    """Small plates that hold a flap of radius_mm about center."""
    middle = np.array([0.0, 4.0, 6.0])
    out = np.array(center) - middle
    out /= np.linalg.norm(out)
    first = np.cross(out, (0.3, 0.2, 1.0))
    first /= np.linalg.norm(first)
    second = np.cross(out, first)
    rods = []
    for angle in rng.uniform(0, 2 * np.pi, int(rng.integers(2, 5))):
        radial = np.cos(angle) * first + np.sin(angle) * second
        # The vault is about a sphere of 75 mm, and the plates lie on 6 mm of bone.
        at = np.array(center) + radius_mm * radial + (6.5 - radius_mm**2 / 150) * out
        rods.append(((_point(at - 4 * radial), _point(at + 4 * radial)), 0.7))
    return Implant("plates", tuple(rods), float(rng.uniform(3000, 4500)), on_bone=True)


def _point(at: np.ndarray) -> Point:
    return float(at[0]), float(at[1]), float(at[2])
