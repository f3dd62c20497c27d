"""The reader's own keys: which command each belongs to, checked for conflicts, and the dialog that changes them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QKeySequenceEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.commands import COMMANDS, Command, plain_text
from app.panels.parts import named, note, set_tone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEY_WIDTH = 180
RESERVED = ("Space", "Tab", "Shift+Tab")
"""Held for the picture without heatmap, and for going from field to field."""


def bound(own: Mapping[str, str]) -> tuple[tuple[Command, ...], tuple[str, ...]]:
    """The commands with the reader's keys in the place of their usual ones.

    Args:
        own: by name of the command its one key as written on a keyboard, or "" for none.

    Returns:
        The commands, and a line for each key that is not taken: it is none, is reserved, or belongs to another command.
    """
    commands = [replace(one, keys=_keys(own[one.name])) if one.name in own else one for one in COMMANDS]
    refused = []
    for number, one in enumerate(commands):
        wrong = _wrong(one, commands) if one.name in own else ""
        if wrong:
            refused.append(wrong)
            commands[number] = replace(one, keys=())
    return tuple(commands), tuple(refused)


def conflicts(commands: Sequence[Command]) -> tuple[str, ...]:
    """A line for each key that several commands have, or that is reserved."""
    owners: dict[str, list[str]] = {}
    for one in commands:
        for key in one.keys:
            owners.setdefault(_written(key), []).append(plain_text(one))
    several = [f"{key}: {' and '.join(names)}" for key, names in owners.items() if len(names) > 1]
    taken = [f"{key} is reserved" for key in owners if key in RESERVED]
    return (*several, *taken)


def _wrong(one: Command, commands: Sequence[Command]) -> str:
    for key in one.keys:
        if not _written(key):
            return f"{key!r} is no key"
        if _written(key) in RESERVED:
            return f"{key} is reserved"
        other = next((two for two in commands if two is not one and _written(key) in map(_written, two.keys)), None)
        if other is not None:
            return f"{key} belongs to {plain_text(other)}; {plain_text(one)} has no key"
    return ""


def _keys(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


def _written(key: str) -> str:
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)


class KeyDialog(QDialog):
    """All commands with their first keys; nothing can be taken over while two share one.

    Args:
        own: the reader's keys so far, as bound() has them.
        parent: Qt's.
    """

    def __init__(self, own: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "key_dialog", "Change keys")
        self.setWindowTitle("Change keys")
        self._usual = {one.name: one for one in COMMANDS}
        self._edits: dict[str, QKeySequenceEdit] = {}
        table = QTableWidget(len(COMMANDS), 2)
        table.setHorizontalHeaderLabels(["Command", "Key"])
        table.verticalHeader().hide()
        table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.setColumnWidth(1, KEY_WIDTH)
        now, _ = bound(own)
        for row, one in enumerate(now):
            item = QTableWidgetItem(f"{one.menu}: {plain_text(one)}")
            item.setFlags(Qt.ItemFlag.ItemIsEnabled)
            edit = QKeySequenceEdit(QKeySequence(one.keys[0] if one.keys else ""))
            edit.setMaximumSequenceLength(1)
            edit.setClearButtonEnabled(True)
            named(edit, f"key_of_{one.name}", f"Key of {plain_text(one)}")
            edit.keySequenceChanged.connect(self._check)
            table.setItem(row, 0, item)
            table.setCellWidget(row, 1, edit)
            self._edits[one.name] = edit
        self._note = note("key_conflicts")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        usual = buttons.addButton("Usual keys", QDialogButtonBox.ButtonRole.ResetRole)
        usual.clicked.connect(self._reset)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self._ok: QPushButton = buttons.button(QDialogButtonBox.StandardButton.Ok)
        layout = QVBoxLayout(self)
        for widget in (table, self._note, buttons):
            layout.addWidget(widget)
        self.resize(640, 640)
        self._check()

    @property
    def chosen(self) -> dict[str, str]:
        """By name the keys that are not the usual ones, as bound() takes them."""
        found = {}
        for name, edit in self._edits.items():
            key, usual = _text_of(edit), self._usual[name].keys
            if key != (_written(usual[0]) if usual else ""):
                found[name] = key
        return found

    def _commands(self) -> list[Command]:
        own = self.chosen
        return [replace(one, keys=_keys(own[one.name])) if one.name in own else one for one in COMMANDS]

    def _check(self) -> None:
        found = conflicts(self._commands())
        self._ok.setEnabled(not found)
        self._note.setText("; ".join(found) or "New keys hold when the program is started again.")
        set_tone(self._note, "problem" if found else "")

    def _reset(self) -> None:
        for name, edit in self._edits.items():
            usual = self._usual[name].keys
            edit.setKeySequence(QKeySequence(usual[0] if usual else ""))


def _text_of(edit: QKeySequenceEdit) -> str:
    return edit.keySequence().toString(QKeySequence.SequenceFormat.PortableText)
