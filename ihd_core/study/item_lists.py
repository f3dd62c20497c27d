"""Which heatmaps are rated and which labels are adjudicated: lists that are drawn once and are the same for all."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ihd_core.errors import StudyError
from ihd_core.json_values import share, text
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.study.order import lot
from ihd_core.study.phases import Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from ihd_core.study.protocol import Protocol
    from ihd_core.study.truth import Truth

    Wrong = Mapping[str, frozenset[Label]]

DISCORDANT, CONCORDANT = "discordant", "concordant"


@dataclass(frozen=True, slots=True)
class Drawn:
    """An item and why it is on the list.

    Attributes:
        stratum: DISCORDANT, all of which are taken, or CONCORDANT, which were drawn by lot.
        weight: how many items of its stratum and label it stands for, at least 1.
    """

    item: Item
    stratum: str
    weight: float


@dataclass(frozen=True, slots=True)
class ModelCase:
    """What the model says of a case.

    Attributes:
        scan: calls of the scan by label.
        slices: calls of every slice by label, inferior first.
        slice_uids: SOPInstanceUID, in the same order.
    """

    scan: Mapping[Label, bool]
    slices: Sequence[Mapping[Label, bool]]
    slice_uids: tuple[str, ...]


def model_cases(protocol: Protocol, path: Path) -> dict[str, ModelCase]:
    """Read what `ihd predict` wrote of the study's cases, and apply the protocol's operating points.

    Args:
        protocol: whose cases, model and thresholds count.
        path: JSON of `ihd predict`.

    Raises:
        StudyError: it cannot be read, is of another model, or a case or a threshold is missing.
    """
    try:
        described = json.loads(path.read_bytes())["scans"]
        scans = {text(scan, "series_uid"): scan for scan in described}
        found = {}
        for case in protocol.study_cases:
            scan = scans.get(case.scan_uid)
            if scan is None:
                raise StudyError(f"{path}: case {case.name} is missing")
            if scan["model"]["sha256"] != protocol.model_sha256:
                raise StudyError(f"{path}: case {case.name} was predicted by another model than the study's")
            if len(scan["slices"]) != case.slices or scan["scan"] is None:
                raise StudyError(f"{path}: case {case.name} has no result for its {case.slices} slices")
            found[case.name] = _model_case(protocol, scan)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StudyError(f"{path}: is no result of ihd predict ({type(error).__name__}: {error})") from error
    return found


def _model_case(protocol: Protocol, scan: Mapping[str, object]) -> ModelCase:
    points = protocol.operating_points
    slices = scan["slices"]
    kind = "bilstm" if protocol.rating.reading == "result" and slices[0]["bilstm"] is not None else "cnn"  # type: ignore[index]
    return ModelCase(
        _calls(scan["scan"], points["scan"], protocol.labels),  # type: ignore[arg-type]
        tuple(_calls(one[kind], points["slice"], protocol.labels) for one in slices),  # type: ignore[attr-defined]
        tuple(text(one, "sop_uid") for one in slices),  # type: ignore[attr-defined]
    )


def _calls(said: Mapping[str, float], points: Mapping[Label, float], labels: Iterable[Label]) -> dict[Label, bool]:
    return {label: share(said[label], label) > points[label] for label in labels}


def rating_rule(protocol: Protocol, truth: Truth) -> str:
    """The rule that rating_list() follows, for people."""
    wrong = "a reader of the scan or the model has the label wrong"
    with_slices = sum(case.name in truth.slices for case in protocol.study_cases)
    lines = [
        "A heatmap is on the list for every label that the model calls on a slice, where the slice is discordant.",
        f"{with_slices} of {len(protocol.study_cases)} cases have slice truth. There a slice is discordant where the "
        "model's label of the slice differs from its truth, or where truth or model is positive on it for a label "
        "that a reader of the scan got wrong.",
        f"In the others it is every slice that the model calls positive for a label where {wrong}, for that label.",
        f"For each of them {protocol.rating.concordant} of the other heatmaps of the same label, by lot; "
        "weight = how many such there are / how many were drawn.",
    ]
    return "\n".join(lines)


def rating_list(
    protocol: Protocol, truth: Truth, model: Mapping[str, ModelCase], reader_wrong: Wrong
) -> tuple[Drawn, ...]:
    """The heatmaps to be rated, by rating_rule().

    Args:
        protocol: in force.
        truth: of its cases.
        model: what the model says of each.
        reader_wrong: by case, labels that at least one reader got wrong.
    """
    discordant: list[Item] = []
    others: list[Item] = []
    for case in protocol.study_cases:
        said, wrong = model[case.name], reader_wrong.get(case.name, frozenset())
        for index, calls in enumerate(said.slices):
            for label in protocol.labels:
                if not calls[label]:
                    continue
                item = Item(case.name, label, index, said.slice_uids[index])
                is_discordant = _is_discordant(truth, said, item, wrong)
                (discordant if is_discordant else others).append(item)
    return _with_sample(protocol, discordant, others, protocol.rating.concordant, "rating-list")


def _is_discordant(truth: Truth, said: ModelCase, item: Item, wrong: frozenset[Label]) -> bool:
    slices = truth.slices.get(item.case)
    if slices is None:
        return item.label in wrong or said.scan[item.label] != truth.scans[item.case][item.label]
    index = item.slice_index or 0
    calls, true = said.slices[index], slices[index]
    return any(calls[label] != true[label] or (label in wrong and (calls[label] or true[label])) for label in true)


def adjudication_list(protocol: Protocol, disputed: Iterable[Item]) -> tuple[Drawn, ...]:
    """Labels on which a reader and truth differ, and as many others by lot for each as the protocol says.

    Args:
        protocol: in force.
        disputed: one item a case and label.
    """
    asked = set(disputed)
    everything = [Item(case.name, label) for case in protocol.study_cases for label in protocol.labels]
    mine = [item for item in everything if item in asked]
    others = [item for item in everything if item not in asked]
    return _with_sample(protocol, mine, others, protocol.adjudication_concordant, "adjudication-list")


def _with_sample(
    protocol: Protocol, discordant: Sequence[Item], others: Sequence[Item], each: int, what: str
) -> tuple[Drawn, ...]:
    """All discordant items and, label by label, so many others for each; those with the lowest lots."""
    pools: dict[Label, list[Item]] = defaultdict(list)
    for item in others:
        pools[item.label].append(item)
    drawn = [Drawn(item, DISCORDANT, 1.0) for item in discordant]
    for label in DISPLAY_ORDER:
        pool = pools[label]
        wanted = min(len(pool), each * sum(item.label == label for item in discordant))
        pool.sort(key=lambda item: lot(protocol.seed, "", what, _text(item)))
        drawn += [Drawn(item, CONCORDANT, len(pool) / wanted) for item in pool[:wanted]]
    return tuple(sorted(drawn, key=lambda one: lot(protocol.seed, "", what, _text(one.item))))


def _text(item: Item) -> str:
    """An item as its lot names it: case/slice/label, or case/label."""
    index = "" if item.slice_index is None else f"{item.slice_index}/"
    return f"{item.case}/{index}{item.label}"
