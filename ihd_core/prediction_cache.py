"""What the CNN said of scans before, by the hash of their pixels and of the model; a damaged entry is never shown."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.files import file_errors, make_folder, write_atomically
from ihd_core.predict import SlabResult, finish, predict, prediction_steps
from ihd_core.progress import silent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ihd_core.cnn_reading import CnnEngine
    from ihd_core.model_file import Model, ModelInfo
    from ihd_core.predict import Prediction
    from ihd_core.progress import Report
    from ihd_core.scan import Scan

FORMAT = b"ihd prediction 1\n"
LIMIT_BYTES = 1_000_000_000
"""Of all entries together; one of the paper's model is 1 MB for 32 slices, one of the shipped model 2 MB."""
_ENDING = ".prediction"
_ARRAYS = ("cnn", "logits", "features", "evidence", "maps")


@dataclass(frozen=True, slots=True)
class PredictionCache:
    """A folder with one file an entry: FORMAT, the SHA-256 of what follows, and arrays as numpy's .npz without objects.

    Kept is what the CNN said of every slab. The BiLSTM, the scan rule and all warnings follow from it and from the scan
    at hand and are computed anew, so that nothing about a patient is in the file, nor in its name.

    Attributes:
        folder: made when it is first needed.
        limit_bytes: the entries not used for longest go when all together are larger.
    """

    folder: Path
    limit_bytes: int = LIMIT_BYTES

    def read(self, key: str) -> tuple[SlabResult, ...] | None:
        """An entry, from inferior to superior; None where there is none. One that is damaged is removed."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        results = _unpacked(content)
        with suppress(OSError):
            if results is None:
                path.unlink()
            else:
                os.utime(path)
        return results

    def write(self, key: str, results: Sequence[SlabResult]) -> None:
        """Keep an entry, in the place of an older one, and drop what has not been used for longest.

        Raises:
            FileError: it cannot be written; nothing is half-written.
            ValueError: results have no maps.
        """
        make_folder(self.folder)
        write_atomically(self._path(key), _packed(results))
        self._prune()

    def size(self) -> tuple[int, int]:
        """How many entries there are, and their bytes together."""
        sizes = [size for _, size, _ in self._entries()]
        return len(sizes), sum(sizes)

    def clear(self) -> tuple[int, int]:
        """Remove all entries; return what size() was.

        Raises:
            FileError: one cannot be removed.
        """
        before = self.size()
        for path, _, _ in self._entries():
            with file_errors(path, "cannot be removed"):
                path.unlink(missing_ok=True)
        return before

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_ENDING}"

    def _entries(self) -> list[tuple[Path, int, float]]:
        """(file, bytes, when it was last used)."""
        found = []
        for path in self.folder.glob(f"*{_ENDING}"):
            with suppress(OSError):  # another program may be clearing too
                status = path.stat()
                found.append((path, status.st_size, status.st_mtime))
        return found

    def _prune(self) -> None:
        entries = sorted(self._entries(), key=lambda entry: entry[2])
        total = sum(size for _, size, _ in entries)
        for path, size, _ in entries[:-1]:  # the newest stays, however large
            if total <= self.limit_bytes:
                return
            with suppress(OSError):
                path.unlink()
                total -= size


def predict_with(
    cache: PredictionCache | None, scan: Scan, model: Model, engine: CnnEngine, *, report: Report = silent
) -> Prediction:
    """As predict(), but what was read before is taken from the cache, and what is read now is kept in it.

    Args:
        cache: None for none.
        scan: as predict() has it, and so are model, engine and report.
        model: see scan.
        engine: see scan.
        report: see scan.

    Raises:
        CannotPredict: as predict() does.
        FileError: the cache cannot be written.
    """
    if cache is None:
        return predict(scan, model, engine=engine, report=report)
    key = cache_key(scan, model.info, engine.name)
    kept = cache.read(key)
    if kept is not None:
        report(len(scan), len(scan))
        return finish(scan, model, kept)
    results = []
    report(0, len(scan))
    for result in prediction_steps(scan, model, engine=engine):
        results.append(result)
        report(result.slices.stop, len(scan))
    prediction = finish(scan, model, results)
    if prediction.engine == engine.name:  # none failed on the way
        cache.write(key, results)
    return prediction


def cache_key(scan: Scan, model: ModelInfo, engine: str) -> str:
    """What a prediction depends on, as 64 hexadecimal characters.

    Args:
        scan: its HU, spacing, orientation and positions count, and nothing that names a patient.
        model: its hash counts.
        engine: name of what runs the CNN.
    """
    digest = hashlib.sha256(FORMAT)
    for part in (model.sha256, engine, str(scan.hu.shape), repr(tuple(float(mm) for mm in scan.spacing_mm))):
        digest.update(part.encode() + b"\0")
    digest.update(np.ascontiguousarray(scan.orientation, "<f8").data)
    digest.update(np.ascontiguousarray(scan.positions_mm, "<f8").data)
    digest.update(np.ascontiguousarray(scan.hu, "<i2").data)
    return digest.hexdigest()


def _packed(results: Sequence[SlabResult]) -> bytes:
    ordered = sorted(results, key=lambda result: result.slices.start)
    if any(result.maps is None for result in ordered):
        raise ValueError("results without maps cannot be kept")
    arrays = {name: np.stack([getattr(result, name) for result in ordered]) for name in _ARRAYS}
    stops = np.array([result.slices.stop for result in ordered], np.int64)
    engines = np.array([result.engine for result in ordered])
    seconds = np.array([result.seconds for result in ordered], np.float64)
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, stops=stops, engines=engines, seconds=seconds, **arrays)
    content = file.getvalue()
    return FORMAT + hashlib.sha256(content).digest() + content


def _unpacked(content: bytes) -> tuple[SlabResult, ...] | None:
    """What _packed() packed; None where a byte differs."""
    start = len(FORMAT) + 32
    if content[: len(FORMAT)] != FORMAT or hashlib.sha256(content[start:]).digest() != content[len(FORMAT) : start]:
        return None
    try:
        with np.load(io.BytesIO(content[start:]), allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in (*_ARRAYS, "stops", "engines", "seconds")}
    except (ValueError, KeyError, OSError, zipfile.BadZipFile):
        return None
    for array in arrays.values():
        array.flags.writeable = False
    starts = [0, *arrays["stops"][:-1].tolist()]
    return tuple(
        SlabResult(
            range(starts[number], int(arrays["stops"][number])),
            cnn=arrays["cnn"][number],
            logits=arrays["logits"][number],
            features=arrays["features"][number],
            evidence=arrays["evidence"][number],
            seconds=float(arrays["seconds"][number]),
            maps=arrays["maps"][number],
            engine=str(arrays["engines"][number]),
        )
        for number in range(len(starts))
    )
