"""What is drawn in the middle of the window: one slice or several pictures, computed from Shown; pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from app.panels.slice_picture import Badge, ColourBar, SlicePicture
from app.session import Layout
from app.tool_commands import marks, tool_badges, volume_line
from app.values.contact import contact_picture
from app.values.patient_text import age_text, date_text, name_text
from app.values.prior import shown_prior
from app.values.scan_gaps import beside
from app.values.scan_notes import badges, gaps
from ihd_core.heatmaps.explain import Kind, full_scale
from ihd_core.heatmaps.overlay import COLOURS, FLOOR, cell_mm, layers, paint, paint_contours, unit
from ihd_core.model_input import CHANNELS, channels, slabs
from ihd_core.orientation import Turn, edge_letters, letters
from ihd_core.reformat import Cut, Reformat, reformat
from ihd_core.slab import slab
from ihd_core.windowing import to_grey

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from app.session import Shown
    from ihd_core.brain_mask import BrainMask
    from ihd_core.labels import Label
    from ihd_core.predict import Prediction
    from ihd_core.scan import Scan, ScanDetails
    from ihd_core.slab import Projection


def pictures(shown: Shown) -> tuple[SlicePicture, ...]:
    """The pictures of the layout, from left to right, or the enlarged one; none without a scan."""
    if (shown.scan or shown.preview) is None:
        return ()
    panes = _panes(shown)
    first = panes[0].badges  # what holds for all is said once
    if shown.enlarged is not None:
        alone = panes[min(shown.enlarged, len(panes) - 1)]
        own = tuple(one for one in alone.badges if one not in first)
        if alone.linked == "prior":  # it has an identity and warnings of its own
            return (alone,)
        return (replace(alone, top_left=panes[0].top_left, top_right=panes[0].top_right, badges=(*first, *own)),)
    if shown.layout is Layout.PRIOR:  # another scan has warnings of its own
        return panes
    return panes[0], *(
        replace(pane, badges=tuple(one for one in pane.badges if one not in first)) for pane in panes[1:]
    )


def _panes(shown: Shown) -> tuple[SlicePicture, ...]:
    layout = shown.layout
    if layout is Layout.WINDOWS:
        return tuple(slice_picture(replace(shown, window=window, network_view=False)) for window in shown.pane_windows)
    if layout is Layout.KINDS and shown.has_kinds and shown.results_visible and shown.heatmap_on:
        result = Kind.RESULT_SLICE if shown.kind is Kind.CNN else shown.kind
        return tuple(slice_picture(replace(shown, heatmap_kind=kind)) for kind in (Kind.CNN, result))
    if layout is Layout.CONTACT and shown.scan is not None:
        return (_with_what_holds_for_all(contact_picture(shown), shown),)
    if layout is Layout.PRIOR and shown.prior is not None and shown.scan is not None:
        return slice_picture(shown), _prior_picture(shown)
    if layout is Layout.PLANES and shown.scan is not None and len(shown.scan) > 1:
        axial = replace(slice_picture(shown), rules=_rules_on_slice(shown), linked="slice")
        return axial, *(_cut_picture(shown, cut) for cut in Cut)
    return (slice_picture(shown),)


def _with_what_holds_for_all(sheet: SlicePicture, shown: Shown) -> SlicePicture:
    """Identity and warnings, which a sheet of all slices needs as a slice does."""
    details = shown.scan.details if shown.scan is not None else None
    return replace(
        sheet,
        top_left=_patient_lines(details) if details is not None and shown.overlay_text else (),
        badges=(*badges(shown), *sheet.badges),
    )


def _prior_picture(shown: Shown) -> SlicePicture:
    """The prior's slice at the height of the one on the screen."""
    picture = slice_picture(shown_prior(shown))
    date = date_text(shown.prior.details.study_date) if shown.prior is not None else ""
    other: tuple[Badge, ...] = (Badge(f"OTHER EXAMINATION {date}".strip()),)
    if shown.prior_offset_mm:
        other += (Badge(f"Shifted {shown.prior_offset_mm:+.1f} mm", serious=False),)
    return replace(picture, badges=(*other, *picture.badges), linked="prior")


