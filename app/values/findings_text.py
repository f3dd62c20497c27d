"""The second opinion, and what the reader has measured, as text for a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.panels.findings_panel import NOT_LOOKED_FOR, flagged_slices, ranges
from app.tool_commands import volume_line
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.measurements import Tool, in_words

if TYPE_CHECKING:
    from app.session import Shown
    from ihd_core.predict import Prediction

NOTHING = "nothing above the operating points; this does not exclude hemorrhage"


def findings_text(shown: Shown) -> str:
    """Lines as "subdural 0.97 (operating point 0.41), slices 14-22": the model's, then the reader's own.

    Nothing of the patient's identity is in it.

    Raises:
        ValueError: there is no result that may be seen.
    """
    prediction = shown.prediction
    if prediction is None or prediction.withheld or not shown.results_visible:
        raise ValueError("there is no result that may be seen")
    labels = prediction.detected(shown.setting)
    found = [_line(prediction, label, shown.setting) for label in labels] or [NOTHING]
    lines = [
        f"AI ({prediction.model.name} {prediction.model.sha256[:12]}, {shown.setting}): {'; '.join(found)}",
        *_own(shown),
        f"{NOT_LOOKED_FOR}. {prediction.model.intended_use}.",
    ]
    return "\n".join(lines)


def _line(prediction: Prediction, label: Label, setting: str) -> str:
    name = "any hemorrhage" if label is Label.ANY else label.value
    threshold = prediction.model.threshold(setting, "scan", label)
    text = f"{name} {prediction.scan[label.column]:.2f} (operating point {threshold:.2f})"
    slices = flagged_slices(prediction, setting, (label,))
    return f"{text}, slices {ranges(slices)}" if slices else text


def _own(shown: Shown) -> list[str]:
    """What the reader says: calls that are saved, then measurements but for places and regions."""
    lines = []
    if shown.saved_opinion is not None:
        calls = shown.saved_opinion.calls
        said = [f"{label.short_name} {calls[label].word}" for label in DISPLAY_ORDER if calls[label].word]
        lines += [f"Reader: {', '.join(said)}"] if said else []
    wanted = (Tool.LENGTH, Tool.THICKNESS, Tool.SHIFT)
    measured = [
        f"{in_words(shown.scan, one)} (slice {one.slice_index + 1})"
        for one in shown.measurements.values()
        if one.tool in wanted and shown.scan is not None
    ]
    volume = volume_line(shown)
    measured += [volume] if volume else []
    return [*lines, *([f"Measured: {', '.join(measured)}"] if measured else [])]
