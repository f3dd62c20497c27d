"""Galleries without a window: readers' records and the rated scans in; pages and a list of all ratings out."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.command_line.batch import Chosen, Outcome, called, choose, found_in, part_of
from ihd_core.errors import Cancelled, IhdError, StudyError
from ihd_core.files import file_errors, make_folder, write_atomically
from ihd_core.progress import silent
from ihd_core.study.rating import RatingValue
from ihd_core.study.record import read_record
from ihd_core.study.rows import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from ihd_core.heatmaps.gallery import Example, Head
    from ihd_core.model_file import Model
    from ihd_core.progress import Report
    from ihd_core.study.record import Rating, Record

LIST = "gallery.csv"
COPIED = (
    "time",
    "reader",
    "scan_uid",
    "slice_uid",
    "slice_index",
    "label",
    "value",
    "reason",
    "comment",
    "model",
    "model_sha256",
    "method",
    "window_center",
    "window_width",
)
"""Columns of the list that are those of the record."""
COLUMNS = ("record", "row", *COPIED, "probability", "page", "place", "why_not_shown")

_ABSENT = "scan not among the paths"
_BEYOND = "not among the first by lot"


@dataclass(slots=True)
class Gallery:
    """What was made, and what a person must hear of it.

    Attributes:
        pages: files, in the order of the ratings.
        counts: by rating, how many there are and how many are shown.
        outcome: of finding and reading the scans: remarks, and what failed; its results stay empty.
    """

    pages: list[Path] = field(default_factory=list)
    counts: dict[RatingValue, tuple[int, int]] = field(default_factory=dict)
    outcome: Outcome = field(default_factory=Outcome)


@dataclass(slots=True, eq=False)
class _Listed:
    """A rating and what became of it: why it is not shown, or on which page, at which place."""

    record: Path
    rating: Rating
    why_not: str = ""
    probability: str = ""
    page: str = ""
    place: str = ""


def write_gallery(
    records: Sequence[Path],
    scans: Sequence[Path],
    model_folder: Path,
    folder: Path,
    *,
    each: int,
    repair: bool = True,
    report: Report = silent,
) -> Gallery:
    """Write pages with examples of every rating, VALUE_PAGE.png, and gallery.csv, which lists all ratings.

    Pages of an earlier gallery that this one does not write anew are removed. Records are only read, also while a
    window has them open.

    Args:
        records: of readers.
        scans: DICOM files or folders that hold the rated scans.
        model_folder: only ratings of this model's heatmaps are drawn.
        folder: to write to.
        each: how many examples of each rating are shown at most.
        repair: undo the wrap-around of RSNA files.
        report: called once per slice that was predicted.

    Raises:
        StudyError: a record cannot be read, is a copy of another one, or none holds a rating.
        ModelFileError: the model is refused.
        FileError: something cannot be written.
        Cancelled: by report.
    """
    from ihd_core.heatmaps.gallery import Head, obstacle
    from ihd_core.model_file import load_model

    read = _read(records)
    listed = [_Listed(record.path, rating) for record in read for rating in record.ratings()]
    if not listed:
        raise StudyError(f"{', '.join(str(path) for path in records)}: no rating of a heatmap that counts")
    model = load_model(model_folder)
    make_folder(folder)
    made = Gallery(outcome=Outcome(remarks=[line for one in read for line in _damage(one)]))
    by_scan: dict[str, list[_Listed]] = {}
    for one in listed:
        one.why_not = obstacle(one.rating, model.info)
        if not one.why_not:
            one.why_not = _ABSENT
            by_scan.setdefault(one.rating.scan_uid, []).append(one)
    chosen = _rated_series(scans, by_scan, made.outcome)
    drawn = _drawn(by_scan, chosen, model, each, made.outcome.failed, repair=repair, report=report)
    head = Head(
        model.info,
        {value: sum(one.rating.value is value for one in listed) for value in RatingValue},
        len({one.rating.reader for one in listed}),
        sum(one.damaged_rows for one in read),
    )
    _write_pages(folder, listed, drawn, head, made)
    write_atomically(folder / LIST, _as_csv(listed).encode())
    return made


def _read(paths: Sequence[Path]) -> list[Record]:
    """Every record once; a copy of one would count its ratings again."""
    records: list[Record] = []
    for path in dict.fromkeys(path.resolve() for path in paths):
        new = read_record(path)
        for old in records:
            if old.hashes & new.hashes:
                raise StudyError(f"{new.path}: holds answers that are also in {old.path}; name one of them")
        records.append(new)
    return records


def _damage(record: Record) -> list[str]:
    lines = [f"{record.path}: {problem}" for problem in record.checked.problems]
    if record.damaged_rows:
        lines.append(f"{record.path}: {record.damaged_rows} damaged rows do not count; all others do")
    return lines


def _drawn(
    by_scan: Mapping[str, Sequence[_Listed]],
    chosen: Sequence[Chosen],
    model: Model,
    each: int,
    failed: list[str],
    *,
    repair: bool,
    report: Report,
) -> list[Example]:
    """Examples of every scan that is there; why not is noted in what is listed."""
    from ihd_core.heatmaps.gallery import first

    total, begun = sum(one.series.slice_count for one in chosen), 0
    drawn: list[Example] = []
    for one in chosen:
        mine = by_scan[one.series.uid]
        try:
            found = _of_scan(one, mine, model, each, part_of(report, begun, total), repair=repair)
        except Cancelled:
            raise
        except IhdError as error:
            failed.append(str(error))
            for rated in mine:
                rated.why_not = str(error)
        else:
            drawn = first([*drawn, *found], each)  # what is not among the first now will not be so later
        begun += one.series.slice_count
    return drawn


def _rated_series(paths: Sequence[Path], uids: Iterable[str], outcome: Outcome) -> list[Chosen]:
    """The series with one of these UIDs, whatever their rank: a reader may have opened any of a study."""
    from ihd_core.dicom.inspection import unread_inputs

    wanted, chosen = frozenset(uids), dict[str, Chosen]()
    for files, found in found_in(paths, outcome):
        outcome.failed += unread_inputs(found, files)
        for series in found.series:
            if series.uid in wanted:
                choose(Chosen(series, f"{series.source}: {called(series)}"), chosen, outcome)
    return list(chosen.values())


def _of_scan(
    chosen: Chosen, rated: Sequence[_Listed], model: Model, each: int, report: Report, *, repair: bool
) -> list[Example]:
    from ihd_core.dicom.inspection import load_examined
    from ihd_core.heatmaps.gallery import examples, obstacle_in_scan
    from ihd_core.predict import predict

    scan = load_examined(chosen.series, repair=repair)
    prediction = predict(scan, model, report=report)
    for one in rated:
        one.why_not = obstacle_in_scan(one.rating, scan, prediction)
    left = [one for one in rated if not one.why_not]
    for one in left:
        index = scan.slice_uids.index(one.rating.slice_uid)
        one.probability = str(prediction.slices[index, one.rating.label.column])
    return examples([one.rating for one in left], scan, prediction, each)


def _write_pages(folder: Path, listed: Sequence[_Listed], drawn: Sequence[Example], head: Head, made: Gallery) -> None:
    from ihd_core.heatmaps.gallery import PER_PAGE, gallery_pages
    from ihd_core.heatmaps.heatmap_picture import write_png

    shown_as: dict[int, tuple[str, str]] = {}
    for value in RatingValue:
        shown = [one for one in drawn if one.rating.value is value]
        pages = gallery_pages(value, shown, head)
        stem = value.replace(" ", "_")
        files = [folder / f"{stem}_{number}.png" for number in range(1, len(pages) + 1)]
        _remove_earlier(folder, stem, files)
        for file, page in zip(files, pages, strict=True):
            write_png(file, page)
        for number, example in enumerate(shown):
            shown_as[id(example.rating)] = files[number // PER_PAGE].name, str(number + 1)
        made.pages += files
        made.counts[value] = head.ratings[value], len(shown)
    for one in listed:
        one.page, one.place = shown_as.get(id(one.rating), ("", ""))
        if not one.page:
            one.why_not = one.why_not or _BEYOND


def _remove_earlier(folder: Path, stem: str, files: Sequence[Path]) -> None:
    for earlier in set(folder.glob(f"{stem}_*.png")) - set(files):
        if re.fullmatch(rf"{stem}_\d+\.png", earlier.name):
            with file_errors(earlier, "cannot be removed"):
                earlier.unlink()


def _as_csv(listed: Sequence[_Listed]) -> str:
    """A row for every rating, record by record, oldest first; texts are escaped as in the record."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for one in listed:
        copied = [escaped(name, _text(getattr(one.rating, name))) for name in COPIED]
        place = [one.probability, one.page, one.place, escaped("", one.why_not)]
        table.writerow([escaped("", one.record.name), one.rating.sequence, *copied, *place])
    return text.getvalue()


def _text(value: object) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
