"""What the viewing commands do: functions from Shown to Shown, and when they can be done."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from app import tool_commands
from app.session import Layout, Mode, Shown
from ihd_core.heatmaps.explain import FURTHER, OWN, Kind, full_scale, heatmap
from ihd_core.heatmaps.grad_cam_library import missing
from ihd_core.heatmaps.overlay import FLOOR
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.measurements import Tool
from ihd_core.orientation import Turn
from ihd_core.slab import Projection
from ihd_core.windowing import BONE, BRAIN, SOFT_TISSUE, STROKE, SUBDURAL, Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from ihd_core.predict import Prediction

HIDDEN = "Hidden until you save your opinion (Ctrl+Enter) or press Show AI (F9)"
OPACITY_STEP = 0.1
SLABS_MM = (0.0, 5.0, 10.0, 15.0, 20.0, 30.0)


def obstacle(shown: Shown, needs: str) -> str:
    """Why a command cannot be done now, for the status bar; empty where it can.

    Args:
        shown: what is on the screen.
        needs: "" nothing; "series" a scan in the worklist; "scan" one that is read; "results" a prediction that may be
            seen; "kinds" one by a model with a BiLSTM; "library" one, and pytorch-grad-cam; "rating" the heatmap of one
            label on the screen.
    """
    if needs == "series":
        return "" if shown.series else "No scan is open"
    if needs and shown.scan is None:
        return "No scan is open"
    if needs in ("", "scan"):
        return ""
    beyond: dict[str, Callable[[Shown], str]] = {
        "kinds": _kinds_obstacle,
        "library": _library_obstacle,
        "rating": rating_obstacle,
    }
    return _results_obstacle(shown) or (beyond[needs](shown) if needs in beyond else "")


def _results_obstacle(shown: Shown) -> str:
    if shown.prediction is None and shown.refusal:
        return shown.refusal
    if not shown.results_visible:
        return HIDDEN
    if shown.prediction is None:
        return "The prediction is not there yet"
    return shown.withheld


def _kinds_obstacle(shown: Shown) -> str:
    return "" if shown.has_kinds else "This model has no BiLSTM: what the CNN says is the result"


def _library_obstacle(_shown: Shown) -> str:
    return f"Not installed: {missing()}" if missing() else ""


def rating_obstacle(shown: Shown) -> str:
    """Why the heatmap on the screen cannot be rated; empty where it can."""
    labels = replace(shown, peeking=False).heatmap_labels
    reasons = {
        "Leave the network view (T) to rate a heatmap": shown.network_view,
        "Show the heatmap (G) to rate it": not shown.heatmap_on,
        "Leave the comparison (Shift+B) to rate a heatmap": shown.layout is Layout.KINDS and shown.has_kinds,
        "Leave the sheet of all slices (F4) to rate a heatmap": shown.layout is Layout.CONTACT,
        "Go back to the slice to rate its heatmap": shown.layout in (Layout.PLANES, Layout.PRIOR)
        and bool(shown.enlarged),
        "Show the heatmap outside the skull too, to rate it": shown.inside_only,
        "Show one slice, not a slab (Ctrl+Down), to rate its heatmap": shown.slab_mm > 0,
        "The heatmap is being computed": not shown.kind_ready,
        "Not detected: only the CNN's heatmap of it is shown (B)": not labels and shown.heatmap_label is not None,
        "Nothing detected: choose a label (Alt+1 to Alt+6)": not labels,
        "Choose one label (Alt+1 to Alt+6) to rate it": len(labels) > 1,
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def rated_label(shown: Shown) -> Label | None:
    """The one label whose heatmap can be rated now."""
    if obstacle(shown, "rating"):
        return None
    return replace(shown, peeking=False).heatmap_labels[0]


def at_slice(shown: Shown, slice_index: int) -> Shown:
    """Go to a slice, or to the nearest end."""
    last = len(shown.scan) - 1 if shown.scan is not None else 0
    at = min(max(slice_index, 0), last)
    return replace(shown, slice_index=at, points=shown.points if at == shown.slice_index else ())


def moved(shown: Shown, steps: int) -> Shown:
    """Go steps slices towards the vertex."""
    return at_slice(shown, shown.slice_index + steps)


def with_window(shown: Shown, window: Window) -> Shown:
    """Show this window of HU; leaves the network's view."""
    layout = Layout.ONE if shown.layout is Layout.WINDOWS else shown.layout
    return replace(shown, window=window, network_view=False, layout=layout)


