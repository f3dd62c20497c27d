"""Keys of the reader's own."""

from __future__ import annotations

import json

import pytest
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialogButtonBox, QKeySequenceEdit, QLabel

from app.commands import COMMANDS, key_text, shortcut_help
from app.key_binding import KeyDialog, bound, conflicts


def keys_of(commands, name):
    return next(one.keys for one in commands if one.name == name)


def test_a_key_takes_the_place_of_the_usual_ones_and_the_sheet_says_so(qapp):
    commands, refused = bound({"next_slice": "J", "toggle_heatmap": ""})
    assert refused == ()
    assert keys_of(commands, "next_slice") == ("J",)
    assert keys_of(commands, "toggle_heatmap") == ()
    assert keys_of(commands, "previous_slice") == ("Up",)
    assert (key_text("next_slice", commands), key_text("next_slice")) == ("J", "Down")
    assert "<b>J</b>" in shortcut_help(commands)
    assert "<b>J</b>" not in shortcut_help()


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"next_slice": "Up"}, "Up belongs to Previous slice"),
        ({"next_slice": "Space"}, "Space is reserved"),
        ({"next_slice": "Nonsense"}, "is no key"),
        ({"invert": "ctrl+o"}, "belongs to Open folder"),
    ],
)
def test_a_key_that_another_command_has_is_not_taken(qapp, own, told):
    commands, (line,) = bound(own)
    assert told in line
    assert conflicts(commands) == ()
    assert keys_of(commands, next(iter(own))) == ()


def test_two_keys_can_be_swapped_and_unknown_commands_cost_nothing(qapp):
    commands, refused = bound({"next_slice": "Up", "previous_slice": "Down", "gone": "Q"})
    assert refused == ()
    assert (keys_of(commands, "next_slice"), keys_of(commands, "previous_slice")) == (("Up",), ("Down",))


def test_the_usual_keys_have_no_conflict(qapp):
    assert conflicts(COMMANDS) == ()
    assert bound({}) == (COMMANDS, ())


def test_the_window_goes_by_the_readers_keys(open_window, wait_settled, study, press):
    window = open_window(keys={"next_slice": "J", "invert": "Up"})
    window.open_paths([study.one])
    wait_settled(window)
    window.session.show(slice_index=3)
    press(window, "J")
    assert window.shown.slice_index == 4
    press(window, "Down")
    assert window.shown.slice_index == 4
    assert "Up belongs to Previous slice" in window.parts.notice.text


def test_the_dialog_takes_nothing_while_two_commands_share_a_key(open_window, tmp_path):
    window = open_window()
    window.actions_by_name["change_keys"].trigger()
    dialog = window.findChild(KeyDialog)
    ok = dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok)
    edit = dialog.findChild(QKeySequenceEdit, "key_of_next_slice")
    assert ok.isEnabled()
    edit.setKeySequence(QKeySequence("Up"))
    assert not ok.isEnabled()
    assert "Up: Next slice" in dialog.findChild(QLabel, "key_conflicts").text()
    edit.setKeySequence(QKeySequence("J"))
    assert ok.isEnabled()
    ok.click()
    assert window.settings.keys == {"next_slice": "J"}
    assert json.loads((tmp_path / "settings.json").read_text())["keys"] == {"next_slice": "J"}


def test_the_usual_keys_come_back(open_window):
    dialog = KeyDialog({"next_slice": "J"})
    assert dialog.chosen == {"next_slice": "J"}
    dialog._reset()
    assert dialog.chosen == {}
