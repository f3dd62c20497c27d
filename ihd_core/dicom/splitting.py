"""Part the slices of one series UID into stacks, none of which mixes patients, reconstructions or passes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ihd_core.dicom.ranking.kernels import KernelKind, kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from ihd_core.dicom.headers import Header

_Key = TypeVar("_Key", bound="Hashable")

FEW = 3
"""Fewer slices than this are a slip of the scanner or the archive, not a stack of their own."""

MOST_PASSES = 4
"""More images of every place than this are a series in time, as for perfusion; its first image of each is shown."""

CONTIGUOUS = 1.2
"""Slices no farther apart than so many thicknesses leave nothing between them."""


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
    """Part the slices of one series UID.

    AcquisitionNumber, ImageType and SliceThickness differ within ordinary head scans and part nothing by themselves.
    """
    conflict, patients = _by_patient(members)
    found = []
    for name, of_patient in patients.items():
        for alike in _by_shape(of_patient):
            for reconstruction in _by_reconstruction(alike):
                for acquisition, called in _by_acquisition(reconstruction):
                    for number, one_pass in enumerate(_by_pass(acquisition), start=1):
                        again = f"pass {number} over the same positions" if number > 1 else ""
                        found.append(Part(tuple(one_pass), ", ".join(filter(None, (name, called, again))), conflict))
    return found


def _by_patient(members: Sequence[Header]) -> tuple[str, Mapping[str, Sequence[Header]]]:
    """The two identities named, empty if there is one or none; and the slices of each by what it is called."""
    for keyword, identity in (
        ("PatientID", lambda h: h.details.patient_id),
        ("PatientName", lambda h: h.details.patient_name.rstrip("^ ").casefold()),
        ("PatientBirthDate", lambda h: h.details.patient_birth_date),
    ):
        groups = _grouped(members, identity)
        named = sorted(filter(None, groups))
        if len(named) > 1:
            return f"{keyword} {named[0]} and {named[1]}", {
                f"{keyword} {key or 'unknown'}": groups[key] for key in groups
            }
    return "", {"": members}


def _by_shape(members: Sequence[Header]) -> list[list[Header]]:
    found: list[list[Header]] = []
    for header in members:
        for part in found:
            if _fits(header, part[0]):
                part.append(header)
                break
        else:
            found.append([header])
    return found


def _fits(header: Header, first: Header) -> bool:
    if (header.rows, header.columns) != (first.rows, first.columns):
        return False
    here, there = (header.orientation, header.pixel_mm), (first.orientation, first.pixel_mm)
    if here[0] is there[0] and here[1] is there[1]:
        return True
    pairs = zip((*(here[0] or ()), *(here[1] or ())), (*(there[0] or ()), *(there[1] or ())), strict=True)
    return all(abs(one - other) < 1e-3 for one, other in pairs)


def _by_reconstruction(members: Sequence[Header]) -> list[Sequence[Header]]:
    """Images that differ in kernel, contrast agent or thickness and lie in the same place of the patient, apart.

    A soft and a bone kernel are apart wherever they lie. Another kernel of the same kind further up, as between the
    skull base and the vertex, parts nothing.
    """
    rules: tuple[tuple[Callable[[Header], str | float], Callable[[Sequence[Header], Sequence[Header]], bool]], ...] = (
        (lambda h: h.details.kernel, lambda a, b: _share_ground(a, b) or _kinds_differ(a[0], b[0])),
        (lambda h: h.details.contrast_agent, _share_ground),
        (lambda h: h.details.thickness_mm, _share_places),
    )
    for value, are_apart in rules:
        groups = _grouped(members, value)
        large = [group for group in groups.values() if len(group) >= FEW]
        if any(are_apart(one, other) for one, other in combinations(large, 2)):
            return [part for group in groups.values() for part in _by_reconstruction(group)]
    return [members]


def _by_acquisition(members: Sequence[Header]) -> list[tuple[Sequence[Header], str]]:
    """Acquisitions apart that each cover the same ground on their own, with slices between those of the other.

    Old scanners took every second slice first and the others afterwards: each half has gaps, so they stay one scan.
    """
    groups = _grouped(members, lambda h: h.acquisition[0])
    large = [group for group in groups.values() if len(group) >= FEW]
    for one, other in combinations(large, 2):
        if _share_ground(one, other) and not _share_places(one, other) and _is_dense(one) and _is_dense(other):
            return [(group, f"acquisition {number}") for number, group in groups.items()]
    return [(members, "")]


def _by_pass(members: Sequence[Header]) -> list[list[Header]]:
    """First images of every place, second images, and so on; single repeats stay with the first.

    A copy of a file is no second image.
    """
    places: dict[tuple[float, ...], list[Header]] = defaultdict(list)
    copies: list[Header] = []
    seen: set[Hashable] = set()
    for header in sorted(members, key=lambda h: (*h.acquisition, h.instance_number, str(h.file))):
        place = _place(header)
        image = (place, header.sop_uid, header.instance_number, header.acquisition)
        if header.sop_uid and image in seen:
            copies.append(header)
        else:
            places[place].append(header)
        seen.add(image)
    most = max(len(images) for images in places.values())
    passes: list[list[Header]] = [[] for _ in range(most)]
    for images in places.values():
        for number, header in enumerate(images):
            passes[number].append(header)
    whole = [one for one in passes if len(one) >= FEW]
    if len(whole) < 2 or len(whole) > MOST_PASSES:
        return [list(members)]
    return [[*whole[0], *copies, *(h for one in passes[len(whole) :] for h in one)], *whole[1:]]


def _grouped(members: Iterable[Header], key: Callable[[Header], _Key]) -> dict[_Key, list[Header]]:
    groups: dict[_Key, list[Header]] = defaultdict(list)
    for header in members:
        groups[key(header)].append(header)
    return dict(groups)


def _place(header: Header) -> tuple[float, ...]:
    return tuple(round(value, 1) for value in header.position or ())


def _share_places(one: Sequence[Header], other: Sequence[Header]) -> bool:
    """Whether most places of the smaller group are places of the other."""
    here, there = {_place(header) for header in one}, {_place(header) for header in other}
    return 2 * len(here & there) > min(len(here), len(there))


def _share_ground(one: Sequence[Header], other: Sequence[Header]) -> bool:
    """Whether two groups cover the same part of the patient, for more than a slice or two at their ends."""
    if _share_places(one, other):
        return True
    here, there = _heights(one), _heights(other)
    bottom, top = max(here[0], there[0]), min(here[-1], there[-1])
    inside = [sum(bottom - 0.01 <= height <= top + 0.01 for height in heights) for heights in (here, there)]
    return min(inside) >= FEW


def _is_dense(members: Sequence[Header]) -> bool:
    """Whether slices leave nothing between them."""
    thickness = float(np.median([header.details.thickness_mm for header in members]))
    return bool(np.median(np.diff(_heights(members))) <= CONTIGUOUS * thickness)


def _heights(members: Sequence[Header]) -> list[float]:
    """Positions along the normal of the first slice, mm, in increasing order."""
    row, column = np.reshape(members[0].orientation or (1, 0, 0, 0, 1, 0), (2, 3))
    normal = np.cross(row, column)
    return sorted(float(np.dot(header.position or (0, 0, 0), normal)) for header in members)


def _kinds_differ(one: Header, other: Header) -> bool:
    """Whether one kernel is for soft tissue and the other for bone or lung."""
    kinds = {kernel(header.details.kernel, header.details.scanner).kind for header in (one, other)}
    return KernelKind.SOFT in kinds and not kinds.isdisjoint({KernelKind.BONE, KernelKind.LUNG})
