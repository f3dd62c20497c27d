"""What the measuring tools do on the screen: functions from Shown to Shown, and the marks that they leave."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from app.panels.slice_picture import Badge, Mark
from ihd_core.measurements import Measurement, Tool, clot_volume, in_words, outlines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.session import Shown
    from ihd_core.scan import Scan

    Point = tuple[float, float]

SLAB = "Show one slice, not a slab (Ctrl+Down), to measure on it"
NEAR_MM = 15.0
"""How far from the pointer a measurement may lie that is deleted."""


def with_tool(shown: Shown, tool: Tool | None) -> Shown:
    """Take a tool, or put it down where it is in the hand already."""
    return replace(shown, tool=None if tool is shown.tool else tool, points=())


def with_point(shown: Shown, point: Point) -> tuple[Shown, Measurement | None]:
    """Point at a place of the slice; the last point of a tool makes a measurement, and the tool goes on."""
    if shown.tool is None:
        return shown, None
    points = (*shown.points, point)
    if len(points) < len(shown.tool.points):
        return replace(shown, points=points), None
    return replace(shown, points=()), Measurement(shown.tool, shown.slice_index, points)


def nearest(shown: Shown) -> int | None:
    """Number of the measurement nearest to the pointer on this slice; None where none is near."""
    if shown.probe is None or shown.scan is None:
        return None
    _, rows_mm, columns_mm = shown.scan.spacing_mm
    row, column = shown.probe
    found = [
        (((one_row - row) * rows_mm) ** 2 + ((one_column - column) * columns_mm) ** 2, number)
        for number, one in shown.measurements.items()
        if one.slice_index == shown.slice_index
        for line in outlines(shown.scan, one.tool, one.points)
        for one_row, one_column in line
    ]
    distance, number = min(found, default=(NEAR_MM**2 + 1, None))
    return number if distance <= NEAR_MM**2 else None


def marks(shown: Shown, to_drawn: Callable[[float, float], Point]) -> tuple[Mark, ...]:
    """What is drawn of measurements on the slice on the screen, the one in the making last.

    Args:
        shown: what is on the screen.
        to_drawn: takes a place on the stored slice to the picture.
    """
    if shown.scan is None:
        return ()
    scan = shown.scan
    made = [
        _mark(outlines(scan, one.tool, one.points), in_words(scan, one), to_drawn)
        for one in shown.measurements.values()
        if one.slice_index == shown.slice_index
    ]
    if shown.tool is not None and shown.points:
        made.append(_in_the_making(scan, shown, to_drawn))
    return tuple(made)


def _in_the_making(scan: Scan, shown: Shown, to_drawn: Callable[[float, float], Point]) -> Mark:
    points = (*shown.points, *((shown.probe,) if shown.probe is not None else ()))
    tool = shown.tool or Tool.LENGTH
    whole = len(points) == len(tool.points)
    words = in_words(scan, Measurement(tool, shown.slice_index, points)) if whole else ""
    return _mark(outlines(scan, tool, points), words, to_drawn)


def _mark(lines: Sequence[Sequence[Point]], text: str, to_drawn: Callable[[float, float], Point]) -> Mark:
    return Mark(tuple(tuple(to_drawn(*point) for point in line) for line in lines), text)


def tool_badges(shown: Shown) -> tuple[Badge, ...]:
    """Which tool is in the hand and what it wants next, and whether this is a key image."""
    found = []
    if shown.slice_index in shown.key_images:
        found.append(Badge("Key image", serious=False))
    if shown.tool is not None:
        wanted = shown.tool.points[len(shown.points)]
        found.append(Badge(f"{shown.tool.capitalize()}: point at {wanted}; Esc ends", serious=False))
    return tuple(found)


def volume_line(shown: Shown) -> str:
    """ABC/2 of what is outlined in the scan; empty where nothing is."""
    volume = clot_volume(shown.scan, shown.measurements.values()) if shown.scan is not None else None
    if volume is None:
        return ""
    many = "slice" if volume.slices == 1 else "slices"
    return (
        f"ABC/2 {volume.ml:.1f} ml (A {volume.a_mm:.0f} B {volume.b_mm:.0f} C {volume.c_mm:.0f} mm, "
        f"{volume.slices} {many})"
    )


def command_name(tool: Tool) -> str:
    """Of the command that takes a tool."""
    return f"{tool.name.lower()}_tool"


COMMANDS: dict[str, Callable[[Shown], Shown]] = {command_name(tool): partial(with_tool, tool=tool) for tool in Tool}
