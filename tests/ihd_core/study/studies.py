"""Small protocols and study folders with values that are easy to follow by hand."""

from __future__ import annotations

from ihd_core.labels import DISPLAY_ORDER
from ihd_core.study.design import Case, Design, Reader, Role
from ihd_core.study.protocol import Protocol

POINTS = {level: dict.fromkeys(DISPLAY_ORDER, 0.5) for level in ("scan", "slice")}


def case(number, **changes):
    """c01, c02...: scan 1.2.1, 1.2.2... of four slices."""
    values = {
        "name": f"c{number:02d}",
        "pixels": f"{number:064x}",
        "scan_uid": f"1.2.{number}",
        "slices": 4,
    }
    return Case(**{**values, **changes})


def protocol(cases=6, readers=("r1", "r2"), **changes):
    """Six cases, two readers, sequential, seed 7, a model that calls above 0.5."""
    values = {
        "study": "pilot",
        "design": Design.SEQUENTIAL,
        "cases": tuple(case(number) for number in range(1, cases + 1)) if isinstance(cases, int) else cases,
        "readers": tuple(Reader(one) if isinstance(one, str) else one for one in readers),
        "seed": 7,
        "model": "toy",
        "model_sha256": "ab" * 32,
        "operating_points": POINTS,
    }
    return Protocol(**{**values, **changes})


def adjudicators(*names):
    """Readers who took no part."""
    return tuple(Reader(name, Role.ADJUDICATOR) for name in names)
