"""What the worklist shows of every series that was found, and of the files that belong to none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.panels.left_out_list import LeftOutLine
from app.panels.worklist import WorklistRow
from app.session import Mode, ScreenedState
from app.study_order import listed, study_of
from app.values.patient_text import date_text, name_text
from ihd_core.labels import SUBTYPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.session import Shown
    from ihd_core.dicom.kinds import LeftOut
    from ihd_core.dicom.series import Series

FIRST_CHOICE, NOT_PREDICTED = "1st choice", "not predicted"
MOST_NAMES = 20
"""Files that a tool tip names."""


def worklist_rows(shown: Shown) -> tuple[WorklistRow, ...]:
    """One row a series that was found, from top to bottom."""
    rows, above = [], None
    for number in listed(shown):
        series = shown.series[number]
        study = study_of(series)
        first, above = study != above, study
        rows.append(_row(series, shown, number == shown.current, first=first))
    return tuple(rows)


def series_name(series: Series) -> str:
    """Patient and series, for a message."""
    details = series.details
    return ", ".join(filter(None, (name_text(details.patient_name) or details.patient_id, series.description)))


def _row(series: Series, shown: Shown, current: bool, *, first: bool) -> WorklistRow:
    state, tone = _scan_state(shown) if current else _screened_state(shown, series)
    if series.refusal and state in ("", "open"):
        state, tone = NOT_PREDICTED, "problem"
    details = series.details
    number = f"series {details.series_number}" if details.series_number else ""
    slices = f"{series.slice_count} slice{'' if series.slice_count == 1 else 's'}"
    called = " · ".join(filter(None, (series.part, slices, number if number != series.description else "")))
    speaks_for, speaks_against = _reasons(series)
    name = name_text(details.patient_name) or details.patient_id or "No name"
    patient_id = details.patient_id if details.patient_id != name else ""
    who, when = " · ".join(filter(None, (name, patient_id))), date_text(details.study_date)
    refusal = f"Not predicted: {series.refusal}" if series.refusal else ""
    screened = shown.screened.get(series.uid)
    failure = f"Not analysed: {screened.reason}" if screened is not None and screened.reason else ""
    about = (
        who,
        f"{series.description}, {called}",
        refusal,
        failure,
        speaks_against,
        speaks_for,
        series.files[0].folder,
    )
    return WorklistRow(
        title=series.description,
        subtitle=called,
        state=state,
        tooltip="\n".join(filter(None, about)),
        tone=tone,
        mark=FIRST_CHOICE if first and not series.refusal else "",
        speaks_for=speaks_for,
        speaks_against=refusal or speaks_against,
        refused=bool(series.refusal),
        group=name if first else "",
        group_details=" · ".join(filter(None, (patient_id, when, details.study_description))) if first else "",
    )


def _reasons(series: Series) -> tuple[str, str]:
    """Why a series stands where it stands: what is for it, what is against it."""
    said = [row for row in series.judgements if row.is_said and row.text]
    bad = dict.fromkeys(row.text for row in said if not row.holds)
    good = dict.fromkeys(row.text for row in said if row.holds and row.text not in bad)
    return ", ".join(good), f"Against it: {', '.join(bad)}" if bad else ""


def _scan_state(shown: Shown) -> tuple[str, str]:
    if shown.loading and shown.scan is None:  # beside a whole scan another one is being read, or looked for
        return f"{shown.loading[0]} / {shown.loading[1]}", "busy"
    if shown.scan is None:
        return "not read", "problem"
    if shown.saved_opinion is not None:
        return ("saved", "done") if shown.opinion == shown.saved_opinion else ("not saved", "problem")
    if shown.predicting and shown.results_visible:
        return f"AI {shown.predicting[0]} / {shown.predicting[1]}", "busy"
    if shown.prediction is not None and shown.prediction.withheld and shown.results_visible:
        return "no result", "problem"
    if shown.detected and shown.results_visible:
        return "flagged", "alert"
    return "open", ""


def _screened_state(shown: Shown, series: Series) -> tuple[str, str]:
    """Of a study that is not open; what the model says of it only where it may be seen before an opinion."""
    found = shown.screened.get(series.uid)
    if found is None:
        return "", ""
    if found.state is ScreenedState.RUNNING:
        done, total = found.progress
        return f"AI {done} / {total}", "busy"
    if found.state is not ScreenedState.READY or shown.mode is not Mode.TRIAGE:
        return ("not analysed", "problem") if found.state is ScreenedState.FAILED else (found.state.value, "")
    labels = found.called(shown.model, shown.setting)
    if not labels:
        return f"ready {found.any_probability:.2f}", ""
    names = [label.short_name for label in labels if label in SUBTYPES] or [labels[0].short_name]
    return f"{' '.join(names[:2])}{' …' if len(names) > 2 else ''} {found.any_probability:.2f}", "alert"


def left_out_lines(left_out: Iterable[LeftOut]) -> tuple[LeftOutLine, ...]:
    """What was found beside the series and cannot be opened."""
    return tuple(LeftOutLine(entry.named_text, entry.damaged, _names(entry)) for entry in left_out)


def _names(entry: LeftOut) -> str:
    more = len(entry.files) - MOST_NAMES
    names = [str(file) for file in entry.files[:MOST_NAMES]]
    return "\n".join([*names, f"and {more} more"] if more > 0 else names)
