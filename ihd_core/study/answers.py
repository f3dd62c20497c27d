"""Opinions and ratings as rows of a journal, and back; what was undone no longer counts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.study.journal import Circumstances, Event
from ihd_core.study.opinion import UNANSWERED, Call, Opinion
from ihd_core.study.rating import RatingValue
from ihd_core.study.record import COMMENT, KEY_IMAGE, MEASUREMENT, OPINION, RATING, SHOW_AI, UNDO, standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ihd_core.study.journal import Journal

NOWHERE = Circumstances()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one reader has recorded about one scan.

    Attributes:
        opinion: the newest; None while there is none.
        opinion_time: when it was recorded, ISO 8601, UTC; empty while there is none.
        ratings: the newest for every slice_uid, label and method of the heatmap.
        measurements: by the number of the answer: slice_uid, tool and points as (row, column).
        key_images: numbers of the answers by slice_uid.
        ai_seen: the model's result was on the screen at some time, as far as the rows say, those taken back included.
    """

    opinion: Opinion | None = None
    opinion_time: str = ""
    ratings: Mapping[tuple[str, Label, str], RatingValue] = field(default_factory=dict)
    measurements: Mapping[int, tuple[str, str, tuple[tuple[float, float], ...]]] = field(default_factory=dict)
    key_images: Mapping[str, int] = field(default_factory=dict)
    ai_seen: bool = False


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back.

    Attributes:
        event: "opinion", "rating", "measurement" or "key image".
        slice_uid: of a rating, with label and value.
        text: for the reader: "opinion", or "rating correct of SDH".
    """

    event: str
    slice_uid: str = ""
    label: Label | None = None
    value: str = ""
    text: str = ""


def recorded(journal: Journal, scan_uid: str, *, model_sha256: str | None = None) -> Recorded:
    """What counts for a scan: the newest of every kind that was not undone.

    Args:
        journal: the reader's.
        scan_uid: of the scan.
        model_sha256: only ratings of this model's heatmaps; None for those of every model.
    """
    opinion, when, ratings = None, "", {}
    measurements, key_images = {}, {}
    # What was taken back counts here: nobody unsees a result.
    seen = any(row["ai_visible"] == "1" or row["event"] == SHOW_AI for row in journal.rows_of(scan_uid))
    for rows in standing(journal.rows_of(scan_uid)):
        if rows[0]["event"] == OPINION:
            opinion, when = _opinion(rows), rows[0]["time"]
        elif rows[0]["event"] == RATING and model_sha256 in (None, rows[0]["model_sha256"]):
            heatmap = rows[0]["slice_uid"], Label(rows[0]["label"]), rows[0]["method"]
            ratings[heatmap] = RatingValue(rows[0]["value"])
        elif rows[0]["event"] == MEASUREMENT:
            measurements[int(rows[0]["answer"])] = rows[0]["slice_uid"], rows[0]["value"], _points(rows[0])
        elif rows[0]["event"] == KEY_IMAGE:
            key_images[rows[0]["slice_uid"]] = int(rows[0]["answer"])
    return Recorded(opinion, when, ratings, measurements, key_images, seen)


def record_opinion(journal: Journal, scan_uid: str, opinion: Opinion, circumstances: Circumstances = NOWHERE) -> int:
    """Write one row a label, and one for the comment where there is or was one; all of them or none.

    Returns:
        The number of the answer.

    Raises:
        StudyError: nothing was recorded.
    """
    before = recorded(journal, scan_uid).opinion or Opinion()
    events = [
        Event(
            OPINION,
            scan_uid,
            label=label,
            value=call.word,
            suspicion=call.suspicion,
            previous=_words(before.calls[label]),
            circumstances=circumstances,
        )
        for label, call in opinion.calls.items()
    ]
    if opinion.comment or before.comment:
        events.append(
            Event(COMMENT, scan_uid, comment=opinion.comment, previous=before.comment, circumstances=circumstances)
        )
    return journal.append(*events)


def record_rating(
    journal: Journal,
    scan_uid: str,
    heatmap: tuple[str, int, Label],
    value: RatingValue,
    circumstances: Circumstances = NOWHERE,
) -> int:
    """Write the rating of one heatmap.

    Args:
        journal: the reader's.
        scan_uid: of the scan.
        heatmap: slice_uid, slice_index and label that were on the screen.
        value: the rating.
        circumstances: under which it was given, the heatmap's method among them.

    Returns:
        The number of the answer.

    Raises:
        StudyError: nothing was recorded.
    """
    slice_uid, slice_index, label = heatmap
    same_model = recorded(journal, scan_uid, model_sha256=circumstances.model_sha256)
    before = same_model.ratings.get((slice_uid, label, circumstances.method), "")
    return journal.append(
        Event(
            RATING,
            scan_uid,
            slice_uid,
            slice_index,
            label,
            value,
            previous=str(before),
            circumstances=circumstances,
        )
    )


def record_show_ai(journal: Journal, scan_uid: str, circumstances: Circumstances = NOWHERE) -> int:
    """Write that the reader asked for the model's result before giving an opinion.

    Raises:
        StudyError: nothing was recorded.
    """
    return journal.append(Event(SHOW_AI, scan_uid, circumstances=circumstances))


def record_measurement(
    journal: Journal,
    scan_uid: str,
    place: tuple[str, int],
    drawn: tuple[str, Sequence[tuple[float, float]], str],
    circumstances: Circumstances = NOWHERE,
) -> int:
    """Write a measurement.

    Args:
        journal: the reader's.
        scan_uid: of the scan.
        place: slice_uid and slice_index.
        drawn: tool, points as (row, column) of the stored slice, and what came of it in words.
        circumstances: under which it was made.

    Returns:
        The number of the answer.

    Raises:
        StudyError: nothing was recorded.
    """
    tool, points, words = drawn
    around = replace(circumstances, details={**circumstances.details, "points": [list(point) for point in points]})
    return journal.append(Event(MEASUREMENT, scan_uid, *place, value=tool, comment=words, circumstances=around))


def record_key_image(
    journal: Journal, scan_uid: str, place: tuple[str, int], circumstances: Circumstances = NOWHERE
) -> int:
    """Write that a slice, by slice_uid and slice_index, is a key image.

    Returns:
        The number of the answer.

    Raises:
        StudyError: nothing was recorded.
    """
    return journal.append(Event(KEY_IMAGE, scan_uid, *place, value="yes", circumstances=circumstances))


def undo_last(journal: Journal, scan_uid: str, circumstances: Circumstances = NOWHERE) -> Undone | None:
    """Take back the newest answer of a scan by a row that names it; nothing is deleted.

    Returns:
        What was taken back; None where nothing is left.

    Raises:
        StudyError: nothing was recorded, so nothing was taken back.
    """
    left = _left(journal, scan_uid)
    return undo(journal, scan_uid, max(left), circumstances) if left else None


def undo(journal: Journal, scan_uid: str, answer: int, circumstances: Circumstances = NOWHERE) -> Undone | None:
    """Take back one answer of a scan; as undo_last(). None where it is not there, or was taken back before."""
    first = _left(journal, scan_uid).get(answer)
    if first is None:
        return None
    journal.append(
        Event(
            UNDO,
            scan_uid,
            first["slice_uid"],
            int(first["slice_index"]) if first["slice_index"] else None,
            first["label"] if first["event"] == RATING else "",
            first["event"],
            previous=first["value"] if first["event"] == RATING else "",
            undoes=int(first["answer"]),
            circumstances=circumstances,
        )
    )
    if first["event"] == MEASUREMENT:
        return Undone(
            MEASUREMENT, first["slice_uid"], value=first["value"], text=f"{first['value']}: {first['comment']}"
        )
    if first["event"] in (OPINION, KEY_IMAGE):
        return Undone(first["event"], first["slice_uid"], text=first["event"])
    label = Label(first["label"])
    return Undone(RATING, first["slice_uid"], label, first["value"], f"rating {first['value']} of {label.short_name}")


def _left(journal: Journal, scan_uid: str) -> dict[int, Mapping[str, str]]:
    """First rows of the answers that can be taken back, by number, oldest first."""
    events = (OPINION, RATING, MEASUREMENT, KEY_IMAGE)
    rows = [rows[0] for rows in standing(journal.rows_of(scan_uid)) if rows[0]["event"] in events]
    return {int(row["answer"]): row for row in rows}


def _points(row: Mapping[str, str]) -> tuple[tuple[float, float], ...]:
    """Of a measurement; none where the details are not of this program."""
    try:
        found = json.loads(row["details"])["points"]
        return tuple((float(one), float(other)) for one, other in found)
    except (ValueError, KeyError, TypeError):
        return ()


def _opinion(rows: Iterable[Mapping[str, str]]) -> Opinion:
    calls, comment = dict.fromkeys(DISPLAY_ORDER, UNANSWERED), ""
    for row in rows:
        if row["event"] == OPINION and row["value"]:
            calls[Label(row["label"])] = Call(row["value"] == "yes", int(row["suspicion"]))
        elif row["event"] == COMMENT:
            comment = row["comment"]
    return Opinion(calls, comment)


def _words(call: Call) -> str:
    return "" if call.suspicion is None else f"{call.word} {call.suspicion}"
