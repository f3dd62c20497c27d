"""What is known of a series before its pixels are read: geometry and kernel first, words second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom.ranking import words
from ihd_core.dicom.ranking.kernels import Kernel, KernelKind, kernel, kernel_in_text

if TYPE_CHECKING:
    from ihd_core.dicom.geometry import Stack

BODY_FIELD_MM = 350.0
"""A field of view beyond this is for the trunk, whatever part of the body the file names."""


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What the criteria are about, gathered from one stack.

    Attributes:
        oblique_degrees: angle between the slices and the transverse plane.
        images_per_place: mean number of images of a place, 1 for an ordinary scan.
        extent_mm: along the normal, with the thickness of the last slice.
        field_mm: the longer side of the picture.
        thickness_mm: of every slice, nominal, or the distance between slices where the files do not tell.
        kernel_name: ConvolutionKernel, or what the description names.
        kind: of the kernel, from its name first and the words of the description second.
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
    kind: KernelKind
    image_type: frozenset[str]
    words: words.Words
    region: str
    agent: str


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
        kind=kernel_kind(named, details.series_description, details.scanner),
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
