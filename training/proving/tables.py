"""A proof as Markdown: tables for people, and the sections that a model card takes in."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from training.proving.pairs import AREAS_MM2
from training.proving.quietness import LARGE_MM2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Proof = Mapping[str, Any]

MEASURES = {
    "thickness_mm": ("greatest thickness", "mm"),
    "area_mm2": ("visible area", "mm2"),
    "volume_ml": ("volume of the whole lesion", "ml"),
    "contrast_hu": ("mean contrast", "HU"),
}


def as_markdown(proof: Proof) -> str:
    """The whole proof, as proof.md has it."""
    model = proof["model"]
    title = f"# Proof of {model['name']}\n\nModel {model['sha256'][:16]}."
    return f"{title}\n\n{sections(proof)}\n{_mistakes(proof)}\n"


def sections(proof: Proof) -> str:
    """What was met and what was not, and then the sections, each with a heading of third rank."""
    parts = [_verdicts(proof), _phantoms(proof), _areas(proof), _calibration(proof), _limits(proof), _peaks(proof)]
    if "thicknesses" in proof:
        parts.append(_thicknesses(proof["thicknesses"]))
    if "quietness" in proof:
        parts.append(_quietness(proof))
    if "pairs" in proof:
        parts.append(_pairs(proof["pairs"]))
    return "\n\n".join(parts) + "\n"


def _verdicts(proof: Proof) -> str:
    """Every goal in a line."""
    rows = [["phantoms hard enough for a threshold detector (AUC at most 0.80)", _met(proof["accepted"])]]
    for level in ("slice", "scan"):
        for least, name in ((0.0, "visible lesions"), (100.0, "lesions from 100 mm2")):
            some = [one for one in proof["auc"] if one["level"] == level and one["least_mm2"] == least]
            rows.append([f"AUC on {level}s over {name}", _verdict(some)])
    spreads = proof["thicknesses"]["spreads"] if "thicknesses" in proof else []
    rows.append(["the same head at several thicknesses within 0.05", _verdict(spreads) if spreads else _met(None)])
    rows.append(["no slice of the real head flagged", _quiet(proof)])
    return _table(["goal", ""], rows)


def _verdict(some: Iterable[Mapping[str, Any]]) -> str:
    """Of one goal for all labels: who misses it, and for whom it was not measured."""
    labels: dict[bool | None, list[str]] = {False: [], None: [], True: []}
    for one in some:
        labels[one["met"]].append(one["label"])
    if not labels[False] and not labels[True]:
        return _met(None)
    first = f"**not met** by {', '.join(labels[False])}" if labels[False] else "met"
    return f"{first}; not measured for {', '.join(labels[None])}" if labels[None] else first


def _quiet(proof: Proof) -> str:
    """Quiet is a model that sees nothing, too: what it finds in the same head stands beside it."""
    if "quietness" not in proof:
        return _met(None)
    found = proof["quietness"]
    quiet = f"{_met(found['met'])}: {len(found['flagged'])} of {found['slices']} flagged"
    if "pairs" not in proof:
        return f"{quiet}; whether hemorrhages in this head are found was not measured"
    large = [one for one in proof["pairs"] if one["slices"] and one["area_mm2"] >= LARGE_MM2]
    count = sum(one["found"] for one in large)
    return f"{quiet}; of hemorrhages of {LARGE_MM2:g} mm2 and more put into it, {count} of {len(large)} found"


def _phantoms(proof: Proof) -> str:
    what = proof["phantoms"]
    rows = [
        [one["level"], one["score"], _interval(one["auc"]), _met(one["hard_enough"], "hard enough", "too easy")]
        for one in proof["detector"]
    ]
    warned = ", ".join(f"{code} {count}" for code, count in sorted(what["warnings"].items())) or "none"
    return f"""### Held-out phantoms

{what["scans"]} phantoms with {what["slices"]} slices, seeds from {what["first_seed"]}, which no training uses; renderer
{what["renderer"]}. {what["bleeding"]} of them show hemorrhage. Thin slices are read several at a time, as one, and
count one by one. Intervals are 95 %, {proof["interval"]}. A prediction took {what["seconds_a_scan"]:.1f} s a scan on
one thread. Scans with a warning of the program: {warned}. It withholds the result of {what["withheld"]}, which are
judged like the others.

A threshold detector (blobs of 50-90 HU in the brain mask) may reach an area under the curve of at most 0.80 for any,
else the phantoms are too easy:

{_table(["level", "its score", "AUC for any", ""], rows)}"""


def _areas(proof: Proof) -> str:
    rows = []
    for one in proof["auc"]:
        least = f"from {one['least_mm2']:g} mm2" if one["least_mm2"] else "all visible"
        counts = [str(one["positives"]), str(one["negatives"])]
        rows.append([one["level"], least, one["label"], *counts, _interval(one["auc"]), _goal(one)])
    losses = ", ".join(f"{level}s {_interval(found, 4)}" for level, found in proof["log_loss"].items())
    head = ["level", "lesions", "label", "positive", "negative", "AUC", "goal"]
    return f"""### Telling phantoms apart

Over lesions that can be seen; what is there and cannot be seen is left out.

{_table(head, rows)}

Weighted multi-label log loss (any counts twice): {losses}."""


def _goal(one: Mapping[str, Any]) -> str:
    return f"{one['goal']:.2f}, {_met(one['met'])}"


def _calibration(proof: Proof) -> str:
    rows = [
        [one["level"], one["label"], _interval(one["mass"]), _interval(one["width"])] for one in proof["calibration"]
    ]
    (of_any,) = (one for one in proof["calibration"] if one["level"] == "slice" and one["label"] == "any")
    bins = [[str(b["rows"]), f"{b['probability']:.3f}", _interval(b["share"])] for b in of_any["bins"]]
    return f"""### Calibration

