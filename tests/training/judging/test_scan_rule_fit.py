"""The fitted scan rule, against scikit-learn and scans whose rule is known."""

import numpy as np
import pytest
from scipy.special import expit

from ihd_core.labels import LABELS, Label
from ihd_core.scan_rule import ScanRule, statistics
from training.judging.scan_rule_fit import AS_MAXIMUM, fit_scan_rule


def scans_of(truth_of, *, count=400, seed=0):
    """Scans of 5 to 39 slices; truth_of(logits of a scan) is the probability of each label."""
    rng = np.random.default_rng(seed)
    scans = [rng.normal(rng.normal(-3, 2), 2, (rng.integers(5, 40), 6)).astype(np.float32) for _ in range(count)]
    truth = np.array([rng.random(6) < truth_of(scan) for scan in scans]).astype(np.int8)
    return truth, np.concatenate(scans), np.cumsum([0, *map(len, scans)])[:-1]


def log_loss(rule, truth, logits, starts):
    p = np.stack([rule.apply(scan) for scan in np.split(logits, starts[1:])]).clip(1e-7, 1 - 1e-7)
    return -np.where(truth == 1, np.log(p), np.log(1 - p)).mean(axis=0)


def test_it_beats_the_maximum_where_scans_follow_their_mean():
    truth, logits, starts = scans_of(lambda scan: expit(1 + 2 * scan.mean(axis=0)))
    fitted = fit_scan_rule(truth, logits, starts)
    test = scans_of(lambda scan: expit(1 + 2 * scan.mean(axis=0)), seed=9)
    assert (log_loss(fitted, *test) < 0.6 * log_loss(ScanRule(), *test)).all()


def test_it_stays_near_the_maximum_where_scans_follow_it():
    truth, logits, starts = scans_of(lambda scan: expit(scan.max(axis=0)))
    fitted = fit_scan_rule(truth, logits, starts)
    test = scans_of(lambda scan: expit(scan.max(axis=0)), seed=9)
    assert log_loss(fitted, *test) == pytest.approx(log_loss(ScanRule(), *test), abs=0.02)


def test_its_weights_are_the_least_of_the_penalised_loss():
    truth, logits, starts = scans_of(lambda scan: expit(scan.mean(axis=0)), count=120)
    weights = fit_scan_rule(truth, logits, starts).weights[Label.ANY]
    terms = np.stack([statistics(scan)[:, 5] for scan in np.split(logits, starts[1:])])
    yes = truth[:, 5]

    def cost(w):
        p = expit(w[0] + terms @ w[1:]).clip(1e-12, 1 - 1e-12)
        own = -np.where(yes == 1, np.log(p), np.log(1 - p)).sum()
        return own + 0.5 * ((np.array(w) - AS_MAXIMUM) ** 2).sum()

    # The loss is convex: where no small step to any side that is allowed makes it less, it is least.
    for step in np.random.default_rng(1).normal(0, 0.01, (500, 4)):
        other = np.array(weights) + step
        other[1:] = other[1:].clip(min=0)
        assert cost(other) > cost(weights) - 1e-6


def test_no_slope_is_negative_even_where_suspicion_would_speak_against_it():
    truth, logits, starts = scans_of(lambda scan: expit(-scan.max(axis=0)))
    for weights in fit_scan_rule(truth, logits, starts).weights.values():
        assert min(weights[1:]) >= 0


def test_a_rare_label_keeps_the_maximum():
    truth, logits, starts = scans_of(lambda scan: expit(scan.mean(axis=0)))
    truth[:, Label.EPIDURAL.column] = 0
    truth[:9, Label.EPIDURAL.column] = 1
    rule = fit_scan_rule(truth, logits, starts)
    assert rule.weights[Label.EPIDURAL] == AS_MAXIMUM
    assert rule.weights[Label.ANY] != AS_MAXIMUM
    scan = logits[: starts[1]]
    assert rule.apply(scan)[0] == pytest.approx(ScanRule().apply(scan)[0], rel=1e-6)


def test_scans_that_nobody_labelled_are_left_out():
    truth, logits, starts = scans_of(lambda scan: expit(scan.mean(axis=0)))
    part = truth.copy()
    part[200:] = -1
    assert fit_scan_rule(part, logits, starts) == fit_scan_rule(truth[:200], logits[: starts[200]], starts[:200])


def test_no_scan_gives_the_maximum_for_every_label():
    rule = fit_scan_rule(np.zeros((0, 6), np.int8), np.zeros((0, 6), np.float32), np.zeros(0, np.intp))
    assert dict(rule.weights) == dict.fromkeys(LABELS, AS_MAXIMUM)
