"""Pieces of Markdown that a proof's tables are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Proof = Mapping[str, Any]


def interval(found: Mapping[str, Any] | None, digits: int = 3) -> str:
    """An estimate with its limits, as JSON has it; a dash where there is none."""
    if found is None or found["value"] is None:
        return "–"
    if found["low"] is None or found["high"] is None:
        return f"{found['value']:.{digits}f}"
    return f"{found['value']:.{digits}f} ({found['low']:.{digits}f}-{found['high']:.{digits}f})"


def met(is_met: bool | None, yes: str = "met", no: str = "**not met**") -> str:
    """Of a goal; None: nothing was measured."""
    return "not measured" if is_met is None else yes if is_met else no


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of as many cells as the head has."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
