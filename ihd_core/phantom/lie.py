"""How a real head lies in its scan: the standard head's cavity fitted to the inside of the skull."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ihd_core.brain_mask import BrainMask
    from ihd_core.phantom.shapes import Field
    from ihd_core.scan import Scan

    Points = NDArray[np.float64]

GRID_MM = 5.0
"""The fit looks at points about this far apart."""
SOFT_MM = 8.0
"""The cavity's edge is spread over this in the fit, so that it is drawn from afar."""
USUAL = np.array([0.14, 0.14, 0.35, 25.0, 35.0, 45.0, 0.07, 0.07, 0.07])
"""Deviations of roll, turn and pitch (radians), of the place (mm) and of the size among heads."""


@dataclass(frozen=True, slots=True, eq=False)
class Lie:
    """From patient axes (LPS) to the standard head: x to the left, y to posterior, z to superior of the sella, mm.

    Attributes:
        turn: (3, 3), rotation and scaling.
        origin: (3,), the sella in patient axes.
        normal: (3,), the slices' normal in the standard head, of length 1.
    """

    turn: Points
    origin: Points
    normal: Points

    def at(self, points: Points) -> Points:
        """Positions (..., 3) in mm."""
        moved: Points = (points - self.origin) @ self.turn.T
        return moved

    def turned(self, directions: Points) -> Points:
        """Directions (..., 3) with their lengths."""
        turned: Points = directions @ self.turn.T
        return turned

    def rise(self, x: Field, y: Field, z: Field) -> Field:
        """Depth that is lost a mm along the slices' normal where the vault leans over; about 0 where it is steep."""
        outward = np.stack([x / 68**2, (y - 4) / 83**2, np.maximum(z - 6, 0) / 84**2], -1)
        outward /= np.linalg.norm(outward, axis=-1, keepdims=True) + 1e-9
        return np.asarray(outward @ self.normal, np.float32)

    def lean(self, x: Field, y: Field, z: Field) -> Field:
        """True depth over the depth in the slice: below 1 where the vault leans over the slice."""
        across = self.rise(x, y, z)
        return np.asarray(np.sqrt(np.clip(1 - across * across, 0.04, 1)), np.float32)


def lie_of(scan: Scan, mask: BrainMask) -> Lie:
    """Fit place, turn and size of the standard head to the inside of the skull.

    Only what was scanned counts, so that a head of which the vertex or the base is missing still fits; what is usual
    among heads decides where the mask does not.

    Args:
        scan: axial slices.
        mask: of the same scan, with an inside that is not empty.
    """
    from scipy.optimize import least_squares

    steps = [max(1, round(GRID_MM / mm)) for mm in mask.pixel_mm]
    inside = mask.inside[:, :: steps[0], :: steps[1]]
    rows = np.arange(0, mask.inside.shape[1], steps[0]) * mask.pixel_mm[0] + (mask.pixel_mm[0] - scan.spacing_mm[1]) / 2
    columns = np.arange(0, mask.inside.shape[2], steps[1]) * mask.pixel_mm[1]
    columns = columns + (mask.pixel_mm[1] - scan.spacing_mm[2]) / 2
    corners = scan.positions_mm[mask.slice_indices]
    points = (
        corners[:, None, None]
        + columns[None, None, :, None] * scan.orientation[0]
        + rows[None, :, None, None] * scan.orientation[1]
    )
    found = points[inside]
    middle, top = (found.min(0) + found.max(0)) / 2, found[:, 2].max()
    near = (np.abs(points - middle) < 125).all(-1)
    gaps = np.gradient(mask.heights_mm) if len(mask.heights_mm) > 1 else np.ones(1)
    weight = np.sqrt(np.clip(gaps / np.median(gaps), 0.2, 3))[:, None, None]
    weights = np.broadcast_to(weight, inside.shape)[near] * np.sqrt(200 / max(1, len(found)))
    points, wanted = points[near], inside[near].astype(np.float64)
    start = np.zeros(9)
    start[3:6] = middle[0], middle[1] - 4, min(top - 88, middle[2])

    def misfit(values: Points) -> Points:
        turn = _turn(values)
        depth = standard_depth((points - values[3:6]) @ turn.T)
        apart = (np.clip(depth / SOFT_MM + 0.5, 0, 1) - wanted) * weights * 4
        return np.concatenate([apart, (values - start) / USUAL])

    values = least_squares(
        misfit, start, diff_step=np.where(np.arange(9) < 3, 0.01, 0.005), x_scale=USUAL, max_nfev=40
    ).x
    turn = _turn(values)
    normal = turn @ scan.orientation[2]
    return Lie(turn, values[3:6].copy(), normal / np.linalg.norm(normal))


def _turn(values: Points) -> Points:
    """Rotation (roll, turn, pitch), then size."""
    roll, turn, pitch = values[:3]
    about_y = np.array([[np.cos(roll), 0, np.sin(roll)], [0, 1, 0], [-np.sin(roll), 0, np.cos(roll)]])
    about_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    result: Points = (about_x @ about_y @ about_z) / np.exp(values[6:9])[:, None]
    return result


def standard_depth(points: Points) -> Points:
    """Depth below the inner table of the standard head, mm, (points,): vault, three fossae and what is between.

    As far as brain_mask() finds it: it loses the lowest part of the posterior fossa among the bones of the base.
    """
    x, y, z = points.T
    a = np.abs(x)
    vault = _body(x * np.clip(1 - 0.0016 * (y + 10), 0.94, 1.12), y, z, (0, 4, 6), (68, 83, np.where(z > 6, 84, 48)))
    front = np.clip((-26 - y) / 10, 0, 1)
    depth = np.minimum(vault, z + 14 - front * 10)
    depth = np.maximum(depth, _body(a, y, z, (39, -10, -8), (24, 33, 21)))
    depth = np.maximum(depth, _body(x, y, z, (0, 38, -14), (55, 39, 26)))
    return np.asarray(depth, np.float64)


def _body(
    x: Points, y: Points, z: Points, center: tuple[float, float, float], radii: tuple[float, float, float | Points]
) -> Points:
    """Depth in an ellipsoid to first order, mm."""
    u, v, w = (x - center[0]) / radii[0], (y - center[1]) / radii[1], (z - center[2]) / radii[2]
    k = np.sqrt(u * u + v * v + w * w) + 1e-3
    slope = np.sqrt((u / radii[0]) ** 2 + (v / radii[1]) ** 2 + (w / radii[2]) ** 2) + 1e-5
    result: Points = (1 - k) * k / slope
    return result
