"""What a reader must know of the open scan, the serious first: as sentences, and as a few words on the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.panels.notes_panel import Note

if TYPE_CHECKING:
    from app.session import Shown
    from ihd_core.scan import ScanWarning

SERIOUS = (
    "not-predicted",
    "not-a-head",
    "unreadable-slice",
    "missing-slices",
    "single-slice",
    "rsna-repair",
    "rsna-repair-off",
    "pixel-format",
    "no-rescale",
    "head-not-covered",
    "gantry-tilt",
    "lossy-compression",
    "seen-in-training",
)
"""Codes of warnings without which a picture or a result is misread, the most serious first; all others follow."""

MOST_BADGES = 4
REPAIR_OFF = "RSNA repair off"


def warnings(shown: Shown) -> tuple[ScanWarning, ...]:
    """The scan's warnings and, once it may be seen, the prediction's; the serious first, otherwise as they come."""
    if shown.prediction is not None and shown.results_visible:
        found = shown.prediction.warnings  # the scan's are among them
    else:
        found = shown.scan.warnings if shown.scan is not None else ()
    return tuple(sorted(found, key=lambda warning: _place(warning.code)))


def notes(shown: Shown) -> tuple[Note, ...]:
    """One sentence each, with the slice it is about where it is about one."""
    return tuple(
        Note(_name(warning.code), warning.text, warning.code in SERIOUS, _slice_of(warning, shown))
        for warning in warnings(shown)
    )


def note_text(shown: Shown) -> str:
    """All sentences, one a line."""
    return "\n".join(warning.text for warning in warnings(shown))


def badges(shown: Shown) -> tuple[str, ...]:
    """What must not be missed about the picture, a few words each; notes() has the sentences.

    Of the warnings at most MOST_BADGES are named and the rest counted; what changes the picture is always named.
    """
    scan = shown.scan
    if scan is None:
        return ("Reading…",) if shown.preview else ()
    found = [_name(warning.code) for warning in warnings(shown)]
    if scan.details.lossy and not any("lossy" in warning.code for warning in scan.warnings):
        found.append("Lossy compression")
    names = list(dict.fromkeys(found))
    if len(names) > MOST_BADGES:
        names[MOST_BADGES:] = [f"+{len(names) - MOST_BADGES} more"]
    if not shown.repair:
        names.append(REPAIR_OFF)
    if shown.inverted:
        names.append("Inverted")
    if shown.heatmap_labels and shown.prediction and shown.prediction.model.demonstration:
        names.append(shown.prediction.model.intended_use)
    return tuple(dict.fromkeys(names))


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