def default_window(shown: Shown) -> Shown:
    """The window the scanner wrote into the files, or brain where it wrote none."""
    window = shown.scan.details.default_window if shown.scan is not None else None
    return with_window(shown, window or BRAIN)


def full_window(shown: Shown) -> Shown:
    """From the lowest to the highest HU of the slice."""
    if shown.scan is None:
        return shown
    hu = shown.scan.hu[shown.slice_index]
    low, high = int(hu.min()), int(hu.max())
    return with_window(shown, Window((low + high + 1) / 2, max(high - low + 1, 2), "all values"))


def toggle_network_view(shown: Shown) -> Shown:
    """The three windows of the network as red, green and blue, or grey again."""
    return replace(shown, network_view=not shown.network_view)


def invert(shown: Shown) -> Shown:
    """Swap black and white."""
    return replace(shown, inverted=not shown.inverted)


def toggle_text(shown: Shown) -> Shown:
    """Text in the corners, or the picture alone."""
    return replace(shown, overlay_text=not shown.overlay_text)


def toggle_heatmap(shown: Shown) -> Shown:
    """Heatmap on or off."""
    return replace(shown, heatmap_on=not shown.heatmap_on, network_view=False)


def with_heatmap(shown: Shown, label: Label | None) -> Shown:
    """Show the heatmap of one label, or with None of all that are detected."""
    return replace(shown, heatmap_label=label, heatmap_on=True, network_view=False)


def with_kind(shown: Shown, kind: Kind) -> Shown:
    """Show the heatmaps of the CNN's own reading, of a result, or of a further method."""
    return replace(shown, heatmap_kind=kind, heatmap_on=True, network_view=False)


def next_kind(shown: Shown) -> Shown:
    """Show the next kind of heatmaps, after the last one the first."""
    after = dict(zip(OWN, (*OWN[1:], OWN[0]), strict=True))
    return with_kind(shown, after.get(shown.kind, Kind.CNN))


def toggle_comparing(shown: Shown) -> Shown:
    """The CNN's heatmap beside that of the result, or one alone."""
    changed = in_layout(shown, Layout.KINDS)
    return replace(changed, heatmap_on=True, network_view=False)


def in_layout(shown: Shown, layout: Layout) -> Shown:
    """Show the pictures of a layout, or one picture again."""
    return replace(shown, layout=Layout.ONE if shown.layout is layout else layout, enlarged=None, network_view=False)


def with_prior_shifted(shown: Shown, steps: int) -> Shown:
    """Show the prior some of its slices higher up against the scan."""
    if shown.prior is None:
        return shown
    return replace(shown, prior_offset_mm=round(shown.prior_offset_mm + steps * shown.prior.spacing_mm[0], 3))


def turned(shown: Shown, turn: Turn) -> Shown:
    """Turn the picture, and its letters with it."""
    return replace(shown, turn=shown.turn.then(turn))


def with_slab(shown: Shown, steps: int) -> Shown:
    """Show a thicker or a thinner slab; the thinnest is the slice alone."""
    place = min(range(len(SLABS_MM)), key=lambda number: abs(SLABS_MM[number] - shown.slab_mm)) + steps
    return replace(shown, slab_mm=SLABS_MM[min(max(place, 0), len(SLABS_MM) - 1)])


def with_projection(shown: Shown, projection: Projection) -> Shown:
    """Show the mean, the brightest or the darkest along a slab; one of 10 mm where there is none."""
    return replace(shown, projection=projection, slab_mm=shown.slab_mm or 10.0)


