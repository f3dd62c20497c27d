from __future__ import annotations

import json
import math

import numpy as np
import pytest

from ihd_core.measure import (
    PROBE_SIDE,
    Row,
    Table,
    Timings,
    at_least,
    at_most,
    interleaved,
    matrix_product,
    probe_row,
)

TABLE = Table(
    "3 slices of a dot",
    (
        Row("matrix product", 171.51, "GFLOP/s"),
        Row("scan", 1.25, "s", at_most(3)),
        Row("naive / ours", 14.96, "times", at_least(15)),
        Row("library / ours", None, "times", at_least(20), "the library is not here"),
    ),
)


def test_the_table_says_what_is_met_what_is_missed_and_what_is_absent():
    assert TABLE.as_text().splitlines() == [
        "3 slices of a dot",
        "",
        "matrix product  171.5  GFLOP/s",
        "scan             1.25  s        <= 3   met",
        "naive / ours    14.96  times    >= 15  NOT MET",
        "library / ours      -  times    >= 20  not measured: the library is not here",
    ]


def test_json_holds_the_same_with_nulls_for_what_is_absent():
    assert json.loads(json.dumps(TABLE.as_json(), allow_nan=False)) == [
        {"name": "matrix product", "value": 171.51, "unit": "GFLOP/s", "goal": None, "met": None},
        {"name": "scan", "value": 1.25, "unit": "s", "goal": "<= 3", "met": True},
        {"name": "naive / ours", "value": 14.96, "unit": "times", "goal": ">= 15", "met": False},
        {
            "name": "library / ours",
            "value": None,
            "unit": "times",
            "goal": ">= 20",
            "met": None,
            "reason": "the library is not here",
        },
    ]


@pytest.mark.parametrize(
    ("goal", "text", "value", "met"),
    [
        (at_least(15), ">= 15", 15.0, True),
        (at_least(15), ">= 15", 14.999, False),
        (at_most(1e-6), "<= 1e-06", 1e-6, True),
        (at_most(1.05), "<= 1.05", 1.0501, False),
    ],
)
def test_a_goal_is_met_at_its_limit_and_not_beyond(goal, text, value, met):
    row = Row("x", value, "times", goal)
    assert (str(goal), row.met) == (text, met)


@pytest.mark.parametrize(("value", "reason"), [(None, ""), (1.0, "absent"), (math.nan, ""), (math.inf, "")])
def test_a_row_without_a_value_needs_a_reason_and_a_value_is_a_number(value, reason):
    with pytest.raises(ValueError, match="rows have names"):
        Row("rows have names", value, "s", None, reason)


def test_works_take_turns_and_the_first_round_does_not_count():
    done = []
    timings = interleaved({"a": lambda: done.append("a"), "b": lambda: done.append("b")}, 3)
    assert "".join(done) == "abbaabba"
    assert {name: taken.shape for name, taken in timings.seconds.items()} == {"a": (3,), "b": (3,)}


def test_a_ratio_is_the_median_of_the_rounds_and_one_slow_round_does_not_move_it():
    timings = Timings({"slow": np.array([2.0, 20.0, 60.0]), "fast": np.array([1.0, 10.0, 1.0])})
    assert timings.ratio("slow", to="fast") == 2.0
    assert timings.median("slow") == 20.0


def test_the_probe_counts_two_operations_per_product_and_sum():
    assert matrix_product()().shape == (PROBE_SIDE, PROBE_SIDE)
    row = probe_row(Timings({"probe": np.array([0.5, 0.1, 0.2])}), "probe")
    assert (row.unit, row.met) == ("GFLOP/s", None)
    assert row.value == pytest.approx(85.899, abs=1e-3)  # 2 * 2048^3 operations in 0.2 s


def test_how_to_read_the_rows_stands_below_the_title():
    assert Table("Title", TABLE.rows, "How").as_text().splitlines()[:3] == ["Title", "How", ""]