def slice_picture(shown: Shown) -> SlicePicture:
    """The slice on the screen with its heatmaps and everything written around it.

    Raises:
        ValueError: no scan is open.
    """
    scan = shown.scan or (shown.preview.scan if shown.preview else None)
    if scan is None:
        raise ValueError("no scan is open")
    index = min(shown.slice_index, len(scan) - 1)
    labels = shown.heatmap_labels
    text = shown.overlay_text
    stored = SlicePicture(
        pixels=_pixels(scan, index, shown),
        pixel_mm=scan.spacing_mm[1:],
        window=shown.window,
        overlay=_overlay(shown.prediction, labels, index, _look(shown)) if shown.prediction and labels else None,
        letters=edge_letters(scan.orientation),
        top_left=_patient_lines(scan.details) if text else (),
        top_right=_study_lines(scan.details) if text else (),
        bottom_left=_window_lines(shown, scan, index) if text else (),
        bottom_right=_slice_lines(shown, scan, index) if text else (),
        badges=(*badges(shown), *tool_badges(shown)),
        measuring=shown.tool is not None,
        colour_bars=_colour_bars(shown, labels),
        caution=beside(gaps(shown), index),
        linked="slice",
    )
    return replace(_turned(stored, shown.turn), marks=marks(shown, partial(stored_to_drawn, shown)))


def _turned(picture: SlicePicture, turn: Turn) -> SlicePicture:
    """The same picture with its pixels, what lies on them and its letters turned together."""
    if turn == Turn() or picture.letters is None:
        return picture
    pixels, overlay = picture.pixels, picture.overlay
    rows_mm, columns_mm = picture.pixel_mm
    return replace(
        picture,
        pixels=_turned_pixels(pixels, turn),
        pixel_mm=(columns_mm, rows_mm) if turn.transpose else picture.pixel_mm,
        overlay=_turned_pixels(overlay, turn) if overlay is not None else None,
        letters=picture.letters.turned(turn),
    )


def _turned_pixels(pixels: NDArray[np.uint8], turn: Turn) -> NDArray[np.uint8]:
    """Grey (rows, columns) or with colours in the last axis, copied."""
    if pixels.ndim == 2:
        return np.ascontiguousarray(turn.apply(pixels))
    return np.ascontiguousarray(turn.apply(pixels.transpose(2, 0, 1)).transpose(1, 2, 0))


def cut_at(shown: Shown) -> tuple[int, int]:
    """(row, column) of the slice at which the other planes cut it; the middle until the reader has chosen."""
    if shown.cut is not None or shown.scan is None:
        return shown.cut or (0, 0)
    rows, columns = shown.scan.hu.shape[1:]
    return rows // 2, columns // 2


def cut_of(shown: Shown, cut: Cut) -> Reformat | None:
    """The picture across the slices that goes through the chosen place; None where there are no slices to cut."""
    if shown.scan is None or len(shown.scan) < 2:
        return None
    row, column = cut_at(shown)
    missing = frozenset(gap.after_index for gap in gaps(shown))
    return _reformat(shown.scan, cut, column if cut is Cut.COLUMN else row, missing)


@lru_cache(maxsize=8)
def _reformat(scan: Scan, cut: Cut, index: int, missing: frozenset[int]) -> Reformat:
    return reformat(scan, cut, index, missing)


