"""Which series belong to one study, and in which order studies and series are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.session import Mode, ScreenedState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.session import Screened, Shown
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


def first_choices(series: Iterable[Series]) -> tuple[Series, ...]:
    """The best series of every study, as it is listed; studies of which none may be predicted are left out."""
    best: dict[Study, Series] = {}
    for one in series:
        best.setdefault(study_of(one), one)
    return tuple(one for one in best.values() if not one.refusal)


def listed(shown: Shown) -> tuple[int, ...]:
    """Indices of the series from top to bottom of the worklist.

    In triage mode, by a model that is no demonstration: studies above an operating point and those that could not be
    analysed, the most probable first; then those that wait, as they came; then the others. Otherwise as they came.
    """
    studies: dict[Study, list[int]] = {}
    for index, series in enumerate(shown.series):
        studies.setdefault(study_of(series), []).append(index)
    orders = shown.mode is Mode.TRIAGE and shown.model is not None and not shown.model.demonstration
    groups = list(studies.values())
    if orders and not shown.arrival_order:
        groups.sort(key=lambda indices: _urgency(shown, shown.screened.get(shown.series[indices[0]].uid)))
    return tuple(index for indices in groups for index in indices)


def _urgency(shown: Shown, found: Screened | None) -> tuple[int, float]:
    """Smaller is more urgent."""
    if found is None or not found.is_over:
        return 1, 0.0
    if found.state is ScreenedState.FAILED:
        return 0, -1.0
    return (0 if found.called(shown.model, shown.setting) else 2), -found.any_probability


def series_beside(shown: Shown, step: int) -> int:
    """Index of the series below (step 1) or above (step -1) the open one in the worklist; -1 where there is none."""
    order = listed(shown)
    place = order.index(shown.current) + step if shown.current in order else -1
    return order[place] if 0 <= place < len(order) else -1


def prior_of(shown: Shown) -> int:
    """Index of the best series of another examination of the same patient; -1 where there is none.

    The newest of those before the open one, or else the oldest of those after it. Only where ID, name and date of birth
    are the same, and there is an ID: another patient's scan must never stand beside.
    """
    current = shown.open_series
    if current is None or not current.details.patient_id.strip():
        return -1
    whose, date = study_of(current)[:3], current.details.study_date
    first: dict[Study, int] = {}
    for index, one in enumerate(shown.series):
        if study_of(one)[:3] == whose and study_of(one) != study_of(current) and not one.refusal:
            first.setdefault(study_of(one), index)
    dated = sorted((shown.series[index].details.study_date, index) for index in first.values())
    before = [index for day, index in dated if day and date and day < date]
    if before:
        return before[-1]
    return dated[0][1] if dated else -1


def case_beside(shown: Shown, step: int) -> int:
    """Worklist index of the first series of the next (step 1) or previous (step -1) study; -1 where there is none."""
    cases = [study_of(series) for series in shown.series]
    order = list(dict.fromkeys(cases[index] for index in listed(shown)))
    if not 0 <= shown.current < len(cases):
        return -1
    place = order.index(cases[shown.current]) + step
    return cases.index(order[place]) if 0 <= place < len(order) else -1
