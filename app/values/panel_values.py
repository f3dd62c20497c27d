"""What every panel shows, computed from Shown; pure functions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from app.panels.findings_panel import FindingsState, FindingsView
from app.panels.heatmap_panel import HeatmapView
from app.panels.rating_panel import RatingView
from app.panels.slice_picture import ColourBar, SlicePicture
from app.panels.slice_strip import StripView
from app.values.heatmap_focus import focus_of
from app.values.patient_text import age_text, date_text, name_text
from app.values.scan_gaps import Gap, beside, scan_gaps
from app.values.scan_notes import badges
from app.values.slice_directions import ends
from app.view_commands import rated_label, rating_obstacle
from ihd_core.heatmaps.explain import RESULTS, Kind, agreement, full_scale, heatmap
from ihd_core.heatmaps.overlay import COLOURS, FLOOR, cell_mm, layers, paint, paint_contours, unit
from ihd_core.labels import LABELS, Label
from ihd_core.model_input import CHANNELS, channels, slabs
from ihd_core.orientation import edge_letters
from ihd_core.study.opinion import contradictions
from ihd_core.windowing import to_grey

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from app.session import Shown
    from ihd_core.brain_mask import BrainMask
    from ihd_core.predict import Prediction
    from ihd_core.scan import Scan, ScanDetails


def pictures(shown: Shown) -> tuple[SlicePicture | None, SlicePicture | None]:
    """The picture on the screen, and the one beside it with the result's heatmap; None where there is none."""
    if not (shown.comparing and shown.has_kinds and shown.results_visible and shown.heatmap_on):
        return slice_picture(shown), None
    result = Kind.RESULT_SLICE if shown.kind is Kind.CNN else shown.kind
    left = replace(shown, heatmap_kind=Kind.CNN)
    return slice_picture(left), slice_picture(replace(shown, heatmap_kind=result))


def slice_picture(shown: Shown) -> SlicePicture | None:
    """The slice on the screen with its heatmaps and everything written around it; None without a scan."""
    scan = shown.scan or (shown.preview.scan if shown.preview else None)
    if scan is None:
        return None
    index = min(shown.slice_index, len(scan) - 1)
    labels = shown.heatmap_labels
    text = shown.overlay_text
    return SlicePicture(
        pixels=_pixels(scan, index, shown),
        pixel_mm=scan.spacing_mm[1:],
        window=shown.window,
        overlay=_overlay(shown.prediction, labels, index, _look(shown)) if shown.prediction and labels else None,
        letters=edge_letters(scan.orientation),
        top_left=_patient_lines(scan.details) if text else (),
        top_right=_study_lines(scan.details) if text else (),
        bottom_left=_window_lines(shown, scan, index) if text else (),
        bottom_right=_slice_lines(shown, scan, index) if text else (),
        badges=badges(shown),
        colour_bars=_colour_bars(shown, labels),
        caution=beside(gaps(shown), index),
    )


NOT_IN_THE_PICTURE = (
    "series",
    "current",
    "loading",
    "loading_name",
    "predicting",
    "partial",
    "refusal",
    "opinion",
    "saved_opinion",
    "saved_at",
    "ratings",
    "reader",
    "left_out",
)
"""Parts of Shown that slice_picture() does not read: what changes often while the picture stands."""


_LEAST_SHARE = 0.01
"""Of a heatmap's evidence; less in one part of the head is not said."""


def same_picture(shown: Shown, old: Shown) -> bool:
    """Whether the picture need not be drawn again."""
    return replace(shown, **{name: getattr(old, name) for name in NOT_IN_THE_PICTURE}) == old


def gaps(shown: Shown) -> tuple[Gap, ...]:
    """Where slices of the open scan are missing; of a scan that is not complete yet nobody knows."""
    return scan_gaps(shown.scan, shown.open_series) if shown.scan is not None else ()


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
        comparing=shown.comparing,
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
    """The model's name, its hash and what it may be used for."""
    if shown.model is None:
        return "No model"
    return f"{shown.model.name} · {shown.model.sha256[:12]}"


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


# The picture


def _pixels(scan: Scan, index: int, shown: Shown) -> NDArray[np.uint8]:
    if shown.network_view and shown.scan is not None:
        return _network_pixels(scan, index)
    grey = to_grey(scan.hu[index], shown.window)
    return 255 - grey if shown.inverted else grey


