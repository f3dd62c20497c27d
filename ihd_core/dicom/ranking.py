"""Which series of a study to show first, and why: one table, from geometry and kernel first, words second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom import words
from ihd_core.dicom.kernels import Kernel, KernelKind, kernel, kernel_in_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from ihd_core.dicom.geometry import Stack

MOST_OBLIQUE_DEGREES = 35.0
"""A gantry tilts to 30 degrees; a slice further from axial than this shows another anatomy."""

DYNAMIC_IMAGES = 3
"""So many images of one place are a series over time; two may be a file that was sent twice."""

FEWEST_SLICES, SHORTEST_MM, LONGEST_MM = 10, 80.0, 250.0
"""A head is 100 to 200 mm from base to vertex, a newborn's 80; a perfusion slab is shorter, head and neck longer."""

FIELD_MM, BODY_FIELD_MM = (180.0, 300.0), 350.0
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


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What the criteria are about, gathered from one stack.

    Attributes:
        oblique_degrees: angle between the slices and the transverse plane.
        images_per_place: mean number of images of a place, 1 for an ordinary scan.
        extent_mm: along the normal, with the thickness of the last slice.
        field_mm: the longer side of the picture.
        thickness_mm: of every slice, nominal, or the distance between slices where the files do not tell.
        words: of the series description.
        region: "head", or another region in English; empty where nothing tells.
        agent: value of ContrastBolusAgent of the first slice that has one.
    """

    stack: Stack
    oblique_degrees: float
    images_per_place: float
    extent_mm: float
    field_mm: float
    thickness_mm: tuple[float, ...]
    kernel: Kernel
    kernel_name: str
    image_type: frozenset[str]
    words: words.Words
    region: str
    agent: str


@dataclass(frozen=True, slots=True)
class Criterion:
    """One row of the ranking table.

    Attributes:
        name: what is asked.
        judge: whether it holds, and what is to be said of the series: empty if another row says it.
    """

    name: str
    judge: Callable[[Facts], tuple[bool, str]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One row of the ranking table, for one series.

    Attributes:
        points: what the series gains by it, 0 if it does not hold.
        text: the fact behind it; empty where another row says it.
    """

    name: str
    holds: bool
    points: int
    text: str


def facts(stack: Stack) -> Facts:
    """Gather what the criteria are about."""
    first, details = stack.headers[0], stack.headers[0].details
    heights = stack.positions_mm @ stack.orientation[2]
    thickness = tuple(
        h.details.thickness_mm if h.details.thickness_mm > 0 else stack.spacing_mm[0] for h in stack.headers
    )
    field = max(first.rows * stack.spacing_mm[1], first.columns * stack.spacing_mm[2])
    named = details.kernel or kernel_in_text(details.series_description)
    return Facts(
        stack=stack,
        oblique_degrees=float(np.degrees(np.arccos(min(1.0, abs(stack.orientation[2, 2]))))),
        images_per_place=(len(stack.headers) + len(stack.repeated)) / len(stack.headers),
        extent_mm=float(np.ptp(heights)) + thickness[-1],
        field_mm=field,
        thickness_mm=thickness,
        kernel=kernel(named, details.scanner),
        kernel_name=named,
        image_type=frozenset(first.image_type),
        words=words.read(details.series_description),
        region=_region(stack, field),
        agent=next((h.details.contrast_agent for h in stack.headers if h.details.contrast_agent), ""),
    )


def _region(stack: Stack, field_mm: float) -> str:
    """The head, another region or nothing, from the description, then field of view, body part and study."""
    first, details = stack.headers[0], stack.headers[0].details
    own = _named_region(details.series_description)
    if own:
        return own
    if field_mm > BODY_FIELD_MM:
        return f"a body in a field of {field_mm:.0f} mm"
    return _named_region(first.body_part) or _named_region(details.study_description)


def _named_region(text: str) -> str:
    read = words.read(text)
    return "head" if read.head else " and ".join(read.elsewhere)


def kernel_kind(name: str, description: str = "", scanner: str = "") -> KernelKind:
    """How sharp a series is: from the name of the kernel first, the description second.

    Args:
        name: ConvolutionKernel (0018,1210), or empty.
        description: SeriesDescription (0008,103E).
        scanner: Manufacturer, perhaps with the model.
    """
    kind = kernel(name or kernel_in_text(description), scanner).kind
    said = words.read(description).kernel
    return KernelKind(said) if said and kind == KernelKind.UNKNOWN else kind


def _kind(f: Facts) -> KernelKind:
    details = f.stack.headers[0].details
    return kernel_kind(f.kernel_name, details.series_description, details.scanner)


def _is_axial(f: Facts) -> tuple[bool, str]:
    if f.stack.plane != "axial":
        return False, f.stack.plane
    oblique = f.oblique_degrees > MOST_OBLIQUE_DEGREES
    return (False, f"oblique by {f.oblique_degrees:.0f}°") if oblique else (True, "axial")


def _is_still(f: Facts) -> tuple[bool, str]:
    if f.images_per_place < DYNAMIC_IMAGES:
        return True, ""
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
    return True, ""


