"""What an evaluation leaves in the run folder: Table 3, every number with its interval, plots."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ihd_core.files import make_folder, write_atomically
from ihd_core.json_values import finite
from training.judging.plots import reliability_plot, roc_plot
from training.judging.table3 import CALIBRATION, METRICS, interval_table, with_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ihd_core.estimate import Estimate
    from training.judging.bootstrap import Drawn
    from training.judging.evaluate import Evaluation

_NUMBERS = (*METRICS, *CALIBRATION)


def write_evaluation(folder: Path, found: Evaluation, *, title: str) -> None:
    """Write table3.md, results.json, metrics.csv, operating_points.csv, reliability.png and roc.png.

    Raises:
        FileError: one of them cannot be written.
    """
    make_folder(folder)
    truth = found.judged.truth()
    write_atomically(folder / "table3.md", _report(found, title).encode())
    write_atomically(folder / "metrics.csv", _csv(_metrics(found)))
    write_atomically(folder / "operating_points.csv", _csv(_points(found)))
    content = json.dumps(finite(as_json(found)), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(folder / "results.json", f"{content}\n".encode())
    system = found.system
    write_atomically(folder / "reliability.png", reliability_plot(truth, found.scores[system], system))
    write_atomically(folder / "roc.png", roc_plot(truth, found.scores))


def as_json(found: Evaluation) -> dict[str, Any]:
    """Everything that was chosen and measured; an estimate is a dictionary, None where it is not defined."""
    rule = found.choice.scan_rule
    return {
        "role": found.judged.role,
        "judged_where_chosen": found.judged_where_chosen,
        "caption": found.caption,
        "scans": found.scans,
        "slices": found.slices,
        "patients": len(found.bootstrap.names),
        "blend": dict(found.choice.blend),
        "scan_rule": {"kind": rule.kind, "weights": dict(rule.weights)},
        "weighted_log_loss": {model: _json(loss) for model, loss in found.losses.items()},
        "system": found.system,
        "system_minus_cnn": _json(found.gain),
        "rows": [
            {"model": row.model, "level": row.level, "label": row.label, **asdict(row.counts)}
            | {name: _json(getattr(row, name)) for name in _NUMBERS}
            for row in found.rows
        ],
    }


def _report(found: Evaluation, title: str) -> str:
    losses = [f"* {model}: {with_interval(loss, digits=5)}" for model, loss in found.losses.items()]
    losses.append(f"* {found.system} minus CNN: {with_interval(found.gain, digits=5, sign=True)}")
    parts = [
        f"# {title}: Table 3",
        found.caption,
        found.table3().rstrip(),
        "Weighted multi-label log loss on slices:",
        "\n".join(losses),
        f"Every number with its 95 % interval ({found.bootstrap.method}; expected calibration errors are never "
        "negative, so their intervals lean upwards):",
        interval_table(found.rows),
    ]
    return "\n\n".join(parts)


def _metrics(found: Evaluation) -> list[dict[str, object]]:
    lines = []
    for row in found.rows:
        line: dict[str, object] = {"model": row.model, "level": row.level, "label": str(row.label)}
        line |= asdict(row.counts)
        for name in _NUMBERS:
            line |= _columns(name, getattr(row, name).estimate())
        lines.append(line)
    return lines


def _points(found: Evaluation) -> list[dict[str, object]]:
    """Every operating point: what it promises where it was chosen, and what it reaches where it is judged."""
    lines = []
    for one in found.reached:
        point = found.choice.points[one.setting][one.level][one.label]
        line: dict[str, object] = {"setting": one.setting, "level": one.level, "label": str(one.label)}
        line |= {"threshold": point.threshold, "positives": point.positives, "negatives": point.negatives}
        line |= _columns("chosen_sensitivity", point.sensitivity) | _columns("chosen_specificity", point.specificity)
        line |= _columns("judged_sensitivity", one.sensitivity.estimate())
        lines.append(line | _columns("judged_specificity", one.specificity.estimate()))
    return lines


def _json(drawn: Drawn) -> dict[str, Any] | None:
    found = drawn.estimate()
    return None if found is None else asdict(found)


def _columns(name: str, found: Estimate | None) -> dict[str, object]:
    """A statistic in three columns of a CSV, empty where it is not defined."""
    value, low, high = ("", "", "") if found is None else (found.value, found.low, found.high)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _csv(lines: Sequence[Mapping[str, object]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode()
