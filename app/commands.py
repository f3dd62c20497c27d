"""THE table of commands: name, text, menu, keys, what must be open."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QKeySequence

from app.tool_commands import command_name
from ihd_core.heatmaps.explain import FURTHER
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.measurements import Tool
from ihd_core.slab import Projection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from PySide6.QtWidgets import QMainWindow, QMenu


@dataclass(frozen=True, slots=True)
class Command:
    """Something the reader can ask for.

    Attributes:
        name: a function of view_commands.py (Shown to Shown), or else a method of MainWindow.
        text: how menus and the sheet of keys call it; an ellipsis where a dialog follows.
        menu: which menu it is in; "-" in front of the text draws a line above it.
        keys: all of them do the same; the first is shown.
        needs: "", "scan", "series", "results", "kinds", "library" or "rating"; see view_commands.obstacle().
        checkable: the menu shows a tick, as view_commands.ticked() says.
    """

    name: str
    text: str
    menu: str
    keys: tuple[str, ...] = ()
    needs: str = ""
    checkable: bool = False


def _label_commands() -> tuple[Command, ...]:
    def text(label: Label) -> str:
        return f"Heatmap of {'any hemorrhage' if label is Label.ANY else label.short_name}"

    return tuple(
        Command(f"heatmap_{label}", text(label), "AI", (f"Alt+{number}",), "results", checkable=True)
        for number, label in enumerate(DISPLAY_ORDER, start=1)
    )


def _slab_commands() -> tuple[Command, ...]:
    return tuple(
        Command(f"slab_{projection}", f"Slab: {projection}", "View", (), "scan", checkable=True)
        for projection in Projection
    )


def _method_commands() -> tuple[Command, ...]:
    return tuple(
        Command(f"{kind.name.lower()}_kind", kind.full_name, "AI", (), "library", checkable=True) for kind in FURTHER
    )


def _call_commands() -> tuple[Command, ...]:
    return tuple(
        Command(f"call_{label}", f"My call: {label.short_name}", "Record", (f"Ctrl+{number}",), "scan")
        for number, label in enumerate(DISPLAY_ORDER, start=1)
    )


def _tool_commands() -> tuple[Command, ...]:
    rows = {
        Tool.LENGTH: ("Length", ("L",)),
        Tool.ANGLE: ("Angle", ("Shift+L",)),
        Tool.PROBE: ("HU of a place", ("P",)),
        Tool.ELLIPSE: ("-Ellipse: mean, deviation, area", ("E",)),
        Tool.RECTANGLE: ("Rectangle: mean, deviation, area", ("Shift+E",)),
        Tool.SHIFT: ("-Midline shift: two ends of the falx, then the displaced point", ("Alt+S",)),
        Tool.THICKNESS: ("Greatest thickness of a collection", ("Alt+T",)),
        Tool.CLOT: ("Clot on every slice, volume by ABC/2", ("Alt+C",)),
    }
    return tuple(
        Command(command_name(tool), text, "Measure", keys, "scan", checkable=True)
        for tool, (text, keys) in rows.items()
    )


COMMANDS = (
    Command("open_folder", "Open folder…", "File", ("Ctrl+O",)),
    Command("open_files", "Open files…", "File", ("Ctrl+Shift+O",)),
    Command("watch_folder", "Watch a folder…", "File", checkable=True),
    Command("reopen", "Open again what was open last", "File", ("Ctrl+Shift+T",)),
    Command("toggle_repair", "Undo the wrap-around of RSNA files", "File", checkable=True),
    Command("choose_model", "-Choose model…", "File"),
    Command("use_shipped_model", "Use the model that comes with the program", "File"),
    Command("save_picture", "Save picture of the window…", "File", ("Ctrl+P",)),
    Command("save_sheets", "Save contact sheets…", "File", (), "results"),
    Command("quit", "-Quit", "File", ("Ctrl+Q",)),
    Command("next_slice", "Next slice, towards the vertex", "View", ("Down",), "scan"),
    Command("previous_slice", "Previous slice, towards the neck", "View", ("Up",), "scan"),
    Command("ten_slices_on", "Ten slices on", "View", ("Shift+Down",), "scan"),
    Command("ten_slices_back", "Ten slices back", "View", ("Shift+Up",), "scan"),
    Command("first_slice", "First slice", "View", ("Home",), "scan"),
    Command("last_slice", "Last slice", "View", ("End",), "scan"),
    Command("next_series", "-Next series", "View", ("PgDown", "Right"), "series"),
    Command("previous_series", "Previous series", "View", ("PgUp", "Left"), "series"),
    Command("next_case", "Next case", "View", ("Ctrl+Right",), "series"),
    Command("previous_case", "Previous case", "View", ("Ctrl+Left",), "series"),
    Command("brain_window", "-Brain window, C 40 W 80", "View", ("1",), "scan", checkable=True),
    Command("subdural_window", "Subdural window, C 80 W 200", "View", ("2",), "scan", checkable=True),
    Command("soft_tissue_window", "Soft tissue window, C 40 W 380", "View", ("3",), "scan", checkable=True),
    Command("bone_window", "Bone window, C 480 W 2500", "View", ("4",), "scan", checkable=True),
    Command("stroke_window", "Stroke window, C 40 W 40", "View", ("5",), "scan", checkable=True),
    Command("default_window", "Window of the scanner", "View", ("`",), "scan"),
    Command("full_window", "All values of the slice", "View", ("0",), "scan"),
    Command("invert", "Invert", "View", ("I",), "scan", checkable=True),
    Command("toggle_windows", "-Brain, subdural and soft tissue side by side", "View", ("V",), "scan", checkable=True),
    Command("toggle_planes", "Axial, sagittal and coronal", "View", ("Shift+V",), "scan", checkable=True),
    Command("toggle_contact", "All slices on one sheet", "View", ("F4",), "scan", checkable=True),
    Command("toggle_prior", "Other examination of this patient beside", "View", ("F6",), "scan", checkable=True),
    Command("prior_up", "Other examination: one slice up", "View", ("Ctrl+PgDown",), "scan"),
    Command("prior_down", "Other examination: one slice down", "View", ("Ctrl+PgUp",), "scan"),
    Command("thicker_slab", "Thicker slab", "View", ("Ctrl+Up",), "scan"),
    Command("thinner_slab", "Thinner slab", "View", ("Ctrl+Down",), "scan"),
    *_slab_commands(),
    Command("toggle_cine", "Cine", "View", ("C",), "scan", checkable=True),
    Command("flip_horizontally", "-Flip left and right", "View", ("Ctrl+Shift+H",), "scan"),
    Command("flip_vertically", "Flip top and bottom", "View", ("Ctrl+Shift+V",), "scan"),
    Command("rotate", "Rotate by 90 degrees", "View", ("R",), "scan"),
    Command("fit", "-Fit to the window", "View", ("=",), "scan"),
    Command("zoom_in", "Zoom in", "View", ("+",), "scan"),
    Command("zoom_out", "Zoom out", "View", ("-",), "scan"),
    Command("reset_view", "Reset window, zoom and position", "View", ("Ctrl+0",), "scan"),
    Command("toggle_text", "-Text on the picture", "View", ("O",), checkable=True),
    Command("find_in_worklist", "Find in the worklist", "View", ("Ctrl+F",)),
    Command("toggle_arrival_order", "Worklist in order of arrival", "View", checkable=True),
    Command("toggle_worklist", "Worklist and notes", "View", ("F7",), checkable=True),
    Command("full_screen", "Full screen", "View", ("F11",), checkable=True),
    Command("show_ai", "Show AI", "AI", ("F9",), "scan"),
    Command("toggle_network_view", "What the network sees", "AI", ("T",), "scan", checkable=True),
    Command("toggle_heatmap", "-Heatmap", "AI", ("G",), "results", checkable=True),
    Command("heatmap_all", "Heatmap of all detected labels", "AI", ("Alt+0",), "results", checkable=True),
    *_label_commands(),
    Command("cnn_kind", "-Heatmap of the CNN's own reading", "AI", (), "results", checkable=True),
    Command("result_slice_kind", "Heatmap of the slice's result", "AI", (), "kinds", checkable=True),
    Command("result_scan_kind", "Heatmap of the scan's result", "AI", (), "kinds", checkable=True),
    Command("next_kind", "Next kind of heatmap: CNN, slice's result, scan's result", "AI", ("B",), "kinds"),
    *_method_commands(),
    Command("toggle_comparing", "Heatmaps of CNN and result side by side", "AI", ("Shift+B",), "kinds", checkable=True),
    Command("toggle_contours", "-Heatmap as contours", "AI", ("Shift+G",), "results", checkable=True),
    Command("toggle_inside_only", "Heatmap inside the skull only", "AI", (), "results", checkable=True),
    Command("next_peak", "-Next peak of the heatmap", "AI", ("N",), "results"),
    Command("previous_peak", "Previous peak of the heatmap", "AI", ("Shift+N",), "results"),
    Command("more_opaque", "Heatmap stronger", "AI", (".",), "results"),
    Command("less_opaque", "Heatmap weaker", "AI", (",",), "results"),
    Command("screen_setting", "-Operating points: screen", "AI", checkable=True),
    Command("confirm_setting", "Operating points: confirm", "AI", checkable=True),
    Command("paper_setting", "Operating points: paper, p > 0.5", "AI", checkable=True),
    Command("copy_findings", "-Copy the findings as text", "AI", ("Ctrl+Shift+C",), "results"),
    Command("second_reader_mode", "-Second reader: results after my opinion", "AI", checkable=True),
    Command("triage_mode", "Triage: results at once", "AI", checkable=True),
    Command("predict_again", "-Predict again", "AI", ("F5",), "scan"),
    Command("cancel", "Stop what is running", "AI", ("Esc",)),
    *_tool_commands(),
    Command("delete_measurement", "-Delete the measurement under the pointer", "Measure", ("Del",), "scan"),
    Command("toggle_key_image", "Key image", "Measure", ("K",), "scan", checkable=True),
    Command("save_measurements", "Save measurements…", "Measure", (), "scan"),
    Command("rate_correct", "Heatmap is correct", "Record", ("A",), "rating"),
    Command("rate_partially_correct", "Heatmap is partially correct", "Record", ("S",), "rating"),
    Command("rate_incorrect", "Heatmap is incorrect", "Record", ("D",), "rating"),
    *_call_commands(),
    Command("more_suspicious", "My suspicion +10", "Record", ("]",), "scan"),
    Command("less_suspicious", "My suspicion -10", "Record", ("[",), "scan"),
    Command("rest_no", "My call: all others no", "Record", ("Ctrl+7",), "scan"),
    Command("comment", "Comment", "Record", ("M",), "scan"),
    Command("save_opinion", "Save my opinion", "Record", ("Ctrl+Return", "Ctrl+Enter"), "scan"),
    Command("undo", "Undo the last record", "Record", ("Ctrl+Z",), "scan"),
    Command("switch_reader", "-Switch reader…", "Record"),
    Command("show_keys", "Keys", "Help", ("F1",)),
    Command("change_keys", "Change keys…", "Help"),
    Command("about", "About this program and its model", "Help"),
)

HELD_KEYS = (("Space", "While held: the picture without heatmap"),)
"""Keys that act while they are down; the window's event filter knows them."""


