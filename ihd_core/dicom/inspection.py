"""What was found at some paths, which series is shown and why, for the terminal and for files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ihd_core import scan_checks
from ihd_core.dicom import reader
from ihd_core.dicom.series import Found, Series, find_series
from ihd_core.errors import DicomError
from ihd_core.progress import Report, silent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ihd_core.dicom.geometry import Stack
    from ihd_core.dicom.kinds import LeftOut
    from ihd_core.dicom.reader import Preview
    from ihd_core.scan import Scan

SAID_BY_HEADERS = frozenset(
    {"contrast-agent", "age-under-18", "age-unknown", "low-kvp", "high-kvp", "thick-slices", "thin-slices"}
)
"""Warnings of the checks that hold whatever the pixels are worth."""


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """Everything `ihd inspect` says.

    Attributes:
        found: the series, best first, and what was left out.
        chosen: the series that is shown.
        scan: the chosen series, read with its pixels.
        asked_for: whether the series was named by its place, and not chosen by its rank.
    """

    found: Found
    chosen: Series
    scan: Scan
    asked_for: bool = False

    def as_json(self) -> dict[str, object]:
        """Plain values for a file; distances in mm, angles in degrees, directions in LPS."""
        return {
            "source": self.found.source,
            "chosen": {
                "place": self.found.series.index(self.chosen) + 1,
                "uid": self.chosen.uid,
                "reason": self.chosen.reason,
                "refusal": self.chosen.refusal,
                "by": "place" if self.asked_for else "rank",
            },
            "series": [_series_json(place, series) for place, series in enumerate(self.found.series, start=1)],
            "geometry": self._geometry_json(),
            "hu": {"lowest": int(self.scan.hu.min()), "highest": int(self.scan.hu.max())},
            "warnings": [
                {"code": warning.code, "text": warning.text, "values": dict(warning.values)}
                for warning in self.scan.warnings
            ],
            "left_out": [
                {
                    "reason": entry.reason,
                    "count": len(entry.files),
                    "damaged": entry.damaged,
                    "files": [str(file) for file in entry.files],
                }
                for entry in self.found.left_out
            ],
        }

    def _geometry_json(self) -> dict[str, object]:
        slices, rows, columns = self.scan.hu.shape
        return {
            "slices": slices,
            "rows": rows,
            "columns": columns,
            "spacing_mm": [round(value, 6) for value in self.scan.spacing_mm],
            "orientation": self.scan.orientation.tolist(),
            "plane": self.chosen.stack.plane,
            "tilt_degrees": round(self.chosen.stack.tilt_degrees, 2),
            "extent_mm": [round(value, 3) for value in extent_mm(self.scan)],
            "first_position_mm": self.scan.positions_mm[0].tolist(),
            "last_position_mm": self.scan.positions_mm[-1].tolist(),
        }

    def as_text(self) -> str:
        """Lines for the terminal."""
        slices, rows, columns = self.scan.hu.shape
        counted = f"{slices} slice{'' if slices == 1 else 's'}"
        extent = " × ".join(f"{value:.0f}" for value in extent_mm(self.scan))
        spacing = " × ".join(f"{value:.3f}" for value in self.scan.spacing_mm)
        lines = ["Series, best first:"]
        several = has_several_studies(self.found)
        for place, series in enumerate(self.found.series, start=1):
            mark = "*" if series is self.chosen else " "
            part = f", {series.part}" if series.part else ""
            whose = f"{study_text(series)}, " if several else ""
            lines.append(f"{mark} {place}  {whose}{series.description}{part}: {series.reason}")
            if series.refusal:
                lines.append(f"     not predicted: {series.refusal}")
        lines += [
            f"Shown (*{', asked for' if self.asked_for else ''}): {self.chosen.uid}",
            f"  {counted} of {rows} × {columns} pixels, HU {self.scan.hu.min()} to {self.scan.hu.max()}",
            f"  spacing {spacing} mm (slice, row, column), extent {extent} mm",
            f"  {self.chosen.stack.plane}, {_tilt_text(self.chosen.stack)}",
        ]
        lines += ["Warnings:" if self.scan.warnings else "Warnings: none"]
        lines += [f"  {warning.text} [{warning.code}]" for warning in self.scan.warnings]
        lines += ["Left out:" if self.found.left_out else "Left out: nothing"]
        lines += [f"  {entry.named_text}{' (not read)' if entry.damaged else ''}" for entry in self.found.left_out]
        return "\n".join(lines)


def inspect(
    paths: Sequence[Path], *, place: int | None = None, repair: bool = True, report: Report = silent
) -> Inspection:
    """Find the series at some paths and read one of them.

    Args:
        paths: files and folders.
        place: in the list, 1 for the best; None for the best that the network may get, or where there is none the best.
        repair: undo the wrap-around of RSNA files.
        report: called before every slice and at the end; may raise Cancelled.

    Raises:
        NotDicom: the only file given is something else.
        NoHeadCt: nothing can be shown; the message says what was found instead.
        DicomError: a path does not exist, no slice can be read, or no series has this place.
    """
    found = find_series(paths)
    if place is not None and not 1 <= place <= len(found.series):
        raise DicomError(f"{found.source}: there is no series {place}, the list has {len(found.series)}")
    best = next((series for series in found.series if not series.refusal), found.series[0])
    chosen = best if place is None else found.series[place - 1]
    scan = load_examined(chosen, repair=repair, report=report)
    return Inspection(found, chosen, scan, asked_for=place is not None)


def load_examined(
    series: Series, *, repair: bool = True, report: Report = silent, first: Callable[[Preview], None] | None = None
) -> Scan:
    """Read a series with everything it warns of: what the files say, and what the checks of the scan find.

    Values that wrap around and are not repaired tell nothing of a head: of the checks only those of headers count then.

    Args:
        series: what to read.
        repair: as for load_scan.
        report: as for load_scan.
        first: as for load_scan.

    Raises:
        DicomError: as load_scan.
    """
    scan = reader.load_scan(series, repair=repair, report=report, first=first)
    warnings = scan_checks.examined(scan).warnings[len(scan.warnings) :]
    if any(warning.code == "rsna-repair-off" for warning in scan.warnings):
        warnings = tuple(warning for warning in warnings if warning.code in SAID_BY_HEADERS)
    return replace(scan, warnings=(*scan.warnings, *warnings))


def has_several_studies(found: Found) -> bool:
    """Whether a series must be named with its study."""
    return len({study_text(series) + series.details.study_uid for series in found.series}) > 1


def study_text(series: Series) -> str:
    """Whose study a series belongs to: name or ID of the patient, and the date."""
    details = series.details
    name = " ".join(details.patient_name.replace("^", " ").split()) or details.patient_id or "no name"
    return " ".join(filter(None, (name, details.study_date)))


def unread_inputs(found: Found, paths: Sequence[Path]) -> dict[str, LeftOut]:
    """For each of the paths that is itself a file which cannot be read, a line with the reason, and its entry."""
    return {
        f"{path}: {entry.reason}": entry
        for path in paths
        for entry in found.left_out
        if entry.damaged and any(file.path == path and not file.members for file in entry.files)
    }


def extent_mm(scan: Scan) -> tuple[float, float, float]:
    """What the volume covers: (along the normal, down a column, along a row), mm, pixels and slices included."""
    _, rows, columns = scan.hu.shape
    between, row, column = scan.spacing_mm
    covered = float(np.ptp(scan.heights_mm)) + between
    return covered, rows * row, columns * column


def _tilt_text(stack: Stack) -> str:
    return f"gantry tilt {stack.tilt_degrees:+.1f}°" if abs(stack.tilt_degrees) >= 0.05 else "no gantry tilt"


def _series_json(place: int, series: Series) -> dict[str, object]:
    details = series.details
    return {
        "place": place,
        "uid": series.uid,
        "description": series.description,
        "patient_name": details.patient_name,
        "patient_id": details.patient_id,
        "study_date": details.study_date,
        "number": details.series_number,
        "slices": series.slice_count,
        "plane": series.stack.plane,
        "kernel": details.kernel,
        "thickness_mm": details.thickness_mm,
        "spacing_mm": [round(value, 6) for value in series.stack.spacing_mm],
        "score": series.score,
        "reason": series.reason,
        "part": series.part,
        "refusal": series.refusal,
        "judgements": [
            {"name": row.name, "holds": row.holds, "points": row.points, "text": row.text} for row in series.judgements
        ],
    }
