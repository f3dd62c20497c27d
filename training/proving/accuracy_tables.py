"""A proof's tables of how well phantoms are told apart: areas, calibration, detection limits, other slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.proving.markdown import interval, met, table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from training.proving.markdown import Proof

MEASURES = {
    "thickness_mm": ("greatest thickness", "mm"),
    "area_mm2": ("visible area", "mm2"),
    "volume_ml": ("volume of the whole lesion", "ml"),
    "contrast_hu": ("mean contrast", "HU"),
}


def areas(proof: Proof) -> str:
    """Areas under the curves and the log loss."""
    rows = []
    for one in proof["auc"]:
        least = f"from {one['least_mm2']:g} mm2" if one["least_mm2"] else "all visible"
        counts = [str(one["positives"]), str(one["negatives"])]
        rows.append([one["level"], least, one["label"], *counts, interval(one["auc"]), _goal(one)])
    losses = ", ".join(f"{level}s {interval(found, 4)}" for level, found in proof["log_loss"].items())
    head = ["level", "lesions", "label", "positive", "negative", "AUC", "goal"]
    return f"""### Telling phantoms apart

Over lesions that can be seen; what is there and cannot be seen is left out.

{table(head, rows)}

Weighted multi-label log loss (any counts twice): {losses}."""


def _goal(one: Mapping[str, Any]) -> str:
    return f"{one['goal']:.2f}, {met(one['met'])}"


def calibration(proof: Proof) -> str:
    """Whether probabilities mean what they say."""
    rows = [[one["level"], one["label"], interval(one["mass"]), interval(one["width"])] for one in proof["calibration"]]
    (of_any,) = (one for one in proof["calibration"] if one["level"] == "slice" and one["label"] == "any")
    bins = [[str(b["rows"]), f"{b['probability']:.3f}", interval(b["share"])] for b in of_any["bins"]]
    return f"""### Calibration

Expected calibration error over bins of equal mass and of equal width:

{table(["level", "label", "equal mass", "equal width"], rows)}

Any on slices, bin by bin:

{table(["slices", "mean probability", "share with hemorrhage"], bins)}"""


def limits(proof: Proof) -> str:
    """How much of a lesion must be there to be found."""
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
                interval(one["own"], 2),
                str(one["alone"]),
                interval(one["any"], 2),
            ]
            for one in proof["limits"]
            if one["measure"] == measure
        ]
        parts.append(f"By {name}:\n\n{table(['subtype', name, 'slices', 'scans', 'own', 'alone', 'any'], rows)}")
    return "\n\n".join(parts)


def _bin(one: Mapping[str, Any], unit: str) -> str:
    low, high = one["low"], one["high"]
    if low is None:
        return f"below {high:g} {unit}"
    return f"{low:g} {unit} and more" if high is None else f"{low:g} to {high:g} {unit}"


def thicknesses(found: Mapping[str, Any]) -> str:
    """The same heads at several slice thicknesses."""
    rows = [
        [
            one["label"],
            str(one["heads"]),
            f"{one['largest']:.3f}",
            f"{one['mean']:.3f}",
            f"{one['within']:.0%}",
            met(one["met"]),
        ]
        for one in found["spreads"]
    ]
    heads = [[str(n), *(f"{p:.3f}" for p in head.values())] for n, head in enumerate(found["any_by_head"])]
    names = [f"{mm} mm" for mm in found["any_by_head"][0]]
    return f"""### The same head in other slices

Greatest minus least probability of a scan over {", ".join(names)}; goal: at most 0.05.

{table(["label", "heads", "largest", "mean", "heads within 0.05", ""], rows)}

Any, head by head:

{table(["head", *names], heads)}"""
