"""Which part of the head the heatmaps on the screen look at."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from ihd_core.heatmaps.explain import Kind, full_scale, heatmap
from ihd_core.heatmaps.focus import focus
from ihd_core.heatmaps.overlay import FLOOR

if TYPE_CHECKING:
    from app.session import Shown
    from ihd_core.brain_mask import BrainMask
    from ihd_core.heatmaps.focus import Focus
    from ihd_core.labels import Label
    from ihd_core.predict import Prediction


def focus_of(shown: Shown, label: Label) -> Focus | None:
    """What a label's heatmap looks at on the open slice; None where nothing of it is painted, or nothing is known."""
    if shown.scan is None or shown.prediction is None or shown.brain is None:
        return None
    return _focus(shown.prediction, shown.brain, (label, shown.slice_index, shown.kind), shown.scan.spacing_mm[1:])


@lru_cache(maxsize=64)
def _focus(
    prediction: Prediction, brain: BrainMask, place: tuple[Label, int, Kind], spacing_mm: tuple[float, float]
) -> Focus | None:
    label, _, kind = place
    found = heatmap(prediction, *place)
    if found.values.max(initial=0) < FLOOR * full_scale(prediction, label, kind):
        return None
    return focus(found, brain, spacing_mm)
