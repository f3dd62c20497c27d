"""Time works in turns on one machine, and hold what comes out against goals.

Machines are noisy, and a shared one changes its speed while it is watched. What is compared therefore runs in turns,
round by round; a ratio is the median over the rounds, and how fast the machine multiplies matrices stands beside it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NotRequired

    from numpy.typing import NDArray


PROBE_SIDE = 2048


class RowJson(TypedDict):
    """A row as JSON; the reason is there where the value is not."""

    name: str
    value: float | None
    unit: str
    goal: str | None
    met: bool | None
    reason: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit that a value should keep; made by at_least() or at_most()."""

    limit: float
    is_upper: bool

    def __str__(self) -> str:
        return f"{'<=' if self.is_upper else '>='} {self.limit:g}"

    def met_by(self, value: float) -> bool:
        """Whether the value keeps the limit, which is itself allowed."""
        return value <= self.limit if self.is_upper else value >= self.limit


def at_least(limit: float) -> Goal:
    """The value should not be below this."""
    return Goal(limit, is_upper=False)


def at_most(limit: float) -> Goal:
    """The value should not be above this."""
    return Goal(limit, is_upper=True)


@dataclass(frozen=True, slots=True)
class Row:
    """One thing measured.

    Attributes:
        name: the same in every run.
        value: None where it could not be measured.
        unit: of the value.
        goal: if there is one.
        reason: why there is no value.

    Raises:
        ValueError: the value is not a finite number, or not exactly one of value and reason is there.
    """

    name: str
    value: float | None
    unit: str
    goal: Goal | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.reason):
            raise ValueError(f"{self.name}: needs a value or the reason why there is none")
        if self.value is not None and not np.isfinite(self.value):
            raise ValueError(f"{self.name}: value is {self.value}, must be finite")

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal or a value."""
        return None if self.goal is None or self.value is None else self.goal.met_by(self.value)

    def as_json(self) -> RowJson:
        """The row, ready for json.dumps."""
        goal = None if self.goal is None else str(self.goal)
        row = RowJson(name=self.name, value=self.value, unit=self.unit, goal=goal, met=self.met)
        if self.reason:
            row["reason"] = self.reason
        return row


@dataclass(frozen=True, slots=True)
class Table:
    """What a bench answers with.

    Attributes:
        title: what was measured, on what, how often.
        rows: in the order in which they are shown.
        note: how to read the rows, one line below the title; empty for none.
    """

    title: str
    rows: tuple[Row, ...]
    note: str = ""

    def as_json(self) -> list[RowJson]:
        """The rows, ready for json.dumps."""
        return [row.as_json() for row in self.rows]

    def as_text(self) -> str:
        """The rows in columns; a goal that was missed says so."""
        cells = [_cells(row) for row in self.rows]
        widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
        name, value, unit, goal, _ = widths
        lines = [f"{a:<{name}}  {b:>{value}}  {c:<{unit}}  {d:<{goal}}  {e}".rstrip() for a, b, c, d, e in cells]
        return "\n".join([self.title, *filter(None, [self.note]), "", *lines])


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    """Name, value, unit, goal and verdict as they are shown."""
    goal = "" if row.goal is None else str(row.goal)
    if row.value is None:
        return row.name, "-", row.unit, goal, f"not measured: {row.reason}"
    verdict = {True: "met", False: "NOT MET", None: ""}[row.met]
    return row.name, f"{row.value:.4g}", row.unit, goal, verdict


@dataclass(frozen=True, slots=True, eq=False)
class Timings:
    """How long each work took in each round.

    Attributes:
        seconds: by name of the work, float64 (rounds,).
    """

    seconds: Mapping[str, NDArray[np.float64]]

    def median(self, name: str) -> float:
        """Seconds of one work, the median over the rounds."""
        return float(np.median(self.seconds[name]))

    def ratio(self, name: str, to: str) -> float:
        """How many times as long one work takes as another: the median of the ratios within each round."""
        return float(np.median(self.seconds[name] / self.seconds[to]))


def interleaved(works: Mapping[str, Callable[[], object]], rounds: int) -> Timings:
    """Time several works in turns: each once in every round, after one round that does not count.

    Every second round goes backwards, so that no work always follows the one that leaves it cold or warm caches.

    Args:
        works: by name.
        rounds: at least 1; quote nothing from fewer than 5.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    forwards = list(works.items())
    for number in range(rounds + 1):
        for name, work in forwards if number % 2 == 0 else reversed(forwards):
            began = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - began)
    return Timings({name: np.array(taken[1:]) for name, taken in seconds.items()})


def matrix_product(device: str = "cpu", kind: str = "float32") -> Callable[[], object]:
    """A work that shows what the machine can do at the time: one product of two square matrices, in torch.

    Args:
        device: in torch's words.
        kind: of its numbers, in torch's words.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, PROBE_SIDE, PROBE_SIDE, generator=generator).to(device, getattr(torch, kind))

    def work() -> object:
        product = left @ right
        if device != "cpu":
            torch.cuda.synchronize()
        return product

    return work


def probe_row(timings: Timings, name: str, kind: str = "float32") -> Row:
    """The speed of matrix_product(), which ran under this name."""
    return Row(f"matrix product, {kind}", probe_operations() / timings.median(name) / 1e9, "GFLOP/s")


def probe_operations() -> float:
    """Multiplications and additions of one matrix_product()."""
    return 2.0 * PROBE_SIDE**3