def install(
    window: QMainWindow, run: Callable[[Command], object], commands: Sequence[Command] = COMMANDS
) -> Mapping[str, QAction]:
    """Make one action a command, in the menus of the window, in the order of the table.

    Args:
        window: gets the menus; the actions are its children and have the command's name as object name.
        run: what a triggered action does.
        commands: COMMANDS, with the reader's own keys.

    Returns:
        The actions by name.
    """
    menus: dict[str, QMenu] = {}
    actions: dict[str, QAction] = {}
    for command in commands:
        menu = menus.setdefault(command.menu, menus.get(command.menu) or window.menuBar().addMenu(f"&{command.menu}"))
        if command.text.startswith("-"):
            menu.addSeparator()
        action = QAction(plain_text(command), window)
        action.setObjectName(command.name)
        action.setShortcuts([QKeySequence(key) for key in command.keys])
        action.setCheckable(command.checkable)
        action.triggered.connect(lambda _checked=False, command=command: run(command))
        menu.addAction(action)
        actions[command.name] = action
    return actions


def plain_text(command: Command) -> str:
    """The command's text without the sign for a line above it."""
    return command.text.removeprefix("-")


def key_text(name: str, commands: Sequence[Command] = COMMANDS) -> str:
    """The first key of a command, as written on a keyboard; empty where it has none."""
    keys = next(command.keys for command in commands if command.name == name)
    return keys[0] if keys else ""


def shortcut_help(commands: Sequence[Command] = COMMANDS) -> str:
    """The sheet of keys, as HTML: one table a menu."""
    tables = []
    for menu in dict.fromkeys(command.menu for command in commands):
        rows = [(", ".join(c.keys), plain_text(c)) for c in commands if c.menu == menu and c.keys]
        rows += HELD_KEYS if menu == "AI" else ()
        tables.append(f"<h3>{menu}</h3>{table(rows)}")
    return "".join(tables)


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Two columns as HTML, the first one bold."""
    lines = (f"<tr><td><b>{escape(left)}</b>&nbsp;&nbsp;</td><td>{escape(right)}</td></tr>" for left, right in rows)
    return f"<table>{''.join(lines)}</table>"
