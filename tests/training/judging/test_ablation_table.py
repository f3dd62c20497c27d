"""Areas against scikit-learn, intervals against all that chance can do, verdicts where the numbers are chosen."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_ind
from sklearn.metrics import roc_auc_score

from ihd_core.labels import DISPLAY_ORDER, LABELS, Label
from tests.training.judging.judged_run import logits_of, table_of
from training.data.slice_table import UNKNOWN
from training.judging.ablation_table import Measured, tabulated
from training.judging.bootstrap import Bootstrap, Drawn
from training.judging.recipes import BASE, Recipe

RECIPES = (Recipe(BASE, "base"), Recipe("one", "one thing changed"), Recipe("two", "another", against="one"))
DRAWS = 20_000


def fit_of(area):
    """A fit whose area is the same for all labels and whoever the patients are."""
    return Measured({label: Drawn(area, np.full(DRAWS, area), "of nobody") for label in DISPLAY_ORDER})


def table_with(measured, reasons=None):
    return tabulated(RECIPES, measured, reasons or {}, table_of(), 1)


def test_areas_are_those_of_scikit_learn_where_the_label_is_known():
    table = table_of()
    truth = table.truth.copy()
    truth[::7, Label.SUBDURAL.column] = UNKNOWN
    table = replace(table, truth=truth)
    logits = logits_of(table, 2, 1)
    found = Measured.of(table, logits, Bootstrap(table.patients, draws=20, seed=1))
    for column, label in enumerate(LABELS):
        known = truth[:, column] != UNKNOWN
        expected = roc_auc_score(truth[known, column], logits[known, column])
        assert found.areas[label].value == pytest.approx(expected), label
        low, high = found.areas[label].estimate().low, found.areas[label].estimate().high
        assert low < expected < high


def test_the_difference_of_equal_fits_is_nothing_for_every_patient():
    table = table_of()
    bootstrap = Bootstrap(table.patients, draws=20, seed=1)
    fit = Measured.of(table, logits_of(table, 2, 1), bootstrap)
    row = tabulated(RECIPES[:2], {BASE: [fit], "one": [fit]}, {}, table, 1).rows[1]
    for one in row.labels.values():
        assert (one.difference.value, np.abs(one.difference.draws).max()) == (0, 0)
        assert one.verdict == "", "no recipe was fitted twice, so nobody knows what a fit's chance does"


def test_patients_are_paired():
    """Two fits that err on the same patients differ by less than either is uncertain."""
    table = table_of()
    bootstrap = Bootstrap(table.patients, draws=200, seed=1)
    logits = logits_of(table, 3, 1)
    base, other = (Measured.of(table, each, bootstrap) for each in (logits, logits + logits_of(table, 0.1, 2) / 50))
    found = tabulated(RECIPES[:2], {BASE: [base], "one": [other]}, {}, table, 1).rows[1].labels[Label.ANY]
    assert np.std(found.difference.draws) < np.std(found.area.draws) / 5


@pytest.mark.parametrize("other", [(0.90,), (0.90, 0.91), (0.79, 0.90, 0.91)])
def test_where_patients_do_not_matter_the_interval_is_students(other):
    base = (0.80, 0.82, 0.81)
    fits = {BASE: [fit_of(area) for area in base], "one": [fit_of(area) for area in other]}
    found = table_with(fits).rows[1].labels[Label.ANY].difference.estimate()
    expected = ttest_ind(other, base).confidence_interval(0.95)
    assert found.value == pytest.approx(np.mean(other) - np.mean(base))
    assert (found.low, found.high) == pytest.approx(
        (expected.low, expected.high), abs=0.06 * (expected.high - expected.low)
    )


def test_fits_of_all_recipes_say_together_what_chance_does():
    measured = {BASE: [fit_of(0.80), fit_of(0.82)], "one": [fit_of(0.70), fit_of(0.70)], "two": [fit_of(0.75)]}
    found = table_with(measured).rows[2].labels[Label.ANY].difference.estimate()
    # Squares of 0.01 twice, of 0 twice, with two degrees of freedom; one fit of the one, the mean of two of the other.
    half = student.ppf(0.975, 2) * np.sqrt(2 * 0.01**2 / 2) * np.sqrt(1 + 1 / 2)
    assert found.value == pytest.approx(0.05), "against the recipe that it names, not the base"
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.06)


def test_the_chance_of_fits_is_added_to_that_of_patients():
    table = table_of()
    bootstrap = Bootstrap(table.patients, draws=DRAWS // 10, seed=1)
    *base, other = (Measured.of(table, logits_of(table, 2, seed), bootstrap) for seed in range(4))
    first, second = tabulated(RECIPES[:2], {BASE: base, "one": [other]}, {}, table, 1).rows
    areas = [one.areas[Label.ANY].value for one in base]
    patients = second.labels[Label.ANY].area.draws - first.labels[Label.ANY].area.draws
    added = second.labels[Label.ANY].difference.draws - patients
    assert abs(np.corrcoef(np.sign(added), patients)[0, 1]) < 0.1
    scale = np.std(areas, ddof=1) * np.sqrt(1 + 1 / 3)
    found, expected = (np.quantile(added, (0.1, 0.5, 0.9)), scale * student.ppf((0.1, 0.5, 0.9), 2))
    assert found == pytest.approx(expected, abs=0.15 * scale)


@pytest.mark.parametrize(
    ("area", "verdict"),
    [
        (0.90, "higher"),
        (0.70, "lower"),
        (0.80, "noise"),
        (0.82, "noise"),  # far beyond what the three differed by, but three say little: the interval reaches 0
        (0.83, "higher"),
    ],
)
def test_a_difference_counts_where_it_is_more_than_fits_differ(area, verdict):
    base = [fit_of(each) for each in (0.795, 0.800, 0.805)]
    assert table_with({BASE: base, "one": [fit_of(area)]}).rows[1].labels[Label.ANY].verdict == verdict


def test_a_difference_within_what_two_fits_differed_by_is_noise_though_its_interval_leaves_out_0():
    base = [fit_of(0.80), *[fit_of(0.82)] * 30]
    found = table_with({BASE: base, "one": [fit_of(0.804)] * 30}).rows[1].labels[Label.ANY]
    assert found.difference.estimate().high < 0
    assert found.spread == pytest.approx(0.02)
    assert found.verdict == "noise"


def test_the_words_name_the_labels_beyond_the_noise():
    base = [fit_of(each) for each in (0.795, 0.800, 0.805)]
    areas = dict.fromkeys(DISPLAY_ORDER, 0.8) | {Label.ANY: 0.7, Label.SUBDURAL: 0.6, Label.EPIDURAL: 0.9}
    one = Measured({label: Drawn(area, np.full(DRAWS, area), "of nobody") for label, area in areas.items()})
    text = table_with({BASE: base, "one": [one], "two": [one]}).as_markdown()
    assert "* one thing changed, against base: lower for Any and SDH; higher for EDH." in text
    assert "* another, against one thing changed: nothing beyond chance." in text


def test_what_was_not_measured_says_why_and_what_is_to_come_that_it_is():
    text = table_with({BASE: [fit_of(0.8)]}, {"one": "the run has it already"}).as_markdown()
    assert "| one thing changed | not measured: the run has it already |" in text
    assert "| another | not yet |" in text


def test_the_csv_has_the_numbers_of_the_table():
    found = table_with({BASE: [fit_of(0.805), fit_of(0.815)], "one": [fit_of(0.6)]})
    rows = list(csv.DictReader(io.StringIO(found.as_csv())))
    assert [(row["recipe"], row["label"]) for row in rows] == [
        (name, label) for name in ("base", "one thing changed") for label in DISPLAY_ORDER
    ]
    first, last = rows[0], rows[-1]
    assert (first["fits"], float(first["auc"]), first["against"], first["difference"]) == ("2", 0.81, "", "")
    assert (last["fits"], last["against"], float(last["difference"]), last["verdict"]) == ("1", "base", -0.21, "lower")
    assert float(last["largest_between_fits"]) == pytest.approx(0.01)
    assert float(last["difference_low"]) < -0.21 < float(last["difference_high"]) < 0
    assert f"{float(last['difference']):+.4f} ({float(last['difference_low']):+.4f} to" in found.as_markdown()
