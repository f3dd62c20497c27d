from __future__ import annotations

import json
import math

import pytest

from ihd_core.json_values import count, finite, number, one_of, only, share, switch, text, texts


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda d: text(d, "v"), "two\nlines"),
        (lambda d: switch(d, "v"), False),
        (lambda d: one_of(d, "v", ("a", "b")), "b"),
        (lambda d: count(d, "v", least=2, most=4), 4),
        (lambda d: number(d["v"], "v"), -1e38),
        (lambda d: share(d["v"], "v"), 1),
    ],
)
def test_a_value_of_the_right_kind_is_given_back(read, value):
    assert read({"v": value}) == value


def test_a_list_of_texts_is_given_back_as_one_that_cannot_change():
    assert texts({"v": ["a", "b"]}, "v") == ("a", "b")


@pytest.mark.parametrize(
    ("read", "value", "reason"),
    [
        (lambda d: text(d, "v"), None, "v is None, must be text"),
        (lambda d: text(d, "v"), "\ud800", "surrogates not allowed"),
        (lambda d: texts(d, "v"), "ab", "v is 'ab', must be a list of texts"),
        (lambda d: texts(d, "v"), ["a", 1], "v is 1, must be text"),
        (lambda d: switch(d, "v"), 1, "v is 1, must be true or false"),
        (lambda d: one_of(d, "v", ("a", "b")), "c", "v is 'c', must be one of a, b"),
        (lambda d: one_of(d, "v", ("a", "b")), ["a"], "must be one of a, b"),
        (lambda d: count(d, "v"), True, "v is True, must be a whole number"),
        (lambda d: count(d, "v"), 2.0, "v is 2.0, must be a whole number"),
        (lambda d: count(d, "v"), -1, "at least 0 and at most 2147483647"),
        (lambda d: count(d, "v", most=4), 5, "v is 5, must be a whole number, at least 0 and at most 4"),
        (lambda d: count(d, "v"), 10**500, "beyond all measure"),
        (lambda d: number(d["v"], "v"), math.nan, "v is nan, must be finite"),
        (lambda d: number(d["v"], "v", above=0), 0, "v is 0.0, must be finite and above 0"),
        (lambda d: number(d["v"], "v", above=0), 1e-60, "v is 1e-60, must be finite and above 0, in single precision"),
        (lambda d: number(d["v"], "v"), -1e60, "v is -1e+60, must be finite, in single precision"),
        (lambda d: number(d["v"], "v"), False, "v is False, must be a number"),
        (lambda d: share(d["v"], "v"), 1.0001, "v is 1.0001, must be 0..1"),
        (lambda d: share(d["v"], "v"), math.nan, "v is nan, must be 0..1"),
        (lambda d: share(d["v"], "v"), "0.5", "v is '0.5', must be 0..1"),
        (lambda d: only(d, {"w"}, "the thing"), 0, "the thing holds 'v', which this program does not know"),
        (lambda d: only([d], {"v"}, "the thing"), 0, "must be names with values"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_its_name_and_limit(read, value, reason):
    with pytest.raises((ValueError, TypeError)) as caught:
        read({"v": value})
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_value_that_is_missing_is_named():
    with pytest.raises(KeyError, match="flip"):
        switch({}, "flip")


def test_what_is_no_finite_number_becomes_null_wherever_it_stands():
    value = {"a": [1.5, math.nan, (math.inf, "inf", True)], "b": {"c": -math.inf, "d": 3}}
    text = json.dumps(finite(value), allow_nan=False)
    assert json.loads(text) == {"a": [1.5, None, [None, "inf", True]], "b": {"c": None, "d": 3}}
