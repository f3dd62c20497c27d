"""A run whose networks' logits are chosen, as its stages would leave them."""

import json
from dataclasses import replace

import numpy as np

from ihd_core.files import sha256
from ihd_core.labels import LABELS, Label
from training.config import EvaluateConfig, SplitConfig
from training.data.slice_table import SliceTable, write_table
from training.data.split import make_split
from training.presets import REHEARSAL
from training.run_folder import RunFolder

POOLED = 160


def table_of(scans=60, slices=6, seed=0):
    """Scans of which every fifth patient has two; half of the scans bleed on some slices."""
    rng = np.random.default_rng(seed)
    count = scans * slices
    uids = np.repeat([f"scan{i:03d}" for i in range(scans)], slices)
    patients = np.repeat([f"patient{i - (i % 5 == 4):03d}" for i in range(scans)], slices)
    names = np.array([f"ID_{i:09d}" for i in range(count)])
    truth = (rng.random((count, 6)) < 0.4).astype(np.int8)
    truth[np.repeat(rng.random(scans) < 0.5, slices)] = 0
    truth[:, Label.ANY.column] = truth[:, :5].max(axis=1)
    whole = np.repeat(truth.reshape(scans, slices, 6).max(axis=1), slices, axis=0)
    return SliceTable(names, names, patients, uids, uids, uids, np.arange(count, dtype=np.float64), truth, whole)


def logits_of(table, noise, seed):
    """What a network says whose logits are right but for noise."""
    rng = np.random.default_rng(seed)
    return ((2.0 * table.truth - 1) + rng.normal(0, noise, table.truth.shape)).astype(np.float32)


def config_of(*, folds=1, test=0.3, draws=30, **evaluate):
    split = SplitConfig(folds=folds, validation_share=0.3, test_share=test)
    return replace(REHEARSAL, split=split, evaluate=EvaluateConfig(draws=draws, **evaluate))


def finished_run(folder, table, *, cnn=None, sequence=None, config=None):
    """A run with every step done; cnn and sequence are logits (rows, labels), one a fold or one for all folds."""
    run = RunFolder(folder, config or config_of())
    index = run.begin("index")
    write_table(index / "slices.csv", table)
    run.finish("index", data_sha256=sha256((index / "slices.csv").read_bytes()))
    make_split(run)
    slices = run.begin("slices")
    write_table(slices / "table.csv", table)
    (slices / "shards.json").write_text(json.dumps({"side": 64, "counts": [len(table)]}))
    run.finish("slices")
    put_cnn(run, logits_of(table, 2, 1) if cnn is None else cnn)
    put_sequence(run, logits_of(table, 1, 2) if sequence is None else sequence)
    return run


def put_cnn(run, logits):
    """Leave what the stages cnn and features would."""
    run.begin("cnn")
    run.finish("cnn")
    for fold in run.folds():
        of_fold = logits[fold] if isinstance(logits, list) else logits
        into = run.begin("embeddings", fold)
        np.save(into / "logits.npy", of_fold)
        np.save(into / "peaks.npy", np.maximum(of_fold, 0))
        np.save(into / "pooled.npy", np.zeros((len(of_fold), POOLED), np.float32))
    run.finish("embeddings")


def put_sequence(run, logits):
    """Leave what the stage sequence would."""
    run.begin("reduction")
    run.finish("reduction")
    for fold in run.folds():
        np.save(run.begin("sequence", fold) / "logits.npy", logits[fold] if isinstance(logits, list) else logits)
    run.finish("sequence")


def weighted_loss(truth, logits):
    """The challenge's metric by scikit-learn."""
    from scipy.special import expit
    from sklearn.metrics import log_loss

    weight = np.broadcast_to([2 if label is Label.ANY else 1 for label in LABELS], truth.shape)
    return log_loss(truth.ravel(), expit(np.float64(logits)).ravel(), sample_weight=weight.ravel())
