"""Write what a reader study keeps as TOML that a person can read; tomllib reads it back."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def toml_text(values: Mapping[str, object]) -> str:
    """One document.

    Args:
        values: by name: text, whole numbers, finite numbers, true and false, lists of these, objects of values, and
            lists of objects. None is left out: TOML has no word for it.

    Returns:
        Ends in a line feed. Equal values give equal text, in the order of the names given.

    Raises:
        ValueError: a number is not finite.
        TypeError: a value of another kind.
    """
    return "\n".join(_lines(values, ())).strip("\n") + "\n"


def _lines(values: Mapping[str, object], place: tuple[str, ...]) -> list[str]:
    """Plain values first: what follows the head of a table belongs to it."""
    tables = {name: value for name, value in values.items() if isinstance(value, dict) or _is_list_of_tables(value)}
    plain = {name: value for name, value in values.items() if name not in tables and value is not None}
    lines = [f"{_key(name)} = {_value(value)}" for name, value in plain.items()]
    for name, value in tables.items():
        inner = (*place, _key(name))
        if isinstance(value, dict):
            lines += ["", f"[{'.'.join(inner)}]", *_lines(value, inner)]
        elif isinstance(value, list | tuple):
            for one in value:
                lines += ["", f"[[{'.'.join(inner)}]]", *_lines(one, inner)]
    return lines


def _is_list_of_tables(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(one, dict) for one in value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _quoted(name)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is no finite number")
        return repr(value)
    if isinstance(value, list | tuple):
        return _list(value)
    raise TypeError(f"{type(value).__name__} cannot be written as TOML")


def _list(values: Sequence[object]) -> str:
    return f"[{', '.join(_value(value) for value in values)}]"


def _quoted(text: str) -> str:
    return f'"{"".join(_escaped(character) for character in text)}"'


def _escaped(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if ord(character) < 32 or ord(character) == 127:
        return f"\\u{ord(character):04x}"
    return character