def _is_native(f: Facts) -> tuple[bool, str]:
    if f.words.bolus:
        return False, "bolus tracking"
    if f.words.perfusion or not _PERFUSION.isdisjoint(f.image_type):
        return False, "perfusion"
    if f.words.angiography or f.kernel.vascular:
        return False, "angiography"
    return True, ""


def _kernel_text(f: Facts) -> str:
    kind = _kind(f)
    if kind == KernelKind.UNKNOWN:
        return f"unknown kernel {f.kernel_name}" if f.kernel_name else "kernel not named"
    return f"{kind} kernel {f.kernel_name}".rstrip() if f.kernel.kind == kind else f"called {kind}"


def _is_not_sharp(f: Facts) -> tuple[bool, str]:
    if _kind(f) in {KernelKind.BONE, KernelKind.LUNG}:
        return False, _kernel_text(f)
    return True, _kernel_text(f) if _kind(f) == KernelKind.SOFT else ""


def _is_soft(f: Facts) -> tuple[bool, str]:
    return (True, "") if _kind(f) == KernelKind.SOFT else (False, _kernel_text(f))


def _is_for_heads(f: Facts) -> tuple[bool, str]:
    return (False, "kernel for the body") if f.kernel.region == "body" else (True, "")


def _has_no_agent(f: Facts) -> tuple[bool, str]:
    if f.agent and not words.names_no_agent(f.agent):
        though = " though called unenhanced" if f.words.contrast == "without" else ""
        return False, f"contrast agent {f.agent}{though}"
    if f.words.contrast == "with":
        return False, "called contrast-enhanced"
    return True, "called unenhanced" if f.words.contrast == "without" else "no contrast agent named"


def _is_called_unenhanced(f: Facts) -> tuple[bool, str]:
    return f.words.contrast == "without", ""


def _is_no_longer(f: Facts) -> tuple[bool, str]:
    return (
        (True, "")
        if f.extent_mm <= LONGEST_MM
        else (False, f"{f.extent_mm:.0f} mm long (a head: {LONGEST_MM:.0f} at most)")
    )


def _is_head_sized(f: Facts) -> tuple[bool, str]:
    if FIELD_MM[0] <= f.field_mm <= FIELD_MM[1]:
        return True, ""
    return False, f"field of view {f.field_mm:.0f} mm (a head: {FIELD_MM[0]:.0f} to {FIELD_MM[1]:.0f})"


def _is_original(f: Facts) -> tuple[bool, str]:
    reformatted = f.words.reformatted or not _REFORMATS.isdisjoint(f.image_type)
    return (False, "reformatted") if reformatted else (True, "")


def _is_routine(f: Facts) -> tuple[bool, str]:
    thinnest, thickest = min(f.thickness_mm), max(f.thickness_mm)
    text = f"{thickest:.1f} mm" if thickest - thinnest < 0.1 else f"{thinnest:.1f} to {thickest:.1f} mm"
    if ROUTINE_MM[0] <= np.median(f.thickness_mm) <= ROUTINE_MM[1]:
        return True, text
    return False, f"{text} (routine: {ROUTINE_MM[0]:.1f} to {ROUTINE_MM[1]:.1f})"


def _is_for_reading(f: Facts) -> tuple[bool, str]:
    return (False, "made to plan or guide treatment") if f.words.planning else (True, "")


def _is_complete(f: Facts) -> tuple[bool, str]:
    between, thickness = f.stack.spacing_mm[0], float(np.median(f.thickness_mm))
    if between < WIDEST_GAP * thickness:
        return True, ""
    return False, f"{thickness:.1f} mm slices {between:.1f} mm apart"


def _is_fine(f: Facts) -> tuple[bool, str]:
    first = f.stack.headers[0]
    coarse = min(first.rows, first.columns) < SMALLEST_MATRIX
    return (False, f"matrix {first.rows} × {first.columns}") if coarse else (True, "")


RANKING: tuple[Criterion, ...] = (
    Criterion("axial", _is_axial),
    Criterion("one point in time", _is_still),
    Criterion("covers a head", _is_enough),
    Criterion("head, or no other region named", _is_head),
    Criterion("slices, no projection or map", _is_plain),
    Criterion("no angiography or perfusion", _is_native),
    Criterion("no bone or lung kernel", _is_not_sharp),
    Criterion("no contrast agent", _has_no_agent),
    Criterion(f"not longer than {LONGEST_MM:.0f} mm", _is_no_longer),
    Criterion(f"field of view {FIELD_MM[0]:.0f} to {FIELD_MM[1]:.0f} mm", _is_head_sized),
    Criterion(f"slices {ROUTINE_MM[0]:.1f} to {ROUTINE_MM[1]:.1f} mm thick", _is_routine),
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
        rows.append(Judgement(row.name, holds, 2 ** (len(RANKING) - place) if holds else 0, text))
    return tuple(rows)


def score(stack: Stack) -> int:
    """Points of a series; the highest is shown first."""
    return sum(row.points for row in judged(stack))


def reason(stack: Stack) -> str:
    """One line that says why the series stands where it stands, first what is for it, then what is against it."""
    rows = judged(stack)
    good = [row.text for row in rows if row.holds and row.text]
    bad = dict.fromkeys(row.text for row in rows if not row.holds and row.text)
    return "; against it: ".join(", ".join(part) for part in (good, bad) if part)
