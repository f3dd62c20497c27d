"""Verdicts on intervals, and claims of tables whose losses are chosen."""

import numpy as np
import pytest

from ihd_core.estimate import Estimate
from ihd_core.labels import LABELS
from training.judging.bootstrap import Drawn
from training.judging.claims import claims, verdict_of
from training.judging.table2 import CNN_ALONE, FINAL_ROW, METHODS, PCA_120, PCA_192, SMALLEST_192, Table2, Table2Row


@pytest.mark.parametrize(
    ("low", "high", "sign", "margin", "verdict"),
    [
        (-0.3, -0.1, -1, 0, "holds"),
        (0.1, 0.3, -1, 0, "does not hold"),
        (-0.1, 0.1, -1, 0, "undecided"),
        (0.1, 0.3, 1, 0, "holds"),
        (-0.3, -0.1, 1, 0, "does not hold"),
        (0.0, 0.0, 1, 0, "undecided"),
        (-0.3, 0.02, -1, 0.05, "holds"),
        (-0.3, 0.07, -1, 0.05, "undecided"),
        (0.01, 0.02, -1, 0.05, "does not hold"),
        (-np.inf, np.inf, 1, 0.05, "undecided"),
    ],
)
def test_the_interval_decides(low, high, sign, margin, verdict):
    estimate = Estimate((low + high) / 2 if np.isfinite(low) else 0.0, low, high, 0.95, "m")
    assert verdict_of(estimate, sign, margin=margin) == verdict


def drawn(value, spread=0.001):
    return Drawn(value, value + spread * np.random.default_rng(0).normal(0, 1, 200), "m")


def table_with(losses, sensitivity=0.5, missing=()):
    rows = []
    for method in METHODS:
        rates = {label: drawn(sensitivity + 0.1 * (method.name == FINAL_ROW)) for label in LABELS}
        if method.name in missing:
            rows.append(Table2Row(method, "CNN", method.count, reason="too many features"))
        else:
            rows.append(Table2Row(method, "CNN", method.count, drawn(losses.get(method.name, 0.05)), rates))
    return Table2(tuple(rows), "caption")


def test_the_papers_own_losses_bear_its_claims_out():
    found = claims(table_with({method.name: method.paper for method in METHODS}))
    assert [claim.verdict for claim in found] == ["holds"] * 5
    assert found[0].difference.value == pytest.approx(0.04989 - 0.06259)


def test_worse_numbers_do_not():
    losses = {FINAL_ROW: 0.09, CNN_ALONE: 0.06, PCA_120: 0.06, PCA_192: 0.05}
    verdicts = [claim.verdict for claim in claims(table_with(losses))]
    assert verdicts[0] == "does not hold"
    assert verdicts[3] == "does not hold"


def test_a_missing_row_leaves_its_claim_undecided():
    found = claims(table_with({}, missing=(SMALLEST_192,)))
    assert found[4].verdict == "undecided"
    assert "smallest-192: too many features" in found[4].figures


def test_the_claim_on_subtypes_is_of_those_that_occur():
    table = table_with({})
    for row in table.rows:
        row.sensitivity[LABELS[0]] = Drawn(float("nan"), np.full(200, np.nan), "m")
    assert claims(table)[2].difference.value == pytest.approx(0.1)
