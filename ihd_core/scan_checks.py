"""What a reader must know of a finished scan before trusting a model with it: one table of rules."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.brain_mask import BrainMask, beyond_circle, brain_mask
from ihd_core.scan import Scan, ScanWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

RING_MM = 4.0
"""Bone this near to the brain's border covers it."""
WHOLE_RING = 0.5
"""Share of the brain's border in one slice that bone must cover for a skull; half a skull may have been removed."""
WIDE_SHARE = 0.5
"""A slice with this share of the largest area inside the skull, or more, shows the middle of the head."""
METAL_HU = 2800
"""Above cortical bone and enamel as soft kernels show them; 12 bits end at 3071."""
METAL_MM = 20.0
"""Metal farther from the brain than this is dental, or an earring."""
MOST_GAPS = 0.25
"""Share of the distances between slices that makes a scan one of thick slices."""
OLDEST_YEARS = 125.0

_NO_WORDS = frozenset(
    "no not none non nein kein keine keines ohne nil without w o sans aucun sin senza nessuno zonder geen sem nenhum nao "
    "não ingen inget uden utan ikke ei bez brak без нет nativ native nativo natif plain unenhanced false n na 0 無 无 なし".split()
)
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_DAYS = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A scan and what was found in its pixels.

    Attributes:
        mask: the inside of the skull; None where slices are not axial, or not those of a head.
        enclosed_cm2: the largest area of brain-like tissue within bone in one slice; NaN where slices are not axial.
    """

    scan: Scan
    mask: BrainMask | None
    enclosed_cm2: float


Values = dict[str, float]
"""What a rule measured, the number that is compared first; empty where it cannot be told."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    Attributes:
        code: of the warning.
        measure: what is compared.
        below, above: a warning is given where the first measured value is less than the one, or more than the other.
        text: the sentence; {name} is a measured value, {agent} the contrast agent, {below} and {above} the limits.
    """

    code: str
    measure: Callable[[Seen], Values]
    text: str
    below: float = -math.inf
    above: float = math.inf

    def warning(self, seen: Seen) -> ScanWarning | None:
        """The warning, or None where this rule has nothing to say."""
        values = self.measure(seen)
        if not values or self.below <= next(iter(values.values())) <= self.above:
            return None
        shown = {"agent": seen.scan.details.contrast_agent.strip(), "below": self.below, "above": self.above}
        return ScanWarning(
            self.code, self.text.format(**shown, **values), {name: round(value, 3) for name, value in values.items()}
        )


def scan_warnings(scan: Scan) -> tuple[ScanWarning, ...]:
    """Check a scan against every rule.

    Args:
        scan: any. Only axial slices are judged by their pixels.

    Returns:
        In the order in which a reader should read them; a code may come twice ("head-not-covered", for two ends).
    """
    seen = _look_at(scan)
    warnings = (rule.warning(seen) for rule in RULES)
    return tuple(warning for warning in warnings if warning is not None)


def _look_at(scan: Scan) -> Seen:
    normal = np.abs(scan.orientation[2])
    if not np.isfinite(normal).all() or np.argmax(normal) != 2:
        return Seen(scan, None, math.nan)
    mask = brain_mask(scan)
    areas = mask.areas_cm2 * (_covered(mask) >= WHOLE_RING)
    largest = float(areas.max())
    return Seen(scan, mask if largest >= HEAD_CM2 else None, largest)


def _enclosed(seen: Seen) -> Values:
    return {} if math.isnan(seen.enclosed_cm2) else {"enclosed_cm2": seen.enclosed_cm2}


def _at_vertex(seen: Seen) -> Values:
    return _at_end(seen, -1)


def _at_base(seen: Seen) -> Values:
    return _at_end(seen, 0)


def _at_end(seen: Seen, index: int) -> Values:
    """Area inside the skull in the first or last slice, as a percentage of the largest; nothing of a single slice."""
    if seen.mask is None or len(seen.scan) < 2:
        return {}
    areas = seen.mask.areas_cm2
    return {"percent": 100 * float(areas[index] / areas.max()), "area_cm2": float(areas[index])}


def _cut_off(seen: Seen) -> Values:
    """Longest stretch of skull or brain along the edge of the picture, in slices through the middle of the head."""
    if seen.mask is None:
        return {}
    import cv2

    mask, lengths = seen.mask, [0.0]
    for index in _wide_slices(mask):
        frame = np.ones((mask.inside.shape[1] + 2, mask.inside.shape[2] + 2), np.uint8)
        frame[1:-1, 1:-1] = beyond_circle(mask.hu[index])
        edge = cv2.dilate(frame, np.ones((3, 3), np.uint8))[1:-1, 1:-1] > 0
        cut = edge & (mask.inside[index] | mask.bone[index]) & (frame[1:-1, 1:-1] == 0)
        lengths.append(int(cut.sum()) * max(mask.pixel_mm))
    # The second longest: one slice alone may be wrong.
    return {"cut_mm": sorted(lengths)[-2]} if len(lengths) > 1 else {}


def _wide_slices(mask: BrainMask) -> list[int]:
    areas = mask.areas_cm2
    return [int(index) for index in np.flatnonzero(areas >= WIDE_SHARE * areas.max())]


def _missing_bone(seen: Seen) -> Values:
    """Area of the vault without bone: above the widest slice, where a skull has no openings of its own."""
    if seen.mask is None or len(seen.scan) < 2:
        return {}
    mask = seen.mask
    widest = int(np.argmax(mask.areas_cm2))
    bare = [_bare_mm(mask, index) if index >= widest else 0.0 for index in _wide_slices(mask)]
    between = float(np.median(np.diff(mask.heights_mm)))
    return {"missing_cm2": sum(bare) * between / 100}


def _covered(mask: BrainMask) -> NDArray[np.float64]:
    """Share of the border of the inside that bone covers, by coarse slice; 0 where there is no inside."""
    shares = [_border(mask, index) for index in range(len(mask.inside))]
    return np.array([(border & bone).sum() / max(1, border.sum()) for border, bone in shares])


def _bare_mm(mask: BrainMask, index: int) -> float:
    """Length of the border of the inside that no bone covers, mm, without what the picture's edge cuts off."""
    border, bone = _border(mask, index)
    return float((border & ~bone & mask.head[index]).sum()) * max(mask.pixel_mm)


