"""Which series belong to one study, and in which order studies and series are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.session import Shown
    from ihd_core.dicom.series import Series

Study = tuple[str, ...]


def study_of(series: Series) -> Study:
    """What tells whose study a series belongs to; one study UID under two names is two studies."""
    details = series.details
    whose = (details.patient_id, details.patient_name.rstrip("^ ").casefold(), details.patient_birth_date)
    return (*whose, details.study_uid or series.uid)


def ordered(series: Iterable[Series]) -> tuple[Series, ...]:
    """Series as the worklist lists them: study by study, in each the best first, what is not predicted last.

    Args:
        series: best first.
    """
    studies: dict[Study, list[Series]] = {}
    for one in series:
        studies.setdefault(study_of(one), []).append(one)
    by_study = [sorted(members, key=lambda one: bool(one.refusal)) for members in studies.values()]
    by_study.sort(key=lambda members: bool(members[0].refusal))
    return tuple(one for members in by_study for one in members)


def case_beside(shown: Shown, step: int) -> int:
    """Worklist index of the first series of the next (step 1) or previous (step -1) study; -1 where there is none."""
    cases = [study_of(series) for series in shown.series]
    order = list(dict.fromkeys(cases))
    if not 0 <= shown.current < len(cases):
        return -1
    place = order.index(cases[shown.current]) + step
    return cases.index(order[place]) if 0 <= place < len(order) else -1
