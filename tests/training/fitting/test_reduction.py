"""The five reductions: against scikit-learn, and against counting by hand."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from ihd_core.labels import LABELS
from training.config import ConfigError, ReductionConfig, RunConfig
from training.data.split import ROLES
from training.fitting.features import Embeddings
from training.fitting.reduction import (
    by_weight,
    drawn_rows,
    fit_reduction,
    load_reduction,
    principal_components,
    reduced,
)
from training.run_folder import RunFolder


def vectors(count, width, seed=0):
    """Correlated features of different scale around a mean, as a CNN's are."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(count, width)) * np.geomspace(3, 0.01, width) @ rng.normal(size=(width, width))
    return (mixed + rng.uniform(0, 5, width)).astype(np.float32)


@pytest.mark.parametrize(("count", "width", "kept"), [(300, 40, 12), (9000, 30, 30), (50, 64, 20)])
def test_pca_is_that_of_scikit_learn(count, width, kept):
    found = vectors(count, width)
    pca = PCA(kept, svd_solver="full").fit(found.astype(np.float64))
    ours = principal_components(found, kept)
    np.testing.assert_allclose(ours.mean, pca.mean_, rtol=1e-6)
    signs = np.sign((ours.components.numpy() * pca.components_).sum(1, keepdims=True))
    np.testing.assert_allclose(ours.components, signs * pca.components_, atol=2e-6)
    np.testing.assert_allclose(
        ours(torch.from_numpy(found)).numpy(), signs[:, 0] * pca.transform(found), rtol=1e-4, atol=2e-3
    )


def test_the_sign_of_a_direction_does_not_depend_on_the_solver():
    ours = principal_components(vectors(200, 30), 30).components.numpy()
    assert (ours[np.arange(30), np.abs(ours).argmax(axis=1)] > 0).all()


def test_pca_does_not_mind_a_large_mean():
    found = vectors(400, 16)
    near, far = principal_components(found, 3), principal_components(found + np.float32(4096), 3)
    np.testing.assert_allclose(near.components, far.components, atol=1e-3)


def test_features_of_the_largest_deviation():
    found = vectors(500, 24)
    wanted = sorted(range(24), key=lambda i: -np.std(found[100:400, i].astype(float)))[:7]
    ours = reduced(found, np.arange(100, 400), np.zeros((6, 24)), ReductionConfig("deviation", 7))
    np.testing.assert_array_equal(ours(torch.from_numpy(found)).numpy(), found[:, wanted])


def by_turns(head, count, better):
    """Counting by hand: at every turn the label whose turn it is looks at all features that are left."""
    left, chosen = list(range(head.shape[1])), []
    while len(chosen) < count:
        weights = [abs(head[len(chosen) % len(head)][feature]) for feature in left]
        chosen.append(left.pop(weights.index(better(weights))))
    return chosen


@pytest.mark.parametrize("count", [1, 6, 20, 48, 50])
@pytest.mark.parametrize("is_largest", [True, False])
def test_features_by_weight_are_those_counted_by_hand(count, is_largest):
    for seed in range(10):
        head = np.random.default_rng(seed).integers(-9, 9, (6, 50)).astype(np.float32)  # many equal weights
        wanted = by_turns(head, count, max if is_largest else min)
        assert by_weight(head, count, is_largest=is_largest).tolist() == wanted


