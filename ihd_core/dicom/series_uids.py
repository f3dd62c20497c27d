"""UIDs for stacks that share one in their files, or have none there."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from ihd_core.errors import DicomError
from ihd_core.files import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ihd_core.dicom.geometry import Stack
    from ihd_core.dicom.headers import Header
    from ihd_core.dicom.sources.source_files import SourceFile
    from ihd_core.dicom.splitting import Part

_Value = TypeVar("_Value", str, float, tuple[float, ...])

DECIMALS = 3
"""Of geometry: two stacks of one UID differ by 0.001 or more, the slices of each by less."""


def uid_of(text: str) -> str:
    """A UID that is always the same for the same text."""
    return f"2.25.{int(sha256(text.encode())[:32], 16)}"


def digits(stack: Stack, part: Part) -> str:
    """Eight digits of what tells the stacks of one series apart.

    They are made of what most slices of the stack share, so that they stay when some of its slices are missing, unless
    these were nearly half of the stack and of another kernel, agent or thickness.
    """
    headers = stack.headers
    geometry = _usual((*(h.orientation or ()), *(h.pixel_mm or ())) for h in headers)
    thickness = _usual(h.details.thickness_mm for h in headers)
    numbers = (headers[0].rows, headers[0].columns, *geometry, thickness)
    words = (_usual(h.details.kernel for h in headers), _usual(h.details.contrast_agent for h in headers), part.called)
    return sha256(" ".join((*words, *map(_rounded, numbers))).encode())[:8]


def derived_uid(stack: Stack, part: Part) -> str:
    """A UID for slices without SeriesInstanceUID, the same wherever the files lie and whatever they are called.

    It is made of the patient, the study, the geometry and the slices' own UIDs; where these do not tell the slices, of
    the content of the middle one too, since scans without names lie in the same places.
    """
    members = (*stack.headers, *stack.repeated)
    first = min(members, key=lambda h: (h.position or (), h.sop_uid))
    details = first.details
    facts = [
        *(details.patient_id, details.patient_name, details.patient_birth_date),
        *(details.study_uid, details.study_date, details.series_number, details.series_description),
        *(digits(stack, part), _geometry(stack)),
        *sorted(header.sop_uid for header in members),
    ]
    if len({header.sop_uid for header in members} - {""}) < len(members):
        facts.append(_content(stack.headers[len(stack.headers) // 2].file))
    return uid_of("|".join(facts))


def unique(uids: Sequence[str], stacks: Sequence[Stack]) -> list[str]:
    """The UIDs with a number behind every one that an earlier stack has, in the order of the stacks' geometry."""
    if len(set(uids)) == len(uids):
        return list(uids)
    order = sorted(range(len(uids)), key=lambda i: (_geometry(stacks[i]), *_names(stacks[i].headers)))
    found = list(uids)
    taken = set(uids)
    seen: set[str] = set()
    for index in order:
        uid, number = uids[index], 2
        if uid in seen:
            while f"{uid}-{number}" in taken:
                number += 1
            uid = found[index] = f"{uid}-{number}"
        seen.add(uid)
        taken.add(uid)
    return found


def _names(headers: Sequence[Header]) -> tuple[str, str]:
    """The path comes last: it tells only copies apart."""
    return "|".join(sorted(h.sop_uid for h in headers)), min(str(h.file) for h in headers)


def _geometry(stack: Stack) -> str:
    numbers = (*stack.positions_mm.ravel().tolist(), *stack.orientation.ravel().tolist())
    return " ".join(map(_rounded, (*numbers, stack.headers[0].rows, stack.headers[0].columns)))


def _content(file: SourceFile) -> str:
    """SHA-256 of a file; its name where it cannot be read."""
    try:
        with file.open() as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    except (OSError, DicomError):
        return file.own_name


def _usual(values: Iterable[_Value]) -> _Value:
    """The most frequent value; of several the smallest."""
    counted: Counter[_Value] = Counter()
    for value, count in Counter(values).items():  # few differ, so few are rounded
        counted[_comparable(value)] += count
    most = max(counted.values())
    return min(value for value, count in counted.items() if count == most)


def _comparable(value: _Value) -> _Value:
    if isinstance(value, tuple):
        return tuple(round(number, DECIMALS) + 0.0 for number in value)
    return value


def _rounded(number: float) -> str:
    return f"{round(number, DECIMALS) + 0.0:.{DECIMALS}f}"
