"""Which series of a study to show first, and why: one table, from geometry and kernel first, words second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom.ranking.facts import Facts, facts
from ihd_core.dicom.ranking.kernels import KernelKind
from ihd_core.dicom.ranking.words import names_no_agent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ihd_core.dicom.geometry import Stack

MOST_OBLIQUE_DEGREES = 35.0
"""A gantry tilts to 30 degrees; a slice further from axial than this shows another anatomy."""

DYNAMIC_IMAGES = 3
"""So many images of one place are a series over time; two may be a file that was sent twice."""

FEWEST_SLICES, SHORTEST_MM, LONGEST_MM = 10, 80.0, 250.0
"""A head is 100 to 200 mm from base to vertex, a newborn's 80; a perfusion slab is shorter, head and neck longer."""

FIELD_MM = (180.0, 300.0)
"""Field of view of a head; smaller ones are for spine, sinuses or temporal bone, larger ones for the trunk."""

ROUTINE_MM = (2.5, 5.0)
"""Slice thickness of a routine head CT, inclusive."""

WIDEST_GAP = 2.0
"""Distance between slices in thicknesses, from which on more is left out than shown."""

SMALLEST_MATRIX = 256

_PROJECTIONS = {"MIP", "MINIP", "MIN IP", "MINMIP", "AVEIP", "VRT", "VR", "SSD", "VOLREN", "VOLUME RENDERING", "3D"}
_PROJECTIONS |= {"PROJECTION IMAGE", "CSA MIP", "CSA VRT", "CSA SSD", "CURVED", "CSA CURVED"}
_REFORMATS = {"MPR", "CSA MPR", "CSAPARALLEL", "CSA PARALLEL", "REFORMATTED", "RESAMPLED", "THICK MPR"}
_PERFUSION = {"PERFUSION", "DYNAMIC", "CINE", "PERF"}
_COMPUTED = {"IODINE", "VNC", "MONOENERGETIC", "MONO", "SUBTRACTION", "SUBTRACTED", "MATERIAL_DENSITY", "VIRTUAL"}


@dataclass(frozen=True, slots=True)
class Criterion:
    """One row of the ranking table.

    Attributes:
        name: what is asked.
        judge: whether it holds, and the fact behind it; no fact if there is nothing to be said.
        is_said: the reason says it also when it holds.
    """

    name: str
    judge: Callable[[Facts], tuple[bool, str]]
    is_said: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """One row of the ranking table, for one series.

    Attributes:
        points: what the series gains by it, 0 if it does not hold.
        text: the fact behind it; empty if there is nothing to be said.
        is_said: the reason says it.
    """

    name: str
    holds: bool
    points: int
    text: str
    is_said: bool


def _is_axial(f: Facts) -> tuple[bool, str]:
    if f.stack.plane != "axial":
        return False, f.stack.plane
    oblique = f.oblique_degrees > MOST_OBLIQUE_DEGREES
    return (False, f"oblique by {f.oblique_degrees:.0f}°") if oblique else (True, "axial")


def _is_still(f: Facts) -> tuple[bool, str]:
    if f.images_per_place < DYNAMIC_IMAGES:
        return True, "one image of every place"
    return False, f"{f.images_per_place:.0f} images of every place over time"


def _is_enough(f: Facts) -> tuple[bool, str]:
    count = len(f.stack.headers)
    text = f"{count} slice{'' if count == 1 else 's'} over {f.extent_mm:.0f} mm"
    enough = count >= FEWEST_SLICES and f.extent_mm >= SHORTEST_MM
    return (True, text) if enough else (False, f"only {text}")


def _is_head(f: Facts) -> tuple[bool, str]:
    if f.region in {"", "head"}:
        return True, f.region or "region not named"
    return False, f"{f.region} instead of head"


def _is_plain(f: Facts) -> tuple[bool, str]:
    if f.words.projection or not _PROJECTIONS.isdisjoint(f.image_type):
        return False, "projection of several slices"
    if f.words.computed or not _COMPUTED.isdisjoint(f.image_type):
        return False, "computed picture"
    return True, "no projection or map"


def _is_native(f: Facts) -> tuple[bool, str]:
    if f.words.bolus:
        return False, "bolus tracking"
    if f.words.perfusion or not _PERFUSION.isdisjoint(f.image_type):
        return False, "perfusion"
    if f.words.angiography or f.kernel.vascular:
        return False, "angiography"
    return True, "not called angiography or perfusion"


def _kernel_text(f: Facts) -> str:
    kind = f.kind
    if kind == KernelKind.UNKNOWN:
        return f"unknown kernel {f.kernel_name}" if f.kernel_name else "kernel not named"
    return f"{kind} kernel {f.kernel_name}".rstrip() if f.kernel.kind == kind else f"called {kind}"


def _is_not_sharp(f: Facts) -> tuple[bool, str]:
    return f.kind not in {KernelKind.BONE, KernelKind.LUNG}, _kernel_text(f)


def _is_soft(f: Facts) -> tuple[bool, str]:
    return f.kind == KernelKind.SOFT, _kernel_text(f)


def _is_for_heads(f: Facts) -> tuple[bool, str]:
    if f.kernel.region == "body":
        return False, "kernel for the body"
    return True, "kernel for the head" if f.kernel.region else "kernel for any region"


