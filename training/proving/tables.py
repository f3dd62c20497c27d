"""A proof as Markdown: tables for people, and the sections that a model card takes in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.proving import accuracy_tables, heatmap_tables, real_tables
from training.proving.markdown import interval, met, table
from training.proving.quietness import LARGE_MM2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from training.proving.markdown import Proof


def as_markdown(proof: Proof) -> str:
    """The whole proof, as proof.md has it."""
    model = proof["model"]
    title = f"# Proof of {model['name']}\n\nModel {model['sha256'][:16]}."
    return f"{title}\n\n{sections(proof)}\n{_mistakes(proof)}\n"


def sections(proof: Proof) -> str:
    """What was met and what was not, and then the sections, each with a heading of third rank."""
    parts = [
        _verdicts(proof),
        _phantoms(proof),
        accuracy_tables.areas(proof),
        accuracy_tables.calibration(proof),
        accuracy_tables.limits(proof),
        heatmap_tables.heatmaps(proof),
    ]
    if "thicknesses" in proof:
        parts.append(accuracy_tables.thicknesses(proof["thicknesses"]))
    if "quietness" in proof:
        parts.append(real_tables.quietness(proof))
    if "pairs" in proof:
        parts.append(real_tables.pairs(proof["pairs"]))
    return "\n\n".join(parts) + "\n"


def _verdicts(proof: Proof) -> str:
    """Every goal in a line."""
    rows = [["phantoms hard enough for a threshold detector (AUC at most 0.80)", met(proof["accepted"])]]
    for level in ("slice", "scan"):
        for least, name in ((0.0, "visible lesions"), (100.0, "lesions from 100 mm2")):
            some = [one for one in proof["auc"] if one["level"] == level and one["least_mm2"] == least]
            rows.append([f"AUC on {level}s over {name}", _verdict(some)])
    spreads = proof["thicknesses"]["spreads"] if "thicknesses" in proof else []
    rows.append(["the same head at several thicknesses within 0.05", _verdict(spreads) if spreads else met(None)])
    rows.append(["no slice of the real head flagged", _quiet(proof)])
    return table(["goal", ""], rows)


def _verdict(some: Iterable[Mapping[str, Any]]) -> str:
    """Of one goal for all labels: who misses it, and for whom it was not measured."""
    labels: dict[bool | None, list[str]] = {False: [], None: [], True: []}
    for one in some:
        labels[one["met"]].append(one["label"])
    if not labels[False] and not labels[True]:
        return met(None)
    first = f"**not met** by {', '.join(labels[False])}" if labels[False] else "met"
    return f"{first}; not measured for {', '.join(labels[None])}" if labels[None] else first


def _quiet(proof: Proof) -> str:
    """Quiet is a model that sees nothing, too: what it finds in the same head stands beside it."""
    if "quietness" not in proof:
        return met(None)
    found = proof["quietness"]
    quiet = f"{met(found['met'])}: {len(found['flagged'])} of {found['slices']} flagged"
    if "pairs" not in proof:
        return f"{quiet}; whether hemorrhages in this head are found was not measured"
    large = [one for one in proof["pairs"] if one["slices"] and one["area_mm2"] >= LARGE_MM2]
    count = sum(one["found"] for one in large)
    return f"{quiet}; of hemorrhages of {LARGE_MM2:g} mm2 and more put into it, {count} of {len(large)} found"


def _phantoms(proof: Proof) -> str:
    what = proof["phantoms"]
    rows = [
        [one["level"], one["score"], interval(one["auc"]), met(one["hard_enough"], "hard enough", "too easy")]
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

{table(["level", "its score", "AUC for any", ""], rows)}"""


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
        parts.append(f"{name}:\n\n{table(['seed', 'slice', 'any', 'visible mm2', 'subtype'], rows)}")
    return "\n\n".join(parts)
