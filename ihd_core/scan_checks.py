"""What a reader must know of a finished scan before trusting a model with it: one table of rules."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.brain_mask import BrainMask, brain_mask
from ihd_core.head_checks import cut_off_mm, enclosed_cm2, metal_ml, missing_bone_cm2, streaks_cm2
from ihd_core.scan import Scan, ScanWarning

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_GAPS = 0.25
"""Share of the distances between slices that makes a scan one of thick slices."""
OLDEST_YEARS = 125.0

_NO_WORDS = frozenset(
    word
    for words in (
        "no not none nil without w o plain unenhanced nonenhanced noncontrast native false n na 0",
        "nein nicht kein keine keines ohne nativ non pas sans aucun natif nessuno senza no",
        "sin ninguno sem nenhum não nao",
        "geen zonder nej ingen inget uden utan ikke uten ei bez brak нет без 無 无 なし",
    )
    for word in words.split()
)
"""Words that deny a contrast agent, at the start or the end of what the files say of it."""
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_DAYS = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A scan and what was found in its pixels.

    Attributes:
        mask: the inside of the skull; None where slices are not axial, or not those of a head.
        enclosed_cm2: the largest area of brain-like tissue within bone in one slice; NaN where slices are not axial.
        missing_cm2: area of the vault without bone; metal_ml: volume of metal; 0 without a mask.
    """

    scan: Scan
    mask: BrainMask | None
    enclosed_cm2: float
    missing_cm2: float = 0.0
    metal_ml: float = 0.0


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
        first = next(iter(values.values()), math.nan)
        if not (first < self.below or first > self.above):
            return None
        agent = " ".join(seen.scan.details.contrast_agent.split())
        shown = {"agent": agent, "below": self.below, "above": self.above}
        return ScanWarning(
            self.code, self.text.format(**shown, **values), {name: round(value, 3) for name, value in values.items()}
        )


def examined(scan: Scan) -> Scan:
    """The scan with what it warns of behind what was said when it was read."""
    return replace(scan, warnings=(*scan.warnings, *scan_warnings(scan)))


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
    largest = enclosed_cm2(mask)
    if largest < HEAD_CM2:
        return Seen(scan, None, largest)
    return Seen(scan, mask, largest, missing_bone_cm2(mask), metal_ml(scan, mask))


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


def _extent(seen: Seen) -> Values:
    """How much of a head the slices show along the normal, the thickness of one included, mm."""
    if seen.mask is None:
        return {}
    heights = seen.scan.heights_mm
    between = seen.scan.spacing_mm[0] if len(heights) > 1 else seen.scan.details.thickness_mm
    return {"covered_mm": float(np.ptp(heights)) + between, "slices": float(len(heights))}


def _cut_off(seen: Seen) -> Values:
    return {} if seen.mask is None else {"cut_mm": cut_off_mm(seen.mask)}


def _missing_bone(seen: Seen) -> Values:
    return {"missing_cm2": seen.missing_cm2}


def _metal(seen: Seen) -> Values:
    return {"metal_ml": seen.metal_ml}


def _streaks(seen: Seen) -> Values:
    """Dark streaks that neither missing bone nor metal explains."""
    if seen.mask is None or seen.missing_cm2 > BONE_CM2 or seen.metal_ml > METAL_ML:
        return {}
    return {"streaks_cm2": streaks_cm2(seen.scan, seen.mask)}


def _contrast_agent(seen: Seen) -> Values:
    """Whether the files name an agent: 0 where they say nothing, or that there was none."""
    words = re.findall(r"\w+", seen.scan.details.contrast_agent.casefold())
    if not words or words[0] in ("with", "mit", "avec", "con"):
        return {"agent_named": float(bool(words))}
    non_ionic = len(words) > 1 and words[1].startswith("ioni")
    denied = (words[0] in _NO_WORDS and not non_ionic) or words[-1] in _NO_WORDS
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
    birthday_to_come = (scanned.month, scanned.day) < (born.month, born.day)
    years = float(scanned.year - born.year - birthday_to_come)
    return years if 0 <= years <= OLDEST_YEARS else math.nan


HEAD_CM2 = 20.0
"""Less than the lowest slices of a posterior fossa, more than a spinal canal."""
LEAST_MM = 40.0
"""Less of a head than this is a sample of it: what the network says of some slices is said of no scan."""
BONE_CM2 = 5.0
METAL_ML = 0.1
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
        "part-of-a-head",
        _extent,
        "Only {covered_mm:.0f} mm of a head are shown, in {slices:.0f} slices; {below:.0f} mm or more are needed for a "
        "result of the whole scan",
        below=LEAST_MM,
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
        above=BONE_CM2,
    ),
    Rule("metal", _metal, _OUTSIDE + "{metal_ml:.1f} ml of metal at the brain or the skull", above=METAL_ML),
    Rule(
        "motion",
        _streaks,
        _OUTSIDE + "dark streaks as of a head that moved, {streaks_cm2:.1f} cm² in a slice darker than water",
        above=0.5,
    ),
    Rule("age-under-18", _age, _OUTSIDE + "the patient is {years:.3g} years old, under {below:.0f}", below=18),
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
