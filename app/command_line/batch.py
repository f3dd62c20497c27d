"""Predict without a window: scans in, result files and heatmap pictures out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.study_order import Study, ordered, study_of
from ihd_core.cnn_reading import REFERENCE_NAME
from ihd_core.errors import Cancelled, IhdError
from ihd_core.files import file_errors, make_folder, write_atomically
from ihd_core.labels import DISPLAY_ORDER
from ihd_core.prediction_files import predictions_csv, predictions_json, scan_result
from ihd_core.progress import silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ihd_core.dicom.headers import Header
    from ihd_core.dicom.series import Found, Series
    from ihd_core.engines.engine import Engine
    from ihd_core.heatmaps.contact_sheet import SheetChoice
    from ihd_core.model_file import Model
    from ihd_core.predict import Prediction
    from ihd_core.prediction_cache import PredictionCache
    from ihd_core.prediction_files import ScanResult
    from ihd_core.progress import Report
    from ihd_core.scan import Scan

SETTING = "screen"
"""Operating points of the contact sheets."""

ENDINGS = {".json": predictions_json, ".csv": predictions_csv}
"""The kinds of result file, by the ending of their name."""


@dataclass(frozen=True, slots=True)
class How:
    """How scans are read and predicted.

    Attributes:
        repair: undo the wrap-around of RSNA files; the results say where.
        engine: one of ENGINES.
        memory: the file where engines keep what they have proved; None to prove it anew.
        cache: of predictions; None for none.
    """

    repair: bool = True
    engine: str = REFERENCE_NAME
    memory: Path | None = None
    cache: PredictionCache | None = None

    def engine_for(self, model: Model) -> Engine:
        """The engine, which has proved itself."""
        from ihd_core.engines.engine import engine_for
        from ihd_core.engines.memory import remembered_engine

        if self.memory is None:
            return engine_for(model, self.engine)
        return remembered_engine(model, self.engine, memory=self.memory)


@dataclass(slots=True)
class Outcome:
    """What was done, and what a person must hear of it.

    Attributes:
        results: one a scan that was predicted.
        remarks: one line for everything that was there and was not predicted, and for every warning of a scan.
        failed: one line for every path or series that should have been predicted or drawn and could not be.
    """

    results: list[ScanResult] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def predict_to_files(
    paths: Sequence[Path],
    model_folder: Path,
    outputs: Sequence[Path],
    heatmaps: Path | None = None,
    *,
    how: How = How(),
    report: Report = silent,
) -> Outcome:
    """Predict the best series of every study in each path that the network may get, and write what came out.

    A path that fails costs no other one its result; if all fail, nothing is written.

    Args:
        paths: DICOM files or folders.
        model_folder: read and checked first.
        outputs: result files; their endings are keys of ENDINGS.
        heatmaps: where to write SERIES/INDEX_LABEL.png for every slice and label, and contact sheets, if anywhere.
        how: the scans are read and predicted.
        report: called once per slice that was predicted, and once more per slice that was drawn.

    Raises:
        ModelFileError: the model is refused.
        FileError: a result file cannot be written.
        Cancelled: by report.
    """
    from ihd_core.model_file import load_model

    model = load_model(model_folder)
    reader = _Reader(model, how.engine_for(model), how)
    for output in outputs:
        make_folder(output.parent)
    outcome = Outcome(remarks=list(reader.engine.refused))
    chosen = _chosen(paths, outcome)
    passes = 2 if heatmaps else 1
    total = passes * sum(one.series.slice_count for one in chosen)
    begun = 0
    for one in chosen:
        _predict_one(one, reader, heatmaps, outcome, part_of(report, begun, total))
        begun += passes * one.series.slice_count
    outcome.remarks += (line for line in reader.engine.refused if line not in outcome.remarks)
    if outcome.results:
        for output in outputs:
            write_atomically(output, ENDINGS[output.suffix.lower()](outcome.results).encode())
    return outcome


@dataclass(frozen=True, slots=True)
class _Reader:
    """What reads all scans."""

    model: Model
    engine: Engine
    how: How


@dataclass(frozen=True, slots=True)
class Chosen:
    """A series that is to be predicted, and how messages call it."""

    series: Series
    called: str


def _chosen(paths: Sequence[Path], outcome: Outcome) -> list[Chosen]:
    """The best series of every study in every folder, each once; everything else is noted in outcome.

    Files that are named one by one, as a shell does with *.dcm, are looked at together: they may be slices of one scan.
    """
    from ihd_core.dicom.inspection import has_several_studies, study_text, unread_inputs

    chosen: dict[str, Chosen] = {}
    for files, found in found_in(paths, outcome):
        unread = unread_inputs(found, files)
        told = list(unread.values())
        others = [entry for entry in found.left_out if told.count(entry) < len(entry.files)]
        outcome.remarks += [f"{found.source}: left out {entry.named_text}" for entry in others]
        outcome.failed += unread
        several = has_several_studies(found)
        for members in _by_study(found.series):
            chief = members[0]
            if chief.refusal:
                outcome.failed += [f"{found.source}: {_name(one)} is not predicted: {one.refusal}" for one in members]
                continue
            for other in members[1:]:
                why = f"not predicted: {other.refusal}" if other.refusal else f"{_name(chief)} of its study was chosen"
                outcome.remarks.append(f"{found.source}: left out {_name(other)}; {why}")
            whose = f"{study_text(chief)}, " if several else ""
            choose(Chosen(chief, f"{chief.source}: {whose}{called(chief)}"), chosen, outcome)
    return list(chosen.values())


def _by_study(series: Sequence[Series]) -> list[list[Series]]:
    """The series of every study, best first; those that are refused last."""
    studies: dict[Study, list[Series]] = {}
    for one in ordered(series):
        studies.setdefault(study_of(one), []).append(one)
    return list(studies.values())


def found_in(paths: Sequence[Path], outcome: Outcome) -> Iterator[tuple[list[Path], Found]]:
    """What is in every folder, and in all single files together; what cannot be looked at is noted in outcome."""
    from ihd_core.dicom.series import find_series

    for files in together(paths):
        try:
            found = find_series(files)
        except Cancelled:
            raise
        except IhdError as error:
            outcome.failed.append(str(error))
        else:
            yield files, found


def together(paths: Sequence[Path]) -> list[list[Path]]:
    """Every folder alone; all single files in one group, where the first of them stood."""
    files: list[Path] = []
    groups: list[list[Path]] = []
    for path in paths:
        if not path.is_file():
            groups.append([path])
            continue
        if not files:
            groups.append(files)
        files.append(path)
    return groups


def choose(new: Chosen, chosen: dict[str, Chosen], outcome: Outcome) -> None:
    """Add a series; of copies the most complete stays, of equals the first.

    Two that only share their UID are never taken for copies: each has slices that the other has not.
    """
    old = chosen.setdefault(new.series.uid, new)
    if old is new or _files(new.series) <= _files(old.series):
        return
    here, there = _slices(new.series), _slices(old.series)
    if not (here <= there or there <= here):
        outcome.failed.append(
            f"{new.called} is not predicted, {old.series.source} has other slices of the same series UID"
        )
        return
    kept, left = (new, old) if _completeness(new.series) > _completeness(old.series) else (old, new)
    chosen[new.series.uid] = kept
    if not _files(left.series) <= _files(kept.series):
        source, name = left.series.source, _name(left.series)
        outcome.remarks.append(f"{source}: left out {name}; a copy of it in {kept.series.source} was chosen")


def _slices(series: Series) -> set[tuple[str, tuple[float, ...] | None]]:
    return {(header.sop_uid or header.file.own_name, header.position) for header in series.stack.headers}


def _files(series: Series) -> set[tuple[Path, tuple[str, ...]]]:
    return {(file.path.resolve(), file.members) for file in series.files}


def _completeness(series: Series) -> tuple[int, int]:
    """How many slices are there in full, then how few damaged files: the larger the better."""
    return sum(not _breaks_off(header) for header in series.stack.headers), -len(series.damaged)


def _breaks_off(header: Header) -> bool:
    """Whether the file is shorter than it says; of values that are encoded only decoding tells."""
    return header.place is not None and header.place.start + header.place.length > header.stamp.size


def _name(series: Series) -> str:
    part = f", {series.part}" if series.part else ""
    return f"{series.description}{part} ({series.reason})"


def called(series: Series) -> str:
    """Description and number."""
    number = f"series {series.details.series_number}"
    part = f", {series.part}" if series.part else ""
    return f"{series.description}{part}{f' ({number})' if number not in ('series ', series.description) else ''}"


def _predict_one(chosen: Chosen, reader: _Reader, heatmaps: Path | None, outcome: Outcome, report: Report) -> None:
    from ihd_core.dicom.inspection import load_examined
    from ihd_core.prediction_cache import predict_with

    how = reader.how
    try:
        scan = load_examined(chosen.series, repair=how.repair)
        with reader.engine.torch_beside():
            prediction = predict_with(how.cache, scan, reader.model, reader.engine, report=report)
        outcome.results.append(scan_result(scan, prediction))
        if prediction.withheld:
            outcome.remarks.append(f"{chosen.called}: no result is given for the scan, and no heatmap")
        outcome.remarks += dict.fromkeys(f"{chosen.called}: {warning.text}" for warning in prediction.warnings)
        if heatmaps and not prediction.withheld:
            drawn = part_of(report, len(scan), 2 * len(scan))
            write_heatmaps(heatmaps / series_folder(scan.uid), scan, prediction, report=drawn)
    except Cancelled:
        raise
    except IhdError as error:
        outcome.failed.append(str(error))


def series_folder(uid: str) -> str:
    """A series UID as the name of a folder; nothing but letters, digits, dots between them and hyphens is left."""
    return re.sub(r"[^0-9A-Za-z-]+", lambda match: "." if set(match[0]) == {"."} else "_", uid).strip(".") or "_"


def write_heatmaps(folder: Path, scan: Scan, prediction: Prediction, *, report: Report = silent) -> None:
    """Write INDEX_LABEL.png for every slice and label, in the brain window, and the sheets of write_sheets().

    Pictures that an earlier run left at slices beyond the last are removed: they would pass for this run's.

    Raises:
        FileError: a picture cannot be written, or an earlier one not removed.
    """
    from ihd_core.heatmaps.contact_sheet import SheetChoice
    from ihd_core.heatmaps.heatmap_picture import picture, write_png
    from ihd_core.windowing import BRAIN

    make_folder(folder)
    for earlier in folder.glob("*_*.png"):
        index_text, _, label_text = earlier.stem.partition("_")
        if index_text.isdecimal() and int(index_text) >= len(scan) and label_text in DISPLAY_ORDER:
            with file_errors(earlier, "cannot be removed"):
                earlier.unlink()
    for index in range(len(scan)):
        for label in DISPLAY_ORDER:
            write_png(folder / f"{index}_{label}.png", picture(scan, index, BRAIN, prediction, [label]))
        report(index + 1, len(scan))
    write_sheets(folder, scan, prediction, SheetChoice(SETTING, BRAIN))


def write_sheets(folder: Path, scan: Scan, prediction: Prediction, choice: SheetChoice) -> list[Path]:
    """Write sheet_1.png and so on: every slice and label above the operating point, bare and with its heatmap.

    Sheets of an earlier run that this one does not write anew are removed.

    Returns:
        The files; none where nothing is positive.

    Raises:
        FileError: a sheet cannot be written, or an earlier one not removed.
    """
    from ihd_core.heatmaps.contact_sheet import contact_sheets
    from ihd_core.heatmaps.heatmap_picture import write_png

    pages = contact_sheets(scan, prediction, choice)
    files = [make_folder(folder) / f"sheet_{number}.png" for number in range(1, len(pages) + 1)]
    for earlier in set(folder.glob("sheet_*.png")) - set(files):
        with file_errors(earlier, "cannot be removed"):
            earlier.unlink()
    for file, page in zip(files, pages, strict=True):
        write_png(file, page)
    return files


def part_of(report: Report, begun: int, whole: int) -> Report:
    """Report for one part of the work, whose first step is step `begun` of the whole."""
    return lambda done, _: report(begun + done, whole)
