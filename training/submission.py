"""Stage submission: the challenge's CSV, in the order of its sample, every ID once."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.errors import FileError
from ihd_core.files import file_errors, write_atomically
from ihd_core.labels import LABELS
from training.data.labels.rsna import HEAD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from training.data.slice_table import SliceTable
    from training.run_folder import RunFolder

LEAST = 1e-6
"""Probabilities stay so far from 0 and 1, so that one wrong one cannot cost without limit."""

_MOST_NAMED = 3
_COLUMNS = {str(label): label.column for label in LABELS}


def submit(run: RunFolder, out: Path, *, fill: bool = False) -> Path:
    """Write what a run says of the slices that the challenge's sample submission asks for.

    The logits are the means over the folds, CNN and BiLSTM mixed as on validation scans is best where the configuration
    asks for it.

    Args:
        run: its BiLSTM is finished, and its index knows a sample submission.
        out: the CSV.
        fill: as for write_submission.

    Raises:
        FileError: as write_submission; the run was indexed without a sample submission.
    """
    from ihd_core.scan_rule import probabilities
    from training.data.pictures import open_pictures
    from training.data.sources import load_sources

    sample = load_sources(run).sample_submission
    if sample is None:
        raise FileError(f"{run.path / 'index'}: made without --sample-submission, so nothing says what is asked for")
    pictures = open_pictures(run)
    write_submission(
        run, probabilities(_logits(run)), pictures.table, sample, out, averaged=pictures.averaged(), fill=fill
    )
    return out


def _logits(run: RunFolder) -> NDArray[np.float32]:
    """Of all pictures, (slices, labels)."""
    from training.fitting.features import load_embeddings
    from training.fitting.sequence import sequence_logits
    from training.judging.blend import blended
    from training.judging.evaluate import choose
    from training.judging.judged import collect

    blend = choose(run.config.evaluate, collect(run, "validation")).blend if run.config.evaluate.blend else {}
    folds = run.folds()
    cnn = sum(np.asarray(load_embeddings(run, fold).logits, np.float32) for fold in folds) / np.float32(len(folds))
    sequence = sum(sequence_logits(run, fold) for fold in folds) / np.float32(len(folds))
    return blended(blend, np.asarray(cnn), np.asarray(sequence))


def write_submission(
    run: RunFolder,
    probabilities: NDArray[np.float32],
    table: SliceTable,
    sample: Path,
    out: Path,
    *,
    averaged: Mapping[str, str] | None = None,
    fill: bool = False,
) -> None:
    """Write the challenge's CSV: "ID,Label", the rows of the sample in its order.

    Args:
        run: for its log, and the prevalence of its index.
        probabilities: (slices, labels).
        table: the slices.
        sample: the challenge's sample submission.
        out: the CSV.
        averaged: by the id of a slice without a row of its own, the id of the row that it was averaged into.
        fill: slices that the table lacks get the share of labelled slices with the label, and the log says how many.

    Raises:
        FileError: the sample is not one, asks for a slice that is not there, or a probability is not one; out cannot be
            written.
    """
    if probabilities.shape != (len(table), len(LABELS)):
        raise FileError(f"{out}: {probabilities.shape} probabilities for {len(table)} slices and {len(LABELS)} labels")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        row = int(np.flatnonzero(~((probabilities >= 0) & (probabilities <= 1)).all(axis=1))[0])
        raise FileError(f"{out}: probabilities of {table.ids[row]} are {probabilities[row].tolist()}, must be 0 to 1")
    asked = _read_sample(sample)
    rows = {name: row for row, name in enumerate(table.ids.tolist())}
    if len(rows) < len(table):
        raise FileError(
            f"{out}: {len(table) - len(rows)} slices share their id with another; ids must tell slices apart"
        )
    rows |= {name: rows[picture] for name, picture in (averaged or {}).items()}
    missing = list(dict.fromkeys(name for name, _ in asked if name not in rows))
    filling = _filling(run, missing, sample, fill=fill)
    clipped = np.clip(probabilities.astype(np.float64), LEAST, 1 - LEAST)
    text = io.StringIO()
    text.write(f"{HEAD}\n")
    for name, column in asked:
        value = clipped[rows[name], column] if name in rows else filling[column]
        text.write(f"{name}_{LABELS[column]},{value:.9g}\n")
    write_atomically(out, text.getvalue().encode())
    run.note(f"submission: {len(asked):,} rows, {len(missing):,} slices filled with the prevalence, in {out}")


def _read_sample(path: Path) -> list[tuple[str, int]]:
    """Slice and column of every row.

    Raises:
        FileError: a row is not of the challenge's form, or stands twice.
    """
    with file_errors(path, "cannot be read"), path.open(encoding="utf-8-sig") as file:
        try:
            head, *lines = file.read().splitlines() or [""]
        except UnicodeDecodeError as error:
            raise FileError(f"{path}: is not text in UTF-8 ({error.reason})") from error
    if (head := head.strip()) != HEAD:
        raise FileError(f"{path}: begins with {head[:40]!r}, a sample submission with {HEAD!r}")
    asked: dict[tuple[str, int], None] = {}
    for number, line in enumerate(lines, start=2):
        name, _, label = line.partition(",")[0].strip().rpartition("_")
        if not name and not line.strip():
            continue
        if not name or label not in _COLUMNS:
            raise FileError(f"{path}: row {number} is {line.strip()[:60]!r}, must be of the form ID_subtype,Label")
        key = name, _COLUMNS[label]
        if key in asked:
            raise FileError(f"{path}: row {number}: {name}_{label} stands there twice")
        asked[key] = None
    if not asked:
        raise FileError(f"{path}: asks for nothing")
    return list(asked)


def _filling(run: RunFolder, missing: Sequence[str], sample: Path, *, fill: bool) -> NDArray[np.float64]:
    """What slices that are not there get, (labels,).

    Raises:
        FileError: there are some, and fill is off or no slice is labelled.
    """
    if not missing:
        return np.zeros(len(LABELS))
    if not fill:
        named = ", ".join(missing[:_MOST_NAMED])
        more = f" and {len(missing) - _MOST_NAMED:,} more" if len(missing) > _MOST_NAMED else ""
        raise FileError(f"{sample}: asks for slices without a picture: {named}{more}; --fill gives them the prevalence")
    from training.data.index import load_index

    table = load_index(run)
    truth = table.truth[table.is_labelled()]
    if not len(truth):
        raise FileError(f"{run.path / 'index'}: no slice is labelled, so there is no prevalence to fill in")
    return np.asarray(np.clip(truth.mean(axis=0), LEAST, 1 - LEAST), np.float64)
