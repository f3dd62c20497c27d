"""What a protocol may not say, one line each."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from ihd_core.labels import DISPLAY_ORDER
from ihd_core.study.design import LEAD, NAME, READING, Design, Phase, Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ihd_core.study.protocol import Protocol

MOST_WEEKS, MOST_CONCORDANT = 520, 100
_HASH = re.compile(r"[0-9a-f]{64}")


def problems(protocol: Protocol) -> Iterator[str]:
    """What is out of range or contradicts itself, one line each with the value and the limit."""
    yield from _problems_of_names(protocol)
    yield from _problems_of_phases(protocol)
    yield from _problems_of_numbers(protocol)
    yield from _problems_of_analysis(protocol)
    yield from _problems_of_cases(protocol)
    for one in protocol.readers:
        for what, number in (("years", one.years), ("head_cts", one.head_cts)):
            if number is not None and not 0 <= number <= 10_000:
                yield f"reader {one.name}: {what} is {number:g}, must be 0..10,000"


def _problems_of_names(protocol: Protocol) -> Iterator[str]:
    if not protocol.study.strip():
        yield "study has no name"
    for what, names in (("case", [one.name for one in protocol.cases]), ("reader", [r.name for r in protocol.readers])):
        if not names:
            yield f"there is no {what}"
        for name, count in Counter(name.casefold() for name in names).items():
            if count > 1:
                yield f"{what} {name} stands {count} times; names must differ, also in upper and lower case"
        for name in names:
            if not NAME.fullmatch(name):
                yield f"{what} {name!r}: a pseudonym is 1 to 64 letters, digits, points, hyphens and underscores"
    if LEAD in (one.name.casefold() for one in protocol.readers):
        yield f"reader {LEAD}: this name is kept for the lead of the study"


def _problems_of_phases(protocol: Protocol) -> Iterator[str]:
    phases = protocol.phases
    if len(set(phases)) != len(phases):
        yield f"phases are {', '.join(phases)}; each may stand once"
    if not set(phases) & set(READING):
        yield f"phases are {', '.join(phases)}; blind or assisted must be among them"
    if protocol.design in (Design.CROSSOVER, Design.INDEPENDENT) and not set(READING) <= set(phases):
        yield f"design {protocol.design} needs the phases blind and assisted"
    if protocol.design == Design.PAPER and Phase.ASSISTED in phases:
        yield "design paper has no phase assisted"
    if not protocol.named(Role.READER):
        yield "there is no reader with the role reader"
    count = len(protocol.named(Role.ADJUDICATOR))
    if Phase.ADJUDICATION in phases and count not in (2, 3):
        yield f"there are {count} adjudicators, adjudication needs 2, and a third for ties"
    if Phase.CONSENSUS in phases and not (Phase.RATING in phases and len(protocol.named(Role.PANEL)) == 1):
        yield "consensus needs the phase rating and one reader with the role panel"
    if Phase.TRAINING in phases and not any(case.training for case in protocol.cases):
        yield "phase training has no training case"
    needs = set(phases) & {Phase.ASSISTED, Phase.RATING, Phase.CONSENSUS}
    if needs and not _HASH.fullmatch(protocol.model_sha256):
        digits = f"model_sha256 is {protocol.model_sha256!r}, must be 64 hexadecimal digits"
        yield f"phase {min(needs)} needs a model; {digits}"


def _problems_of_numbers(protocol: Protocol) -> Iterator[str]:
    labels = protocol.labels
    if labels != tuple(label for label in DISPLAY_ORDER if label in labels) or not labels:
        yield f"labels are {', '.join(labels)}; must be of {', '.join(DISPLAY_ORDER)}, each once, in this order"
    if not 0 <= protocol.washout_weeks <= MOST_WEEKS:
        yield f"washout_weeks is {protocol.washout_weeks:g}, must be 0..{MOST_WEEKS}"
    if protocol.washout_weeks and protocol.design != Design.CROSSOVER:
        yield f"washout_weeks is {protocol.washout_weeks:g}, only design crossover has a washout"
    if not 0 <= protocol.repeats <= len(protocol.study_cases):
        yield f"repeats is {protocol.repeats}, must be 0..{len(protocol.study_cases)}, the cases of the study"
    for what, number in (("rating", protocol.rating.concordant), ("adjudication", protocol.adjudication_concordant)):
        if not 0 <= number <= MOST_CONCORDANT:
            yield f"{what}: concordant is {number}, must be 0..{MOST_CONCORDANT}"
    for level, points in protocol.operating_points.items():
        for label, threshold in points.items():
            if not 0 <= threshold <= 1:
                yield f"operating point of {label} on a {level} is {threshold:g}, must be 0..1"


def _problems_of_analysis(protocol: Protocol) -> Iterator[str]:
    analysis = protocol.analysis
    for label in {analysis.label, *analysis.family} - set(protocol.labels):
        yield f"analysis: label {label} is not asked in this study"
    if not 0 < analysis.alpha < 1:
        yield f"analysis: alpha is {analysis.alpha:g}, must be above 0 and below 1"
    if not 0 <= analysis.margin < 1:
        yield f"analysis: margin is {analysis.margin:g}, must be 0 or more and below 1"


def _problems_of_cases(protocol: Protocol) -> Iterator[str]:
    first: dict[str, str] = {}
    for case in protocol.cases:
        if not _HASH.fullmatch(case.pixels):
            yield f"case {case.name}: pixels is {case.pixels!r}, must be 64 hexadecimal digits"
        if case.slices < 1:
            yield f"case {case.name}: slices is {case.slices}, must be at least 1"
        if case.pixels in first:
            yield f"case {case.name}: has the pixels of case {first[case.pixels]}; every scan may stand once"
        if case.overlap and not protocol.overlap_allowed:
            yield f"case {case.name}: its patient was in the model's {case.overlap} data"
        first[case.pixels] = case.name
    if not protocol.study_cases:
        yield "every case is a training case"
