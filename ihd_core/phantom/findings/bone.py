"""Changed bone: fractures, burr holes, flaps, gaps and plates after operations, fluid in air cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.phantom.findings.finding import box_about, edge_mm, patch_about
from ihd_core.phantom.shapes import cover
from ihd_core.phantom.smooth_field import SmoothField

if TYPE_CHECKING:
    from ihd_core.phantom.findings.finding import Point
    from ihd_core.phantom.head import Push, Tissue
    from ihd_core.phantom.shapes import Field

_MIDDLE = np.array([0.0, 4.0, 6.0])
"""Of the vault; mm."""


@dataclass(frozen=True, slots=True, eq=False)
class Fracture:
    """A line through the vault about center, of length_mm, along a tangent of the bone."""

    center: Point
    length_mm: float
    gap_mm: float
    heading: float
    swirl: SmoothField
    name: str = "fracture"
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The plane's HU with the line."""
        patch = patch_about(tissue, hu, *box_about(self.center, self.length_mm * 0.5 + 6))
        if patch is None:
            return hu
        one = patch.tissue
        out = np.array(self.center) - _MIDDLE
        out /= np.linalg.norm(out)
        first = np.cross(out, (0.3, 0.2, 1.0))
        first /= np.linalg.norm(first)
        second = np.cross(out, first)
        along = np.cos(self.heading) * first + np.sin(self.heading) * second
        across = np.cos(self.heading) * second - np.sin(self.heading) * first
        u, v = _dot(one, self.center, along), _dot(one, self.center, across)
        line = np.float32(self.gap_mm * 0.5) - np.abs(v + np.float32(1.3) * self.swirl.on(one.plane))
        share = cover(np.minimum(line, np.float32(self.length_mm * 0.5) - np.abs(u)), np.float32(one.plane.pixel_mm))
        share = share * _bone_share(one, patch.hu) * (_dot(one, self.center, out) > -20)
        return patch.put(hu, patch.hu + (np.float32(40) - patch.hu) * share)


@dataclass(frozen=True, slots=True, eq=False)
class Flap:
    """A round piece of the vault sawn out, and what is there now.

    Attributes:
        radius_mm: of the piece; kerf_mm: width of the cut about it, open or filled by kerf_hu.
        hu: what fills the place of the bone; None where the own bone was put back.
        holes: directions of burr holes on the cut, radians; hole_mm: their radius.
    """

    name: str
    center: Point
    radius_mm: float
    kerf_mm: float
    kerf_hu: float
    hu: float | None
    holes: tuple[float, ...]
    hole_mm: float
    swirl: SmoothField
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The plane's HU with the flap."""
        patch = patch_about(tissue, hu, *box_about(self.center, self.radius_mm * 1.15 + self.hole_mm + 10))
        if patch is None:
            return hu
        one, soft = patch.tissue, edge_mm(patch.tissue)
        out = np.array(self.center) - _MIDDLE
        out /= np.linalg.norm(out)
        first = np.cross(out, (0.3, 0.2, 1.0))
        first /= np.linalg.norm(first)
        second = np.cross(out, first)
        u, v, w = (_dot(one, self.center, axis) for axis in (first, second, out))
        across = np.sqrt(u * u + v * v)
        uneven = np.float32(0.05 * self.radius_mm) * self.swirl.on(one.plane)
        bone = _bone_share(one, patch.hu) * (w > -30)
        new = patch.hu
        if self.hu is not None:
            inner = cover(np.float32(self.radius_mm) - across + uneven, soft) * bone
            new = new + (np.float32(self.hu) + self.swirl.on(one.plane) - new) * inner
        cut = np.float32(self.kerf_mm * 0.5) - np.abs(across - np.float32(self.radius_mm) - uneven)
        for angle in self.holes:
            du = u - np.float32(self.radius_mm * np.cos(angle))
            dv = v - np.float32(self.radius_mm * np.sin(angle))
            cut = np.maximum(cut, np.float32(self.hole_mm) - np.sqrt(du * du + dv * dv))
        new = new + (np.float32(self.kerf_hu) - new) * cover(cut, np.float32(one.plane.pixel_mm)) * bone
        return patch.put(hu, np.asarray(new, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class FilledCells:
    """Fluid or thick mucosa instead of air within boxes, behind a level."""

    boxes: tuple[tuple[Point, Point], ...]
    level_mm: float
    hu: float
    name: str = "filled air cells"
    pushes: tuple[Push, ...] = ()

    def on(self, tissue: Tissue, hu: Field) -> Field:
        """The plane's HU with fluid where air was."""
        for low, high in self.boxes:
            patch = patch_about(tissue, hu, low, high)
            if patch is None:
                continue
            one = patch.tissue
            inside = np.ones(one.x.shape, bool)
            for axis, least, most in zip((one.x, one.y, one.z), low, high, strict=True):
                inside &= (axis >= np.float32(least)) & (axis <= np.float32(most))
            air = np.clip((-60 - patch.hu) * np.float32(1 / 500), 0, 1) * inside * (one.inside < np.float32(0.5))
            share = air * cover(one.y - np.float32(low[1] + self.level_mm * (high[1] - low[1])), np.float32(1))
            hu = patch.put(hu, patch.hu + (np.float32(self.hu) - patch.hu) * share)
        return hu


def _dot(tissue: Tissue, center: Point, axis: np.ndarray) -> Field:
    """Distance from center along axis, mm."""
    x, y, z = (np.float32(one) for one in axis)
    away = x * (tissue.x - np.float32(center[0])) + y * (tissue.y - np.float32(center[1]))
    return np.asarray(away + z * (tissue.z - np.float32(center[2])), np.float32)


def _bone_share(tissue: Tissue, hu: Field) -> Field:
    """Share of bone in pixels outside the cavity."""
    return np.asarray(np.clip((hu - 75) * np.float32(1 / 150), 0, 1) * (tissue.depth < 1), np.float32)


def draw_fracture(rng: np.random.Generator, center: Point) -> Fracture:
    """Draw one about center."""
    heading, gap = float(rng.uniform(0, np.pi)), float(rng.uniform(0.5, 2.0))
    return Fracture(center, float(rng.uniform(25, 90)), gap, heading, SmoothField(rng, 10))


def draw_filled_cells(rng: np.random.Generator) -> tuple[FilledCells, ...]:
    """Draw fluid in maxillary, sphenoid sinuses or mastoid cells; blood after a fall."""
    places: list[tuple[Point, Point]] = [((-17, -42, -32), (17, -6, -4))]
    for side in (-1, 1):
        for x, y, z in (((14, 46), (-82, -32), (-78, -32)), ((44, 68), (6, 50), (-52, -10))):
            low, high = (x[0], x[1]) if side > 0 else (-x[1], -x[0])
            places.append(((low, y[0], z[0]), (high, y[1], z[1])))
    chosen = tuple(place for place in places if rng.random() < 0.4) or (places[0],)
    hu = float(rng.uniform(5, 42)) if rng.random() < 0.75 else float(rng.uniform(50, 75))
    return (FilledCells(chosen, float(rng.uniform(-0.2, 0.7)), hu),)