@lru_cache(maxsize=4)
def _network_pixels(scan: Scan, index: int) -> NDArray[np.uint8]:
    """The network's three windows as red, green and blue; of thin slices their mean, as the network gets it."""
    slab = next(slab for slab in slabs(scan) if index in slab)
    hu = scan.hu[index] if len(slab) == 1 else scan.hu[slab.start : slab.stop].mean(axis=0, dtype=np.float32)
    pixels = (channels(hu).transpose(1, 2, 0) * 255).round().astype(np.uint8)
    return np.ascontiguousarray(pixels)


@dataclass(frozen=True, slots=True)
class _Look:
    """How heatmaps are drawn.

    Attributes:
        inside: where the inside of the skull is, if they are drawn there only.
    """

    kind: Kind
    opacity: float
    contours: bool
    inside: BrainMask | None


def _look(shown: Shown) -> _Look:
    return _Look(shown.kind, shown.opacity, shown.contours, shown.brain if shown.inside_only else None)


@lru_cache(maxsize=16)
def _overlay(prediction: Prediction, labels: tuple[Label, ...], index: int, look: _Look) -> NDArray[np.uint8]:
    found = layers(prediction, labels, index, look.kind)
    painted = paint_contours(found) if look.contours else paint(found, look.opacity)
    if look.inside is not None:
        painted[~look.inside.on_slice(index), 3] = 0
    return painted


def _colour_bars(shown: Shown, labels: tuple[Label, ...]) -> tuple[ColourBar, ...]:
    if shown.prediction is None or shown.scan is None or not labels:
        return ()
    caption = unit(shown.kind, cell_mm(shown.scan, shown.prediction))
    scales = {label: full_scale(shown.prediction, label, shown.kind) for label in labels}
    opacity = 1.0 if shown.contours else shown.opacity
    return tuple(
        ColourBar(label, COLOURS[label], FLOOR * scale, scale, caption, opacity) for label, scale in scales.items()
    )


# The corners


def _patient_lines(details: ScanDetails) -> tuple[str, ...]:
    name = name_text(details.patient_name)
    about = " ".join(filter(None, (age_text(details.patient_age), details.patient_sex)))
    born = f"born {date_text(details.patient_birth_date)}" if details.patient_birth_date else ""
    return _lines(name, details.patient_id, ", ".join(filter(None, (about, born))), date_text(details.study_date))


def _study_lines(details: ScanDetails) -> tuple[str, ...]:
    number = f"Series {details.series_number}" if details.series_number else ""
    return _lines(details.institution, details.scanner, details.study_description, number, details.series_description)


def _window_lines(shown: Shown, scan: Scan, index: int) -> tuple[str, ...]:
    if shown.network_view:
        colours = zip(("Red", "Green", "Blue"), CHANNELS, strict=True)
        windows = [f"{colour}: {w.name} C {w.center:g} W {w.width:g}" for colour, w in colours]
    else:
        windows = [f"C {shown.window.center:g} W {shown.window.width:g} {shown.window.name}".strip()]
    thickness_mm = _thickness_mm(shown, scan, index)
    thickness = f"Thickness {round(thickness_mm, 1):g} mm" if thickness_mm else ""
    return _lines(*windows, thickness, f"Position {scan.heights_mm[index]:.1f} mm")


def _thickness_mm(shown: Shown, scan: Scan, index: int) -> float:
    """Nominal thickness of one slice, which may change within a series; 0 where the files do not tell."""
    if shown.open_series is not None and index < len(scan.slice_uids):
        for header in shown.open_series.stack.headers:
            if header.sop_uid == scan.slice_uids[index]:
                return header.details.thickness_mm
    return scan.details.thickness_mm


def _slice_lines(shown: Shown, scan: Scan, index: int) -> tuple[str, ...]:
    kvp = f"{scan.details.kvp:g} kV" if scan.details.kvp else ""
    probe = ""
    if shown.probe is not None and shown.scan is not None:
        row, column = shown.probe
        if row < scan.hu.shape[1] and column < scan.hu.shape[2]:
            probe = f"{int(scan.hu[index, row, column])} HU"
    number, count = (index, len(scan)) if shown.preview is None else (shown.slice_index, shown.preview.slice_count)
    place = f"Slice {number + 1} / {count}"
    return _lines(probe, " ".join(filter(None, (scan.details.kernel, kvp))), place)


def _lines(*lines: str) -> tuple[str, ...]:
    return tuple(line for line in lines if line)
