"""A head whose every area is known from the formula of an ellipse: skin, skull and brain are ellipsoids."""

from __future__ import annotations

import numpy as np

from ihd_core.scan import Scan, ScanDetails

BRAIN_MM = (66.0, 82.0, 74.0)
"""Half axes: left to right, back to front, up."""
SKULL_MM = 7.0
SCALP_MM = 6.0
CENTER_MM = 80.0
"""Height of the widest slice; slices lie between 0 and 160 mm."""


def round_head(
    *,
    spacing_mm: tuple[float, float, float] = (5.0, 1.5, 1.5),
    low_mm: float = 0.0,
    high_mm: float = 160.0,
    width_mm: float = 240.0,
    shift_mm: tuple[float, float] = (0.0, 0.0),
    scale: float = 1.0,
    change=None,
    **details,
) -> Scan:
    """Slices every spacing_mm[0] from low_mm to high_mm; change(hu, x, y, z) alters the HU, mm from the middle."""
    heights = np.arange(low_mm, high_mm + 1e-6, spacing_mm[0])
    rows, columns = round(width_mm / spacing_mm[1]), round(width_mm / spacing_mm[2])
    y = ((np.arange(rows) + 0.5) * spacing_mm[1] - width_mm / 2 - shift_mm[0])[None, :, None]
    x = ((np.arange(columns) + 0.5) * spacing_mm[2] - width_mm / 2 - shift_mm[1])[None, None, :]
    z = (heights - CENTER_MM)[:, None, None]

    def within(more: float):
        a, b, c = (half * scale + more for half in BRAIN_MM)
        return (x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2 < 1

    hu = np.full((len(heights), rows, columns), -1000, np.float32)
    hu[within(SKULL_MM + SCALP_MM)] = -80
    hu[within(SKULL_MM + 2)] = 40
    hu[within(SKULL_MM)] = 1100
    hu[within(0)] = 33
    if change is not None:
        hu = change(hu, x, y, z)
    positions = np.zeros((len(heights), 3))
    positions[:, 2] = heights
    return Scan(
        hu=np.clip(hu, -32768, 32767).astype(np.int16),
        spacing_mm=spacing_mm,
        orientation=np.eye(3),
        positions_mm=positions,
        uid="1.2.3",
        slice_uids=tuple(f"1.2.3.{index}" for index in range(len(heights))),
        details=ScanDetails(**{"patient_age": "061Y", "thickness_mm": spacing_mm[0], "kvp": 120.0, **details}),
    )


def areas_cm2(scan: Scan, scale: float = 1.0) -> np.ndarray:
    """The brain's area in every slice."""
    a, b, c = (half * scale for half in BRAIN_MM)
    share = 1 - ((scan.heights_mm - CENTER_MM) / c) ** 2
    return np.pi * a * b * np.clip(share, 0, None) / 100
