"""Part the slices of one series UID into stacks, none of which mixes patients, reconstructions or passes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ihd_core.dicom.geometry import axes
from ihd_core.dicom.identities import by_patient, by_study
from ihd_core.dicom.like_shapes import by_shape
from ihd_core.dicom.places import image_order, place_numbers, usual_orientation
from ihd_core.dicom.ranking.kernels import KernelKind, kernel
from ihd_core.dicom.ranking.words import names_no_agent
from ihd_core.dicom.scan_overlap import FEW, MOSTLY, Extent, scans

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from ihd_core.dicom.headers import Header

    Group = NDArray[np.intp]
    """Indices of slices in increasing order of height."""

    _Rule = Callable[[Group], list[tuple[str, Group]]]
    """Parts a group, and says what the parts are called."""

_Key = TypeVar("_Key", bound="Hashable")

MOST_PASSES = 4
"""More images of every place than this are a series in time, as for perfusion; its first image of each is shown."""

DISPLACED_MM = 3.0
"""Slices of one height that lie farther than this beside each other show different parts of the body."""

PAUSE_SECONDS = 0.2
"""A shorter time between two slices is within one pass."""

MOST_PAUSES = 6
"""So many of the longest pauses are tried as the one between two passes."""


@dataclass(frozen=True, slots=True)
class Part:
    """Slices of one series UID that can be one volume.

    Attributes:
        slices: of equal matrix, pixel spacing and orientation; in any order.
        called: what tells this part from the others of its UID, for the reader; empty for a part that has the UID alone
            or differs by what its own header says.
        conflict: the two identities found under the UID; empty if there is one or none.
    """

    slices: tuple[Header, ...]
    called: str = ""
    conflict: str = ""


def parts(members: Sequence[Header]) -> list[Part]:
    """Part the slices of one series UID, in the order in which they were taken.

    Patients, studies, shapes, contrast agents, and kernels for soft tissue and for bone are always apart. Whatever else
    differs, such as the acquisition, its time or the tube voltage, differs within ordinary head scans too: it parts
    slices only where each part is a scan of its own in the same part of the body.
    """
    conflict, patients = by_patient(members)
    found = [
        Part(tuple(slices), ", ".join(filter(None, (name, study, called))), conflict)
        for name, of_patient in patients.items()
        for study, of_study in by_study(of_patient).items()
        for alike in by_shape(of_study)
        for called, slices in _Slices(alike).parted()
    ]
    if len(found) > 1:
        found.sort(key=lambda part: min(map(image_order, part.slices)))
    return found


class _Slices:
    """Slices of one shape, in increasing order of height, and where they lie."""

    def __init__(self, headers: Sequence[Header]) -> None:
        positions = np.array([header.position or (0.0, 0.0, 0.0) for header in headers], np.float64)
        try:
            row, column, normal = axes(usual_orientation(headers))
        except ValueError:  # stack() says so
            row, column, normal = np.eye(3)
        self._details_differ = len({id(header.details) for header in headers}) > 1
        heights = positions @ normal
        order = np.argsort(heights, kind="stable")
        self._headers = [headers[index] for index in order]
        self._heights = heights[order]
        self._places = place_numbers(self._heights)
        self._thickness = np.array([header.details.thickness_mm for header in self._headers])
        self._beside = positions[order] @ np.stack([row, column], axis=1)
        # How far a slice lies beside one 1 mm below it where the table moves along the patient, whatever the tilt.
        self._upright = np.array([row[2], column[2]]) / normal[2] if abs(normal[2]) > 0.1 else np.zeros(2)

    def parted(self) -> Iterator[tuple[str, list[Header]]]:
        """The slices of each scan, and what tells it from the others where its header does not."""
        parting = [("", np.arange(len(self._headers)))]
        always: tuple[_Rule, ...] = (self._by_agent, self._by_kernel_kind, self._by_lane)
        for rule in always:
            parting = _each(parting, rule)
        for called, group in parting:
            pieces = [(called, group)]
            if not self._extent(group).is_plain:
                for rule in (*self._tag_rules(), self._by_acquisition, self._by_time, self._by_run, self._by_pass):
                    pieces = _each(pieces, rule)
            for name, piece in pieces:
                yield name, [self._headers[index] for index in piece]

    def _extent(self, group: Group) -> Extent:
        return Extent(self._places[group], self._heights[group], self._thickness[group])

    def _grouped(self, group: Group, value: Callable[[Header], _Key]) -> dict[_Key, Group]:
        groups: dict[_Key, list[int]] = defaultdict(list)
        for index in group.tolist():
            groups[value(self._headers[index])].append(index)
        return {key: np.array(indices) for key, indices in groups.items()}

    def _by_agent(self, group: Group) -> list[tuple[str, Group]]:
        if not self._details_differ:
            return [("", group)]
        groups = self._grouped(group, _agent)
        if len(groups) == 2 and len(groups.get("", ())) in range(1, FEW):  # a slip in one or two of them
            return [("", group)]
        return [("", part) for part in groups.values()]

    def _by_kernel_kind(self, group: Group) -> list[tuple[str, Group]]:
        """Soft tissue apart from bone and lung, however few slices and wherever they lie."""
        if not self._details_differ:
            return [("", group)]
        groups = self._grouped(group, _kernel_kind)
        # Beside both of them, a kernel that is not known may be of either.
        is_mixed = {KernelKind.SOFT, KernelKind.BONE} <= groups.keys()
        return [("", part) for part in groups.values()] if is_mixed else [("", group)]

    def _by_lane(self, group: Group) -> list[tuple[str, Group]]:
        """Slices of the same heights that lie beside each other, as magnified pictures of the right and left ear."""
        beside = self._beside[group]
        upright = beside - np.outer(self._heights[group], self._upright)
        if min(np.ptp(one, axis=0).max() for one in (beside, upright)) <= DISPLACED_MM:
            return [("", group)]
        lanes = min((_lanes(beside), _lanes(upright)), key=lambda numbers: int(numbers.max()))
        found = {number: group[lanes == number] for number in range(int(lanes.max()) + 1)}
        parts_beside = self._joined(group, found, are_displaced=True)
        if len(parts_beside) == 1:
            return [("", group)]
        return [
            (f"displaced in the plane, first pixel at {right:.0f}, {down:.0f} mm", part)
            for part in parts_beside
            for right, down in [self._beside[part[0]]]
        ]

    def _tag_rules(self) -> Iterator[_Rule]:
        """Of tags that differ between scans, and within some."""
        for value, name in _TAGS:
            if len({value(header) for header in self._headers}) > 1:
                yield partial(self._by_tag, value=value, name=name)

    def _by_tag(self, group: Group, value: Callable[[Header], str], name: str) -> list[tuple[str, Group]]:
        found = self._joined(group, self._grouped(group, value))
        if len(found) == 1 or not name:
            return [("", part) for part in found]
        said = [sorted(set(self._said(part, value))) for part in found]
        return [
            (f"{name} {' and '.join(one or 'unknown' for one in values)}", part)
            for values, part in zip(said, found, strict=True)
        ]

    def _by_acquisition(self, group: Group) -> list[tuple[str, Group]]:
        if self._is_series_in_time(group):
            return [("", group)]
        found = self._joined(group, self._grouped(group, lambda h: h.acquisition[0]))
        return self._passes(
            found, lambda part: _range_called("acquisition", self._said(part, lambda h: h.acquisition[0]))
        )

    def _by_time(self, group: Group) -> list[tuple[str, Group]]:
        if self._is_series_in_time(group):
            return [("", group)]
        times = np.array([_seconds(header.acquisition[1]) for header in self._headers])
        found = self._at_pauses(group, times)
        return self._passes(found, lambda part: f"acquired at {min(self._said(part, lambda h: h.acquisition[1]))}")

    def _at_pauses(self, group: Group, times: NDArray[np.float64]) -> list[Group]:
        """Scans with a longer pause between them than between their slices, whichever pause that is."""
        taken = times[group]
        if not np.isfinite(taken).all() or np.ptp(taken) < PAUSE_SECONDS:
            return [group]
        order = np.argsort(taken, kind="stable")
        pauses = np.diff(taken[order])
        for pause in np.unique(pauses[pauses >= PAUSE_SECONDS])[: -MOST_PAUSES - 1 : -1]:
            number = np.empty(len(group), np.intp)
            number[order] = np.concatenate([[0], np.cumsum(pauses >= pause)])
            found = self._joined(group, {one: group[number == one] for one in range(int(number.max()) + 1)})
            if len(found) > 1:
                return [piece for part in found for piece in self._at_pauses(part, times)]
        return [group]

    def _by_run(self, group: Group) -> list[tuple[str, Group]]:
        """Passes that nothing tells but that the slices begin anew, in the order of their numbers."""
        if self._is_series_in_time(group):
            return [("", group)]
        numbered = [(*self._headers[index].acquisition, self._headers[index].instance_number) for index in group]
        order = group[sorted(range(len(group)), key=lambda index: (numbered[index], index))]
        steps = np.sign(np.diff(self._places[order]))
        direction = np.sign(steps.sum()) or 1
        run = np.concatenate([[0], np.cumsum(steps == -direction)])
        if run[-1] == 0 or run[-1] + 1 > len(group) / FEW:
            return [("", group)]
        found = self._joined(group, {one: np.sort(order[run == one]) for one in range(int(run[-1]) + 1)})
        return self._passes(found, lambda part: _range_called("slice", self._said(part, lambda h: h.instance_number)))

    def _said(self, group: Group, value: Callable[[Header], _Key]) -> list[_Key]:
        return [value(self._headers[index]) for index in group]

    def _passes(self, found: list[Group], called: Callable[[Group], str]) -> list[tuple[str, Group]]:
        """Scans with their names: numbers where they lie over each other, else what they differ in."""
        if len(found) == 1:
            return [("", found[0])]
        first = set(self._places[found[0]])
        if all(len(first.intersection(self._places[part])) >= MOSTLY * len(part) for part in found):
            names = ["", *(f"pass {number} over the same positions" for number in range(2, len(found) + 1))]
            return list(zip(names, found, strict=True))
        return [(called(part), part) for part in found]

    def _is_series_in_time(self, group: Group) -> bool:
        return bool(np.median(np.bincount(self._places[group])) > MOST_PASSES) if len(group) else False

    def _joined(self, group: Group, found: Mapping[_Key, Group], *, are_displaced: bool = False) -> list[Group]:
        """The scans that some parts of a group are, the first one first; the group where they are pieces of one."""
        if len(found) < 2 or max(map(len, found.values())) < FEW:
            return [group]
        whole = self._extent(group)
        if whole.is_plain and not are_displaced:
            return [group]
        in_order = sorted(found.values(), key=lambda part: min(image_order(self._headers[index]) for index in part))
        joined = scans([self._extent(part) for part in in_order], whole, are_displaced=are_displaced)
        if len(joined) == 1:
            return [group]
        return [np.sort(np.concatenate([in_order[index] for index in indices])) for indices in joined]

    def _by_pass(self, group: Group) -> list[tuple[str, Group]]:
        """First images of every place, second images, and so on; single repeats stay with the first.

        A copy of a file is no second image.
        """
        places = self._places[group]
        if len(np.unique(places)) == len(group):
            return [("", group)]
        at: dict[int, list[int]] = defaultdict(list)
        copies: list[int] = []
        seen: set[Hashable] = set()
        for index in sorted(group.tolist(), key=lambda index: image_order(self._headers[index])):
            header, place = self._headers[index], int(self._places[index])
            image = (place, header.sop_uid, header.instance_number, header.acquisition)
            if header.sop_uid and image in seen:
                copies.append(index)
            else:
                at[place].append(index)
            seen.add(image)
        passes: list[list[int]] = [[] for _ in range(max(len(images) for images in at.values()))]
        for images in at.values():
            for number, index in enumerate(images):
                passes[number].append(index)
        whole = [one for one in passes if len(one) >= FEW]
        if len(whole) < 2 or len(whole) > MOST_PASSES:
            return [("", group)]
        first = [*whole[0], *copies, *(index for one in passes[len(whole) :] for index in one)]
        return self._passes([np.sort(one) for one in (first, *whole[1:])], lambda _: "")


def _each(parting: Iterable[tuple[str, Group]], rule: _Rule) -> list[tuple[str, Group]]:
    return [(", ".join(filter(None, (called, name))), part) for called, group in parting for name, part in rule(group)]


_TAGS: tuple[tuple[Callable[[Header], str], str], ...] = (
    (lambda h: h.details.kernel, ""),
    (lambda h: f"{h.details.thickness_mm:g}", ""),
    (lambda h: h.details.series_number, "series number"),
    (lambda h: h.details.series_description, "series"),
    (lambda h: "\\".join(h.image_type), "image type"),
    (lambda h: f"{h.details.kvp:g}", "tube voltage in kV"),
    (lambda h: h.frame_of_reference, "frame of reference"),
)
"""What is said of a slice, and what it is called where the part does not say it elsewhere."""


def _agent(header: Header) -> str:
    return _plain_agent(header.details.contrast_agent)


@lru_cache(maxsize=256)
def _plain_agent(agent: str) -> str:
    return "" if names_no_agent(agent) else " ".join(agent.casefold().split())


def _kernel_kind(header: Header) -> KernelKind:
    """For soft tissue, for bone as for lung, or unknown, which a kernel between the two is for this."""
    kind = kernel(header.details.kernel, header.details.scanner).kind
    if kind is KernelKind.LUNG:
        return KernelKind.BONE
    return kind if kind in {KernelKind.SOFT, KernelKind.BONE} else KernelKind.UNKNOWN


def _lanes(beside: NDArray[np.float64]) -> NDArray[np.intp]:
    """A number for every slice, equal for those that no space parts along the rows or down the columns."""
    number = np.zeros(len(beside), np.intp)
    for values in beside.T:
        order = np.argsort(values, kind="stable")
        along = np.empty(len(values), np.intp)
        along[order] = np.concatenate([[0], np.cumsum(np.diff(values[order]) > DISPLACED_MM)])
        number = number * (along.max() + 1) + along
    return np.unique(number, return_inverse=True)[1].astype(np.intp)


def _seconds(time: str) -> float:
    """Of an AcquisitionTime, PS3.5 6.2, since midnight; not a number where it is none."""
    digits, _, fraction = time.replace(":", "").strip().partition(".")
    if not (digits.isdecimal() and len(digits) == 6 and (not fraction or fraction.isdecimal())):
        return float("nan")
    whole = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:])
    return whole + float(f"0.{fraction or 0}")


def _range_called(name: str, numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{name} {low}" if low == high else f"{name}s {low} to {high}"