def _border(mask: BrainMask, index: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The pixels around the inside of one slice, and those near bone."""
    import cv2

    inside, bone = mask.inside[index].view(np.uint8), mask.bone[index].view(np.uint8)
    around = cv2.dilate(inside, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    reach = [2 * min(20, round(RING_MM / side)) + 1 if side > 0 else 1 for side in mask.pixel_mm]
    near = cv2.dilate(bone, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach[1], reach[0])))
    return np.asarray((around > 0) & (inside == 0)), np.asarray(near > 0)


def _metal(seen: Seen) -> Values:
    """Volume of metal in the brain, on it, or on the skull around it."""
    if seen.mask is None:
        return {}
    import cv2

    mask, count = seen.mask, 0
    reach = [2 * min(40, round(METAL_MM / side)) + 1 if side > 0 else 1 for side in mask.pixel_mm]
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach[1], reach[0]))
    for index, hu in enumerate(seen.scan.hu):
        if hu.max() < METAL_HU:
            continue
        nearest = int(np.argmin(np.abs(mask.slice_indices - index)))
        near = cv2.dilate(mask.inside[nearest].view(np.uint8), disc)
        near = cv2.resize(near, mask.shape[::-1], interpolation=cv2.INTER_NEAREST)
        count += int(((hu >= METAL_HU) & (near > 0)).sum())
    return {"metal_ml": count * math.prod(seen.scan.spacing_mm) / 1000}


def _contrast_agent(seen: Seen) -> Values:
    words = re.findall(r"\w+", seen.scan.details.contrast_agent.casefold())
    if not words or words[0] in ("with", "mit"):
        return {"agent_named": float(bool(words))}
    ionic = len(words) > 1 and words[1].startswith("ioni")
    denied = (words[0] in _NO_WORDS and not ionic) or words[-1] in _NO_WORDS - {"0"} or not any(map(str.strip, words))
    return {"agent_named": float(not denied)}


def _kvp(seen: Seen) -> Values:
    kvp = seen.scan.details.kvp
    return {"kvp": kvp} if kvp > 0 else {}


def _thickness(seen: Seen) -> Values:
    """What the slices average over, as the network takes it: the larger of nominal thickness and distance."""
    return {"thickness_mm": max(seen.scan.details.thickness_mm, seen.scan.spacing_mm[0])}


def _coarse_thickness(seen: Seen) -> Values:
    """The larger of the nominal thickness and a distance that a quarter of the slices have, or exceed."""
    gaps = np.diff(seen.scan.heights_mm)
    usual = float(np.quantile(gaps, 1 - MOST_GAPS, method="lower")) if len(gaps) else 0.0
    return {"thickness_mm": max(seen.scan.details.thickness_mm, usual)}


def _age(seen: Seen) -> Values:
    years = _age_years(seen.scan)
    return {} if math.isnan(years) else {"years": years}


def _age_is_known(seen: Seen) -> Values:
    return {"known": float(not math.isnan(_age_years(seen.scan)))}


def _age_years(scan: Scan) -> float:
    """Age when scanned, from (0010,1010), else from the birth date; NaN where neither tells."""
    told = _AGE.fullmatch(scan.details.patient_age.strip().upper())
    if told:
        return int(told[1]) * _DAYS[told[2]] / _DAYS["Y"]
    dates = [re.sub(r"\D", "", text) for text in (scan.details.patient_birth_date, scan.details.study_date)]
    try:
        born, scanned = (datetime.strptime(date, "%Y%m%d") for date in dates)
    except ValueError:
        return math.nan
    years = (scanned - born).days / _DAYS["Y"]
    return years if 0 <= years <= OLDEST_YEARS else math.nan


HEAD_CM2 = 20.0
_OUTSIDE = "Outside what this model was tested on: "

RULES: tuple[Rule, ...] = (
    Rule(
        "not-a-head",
        _enclosed,
        "The image does not look like a head: bone encloses at most {enclosed_cm2:.0f} cm² of brain-like tissue in a "
        "slice, and {below:.0f} cm² or more in a head",
        below=HEAD_CM2,
    ),
    Rule(
        "head-not-covered",
        _at_vertex,
        "The vertex is not covered: the highest slice still shows {area_cm2:.0f} cm² inside the skull, {percent:.0f} % "
        "of the widest slice",
        above=20,
    ),
    Rule(
        "head-not-covered",
        _at_base,
        "The base of the brain is not covered: the lowest slice already shows {area_cm2:.0f} cm² inside the skull, "
        "{percent:.0f} % of the widest slice",
        above=33,
    ),
    Rule(
        "head-not-covered",
        _cut_off,
        "The head is cut off at the edge of the picture, over {cut_mm:.0f} mm of skull or brain",
        above=20,
    ),
    Rule("contrast-agent", _contrast_agent, "A contrast agent was given: {agent}; it can look like blood", above=0),
    Rule(
        "post-operative-skull",
        _missing_bone,
        _OUTSIDE + "about {missing_cm2:.0f} cm² of the vault have no bone, as after an operation",
        above=5,
    ),
    Rule("metal", _metal, _OUTSIDE + "{metal_ml:.1f} ml of metal at the brain or the skull", above=0.1),
    Rule("age-under-18", _age, _OUTSIDE + "the patient is {years:.1f} years old, under {below:.0f}", below=18),
    Rule("age-unknown", _age_is_known, _OUTSIDE + "the age of the patient is unknown and may be under 18", below=1),
    Rule("low-kvp", _kvp, "Tube voltage {kvp:.0f} kV, below {below:.0f} kV: blood and calcium look denser", below=100),
    Rule("high-kvp", _kvp, "Tube voltage {kvp:.0f} kV, above {above:.0f} kV: blood and brain differ less", above=140),
    Rule(
        "thick-slices",
        _coarse_thickness,
        "Thick slices, {thickness_mm:.1f} mm, more than {above:.0f} mm: small hemorrhages can be missed",
        above=6,
    ),
    Rule(
        "thin-slices",
        _thickness,
        "Very thin slices, {thickness_mm:.2f} mm, less than {below:.0f} mm: noisy one by one, the model averages them",
        below=1,
    ),
)
"""Every rule, in the order in which a reader should read the warnings."""
