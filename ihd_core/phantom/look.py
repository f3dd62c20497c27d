"""Phantoms beside a real head: pictures in the three windows, and a table of statistics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ihd_core.errors import FileError
from ihd_core.files import make_folder, write_atomically
from ihd_core.phantom.phantom import phantom_scan
from ihd_core.phantom.statistics import compared, statistics
from ihd_core.progress import Report, silent
from ihd_core.windowing import BRAIN, SOFT_TISSUE, SUBDURAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ihd_core.scan import Scan

LEVELS = (0.06, 0.2, 0.34, 0.48, 0.62, 0.76, 0.9)
"""Which slices are shown, as shares of the way from the lowest to the highest: about the same levels of every head."""
WIDTH_MM = 220.0
SIDE = 192
"""Pixels of one slice in the picture, which shows WIDTH_MM about the head."""
PROJECT = Path(__file__).resolve().parents[2]


def write_look(out: Path, real: Path | None = None, *, scans: int = 6, seed: int = 0, report: Report = silent) -> None:
    """Write brain.png, subdural.png, soft-tissue.png (a row a head, the real one last) and statistics.md into OUT.

    Args:
        out: created if its parent is there.
        real: folder of a real head; nothing of it may get into the project.
        scans: how many phantoms, half of them healthy.
        seed: of the first.
        report: called once a head.

    Raises:
        FileError: the folder is in the project although real is given, or cannot be written.
        DicomError: real has no slice that can be read.
        CannotPredict: real shows no inside of a skull.
    """
    if real and out.resolve().is_relative_to(PROJECT):
        raise FileError(f"{out}: pictures of a real head are not written into the project {PROJECT}")
    make_folder(out)
    heads, measured = [], []
    for index in range(scans):
        report(index, scans)
        labels = () if index % 2 == 0 else None
        heads.append(phantom_scan(seed + index, labels=labels, size=256).scan)
        measured.append(statistics(heads[-1]))
    found = None
    if real:
        from ihd_core.dicom.reader import load_scan

        heads.append(load_scan(real))
        found = statistics(heads[-1])
    for window in (BRAIN, SUBDURAL, SOFT_TISSUE):
        grey = np.vstack([_row(scan, window.center, window.width) for scan in heads])
        packed = cv2.imencode(".png", grey)[1].tobytes()
        write_atomically(out / f"{window.name.replace(' ', '-')}.png", packed)
    write_atomically(out / "statistics.md", compared(measured, found).encode())
    report(scans, scans)


def _row(scan: Scan, center: float, width: float) -> NDArray[np.uint8]:
    """Slices of one head side by side, uint8 (SIDE, SIDE * slices)."""
    chosen: Sequence[int] = [round(level * (len(scan) - 1)) for level in LEVELS]
    return np.hstack([_slice(scan, index, center, width) for index in chosen])


def _slice(scan: Scan, index: int, center: float, width: float) -> NDArray[np.uint8]:
    rows, columns = scan.hu.shape[1:]
    scale = np.array([SIDE / WIDTH_MM * scan.spacing_mm[2], SIDE / WIDTH_MM * scan.spacing_mm[1]])
    to_picture = np.array(
        [
            [scale[0], 0, (SIDE - scale[0] * (columns - 1)) / 2],
            [0, scale[1], (SIDE - scale[1] * (rows - 1)) / 2],
        ]
    )
    grey = np.clip((scan.hu[index].astype(np.float32) - center) / width + 0.5, 0, 1) * 255
    blur = max(0.3, 0.4 / float(scale.mean()))
    soft = cv2.GaussianBlur(grey, (0, 0), blur)
    return np.asarray(cv2.warpAffine(soft, to_picture, (SIDE, SIDE)), np.uint8)
