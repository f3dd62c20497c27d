"""Tell the patients and studies under one series UID apart, however their names are spelled."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ihd_core.dicom.headers import Header


def by_patient(members: Sequence[Header]) -> tuple[str, Mapping[str, Sequence[Header]]]:
    """Slices by patient.

    Returns:
        The two identities named, empty if there is one or none; and the slices of each by what it is called.
    """
    if _is_said_alike(members):
        return "", {"": members}
    for keyword, identity, plain in (
        ("PatientID", lambda h: h.details.patient_id, _plain),
        ("PatientName", lambda h: h.details.patient_name, _plain_name),
        ("PatientBirthDate", lambda h: h.details.patient_birth_date, _plain_date),
    ):
        groups, named = _by_identity(members, identity, plain)
        if len(named) > 1:
            first, second, *_ = sorted(named.values())
            slices = {f"{keyword} {named.get(key, 'unknown')}": group for key, group in groups.items()}
            return f"{keyword} {first} and {second}", slices
    return "", {"": members}


def by_study(members: Sequence[Header]) -> Mapping[str, Sequence[Header]]:
    """Slices by what their study is called, empty where there is one; those of an unknown study are one group."""
    if _is_said_alike(members):
        return {"": members}
    groups, named = _by_identity(members, lambda h: h.details.study_uid, str.strip)
    if len(named) < 2:
        return {"": members}
    return {f"StudyInstanceUID {named.get(key, 'unknown')}": group for key, group in groups.items()}


def _is_said_alike(members: Sequence[Header]) -> bool:
    """Whether all slices share their details, as HeaderReader shares them within an ordinary series."""
    return len({id(header.details) for header in members}) == 1


def _by_identity(
    members: Iterable[Header], identity: Callable[[Header], str], plain: Callable[[str], str]
) -> tuple[dict[str, list[Header]], dict[str, str]]:
    """Slices by identity in plain spelling, and how each identity that is not empty stands in the files."""
    spelling: dict[str, str] = {}
    groups: dict[str, list[Header]] = defaultdict(list)
    for header in members:
        stands = identity(header)
        if stands not in spelling:
            spelling[stands] = plain(stands)
        groups[spelling[stands]].append(header)
    named: dict[str, str] = {}
    for stands in sorted(spelling):
        if spelling[stands]:
            named.setdefault(spelling[stands], stands)
    return groups, named


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _plain_name(text: str) -> str:
    """Of a person name the alphabetic group, PS3.5 6.2.1, without the spaces around its components."""
    components = _plain(text).casefold().partition("=")[0].split("^")
    return "^".join(component.strip() for component in components).rstrip("^")


def _plain_date(text: str) -> str:
    """19500101 for 1950.01.01 too, as ACR-NEMA wrote it."""
    return "".join(filter(str.isdigit, text)) or _plain(text)
