"""Stage split: who is fitted, who chooses, who judges; by patient, or in the paper's order of files."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.errors import FileError
from ihd_core.files import file_errors, write_atomically
from ihd_core.labels import LABELS
from ihd_core.progress import Report, silent
from training.data.index import load_index
from training.data.scan_groups import Scans, scans_of
from training.data.scans import natural
from training.data.slice_table import UNKNOWN
from training.data.stratification import deal
from training.data.table1 import as_markdown, counts, prevalence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from training.config import SplitConfig
    from training.data.slice_table import SliceTable
    from training.run_folder import RunFolder

ROLES = ("train", "sequence", "validation", "test", "unlabelled")
"""Of a slice in one fold: fitted by CNN and BiLSTM, or by the BiLSTM alone; chosen on; judged on; no labels."""

TRAIN, SEQUENCE, VALIDATION, TEST, UNLABELLED = range(len(ROLES))
TEST_FOLD, UNLABELLED_FOLD = -1, -2

FILE, REPORT, TABLE1 = "split.csv", "report.txt", "table1.md"
_COLUMNS = ["scan", "patient", "fold", "sequence"]
_PURPOSE = 2


def make_split(run: RunFolder, *, report: Report = silent) -> None:
    """Deal the scans of the index to roles and write the table and what a person should read.

    Raises:
        FileError: there is no index, or there are fewer patients than parts.
    """
    if run.is_done("split"):
        return
    table = load_index(run)
    scans = scans_of(table)
    config = run.config.split
    if config.method == "series-order":
        folds, sequence = in_order_of_files(scans, config)
    else:
        folds, sequence = by_patient(scans, config, run.config.seed)
    report(1, 2)
    _refuse_empty(folds, sequence, config)
    folder = run.begin("split")  # not before: numbers that were refused may be changed
    _write(folder / FILE, scans, folds, sequence)
    text, table1 = _report(table, scans, folds, sequence, config)
    write_atomically(folder / REPORT, text.encode())
    write_atomically(folder / TABLE1, table1.encode())
    run.finish("split")
    for line in text.partition("\n\n")[0].splitlines():
        run.note(f"split: {line}")
    report(2, 2)


def roles(run: RunFolder, table: SliceTable, fold: int) -> NDArray[np.int8]:
    """Role of every slice in one fold, int8 (slices,), an index into ROLES.

    A slice whose six labels are not all known is neither "train" nor "sequence".

    Args:
        run: whose split is finished.
        table: slices of the index, or some of them.
        fold: 0 for the first.

    Raises:
        FileError: there is no split, or a scan is not in it.
    """
    path = run.folder("split") / FILE
    found = _read(path)
    starts = table.scan_starts()
    try:
        rows = [found[uid] for uid in table.scans[starts].tolist()]
    except KeyError as error:
        raise FileError(f"{path}: has no scan {error.args[0]}") from error
    of_scan = _roles(np.array([row[0] for row in rows], np.intp), np.array([row[1] for row in rows], bool), fold)
    return of_slices(table, of_scan)


def of_slices(table: SliceTable, of_scan: NDArray[np.int8]) -> NDArray[np.int8]:
    """Role of every slice from those of the scans; int8 (slices,)."""
    found = of_scan[table.scan_of_row()]
    found[(found <= SEQUENCE) & ~table.has_labels()] = UNLABELLED
    return np.asarray(found, np.int8)


def by_patient(scans: Scans, config: SplitConfig, seed: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Fold of every scan, and whether it is for the BiLSTM alone where it is fitted.

    Raises:
        FileError: the shares leave nothing to fit, or there are fewer patients than parts.
    """
    parts = _parts(config)
    labelled = (scans.truth != UNKNOWN).any(axis=1)
    sparse = _too_far_apart(scans, config)
    given = labelled
    labelled = labelled & ~sparse
    names, group = np.unique(scans.groups[labelled], return_inverse=True)
    _refuse_too_few(len(names), config, parts)
    random = np.random.default_rng([seed, _PURPOSE])
    truth = (scans.truth[labelled] == 1).astype(np.intp)
    fold_of_group = np.full(len(names), TEST_FOLD, np.intp)
    if config.test_share:
        # Dealt first and alone: runs that differ in folds or other shares are judged on the same scans.
        is_test = _dealt(group, truth, len(names), [config.test_share, 1 - config.test_share], random) == 0
    else:
        is_test = np.zeros(len(names), bool)
    rest = [(fold, share / (1 - config.test_share)) for fold, share in parts if fold != TEST_FOLD]
    members, own = np.unique(group[~is_test[group]], return_inverse=True)
    dealt = _dealt(own, truth[~is_test[group]], len(members), [share for _, share in rest], random)
    fold_of_group[members] = np.array([fold for fold, _ in rest], np.intp)[dealt]
    sequence_of_group = np.zeros(len(names), bool)
    if config.sequence_share:
        for fold in sorted({fold for fold, _ in parts if fold >= 0}):
            inside = fold_of_group[group] == fold
            members, own = np.unique(group[inside], return_inverse=True)
            if fold == 0 and config.folds == 1:  # never fitted
                continue
            shares = [1 - config.sequence_share, config.sequence_share]
            sequence_of_group[members] = _dealt(own, truth[inside], len(members), shares, random) == 1
    folds = np.full(len(scans.uids), UNLABELLED_FOLD, np.intp)
    sequence = np.zeros(len(scans.uids), bool)
    folds[labelled], sequence[labelled] = fold_of_group[group], sequence_of_group[group]
    folds[given & sparse] = 1
    return folds, sequence


