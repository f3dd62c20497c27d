"""A run whose index names given files, without the stage that looks for them."""

from dataclasses import replace

import numpy as np

from ihd_core.files import sha256
from ihd_core.labels import LABELS
from training.config import PrepareConfig, RunConfig, SplitConfig
from training.data.slice_table import SliceTable, write_table
from training.data.sources import Sources, write_sources
from training.run_folder import RunFolder


def slice_table(root, scans, truth=None):
    """Table of scans given as {uid: [path, ...]}, inferior first; ids are the names of the files."""
    rows = [(uid, path) for uid, paths in scans.items() for path in paths]
    uids = np.array([uid for uid, _ in rows], np.str_)
    files = np.array([path.relative_to(root).as_posix() for _, path in rows], np.str_)
    ids = np.array([file.replace("/", "-").removesuffix(".dcm") for file in files.tolist()], np.str_)
    given = np.zeros((len(rows), len(LABELS)), np.int8) if truth is None else np.asarray(truth, np.int8)
    heights = np.arange(len(rows), dtype=np.float64)
    return SliceTable(ids, files, uids, uids, uids, uids, heights, given, given.copy())


def indexed_run(folder, root, table, *, side=32, shard_slices=2048, folds=1, **sources):
    prepare, split = PrepareConfig(side=side, shard_slices=shard_slices), SplitConfig(folds=folds)
    config = replace(RunConfig(), prepare=prepare, split=split)
    run = RunFolder(folder, config)
    index = run.begin("index")
    write_table(index / "slices.csv", table)
    write_sources(index, Sources("rsna", (root,), **sources))
    run.finish("index", data_sha256=sha256((index / "slices.csv").read_bytes()))
    return run
