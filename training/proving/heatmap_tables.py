"""A proof's tables of heatmaps: how they lie on the lesions, and where their peaks lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ihd_core.heatmaps.explain import FURTHER, Kind
from ihd_core.heatmaps.overlay import FLOOR
from training.proving.maps import SETTING, SMALLEST_MM2
from training.proving.markdown import interval, table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from training.proving.markdown import Proof

NAMES: Mapping[Kind, str] = {
    Kind.CNN: "CNN",
    Kind.RESULT_SLICE: "result of the slice",
    Kind.RESULT_SCAN: "result of the scan",
    **{kind: f"CNN, {kind.full_name}" for kind in FURTHER},
}
CALLED = {False: "visible", True: "called at 95 % specificity"}


def heatmaps(proof: Proof) -> str:
    """How they lie on the lesions, kind by kind; where peaks lie; what it means that two maps disagree."""
    head = ["map of", "label", "slices", "count", "peak on the lesion", "peak on or beside it", "evidence on it"]
    head += [
        "evidence on or beside it",
        "lesions",
        "painted",
        "of several",
        "painted, of several",
        "paint on or beside",
    ]
    rows = [
        [
            NAMES[Kind(one["kind"])],
            one["label"] or "joint view",
            CALLED[one["only_called"]],
            str(one["maps"]),
            *(interval(one[key], 2) for key in ("on", "beside", "energy", "near")),
            str(one["lesions"]),
            interval(one["recall"], 2),
            str(one["others"]),
            interval(one["recall_of_others"], 2),
            interval(one["painted_near"], 2),
        ]
        for one in proof["heatmaps"]
    ]
    return f"""### Heatmaps on lesions

On slices on which the label can be seen, slices that are read as one counting once. "Beside" is no farther from the
lesion than one cell of the map, which cannot point finer. Evidence: mean share, 0 where a map has none. Lesions are
what lies apart by more than one cell and has {SMALLEST_MM2:g} mm2; painted: touched by colour, which begins at
{FLOOR:.0%} of full scale. Of several: only slices with at least two lesions. The joint view paints the labels detected
in the scan at the operating point "{SETTING}", against the lesions of all subtypes: a scan in which nothing is detected
is not painted.

{table(head, rows)}
{_methods_note(proof)}
{_places(proof)}

{_told(proof)}"""


def _methods_note(proof: Proof) -> str:
    scans = proof["phantoms"].get("further_methods", 0)
    if not scans:
        return ""
    return f"""
The methods of pytorch-grad-cam were applied to the first {scans} phantoms only. HiResCAM is the CNN's own map where
the head is linear; EigenCAM knows no labels.
"""


def _places(proof: Proof) -> str:
    of_cnn = [one for one in proof["heatmaps"] if one["kind"] == Kind.CNN]
    places = list(of_cnn[0]["places"])
    rows = []
    for one in of_cnn:
        shares = [f"{count / one['maps']:.0%}" if one["maps"] else "–" for count in one["places"].values()]
        rows.append([one["label"] or "joint view", CALLED[one["only_called"]], str(one["maps"]), *shares])
    return f"""Where the peaks of the CNN's maps lie:

{table(["label", "slices", "count", *places], rows)}"""


def _told(proof: Proof) -> str:
    by_label: dict[str, list[Mapping[str, Any]]] = {}
    for one in proof["told"]:
        by_label.setdefault(one["label"], []).append(one)
    rows = [
        [label, *(cell for one in both for cell in (f"{one['beside']} of {one['maps']}", interval(one["share"], 2)))]
        for label, both in by_label.items()
    ]
    return f"""Peaks of the CNN's maps on or beside the lesion, where the map of the slice's result agrees and where
the program says that it does not:

{table(["label", "agree", "share", "disagree", "share"], rows)}"""
