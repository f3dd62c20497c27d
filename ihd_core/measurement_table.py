"""Measurements and key images of a scan as a table in CSV: one row each, numbers with their units."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from ihd_core.measurements import (
    Tool,
    angle_degrees,
    clot_volume,
    diameters_mm,
    in_words,
    length_mm,
    region,
    shift_mm,
)
from ihd_core.study.rows import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ihd_core.measurements import Measurement
    from ihd_core.scan import Scan

COLUMNS = (
    "reader",  # pseudonym
    "scan_uid",
    "slice_uid",
    "slice_index",  # 0 is the most inferior slice
    "what",  # the tool, "key image" or "clot volume"
    "quantity",  # length, angle, HU, mean, deviation, area, shift, side, A, B, C, volume
    "value",
    "unit",
    "text",  # as on the picture
    "points",  # row column; row column of the stored slice, centres of pixels at whole numbers
)

Quantity = tuple[str, str, str]
"""Name, value, unit."""


def as_csv(scan: Scan, measurements: Iterable[Measurement], key_images: Iterable[int], reader: str) -> str:
    """The table with its header, one row a quantity; ABC/2 of the clot at the end.

    Args:
        scan: what was measured on.
        measurements: of this scan.
        key_images: slice indices.
        reader: pseudonym.
    """
    made = list(measurements)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)

    def write(index: int | None, what: str, found: Quantity, text: str = "", points: str = "") -> None:
        place = ("", "") if index is None else (scan.slice_uids[index], str(index))
        row = (reader, scan.uid, *place, what, *found, text, points)
        writer.writerow([_cell(name, value) for name, value in zip(COLUMNS, row, strict=True)])

    for one in sorted(made, key=lambda one: one.slice_index):
        points = "; ".join(f"{row:g} {column:g}" for row, column in one.points)
        for found in _quantities(scan, one):
            write(one.slice_index, one.tool, found, in_words(scan, one), points)
    for index in sorted(key_images):
        write(index, "key image", ("", "", ""))
    volume = clot_volume(scan, made)
    if volume is not None:
        named = {"A": volume.a_mm, "B": volume.b_mm, "C": volume.c_mm}
        for name, mm in named.items():
            write(None, "clot volume", (name, f"{mm:.1f}", "mm"))
        write(None, "clot volume", ("ABC/2", f"{volume.ml:.2f}", "ml"), f"outlined on {volume.slices} slices")
    return file.getvalue()


def _cell(name: str, value: str) -> str:
    return value if name == "value" else escaped(name, value)


def _quantities(scan: Scan, one: Measurement) -> Iterator[Quantity]:
    if one.tool in (Tool.LENGTH, Tool.THICKNESS):
        yield one.tool, f"{length_mm(scan, *one.points):.2f}", "mm"
    elif one.tool is Tool.ANGLE:
        yield "angle", f"{angle_degrees(scan, one.points):.2f}", "degrees"
    elif one.tool is Tool.SHIFT:
        distance, side = shift_mm(scan, one.points)
        yield "shift", f"{distance:.2f}", "mm"
        yield "side", side, "patient"
    elif one.tool is Tool.CLOT:
        for name, mm in zip("AB", diameters_mm(scan, one), strict=True):
            yield name, f"{mm:.2f}", "mm"
    elif one.tool is Tool.PROBE:
        yield "HU", in_words(scan, one).partition(" ")[0], "HU"
    elif (found := region(scan, one)) is not None:
        yield "mean", f"{found.mean:.2f}", "HU"
        yield "deviation", f"{found.deviation:.2f}", "HU"
        yield "least", str(found.least), "HU"
        yield "greatest", str(found.greatest), "HU"
        yield "area", f"{found.area_mm2:.2f}", "mm2"