def _rules_on_slice(shown: Shown) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Where the other planes cut the slice as it is drawn: rows, columns."""
    if shown.scan is None:
        return (), ()
    row, column = stored_to_drawn(shown, *cut_at(shown))
    return (row,), (column,)


def stored_to_drawn(shown: Shown, row: float, column: float) -> tuple[float, float]:
    """Where a pixel of the stored slice is on the turned one."""
    if shown.scan is None:
        return row, column
    to_drawn = np.linalg.inv(shown.turn.to_original((shown.scan.hu.shape[1], shown.scan.hu.shape[2])))
    drawn = to_drawn @ (row, column, 1.0)
    return float(drawn[0]), float(drawn[1])


def drawn_to_stored(shown: Shown, row: int, column: int) -> tuple[int, int]:
    """Which pixel of the stored slice is drawn here."""
    if shown.scan is None:
        return row, column
    stored = shown.turn.to_original((shown.scan.hu.shape[1], shown.scan.hu.shape[2])) @ (row, column, 1.0)
    return round(float(stored[0])), round(float(stored[1]))


def _cut_picture(shown: Shown, cut: Cut) -> SlicePicture:
    """A picture across the slices; no heatmap is drawn on it."""
    found, (row, column) = cut_of(shown, cut), cut_at(shown)
    if found is None or shown.scan is None:
        raise ValueError("no scan of several slices is open")
    grey = to_grey(found.hu, shown.window)
    grey = np.where(found.known[:, None], 255 - grey if shown.inverted else grey, np.uint8(0))
    missing = Badge("Slices are missing: black bands are not tissue")
    return SlicePicture(
        pixels=grey,
        pixel_mm=(found.pixel_mm, found.pixel_mm),
        window=shown.window,
        letters=edge_letters(found.orientation),
        bottom_left=_window_lines(shown, shown.scan, shown.slice_index)[:1] if shown.overlay_text else (),
        badges=() if found.known.all() else (missing,),
        rules=((float(found.slice_rows[shown.slice_index]),), (float(row if cut is Cut.COLUMN else column),)),
        linked=cut.value,
    )


NOT_IN_THE_PICTURE = (
    "series",
    "current",
    "loading",
    "loading_name",
    "predicting",
    "partial",
    "engine_note",
    "refusal",
    "opinion",
    "saved_opinion",
    "saved_at",
    "ratings",
    "reader",
    "left_out",
    "screened",
    "arrival_order",
)
"""Parts of Shown that slice_picture() does not read: what changes often while the picture stands."""


def same_picture(shown: Shown, old: Shown) -> bool:
    """Whether the picture need not be drawn again."""
    return replace(shown, **{name: getattr(old, name) for name in NOT_IN_THE_PICTURE}) == old


# The picture


def _pixels(scan: Scan, index: int, shown: Shown) -> NDArray[np.uint8]:
    if shown.network_view and shown.scan is not None:
        return _network_pixels(scan, index)
    grey = to_grey(_hu(scan, index, shown), shown.window)
    return 255 - grey if shown.inverted else grey


def _hu(scan: Scan, index: int, shown: Shown) -> NDArray[np.int16]:
    """What is shown as one slice: the slice, or the slab about it."""
    if shown.slab_mm > 0 and shown.scan is not None:
        return _slab(scan, index, shown.slab_mm, shown.projection)
    return np.asarray(scan.hu[index])


@lru_cache(maxsize=4)
def _slab(scan: Scan, index: int, slab_mm: float, projection: Projection) -> NDArray[np.int16]:
    return slab(scan, index, slab_mm, projection)


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
    return _lines(volume_line(shown), *windows, thickness, f"Position {scan.heights_mm[index]:.1f} mm")


def _thickness_mm(shown: Shown, scan: Scan, index: int) -> float:
    """Nominal thickness of one slice, which may change within a series; 0 where the files do not tell."""
    if shown.open_series is not None and index < len(scan.slice_uids):
        for header in shown.open_series.stack.headers:
            if header.sop_uid == scan.slice_uids[index]:
                return header.details.thickness_mm
    return scan.details.thickness_mm


def _slice_lines(shown: Shown, scan: Scan, index: int) -> tuple[str, ...]:
    kvp = f"{scan.details.kvp:g} kV" if scan.details.kvp else ""
    probe = place = ""
    if shown.probe is not None and shown.scan is not None:
        row, column = shown.probe
        if row < scan.hu.shape[1] and column < scan.hu.shape[2]:
            probe = f"{int(_hu(scan, index, shown)[row, column])} HU"
            place = _place_text(scan.place_mm(index, row, column))
    number, count = (index, len(scan)) if shown.preview is None else (shown.slice_index, shown.preview.slice_count)
    return _lines(place, probe, " ".join(filter(None, (scan.details.kernel, kvp))), f"Slice {number + 1} / {count}")


def _place_text(place_mm: NDArray[np.float64]) -> str:
    """A place in the patient, as "L 12.3 A 40.1 H 22.0 mm"."""
    named = (f"{letters(np.copysign(axis, mm))} {abs(mm):.1f}" for axis, mm in zip(np.eye(3), place_mm, strict=True))
    return f"{' '.join(named)} mm"


def _lines(*lines: str) -> tuple[str, ...]:
    return tuple(line for line in lines if line)
