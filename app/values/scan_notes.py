"""What a reader must know of the open scan, the serious first: as sentences, and as a few words on the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.panels.notes_panel import Note
from app.panels.slice_picture import Badge
from app.session import Layout
from app.values.heatmap_focus import focus_of
from app.values.scan_gaps import Gap, scan_gaps
from app.values.slice_directions import unusual_lie
from ihd_core.heatmaps.explain import Kind
from ihd_core.orientation import Turn

if TYPE_CHECKING:
    from app.session import Shown
    from ihd_core.scan import ScanWarning

SERIOUS = (
    "not-predicted",
    "not-a-head",
    "part-of-a-head",
    "no-tissue",
    "unreadable-slice",
    "left-out-images",
    "missing-slices",
    "copy-shown",
    "shifted-slices",
    "interleaved-slices",
    "single-slice",
    "rsna-repair",
    "rsna-repair-off",
    "pixel-format",
    "no-rescale",
    "values-may-not-be-hu",
    "head-not-covered",
    "lossy-compression",
    "seen-in-training",
)
"""Codes of warnings without which a picture or a result is misread, the most serious first; all others follow."""

REPAIR_OFF = "RSNA repair off"
DEMONSTRATION = "Demonstration model, not for clinical use"


def gaps(shown: Shown) -> tuple[Gap, ...]:
    """Where slices of the open scan are missing; of a scan that is not complete yet nobody knows."""
    return scan_gaps(shown.scan, shown.open_series) if shown.scan is not None else ()


def warnings(shown: Shown) -> tuple[ScanWarning, ...]:
    """The scan's warnings and, once it may be seen, the prediction's; the serious first, otherwise as they come."""
    if shown.prediction is not None and shown.results_visible:
        found = shown.prediction.warnings  # the scan's are among them
    else:
        found = shown.scan.warnings if shown.scan is not None else ()
    return tuple(sorted(found, key=lambda warning: _place(warning.code)))


def notes(shown: Shown) -> tuple[Note, ...]:
    """One sentence each, with the slice it is about where it is about one.

    Why a scan is not predicted is left out where the second opinion says so already.
    """
    lie = _lie(shown)[1]
    return (
        *([Note(lie.split(":")[0], lie, True)] if lie else []),
        *(
            Note(_name(warning.code), warning.text, warning.code in SERIOUS, _slice_of(warning, shown))
            for warning in warnings(shown)
            if not (shown.refusal and shown.refusal in warning.text)
        ),
    )


def note_text(shown: Shown) -> str:
    """All sentences, one a line."""
    return "\n".join(note.text for note in notes(shown))


def badges(shown: Shown) -> tuple[Badge, ...]:
    """What must not be missed about the picture, a few words each; notes() has the sentences.

    Of the warnings those may go that find no room; what changes the picture is always named.
    """
    scan = shown.scan
    if scan is None:
        return (Badge("Reading…"),) if shown.preview else ()
    found = [Badge(_name(warning.code), warning.code in SERIOUS, may_go=True) for warning in warnings(shown)]
    if scan.details.lossy and not any("lossy" in warning.code for warning in scan.warnings):
        found.append(Badge("Lossy compression", may_go=True))
    lie = [Badge(text) for text in _lie(shown)[:1] if text]
    always = [REPAIR_OFF * (not shown.repair), "Inverted" * shown.inverted]
    if shown.heatmap_labels and shown.prediction and shown.prediction.model.demonstration:
        always.append(DEMONSTRATION)
    if shown.turn != Turn():
        always.append("FLIPPED" if shown.turn.mirrors else "ROTATED")
    if shown.slab_mm and not shown.network_view:
        always.append(f"Slab of {shown.slab_mm:g} mm, {shown.projection}")
    if shown.heatmap_labels and shown.inside_only:
        always.append("Heatmap outside the skull hidden")
    kept = [Badge(text) for text in (*always, *_peaks_outside(shown)) if text]
    if (shown.kind is not Kind.CNN or shown.layout is Layout.KINDS) and shown.has_kinds and shown.results_visible:
        kept.append(Badge(shown.kind.full_name, serious=False))
    return tuple({badge.text: badge for badge in (*lie, *found, *kept)}.values())


def _peaks_outside(shown: Shown) -> list[str]:
    """Of every heatmap on the screen whose peak lies outside the skull, where it lies instead."""
    found = [(label, focus_of(shown, label)) for label in shown.heatmap_labels]
    return [
        f"{label.short_name} heatmap peaks outside the skull: {one.region}"
        for label, one in found
        if one is not None and one.is_outside
    ]


def _lie(shown: Shown) -> tuple[str, str]:
    return unusual_lie(shown.scan.orientation) if shown.scan is not None else ("", "")


def recorded_codes(shown: Shown) -> tuple[str, ...]:
    """Codes for the record, each once: the prediction's where there is one, which begin with the scan's."""
    source = shown.prediction or shown.scan
    return tuple(dict.fromkeys(warning.code for warning in source.warnings)) if source is not None else ()


def _place(code: str) -> int:
    return SERIOUS.index(code) if code in SERIOUS else len(SERIOUS)


def _name(code: str) -> str:
    """A code in words; "rsna-repair" is "RSNA repair"."""
    words = code.replace("-", " ")
    return words[:1].upper() + words[1:].replace("kvp", "kVp") if not words.startswith("rsna") else f"RSNA{words[4:]}"


def _slice_of(warning: ScanWarning, shown: Shown) -> int:
    """slice_index of the slice a warning is about, of the scan; -1 where it is about none, or one that is not there."""
    count = len(shown.scan) if shown.scan is not None else 0
    for name in ("slice_index", "after_index"):
        if name in warning.values:
            # Beyond the last slice that could be read, the last one is the nearest there is.
            return min(max(int(warning.values[name]), 0), count - 1)
    return -1
