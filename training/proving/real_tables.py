"""A proof's tables of a real head: as it is, and with hemorrhages put in."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from training.proving.markdown import met, table
from training.proving.pairs import AREAS_MM2

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from training.proving.markdown import Proof


def quietness(proof: Proof) -> str:
    """What is said of the head as it is."""
    found = proof["quietness"]
    points = {(one["level"], one["label"]): one for one in proof["operating_points"]}
    rows = []
    for label, flagged in found["flagged_by_label"].items():
        point = points["slice", label]
        specificity = "–" if point["specificity"] is None else f"{point['specificity']:.3f}"
        highest = f"{max(found['probability'][label]):.4f}"
        if not point["positives"]:  # no phantom lesion says where to call it
            rows.append([label, "–", "0", "–", highest, "–", ""])
            continue
        cells = [f"{point['threshold']:.4f}", str(point["positives"]), specificity]
        rows.append([label, *cells, highest, str(len(flagged)), " ".join(str(i) for i in flagged)])
    head = ["label", "threshold", "phantom slices behind it", "their specificity", "highest", "flagged", "which"]
    probabilities = " ".join(f"{p:.3f}" for p in found["probability"]["any"])
    scan = ", ".join(f"{label} {p:.3f}" for label, p in found["scan"].items())
    warned = [f"* {text}" for text in found["warnings"]] or ["* nothing"]
    withheld = (
        f"\n\n**The program withholds the result of this scan**: {found['withheld']}." if found["withheld"] else ""
    )
    return f"""### A real head without hemorrhage

{found["slices"]} slices, read at the operating points that find 90 % of the phantom slices with at least 200 mm2 of
visible blood; goal: no slice flagged for any, {met(found["met"])}. A model that sees nothing is quiet, too: what it
finds in this head is below.{withheld}

{table(head, rows)}

Any, slice by slice from below: {probabilities}.

The whole scan: {scan}; flagged: {", ".join(found["scan_flagged"]) or "nothing"}.

The program warns of:

{chr(10).join(warned)}"""


def pairs(made: Sequence[Mapping[str, Any]]) -> str:
    """What is said of it with hemorrhages put in, one at a time."""
    seen = [one for one in made if one["slices"]]
    rows = []
    for label in dict.fromkeys(one["label"] for one in made):
        of_label = [one for one in seen if one["label"] == label]
        for low, high in pairwise((0.0, *AREAS_MM2, math.inf)):
            some = [one for one in of_label if low <= one["area_mm2"] < high]
            name = f"{low:g} mm2 and more" if math.isinf(high) else f"{low:g} to {high:g} mm2"
            called = [_share_of(some, key) for key in ("called_before", "found", "named")]
            rows.append([label, name, str(len(some)), *called, *_medians(some)])
    places = Counter(one["place"] for one in seen)
    peaks = ", ".join(f"{place} {count}" for place, count in places.most_common())
    head = ["subtype", "largest visible area", "heads", "called without it", "found", "named"]
    head += [f"{name} {when}" for name in ("any", "own") for when in ("before", "after")]
    return f"""### The real head with hemorrhages put in

One synthetic hemorrhage at a time, in the real HU with the real noise, at the operating points above. Found: any is
called on one of the slices that show it, and on none of them without it; named: likewise its subtype. Probabilities are
the medians of the highest on these slices. {len(made) - len(seen)} of {len(made)} cannot be seen and are left out.

{table(head, rows)}

Where the peak of any's heatmap lies on the slice that shows most: {peaks or "none can be seen"}."""


def _share_of(pairs: Sequence[Mapping[str, Any]], key: str) -> str:
    return str(sum(one[key] for one in pairs)) if pairs else "–"


def _medians(pairs: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = ("any_before", "any_after", "own_before", "own_after")
    return [f"{median(one[key] for one in pairs):.3f}" if pairs else "–" for key in keys]
