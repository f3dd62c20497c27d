"""The model that comes with the program: small, honest about itself, and able to tell phantoms apart."""

from __future__ import annotations

import numpy as np
import pytest

from app.places import default_model
from ihd_core.labels import LABELS, Label
from ihd_core.model_file import SETTINGS, load_model
from ihd_core.phantom.phantom import phantom_scan
from ihd_core.predict import predict
from training.metrics import auc


@pytest.fixture(scope="module")
def model():
    return load_model(default_model())


def test_it_weighs_at_most_25_mb():
    assert sum(file.stat().st_size for file in default_model().iterdir()) <= 25e6


def test_it_says_what_it_is(model):
    sentence = "Demonstration model, trained on synthetic heads, not for clinical use"
    assert model.info.demonstration
    assert model.info.intended_use == sentence
    assert sentence in (default_model() / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_its_operating_points_keep_what_they_promise_where_they_were_chosen(model):
    points = model.info.operating_points
    for level in ("scan", "slice"):
        assert points["screen"][level][Label.ANY].sensitivity.value >= 0.95
        for label in LABELS:
            assert points["confirm"][level][label].specificity.value >= 0.95
            assert points["paper"][level][label].threshold == 0.5
            assert all(points[setting][level][label].positives > 0 for setting in SETTINGS)


def scores(model, seeds, **options):
    """Truth and probability for any hemorrhage, of scans and of all their slices; training never had these seeds."""
    scans, slices = [], []
    for seed in seeds:
        phantom = phantom_scan(seed, size=256, **options)
        prediction = predict(phantom.scan, model)
        truth = phantom.truth[:, Label.ANY.column]
        scans.append((truth.any(), prediction.scan[Label.ANY.column]))
        slices += zip(truth, prediction.of(Label.ANY), strict=True)
    return [(np.array([t for t, _ in rows], bool), np.array([p for _, p in rows])) for rows in (scans, slices)]


def test_bleeding_phantoms_rank_above_others(model):
    bleeding, _ = scores(model, range(300, 304), labels=[Label.INTRAPARENCHYMAL], slices=12)
    healthy, _ = scores(model, range(304, 308), labels=[], slices=12)
    assert auc(np.r_[bleeding[0], healthy[0]], np.r_[bleeding[1], healthy[1]]) >= 0.9


@pytest.mark.soak
def test_it_tells_phantoms_it_never_saw_apart(model):
    for truth, score in scores(model, range(500, 560)):
        assert auc(truth, score) >= 0.9
