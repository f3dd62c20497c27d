from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ihd_core.labels import LABELS, Label
from ihd_core.scan_rule import ScanRule, probabilities, statistics

WEIGHTS = {label: (-0.5 + 0.1 * place, 0.6, 0.3 + 0.05 * place, 0.2) for place, label in enumerate(LABELS)}
FITTED = ScanRule("fitted", WEIGHTS)
LOGITS = arrays(np.float32, st.tuples(st.integers(1, 8), st.just(6)), elements=st.floats(-20, 20, width=32))


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def by_hand(logits, weights):
    """The rule as its definition says it, one label at a time."""
    found = []
    for column, label in enumerate(LABELS):
        a, b, c, d = weights[label]
        along = sorted((float(row[column]) for row in logits), reverse=True)
        top = along[:3]
        found.append(sigmoid(a + b * along[0] + c * sum(top) / len(top) + d * sum(along) / len(along)))
    return found


def test_the_maximum_is_that_of_the_slices_probabilities():
    logits = np.random.default_rng(0).normal(0, 4, (30, 6)).astype(np.float32)
    found = ScanRule().apply(logits)
    assert found.dtype == np.float32
    assert found == pytest.approx([max(sigmoid(x) for x in column) for column in logits.T.tolist()], abs=1e-7)
    assert np.array_equal(found, probabilities(logits).max(axis=0))


@given(LOGITS)
def test_the_fitted_rule_is_what_its_definition_says(logits):
    assert FITTED.apply(logits) == pytest.approx(by_hand(logits.tolist(), WEIGHTS), abs=1e-6)


def test_the_three_statistics_are_those_of_a_scan_worked_by_hand():
    logits = np.array([[1.0], [7.0], [-4.0], [3.0]], np.float32).repeat(6, axis=1)
    assert statistics(logits)[:, 2].tolist() == pytest.approx([7, 11 / 3, 7 / 4])


def test_a_fitted_rule_can_be_the_maximum():
    logits = np.random.default_rng(1).normal(0, 3, (12, 6)).astype(np.float32)
    as_maximum = ScanRule("fitted", dict.fromkeys(LABELS, (0.0, 1.0, 0.0, 0.0)))
    assert as_maximum.apply(logits) == pytest.approx(ScanRule().apply(logits), abs=1e-7)


@pytest.mark.parametrize("rule", [ScanRule(), FITTED])
@given(data=st.data())
def test_a_more_suspicious_slice_never_makes_a_scan_less_suspicious(rule, data):
    logits = data.draw(LOGITS)
    place = data.draw(st.integers(0, len(logits) - 1)), data.draw(st.integers(0, 5))
    more = logits.copy()
    more[place] += np.float32(data.draw(st.floats(0, 30)))
    before, after = rule.apply(logits), rule.apply(more)
    assert (after >= before - 1e-7).all(), "one unit in the last place of a probability"


@given(LOGITS, st.randoms(use_true_random=False))
def test_the_order_of_the_slices_does_not_matter(logits, random):
    order = list(range(len(logits)))
    random.shuffle(order)
    assert np.array_equal(FITTED.apply(logits[order]), FITTED.apply(logits))


@pytest.mark.parametrize(
    ("kind", "weights", "reason"),
    [
        ("mean", {}, "scan rule 'mean', this program knows"),
        ("maximum", WEIGHTS, "'maximum' has weights"),
        ("fitted", {}, "'fitted' has weights for \\[\\]"),
        ("fitted", {Label.ANY: (0.0, 1.0, 0.0, 0.0)}, "needs"),
        ("fitted", {**WEIGHTS, Label.ANY: (0.0, -0.1, 0.0, 0.0)}, "-0.1, 0.0, 0.0\\] for any"),
        ("fitted", {**WEIGHTS, Label.ANY: (0.0, 1.0, 0.0, -1e-9)}, "at least 0"),
        ("fitted", {**WEIGHTS, Label.ANY: (math.nan, 1.0, 0.0, 0.0)}, "nan"),
        ("fitted", {**WEIGHTS, Label.ANY: (0.0, math.inf, 0.0, 0.0)}, "inf"),
        ("fitted", {**WEIGHTS, Label.ANY: (0.0, 1e7, 0.0, 0.0)}, "up to 1e\\+06"),
        ("fitted", {**WEIGHTS, Label.ANY: (-math.inf, 1.0, 0.0, 0.0)}, "inf"),
        ("fitted", {**WEIGHTS, Label.ANY: (0.0, 1.0, 0.0)}, "four numbers"),
        ("fitted", {**WEIGHTS, Label.ANY: ()}, "four numbers"),
    ],
)
def test_a_rule_that_could_mislead_cannot_be_made(kind, weights, reason):
    with pytest.raises(ValueError, match=reason):
        ScanRule(kind, weights)
