"""What every panel shows, computed from Shown; pure functions."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from app.panels.findings_panel import FindingsState, FindingsView
from app.panels.heatmap_panel import HeatmapView
from app.panels.rating_panel import RatingView
from app.panels.slice_strip import StripView
from app.session import Layout
from app.values.heatmap_focus import focus_of
from app.values.scan_notes import gaps
from app.values.slice_directions import ends
from app.view_commands import rated_label, rating_obstacle
from ihd_core.heatmaps.explain import RESULTS, Kind, agreement, full_scale, heatmap
from ihd_core.heatmaps.overlay import COLOURS, FLOOR, cell_mm
from ihd_core.labels import LABELS, Label
from ihd_core.study.opinion import contradictions

if TYPE_CHECKING:
    from app.session import Shown
    from ihd_core.predict import Prediction
    from ihd_core.scan import Scan


_LEAST_SHARE = 0.01
"""Of a heatmap's evidence; less in one part of the head is not said."""


def findings_view(shown: Shown) -> FindingsView:
    """How far the second opinion is, and what it says where it may be seen."""
    return FindingsView(
        state=_findings_state(shown),
        prediction=shown.prediction,
        setting=shown.setting,
        hidden=not shown.results_visible,
        progress=shown.loading if shown.scan is None else shown.predicting,
        model=shown.model,
        slice_index=shown.slice_index,
        reason=shown.refusal,
    )


def _findings_state(shown: Shown) -> FindingsState:
    if shown.scan is None:
        return FindingsState.LOADING if shown.loading else FindingsState.EMPTY
    if shown.prediction is not None:
        return FindingsState.READY
    if shown.refusal:
        return FindingsState.NOT_ANALYSED
    return FindingsState.RUNNING


def strip_view(shown: Shown) -> StripView | None:
    """Probabilities along the slices, as far as they are there."""
    if shown.scan is None:
        return None
    if shown.withheld:
        probabilities = np.full((len(shown.scan), len(LABELS)), np.nan, np.float32)
    elif shown.prediction is not None:
        probabilities = shown.prediction.slices
    elif shown.partial is not None:
        probabilities = shown.partial.probabilities
    else:
        probabilities = np.full((len(shown.scan), len(LABELS)), np.nan, np.float32)
    thresholds = np.full(len(LABELS), np.nan, np.float32)
    if shown.model is not None:
        thresholds[:] = [shown.model.threshold(shown.setting, "slice", label) for label in LABELS]
    return StripView(
        probabilities,
        thresholds,
        shown.slice_index,
        hidden=not shown.results_visible,
        gaps=gaps(shown),
        not_analysed=_findings_state(shown) is FindingsState.NOT_ANALYSED,
        withheld=bool(shown.prediction is not None and shown.withheld),
        ends=ends(shown.scan.orientation),
    )


def heatmap_view(shown: Shown) -> HeatmapView:
    """How heatmaps are drawn."""
    return HeatmapView(
        on=shown.heatmap_on,
        label=shown.heatmap_label,
        opacity=shown.opacity,
        available=shown.prediction is not None and shown.results_visible and not shown.withheld,
        colours=COLOURS,
        note=_heatmap_note(shown),
        kind=shown.kind if shown.has_kinds else None,
        comparing=shown.layout is Layout.KINDS,
        contours=shown.contours,
    )


def _heatmap_note(shown: Shown) -> str:
    if shown.prediction is None or shown.scan is None or shown.withheld:
        return ""
    if shown.heatmap_label is None and not shown.detected:
        return "Nothing detected: choose a label to see its heatmap"
    if not shown.kind_ready:
        return f"{shown.kind.full_name} is being computed"
    in_view = replace(shown, heatmap_on=True, peeking=False, network_view=False, revealed=True)
    if shown.heatmap_label is not None and not in_view.heatmap_labels:
        return "Not detected: of an absent finding only the CNN's Grad-CAM is shown"
    size = cell_mm(shown.scan, shown.prediction)
    lines = f"One cell is {size:.0f} x {size:.0f} mm: a focus, not an outline", _explained(shown), _shares(shown)
    return "\n".join(filter(None, (*lines, *_disagreements(shown))))