def _has_no_agent(f: Facts) -> tuple[bool, str]:
    if f.agent and not names_no_agent(f.agent):
        though = " though called unenhanced" if f.words.contrast == "without" else ""
        return False, f"contrast agent {f.agent}{though}"
    if f.words.contrast == "with":
        return False, "called contrast-enhanced"
    return True, "called unenhanced" if f.words.contrast == "without" else "no contrast agent named"


def _is_called_unenhanced(f: Facts) -> tuple[bool, str]:
    return (True, "called unenhanced") if f.words.contrast == "without" else (False, "")


def _is_no_longer(f: Facts) -> tuple[bool, str]:
    if f.extent_mm <= LONGEST_MM:
        return True, f"{f.extent_mm:.0f} mm long"
    return False, f"{f.extent_mm:.0f} mm long (a head: {LONGEST_MM:.0f} at most)"


def _is_head_sized(f: Facts) -> tuple[bool, str]:
    if FIELD_MM[0] <= f.field_mm <= FIELD_MM[1]:
        return True, f"field of view {f.field_mm:.0f} mm"
    return False, f"field of view {f.field_mm:.0f} mm (a head: {FIELD_MM[0]:.0f} to {FIELD_MM[1]:.0f})"


def _is_original(f: Facts) -> tuple[bool, str]:
    reformatted = f.words.reformatted or not _REFORMATS.isdisjoint(f.image_type)
    return (False, "reformatted") if reformatted else (True, "not reformatted")


def _is_routine(f: Facts) -> tuple[bool, str]:
    thinnest, thickest = min(f.thickness_mm), max(f.thickness_mm)
    text = f"{thickest:.1f} mm" if thickest - thinnest < 0.1 else f"{thinnest:.1f} to {thickest:.1f} mm"
    if ROUTINE_MM[0] <= np.median(f.thickness_mm) <= ROUTINE_MM[1]:
        return True, text
    return False, f"{text} (routine: {ROUTINE_MM[0]:.1f} to {ROUTINE_MM[1]:.1f})"


def _is_for_reading(f: Facts) -> tuple[bool, str]:
    return (False, "made to plan or guide treatment") if f.words.planning else (True, "made for reading")


def _is_complete(f: Facts) -> tuple[bool, str]:
    between, thickness = f.stack.spacing_mm[0], float(np.median(f.thickness_mm))
    if between < WIDEST_GAP * thickness:
        return True, "no gaps between slices"
    return False, f"{thickness:.1f} mm slices {between:.1f} mm apart"


def _is_fine(f: Facts) -> tuple[bool, str]:
    first = f.stack.headers[0]
    return min(first.rows, first.columns) >= SMALLEST_MATRIX, f"matrix {first.rows} × {first.columns}"


RANKING: tuple[Criterion, ...] = (
    Criterion("axial", _is_axial, is_said=True),
    Criterion("one point in time", _is_still),
    Criterion("covers a head", _is_enough, is_said=True),
    Criterion("head, or no other region named", _is_head, is_said=True),
    Criterion("slices, no projection or map", _is_plain),
    Criterion("no angiography or perfusion", _is_native),
    Criterion("no bone or lung kernel", _is_not_sharp, is_said=True),
    Criterion("no contrast agent", _has_no_agent, is_said=True),
    Criterion(f"not longer than {LONGEST_MM:.0f} mm", _is_no_longer),
    Criterion(f"field of view {FIELD_MM[0]:.0f} to {FIELD_MM[1]:.0f} mm", _is_head_sized),
    Criterion(f"slices {ROUTINE_MM[0]:.1f} to {ROUTINE_MM[1]:.1f} mm thick", _is_routine, is_said=True),
    Criterion("soft kernel", _is_soft),
    Criterion("no kernel for the body", _is_for_heads),
    Criterion("called unenhanced", _is_called_unenhanced),
    Criterion("not reformatted", _is_original),
    Criterion("not for planning or navigation", _is_for_reading),
    Criterion("no gaps between slices", _is_complete),
    Criterion(f"matrix {SMALLEST_MATRIX} or more", _is_fine),
)
"""Most important first: each row outweighs all below it together."""


def judged(stack: Stack) -> tuple[Judgement, ...]:
    """Every row of the table for one series, most important first."""
    found = facts(stack)
    rows = []
    for place, row in enumerate(RANKING, start=1):
        holds, text = row.judge(found)
        points = 2 ** (len(RANKING) - place) if holds else 0
        rows.append(Judgement(row.name, holds, points, text, is_said=bool(text) and (row.is_said or not holds)))
    return tuple(rows)


def score(rows: Sequence[Judgement]) -> int:
    """Points of a series; the highest is shown first."""
    return sum(row.points for row in rows)


def reason(rows: Sequence[Judgement]) -> str:
    """One line that says why a series stands where it stands, first what is for it, then what is against it."""
    bad = dict.fromkeys(row.text for row in rows if row.is_said and not row.holds)
    good = [row.text for row in rows if row.is_said and row.holds and row.text not in bad]
    return "; against it: ".join(", ".join(part) for part in (good, bad) if part)