def _too_far_apart(scans: Scans, config: SplitConfig) -> NDArray[np.bool_]:
    """Scans that only the CNN is fitted on: their slices lie too far apart, or those of another scan of the patient."""
    if not config.widest_mm:
        return np.zeros(len(scans.uids), bool)
    if config.folds != 1 or not config.sequence_share:
        raise FileError(
            f"split.widest_mm is {config.widest_mm:g}: needs one fold and a sequence_share, not {config.folds} and "
            f"{config.sequence_share:g}"
        )
    return np.isin(scans.groups, scans.groups[scans.apart_mm > config.widest_mm])


def in_order_of_files(scans: Scans, config: SplitConfig) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """As by_patient(), by nothing but the names of the files: the last scans are chosen on, none is judged on.

    Raises:
        FileError: several folds are asked for, or the share leaves no scan to fit or none to choose on.
    """
    if config.folds != 1:
        raise FileError(f"split.folds is {config.folds}: series-order has one fold")
    if config.widest_mm:
        raise FileError(f"split.widest_mm is {config.widest_mm:g}: series-order takes all scans as they come")
    labelled = np.flatnonzero((scans.truth != UNKNOWN).any(axis=1))
    order = sorted(labelled.tolist(), key=lambda index: natural(scans.firsts[index]))
    validation = round(config.validation_share * len(order))
    if not 0 < validation < len(order):
        share = f"split.validation_share is {config.validation_share:g}"
        raise FileError(
            f"{share}: of {len(order)} labelled scans {validation} would be chosen on, 1 to all but 1 must be"
        )
    fitted = len(order) - validation
    folds = np.full(len(scans.uids), UNLABELLED_FOLD, np.intp)
    folds[order[:fitted]], folds[order[fitted:]] = 1, 0
    sequence = np.zeros(len(scans.uids), bool)
    sequence[order[fitted - round(config.sequence_share * fitted) : fitted]] = True
    return folds, sequence


def _parts(config: SplitConfig) -> list[tuple[int, float]]:
    """Number and share of every fold; with one fold, 0 is chosen on and 1 fitted."""
    test = config.test_share
    parts = [(TEST_FOLD, test)] if test else []
    if config.folds > 1:
        return [*parts, *((fold, (1 - test) / config.folds) for fold in range(config.folds))]
    return [*parts, (0, config.validation_share), (1, 1 - test - config.validation_share)]


def _dealt(
    group: NDArray[np.intp], truth: NDArray[np.intp], groups: int, shares: Sequence[float], random: np.random.Generator
) -> NDArray[np.intp]:
    sizes = np.bincount(group, minlength=groups)
    positives = np.stack([np.bincount(group, truth[:, column], groups) for column in range(len(LABELS))], axis=1)
    return deal(sizes, positives.astype(np.intp), shares, random)


def _refuse_too_few(patients: int, config: SplitConfig, parts: Sequence[tuple[int, float]]) -> None:
    if config.folds < 1:
        raise FileError(f"split.folds is {config.folds}, must be at least 1")
    shares = [config.validation_share, config.test_share, config.sequence_share]
    if min(shares) < 0 or max(shares) >= 1 or min(share for _, share in parts) <= 0:
        said = f"validation {shares[0]:g}, test {shares[1]:g} and sequence {shares[2]:g}"
        raise FileError(f"split: shares of {said}; each must be 0 to below 1 and leave scans to fit and to choose on")
    wanted = len(parts) + (1 if config.sequence_share else 0)
    if patients < wanted:
        raise FileError(f"split: {patients} patients with labels, at least {wanted} are needed for {len(parts)} parts")