def toggle_cine(shown: Shown) -> Shown:
    """Let the slices go on by themselves, or stop."""
    return replace(shown, cine=not shown.cine and shown.slice_count > 1)


def next_frame(shown: Shown) -> Shown:
    """The slice that follows in cine; after the last one the first."""
    return at_slice(shown, (shown.slice_index + 1) % max(shown.slice_count, 1))


def toggle_contours(shown: Shown) -> Shown:
    """Lines around what the heatmap shows, or colour."""
    return replace(shown, contours=not shown.contours, heatmap_on=True, network_view=False)


def toggle_inside_only(shown: Shown) -> Shown:
    """Hide what a heatmap shows outside the skull, or show all of it."""
    return replace(shown, inside_only=not shown.inside_only, heatmap_on=True, network_view=False)


def with_opacity(shown: Shown, opacity: float) -> Shown:
    """Draw heatmaps this strongly, 0.1..1."""
    return replace(shown, opacity=round(min(max(opacity, OPACITY_STEP), 1.0), 2))


def with_setting(shown: Shown, setting: str) -> Shown:
    """Use other operating points."""
    return replace(shown, setting=setting)


def peaks(prediction: Prediction, labels: tuple[Label, ...], kind: Kind = Kind.CNN) -> tuple[int, ...]:
    """Slices at which a label's heatmap is stronger than on both neighbouring slabs, inferior first.

    Only peaks that are painted count: at least a fifth of what is painted at full colour.
    """
    found: set[int] = set()
    first_slices = np.unique(prediction.slab_of_slice, return_index=True)[1]
    for label in labels:
        strongest = [heatmap(prediction, label, int(index), kind).values.max() for index in first_slices]
        strength = np.array(strongest) / full_scale(prediction, label, kind)
        padded = np.concatenate([[-1.0], strength, [-1.0]])
        rises, falls = padded[1:-1] > padded[:-2], padded[1:-1] >= padded[2:]
        for slab in np.flatnonzero(rises & falls & (strength >= FLOOR)):
            slices = np.flatnonzero(prediction.slab_of_slice == slab)
            found.add(int(slices[len(slices) // 2]))
    return tuple(sorted(found))


def to_peak(shown: Shown, *, forward: bool) -> Shown:
    """Go to the next or previous peak of the heatmaps that are chosen, and show them; stay where there is none."""
    shown = replace(shown, heatmap_on=True, network_view=False, peeking=False)
    if shown.prediction is None:
        return shown
    found = peaks(shown.prediction, shown.heatmap_labels, shown.kind)
    beyond = [index for index in found if (index > shown.slice_index if forward else index < shown.slice_index)]
    if not beyond:
        return shown
    return at_slice(shown, beyond[0] if forward else beyond[-1])


def in_mode(shown: Shown, mode: Mode) -> Shown:
    """Change when results are shown."""
    return replace(shown, mode=mode)


COMMANDS: dict[str, Callable[[Shown], Shown]] = {
    "next_slice": partial(moved, steps=1),
    "previous_slice": partial(moved, steps=-1),
    "ten_slices_on": partial(moved, steps=10),
    "ten_slices_back": partial(moved, steps=-10),
    "first_slice": partial(at_slice, slice_index=0),
    "last_slice": partial(at_slice, slice_index=1 << 30),
    "brain_window": partial(with_window, window=BRAIN),
    "subdural_window": partial(with_window, window=SUBDURAL),
    "soft_tissue_window": partial(with_window, window=SOFT_TISSUE),
    "bone_window": partial(with_window, window=BONE),
    "stroke_window": partial(with_window, window=STROKE),
    "default_window": default_window,
    "full_window": full_window,
    "invert": invert,
    "toggle_text": toggle_text,
    "toggle_network_view": toggle_network_view,
    "toggle_heatmap": toggle_heatmap,
    "heatmap_all": partial(with_heatmap, label=None),
    **{f"heatmap_{label}": partial(with_heatmap, label=label) for label in DISPLAY_ORDER},
    "cnn_kind": partial(with_kind, kind=Kind.CNN),
    "result_slice_kind": partial(with_kind, kind=Kind.RESULT_SLICE),
    "result_scan_kind": partial(with_kind, kind=Kind.RESULT_SCAN),
    "next_kind": next_kind,
    **{f"{kind.name.lower()}_kind": partial(with_kind, kind=kind) for kind in FURTHER},
    "toggle_comparing": toggle_comparing,
    "toggle_windows": partial(in_layout, layout=Layout.WINDOWS),
    "toggle_planes": partial(in_layout, layout=Layout.PLANES),
    "prior_up": partial(with_prior_shifted, steps=1),
    "prior_down": partial(with_prior_shifted, steps=-1),
    "toggle_contact": partial(in_layout, layout=Layout.CONTACT),
    "flip_horizontally": partial(turned, turn=Turn(flip_columns=True)),
    "flip_vertically": partial(turned, turn=Turn(flip_rows=True)),
    "rotate": partial(turned, turn=Turn(transpose=True, flip_columns=True)),
    "thicker_slab": partial(with_slab, steps=1),
    "thinner_slab": partial(with_slab, steps=-1),
    **{f"slab_{projection}": partial(with_projection, projection=projection) for projection in Projection},
    "toggle_cine": toggle_cine,
    "toggle_contours": toggle_contours,
    "toggle_inside_only": toggle_inside_only,
    "next_peak": partial(to_peak, forward=True),
    "previous_peak": partial(to_peak, forward=False),
    "more_opaque": lambda shown: with_opacity(shown, shown.opacity + OPACITY_STEP),
    "less_opaque": lambda shown: with_opacity(shown, shown.opacity - OPACITY_STEP),
    "screen_setting": partial(with_setting, setting="screen"),
    "confirm_setting": partial(with_setting, setting="confirm"),
    "paper_setting": partial(with_setting, setting="paper"),
    "second_reader_mode": partial(in_mode, mode=Mode.SECOND_READER),
    "triage_mode": partial(in_mode, mode=Mode.TRIAGE),
    "toggle_arrival_order": lambda shown: replace(shown, arrival_order=not shown.arrival_order),
    **tool_commands.COMMANDS,
}
"""The commands that change only what is shown, by name; all others are methods of MainWindow."""


def ticked(shown: Shown) -> frozenset[str]:
    """Names of the commands that carry a tick in the menus."""
    windows = {
        "brain_window": BRAIN,
        "subdural_window": SUBDURAL,
        "soft_tissue_window": SOFT_TISSUE,
        "bone_window": BONE,
        "stroke_window": STROKE,
    }
    label = "all" if shown.heatmap_label is None else shown.heatmap_label.value
    kind = f"{shown.kind.name.lower()}_kind"
    names = {f"{shown.setting}_setting", f"{shown.mode.replace('-', '_')}_mode", f"heatmap_{label}", kind}
    if not shown.network_view:
        here = (shown.window.center, shown.window.width)
        names |= {name for name, window in windows.items() if (window.center, window.width) == here}
    states = {
        "invert": shown.inverted,
        "toggle_text": shown.overlay_text,
        "toggle_network_view": shown.network_view,
        "toggle_heatmap": shown.heatmap_on,
        "toggle_comparing": shown.layout is Layout.KINDS,
        "toggle_windows": shown.layout is Layout.WINDOWS,
        "toggle_planes": shown.layout is Layout.PLANES,
        "toggle_contact": shown.layout is Layout.CONTACT,
        "toggle_prior": shown.layout is Layout.PRIOR,
        "toggle_cine": shown.cine,
        f"slab_{shown.projection}": shown.slab_mm > 0,
        "toggle_contours": shown.contours,
        "toggle_inside_only": shown.inside_only,
        "toggle_repair": shown.repair,
        "toggle_arrival_order": shown.arrival_order,
        "toggle_key_image": shown.slice_index in shown.key_images,
        **{tool_commands.command_name(tool): shown.tool is tool for tool in Tool},
    }
    return frozenset(names | {name for name, on in states.items() if on})
