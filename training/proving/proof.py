"""Judge a model folder: everything measured of it, as one JSON and as tables."""

from __future__ import annotations

import json
import logging
import math
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ihd_core.errors import ModelFileError
from ihd_core.files import make_folder, write_atomically
from ihd_core.labels import Label
from ihd_core.progress import Report, silent
from training.model_card import with_proof
from training.proving import accuracy, held_out, limits, mistakes, pairs, quietness, readings, tables, thicknesses
from training.proving.map_shares import map_shares, told

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from training.proving.accuracy import Rows
    from training.proving.readings import Reading

JSON, MARKDOWN = "proof.json", "proof.md"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a model is judged on.

    Attributes:
        model: its folder.
        cache: for rendered phantoms.
        out: for proof.json and proof.md.
        real: folder of a real head without hemorrhage; None: none is at hand.
        scans: held-out phantoms.
        heads: of them that are also rendered in all thicknesses; 0: none.
        each: hemorrhages of every subtype and size that are put into the real head.
        further: of the phantoms, how many are also explained by the methods of pytorch-grad-cam.
        size: rows and columns of the phantoms.
        processes: None: one a core.
    """

    model: Path
    cache: Path
    out: Path
    real: Path | None = None
    scans: int = held_out.SCANS
    heads: int = thicknesses.HEADS
    each: int = pairs.EACH
    further: int = 0
    size: int = held_out.SIZE
    processes: int | None = None


def prove(asked: Asked, *, report: Report = silent) -> dict[str, Any]:
    """Judge a model folder and write proof.json and proof.md.

    Returns:
        What proof.json holds.

    Raises:
        ModelFileError: the folder holds no model of this program.
        FileError: something cannot be read or written.
        DicomError: the real folder holds no head CT.
        CannotPredict: a scan cannot be given to the network.
    """
    from ihd_core.model_file import read_info

    began = time.time()
    info = read_info(asked.model)
    real = quietness.load_real(asked.real) if asked.real else None
    wanted = held_out.requests(asked.scans, size=asked.size)
    _log.info("prove: %d held-out phantoms of renderer %s", len(wanted), held_out.renderer())
    files = held_out.render(asked.cache, wanted, processes=asked.processes, report=report)
    found = readings.read_all(asked.model, files, further=asked.further, processes=asked.processes, report=report)
    rows = accuracy.rows_of(found)
    proof: dict[str, Any] = {
        "model": {"name": info.name, "sha256": info.sha256},
        "phantoms": _phantoms(found, rows["slice"], asked, files[0].parent.name),
        **_on_phantoms(found, rows),
    }
    if asked.heads:
        _log.info("prove: %d heads in slices of %s mm", asked.heads, thicknesses.THICKNESSES_MM)
        proof["thicknesses"] = _thicknesses(asked, report)
    of_slices, of_scans = quietness.points(rows["slice"]), quietness.points(rows["scan"])
    proof["operating_points"] = [asdict(one) for points in (of_slices, of_scans) for one in points.values()]
    if real is not None and asked.real:
        proof["quietness"] = asdict(quietness.quietness(real, asked.model, of_slices, of_scans))
        if asked.each:
            _log.info("prove: hemorrhages put into %s", asked.real)
            made = pairs.pairs(
                asked.real, asked.model, of_slices, each=asked.each, processes=asked.processes, report=report
            )
            proof["pairs"] = [asdict(one) for one in made]
    proof["seconds"] = round(time.time() - began, 1)
    proof = _plain(proof)
    make_folder(asked.out)
    write_atomically(asked.out / JSON, (json.dumps(proof, indent=1, allow_nan=False) + "\n").encode())
    write_atomically(asked.out / MARKDOWN, tables.as_markdown(proof).encode())
    return proof


def _phantoms(found: Sequence[Reading], by_slice: Rows, asked: Asked, renderer: str) -> dict[str, Any]:
    return {
        "first_seed": held_out.FIRST_SEED,
        "scans": len(found),
        "slices": len(by_slice.scans),
        "bleeding": sum(bool(one.truth[:, Label.ANY.column].any()) for one in found),
        "renderer": renderer,
        "size": asked.size,
        "further_methods": min(asked.further, len(found)),
        "seconds_a_scan": sum(one.seconds for one in found) / len(found),
        "withheld": sum(one.withheld for one in found),
        "warnings": Counter(code for one in found for code in one.warnings),
    }


def _on_phantoms(found: Sequence[Reading], rows: dict[str, Rows]) -> dict[str, Any]:
    """All that is measured on the held-out phantoms as they were drawn."""
    bootstrap = accuracy.bootstrap_of(rows["slice"])
    at = limits.thresholds(rows["slice"])
    both = rows.values()
    easiness = [one for level in both for one in accuracy.easiness(level, bootstrap)]
    return {
        "interval": bootstrap.method,
        "accepted": None
        if any(one.hard_enough is None for one in easiness)
        else all(one.hard_enough for one in easiness),
        "detector": [asdict(one) for one in easiness],
        "auc": [asdict(one) for level in both for one in accuracy.areas_under_curves(level, bootstrap)],
        "log_loss": {level.level: _estimate(accuracy.log_loss(level, bootstrap)) for level in both},
        "calibration": [asdict(one) for level in both for one in accuracy.calibrations(level, bootstrap)],
        "thresholds_at_95_specificity": at,
        "limits": [asdict(one) for one in limits.limits(found, at, bootstrap)],
        "heatmaps": [asdict(one) for one in map_shares(found, at, bootstrap)],
        "told": [asdict(one) for one in told(found, bootstrap)],
        "false_alarms": [asdict(one) for one in mistakes.false_alarms(found)],
        "misses": [asdict(one) for one in mistakes.misses(found)],
    }


def _estimate(found: Any) -> dict[str, Any] | None:
    return None if found is None else asdict(found)


def _thicknesses(asked: Asked, report: Report) -> dict[str, Any]:
    wanted = thicknesses.thickness_requests(min(asked.heads, asked.scans), size=asked.size)
    files = held_out.render(asked.cache, wanted, processes=asked.processes, report=report)
    spreads, heads = thicknesses.spreads(asked.model, files, processes=asked.processes, report=report)
    return {"spreads": [asdict(one) for one in spreads], "any_by_head": heads}


def _plain(value: Any) -> Any:
    """A value as strict JSON holds it: labels by name, and what is no finite number as null."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, str) else value


def into_card(model: Path, proof: dict[str, Any]) -> None:
    """Write the sections of a proof into the card of the model that it judged; the weights stay as they are.

    Raises:
        ModelFileError: the folder holds another model, or none.
        FileError: it cannot be written.
    """
    from ihd_core.model_file import load_model, save_model
    from ihd_core.model_json import CARD

    there = load_model(model)
    if there.info.sha256 != proof["model"]["sha256"]:
        raise ModelFileError(f"{model}: holds model {there.info.sha256[:16]}, not {proof['model']['sha256'][:16]}")
    card = (model / CARD).read_text(encoding="utf-8")
    save_model(model, there.info, members=there.members, card=with_proof(card, tables.sections(proof)))
