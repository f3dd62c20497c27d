"""Values out of a JSON object that somebody else wrote, each checked for its type and range.

finite() goes the other way. Every other function raises ValueError or TypeError with one line that names the value and
the limit, and KeyError where there is none.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Set


def only(described: Any, known: Set[str], what: str) -> None:
    """Refuse what is no object, and keys that this program does not know: they may change what the others mean."""
    if not isinstance(described, dict):
        raise TypeError(f"{what} is {described!r}, must be names with values")
    unknown = sorted(described.keys() - known)
    if unknown:
        raise ValueError(f"{what} holds {unknown[0]!r}, which this program does not know")


def text(described: Mapping[str, Any], name: str) -> str:
    """Text that can be written to a file."""
    return _text(described[name], name)


def texts(described: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A list of texts."""
    values = described[name]
    if not isinstance(values, list | tuple):
        raise TypeError(f"{name} is {values!r}, must be a list of texts")
    return tuple(_text(value, name) for value in values)


def switch(described: Mapping[str, Any], name: str) -> bool:
    """True or false; 0 and 1 are neither."""
    value = described[name]
    if not isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, must be true or false")
    return value


def one_of(described: Mapping[str, Any], name: str, known: tuple[str, ...]) -> Any:
    """One of several words."""
    value = described[name]
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} is {value!r}, must be one of {', '.join(known)}")
    return value


def count(described: Mapping[str, Any], name: str, *, least: int = 0, most: int = 2**31 - 1) -> int:
    """A whole number, written as one."""
    value = described[name]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        shown = value if not isinstance(value, int) or abs(value) < 2**64 else "beyond all measure"
        raise ValueError(f"{name} is {shown!r}, must be a whole number, at least {least} and at most {most}")
    return value


def number(value: Any, name: str, *, above: float = -math.inf) -> float:
    """A finite number, also in the single precision that networks compute in."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is {value!r}, must be a number")
    if not above < _single(value) < math.inf:
        limit = "must be finite" + (f" and above {above:g}" if above > -math.inf else "")
        raise ValueError(f"{name} is {float(value)}, {limit}, in single precision too")
    return float(value)


def share(value: Any, name: str) -> float:
    """A number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}, must be 0..1")
    return float(value)


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON in which no name stands twice; other programs may read the other value (json.loads' hook)."""
    described: dict[str, Any] = {}
    for name, value in pairs:
        if name in described:
            raise ValueError(f"{name!r} stands twice in one object")
        described[name] = value
    return described


def finite(value: Any) -> Any:
    """A value as strict JSON can hold it: what is infinite or no number becomes null, in lists and objects too."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _single(value: float) -> float:
    """The nearest number of single precision; infinite where that ends."""
    try:
        nearest: float = struct.unpack("f", struct.pack("f", float(value)))[0]
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    return nearest


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}, must be text")
    value.encode()  # half a character, as "\ud800", raises UnicodeEncodeError, which is a ValueError
    return value