Expected calibration error over bins of equal mass and of equal width:

{_table(["level", "label", "equal mass", "equal width"], rows)}

Any on slices, bin by bin:

{_table(["slices", "mean probability", "share with hemorrhage"], bins)}"""


def _limits(proof: Proof) -> str:
    parts = [
        """### Detection limits

Share of lesion slices that are found at a specificity of 95 % on phantom slices, by the subtype's own probability and,
where no other subtype is on the slice, by that of any. Lesions that cannot be seen are among them. Thresholds are held
fixed in the intervals, which are of a bootstrap over scans, widened by Wilson's over scans where fewer than ten have
such a lesion or all agree."""
    ]
    for measure, (name, unit) in MEASURES.items():
        rows = [
            [
                one["label"],
                _bin(one, unit),
                str(one["slices"]),
                str(one["scans"]),
                _interval(one["own"], 2),
                str(one["alone"]),
                _interval(one["any"], 2),
            ]
            for one in proof["limits"]
            if one["measure"] == measure
        ]
        parts.append(f"By {name}:\n\n{_table(['subtype', name, 'slices', 'scans', 'own', 'alone', 'any'], rows)}")
    return "\n\n".join(parts)


def _bin(one: Mapping[str, Any], unit: str) -> str:
    low, high = one["low"], one["high"]
    if low is None:
        return f"below {high:g} {unit}"
    return f"{low:g} {unit} and more" if high is None else f"{low:g} to {high:g} {unit}"


def _peaks(proof: Proof) -> str:
    rows = []
    for one in proof["peaks"]:
        total = sum(one["places"].values())
        shares = [f"{count / total:.0%}" if total else "–" for count in one["places"].values()]
        rows.append(
            [one["label"], "called at 95 % specificity" if one["only_called"] else "visible", str(total), *shares]
        )
    places = list(proof["peaks"][0]["places"])
    return f"""### Where the heatmap's peak lies

On slices on which the label can be seen, slices that are read as one counting once; "within one cell" is beside the
lesion, no farther than one cell of the map.

{_table(["label", "slices", "count", *places], rows)}"""


def _thicknesses(found: Mapping[str, Any]) -> str:
    rows = [
        [
            one["label"],
            str(one["heads"]),
            f"{one['largest']:.3f}",
            f"{one['mean']:.3f}",
            f"{one['within']:.0%}",
            _met(one["met"]),
        ]
        for one in found["spreads"]
    ]
    heads = [[str(n), *(f"{p:.3f}" for p in head.values())] for n, head in enumerate(found["any_by_head"])]
    names = [f"{mm} mm" for mm in found["any_by_head"][0]]
    return f"""### The same head in other slices

Greatest minus least probability of a scan over {", ".join(names)}; goal: at most 0.05.

{_table(["label", "heads", "largest", "mean", "heads within 0.05", ""], rows)}

Any, head by head:

{_table(["head", *names], heads)}"""


def _quietness(proof: Proof) -> str:
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
visible blood; goal: no slice flagged for any, {_met(found["met"])}. A model that sees nothing is quiet, too: what it
finds in this head is below.{withheld}

{_table(head, rows)}

Any, slice by slice from below: {probabilities}.

The whole scan: {scan}; flagged: {", ".join(found["scan_flagged"]) or "nothing"}.

The program warns of:

{chr(10).join(warned)}"""


def _pairs(pairs: Sequence[Mapping[str, Any]]) -> str:
    seen = [one for one in pairs if one["slices"]]
    rows = []
    for label in dict.fromkeys(one["label"] for one in pairs):
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
the medians of the highest on these slices. {len(pairs) - len(seen)} of {len(pairs)} cannot be seen and are left out.

{_table(head, rows)}

Where the peak of any's heatmap lies on the slice that shows most: {peaks or "none can be seen"}."""


def _mistakes(proof: Proof) -> str:
    parts = ["### What to look at\n\nOne slice a phantom, the worst first; seeds are those of phantom_scan()."]
    for key, name in (("false_alarms", "False alarms"), ("misses", "Missed, at 100 mm2 and more")):
        rows = [
            [
                str(one["seed"]),
                str(one["slice_index"]),
                f"{one['probability']:.3f}",
                f"{one['area_mm2']:.0f}",
                ", ".join(one["labels"]),
            ]
            for one in proof[key]
        ]
        parts.append(f"{name}:\n\n{_table(['seed', 'slice', 'any', 'visible mm2', 'subtype'], rows)}")
    return "\n\n".join(parts)


def _share_of(pairs: Sequence[Mapping[str, Any]], key: str) -> str:
    return str(sum(one[key] for one in pairs)) if pairs else "–"


def _medians(pairs: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = ("any_before", "any_after", "own_before", "own_after")
    return [f"{median(one[key] for one in pairs):.3f}" if pairs else "–" for key in keys]


def _interval(found: Mapping[str, Any] | None, digits: int = 3) -> str:
    if found is None or found["value"] is None:
        return "–"
    if found["low"] is None or found["high"] is None:
        return f"{found['value']:.{digits}f}"
    return f"{found['value']:.{digits}f} ({found['low']:.{digits}f}-{found['high']:.{digits}f})"


def _met(met: bool | None, yes: str = "met", no: str = "**not met**") -> str:
    return "not measured" if met is None else yes if met else no


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
