"""The table of commands."""

from __future__ import annotations

from collections import Counter
from html import escape

import pytest
from PySide6.QtGui import QKeySequence

from app.commands import COMMANDS, HELD_KEYS, key_text, plain_text, shortcut_help
from app.view_commands import COMMANDS as VIEWING
from app.window_commands import COMMANDS as ACTING

ALL_KEYS = [key for command in COMMANDS for key in command.keys]


def test_no_key_is_used_twice():
    keys = [QKeySequence(key).toString() for key in ALL_KEYS] + [key for key, _ in HELD_KEYS]
    assert [key for key, count in Counter(keys).items() if count > 1] == []


@pytest.mark.parametrize("key", ALL_KEYS)
def test_qt_understands_every_key(key):
    assert QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText) != ""


def test_every_command_does_exactly_one_thing():
    names = [command.name for command in COMMANDS]
    assert sorted(names) == sorted([*VIEWING, *ACTING])


def test_every_command_names_a_known_need():
    assert {command.needs for command in COMMANDS} == {"", "scan", "series", "results", "kinds", "library", "rating"}


def test_the_keys_readers_are_used_to():
    expected = {
        "brain_window": "1", "subdural_window": "2", "soft_tissue_window": "3", "bone_window": "4",
        "toggle_heatmap": "G", "rate_correct": "A", "rate_partially_correct": "S", "rate_incorrect": "D",
        "next_peak": "N", "previous_peak": "Shift+N", "save_opinion": "Ctrl+Return", "show_ai": "F9", "undo": "Ctrl+Z",
        "heatmap_all": "Alt+0", "heatmap_any": "Alt+1", "heatmap_epidural": "Alt+2", "heatmap_subdural": "Alt+6",
        "call_any": "Ctrl+1", "call_subdural": "Ctrl+6", "next_slice": "Down", "previous_slice": "Up",
        "first_slice": "Home", "last_slice": "End", "next_series": "PgDown", "invert": "I", "open_folder": "Ctrl+O",
        "show_keys": "F1", "next_kind": "B", "full_screen": "F11", "cancel": "Esc", "comment": "M",
    }  # fmt: skip
    assert {name: key_text(name) for name in expected} == expected


def test_the_sheet_of_keys_names_every_command_with_a_key():
    sheet = shortcut_help()
    assert [c.name for c in COMMANDS if c.keys and escape(plain_text(c)) not in sheet] == []
    assert all(text in sheet for _, text in HELD_KEYS)