def _explained(shown: Shown) -> str:
    """Whose result a heatmap of the scan explains, where that is one slice's."""
    if shown.kind is not Kind.RESULT_SCAN or shown.prediction is None or len(shown.heatmap_labels) != 1:
        return ""
    explains = heatmap(shown.prediction, shown.heatmap_labels[0], shown.slice_index, shown.kind).explains
    return f"The scan's result is that of slice {explains + 1}" if explains is not None else ""


def _disagreements(shown: Shown) -> list[str]:
    """A line for each label on the screen whose maps of the CNN and of the result show different places."""
    kind = shown.kind if shown.kind in RESULTS else Kind.RESULT_SLICE
    if shown.prediction is None or shown.scan is None or kind not in shown.kinds_ready:
        return []
    detected = shown.prediction.detected(shown.setting)
    labels = [label for label in shown.heatmap_labels if label in detected]
    apart = [(label, _apart(shown.scan, shown.prediction, (label, shown.slice_index), kind)) for label in labels]
    return [f"{label.short_name}: CNN and result look at different places{far}" for label, far in apart if far]


@lru_cache(maxsize=64)
def _apart(scan: Scan, prediction: Prediction, place: tuple[Label, int], kind: Kind) -> str:
    """How far apart the peaks of two maps are that disagree, as ", 34 mm apart"; empty where they agree or are pale."""
    label, index = place
    kinds = (Kind.CNN, kind)
    shares = [heatmap(prediction, *place, one).values.max() / full_scale(prediction, label, one) for one in kinds]
    if max(shares) < FLOOR:
        return ""
    found = agreement(scan, prediction, label, index, kind)
    if not found.disagree:
        return ""
    return "; one of them shows none" if found.peaks_mm is None else f", {found.peaks_mm:.0f} mm apart"


def _shares(shown: Shown) -> str:
    """Where the evidence of the one heatmap on the screen lies, as "82 % inside the skull, 18 % bone"."""
    if len(shown.heatmap_labels) != 1:
        return ""
    found = focus_of(shown, shown.heatmap_labels[0])
    shares = sorted(found.shares.items(), key=lambda one: -one[1]) if found is not None else []
    return ", ".join(f"{share:.0%} {region}".replace("%", " %") for region, share in shares if share >= _LEAST_SHARE)


def rating_view(shown: Shown) -> RatingView:
    """What can be rated now and what is recorded."""
    label = rated_label(shown)
    if _findings_state(shown) is FindingsState.NOT_ANALYSED:
        return RatingView(hint="Not analysed: there is no heatmap to rate")
    if shown.prediction is None or not shown.results_visible:
        return RatingView(hint="No heatmap to rate yet")
    if shown.withheld:
        return RatingView(hint="No result for this scan: there is no heatmap to rate")
    if label is None:
        return RatingView(hint=rating_obstacle(shown))
    return RatingView(
        label=label,
        slice_index=shown.slice_index,
        value=shown.ratings.get((shown.slice_index, label, shown.kind)),
        enabled=True,
        counts=Counter(value for (_, _, kind), value in shown.ratings.items() if kind is shown.kind),
    )


def model_text(shown: Shown) -> str:
    """The model's name, its hash and what ran it."""
    if shown.model is None:
        return "No model"
    engine = f" · {shown.prediction.engine}" if shown.prediction is not None else ""
    return f"{shown.model.name} · {shown.model.sha256[:12]}{engine}"


def reader_text(shown: Shown) -> str:
    """When results are shown, and in whose record the answers go."""
    return f"{shown.mode.replace('-', ' ').capitalize()} · Reader: {shown.reader or 'not named'}"


def opinion_obstacle(shown: Shown) -> str:
    """Why the opinion cannot be saved, for the status bar; empty where it can."""
    if found := contradictions(shown.opinion):
        return f"Not saved: {' '.join(found)}"
    if not shown.opinion.answered and not shown.opinion.comment.strip():
        return "Nothing to save yet: Ctrl+1 to Ctrl+6 answer the six labels"
    if shown.opinion == shown.saved_opinion:
        return "Saved already"
    return ""
