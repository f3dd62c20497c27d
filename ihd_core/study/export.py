"""What a study has gathered as tidy tables: one row an observation, the same rows in whatever order it was read."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from ihd_core.errors import FileError, StudyError
from ihd_core.files import make_folder, write_atomically
from ihd_core.study.design import READING, Phase
from ihd_core.study.export_tables import TABLES
from ihd_core.study.lead import strata
from ihd_core.study.mrmc_files import Score, imrmc, mrmcaov, numbers, rjafroc, scored
from ihd_core.study.phases import VIEW, answered, locked_reads, opinions, read_of
from ihd_core.study.tables import csv_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ihd_core.labels import Label
    from ihd_core.study.phases import Item
    from ihd_core.study.record import Row
    from ihd_core.study.study_folder import StudyFolder
    from ihd_core.study.truth import Truth

DICTIONARY = "dictionary.csv"
ARMS = {Phase.BLIND: "without", Phase.ASSISTED: "with"}


def export(study: StudyFolder, out: Path, passphrase: str) -> tuple[str, ...]:
    """Write the tables, the data dictionary and the input files of other programs.

    Only answers that are locked count among readings; pseudonyms are all that names anybody.

    Args:
        study: as it is on disk.
        out: a folder; files of an earlier export are replaced.
        passphrase: the lead's: no reader may see another's answers.

    Returns:
        Remarks, one sentence each: files for other programs that could not be written.

    Raises:
        StudyError: the passphrase does not fit, a record cannot be read, or a file cannot be written.
    """
    truth = study.truth(passphrase)
    rows = {reader.name: study.rows(reader.name) for reader in study.protocol.readers}
    drawn = {phase: strata(study, phase, passphrase) for phase in (Phase.RATING, Phase.ADJUDICATION)}
    drawn[Phase.CONSENSUS] = drawn[Phase.RATING]
    found: dict[str, list[tuple[object, ...]]] = {
        "labels.csv": sorted(_labels(study, truth, rows), key=_sortable),
        "ratings.csv": sorted(_ratings(study, rows, drawn), key=_sortable),
        "disputes.csv": sorted(_disputes(study, truth, rows, drawn), key=_sortable),
        "times.csv": sorted(_times(study, rows), key=_sortable),
        "views.csv": sorted(_views(rows), key=_sortable),
        "truth.csv": [
            (case.name, label, int(truth.scans[case.name][label]), case.overlap)
            for case in study.protocol.study_cases
            for label in study.protocol.labels
        ],
        "readers.csv": [
            (one.name, one.role, one.specialty, _known(one.years), _known(one.head_cts), int(one.trained))
            for one in study.protocol.readers
        ],
    }
    files = {name: _table(name, lines) for name, lines in found.items()}
    files[DICTIONARY] = csv_text(
        ("file", "column", "kind", "meaning"),
        [(name, one.name, one.kind, one.meaning) for name, columns in TABLES.items() for one in columns],
    ).encode()
    remarks: list[str] = []
    files |= _mrmc(study, truth, rows, remarks)
    try:
        for name, content in files.items():
            make_folder((out / name).parent)
            write_atomically(out / name, content)
    except FileError as error:
        raise StudyError(str(error)) from error
    return tuple(remarks)


def scores_of(study: StudyFolder, truth: Truth, rows: dict[str, tuple[Row, ...]], label: Label) -> list[Score]:
    """First readings of every case by every reader that are locked, of one label; repeats are left out."""
    found = []
    for reader in sorted(rows):
        calls, locked = opinions(rows[reader]), locked_reads(rows[reader])
        for key in locked:
            phase, case, repeat = key
            if phase in READING and repeat == 1:
                row = calls.get(key, {}).get(label)
                score = int(row["suspicion"]) if row is not None and row["suspicion"] else None
                found.append(Score(reader, ARMS[Phase(phase)], case, truth.scans[case][label], score))
    return found


def _mrmc(study: StudyFolder, truth: Truth, rows: dict[str, tuple[Row, ...]], remarks: list[str]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for label in study.protocol.labels:
        try:
            scores = scored(scores_of(study, truth, rows, label), study.protocol.analysis.missing)
        except StudyError as error:
            remarks.append(f"mrmc/{label}: not written: {error}")
            continue
        if len({one.truth for one in scores}) < 2:
            remarks.append(f"mrmc/{label}: not written: needs cases with and without {label} that were read")
            continue
        folder = f"mrmc/{label}"
        files[f"{folder}/numbers.csv"] = numbers(scores).key().encode()
        files[f"{folder}/imrmc.imrmc"] = imrmc(scores, f"{study.protocol.study}, {label}").encode()
        files[f"{folder}/mrmcaov.csv"] = mrmcaov(scores).encode()
        try:
            files[f"{folder}/rjafroc.xlsx"] = rjafroc(scores)
        except StudyError as error:
            remarks.append(f"{folder}/rjafroc.xlsx: not written: {error}")
    return files


def _labels(study: StudyFolder, truth: Truth, rows: dict[str, tuple[Row, ...]]) -> Iterator[tuple[object, ...]]:
    for reader, mine in rows.items():
        calls = opinions(mine)
        for key, lock in _counting(mine):
            phase, case, repeat = key
            for label, row in calls.get(key, {}).items():
                yield (
                    *(reader, case, phase, ARMS[Phase(phase)], _session(lock), repeat, str(label)),
                    {"yes": 1, "no": 0}.get(row["value"], ""),
                    _whole(row["suspicion"]),
                    int(truth.scans[case][label]),
                    _whole(row["ai_visible"]),
                    study.protocol.case(case).overlap,
                    study.versions[row["protocol"]],
                )


def _ratings(
    study: StudyFolder, rows: dict[str, tuple[Row, ...]], drawn: dict[Phase, dict[Item, tuple[str, float]]]
) -> Iterator[tuple[object, ...]]:
    for reader, mine in rows.items():
        for phase in (Phase.RATING, Phase.CONSENSUS):
            for item, row in answered(mine, phase).items():
                stratum, weight = drawn[phase].get(item, ("", 1.0))
                yield (
                    *(reader, str(phase), item.case, item.slice_index, str(item.label), row["value"], row["reason"]),
                    int(_detail(row, "missed") == 1),
                    stratum,
                    f"{weight:.6g}",
                    *(row[name] for name in ("method", "model_sha256", "window_center", "window_width", "opacity")),
                    *(row["views"], row["seconds"], study.protocol.case(item.case).overlap),
                    study.versions[row["protocol"]],
                )


def _disputes(
    study: StudyFolder,
    truth: Truth,
    rows: dict[str, tuple[Row, ...]],
    drawn: dict[Phase, dict[Item, tuple[str, float]]],
) -> Iterator[tuple[object, ...]]:
    for reader, mine in rows.items():
        for phase in (Phase.REVEAL, Phase.ADJUDICATION):
            for item, row in answered(mine, phase).items():
                stratum, weight = drawn.get(phase, {}).get(item, ("", 1.0))
                yield (
                    *(reader, str(phase), item.case, str(item.label), row["value"], row["reason"]),
                    _detail(row, "decided") or "",
                    int(truth.scans[item.case][item.label]),
                    stratum,
                    f"{weight:.6g}",
                    row["seconds"],
                    study.protocol.case(item.case).overlap,
                    study.versions[row["protocol"]],
                )


def _times(study: StudyFolder, rows: dict[str, tuple[Row, ...]]) -> Iterator[tuple[object, ...]]:
    for reader, mine in rows.items():
        seen: dict[tuple[str, str, int], set[str]] = defaultdict(set)
        for row in mine:
            if row["event"] == VIEW:
                seen[read_of(row)].add(row["slice_index"])
        calls = opinions(mine)
        for key, lock in _counting(mine):
            phase, case, repeat = key
            last = next(iter(calls.get(key, {}).values()), lock)
            timed = lock if lock["seconds"] else last
            yield (
                *(reader, case, phase, ARMS[Phase(phase)], _session(lock), repeat, timed["seconds"]),
                len(seen[key]) if seen[key] else _whole(timed["slices_seen"]),
                study.protocol.case(case).slices,
                timed["ai_visible_seconds"],
                study.protocol.case(case).overlap,
                study.versions[lock["protocol"]],
            )


def _views(rows: dict[str, tuple[Row, ...]]) -> Iterator[tuple[object, ...]]:
    for reader, mine in rows.items():
        counted: dict[tuple[str, str, int], int] = defaultdict(int)
        for row in mine:
            if row["event"] == VIEW and row["phase"] != Phase.TRAINING:
                key = read_of(row)
                counted[key] += 1
                yield (
                    *(reader, row["case"], row["phase"], key[2], _whole(row["slice_index"]), row["label"]),
                    counted[key],
                    *(row[name] for name in ("window_center", "window_width", "opacity", "seconds")),
                )


def _counting(rows: tuple[Row, ...]) -> Iterator[tuple[tuple[str, str, int], Row]]:
    """Locked readings of the study, without those of training cases."""
    return ((key, row) for key, row in locked_reads(rows).items() if key[0] in READING)


def _table(name: str, lines: list[tuple[object, ...]]) -> bytes:
    return csv_text([column.name for column in TABLES[name]], lines).encode()


def _sortable(line: tuple[object, ...]) -> tuple[tuple[int, float, str], ...]:
    """Numbers by value, texts by letter, what is empty last."""
    return tuple((0, value, "") if isinstance(value, int | float) else (1, 0.0, str(value)) for value in line)


def _session(row: Row) -> object:
    return _detail(row, "session") or 1


def _detail(row: Row, name: str) -> object:
    try:
        return json.loads(row["details"]).get(name) if row["details"] else None
    except (ValueError, AttributeError):
        return None


def _whole(text: str) -> int | str:
    return int(text) if text else ""


def _known(value: float | None) -> float | str:
    return "" if value is None else value