@pytest.mark.parametrize("count", [120, 192])
def test_labels_that_want_different_features_get_a_sixth_each(count):
    rng = np.random.default_rng(1)
    each = count // len(LABELS)
    owner = rng.permutation(np.repeat(np.arange(len(LABELS)), 2048 // len(LABELS) + 1)[:2048])
    head = rng.uniform(-0.01, 0.01, (len(LABELS), 2048)).astype(np.float32)
    head[owner, np.arange(2048)] = rng.uniform(0.1, 0.2, 2048) * rng.choice([-1, 1], 2048)
    chosen = by_weight(head, count, is_largest=True)
    for label in range(len(LABELS)):
        best = np.argsort(-np.abs(head[label]))[:each]
        assert set(chosen[owner[chosen] == label]) == set(best)


def test_all_features_pass_and_none_are_left():
    found = vectors(20, 9)
    everything = reduced(found, np.arange(20), np.zeros((6, 9)), ReductionConfig("all", 4))
    np.testing.assert_array_equal(everything(torch.from_numpy(found)).numpy(), found)
    nothing = reduced(found, np.arange(20), np.zeros((6, 9)), ReductionConfig("none", 4))
    assert nothing(torch.from_numpy(found)).shape == (20, 0)


@pytest.mark.parametrize("kind", ["pca", "deviation", "largest", "smallest"])
@pytest.mark.parametrize("count", [0, 10])
def test_more_features_than_there_are_are_refused(kind, count):
    with pytest.raises(ConfigError, match=f"reduction.count is {count}; must be 1 to 9"):
        reduced(vectors(20, 9), np.arange(20), np.zeros((6, 9)), ReductionConfig(kind, count))


@pytest.mark.parametrize("kind", ["pca", "deviation"])
def test_too_few_slices_are_refused(kind):
    with pytest.raises(ConfigError, match=r"reduction\.count is 9; must be less than the 9 slices"):
        reduced(vectors(20, 9), np.arange(9), np.zeros((6, 9)), ReductionConfig(kind, 9))


def table_of(files):
    return SimpleNamespace(files=np.array(files), __len__=lambda self: len(files))


def test_vectors_are_drawn_by_seed_and_fold_among_the_fitted():
    fitted, table, numbers = np.arange(100, 1000, 3), table_of([]), ReductionConfig(vectors=50)
    first = drawn_rows(fitted, table, numbers, (1, 0))
    np.testing.assert_array_equal(first, drawn_rows(fitted, table, numbers, (1, 0)))
    assert len(set(first.tolist())) == 50
    assert set(first.tolist()) <= set(fitted.tolist())
    assert any(set(first.tolist()) != set(drawn_rows(fitted, table, numbers, key).tolist()) for key in ((2, 0), (1, 1)))
    np.testing.assert_array_equal(drawn_rows(fitted, table, ReductionConfig(vectors=500), (1, 0)), fitted)


def test_the_first_vectors_are_those_of_the_first_file_names():
    table = table_of(["d", "a", "f", "c", "b", "e"])
    chosen = drawn_rows(np.array([0, 2, 3, 4, 5]), table, ReductionConfig(vectors=3, drawn="first"), (1, 0))
    assert sorted(table.files[chosen]) == ["b", "c", "d"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Two folds whose training slices are the first or the last 80 of 120; the others would spoil every number."""

    def role(run, table, fold):
        found = np.full(120, ROLES.index("validation"), np.int8)
        found[40 * fold : 40 * fold + 80] = ROLES.index("train")
        return found

    def embeddings(run, fold):
        pooled = np.full((120, 30), np.nan, np.float32)
        pooled[40 * fold : 40 * fold + 80] = vectors(80, 30, seed=fold)
        return Embeddings(pooled[:, :6], pooled, pooled[:, :6])

    head = SimpleNamespace(weight=torch.from_numpy(vectors(6, 30)))
    monkeypatch.setattr(
        "training.fitting.reduction.open_pictures", lambda run: SimpleNamespace(table=table_of(["a"] * 120))
    )
    monkeypatch.setattr("training.fitting.reduction.roles", role)
    monkeypatch.setattr("training.fitting.reduction.load_embeddings", embeddings)
    monkeypatch.setattr("training.fitting.reduction.load_cnn", lambda run, fold: SimpleNamespace(head=head))
    config = RunConfig(reduction=ReductionConfig(count=5, vectors=60))
    run = RunFolder(tmp_path, replace(config, split=replace(config.split, folds=2)))
    for step in ("index", "split", "slices", "cnn", "embeddings"):
        run.begin(step)
        run.finish(step, data_sha256="0")
    return run


def test_the_stage_reads_training_slices_alone_and_rounds_what_it_leaves(run):
    fit_reduction(run)
    for fold in (0, 1):
        found = load_reduction(run, fold).components
        np.testing.assert_array_equal(found, found.half().float())
        fitted = np.arange(40 * fold, 40 * fold + 80)
        drawn = drawn_rows(fitted, table_of([]), run.config.reduction, (run.config.seed, fold)) - 40 * fold
        pca = PCA(5, svd_solver="full").fit(vectors(80, 30, seed=fold)[drawn].astype(np.float64))
        np.testing.assert_allclose(found.abs(), np.abs(pca.components_), atol=3e-4)
    lines = (run.path / "log.txt").read_text().splitlines()
    assert len(lines) == 2
    assert "fold 1: 5 of 30 features (pca, 60 slices) hold" in lines[1]


def test_the_share_of_variance_in_the_log_is_that_of_scikit_learn(run):
    fit_reduction(run)
    fitted = drawn_rows(np.arange(80), table_of([]), run.config.reduction, (run.config.seed, 0))
    pca = PCA(5, svd_solver="full").fit(vectors(80, 30, seed=0)[fitted])
    said = float((run.path / "log.txt").read_text().splitlines()[0].split(" hold ")[1].split(" %")[0])
    assert said == pytest.approx(100 * pca.explained_variance_ratio_.sum(), abs=0.02)


def test_a_finished_stage_is_not_run_again(run, monkeypatch):
    fit_reduction(run)
    monkeypatch.setattr("training.fitting.reduction.load_embeddings", lambda run, fold: pytest.fail("is there already"))
    fit_reduction(run)