def _refuse_empty(folds: NDArray[np.intp], sequence: NDArray[np.bool_], config: SplitConfig) -> None:
    labelled = int((folds != UNLABELLED_FOLD).sum())
    shares = {VALIDATION: config.validation_share, TEST: config.test_share, SEQUENCE: config.sequence_share}
    if config.method == "series-order":
        shares[TEST] = 0.0
    for fold in range(config.folds):
        of_scan = _roles(folds, sequence, fold)
        for role in (TRAIN, SEQUENCE, VALIDATION, TEST):
            if shares.get(role, 1.0) and not (of_scan == role).any():
                share = f", a share of {shares[role]:g}" if role in shares else ""
                raise FileError(f"split: fold {fold} has no scan for {ROLES[role]}{share} of {labelled} labelled scans")


def _roles(folds: NDArray[np.intp], sequence: NDArray[np.bool_], fold: int) -> NDArray[np.int8]:
    found = np.where(sequence, SEQUENCE, TRAIN)
    found[folds == fold] = VALIDATION
    found[folds == TEST_FOLD] = TEST
    found[folds == UNLABELLED_FOLD] = UNLABELLED
    return found.astype(np.int8)


def _write(path: Path, scans: Scans, folds: NDArray[np.intp], sequence: NDArray[np.bool_]) -> None:
    with file_errors(path), path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows(
            zip(scans.uids.tolist(), scans.patients, folds.tolist(), sequence.astype(int).tolist(), strict=True)
        )


def _read(path: Path) -> dict[str, tuple[int, bool]]:
    with file_errors(path, "cannot be read"), path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        if next(reader, []) != _COLUMNS:
            raise FileError(f"{path}: not a table of scans; its columns must be {', '.join(_COLUMNS)}")
        return {uid: (int(fold), sequence == "1") for uid, _, fold, sequence in reader}


def _report(
    table: SliceTable, scans: Scans, folds: NDArray[np.intp], sequence: NDArray[np.bool_], config: SplitConfig
) -> tuple[str, str]:
    """Text for a person, and Table 1 of every role of every fold in Markdown."""
    labelled = folds != UNLABELLED_FOLD
    whole = prevalence(scans.truth[labelled])
    lines, tables = [], []
    for fold in range(config.folds):
        of_scan = _roles(folds, sequence, fold)
        of_row = of_scan[table.scan_of_row()]
        present = [number for number in range(len(ROLES)) if (of_scan == number).any()]
        columns = {ROLES[number].capitalize(): counts(table.rows(of_row == number)) for number in present}
        open_rows = int(((of_row <= SEQUENCE) & ~table.has_labels()).sum())
        tables.append(f"Fold {fold}\n\n{as_markdown(columns)}")
        lines.append(_shared_patients(scans, of_scan, fold))
        if open_rows:
            lines.append(f"fold {fold}: {open_rows:,} slices lack labels and are not fitted, though their scans are")
        for number, role in enumerate(ROLES[:UNLABELLED]):
            if (inside := of_scan == number).any():
                lines.append(_deviation(prevalence(scans.truth[inside]) - whole, int(inside.sum()), role, fold))
    table1 = "\n".join(tables)
    if config.method == "series-order" and config.test_share:
        lines.append(f"series-order has no test part: split.test_share {config.test_share:g} is not read")
    return "\n".join([*lines, "", table1]), table1


def _shared_patients(scans: Scans, of_scan: NDArray[np.int8], fold: int) -> str:
    fitted = set(scans.groups[of_scan <= SEQUENCE].tolist())
    others = set(scans.groups[(of_scan == VALIDATION) | (of_scan == TEST)].tolist())
    return f"fold {fold}: {len(fitted)} patients fitted, {len(others)} held out, {len(fitted & others)} on both sides"


def _deviation(deviation: NDArray[np.float64], scans: int, role: str, fold: int) -> str:
    known = np.flatnonzero(np.isfinite(deviation))
    if not len(known):
        return f"fold {fold}, {role}: {scans:,} scans, no label known"
    worst = known[np.argmax(np.abs(deviation[known]))]
    return (
        f"fold {fold}, {role}: {scans:,} scans; largest deviation of a label's prevalence from that of all scans: "
        f"{100 * deviation[worst]:+.2f} percentage points ({LABELS[worst]})"
    )
